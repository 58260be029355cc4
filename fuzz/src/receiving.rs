// SPDX-License-Identifier: Apache-2.0
//! The application of a receiver, as it may be written by who has read `docs/wire.md`: in come the events that it takes.
//!
//! Invariant, checked with each event: a segment start has one end before the next start, frames lie between the two, in
//! order, with their losses told, none of a cleared segment comes after its clear, and each playback-finished is answered
//! once.

use lkvideo::session::{ReceiverEvent, ReceiverStats, SegmentCause};

/// See the module's head.
#[derive(Debug, Default)]
pub struct Application {
    open: Option<u64>,
    started: u64,
    next_number: u64,
    frames: u64,
    /// `Cleared` came after the last frame.
    cleared: bool,
    cleared_through: u64,
    notified: u64,
    answered: u64,
}

impl Application {
    /// No frame of this segment and of earlier ones may come any more.
    pub fn clear_through(&mut self, segment: u64) {
        self.cleared_through = self.cleared_through.max(segment);
    }

    /// A playback-finished was taken.
    pub fn notified(&mut self) {
        self.notified += 1;
    }

    /// The next event.
    pub fn see(&mut self, event: &ReceiverEvent) {
        match event {
            ReceiverEvent::SegmentStart { segment, .. } => {
                assert_eq!(self.open, None, "segments overlap");
                assert_eq!(*segment, self.started + 1, "segments are counted");
                (self.open, self.started, self.next_number) = (Some(*segment), *segment, 0);
            }
            ReceiverEvent::Frame(frame) => {
                let info = frame.info();
                assert_eq!(self.open, Some(info.segment), "a frame outside its segment");
                assert!(info.segment > self.cleared_through, "a frame of a cleared segment");
                assert!(info.number >= self.next_number, "a frame twice, or out of order");
                let lost = info.number - self.next_number;
                assert_eq!(u64::from(info.lost_before), lost.min(u32::MAX.into()), "a loss that is not told");
                self.next_number = info.number + 1;
                self.frames += 1;
                self.cleared = false;
            }
            ReceiverEvent::SegmentEnd { segment, frames, lost, cause } => {
                assert_eq!(self.open.take(), Some(*segment), "an end without its start");
                assert!(frames.saturating_add(*lost) >= self.next_number, "more frames than the end tells of");
                assert!(*cause != SegmentCause::Cleared || self.cleared, "an end as cleared before the clear");
            }
            ReceiverEvent::Cleared => self.cleared = true,
            ReceiverEvent::Notified { .. } => self.answered += 1,
            ReceiverEvent::Sender(_) | ReceiverEvent::Error { .. } => {}
        }
    }

    /// The receiver is closed, and everything has been taken.
    pub fn end(&self, stats: &ReceiverStats) {
        assert_eq!((self.open, stats.segments_started), (None, stats.segments_ended), "a segment without an end");
        assert_eq!((self.started, self.frames), (stats.segments_started, stats.frames_delivered));
        assert_eq!(self.notified, self.answered, "a playback-finished without an answer");
    }
}

/// Every frame that arrived is in one counter, and at most one segment is open.
pub fn check_counters(stats: &ReceiverStats) {
    let dropped = stats.dropped_oldest + stats.dropped_newest + stats.dropped_cleared;
    assert_eq!(stats.frames_received, stats.frames_delivered + dropped + stats.queue_frames);
    assert!(stats.segments_started - stats.segments_ended <= 1);
    let refused = stats.refused_foreign + stats.refused_bad + stats.refused_large;
    assert_eq!(stats.streams_refused, refused + stats.refused_many + stats.refused_stale);
}
