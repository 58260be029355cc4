// SPDX-License-Identifier: Apache-2.0
//! What hostile participants put on the channels, in front of the tap: it keeps little, and the good go on.

use super::tests::{header, packet_call, stream_call, stream_call_of, Setting};
use super::*;
use crate::{
    driver::{own_calls::METHODS, DriverError, ReceiverEvent, SegmentCause, Wait},
    wire::{
        packet::encode,
        v1::{
            control::{self, Control, TOPIC_CONTROL},
            hello::METHOD_HELLO,
            Label,
        },
    },
};
use livekit_protocol::{
    data_packet::Value,
    data_stream::{Chunk, Trailer},
    DataPacket, UserPacket,
};

const MANY: u64 = 100_000;

/// Messages of a stream's header whose id is another each time, made by writing eight digits over the first one's.
fn headers(sid: &str, identity: &str, count: u64) -> impl Iterator<Item = Bytes> {
    let id = "########";
    let packet = DataPacket {
        participant_sid: sid.into(),
        participant_identity: identity.into(),
        value: Some(header(id, 0)),
        ..Default::default()
    };
    let raw = encode(&packet);
    let at = raw.windows(id.len()).position(|window| window == id.as_bytes()).unwrap();
    (0..count).map(move |number| {
        let mut raw = raw.to_vec();
        raw[at..at + id.len()].copy_from_slice(format!("{number:08}").as_bytes());
        raw.into()
    })
}

#[test]
fn a_hundred_thousand_headers_of_a_stranger() {
    let mut to = Setting::new("tap-million-stranger", Some("camera"));
    to.join();
    to.join_as("mallory", "PA_2");
    assert!(to.open("one"));
    assert!(headers("PA_2", "mallory", MANY).all(|raw| to.tap.on_packet(&raw, true)));
    assert_eq!(to.tap.state.lock().open.len(), 1 + MAX_OPEN_STREAMS);
    let stats = to.receiver.stats();
    assert_eq!((stats.streams_refused, stats.refused_foreign), (MANY, MANY));
    assert!(to.frame("one") && to.close("one"));
    to.expect_segment(1);
}

#[test]
fn a_hundred_thousand_headers_of_the_sender() {
    let mut to = Setting::new("tap-million-sender", Some("camera"));
    to.join();
    assert!(headers("PA_1", "camera", MANY).all(|raw| to.tap.on_packet(&raw, true)));
    assert_eq!(to.tap.state.lock().open.len(), MAX_OPEN_STREAMS);
    let stats = to.receiver.stats();
    assert_eq!((stats.segments_started, stats.refused_many), (MANY - stats.refused_many, stats.streams_refused));
    assert!(stats.segments_started < 1000, "{stats:?}");
    while to.receiver.next_event(Wait::Try).is_ok() {}
    assert!(to.open("good") && to.frame("good") && to.close("good"));
    assert!(matches!(to.next(), ReceiverEvent::SegmentEnd { cause: SegmentCause::Truncated, .. }));
    to.expect_segment(stats.segments_started + 1);
}

#[test]
fn a_hundred_thousand_headers_of_somebody_unknown_take_bounded_memory() {
    let mut to = Setting::new("tap-million-early", Some("camera"));
    to.join();
    assert!(headers("PA_2", "mallory", MANY).all(|raw| to.tap.on_packet(&raw, true)));
    {
        let state = to.tap.state.lock();
        assert!(state.early_bytes <= MAX_EARLY_BYTES);
        let kept: usize = state.early.values().map(|early| early.packets.len()).sum();
        assert!(kept * std::mem::size_of::<Arrived>() <= MAX_EARLY_BYTES, "{kept}");
        assert!(state.open.is_empty());
    }
    assert!(to.open("one") && to.frame("one") && to.close("one"), "of one that is known");
    to.expect_segment(1);
    to.join_as("mallory", "PA_2");
    to.tap.participants_changed();
    let state = to.tap.state.lock();
    assert_eq!((state.early_bytes, state.early.len()), (0, 0));
}

#[test]
fn streams_of_somebody_unknown_are_forgotten_with_their_headers() {
    let to = Setting::new("tap-early-age", Some("camera"));
    let begun = Instant::now();
    let mut state = to.tap.state.lock();
    for (second, raw) in headers("PA_2", "mallory", 1000).enumerate() {
        let arrived = Arrived::now(Packet::decode(raw.clone()).unwrap(), raw.len());
        let at = begun + Duration::from_secs(second as u64);
        assert!(state.handle(to.room.core(), Arrived { at, ..arrived }));
        let early = &state.early["PA_2"];
        assert_eq!(early.streams.len(), early.packets.len());
        assert!(early.packets.len() as u64 <= 1 + MAX_EARLY_AGE.as_secs());
        assert_eq!(state.early_bytes, early.packets.iter().map(|packet| packet.bytes).sum::<usize>());
    }
}

#[test]
fn attributes_count_as_memory_of_what_waits() {
    let to = Setting::new("tap-attributes", None);
    for number in 0..200 {
        let packet = DataPacket {
            participant_sid: "PA_2".into(),
            participant_identity: "mallory".into(),
            value: Some(header(&number.to_string(), 4000)),
            ..Default::default()
        };
        assert!(to.tap.on_packet(&encode(&packet), true));
    }
    let state = to.tap.state.lock();
    let kept: usize = state.early.values().map(|early| early.packets.len()).sum();
    assert!(kept < 200 && kept * 4000 * ATTRIBUTE_BYTES <= MAX_EARLY_BYTES, "{kept}");
}

#[test]
fn a_stream_of_too_many_attributes_is_refused() {
    let mut to = Setting::new("tap-many-attributes", Some("camera"));
    to.join();
    assert!(to.packet(header("one", v0::MAX_ATTRIBUTES - 3)) && to.frame("one") && to.close("one"));
    to.expect_segment(1);
    assert!(to.packet(header("two", v0::MAX_ATTRIBUTES - 2)) && to.frame("two") && to.close("two"));
    assert_eq!(to.receiver.stats().refused_bad, 1);
}

#[test]
fn streams_of_others_with_the_same_id_are_others() {
    let mut to = Setting::new("tap-same-id", Some("camera"));
    to.join();
    to.join_as("mallory", "PA_2");
    assert!(to.open("one"));
    assert!(to.packet_as("PA_2", "mallory", header("one", 0)));
    let content = vec![0; 8];
    let chunk = Chunk { stream_id: "one".into(), chunk_index: 0, content, ..Default::default() };
    assert!(to.packet_as("PA_2", "mallory", Value::StreamChunk(chunk.clone())));
    assert!(!to.packet_as("PA_3", "camera", Value::StreamChunk(chunk)), "of a session that opened no stream");
    assert!(to.frame("one") && to.close("one"));
    to.expect_segment(1);
    assert_eq!(to.receiver.stats().refused_foreign, 1);
}

#[test]
fn chunks_and_trailers_without_a_header_keep_nothing() {
    let mut to = Setting::new("tap-no-header", Some("camera"));
    to.join();
    for index in [0, 1, u64::MAX] {
        let chunk = Chunk { stream_id: "none".into(), chunk_index: index, ..Default::default() };
        assert!(!to.packet(Value::StreamChunk(chunk)));
        assert!(!to.close("none"));
    }
    let state = to.tap.state.lock();
    assert_eq!((state.open.len(), state.early.len()), (0, 0));
}

#[test]
fn a_call_in_the_name_of_another_is_dropped_and_counted() {
    let mut to = Setting::new("tap-impostor", Some("camera"));
    to.tap.participant_joined("camera", "PA_1");
    to.join();
    to.join_as("agent", "PA_2");
    assert!(to.open("one") && to.frame("one"));
    for (call, reliable) in
        [(packet_call(), true), (stream_call(), true), (packet_call(), false), (stream_call(), false)]
    {
        assert!(to.packet_on("PA_2", "camera", call, reliable), "livekit does not get it");
    }
    assert_eq!((to.tap.clear_answer("camera", "call"), to.receiver.stats().messages_stale), (None, 4));
    assert!(to.close("one"));
    to.expect_segment(1);
}

#[test]
fn a_call_in_the_name_of_another_is_dropped_whatever_it_says_of_itself() {
    let mut to = Setting::new("tap-impostor-incomplete", Some("camera"));
    to.tap.participant_joined("camera", "PA_1");
    to.join_as("agent", "PA_2");
    let (id, method) = (("lk.rpc_request_id", "call"), "lk.rpc_request_method");
    let said: [&[_]; 4] = [&[(method, v0::METHOD_CLEAR_BUFFER)], &[id, (method, "shout")], &[id], &[]];
    for attributes in said {
        assert!(to.packet_as("PA_2", "camera", stream_call_of(attributes)), "{attributes:?}");
        assert!(!to.packet_as("PA_2", "agent", stream_call_of(attributes)), "in its own name: {attributes:?}");
    }
    assert_eq!(to.receiver.stats().messages_stale, 5, "and the clear of one who sends nothing");
}

#[test]
fn a_call_in_the_name_of_another_is_dropped_of_whom_the_room_does_not_know_either() {
    let mut to = Setting::new("tap-impostor-hidden", Some("camera"));
    to.tap.participant_joined("camera", "PA_1");
    to.join();
    for (call, reliable) in [(stream_call(), true), (stream_call(), false), (packet_call(), true)] {
        assert!(to.packet_on("PA_hidden", "camera", call, reliable));
    }
    assert_eq!((to.tap.clear_answer("camera", "call"), to.receiver.stats().messages_stale), (None, 3));
    assert!(!to.packet_as("PA_hidden", "hidden", stream_call()), "in its own name");
    to.tap.participant_left("PA_1");
    assert!(!to.packet_as("PA_3", "camera", stream_call()), "of a next session, whose last one has left");
}

#[test]
fn a_call_in_the_name_of_one_who_is_not_there_is_dropped() {
    let mut to = Setting::new("tap-impostor-early", Some("camera"));
    to.join_as("agent", "PA_2");
    assert!(to.packet_as("PA_2", "camera", stream_call()));
    assert_eq!(to.receiver.stats().messages_stale, 1);
}

#[test]
fn a_trailer_makes_no_other_call_of_a_stream() {
    let mut to = Setting::new("tap-trailer-call", Some("camera"));
    to.tap.participant_joined("camera", "PA_1");
    to.join();
    let trailer = |name: &str| {
        let attributes = [(name.to_owned(), v0::METHOD_CLEAR_BUFFER.to_owned())].into();
        Value::StreamTrailer(Trailer { stream_id: "text".into(), attributes, ..Default::default() })
    };
    assert!(!to.packet(stream_call_of(&[("lk.rpc_request_method", "shout")])));
    for (reliable, name) in [(true, "lk.rpc_request_method"), (false, "lk.rpc_request_id")] {
        assert!(to.packet_on("PA_2", "agent", trailer(name), reliable), "{name}");
    }
    assert_eq!(to.receiver.stats().messages_stale, 2);
    assert!(!to.packet(trailer("method")), "of the application");
}

#[test]
fn clears_of_strangers_drive_out_no_answer_of_the_sender() {
    let to = Setting::new("tap-answers", Some("camera"));
    to.tap.participant_joined("camera", "PA_1");
    to.join();
    to.join_as("mallory", "PA_2");
    let call = |sid: &str, identity: &str| DataPacket {
        participant_sid: sid.into(),
        participant_identity: identity.into(),
        value: Some(packet_call()),
        ..Default::default()
    };
    let (good, bad) = (encode(&call("PA_1", "camera")), encode(&call("PA_2", "mallory")));
    assert!(!to.tap.on_packet(&good, true));
    for _ in 0..2 * MAX_ANSWERS {
        assert!(!to.tap.on_packet(&bad, true));
    }
    assert_eq!(to.tap.state.lock().answers.len(), MAX_ANSWERS);
    assert_eq!(to.tap.clear_answer("camera", "call"), Some(true));
    assert_eq!(to.tap.clear_answer("mallory", "call"), Some(false));

    for _ in 0..2 * MAX_ANSWERS {
        assert!(!to.tap.on_packet(&good, true));
    }
    assert!(!to.tap.on_packet(&bad, true));
    assert_eq!(to.tap.clear_answer("mallory", "call"), None, "it is refused when livekit asks");
    assert!((0..MAX_ANSWERS).all(|_| to.tap.clear_answer("camera", "call") == Some(true)));
}

#[test]
fn what_is_refused_is_counted_once() {
    let to = Setting::new("tap-refused", Some("camera"));
    to.join();
    let core = to.room.core();
    let refused = || to.receiver.stats().messages_stale;
    for method in METHODS {
        assert!(core.invoke_own(method, "camera", "{").unwrap().is_err());
    }
    assert_eq!(refused(), 4);
    assert_eq!(core.invoke_own(v0::METHOD_CLEAR_BUFFER, "mallory", ""), Some(Ok(v0::ANSWER_REJECT.to_owned())));
    let hello = r#"{"version": 1, "session": "0123456789abcdef"}"#;
    assert!(core.invoke_own(METHOD_HELLO, "mallory", hello).unwrap().unwrap().contains("rejected"));
    assert_eq!(refused(), 6);
    assert!(core.invoke_own(METHOD_HELLO, "camera", hello).unwrap().unwrap().contains("ok"));
    assert_eq!(core.invoke_own(v0::METHOD_CLEAR_BUFFER, "camera", ""), Some(Ok(v0::ANSWER_OK.to_owned())));
    assert_eq!(refused(), 6);

    let say = |label: &str, body| Control { label: Label::new(label).unwrap(), body }.encode();
    let ping = || control::Body::Ping { token: 1 };
    let (other_label, stranger, good) = (say("other", ping()), say("", ping()), say("", ping()));
    let messages = [("camera", vec![0xff]), ("mallory", vec![0]), ("camera", other_label), ("mallory", stranger)];
    for (identity, payload) in messages.into_iter().chain([("camera", good)]) {
        let said = UserPacket { topic: Some(TOPIC_CONTROL.into()), payload, ..Default::default() };
        let packet =
            DataPacket { participant_identity: identity.into(), value: Some(Value::User(said)), ..Default::default() };
        assert!(to.tap.on_packet(&encode(&packet), true));
    }
    assert_eq!(refused(), 10);
    while let Ok(event) = to.receiver.next_event(Wait::Try) {
        assert!(matches!(event, ReceiverEvent::Sender(_) | ReceiverEvent::Cleared), "{event:?}");
    }
    assert_eq!(to.receiver.next_event(Wait::Try).unwrap_err(), DriverError::Timeout);
}
