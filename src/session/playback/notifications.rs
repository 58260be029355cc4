// SPDX-License-Identifier: Apache-2.0
//! The receiver's side: what is told to the sender about the segments that the application took.
//!
//! In version 0 a finish is sent once and in order, since its place is all that tells it apart. In version 1 calls name
//! their segment and are repeated, with a bound; since they overtake each other, a finish says which call is to be answered
//! before. Invariant: at most one finish is sent for each segment, the application's or, a while after a clear, one of the
//! library's.

use super::super::events::{ErrorKind, NotifyAnswer, NotifyId, ReceiverEvent, ReceiverRequest, SessionError};
use super::MAX_WAITING_SEGMENTS;
use crate::wire::v0::PlaybackFinished;
use crate::wire::v1::{rpc, Id, Label};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Calls of version 1 for one thing told.
const ATTEMPTS: u32 = 4;
/// After the first failure; twice as long after each further one.
const RETRY: Duration = Duration::from_millis(500);
/// Calls that wait or are on their way, to a sender that does not answer. Beyond it the library's own are left to the
/// sender to make up, and the application's have failed.
const MAX_CALLS: usize = 2 * MAX_WAITING_SEGMENTS;

/// What a segment of version 1 is called by its sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct WireSegment {
    pub(in super::super) label: Label,
    pub(in super::super) session: Id,
    pub(in super::super) segment: u64,
}

#[derive(Debug, Default)]
pub(in super::super) struct Notifications {
    /// Segments started and not notified by the application yet, oldest first.
    waiting: VecDeque<Waiting>,
    /// In the order of their ids.
    calls: VecDeque<Call>,
    /// Finishes of version 1 that no call brought, oldest first: the sender may ask for them.
    unheard: VecDeque<Call>,
    /// Those that the sender has answered, oldest first: it may have asked for them before.
    heard: VecDeque<(Id, u64)>,
    last_id: u64,
    last_position_us: i64,
}

#[derive(Debug)]
struct Waiting {
    segment: u64,
    sender: Arc<str>,
    /// In version 1.
    wire: Option<WireSegment>,
    playing: bool,
    /// The call that said so.
    start: Option<NotifyId>,
    /// When the library finishes it.
    finish_at: Option<Instant>,
    /// It has.
    finished: bool,
}

#[derive(Debug, Clone)]
struct Call {
    id: NotifyId,
    segment: u64,
    destination: Arc<str>,
    message: Message,
    /// The call that is to be answered before.
    after: Option<NotifyId>,
    state: State,
    attempts: u32,
    /// The application awaits the answer.
    awaited: bool,
}

#[derive(Debug, Clone)]
enum Message {
    V0(PlaybackFinished),
    Started(rpc::PlaybackStarted),
    Finished(rpc::PlaybackFinished),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// To be sent.
    Waits,
    /// On its way.
    Sent,
    /// To be sent again at this time.
    Failed(Instant),
}

impl Notifications {
    /// A segment of this sender was started.
    pub(in super::super) fn segment_started(&mut self, segment: u64, sender: Arc<str>, wire: Option<WireSegment>) {
        let waiting = Waiting { segment, sender, wire, playing: false, start: None, finish_at: None, finished: false };
        push_bounded(&mut self.waiting, waiting);
    }

    /// The application shows a segment that it knows: those up to `known`. In version 0 nobody is told.
    pub(in super::super) fn playing(&mut self, segment: u64, known: u64) -> Result<(), SessionError> {
        let index = self.waiting.iter().position(|waiting| waiting.segment == segment && segment <= known);
        let index = index.ok_or(SessionError::NotFound)?;
        let waiting = &mut self.waiting[index];
        let first = !std::mem::replace(&mut waiting.playing, true);
        if let (Some(wire), true, true) = (waiting.wire.clone(), first, self.calls.len() < MAX_CALLS) {
            let WireSegment { label, session, segment: number } = wire;
            let message = Message::Started(rpc::PlaybackStarted { label, session, segment: number });
            let sender = waiting.sender.clone();
            self.waiting[index].start = Some(self.call(segment, sender, message, None, false));
        }
        Ok(())
    }

    /// Makes the request for this segment; 0 means the oldest that waits. The application knows those up to `known`. For
    /// one that the library has finished there is none, only the event.
    pub(in super::super) fn notify(
        &mut self,
        segment: u64,
        known: u64,
        message: PlaybackFinished,
    ) -> Result<(NotifyId, Option<ReceiverEvent>), SessionError> {
        let matches = |waiting: u64| waiting <= known && (segment == 0 || waiting == segment);
        let index = self.waiting.iter().position(|waiting| matches(waiting.segment));
        let waiting = index.and_then(|index| self.waiting.remove(index)).ok_or(SessionError::NotFound)?;
        self.last_position_us = message.position_us;
        let Waiting { segment, sender, wire, start, finished, .. } = waiting;
        if finished {
            let (position_us, answer) = (message.position_us, NotifyAnswer::Ok);
            return Ok((self.next_id(), Some(ReceiverEvent::Notified { segment, position_us, answer })));
        }
        if self.calls.len() >= MAX_CALLS {
            let answer = NotifyAnswer::Failed("the sender has too many calls to answer".to_owned());
            let event = ReceiverEvent::Notified { segment, position_us: message.position_us, answer };
            return Ok((self.next_id(), Some(event)));
        }
        let message = wire.map_or(Message::V0(message), |wire| finish_of(wire, message));
        Ok((self.call(segment, sender, message, start, true), None))
    }

    /// Segments up to this one were cleared: those that the application does not finish until then, the library does.
    pub(in super::super) fn cleared(&mut self, through: u64, until: Instant) {
        let waits = |waiting: &Waiting| waiting.segment <= through && waiting.wire.is_some() && !waiting.finished;
        for waiting in self.waiting.iter_mut().filter(|waiting| waits(waiting)) {
            waiting.finish_at.get_or_insert(until);
        }
    }

    /// A segment is over that the application will never see.
    pub(in super::super) fn finish_unseen(&mut self, sender: Arc<str>, wire: WireSegment) {
        self.finish(0, sender, wire, None);
    }

    /// The sender says that a segment is over and that it waits for its finish. If nobody here is to finish it, it is told
    /// again what it has not heard, or that the segment was interrupted.
    pub(in super::super) fn awaited(&mut self, sender: Arc<str>, wire: WireSegment) {
        let is_it = |call: &Call| match &call.message {
            Message::Finished(told) => told.segment == wire.segment && told.session == wire.session,
            Message::V0(_) | Message::Started(_) => false,
        };
        let waits = |waiting: &Waiting| !waiting.finished && waiting.wire.as_ref() == Some(&wire);
        let heard = self.heard.iter().any(|(session, segment)| (session, *segment) == (&wire.session, wire.segment));
        if heard || self.waiting.iter().any(waits) || self.calls.iter().any(is_it) {
            return;
        }
        match self.unheard.iter().position(is_it).and_then(|index| self.unheard.remove(index)) {
            Some(Call { segment, destination, message, .. }) if self.calls.len() < MAX_CALLS => {
                self.call(segment, destination, message, None, false);
            }
            Some(_) => {}
            None => self.finish(0, sender, wire, None),
        }
    }

    pub(in super::super) fn timeout(&mut self, now: Instant) {
        let due = |waiting: &Waiting| waiting.finish_at.is_some_and(|at| at <= now);
        while let Some(waiting) = self.waiting.iter_mut().find(|waiting| due(waiting)) {
            waiting.finish_at = None;
            waiting.finished = true;
            let (segment, sender, start) = (waiting.segment, waiting.sender.clone(), waiting.start);
            if let Some(wire) = waiting.wire.clone() {
                self.finish(segment, sender, wire, start);
            }
        }
    }

    /// When something is to be done at the latest.
    pub(in super::super) fn due(&self) -> Option<Instant> {
        let retries = self.calls.iter().filter_map(|call| match call.state {
            State::Failed(at) => Some(at),
            State::Waits | State::Sent => None,
        });
        self.waiting.iter().filter_map(|waiting| waiting.finish_at).chain(retries).min()
    }

    /// Whether a call is to be sent.
    pub(in super::super) fn has_request(&self) -> bool {
        self.calls.iter().any(|call| call.state == State::Waits)
    }

    /// The start of the same segment, if its first call is on its way.
    fn before(&self, call: &Call) -> Option<NotifyId> {
        let start = self.calls.binary_search_by_key(&call.after?, |call| call.id).ok()?;
        let start = self.calls.get(start).filter(|start| start.state == State::Sent && start.attempts == 1)?;
        (call.attempts == 0).then_some(start.id)
    }

    pub(in super::super) fn poll_request(&mut self, now: Instant) -> Option<ReceiverRequest> {
        let index = self.calls.iter().position(|call| match call.state {
            State::Waits => true,
            State::Sent => false,
            State::Failed(at) => at <= now,
        })?;
        let after = self.before(&self.calls[index]);
        let call = &mut self.calls[index];
        call.state = State::Sent;
        call.attempts += 1;
        let (id, destination) = (call.id, call.destination.to_string());
        Some(match call.message.clone() {
            Message::V0(message) => ReceiverRequest::PlaybackFinished { id, destination, message },
            Message::Started(message) => ReceiverRequest::SegmentStarted { id, destination, message },
            Message::Finished(message) => ReceiverRequest::SegmentFinished { id, after, destination, message },
        })
    }

    /// The event for an answer; `None` if nobody waits for it, or the call is repeated.
    pub(in super::super) fn answered(
        &mut self,
        id: NotifyId,
        answer: NotifyAnswer,
        now: Instant,
    ) -> Option<ReceiverEvent> {
        let index = self.calls.iter().position(|call| call.id == id && call.state == State::Sent)?;
        let call = &mut self.calls[index];
        let repeated = !matches!(call.message, Message::V0(_)) && call.attempts < ATTEMPTS;
        if let (NotifyAnswer::Failed(_), true) = (&answer, repeated) {
            call.state = State::Failed(now + RETRY * 2u32.pow(call.attempts - 1));
            return None;
        }
        let call = self.calls.remove(index)?;
        match (&answer, &call.message) {
            (NotifyAnswer::Failed(_), Message::Finished(_)) => {
                push_bounded(&mut self.unheard, call.clone());
            }
            (NotifyAnswer::Ok, Message::Finished(told)) => {
                push_bounded(&mut self.heard, (told.session.clone(), told.segment));
            }
            _ => {}
        }
        call.outcome(answer)
    }

    /// No answer can come any more: the events that say so.
    pub(in super::super) fn fail_all(&mut self, why: &str) -> Vec<ReceiverEvent> {
        self.waiting.clear();
        self.unheard.clear();
        let failed = self.calls.drain(..).filter(|call| !matches!(call.message, Message::Started(_)));
        failed.filter_map(|call| call.outcome(NotifyAnswer::Failed(why.to_owned()))).collect()
    }

    fn finish(&mut self, segment: u64, sender: Arc<str>, wire: WireSegment, after: Option<NotifyId>) {
        if self.calls.len() < MAX_CALLS {
            let message = PlaybackFinished { position_us: self.last_position_us, interrupted: true };
            self.call(segment, sender, finish_of(wire, message), after, false);
        }
    }

    fn call(
        &mut self,
        segment: u64,
        destination: Arc<str>,
        message: Message,
        after: Option<NotifyId>,
        awaited: bool,
    ) -> NotifyId {
        let id = self.next_id();
        let (state, attempts) = (State::Waits, 0);
        self.calls.push_back(Call { id, segment, destination, message, after, state, attempts, awaited });
        id
    }

    fn next_id(&mut self) -> NotifyId {
        self.last_id += 1;
        NotifyId(self.last_id)
    }
}

impl Call {
    fn outcome(self, answer: NotifyAnswer) -> Option<ReceiverEvent> {
        let position_us = match self.message {
            Message::V0(played) | Message::Finished(rpc::PlaybackFinished { played, .. }) => played.position_us,
            Message::Started(_) => {
                let message = match answer {
                    NotifyAnswer::Ok => return None,
                    NotifyAnswer::Reject => "the sender rejected a playback-started".to_owned(),
                    NotifyAnswer::Failed(why) => why,
                };
                return Some(ReceiverEvent::Error { kind: ErrorKind::Rpc, message });
            }
        };
        self.awaited.then_some(ReceiverEvent::Notified { segment: self.segment, position_us, answer })
    }
}

fn finish_of(wire: WireSegment, played: PlaybackFinished) -> Message {
    let WireSegment { label, session, segment } = wire;
    Message::Finished(rpc::PlaybackFinished { label, session, segment, played })
}

/// Of more than the last [`MAX_WAITING_SEGMENTS`] the oldest is given up.
fn push_bounded<T>(queue: &mut VecDeque<T>, item: T) {
    if queue.len() == MAX_WAITING_SEGMENTS {
        queue.pop_front();
    }
    queue.push_back(item);
}
