// SPDX-License-Identifier: Apache-2.0
//! Two peers meet: states, channels of both kinds, messages both ways, the end.

mod common;

use common::{reliable, Pair};
use rtc_data::{core::Event, ChannelInit, ConnState, SdpKind, Signaling};
use std::time::Duration;

#[test]
fn messages_go_both_ways() {
    let (mut pair, a, b) = Pair::connected(reliable("chat"));
    pair.a.send(a, b"hello");
    pair.a.core.send(a, "text".as_bytes().into(), false).expect("text is taken");
    pair.b.send(b, b"world");
    pair.b.send(b, b"");
    assert!(pair.run_until(Duration::from_secs(1), |p| { p.a.messages(a).len() == 2 && p.b.messages(b).len() == 2 }));
    assert_eq!(pair.b.messages(b), [&b"hello"[..], b"text"]);
    assert_eq!(pair.a.messages(a), [&b"world"[..], b""]);
    let binary: Vec<bool> = pair
        .b
        .events
        .iter()
        .filter_map(|e| match e {
            Event::Message { binary, .. } => Some(*binary),
            _ => None,
        })
        .collect();
    assert_eq!(binary, [true, false]);
    for side in [&pair.a, &pair.b] {
        let states: Vec<ConnState> = side.states.iter().map(|(_, s)| *s).collect();
        assert_eq!(states, [ConnState::Connecting, ConnState::Connected]);
        assert_eq!(side.core.signaling(), Signaling::Stable);
    }
    assert!(pair.elapsed() < Duration::from_secs(2), "{:?}", pair.elapsed());
}

#[test]
fn it_connects_fast() {
    let (pair, ..) = Pair::connected(reliable("x"));
    assert!(pair.elapsed() < Duration::from_millis(400), "{:?}", pair.elapsed());
}

#[test]
fn messages_sent_while_connecting_wait() {
    let mut pair = Pair::new();
    pair.a.core.create_channel(1, reliable("early")).expect("a channel");
    pair.a.send(1, b"first");
    pair.a.send(1, b"second");
    pair.negotiate(false);
    assert!(
        pair.run_until(Duration::from_secs(5), |p| { p.b.incoming().is_some_and(|key| p.b.messages(key).len() == 2) })
    );
    let key = pair.b.incoming().expect("just seen");
    assert_eq!(pair.b.messages(key), [&b"first"[..], b"second"]);
    assert!(pair.run_until(Duration::from_secs(5), |p| p.a.is_drained(1)));
    pair.a.check_counters(1);
}

#[test]
fn negotiated_channels_need_no_announcement() {
    let init = |label: &str, id| ChannelInit { label: label.into(), negotiated: Some(id), ..Default::default() };
    let mut pair = Pair::new();
    for side in [&mut pair.a, &mut pair.b] {
        side.core.create_channel(1, init("reliable", 100)).expect("a channel");
        let lossy = ChannelInit { ordered: false, max_retransmits: Some(0), ..init("lossy", 101) };
        side.core.create_channel(2, lossy).expect("a channel");
    }
    pair.negotiate(false);
    assert!(pair.run_until(Duration::from_secs(5), |p| [&p.a, &p.b].iter().all(|s| s.opened(1) && s.opened(2))));
    pair.a.send(1, b"one");
    pair.b.send(2, b"two");
    assert!(pair.run_until(Duration::from_secs(1), |p| p.a.messages(2) == [b"two"] && p.b.messages(1) == [b"one"]));
    assert!(pair.a.incoming().is_none() && pair.b.incoming().is_none());
    assert!(pair.a.events.contains(&Event::ChannelOpened { key: 1, stream_id: Some(100) }));
}

/// LiveKit closes its negotiated channels before they open, and makes in-band ones of the same names.
#[test]
fn channels_closed_before_they_open_never_open() {
    let mut pair = Pair::new();
    for (key, id) in [(1, 100), (2, 101), (3, 102)] {
        let init = ChannelInit { negotiated: Some(id), ..reliable(&format!("label{key}")) };
        pair.a.core.create_channel(key, init).expect("a channel");
    }
    let offer = pair.a.core.create_offer(false).expect("an offer");
    pair.a.send(1, b"lost");
    for key in 1..=3 {
        pair.a.core.close_channel(key);
        pair.a.core.create_channel(key + 10, reliable(&format!("label{key}"))).expect("a channel");
    }
    pair.a.core.set_local(pair.now, SdpKind::Offer, &offer).expect("the offer made before");
    pair.b.core.set_remote(pair.now, SdpKind::Offer, &offer).expect("an offer");
    let answer = pair.b.core.create_answer().expect("an answer");
    pair.b.core.set_local(pair.now, SdpKind::Answer, &answer).expect("the answer");
    pair.a.core.set_remote(pair.now, SdpKind::Answer, &answer).expect("an answer");
    pair.exchange_candidates();
    assert!(pair.run_until(Duration::from_secs(5), |p| (11..=13).all(|key| p.a.opened(key))));
    pair.run_for(Duration::from_secs(1));

    assert!((1..=3).all(|key| !pair.a.opened(key) && pair.a.closed(key)));
    assert_eq!(pair.a.drained.get(&1), Some(&4), "given up, and told so");
    let mut labels: Vec<&str> = pair
        .b
        .events
        .iter()
        .filter_map(|e| match e {
            Event::ChannelIncoming { label, .. } => Some(label.as_str()),
            _ => None,
        })
        .collect();
    labels.sort_unstable();
    assert_eq!(labels, ["label1", "label2", "label3"]);
}

#[test]
fn an_open_channel_closes_after_its_messages_and_can_be_made_again() {
    let (mut pair, a, b) = Pair::connected(reliable("again"));
    for _ in 0..50 {
        pair.a.send(a, &[7; 15_000]);
    }
    pair.a.core.close_channel(a);
    assert!(pair.a.core.send(a, b"late"[..].into(), true).is_err());
    assert!(pair.run_until(Duration::from_secs(5), |p| p.a.closed(a) && p.b.closed(b)));
    assert_eq!(pair.b.messages(b).len(), 50, "what was sent before the close arrives");
    assert_eq!(pair.a.drained.get(&a), Some(&(50 * 15_000 + 4)), "the refused message drains as well");

    pair.b.events.clear();
    pair.a.core.create_channel(2, reliable("again")).expect("a channel");
    pair.a.send(2, b"new");
    assert!(pair.run_until(Duration::from_secs(5), |p| p.b.incoming().is_some_and(|k| p.b.messages(k) == [b"new"])));
}

#[test]
fn channels_of_both_sides_and_after_the_connection_is_up() {
    let (mut pair, ..) = Pair::connected(reliable("first"));
    pair.b.core.create_channel(1, reliable("from b")).expect("a channel");
    pair.b.send(1, b"hi");
    assert!(pair.run_until(Duration::from_secs(2), |p| p.a.incoming().is_some_and(|k| p.a.messages(k) == [b"hi"])));
    let incoming = pair.a.incoming().expect("just seen");
    pair.a.send(incoming, b"back");
    assert!(pair.run_until(Duration::from_secs(2), |p| p.b.messages(1) == [b"back"]));
    assert!(matches!(
        pair.a.events.iter().find(|e| matches!(e, Event::ChannelIncoming { .. })),
        Some(Event::ChannelIncoming { label, .. }) if label == "from b"
    ));
}

#[test]
fn closing_tells_the_far_end() {
    let (mut pair, a, b) = Pair::connected(reliable("bye"));
    pair.a.core.close();
    pair.settle();
    assert_eq!(pair.a.state(), ConnState::Closed);
    assert_eq!(pair.a.core.signaling(), Signaling::Closed);
    assert!(pair.a.closed(a));
    assert!(pair.a.core.create_offer(false).is_err());
    assert!(pair.run_until(Duration::from_secs(1), |p| p.b.closed(b)), "by the DTLS notice, at once");
    assert!(pair.run_until(Duration::from_secs(20), |p| p.b.state() == ConnState::Failed));
}

#[test]
fn a_message_that_is_too_long_is_refused_and_drains() {
    let (mut pair, a, _) = Pair::connected(reliable("long"));
    let long = rtc_data::MAX_MESSAGE + 1;
    assert!(pair.a.core.send(a, vec![0; long][..].into(), true).is_err());
    pair.settle();
    assert!(pair.a.is_drained(a));
    assert_eq!(pair.a.drained.get(&a), Some(&(long as u64)));
}
