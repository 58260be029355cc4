// SPDX-License-Identifier: Apache-2.0
//! Our streams in a LiveKit room, as data packets: a header, chunks, a trailer.
//!
//! They are given to `livekit` as they are, since its own stream writer sends one packet at a time through one task for
//! all streams of a room, which calls wait for, too. Several chunks of a frame are under way at once, but no more than
//! its gate lets through soon: what `livekit` has handed over and the far end has not acknowledged is kept at what the
//! path needs, so that a call or a clear does not wait behind seconds of video.
//!
//! Invariant: packets of a stream are handed over in order. A publication enters `livekit`'s queue when it is polled for
//! the first time, unless the runtime makes it yield, which is why it may not; those that wait while the room reconnects
//! are woken, and so polled, in the order in which they began to wait.

use crate::{
    driver::DriverError,
    wire::{v0, v1::record::Record},
};
use bytes::Bytes;
use futures_util::{stream::FuturesOrdered, Future, StreamExt as _};
use libwebrtc::rtc_data::Backlog;
use livekit::{participant::LocalParticipant, prelude::DataPacketKind};
use livekit_protocol::{
    data_packet::Value,
    data_stream::{header::ContentHeader, ByteHeader, Chunk, Header, Trailer},
    DataPacket,
};
use std::{
    collections::HashMap,
    sync::{
        atomic::{AtomicU64, Ordering::Relaxed},
        Arc,
    },
    time::SystemTime,
};

const MIME_TYPE: &str = "application/octet-stream";
/// Chunks under way at once: enough for `livekit`'s task to have the next when it has sent one, 120 kB.
const WINDOW: usize = 8;

/// What may be on its way while the path is not known, in bytes.
const GATE_START: u64 = 512 << 10;
/// The least and the most that may be on its way.
const GATE_LEAST: u64 = 128 << 10;
const GATE_MOST: u64 = 1 << 20;
/// A path that needs less than this has not been measured yet: the stack allows nothing inside SCTP.
const MEASURED: u64 = 192 << 10;

/// Publishes in one room.
#[derive(Clone)]
pub(super) struct Publisher {
    participant: LocalParticipant,
    backlog: Backlog,
    next_stream: Arc<AtomicU64>,
}

impl Publisher {
    pub fn new(participant: LocalParticipant, backlog: Backlog) -> Self {
        Self { participant, backlog, next_stream: Arc::new(AtomicU64::new(1)) }
    }

    /// Opens a stream to one destination.
    pub async fn open(
        &self,
        destination: &str,
        topic: &str,
        name: String,
        attributes: HashMap<String, String>,
    ) -> Result<Writer, DriverError> {
        let (identity, sid) = (self.participant.identity(), self.participant.sid());
        // Unique in the room for good: a session has its SID for itself.
        let stream_id = format!("{}_{}", sid.as_str(), self.next_stream.fetch_add(1, Relaxed));
        let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let header = Header {
            stream_id: stream_id.clone(),
            timestamp: i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX),
            topic: topic.to_owned(),
            mime_type: MIME_TYPE.to_owned(),
            attributes,
            content_header: Some(ContentHeader::ByteHeader(ByteHeader { name })),
            ..Default::default()
        };
        let envelope = DataPacket {
            participant_identity: identity.into(),
            participant_sid: sid.into(),
            destination_identities: vec![destination.to_owned()],
            ..Default::default()
        };
        let writer = Writer { publisher: self.clone(), envelope, stream_id, next_chunk: 0 };
        writer.publish(Value::StreamHeader(header)).await?;
        Ok(writer)
    }

    /// Keeps `livekit`'s gate at what the path needs. It begins anew, at 2 MiB, in a new session.
    fn follow_path(&self) {
        let wanted = gate(self.backlog.target());
        let set = self.participant.data_channel_buffered_amount_low_threshold(DataPacketKind::Reliable).unwrap_or(0);
        // Each change is an event for the room: small ones are left out.
        if wanted.abs_diff(set) > set / 8 {
            let _ = self.participant.set_data_channel_buffered_amount_low_threshold(wanted, DataPacketKind::Reliable);
        }
    }
}

/// Bytes that may be on their way before the next packet has to wait.
fn gate(target: u64) -> u64 {
    if target < MEASURED {
        GATE_START
    } else {
        target.clamp(GATE_LEAST, GATE_MOST)
    }
}

/// A stream that is being written.
pub(in crate::driver) struct Writer {
    publisher: Publisher,
    /// What all packets have in common.
    envelope: DataPacket,
    stream_id: String,
    next_chunk: u64,
}

impl Writer {
    /// Writes a frame in chunks of its own; ends when `livekit` has handed over the last. If this is dropped before, what
    /// was not handed over yet may be missing, and nothing but the trailer may follow.
    pub async fn write(&mut self, frame: &Bytes) -> Result<(), DriverError> {
        self.write_chunks(v0::chunks(frame).map(|content| content.to_vec())).await
    }

    /// The same for a frame of version 1.
    pub async fn write_record(&mut self, record: &Record) -> Result<(), DriverError> {
        let contents = record.chunks().map(|parts| {
            let mut content = Vec::with_capacity(parts.content_bytes());
            parts.write_to(&mut content);
            content
        });
        self.write_chunks(contents).await
    }

    async fn write_chunks(&mut self, contents: impl Iterator<Item = Vec<u8>>) -> Result<(), DriverError> {
        let mut under_way = FuturesOrdered::new();
        for content in contents {
            if under_way.len() == WINDOW {
                under_way.next().await.transpose()?;
            }
            self.publisher.follow_path();
            let chunk = Chunk {
                stream_id: self.stream_id.clone(),
                chunk_index: self.next_chunk,
                content,
                ..Default::default()
            };
            self.next_chunk += 1;
            under_way.push_back(self.publish(Value::StreamChunk(chunk)));
        }
        while let Some(published) = under_way.next().await {
            published?;
        }
        Ok(())
    }

    /// Sends the trailer; `reason` is empty when the stream is whole.
    pub async fn close(self, reason: &str, attributes: HashMap<String, String>) -> Result<(), DriverError> {
        let trailer = Trailer { stream_id: self.stream_id.clone(), reason: reason.to_owned(), attributes };
        self.publish(Value::StreamTrailer(trailer)).await
    }

    fn publish(&self, value: Value) -> impl Future<Output = Result<(), DriverError>> {
        let packet = DataPacket { value: Some(value), ..self.envelope.clone() };
        let published = self.publisher.participant.clone().publish_raw_data(packet, true);
        // A task that has used up its budget would have one yield after the other, and the next come first.
        let published = tokio::task::unconstrained(published);
        async { published.await.map_err(|e| DriverError::Io(e.to_string())) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gate_follows_the_path_within_bounds() {
        assert_eq!(gate(64 << 10), GATE_START);
        assert_eq!(gate(MEASURED), MEASURED);
        assert_eq!(gate(700_000), 700_000);
        assert_eq!(gate(1 << 40), GATE_MOST);
    }
}
