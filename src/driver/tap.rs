// SPDX-License-Identifier: Apache-2.0
//! The tap: takes our streams of video off the reliable channel, on the network thread, before `livekit` queues,
//! prints and re-queues every packet. Whatever it refuses goes on to `livekit` untouched.
//!
//! It keeps the open streams, by participant SID and stream id, and the last sequence number of each SID, as the
//! engine does: after a resume the server replays what it believes to be missing. A stream of a participant whom the
//! room does not know yet (its signalling is slower than its data) waits, within bounds, until the room does.
//!
//! Its lock is held while a receiver takes a chunk, so that packets of one sender are never handled out of order; the
//! receivers never call back.

use super::{receiver::StreamSink, room_core::RoomCore};
use crate::wire::{
    packet::{Body, Packet, StreamHeader},
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

/// Bytes that may wait for their participants to become known.
const MAX_EARLY_BYTES: usize = 8 << 20;
/// And for how long.
const MAX_EARLY_AGE: Duration = Duration::from_secs(5);
/// Streams of one sender whose trailers have not come; the oldest is forgotten for one more.
const MAX_OPEN_STREAMS: usize = 16;
/// Senders whose last sequence number is kept.
const MAX_SENDERS: usize = 1024;

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
    last_sequence: HashMap<String, u32>,
    /// Packets of participants who are not known yet.
    early: VecDeque<(Instant, Packet)>,
    early_bytes: usize,
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
        state.early_bytes = 0;
        for (came, packet) in std::mem::take(&mut state.early) {
            state.handle(&room, packet, came);
        }
    }

    /// Streams of somebody who left will not go on.
    pub fn participant_left(&self, identity: &str) {
        self.state.lock().open.retain(|_, stream| stream.sender != identity);
    }

    /// A new session: sequence numbers start again and open streams will not go on.
    pub fn restarted(&self) {
        *self.state.lock() = State::default();
    }
}

impl DataTap for Tap {
    fn on_packet(&self, raw: &Bytes) -> bool {
        let Some(room) = self.room.upgrade() else { return false };
        // What cannot be decoded is livekit's to refuse.
        let Ok(packet) = Packet::decode(raw.clone()) else { return false };
        self.state.lock().handle(&room, packet, Instant::now())
    }
}

impl State {
    /// `true`: taken.
    fn handle(&mut self, room: &RoomCore, packet: Packet, came: Instant) -> bool {
        let stream_id = match &packet.body {
            Body::StreamHeader(header) if is_ours(header) => &header.stream_id,
            Body::StreamChunk(chunk) => &chunk.stream_id,
            Body::StreamTrailer(trailer) => &trailer.stream_id,
            Body::StreamHeader(_) | Body::Other => return false,
        };
        let name = (packet.participant_sid.to_string(), stream_id.to_string());
        let begins = matches!(packet.body, Body::StreamHeader(_));
        if !begins && !self.open.contains_key(&name) && !self.is_early(&name) {
            return false;
        }
        if !room.expects(&packet.participant_identity) {
            self.keep_early(came, packet);
            return true;
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
                    sink.close(&trailer.reason);
                }
            }
            Body::Other => {}
        }
        true
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
