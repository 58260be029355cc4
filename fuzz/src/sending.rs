// SPDX-License-Identifier: Apache-2.0
//! The application of an output: in come the events that it takes.
//!
//! Invariant, checked with each event: a segment is finished once, and started to be played once at most and before that.

use std::collections::BTreeSet;

use lkvideo::session::{OutputEvent, OutputStats};

/// See the module's head.
#[derive(Debug, Default)]
pub struct Application {
    playing: BTreeSet<u64>,
    finished: BTreeSet<u64>,
}

impl Application {
    /// The next event.
    pub fn see(&mut self, event: &OutputEvent) {
        match *event {
            OutputEvent::PlaybackStarted { segment } => {
                assert!(!self.finished.contains(&segment), "segment {segment} is played after its finish");
                assert!(self.playing.insert(segment), "segment {segment} is played twice");
            }
            OutputEvent::PlaybackFinished { segment, interrupted, made_up, .. } => {
                assert!(self.finished.insert(segment), "segment {segment} is finished twice");
                assert!(interrupted || !made_up, "a made-up finish says that all was played");
            }
            OutputEvent::Error { .. } => {}
        }
    }

    /// The output is closed, and everything has been taken.
    pub fn end(&self, stats: &OutputStats) {
        assert_eq!(stats.playback_finished, stats.segments_started, "a segment without a finish");
        assert_eq!(stats.segments_finished, stats.segments_started, "a segment without an end");
        let started = 1..=stats.segments_started;
        assert!(stats.events_dropped > 0 || self.finished.iter().copied().eq(started), "{:?}", self.finished);
    }
}

/// Every frame that was taken is in one counter; `writing`: one is being written.
pub fn check_counters(stats: &OutputStats, writing: bool) {
    let dropped = stats.dropped_cleared + stats.dropped_oldest + stats.dropped_newest + stats.dropped_late;
    let dropped = dropped + stats.dropped_disconnected + stats.dropped_unsupported;
    assert_eq!(stats.frames_accepted, stats.frames_sent + dropped + stats.queue_frames + u64::from(writing));
    assert_eq!(stats.refused, stats.refused_full + stats.refused_large);
    assert!(stats.segments_started - stats.segments_finished <= 1);
}
