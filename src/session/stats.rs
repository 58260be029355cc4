// SPDX-License-Identifier: Apache-2.0
//! Counters of the two sessions. Everything that was refused or dropped is in one of them, so that
//! accepted = done + dropped + queued (+ the frame being written) holds at any moment; a few figures of the path beside
//! them.

use std::time::Duration;

/// Counters of a receiver, since its creation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReceiverStats {
    /// Frames queued now.
    pub queue_frames: u64,
    /// Bytes of the frames queued now.
    pub queue_bytes: u64,
    /// Whole frames that arrived.
    pub frames_received: u64,
    /// Chunk bytes taken.
    pub bytes_received: u64,
    /// Frames handed to the application.
    pub frames_delivered: u64,
    /// Queued frames dropped for newer ones.
    pub dropped_oldest: u64,
    /// Frames dropped because the queue was full.
    pub dropped_newest: u64,
    /// Queued frames dropped by a clear.
    pub dropped_cleared: u64,
    /// Frames whose stream ended or lost a chunk inside them.
    pub dropped_truncated: u64,
    /// Segments started.
    pub segments_started: u64,
    /// Segments ended.
    pub segments_ended: u64,
    /// Segments that went on in another stream.
    pub segments_resumed: u64,
    /// Streams refused, for any of the five causes below.
    pub streams_refused: u64,
    /// Not from the sender.
    pub refused_foreign: u64,
    /// Attributes that are no video.
    pub refused_bad: u64,
    /// Frames over the limit.
    pub refused_large: u64,
    /// The application takes segments too slowly.
    pub refused_many: u64,
    /// Of another session, or of a segment that is over or cleared.
    pub refused_stale: u64,
    /// Chunks of streams that are not open: header never seen, refused, cleared or ended.
    pub chunks_unknown: u64,
    /// Chunks that never came, by their index.
    pub chunks_lost: u64,
    /// Chunks that came again.
    pub chunks_repeated: u64,
    /// Chunks that were not as they should be.
    pub chunks_refused: u64,
    /// Frames that were sent and did not arrive whole, by their numbers.
    pub frames_lost: u64,
    /// Control messages and calls that were refused: of somebody else, for another session or label, that claim what
    /// cannot be, or that cannot be read.
    pub messages_stale: u64,
    /// Full reconnects of the room.
    pub reconnects: u64,
    /// Which version the sender spoke last; `None` while that is not known.
    pub version: Option<u32>,
    /// What the sender may be ahead by, in bytes; 0 in version 0.
    pub window: u64,
    /// Smoothed, where it is known.
    pub round_trip: Option<Duration>,
    /// From a frame's writing to its arrival, smoothed, if the clocks of both sides agree.
    pub latency: Option<Duration>,
}

/// Counters of an output, since its creation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OutputStats {
    /// Frames queued now.
    pub queue_frames: u64,
    /// Bytes of the frames queued now.
    pub queue_bytes: u64,
    /// Frames taken from the application, also those that its policy then dropped.
    pub frames_accepted: u64,
    /// Their bytes.
    pub bytes_accepted: u64,
    /// Frames written whole.
    pub frames_sent: u64,
    /// Their bytes.
    pub bytes_sent: u64,
    /// Frames dropped by a clear.
    pub dropped_cleared: u64,
    /// Queued frames dropped for newer ones.
    pub dropped_oldest: u64,
    /// Frames dropped because the queue was full.
    pub dropped_newest: u64,
    /// Frames dropped because they had waited too long.
    pub dropped_late: u64,
    /// Frames lost with their stream, the destination or the room, or still queued at close.
    pub dropped_disconnected: u64,
    /// Frames that the receiver cannot take.
    pub dropped_unsupported: u64,
    /// Frames not taken, for either cause below.
    pub refused: u64,
    /// The queue was full under the policy to refuse.
    pub refused_full: u64,
    /// Over the size limit.
    pub refused_large: u64,
    /// Segments whose stream was opened.
    pub segments_started: u64,
    /// Segments whose stream was ended.
    pub segments_finished: u64,
    /// Times that a segment went on in another stream.
    pub segments_resumed: u64,
    /// Playback-finished events, made-up ones included.
    pub playback_finished: u64,
    /// Playback-finished of the peer that no segment waited for.
    pub playback_unmatched: u64,
    /// Events dropped because nobody took them.
    pub events_dropped: u64,
    /// Control messages and calls that were refused: of somebody else, for another session or label, not for senders, or
    /// that cannot be read.
    pub messages_stale: u64,
    /// Full reconnects of the room.
    pub reconnects: u64,
    /// Which version is spoken; `None` while that is not known.
    pub version: Option<u32>,
    /// Bytes that the receiver lets us send, in version 1.
    pub credit: Option<u64>,
    /// Time for which a frame had to wait for credit.
    pub blocked: Duration,
    /// Smoothed, where it is known.
    pub round_trip: Option<Duration>,
}
