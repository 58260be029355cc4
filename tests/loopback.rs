// SPDX-License-Identifier: Apache-2.0
//! Situation: sender and receiver in one process, through `loopback:`. Whole segments, interrupts, calls, messages
//! and ends, as an application of the Rust API sees them.
#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods)] // A test fails by panicking and has threads.

use bytes::Bytes;
use lkvideo::{
    driver::{
        DisconnectReason, DriverError, NotifyAnswer, Output, OutputEvent, OutputOptions, Receiver, ReceiverEvent,
        ReceiverOptions, Room, RoomEvent, RoomOptions, RoomState, SegmentCause, Wait,
    },
    frame::{Frame, FrameInfo, PixelFormat},
};
use std::time::Duration;

const SOON: Wait = Wait::For(Duration::from_secs(20));

fn join(room: &str, identity: &str, kind: &str) -> Room {
    let url = format!("loopback:{room}?identity={identity}&kind={kind}");
    Room::connect(&url, "", RoomOptions::default()).unwrap()
}

/// An agent with an output to `player`, and a player with a receiver of the first agent.
fn pair(room: &str) -> (Room, Output, Room, Receiver) {
    let player = join(room, "player", "standard");
    let receiver = Receiver::create(&player, ReceiverOptions::default()).unwrap();
    let agent = join(room, "agent", "agent");
    let output = Output::create(&agent, "player", OutputOptions::default()).unwrap();
    (agent, output, player, receiver)
}

fn frame(format: PixelFormat, width: u32, height: u32, seed: u8) -> Frame {
    let size = format.layout(width, height).unwrap().size();
    let data: Vec<u8> = (0..size).map(|i| (i as u8).wrapping_mul(31).wrapping_add(seed)).collect();
    Frame::new(FrameInfo::new(format, width, height), Bytes::from(data)).unwrap()
}

/// Events of the receiver but the news about its sender.
fn next(receiver: &Receiver) -> ReceiverEvent {
    loop {
        match receiver.next_event(SOON).unwrap() {
            ReceiverEvent::Sender(_) => {}
            event => return event,
        }
    }
}

#[test]
fn two_segments_arrive_whole_and_both_are_reported_as_played() {
    let (_agent, output, _player, receiver) = pair("two-segments");
    let sender = {
        let output = output.clone();
        std::thread::spawn(move || {
            for segment in 0..2 {
                for number in 0..50 {
                    output.send_frame(frame(PixelFormat::Rgba, 320, 240, segment * 100 + number), SOON).unwrap();
                }
                output.flush().unwrap();
            }
            output.wait_sent(SOON).unwrap();
        })
    };
    for segment in 1..=2u64 {
        assert!(matches!(next(&receiver), ReceiverEvent::SegmentStart { segment: s, width: 320, .. } if s == segment));
        for number in 0..50u64 {
            let ReceiverEvent::Frame(got) = next(&receiver) else { panic!("a frame is expected") };
            assert_eq!((got.info().segment, got.info().number, got.info().lost_before), (segment, number, 0));
            let seed = (segment - 1) as u8 * 100 + number as u8;
            assert_eq!(got.data(), frame(PixelFormat::Rgba, 320, 240, seed).data());
        }
        let end = next(&receiver);
        assert!(
            matches!(end, ReceiverEvent::SegmentEnd { segment: s, frames: 50, lost: 0, cause: SegmentCause::Flushed } if s == segment),
            "{end:?}"
        );
    }
    for segment in 1..=2u64 {
        let position_us = segment as i64 * 5_000_000;
        receiver.notify_playback_finished(0, position_us, false).unwrap();
        let notified = next(&receiver);
        assert!(matches!(notified, ReceiverEvent::Notified { answer: NotifyAnswer::Ok, .. }), "{notified:?}");
        assert_eq!(
            output.next_event(SOON).unwrap(),
            OutputEvent::PlaybackFinished { segment, position_us, interrupted: false, made_up: false }
        );
    }
    sender.join().unwrap();
}

#[test]
fn a_clear_ends_the_segment_and_the_next_one_is_whole() {
    let (_agent, output, _player, receiver) = pair("clear");
    for number in 0..5 {
        output.send_frame(frame(PixelFormat::I420, 64, 48, number), SOON).unwrap();
    }
    output.clear_buffer().unwrap();
    for number in 0..3 {
        output.send_frame(frame(PixelFormat::I420, 64, 48, 100 + number), SOON).unwrap();
    }
    output.flush().unwrap();
    let mut cleared = false;
    let mut frames_after = 0;
    loop {
        match next(&receiver) {
            ReceiverEvent::Cleared => cleared = true,
            ReceiverEvent::Frame(_) if cleared => frames_after += 1,
            ReceiverEvent::SegmentEnd { cause: SegmentCause::Flushed, frames, .. } => {
                assert_eq!(frames, 3);
                break;
            }
            ReceiverEvent::SegmentEnd { cause, .. } => assert_eq!(cause, SegmentCause::Cleared),
            _ => {}
        }
    }
    assert!(cleared);
    assert_eq!(frames_after, 3);
}

#[test]
fn a_fast_sender_is_slowed_by_a_slow_receiver_and_nothing_is_lost() {
    let player = join("slow", "player", "standard");
    let options = ReceiverOptions { queue_frames: 2, ..ReceiverOptions::default() };
    let receiver = Receiver::create(&player, options).unwrap();
    let agent = join("slow", "agent", "agent");
    let output = Output::create(&agent, "player", OutputOptions { queue_frames: 2, ..Default::default() }).unwrap();
    let mut accepted = 0;
    while output
        .send_frame(frame(PixelFormat::Rgb24, 100, 100, accepted), Wait::For(Duration::from_millis(300)))
        .is_ok()
    {
        accepted += 1;
        assert!(accepted < 50, "the sender must be held back");
    }
    output.flush().unwrap();
    let mut got = 0;
    loop {
        match next(&receiver) {
            ReceiverEvent::Frame(frame) => {
                assert_eq!(frame.info().lost_before, 0);
                got += 1;
            }
            ReceiverEvent::SegmentEnd { .. } => break,
            _ => {}
        }
    }
    assert_eq!(got, accepted);
}

#[test]
fn a_receiver_whose_sender_leaves_hears_of_it() {
    let (agent, output, _player, receiver) = pair("leaves");
    output.send_frame(frame(PixelFormat::Nv12, 3, 5, 1), SOON).unwrap();
    output.wait_sent(SOON).unwrap();
    drop(output);
    agent.close();
    agent.join();
    let mut ends = 0;
    loop {
        match receiver.next_event(SOON).unwrap() {
            ReceiverEvent::SegmentEnd { cause, .. } => {
                assert!(matches!(cause, SegmentCause::SenderLeft | SegmentCause::Truncated), "{cause:?}");
                ends += 1;
            }
            ReceiverEvent::Sender(None) => break,
            _ => {}
        }
    }
    assert_eq!(ends, 1);
}

#[test]
fn closing_wakes_who_waits_and_what_is_queued_can_still_be_taken() {
    let (_agent, output, player, receiver) = pair("close");
    output.send_frame(frame(PixelFormat::Rgba, 4, 4, 1), SOON).unwrap();
    output.flush().unwrap();
    output.wait_sent(SOON).unwrap();
    let waiting = {
        let receiver = receiver.clone();
        std::thread::spawn(move || loop {
            match receiver.next_event(Wait::Forever) {
                Ok(_) => {}
                Err(e) => return e,
            }
        })
    };
    player.close();
    assert_eq!(waiting.join().unwrap(), DriverError::Closed);
    assert_eq!(player.state(), (RoomState::Disconnected, DisconnectReason::Client));
}

#[test]
fn calls_and_messages_reach_the_other_application() {
    let (agent, _output, player, _receiver) = pair("calls");
    player
        .register_rpc_method(
            "shout",
            Box::new(|call| {
                let answer = format!("{}: {}", call.caller(), call.payload().to_uppercase());
                call.answer(answer).unwrap();
            }),
        )
        .unwrap();
    let (tx, rx) = std::sync::mpsc::channel();
    agent.perform_rpc("player", "shout", "hello".into(), SOON, Box::new(move |r| tx.send(r).unwrap())).unwrap();
    assert_eq!(rx.recv_timeout(Duration::from_secs(20)).unwrap().unwrap(), "agent: HELLO");
    let reserved = player.register_rpc_method("lk.video_hello", Box::new(drop)).unwrap_err();
    assert!(matches!(reserved, DriverError::InvalidArgument(_)));

    agent.send_data(Bytes::from_static(b"hi"), "chat", Some("player"), true).unwrap();
    loop {
        if let RoomEvent::Data { sender, topic, payload, reliable } = player.next_event(SOON).unwrap() {
            assert_eq!((&*sender, &*topic, &*payload, reliable), ("agent", "chat", &b"hi"[..], true));
            break;
        }
    }
}

#[test]
fn an_identity_that_joins_again_replaces_the_first() {
    let first = join("again", "player", "standard");
    let _second = join("again", "player", "standard");
    assert_eq!(first.state(), (RoomState::Disconnected, DisconnectReason::DuplicateIdentity));
}

#[test]
fn a_url_that_cannot_be_used_is_refused_at_once() {
    for url in ["loopback:", "loopback:a?kind=robot", "loopback:a?x=y", "ftp://host", "nonsense", "ws://"] {
        let refused = Room::connect(url, "token", RoomOptions::default()).err();
        assert!(matches!(refused, Some(DriverError::Url(_))), "{url}: {refused:?}");
    }
}
