// SPDX-License-Identifier: Apache-2.0
//! Makes whole frames of the chunks of a stream of version 1, and says what is missing.
//!
//! Chunks enter as they arrive, with their index; each byte of payload is copied once, into the pooled buffer of its
//! frame, and whole frames leave, in order, each at most once. What is lost, cut off or wrong costs the frame that it
//! touches: the next record is right again. Invariant: at most one unfinished frame is held, of at most
//! [`RecordLimits::max_frame_bytes`]; a frame that leaves has the bytes, and as many of them, as its header says.

use bytes::Bytes;

use super::record::{FrameHeader, CHUNK_BYTES, MARKER_MORE, MARKER_START};
use super::{Codec, MAX_NUMBER};
use crate::frame::{FramePool, PooledBuffer};
use crate::wire::WireError;

/// What is taken.
#[derive(Clone, Debug)]
pub struct RecordLimits {
    /// Largest frame in bytes, as pixels and as payload.
    pub max_frame_bytes: usize,
    /// Codecs that were agreed.
    pub codecs: Vec<Codec>,
}

/// A whole frame.
#[derive(Clone, Debug, PartialEq)]
pub struct ReceivedFrame {
    /// What the sender said of it.
    pub header: FrameHeader,
    /// As many bytes as the header says.
    pub payload: Bytes,
    /// Frames missing directly before it.
    pub lost_before: u64,
}

/// Why a chunk was refused, and with it the rest of its record.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ChunkError {
    /// An index beyond [`MAX_NUMBER`]; the chunk is not looked at.
    #[error("chunk index {0} is out of range")]
    Index(u64),
    /// No marker, an unknown one, or nothing behind it.
    #[error("a chunk without a marker, or with nothing behind it")]
    Marker,
    /// A chunk goes on with a record where none is unfinished.
    #[error("a chunk goes on with a record that is over")]
    Stray,
    /// More bytes than the record has.
    #[error("a chunk goes past the end of its record")]
    Surplus,
    /// A frame before one that has arrived.
    #[error("frame {number} after frame {last}")]
    Number {
        /// Its number.
        number: u64,
        /// The number of the last one.
        last: u64,
    },
    /// An offset that does not fit the bytes that have arrived.
    #[error("offset {offset} where {expected} bytes are accounted for")]
    Offset {
        /// What the header says.
        offset: u64,
        /// What was counted here.
        expected: u64,
    },
    /// A codec that was not agreed.
    #[error("codec {} was not agreed", .0.name())]
    Codec(Codec),
    /// The content is too long or the header not as it should be.
    #[error(transparent)]
    Wire(#[from] WireError),
}

/// What did not become frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChunkCounts {
    /// Chunks that never came, or came after a later one.
    pub missing: u64,
    /// Chunks that came again or late, and were ignored.
    pub repeated: u64,
    /// Chunks that were refused.
    pub refused: u64,
    /// Frames that had begun and were given up.
    pub damaged_frames: u64,
}

/// Makes frames of one stream's chunks.
pub struct RecordAssembler {
    limits: RecordLimits,
    pool: FramePool,
    next_chunk: u64,
    next_frame: u64,
    /// Chunk bytes of the session up to the last chunk, as far as is known.
    offset: u64,
    /// Whether that is exact: no chunk was missed since.
    offset_is_exact: bool,
    state: State,
    counts: ChunkCounts,
}

enum State {
    /// The next chunk starts a record.
    Between,
    /// Inside a record.
    Inside(Unfinished),
    /// The rest of a record is of no use.
    Skipping,
}

struct Unfinished {
    header: FrameHeader,
    buffer: PooledBuffer,
    filled: usize,
}

impl RecordAssembler {
    /// An assembler of a new stream. `next_frame` is the number of the segment's first frame that has not arrived,
    /// `offset` how many bytes of the session are accounted for; both are 0 at a session's start.
    pub fn new(limits: RecordLimits, pool: FramePool, next_frame: u64, offset: u64) -> Self {
        Self {
            limits,
            pool,
            next_chunk: 0,
            next_frame,
            offset,
            offset_is_exact: false,
            state: State::Between,
            counts: ChunkCounts::default(),
        }
    }

    /// Takes a chunk; gives the frame that is whole with it. A chunk belongs to one record, so that there is at most
    /// one. After an error the assembler goes on with the next record.
    pub fn push(&mut self, index: u64, content: &[u8]) -> Result<Option<ReceivedFrame>, ChunkError> {
        self.push_parts(index, content, &[])
    }

    /// The same for a content in two parts, of which the first holds the marker and the record's header.
    pub fn push_parts(&mut self, index: u64, head: &[u8], body: &[u8]) -> Result<Option<ReceivedFrame>, ChunkError> {
        if index > MAX_NUMBER {
            self.counts.refused += 1;
            return Err(ChunkError::Index(index));
        }
        let Some(missing) = index.checked_sub(self.next_chunk) else {
            self.counts.repeated += 1;
            return Ok(None);
        };
        if missing > 0 {
            self.counts.missing += missing;
            self.offset_is_exact = false;
            self.give_up();
        }
        self.next_chunk = index + 1;
        let taken = self.take(head, body);
        self.offset = self.offset.saturating_add((head.len() + body.len()) as u64).min(MAX_NUMBER);
        taken.inspect_err(|_| {
            self.counts.refused += 1;
            self.give_up();
        })
    }

    /// The number of the first frame that has not arrived.
    pub fn next_frame(&self) -> u64 {
        self.next_frame
    }

    /// Chunk bytes of the session that are accounted for: arrived, or known to be lost.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Payload bytes of the frame that is not whole yet.
    pub fn partial(&self) -> usize {
        match &self.state {
            State::Inside(frame) => frame.filled,
            State::Between | State::Skipping => 0,
        }
    }

    /// What did not become frames so far.
    pub fn counts(&self) -> ChunkCounts {
        self.counts
    }

    fn take(&mut self, head: &[u8], body: &[u8]) -> Result<Option<ReceivedFrame>, ChunkError> {
        let bytes = head.len() + body.len();
        if bytes > CHUNK_BYTES {
            return Err(WireError::TooLong { what: "chunk", bytes, limit: CHUNK_BYTES }.into());
        }
        match head.split_first() {
            Some((&MARKER_START, record)) if bytes > 1 => self.start(record, body),
            Some((&MARKER_MORE, more)) if bytes > 1 => self.go_on(more, body),
            _ => Err(ChunkError::Marker),
        }
    }

    fn start(&mut self, record: &[u8], body: &[u8]) -> Result<Option<ReceivedFrame>, ChunkError> {
        self.give_up();
        let (header, payload) = FrameHeader::decode(record)?;
        self.check(&header)?;
        self.offset = header.offset;
        self.offset_is_exact = true;
        let buffer = self.pool.take(header.size);
        self.state = State::Inside(Unfinished { header, buffer, filled: 0 });
        self.fill(payload, body)
    }

    fn go_on(&mut self, more: &[u8], body: &[u8]) -> Result<Option<ReceivedFrame>, ChunkError> {
        match self.state {
            State::Inside(_) => self.fill(more, body),
            State::Between => Err(ChunkError::Stray),
            State::Skipping => Ok(None),
        }
    }

    /// Where the frame lies: moving it would wait for the stores of the copy before.
    fn fill(&mut self, payload: &[u8], body: &[u8]) -> Result<Option<ReceivedFrame>, ChunkError> {
        let State::Inside(frame) = &mut self.state else { return Ok(None) };
        let filled = frame.filled + payload.len() + body.len();
        let room = frame.buffer.get_mut(frame.filled..filled).ok_or(ChunkError::Surplus)?;
        let (first, second) = room.split_at_mut(payload.len());
        first.copy_from_slice(payload);
        second.copy_from_slice(body);
        frame.filled = filled;
        if filled < frame.header.size {
            return Ok(None);
        }
        let State::Inside(frame) = std::mem::replace(&mut self.state, State::Between) else { return Ok(None) };
        let lost_before = frame.header.number - self.next_frame;
        self.next_frame = frame.header.number + 1;
        Ok(Some(ReceivedFrame { header: frame.header, payload: frame.buffer.freeze(), lost_before }))
    }

    fn check(&self, header: &FrameHeader) -> Result<(), ChunkError> {
        if header.number < self.next_frame {
            return Err(ChunkError::Number { number: header.number, last: self.next_frame - 1 });
        }
        let (offset, expected) = (header.offset, self.offset);
        if offset < expected || (self.offset_is_exact && offset > expected) {
            return Err(ChunkError::Offset { offset, expected });
        }
        if !self.limits.codecs.contains(&header.codec) {
            return Err(ChunkError::Codec(header.codec));
        }
        let bytes = header.size.max(header.layout()?.size());
        if bytes > self.limits.max_frame_bytes {
            return Err(WireError::TooLong { what: "frame", bytes, limit: self.limits.max_frame_bytes }.into());
        }
        Ok(())
    }

    /// Waits for the next record.
    fn give_up(&mut self) {
        if let State::Inside(_) = std::mem::replace(&mut self.state, State::Skipping) {
            self.counts.damaged_frames += 1;
        }
    }
}
