// SPDX-License-Identifier: Apache-2.0
//! What an output says and hears beside its streams in version 1: the hello, credit, clears, playback.
//!
//! Nothing here waits for a stream, nor do streams wait for it, but for the hello and for credit.

use super::super::agreement::{Outcome, Version};
use super::super::events::{Answer, CallId, ErrorKind, HelloFailure, OutputRequest, TransportResult};
use super::super::playback::CLEARED_FINISH;
use super::link::Cleared;
use super::stream::BrokenOff;
use super::OutputSession;
use crate::wire::v1::control::{Body, Control};
use crate::wire::v1::hello::{Accepted, HelloAnswer};
use crate::wire::v1::{rpc, Id, Label};
use std::time::Instant;

impl OutputSession {
    /// Which of our outputs to this destination it is.
    pub fn label(&self) -> &Label {
        &self.link.label
    }

    /// The next call or message to send, which waits for nothing. Until `None`, after every input, and when
    /// `poll_timeout` says so.
    pub fn poll_request(&mut self, now: Instant) -> Option<OutputRequest> {
        self.timeout(now);
        if !self.may_ask() {
            return None;
        }
        let open = self.stream.as_ref().filter(|stream| stream.version == Version::V1 && !stream.lost);
        let open = open.map(|stream| stream.segment);
        let Self { link, unfinished, .. } = self;
        link.poll(open, || unfinished.all_ended(), now)
    }

    /// What time it is, in microseconds since 1970: for the frames' headers.
    pub fn set_clock(&mut self, now: Instant, unix_us: i64) {
        self.link.clock.set(now, unix_us);
    }

    /// The answer to `Hello`.
    pub fn hello_answered(&mut self, id: CallId, result: Result<HelloAnswer, HelloFailure>, now: Instant) {
        if !self.link.is_hello(id, &result) {
            return;
        }
        let spoke_v1 = self.link.speaks_v1();
        match self.link.agreement.answered(result, now) {
            Outcome::Open => {}
            Outcome::V0 => {
                if spoke_v1 {
                    self.receiver_gone(BrokenOff::DestinationLeft);
                }
                if !self.link.label.as_str().is_empty() {
                    self.link.agreement.not_as_it_is(now);
                    self.report(ErrorKind::Unsupported, "the destination does not know labels".to_owned());
                }
            }
            Outcome::V1 { replaced, accepted } => self.agreed(replaced, &accepted, now),
            Outcome::Refused(why) => self.report(ErrorKind::Refused, why.to_owned()),
            Outcome::NoCodec => {
                let message = "the destination does not take raw frames".to_owned();
                self.report(ErrorKind::Unsupported, message);
            }
        }
    }

    /// The answer to `Clear`; an error if it was rejected, failed or did not come in time. It is repeated, with a bound.
    pub fn clear_call_answered(&mut self, id: CallId, result: TransportResult, now: Instant) {
        let cleared = self.link.clear_answered(id, result.is_ok(), now);
        if let (Cleared::Failed, Err(message)) = (cleared, result) {
            self.report(ErrorKind::Rpc, message);
        }
    }

    /// A call or a control message was refused before it came here.
    pub fn message_refused(&mut self) {
        self.stats.messages_stale += 1;
    }

    /// A control message of this label came.
    pub fn control(&mut self, caller_is_destination: bool, message: &Control, now: Instant) {
        let present = |session: &Id| self.link.session.as_ref() == Some(session);
        match &message.body {
            _ if !caller_is_destination || message.label != self.link.label => self.stats.messages_stale += 1,
            Body::Credit { session, limit } if present(session) => self.link.allowance.granted(*limit),
            Body::Ready { .. } => {
                if self.link.agreement.ready(self.stream.is_some(), now) {
                    self.lose_stream();
                }
            }
            Body::Ping { token } => self.link.ping_came(*token),
            Body::Pong { token } => {
                self.link.round_trip.pong(*token, now);
            }
            // Every frame is decodable alone.
            Body::KeyFrame { .. } => {}
            Body::Credit { .. } | Body::Blocked { .. } | Body::KeepAlive { .. } | Body::Clear { .. } => {
                self.stats.messages_stale += 1;
            }
        }
    }

    /// Whether a frame waits for credit: grants are many, and concern nobody else.
    pub fn is_blocked(&self) -> bool {
        self.link.allowance.is_blocked()
    }

    /// A participant calls playback-finished in version 1. Repeats are counted and change nothing.
    pub fn segment_finished(&mut self, caller_is_destination: bool, message: &rpc::PlaybackFinished) -> Answer {
        if !caller_is_destination {
            return Answer::Reject;
        }
        let ours = self.is_ours(&message.label, &message.session);
        match ours.then(|| self.unfinished.segment_finished(message.segment, &message.played)).flatten() {
            Some(event) => self.finish(event),
            None => self.stats.playback_unmatched += 1,
        }
        Answer::Ok
    }

    /// A participant calls playback-started.
    pub fn segment_playing(&mut self, caller_is_destination: bool, message: &rpc::PlaybackStarted) -> Answer {
        if !caller_is_destination {
            return Answer::Reject;
        }
        if self.is_ours(&message.label, &message.session) {
            let event = self.unfinished.playback_started(message.segment);
            event.into_iter().for_each(|event| self.push_event(event));
        } else {
            self.stats.messages_stale += 1;
        }
        Answer::Ok
    }

    // ---- helpers ----

    /// Whether anything may be said to the destination.
    pub(super) fn may_ask(&self) -> bool {
        self.destination_present && self.transport_ready && !self.reconnecting && !self.closed
    }

    pub(super) fn clear_v1(&mut self, now: Instant) {
        self.break_off(BrokenOff::Cleared);
        // A segment that is being started is cleared when it has.
        if self.stats.segments_started > 0 {
            self.say_clear(self.stats.segments_started, now);
        }
    }

    pub(super) fn say_clear(&mut self, through: u64, now: Instant) {
        self.link.clear(through, now);
        self.unfinished.cleared(through, now + CLEARED_FINISH);
    }

    /// Who has agreed to version 1 will not be heard of again.
    pub(super) fn receiver_gone(&mut self, why: BrokenOff) {
        self.link.receiver_gone();
        if self.stream.as_ref().is_some_and(|stream| stream.version == Version::V1) {
            self.break_off(why);
        }
        self.make_up_finishes(|version| version == Version::V1);
        self.unfinished.forget_position();
        // Whoever comes next need not learn of what nobody waits for.
        self.hello_wanted = false;
    }

    fn agreed(&mut self, replaced: bool, accepted: &Accepted, now: Instant) {
        if replaced {
            self.receiver_gone(BrokenOff::DestinationLeft);
        }
        self.link.allowance.agreed(accepted.limit);
        let Some(stream) = self.stream.as_ref().filter(|stream| stream.version == Version::V1) else { return };
        // Else the receiver has ended it, or never heard of it.
        if !accepted.open.iter().any(|open| open.segment == stream.segment) {
            self.break_off(BrokenOff::Restarted);
        }
        self.timeout(now);
    }

    fn is_ours(&self, label: &Label, session: &Id) -> bool {
        *label == self.link.label && self.link.session.as_ref() == Some(session)
    }
}
