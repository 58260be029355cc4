// SPDX-License-Identifier: Apache-2.0
//! Which segment a playback-finished belongs to. v0 does not say, so both sides count: the receiver's
//! [`Notifications`] sends at most one for each segment, the output's [`Unfinished`] gives each one that comes to the
//! oldest segment that waits. Invariant of the latter: every segment started gets exactly one finish, the peer's or a
//! made-up one.

use super::events::{NotifyAnswer, NotifyId, OutputEvent, ReceiverEvent, ReceiverRequest, SessionError};
use crate::wire::v0::PlaybackFinished;
use std::collections::VecDeque;
use std::sync::Arc;

/// Segments remembered for a playback-finished. An application that never notifies (or a peer that never does)
/// makes the oldest be forgotten (or finished by us) beyond it.
pub(super) const MAX_WAITING_SEGMENTS: usize = 1024;

/// The receiver's side.
#[derive(Debug, Default)]
pub(super) struct Notifications {
    /// Segments started and not notified yet, oldest first, with their senders.
    waiting: VecDeque<(u64, Arc<str>)>,
    requests: VecDeque<ReceiverRequest>,
    in_flight: Vec<InFlight>,
    last_id: u64,
}

#[derive(Debug)]
struct InFlight {
    id: NotifyId,
    segment: u64,
    position_us: i64,
}

impl Notifications {
    /// A segment of this sender was started.
    pub(super) fn segment_started(&mut self, segment: u64, sender: Arc<str>) {
        if self.waiting.len() == MAX_WAITING_SEGMENTS {
            self.waiting.pop_front();
        }
        self.waiting.push_back((segment, sender));
    }

    /// Makes the request for this segment; 0 means the oldest that waits. The application knows those up to `known`.
    pub(super) fn notify(
        &mut self,
        segment: u64,
        known: u64,
        message: PlaybackFinished,
    ) -> Result<NotifyId, SessionError> {
        let matches = |waiting: u64| waiting <= known && (segment == 0 || waiting == segment);
        let index = self.waiting.iter().position(|(waiting, _)| matches(*waiting));
        let (segment, sender) = index.and_then(|index| self.waiting.remove(index)).ok_or(SessionError::NotFound)?;
        self.last_id += 1;
        let id = NotifyId(self.last_id);
        self.in_flight.push(InFlight { id, segment, position_us: message.position_us });
        let destination = sender.to_string();
        self.requests.push_back(ReceiverRequest::PlaybackFinished { id, destination, message });
        Ok(id)
    }

    pub(super) fn poll_request(&mut self) -> Option<ReceiverRequest> {
        self.requests.pop_front()
    }

    /// The event for an answer; `None` if nobody waits for it any more.
    pub(super) fn answered(&mut self, id: NotifyId, answer: NotifyAnswer) -> Option<ReceiverEvent> {
        let index = self.in_flight.iter().position(|request| request.id == id)?;
        let InFlight { segment, position_us, .. } = self.in_flight.remove(index);
        Some(ReceiverEvent::Notified { segment, position_us, answer })
    }

    /// No answer can come any more: the events that say so.
    pub(super) fn fail_all(&mut self, why: &str) -> Vec<ReceiverEvent> {
        self.waiting.clear();
        self.requests.clear();
        let failed = |InFlight { segment, position_us, .. }| {
            let answer = NotifyAnswer::Failed(why.to_owned());
            ReceiverEvent::Notified { segment, position_us, answer }
        };
        self.in_flight.drain(..).map(failed).collect()
    }
}

/// The output's side.
#[derive(Debug, Default)]
pub(super) struct Unfinished {
    /// Segments started, oldest first.
    segments: VecDeque<u64>,
    /// What the receiving application last told.
    last_position_us: i64,
}

impl Unfinished {
    /// A segment was started; the event for the one that is given up for it, if too many wait.
    pub(super) fn segment_started(&mut self, segment: u64) -> Option<OutputEvent> {
        self.segments.push_back(segment);
        (self.segments.len() > MAX_WAITING_SEGMENTS).then(|| self.make_up()).flatten()
    }

    /// The peer's finish goes to the oldest segment; `None` if none waits.
    pub(super) fn finished(&mut self, message: &PlaybackFinished) -> Option<OutputEvent> {
        let segment = self.segments.pop_front()?;
        let PlaybackFinished { position_us, interrupted } = *message;
        self.last_position_us = position_us;
        Some(OutputEvent::PlaybackFinished { segment, position_us, interrupted, made_up: false })
    }

    /// The finish of the oldest segment when the peer's can no longer come; `None` if none waits.
    pub(super) fn make_up(&mut self) -> Option<OutputEvent> {
        let segment = self.segments.pop_front()?;
        let position_us = self.last_position_us;
        Some(OutputEvent::PlaybackFinished { segment, position_us, interrupted: true, made_up: true })
    }

    /// The next peer counts its positions from zero.
    pub(super) fn forget_position(&mut self) {
        self.last_position_us = 0;
    }
}
