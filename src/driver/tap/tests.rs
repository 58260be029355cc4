// SPDX-License-Identifier: Apache-2.0
//! The tap before a room with a receiver: what it takes, and in which order.

use super::*;
use crate::{
    driver::{
        participant::{Participant, ParticipantKind},
        Receiver, ReceiverEvent, ReceiverOptions, Room, RoomOptions, SegmentCause, Wait,
    },
    wire::{
        packet::encode,
        v1::{
            control::{self, Control, TOPIC_CONTROL},
            Label,
        },
    },
};
use livekit_protocol::{
    data_packet::Value,
    data_stream::{
        header::ContentHeader::{ByteHeader, TextHeader},
        ByteHeader as Bytewise, Chunk, Header, TextHeader as Textual, Trailer,
    },
    ChatMessage, DataPacket, RpcRequest, Transcription, UserPacket,
};

/// A tap before a room with a receiver, and what its sender, `camera`, would send.
pub(super) struct Setting {
    pub room: Room,
    pub receiver: Receiver,
    pub tap: Arc<Tap>,
    sequence: u32,
}

impl Setting {
    pub fn new(name: &str, sender: Option<&str>) -> Self {
        let room = Room::connect(&format!("loopback:{name}"), "", RoomOptions::default()).unwrap();
        let (sender, idle_timeout) = (sender.map(str::to_owned), Duration::from_secs(600));
        let options = ReceiverOptions { sender, idle_timeout, ..Default::default() };
        let receiver = Receiver::create(&room, options).unwrap();
        let tap = Tap::new(room.core());
        Self { room, receiver, tap, sequence: 0 }
    }

    /// Whether the tap took it.
    pub fn packet(&mut self, value: Value) -> bool {
        self.packet_as("PA_1", "camera", value)
    }

    pub fn packet_as(&mut self, sid: &str, identity: &str, value: Value) -> bool {
        self.packet_on(sid, identity, value, true)
    }

    /// On either channel.
    pub fn packet_on(&mut self, sid: &str, identity: &str, value: Value, reliable: bool) -> bool {
        self.sequence += u32::from(reliable);
        let packet = DataPacket {
            participant_sid: sid.into(),
            participant_identity: identity.into(),
            sequence: if reliable { self.sequence } else { 0 },
            value: Some(value),
            ..Default::default()
        };
        self.tap.on_packet(&encode(&packet), reliable)
    }

    pub fn open(&mut self, stream: &str) -> bool {
        self.packet(header(stream, 0))
    }

    /// One whole frame.
    pub fn frame(&mut self, stream: &str) -> bool {
        let content = vec![self.sequence as u8; 8];
        self.packet(Value::StreamChunk(Chunk { stream_id: stream.into(), content, ..Default::default() }))
    }

    pub fn close(&mut self, stream: &str) -> bool {
        self.packet(Value::StreamTrailer(Trailer { stream_id: stream.into(), ..Default::default() }))
    }

    pub fn join(&self) {
        let participant = Participant {
            identity: "camera".into(),
            name: String::new(),
            metadata: String::new(),
            kind: ParticipantKind::Agent,
        };
        self.room.core().participant_joined(participant, true);
    }

    /// Somebody else is there, whom the tap knows as well.
    pub fn join_as(&self, identity: &str, sid: &str) {
        self.tap.participant_joined(identity, sid);
        let participant = Participant {
            identity: identity.into(),
            name: String::new(),
            metadata: String::new(),
            kind: ParticipantKind::Agent,
        };
        self.room.core().participant_joined(participant, true);
    }

    pub fn next(&self) -> ReceiverEvent {
        loop {
            match self.receiver.next_event(Wait::Try).unwrap() {
                ReceiverEvent::Sender(_) => {}
                event => return event,
            }
        }
    }

    pub fn expect_segment(&self, segment: u64) {
        assert!(matches!(self.next(), ReceiverEvent::SegmentStart { segment: s, .. } if s == segment));
        assert!(matches!(self.next(), ReceiverEvent::Frame(frame) if frame.info().segment == segment));
        let end = self.next();
        assert!(matches!(end, ReceiverEvent::SegmentEnd { cause: SegmentCause::Flushed, .. }), "{end:?}");
    }
}

/// A header of video, with so many attributes that nobody reads.
pub(super) fn header(stream: &str, others: usize) -> Value {
    let attributes = [("width", "2"), ("height", "1"), ("type", "0")];
    let others = (0..others).map(|number| (format!("a{number}"), String::new()));
    let attributes = attributes.map(|(name, value)| (name.into(), value.into())).into_iter().chain(others);
    Value::StreamHeader(Header {
        stream_id: stream.into(),
        topic: v0::TOPIC.into(),
        attributes: attributes.collect(),
        content_header: Some(ByteHeader(Bytewise { name: "VIDEO_1".into() })),
        ..Default::default()
    })
}

pub(super) fn packet_call() -> Value {
    Value::RpcRequest(RpcRequest {
        id: "call".into(),
        method: v0::METHOD_CLEAR_BUFFER.into(),
        version: 1,
        ..Default::default()
    })
}

pub(super) fn stream_call() -> Value {
    stream_call_of(&[("lk.rpc_request_id", "call"), ("lk.rpc_request_method", v0::METHOD_CLEAR_BUFFER)])
}

/// A call by stream that says so much of itself, all of it in the header.
pub(super) fn stream_call_of(attributes: &[(&str, &str)]) -> Value {
    Value::StreamHeader(Header {
        stream_id: "text".into(),
        topic: "lk.rpc_request".into(),
        attributes: attributes.iter().map(|&(name, value)| (name.into(), value.into())).collect(),
        content_header: Some(TextHeader(Textual::default())),
        inline_content: Some(Vec::new()),
        ..Default::default()
    })
}

#[test]
fn a_clear_ends_what_came_before_it_and_nothing_after() {
    for (name, call) in [("tap-clear-1", packet_call()), ("tap-clear-2", stream_call())] {
        let mut to = Setting::new(name, Some("camera"));
        assert!(to.open("one") && to.frame("one"));
        assert!(!to.packet(call), "livekit answers it");
        assert!(to.open("two") && to.frame("two") && to.close("two"));
        // livekit's handler asks late.
        assert_eq!(to.tap.clear_answer("camera", "call"), Some(true));
        assert_eq!(to.tap.clear_answer("camera", "call"), None, "an answer is given once");

        assert!(matches!(to.next(), ReceiverEvent::SegmentStart { segment: 1, .. }));
        assert!(matches!(to.next(), ReceiverEvent::Cleared));
        let end = to.next();
        assert!(matches!(end, ReceiverEvent::SegmentEnd { segment: 1, cause: SegmentCause::Cleared, .. }));
        to.expect_segment(2);
    }
}

#[test]
fn a_clear_of_version_1_is_left_to_the_call() {
    let mut to = Setting::new("tap-clear-v1", Some("camera"));
    assert!(to.open("one") && to.frame("one"));
    let Value::RpcRequest(call) = packet_call() else { panic!("a call is expected") };
    assert!(!to.packet(Value::RpcRequest(RpcRequest { payload: "{}".into(), ..call })));
    assert_eq!(to.tap.clear_answer("camera", "call"), None);
    assert!(to.close("one"));
    to.expect_segment(1);
}

#[test]
fn control_messages_are_taken_on_both_channels_and_those_of_applications_on_none() {
    let to = Setting::new("tap-control", Some("camera"));
    let ping = Control { label: Label::default(), body: control::Body::Ping { token: 1 } };
    for (topic, payload, ours) in [(TOPIC_CONTROL, ping.encode(), true), ("chat", b"hi".to_vec(), false)] {
        let said = UserPacket { topic: Some(topic.into()), payload, ..Default::default() };
        let packet =
            DataPacket { participant_identity: "camera".into(), value: Some(Value::User(said)), ..Default::default() };
        for reliable in [true, false] {
            assert_eq!(to.tap.on_packet(&encode(&packet), reliable), ours);
        }
    }
}

#[test]
fn video_is_taken_off_the_reliable_channel_only() {
    let to = Setting::new("tap-lossy", Some("camera"));
    let header = Header {
        topic: v0::TOPIC.into(),
        content_header: Some(ByteHeader(Bytewise { name: "VIDEO_1".into() })),
        ..Default::default()
    };
    let packet = DataPacket {
        participant_identity: "camera".into(),
        value: Some(Value::StreamHeader(header)),
        ..Default::default()
    };
    assert!(!to.tap.on_packet(&encode(&packet), false));
    assert!(to.tap.on_packet(&encode(&packet), true));
}

#[test]
fn a_clear_of_a_stranger_clears_nothing() {
    let mut to = Setting::new("tap-stranger", None);
    assert!(!to.packet(packet_call()));
    assert_eq!(to.tap.clear_answer("camera", "call"), None, "livekit asks when the room knows it");
    assert_eq!(to.receiver.next_event(Wait::Try).unwrap_err(), crate::driver::DriverError::Timeout);
}

#[test]
fn what_came_before_its_participant_was_known_keeps_its_place() {
    let mut to = Setting::new("tap-early", None);
    assert!(to.open("one") && to.frame("one"));
    // The room knows it, but the tap was not told yet.
    to.join();
    assert!(to.close("one"));
    to.expect_segment(1);
    to.tap.participants_changed();
    assert_eq!(to.receiver.next_event(Wait::Try).unwrap_err(), crate::driver::DriverError::Timeout);
}

#[test]
fn streams_of_a_new_session_outlive_the_old_one() {
    let mut to = Setting::new("tap-rejoin", Some("camera"));
    assert!(to.open("one"));
    to.tap.participant_left("PA_0");
    assert!(to.frame("one") && to.close("one"));
    to.expect_segment(1);
}

#[test]
fn a_stream_of_the_senders_next_session_waits_for_the_news_of_it() {
    let mut to = Setting::new("tap-next-session", Some("camera"));
    to.tap.participant_joined("camera", "PA_0");
    to.join();
    assert!(to.open("one") && to.frame("one"), "of PA_1");
    to.tap.participant_left("PA_0");
    to.room.core().participant_left("camera");
    while let Ok(event) = to.receiver.next_event(Wait::Try) {
        assert!(matches!(event, ReceiverEvent::Sender(_)), "{event:?}");
    }
    to.tap.participant_joined("camera", "PA_1");
    to.join();
    to.tap.participants_changed();
    assert!(to.close("one"));
    to.expect_segment(1);
}

#[test]
fn a_stream_of_the_new_session_may_come_before_the_news_of_it() {
    let mut to = Setting::new("tap-restart", Some("camera"));
    assert!(to.open("one"));
    to.tap.reconnecting();
    to.room.core().reconnecting();
    assert!(to.open("two") && to.frame("two"));
    to.tap.restarted();
    to.room.core().reconnected(true);
    assert!(!to.frame("one"), "nobody knows it any more");
    assert!(to.close("two"));
    assert!(matches!(to.next(), ReceiverEvent::SegmentStart { segment: 1, .. }));
    let end = to.next();
    assert!(matches!(end, ReceiverEvent::SegmentEnd { segment: 1, cause: SegmentCause::Truncated, .. }), "{end:?}");
    to.expect_segment(2);

    assert!(to.open("three"));
    to.tap.reconnecting();
    to.room.core().reconnecting();
    to.tap.restarted();
    to.room.core().reconnected(true);
    assert!(matches!(to.next(), ReceiverEvent::SegmentStart { segment: 3, .. }));
    let end = to.next();
    assert!(matches!(end, ReceiverEvent::SegmentEnd { segment: 3, cause: SegmentCause::Truncated, .. }), "{end:?}");
}

#[test]
fn what_livekit_could_stumble_over_does_not_reach_it() {
    let mut to = Setting::new("tap-foreign", None);
    assert!(to.packet(Value::Transcription(Transcription { track_id: "not a SID".into(), ..Default::default() })));
    assert!(to.packet(Value::ChatMessage(ChatMessage::default())));
    let call = RpcRequest { id: "call".into(), method: "shout".into(), ..Default::default() };
    assert!(!to.packet(Value::RpcRequest(call)));
}
