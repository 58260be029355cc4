// SPDX-License-Identifier: Apache-2.0
//! The tap: takes our streams of video off the reliable channel, on the network thread, before `livekit` queues,
//! prints and re-queues every packet. Whatever it refuses goes on to `livekit` untouched.
//!
//! It keeps the open streams, by participant SID and stream id, and the last sequence number of each SID, as the
//! engine does: after a resume the server replays what it believes to be missing. A stream of a participant whom the
//! room does not know yet (its signalling is slower than its data) waits, within a bound, until the room does.

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
};

/// Bytes that may wait for their participants to become known.
const MAX_EARLY_BYTES: usize = 8 << 20;
/// Streams open at a time; a peer that opens more is refused.
const MAX_OPEN_STREAMS: usize = 1024;

/// Participant SID and stream id: ids are unique only for one sender.
type StreamName = (String, String);

#[derive(Default)]
struct State {
    /// `None`: ours, but nobody wants it.
    open: HashMap<StreamName, Option<StreamSink>>,
    last_sequence: HashMap<String, u32>,
    /// Packets of participants who are not known yet.
    early: VecDeque<Packet>,
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
        let early = {
            let mut state = self.state.lock();
            state.early_bytes = 0;
            std::mem::take(&mut state.early)
        };
        for packet in early {
            self.handle(packet);
        }
    }

    /// A new session: sequence numbers start again and open streams will not go on.
    pub fn restarted(&self) {
        *self.state.lock() = State::default();
    }

    fn handle(&self, packet: Packet) -> bool {
        let Some(room) = self.room.upgrade() else { return false };
        let mut state = self.state.lock();
        let stream_id = match &packet.body {
            Body::StreamHeader(header) if is_ours(header) => &header.stream_id,
            Body::StreamChunk(chunk) => &chunk.stream_id,
            Body::StreamTrailer(trailer) => &trailer.stream_id,
            Body::StreamHeader(_) | Body::Other => return false,
        };
        let name = (packet.participant_sid.to_string(), stream_id.to_string());
        if !matches!(packet.body, Body::StreamHeader(_)) && !state.open.contains_key(&name) && !state.is_early(&name) {
            return false;
        }
        if !room.knows(&packet.participant_identity) {
            state.keep_early(packet);
            return true;
        }
        if packet.sequence > 0 {
            let last = state.last_sequence.entry(name.0.clone()).or_default();
            if packet.sequence <= *last {
                return true;
            }
            *last = packet.sequence;
        }
        match packet.body {
            Body::StreamHeader(header) => {
                if state.open.len() >= MAX_OPEN_STREAMS {
                    tracing::warn!("{} streams are open: one more of {} is refused", state.open.len(), name.0);
                    return true;
                }
                // The receiver answers at once and never calls back: its lock nests in ours.
                let sink = room.open_stream(&packet.participant_identity, &header.attributes);
                state.open.insert(name, sink);
            }
            Body::StreamChunk(chunk) => {
                let sink = state.open.get(&name).cloned().flatten();
                drop(state);
                if let Some(sink) = sink {
                    sink.chunk(chunk.chunk_index, &chunk.content);
                }
            }
            Body::StreamTrailer(trailer) => {
                let sink = state.open.remove(&name).flatten();
                drop(state);
                if let Some(sink) = sink {
                    sink.close(&trailer.reason);
                }
            }
            Body::Other => {}
        }
        true
    }
}

impl DataTap for Tap {
    fn on_packet(&self, raw: &Bytes) -> bool {
        // What cannot be decoded is livekit's to refuse.
        Packet::decode(raw.clone()).is_ok_and(|packet| self.handle(packet))
    }
}

impl State {
    fn is_early(&self, (sid, stream_id): &StreamName) -> bool {
        self.early.iter().any(|packet| {
            *packet.participant_sid == **sid
                && matches!(&packet.body, Body::StreamHeader(header) if *header.stream_id == **stream_id)
        })
    }

    fn keep_early(&mut self, packet: Packet) {
        let size = match &packet.body {
            Body::StreamChunk(chunk) => chunk.content.len(),
            _ => 0,
        } + std::mem::size_of::<Packet>();
        if self.early_bytes + size > MAX_EARLY_BYTES {
            tracing::warn!("{} sends before the room knows it; a packet was dropped", packet.participant_identity);
            return;
        }
        self.early_bytes += size;
        self.early.push_back(packet);
    }
}

/// Plain video: compressed or encrypted streams are livekit's to unpack.
fn is_ours(header: &StreamHeader) -> bool {
    header.topic == v0::TOPIC && header.is_plain()
}
