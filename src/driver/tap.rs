// SPDX-License-Identifier: Apache-2.0
//! The tap: takes our streams of video off the reliable channel, and our control messages off both, on the network
//! thread, before `livekit` queues, prints and re-queues every packet. Whatever it refuses goes on to `livekit`
//! untouched.
//!
//! It keeps the open streams, by participant SID and stream id, and the last sequence number of each SID, as the
//! engine does: after a resume the server replays what it believes to be missing. A stream of a participant whom the
//! room does not know yet (its signalling is slower than its data) waits, within bounds, until the room does. So does
//! one of a participant's next session, under another SID: the news that the last one has left would end it.
//!
//! A clear of version 0 is carried out here, where its place among the packets of its sender is known: through
//! `livekit`, whose queues are longer, it could come after the next stream and end that one. `livekit` gets the call
//! all the same, and its handler asks here for the answer. Those of version 1 say what they are about and need no
//! place; nor do control messages, which may be lost and repeated.
//!
//! Servers let agents open streams of text in the name of others, on either channel, and a call is such a stream. Any
//! call in the name of another than its session's participant is dropped: an agent could clear what somebody else
//! sends. `livekit` joins trailers to streams by the id alone, and reads a call's method from their attributes, too:
//! a trailer with those of a call is dropped. Until the room hears that a participant's last session has left, calls
//! of its next one are dropped as well: they cannot be told from forged ones, nor handed to `livekit` later.
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
    collections::{HashMap, HashSet, VecDeque},
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

/// Bytes that may wait for their participants to become known: a busy server announces them seconds late.
const MAX_EARLY_BYTES: usize = 64 << 20;
/// And for how long.
const MAX_EARLY_AGE: Duration = Duration::from_secs(10);
/// Memory of an attribute beside its bytes in the packet.
const ATTRIBUTE_BYTES: usize = 128;
/// Streams of one sender whose trailers have not come; the oldest is forgotten for one more.
const MAX_OPEN_STREAMS: usize = 16;
/// Senders whose last sequence number is kept.
const MAX_SENDERS: usize = 1024;

/// Answers to clears that `livekit` has not asked for. One more drives out a refusal, the oldest, if there is one: the
/// clear is refused anew when `livekit` asks, while one that was carried out would be carried out again, too late.
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
    /// What came of participants who are not known yet, by SID.
    early: HashMap<String, Early>,
    /// Memory of all of it.
    early_bytes: usize,
    /// What to answer to clears that were carried out.
    answers: VecDeque<ClearAnswer>,
}

/// A packet and when it came.
struct Arrived {
    packet: Packet,
    at: Instant,
    /// Memory that it takes, about.
    bytes: usize,
}

/// What came of one session.
#[derive(Default)]
struct Early {
    packets: VecDeque<Arrived>,
    /// Streams of ours that began among them.
    streams: HashSet<String>,
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
        let mut state = self.state.lock();
        let early: Vec<String> = state.early.keys().cloned().collect();
        early.iter().for_each(|sid| state.handle_early(&room, sid));
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

    /// Whether a call begins here that is not its caller's own, or is made another. Its method does not matter.
    fn refuses(&self, room: &RoomCore, packet: &Packet) -> bool {
        let caller = &packet.participant_identity;
        if packet.alters_call() {
            tracing::debug!("a trailer of {caller} would alter a call");
            room.count_refused(caller);
            return true;
        }
        if !packet.begins_call() {
            return false;
        }
        let state = self.state.lock();
        let Some(impostor) = state.impostor(packet) else { return false };
        tracing::debug!("{impostor:?} calls in the name of {caller}");
        room.count_refused(impostor);
        true
    }
}

impl DataTap for Tap {
    fn on_packet(&self, raw: &Bytes, reliable: bool) -> bool {
        let Some(room) = self.room.upgrade() else { return false };
        // What cannot be decoded is livekit's to refuse.
        let Ok(packet) = Packet::decode(raw.clone()) else { return false };
        if self.refuses(&room, &packet) {
            return true;
        }
        match &packet.body {
            Body::Foreign => true,
            Body::User(message) if is_control(&message.topic) => {
                room.control(&packet.participant_identity, &message.payload);
                true
            }
            Body::User(_) | Body::Other => false,
            _ => reliable && self.state.lock().handle(&room, Arrived::now(packet, raw.len())),
        }
    }
}

impl Arrived {
    fn now(packet: Packet, raw_bytes: usize) -> Self {
        let attributes = if let Body::StreamHeader(header) = &packet.body { header.attributes.len() } else { 0 };
        let bytes = raw_bytes + attributes * ATTRIBUTE_BYTES + std::mem::size_of::<Self>();
        Self { packet, at: Instant::now(), bytes }
    }
}

impl State {
    /// `true`: taken.
    fn handle(&mut self, room: &RoomCore, arrived: Arrived) -> bool {
        let packet = &arrived.packet;
        if let Some(Call { id, method, has_payload }) = packet.rpc_request() {
            if method == v0::METHOD_CLEAR_BUFFER && !has_payload {
                self.clear(room, packet, id);
            }
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
        if self.is_unknown(room, packet) {
            self.keep_early(name, begins, arrived);
            return true;
        }
        self.handle_early(room, &name.0);
        if self.is_repeat(&name.0, packet.sequence) {
            return true;
        }
        let packet = arrived.packet;
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

    /// Handles what came too early of a session, in its order; what still does waits on.
    fn handle_early(&mut self, room: &RoomCore, sid: &str) {
        let Some(Early { packets, .. }) = self.early.remove(sid) else { return };
        for arrived in packets {
            self.early_bytes -= arrived.bytes;
            self.handle(room, arrived);
        }
    }

    /// The participant whose packet this is, if it is in the name of another; empty if the room does not know it.
    fn impostor(&self, packet: &Packet) -> Option<&str> {
        let sid = &*packet.participant_sid;
        let claimed = self.present.get(&*packet.participant_identity);
        if claimed.is_some_and(|present| present == sid) {
            return None;
        }
        let sender = self.present.iter().find(|(_, present)| *present == sid).map(|(identity, _)| identity.as_str());
        sender.or(claimed.map(|_| ""))
    }

    fn clear(&mut self, room: &RoomCore, packet: &Packet, call: &str) {
        let (sid, caller) = (&packet.participant_sid, &packet.participant_identity);
        // Before the room knows the caller it is left to livekit, whose news come in order with the room's.
        if self.is_unknown(room, packet) {
            return;
        }
        self.handle_early(room, sid);
        if self.is_repeat(sid, packet.sequence) {
            return;
        }
        let taken = room.clear_requested(caller);
        self.answers.push_back(ClearAnswer { caller: caller.to_string(), call: call.to_owned(), taken });
        if self.answers.len() > MAX_ANSWERS {
            let least = self.answers.iter().position(|answer| !answer.taken).unwrap_or_default();
            self.answers.remove(least);
        }
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
                tracing::debug!("{sender} left {MAX_OPEN_STREAMS} streams open: the oldest is forgotten");
                self.open.remove(&oldest);
            }
        }
        self.opened += 1;
        self.open.insert(name, OpenStream { sender, order: self.opened, sink });
    }

    fn is_early(&self, (sid, stream_id): &StreamName) -> bool {
        self.early.get(sid).is_some_and(|early| early.streams.contains(stream_id))
    }

    fn keep_early(&mut self, (sid, stream_id): StreamName, begins: bool, arrived: Arrived) {
        let bytes = &mut self.early_bytes;
        self.early.retain(|_, early| {
            let is_old = |old: &mut Arrived| arrived.at.duration_since(old.at) > MAX_EARLY_AGE;
            while let Some(old) = early.packets.pop_front_if(is_old) {
                *bytes -= old.bytes;
                if let Body::StreamHeader(header) = &old.packet.body {
                    early.streams.remove(&*header.stream_id);
                }
            }
            !early.packets.is_empty()
        });
        if *bytes + arrived.bytes > MAX_EARLY_BYTES {
            tracing::debug!(
                "{} sends before the room knows it; a packet was dropped",
                arrived.packet.participant_identity
            );
            return;
        }
        *bytes += arrived.bytes;
        let early = self.early.entry(sid).or_default();
        if begins {
            early.streams.insert(stream_id);
        }
        early.packets.push_back(arrived);
    }
}

/// Plain video: compressed or encrypted streams are livekit's to unpack.
fn is_ours(header: &StreamHeader) -> bool {
    header.topic == v0::TOPIC && header.is_plain()
}

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod tests;
