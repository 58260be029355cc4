// SPDX-License-Identifier: Apache-2.0
//! The output's side: segments that were started and have no finish yet. Invariant: every segment started gets exactly
//! one finish, the peer's or a made-up one.

use super::super::agreement::Version;
use super::super::events::OutputEvent;
use super::MAX_WAITING_SEGMENTS;
use crate::wire::v0::PlaybackFinished;
use crate::wire::v1::hello::EndedSegment;
use crate::wire::v1::EndReason;
use std::collections::VecDeque;
use std::time::Instant;

#[derive(Debug, Default)]
pub(in super::super) struct Unfinished {
    /// Oldest first.
    segments: VecDeque<Waiting>,
    /// What the receiving application last told.
    last_position_us: i64,
}

#[derive(Debug)]
struct Waiting {
    segment: u64,
    version: Version,
    playing: bool,
    /// Version 1: frames that were sent, and why it ended.
    ended: Option<(u64, EndReason)>,
    /// Nobody waits longer.
    until: Option<Instant>,
}

impl Unfinished {
    /// A segment was started; the event for the one that is given up for it, if too many wait.
    pub(in super::super) fn segment_started(&mut self, segment: u64, version: Version) -> Option<OutputEvent> {
        self.segments.push_back(Waiting { segment, version, playing: false, ended: None, until: None });
        (self.segments.len() > MAX_WAITING_SEGMENTS).then(|| self.make_up(|_| true)).flatten()
    }

    /// A segment of version 1 is over at the sender.
    pub(in super::super) fn ended(&mut self, segment: u64, frames: u64, reason: EndReason) {
        if let Some(waiting) = self.segments.iter_mut().find(|waiting| waiting.segment == segment) {
            waiting.ended = Some((frames, reason));
        }
    }

    /// Those of version 1 that are over, oldest first.
    pub(in super::super) fn all_ended(&self) -> Vec<EndedSegment> {
        let ended = self.segments.iter().filter_map(|waiting| {
            let (frames, reason) = waiting.ended?;
            Some(EndedSegment { segment: waiting.segment, frames, reason })
        });
        ended.collect()
    }

    /// Segments up to this one were cleared: their finishes come soon or never.
    pub(in super::super) fn cleared(&mut self, through: u64, until: Instant) {
        for waiting in self.segments.iter_mut().filter(|waiting| waiting.segment <= through) {
            waiting.until.get_or_insert(until);
        }
    }

    /// The peer's finish in version 0 goes to the oldest segment; `None` if none waits.
    pub(in super::super) fn finished(&mut self, message: &PlaybackFinished) -> Option<OutputEvent> {
        let index = self.segments.iter().position(|waiting| waiting.version == Version::V0)?;
        self.finish(index, message)
    }

    /// The peer's finish in version 1; `None` if the segment does not wait for one.
    pub(in super::super) fn segment_finished(
        &mut self,
        segment: u64,
        message: &PlaybackFinished,
    ) -> Option<OutputEvent> {
        self.finish(self.index_of(segment)?, message)
    }

    /// The peer shows this segment of version 1. Once.
    pub(in super::super) fn playback_started(&mut self, segment: u64) -> Option<OutputEvent> {
        let index = self.index_of(segment)?;
        let first = !std::mem::replace(&mut self.segments[index].playing, true);
        first.then_some(OutputEvent::PlaybackStarted { segment })
    }

    /// The finish of the oldest such segment when the peer's can no longer come; `None` if none waits.
    pub(in super::super) fn make_up(&mut self, which: impl Fn(Version) -> bool) -> Option<OutputEvent> {
        let index = self.segments.iter().position(|waiting| which(waiting.version))?;
        self.made_up(index)
    }

    /// The finish of a segment for which nobody waits longer.
    pub(in super::super) fn overdue(&mut self, now: Instant) -> Option<OutputEvent> {
        let overdue = |waiting: &Waiting| waiting.until.is_some_and(|until| until <= now);
        let index = self.segments.iter().position(overdue)?;
        self.made_up(index)
    }

    /// When the first segment is overdue.
    pub(in super::super) fn due(&self) -> Option<Instant> {
        self.segments.iter().filter_map(|waiting| waiting.until).min()
    }

    /// The next peer counts its positions from zero.
    pub(in super::super) fn forget_position(&mut self) {
        self.last_position_us = 0;
    }

    fn index_of(&self, segment: u64) -> Option<usize> {
        self.segments.iter().position(|waiting| waiting.segment == segment && waiting.version == Version::V1)
    }

    fn finish(&mut self, index: usize, message: &PlaybackFinished) -> Option<OutputEvent> {
        let Waiting { segment, .. } = self.segments.remove(index)?;
        let PlaybackFinished { position_us, interrupted } = *message;
        self.last_position_us = position_us;
        Some(OutputEvent::PlaybackFinished { segment, position_us, interrupted, made_up: false })
    }

    fn made_up(&mut self, index: usize) -> Option<OutputEvent> {
        let Waiting { segment, .. } = self.segments.remove(index)?;
        let position_us = self.last_position_us;
        Some(OutputEvent::PlaybackFinished { segment, position_us, interrupted: true, made_up: true })
    }
}
