// SPDX-License-Identifier: Apache-2.0
//! Messages, byte counts and callbacks of channels.

use super::{common::*, labels, CHUNK};
use libwebrtc::{prelude::*, rtc_data};
use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
};
use tokio::sync::mpsc::unbounded_channel;

#[tokio::test]
async fn point_07_what_happens_before_a_callback_is_set_is_told_then() {
    let (mut client, mut server) = (End::new(), End::new());
    let [client_channel, ..] = client.open_channels(true);
    let [server_channel, ..] = server.open_channels(true);
    let mut seen = inbox(&server_channel);
    connect(&mut client, &mut server).await;
    for number in 0..10u8 {
        client_channel.send(&[number; 1000], true).unwrap();
        assert_eq!(next("a message", &mut seen).await, [number; 1000]);
    }
    // Sent, received and acknowledged: the sums and the messages are still there for who asks now.
    drain(10_000, &mut drained(&client_channel)).await;
    server_channel.send(b"early", true).unwrap();
    server_channel.send(b"bird", true).unwrap();
    drain(9, &mut drained(&server_channel)).await;
    let mut late = inbox(&client_channel);
    assert_eq!(next("an early message", &mut late).await, b"early");
    assert_eq!(next("an early message", &mut late).await, b"bird");
}

#[tokio::test]
async fn point_12_the_server_sends_on_our_ids_or_on_channels_of_its_own() {
    let (mut client, mut server) = (End::new(), End::new());
    let ours = client.open_channels(true);
    let same = server.open_channels(true);
    let its_own = server.open_channels(false);
    let mut on_ours: Vec<_> = ours.iter().map(inbox).collect();
    connect(&mut client, &mut server).await;
    for (sender, seen) in same.iter().zip(&mut on_ours) {
        sender.send(b"on yours", true).unwrap();
        assert_eq!(next("a message", seen).await, b"on yours");
    }
    for (sender, receiver) in its_own.iter().zip(client.accept(labels()).await) {
        sender.send(b"on mine", true).unwrap();
        assert_eq!(next("a message", &mut inbox(&receiver)).await, b"on mine");
    }
}

#[tokio::test]
async fn point_13_a_channel_comes_before_its_first_message_and_may_be_used_at_once() {
    let (mut server, mut client) = (End::new(), End::new());
    let (tx, mut seen) = unbounded_channel();
    let handle = client.pc.clone();
    client.pc.on_data_channel(Some(Box::new(move |channel| {
        // As livekit does, from inside the callback; and more than it does.
        let (label, tx) = (channel.label(), tx.clone());
        assert_eq!(channel.state(), DataChannelState::Open);
        assert_eq!(handle.connection_state(), PeerConnectionState::Connected);
        handle.on_data_channel(None);
        channel.on_message(Some(Box::new(move |message| {
            _ = tx.send((label.clone(), message.data.to_vec(), message.binary))
        })));
    })));
    let channel = server.pc.create_data_channel("_reliable", DataChannelInit::default()).unwrap();
    channel.send(b"first", true).unwrap();
    channel.send(b"second", false).unwrap();
    connect(&mut server, &mut client).await;
    let reliable = || "_reliable".to_owned();
    assert_eq!(next("the first message", &mut seen).await, (reliable(), b"first".to_vec(), true));
    assert_eq!(next("the second message", &mut seen).await, (reliable(), b"second".to_vec(), false));
    assert!(matches!(channel.send(&[0xff], false), Err(DataChannelError::Utf8(_))));
}

#[tokio::test]
async fn point_22_drained_bytes_add_up_to_the_bytes_sent_and_point_23_come_coalesced() {
    let (mut client, mut server) = (End::new(), End::new());
    let channels = client.open_channels(true);
    for channel in server.open_channels(true) {
        channel.on_message(Some(Box::new(|_| ())));
    }
    let mut drained = channels.each_ref().map(drained);
    let too_long = vec![0; rtc_data::MAX_MESSAGE + 1];
    let mut given = [0; 3];
    let send = |given: &mut [u64; 3], count: usize| {
        for (channel, given) in channels.iter().zip(given) {
            for _ in 0..count {
                channel.send(&[7; CHUNK], true).unwrap();
                *given += CHUNK as u64;
            }
            // livekit counts a message before it tries to send it.
            assert!(channel.send(&too_long, true).is_err());
            *given += too_long.len() as u64;
        }
    };
    send(&mut given, 20); // while connecting
    connect(&mut client, &mut server).await;
    send(&mut given, 200);
    for ((events, given), (label, _)) in drained.iter_mut().zip(given).zip(CHANNELS) {
        let (mut sum, mut calls) = (0, 0);
        while sum < given {
            sum += next(&format!("{label}: the rest after {sum} of {given} bytes"), events).await;
            calls += 1;
        }
        assert_eq!(sum, given, "{label}");
        assert!(calls <= 2 + given / (100 << 10), "{label}: {calls} calls for {given} bytes");
    }
}

#[tokio::test]
async fn point_24_what_is_sent_while_connecting_waits_without_blocking() {
    let (mut client, mut server) = (End::new(), End::new());
    let [to_server, ..] = client.open_channels(true);
    let [at_server, ..] = server.open_channels(true);
    let mut seen = inbox(&at_server);
    const MESSAGES: u32 = 600; // 9 MB: more than fits anywhere below
    let mut message = vec![0; CHUNK];
    for number in 0..MESSAGES {
        message[..4].copy_from_slice(&number.to_be_bytes());
        to_server.send(&message, true).unwrap(); // copies: the buffer is ours again
    }
    assert_eq!(to_server.state(), DataChannelState::Connecting);
    connect(&mut client, &mut server).await;
    for number in 0..MESSAGES {
        let received = next("a queued message", &mut seen).await;
        assert_eq!((received.len(), &received[..4]), (CHUNK, &number.to_be_bytes()[..]));
    }
}

#[tokio::test]
async fn point_25_callbacks_come_in_order_from_one_thread_and_may_call_back() {
    let (mut client, mut server) = (End::new(), End::new());
    let log = Arc::new(Mutex::new(vec![]));
    let threads = Arc::new(Mutex::new(HashSet::new()));
    let (tx, mut done) = unbounded_channel();
    let [reliable, ..] = client.open_channels(true);
    let [from_server, ..] = server.open_channels(true);

    let (pc, channel) = (client.pc.clone(), reliable.clone());
    let (events, seen_on) = (log.clone(), threads.clone());
    reliable.on_state_change(Some(Box::new(move |state| {
        seen_on.lock().unwrap().insert(std::thread::current().id());
        assert_eq!(channel.state(), state);
        events.lock().unwrap().push(format!("{state:?} while {:?}", pc.connection_state()));
    })));
    let (channel, events, seen_on) = (reliable.clone(), log.clone(), threads.clone());
    let mut count = 0; // FnMut
    reliable.on_message(Some(Box::new(move |message| {
        seen_on.lock().unwrap().insert(std::thread::current().id());
        count += 1;
        events.lock().unwrap().push(format!("message {}", message.data[0]));
        channel.send(message.data, true).unwrap();
        if count == 5 {
            channel.on_message(None); // replaces itself
            channel.close();
        }
    })));
    let seen_on = threads.clone();
    let pc = client.pc.clone();
    client.pc.on_connection_state_change(Some(Box::new(move |state| {
        seen_on.lock().unwrap().insert(std::thread::current().id());
        assert_eq!(pc.connection_state(), state);
        _ = tx.send(state);
    })));
    for number in 0..5 {
        from_server.send(&[number], true).unwrap();
    }
    let mut echoed = inbox(&from_server);
    negotiate(&client, &server).await;
    trickle(&mut client, &server);
    trickle(&mut server, &client);
    for number in 0..5 {
        assert_eq!(next("an echo", &mut echoed).await, [number]);
    }
    client.pc.close();
    while next("the end", &mut done).await != PeerConnectionState::Closed {}

    let log = log.lock().unwrap();
    assert_eq!(log[0], "Open while Connected");
    assert_eq!(log[1..6], ["message 0", "message 1", "message 2", "message 3", "message 4"]);
    assert!(log[6..].iter().all(|entry| entry.starts_with("Clos")), "{log:?}");
    assert_eq!(threads.lock().unwrap().len(), 1);
    // Callbacks that hold a handle of their own connection must not keep it alive.
    assert_eq!(client.pc.connection_state(), PeerConnectionState::Closed);
}
