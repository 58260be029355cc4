// SPDX-License-Identifier: Apache-2.0
//! The tap: takes our streams of video off the reliable channel, and our control messages off both, on the network
//! thread, before `livekit` queues, prints and re-queues every packet. Whatever it refuses goes on to `livekit` untouched.
//!
//! It keeps the open streams, by participant SID and stream id, and the last sequence number of each SID, as the
//! engine does: after a resume the server replays what it believes to be missing. A stream of a participant whom the
//! room does not know yet (its signalling is slower than its data) waits, within bounds, until the room does. So does one
//! of a participant's next session, under another SID: the news that the last one has left would end it.
//!
//! A clear of version 0 is carried out here, where its place among the packets of its sender is known: through `livekit`, whose
//! queues are longer, it could come after the next stream and end that one. `livekit` gets the call all the same, and
//! its handler asks here for the answer. Those of version 1 say what they are about and need no place; nor do control
//! messages, which may be lost and repeated.
//!
//! Kinds of packets that nobody here has a use for are taken, too: `livekit` trusts their content and could panic.
//!
//! Its lock is held while a receiver takes a chunk, so that packets of one sender are never handled out of order; the
//! receivers never call back.

use super::{own_calls::is_control, receiver::StreamSink, room_core::RoomCore};
use crate::wire::{
    packet::{Body, Call, Packet, StreamHeader},
    v0,
};
use bytes::Bytes;
use libwebrtc::tap::DataTap;
use parking_lot::Mutex;
use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

/// Bytes that may wait for their participants to become known: a busy server announces them seconds late.
const MAX_EARLY_BYTES: usize = 64 << 20;
/// And for how long.
const MAX_EARLY_AGE: Duration = Duration::from_secs(10);
/// Streams of one sender whose trailers have not come; the oldest is forgotten for one more.
const MAX_OPEN_STREAMS: usize = 16;
/// Senders whose last sequence number is kept.
const MAX_SENDERS: usize = 1024;

/// Answers to clears that `livekit` has not asked for.
const MAX_ANSWERS: usize = 64;

/// Participant SID and stream id: ids are unique only for one sender.
type StreamName = (String, String);

struct OpenStream {
    sender: String,
    /// Streams are opened in this order.
    order: u64,
    /// `None`: ours, but nobody wants it.
    sink: Option<StreamSink>,
}

#[derive(Default)]
struct State {
    open: HashMap<StreamName, OpenStream>,
    opened: u64,
    /// Of them when the room last began to reconnect.
    opened_before: u64,
    last_sequence: HashMap<String, u32>,
    /// SIDs of who is in the room, by identity.
    present: HashMap<String, String>,
    /// Packets of participants who are not known yet.
    early: VecDeque<(Instant, Packet)>,
    early_bytes: usize,
    /// What to answer to clears that were carried out.
    answers: VecDeque<ClearAnswer>,
}

struct ClearAnswer {
    caller: String,
    call: String,
    taken: bool,
}

pub(super) struct Tap {
    room: Weak<RoomCore>,
    state: Mutex<State>,
}

impl Tap {
    pub fn new(room: &Arc<RoomCore>) -> Arc<Self> {
        Arc::new(Self { room: Arc::downgrade(room), state: Mutex::default() })
    }

    /// The room has learned of new participants: what came too early is handled now, in its order.
    pub fn participants_changed(&self) {
        let Some(room) = self.room.upgrade() else { return };
        self.state.lock().handle_early(&room);
    }

    /// Whether a clear was for one of our receivers, if it was seen here: then it was carried out.
    pub fn clear_answer(&self, caller: &str, call: &str) -> Option<bool> {
        let answers = &mut self.state.lock().answers;
        let at = answers.iter().position(|answer| answer.caller == caller && answer.call == call)?;
        Some(answers.remove(at)?.taken)
    }

    /// The room is about to learn of a participant, or knows it.
    pub fn participant_joined(&self, identity: &str, sid: &str) {
        self.state.lock().present.insert(identity.to_owned(), sid.to_owned());
    }

    /// Streams of a participant who left, by SID, will not go on. Under the same identity another may have come.
    pub fn participant_left(&self, sid: &str) {
        let mut state = self.state.lock();
        state.open.retain(|(sender, _), _| sender != sid);
        state.present.retain(|_, present| present != sid);
    }

    /// The connection is being repaired, in the same session or in a new one.
    pub fn reconnecting(&self) {
        let mut state = self.state.lock();
        state.opened_before = state.opened;
    }

    /// It is a new session: streams that were open will not go on. Packets may have come before this news.
    pub fn restarted(&self) {
        let mut state = self.state.lock();
        let before = state.opened_before;
        state.open.retain(|_, stream| stream.order > before);
    }
}

impl DataTap for Tap {
    fn on_packet(&self, raw: &Bytes, reliable: bool) -> bool {
        let Some(room) = self.room.upgrade() else { return false };
        // What cannot be decoded is livekit's to refuse.
        let Ok(packet) = Packet::decode(raw.clone()) else { return false };
        match &packet.body {
            Body::Foreign => true,
            Body::User(message) if is_control(&message.topic) => {
                room.control(&packet.participant_identity, &message.payload);
                true
            }
            Body::User(_) | Body::Other => false,
            _ => reliable && self.state.lock().handle(&room, packet, Instant::now()),
        }
    }
}

impl State {
    /// `true`: taken.
    fn handle(&mut self, room: &RoomCore, packet: Packet, came: Instant) -> bool {
        if let Some(Call { id, method: v0::METHOD_CLEAR_BUFFER, has_payload: false }) = packet.rpc_request() {
            self.clear(room, &packet, id);
            return false;
        }
        let stream_id = match &packet.body {
            Body::StreamHeader(header) if is_ours(header) => &header.stream_id,
            Body::StreamChunk(chunk) => &chunk.stream_id,
            Body::StreamTrailer(trailer) => &trailer.stream_id,
            _ => return false,
        };
        let name = (packet.participant_sid.to_string(), stream_id.to_string());
        let begins = matches!(packet.body, Body::StreamHeader(_));
        if !begins && !self.open.contains_key(&name) && !self.is_early(&name) {
            return false;
        }
        if self.is_unknown(room, &packet) {
            self.keep_early(came, packet);
            return true;
        }
        if self.has_early(&name.0) {
            self.handle_early(room);
        }
        if self.is_repeat(&name.0, packet.sequence) {
            return true;
        }
        match packet.body {
            Body::StreamHeader(header) => {
                let sender = packet.participant_identity.to_string();
                let sink = room.open_stream(&sender, &header.attributes);
                self.insert(name, sender, sink);
            }
            Body::StreamChunk(chunk) => {
                if let Some(sink) = self.open.get(&name).and_then(|stream| stream.sink.as_ref()) {
                    sink.chunk(chunk.chunk_index, &chunk.content);
                }
            }
            Body::StreamTrailer(trailer) => {
                if let Some(sink) = self.open.remove(&name).and_then(|stream| stream.sink) {
                    sink.close(&trailer.reason, Some(&trailer.attributes));
                }
            }
            _ => {}
        }
        true
    }

    /// Handles what came too early, in its order; what still does waits on.
    fn handle_early(&mut self, room: &RoomCore) {
        self.early_bytes = 0;
        for (came, packet) in std::mem::take(&mut self.early) {
            self.handle(room, packet, came);
        }
    }

    fn clear(&mut self, room: &RoomCore, packet: &Packet, call: &str) {
        let (sid, caller) = (&packet.participant_sid, &packet.participant_identity);
        // Before the room knows the caller it is left to livekit, whose news come in order with the room's.
        if self.is_unknown(room, packet) {
            return;
        }
        if self.has_early(sid) {
            self.handle_early(room);
        }
        if self.is_repeat(sid, packet.sequence) {
            return;
        }
        let taken = room.clear_requested(caller);
        if self.answers.len() == MAX_ANSWERS {
            self.answers.pop_front();
        }
        self.answers.push_back(ClearAnswer { caller: caller.to_string(), call: call.to_owned(), taken });
    }

    /// Whether the room has yet to hear of this session of the sender.
    fn is_unknown(&self, room: &RoomCore, packet: &Packet) -> bool {
        let present = self.present.get(&*packet.participant_identity);
        present.is_some_and(|sid| *sid != *packet.participant_sid) || !room.expects(&packet.participant_identity)
    }

    fn is_repeat(&mut self, sid: &str, sequence: u32) -> bool {
        // 0 is unsequenced.
        if sequence == 0 {
            return false;
        }
        if !self.last_sequence.contains_key(sid) && self.last_sequence.len() >= MAX_SENDERS {
            let open = &self.open;
            self.last_sequence.retain(|sid, _| open.keys().any(|(open_sid, _)| open_sid == sid));
        }
        let last = self.last_sequence.entry(sid.to_owned()).or_default();
        let repeat = sequence <= *last;
        *last = sequence.max(*last);
        repeat
    }

    fn insert(&mut self, name: StreamName, sender: String, sink: Option<StreamSink>) {
        let of_sender = self.open.iter().filter(|(_, stream)| stream.sender == sender);
        if of_sender.clone().count() >= MAX_OPEN_STREAMS {
            if let Some(oldest) = of_sender.min_by_key(|(_, stream)| stream.order).map(|(name, _)| name.clone()) {
                tracing::info!("{sender} left {MAX_OPEN_STREAMS} streams open: the oldest is forgotten");
                self.open.remove(&oldest);
            }
        }
        self.opened += 1;
        self.open.insert(name, OpenStream { sender, order: self.opened, sink });
    }

    fn has_early(&self, sid: &str) -> bool {
        self.early.iter().any(|(_, packet)| *packet.participant_sid == *sid)
    }

    fn is_early(&self, (sid, stream_id): &StreamName) -> bool {
        self.early.iter().any(|(_, packet)| {
            *packet.participant_sid == **sid
                && matches!(&packet.body, Body::StreamHeader(header) if *header.stream_id == **stream_id)
        })
    }

    fn keep_early(&mut self, came: Instant, packet: Packet) {
        while self.early.front().is_some_and(|(first, _)| came.duration_since(*first) > MAX_EARLY_AGE) {
            if let Some((_, packet)) = self.early.pop_front() {
                self.early_bytes -= size(&packet);
            }
        }
        if self.early_bytes + size(&packet) > MAX_EARLY_BYTES {
            tracing::debug!("{} sends before the room knows it; a packet was dropped", packet.participant_identity);
            return;
        }
        self.early_bytes += size(&packet);
        self.early.push_back((came, packet));
    }
}

fn size(packet: &Packet) -> usize {
    let content = if let Body::StreamChunk(chunk) = &packet.body { chunk.content.len() } else { 0 };
    content + std::mem::size_of::<Packet>()
}

/// Plain video: compressed or encrypted streams are livekit's to unpack.
fn is_ours(header: &StreamHeader) -> bool {
    header.topic == v0::TOPIC && header.is_plain()
}

#[cfg(test)]
mod tests {
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
    struct Setting {
        room: Room,
        receiver: Receiver,
        tap: Arc<Tap>,
        sequence: u32,
    }

    impl Setting {
        fn new(name: &str, sender: Option<&str>) -> Self {
            let room = Room::connect(&format!("loopback:{name}"), "", RoomOptions::default()).unwrap();
            let options = ReceiverOptions { sender: sender.map(str::to_owned), ..Default::default() };
            let receiver = Receiver::create(&room, options).unwrap();
            let tap = Tap::new(room.core());
            Self { room, receiver, tap, sequence: 0 }
        }

        /// Whether the tap took it.
        fn packet(&mut self, value: Value) -> bool {
            self.sequence += 1;
            let packet = DataPacket {
                participant_sid: "PA_1".into(),
                participant_identity: "camera".into(),
                sequence: self.sequence,
                value: Some(value),
                ..Default::default()
            };
            self.tap.on_packet(&encode(&packet), true)
        }

        fn open(&mut self, stream: &str) -> bool {
            let attributes = [("width", "2"), ("height", "1"), ("type", "0")];
            self.packet(Value::StreamHeader(Header {
                stream_id: stream.into(),
                topic: v0::TOPIC.into(),
                attributes: attributes.map(|(name, value)| (name.into(), value.into())).into(),
                content_header: Some(ByteHeader(Bytewise { name: "VIDEO_1".into() })),
                ..Default::default()
            }))
        }

        /// One whole frame.
        fn frame(&mut self, stream: &str) -> bool {
            let content = vec![self.sequence as u8; 8];
            self.packet(Value::StreamChunk(Chunk { stream_id: stream.into(), content, ..Default::default() }))
        }

        fn close(&mut self, stream: &str) -> bool {
            self.packet(Value::StreamTrailer(Trailer { stream_id: stream.into(), ..Default::default() }))
        }

        fn join(&self) {
            let participant = Participant {
                identity: "camera".into(),
                name: String::new(),
                metadata: String::new(),
                kind: ParticipantKind::Agent,
            };
            self.room.core().participant_joined(participant, true);
        }

        fn next(&self) -> ReceiverEvent {
            loop {
                match self.receiver.next_event(Wait::Try).unwrap() {
                    ReceiverEvent::Sender(_) => {}
                    event => return event,
                }
            }
        }

        fn expect_segment(&self, segment: u64) {
            assert!(matches!(self.next(), ReceiverEvent::SegmentStart { segment: s, .. } if s == segment));
            assert!(matches!(self.next(), ReceiverEvent::Frame(frame) if frame.info().segment == segment));
            let end = self.next();
            assert!(matches!(end, ReceiverEvent::SegmentEnd { cause: SegmentCause::Flushed, .. }), "{end:?}");
        }
    }

    fn packet_call() -> Value {
        Value::RpcRequest(RpcRequest {
            id: "call".into(),
            method: v0::METHOD_CLEAR_BUFFER.into(),
            version: 1,
            ..Default::default()
        })
    }

    fn stream_call() -> Value {
        let attributes = [("lk.rpc_request_id", "call"), ("lk.rpc_request_method", v0::METHOD_CLEAR_BUFFER)];
        Value::StreamHeader(Header {
            stream_id: "text".into(),
            topic: "lk.rpc_request".into(),
            attributes: attributes.map(|(name, value)| (name.into(), value.into())).into(),
            content_header: Some(TextHeader(Textual::default())),
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
            let packet = DataPacket {
                participant_identity: "camera".into(),
                value: Some(Value::User(said)),
                ..Default::default()
            };
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
}
