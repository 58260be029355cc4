// SPDX-License-Identifier: Apache-2.0
//! Counters of the two sessions. Everything that was refused or dropped is in one of them, so that
//! accepted = done + dropped + queued (+ the frame being written) holds at any moment.

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
    /// Streams refused: not from the sender, bad attributes, over a limit.
    pub streams_refused: u64,
    /// Chunks of streams that are not open: header never seen, refused, cleared or ended.
    pub chunks_unknown: u64,
    /// Chunks that never came, by their index.
    pub chunks_lost: u64,
    /// Chunks that came again.
    pub chunks_repeated: u64,
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
    /// Frames not taken: queue full under the policy to refuse, or over the size limit.
    pub refused: u64,
    /// Segments whose stream was opened.
    pub segments_started: u64,
    /// Segments whose stream was ended.
    pub segments_finished: u64,
    /// Playback-finished events, made-up ones included.
    pub playback_finished: u64,
    /// Playback-finished of the peer that no segment waited for.
    pub playback_unmatched: u64,
    /// Events dropped because nobody took them.
    pub events_dropped: u64,
}
