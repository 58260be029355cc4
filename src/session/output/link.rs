// SPDX-License-Identifier: Apache-2.0
//! What an output knows of its receiver in version 1: the agreement, the credit, the calls and messages beside the
//! stream.
//!
//! Messages are made when the driver asks for them, out of what is due, so that none of them waits in a queue: they say
//! where something stands. Invariant: at most one hello, said twice, and one clear are on their way; a clear is repeated
//! until it is answered, with a bound.

use super::super::agreement::{Agreement, Asking, Version};
use super::super::credit::Allowance;
use super::super::events::{CallId, HelloFailure, OutputRequest};
use super::super::round_trip::{RoundTrip, WallClock};
use crate::frame::Frame;
use crate::wire::v1::control::{Body, Control};
use crate::wire::v1::hello::{EndedSegment, HelloAnswer, HelloRequest};
use crate::wire::v1::{rpc, Codec, Id, Label, VERSION};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Between signs of life in an open segment.
pub(super) const KEEP_ALIVE: Duration = Duration::from_secs(2);
/// The driver waits so long for the answer to a clear of version 1.
pub const CLEAR_CALL_TIMEOUT: Duration = Duration::from_secs(2);
/// Calls of one clear.
const CLEAR_ATTEMPTS: u32 = 4;
/// Between a clear that failed and its repetition.
const CLEAR_RETRY: Duration = Duration::from_millis(500);
/// Pings that wait for their answer; more are not answered.
const MAX_PONGS: usize = 8;

#[derive(Debug)]
pub(super) struct Link {
    pub(super) label: Label,
    pub(super) session: Option<Id>,
    pub(super) agreement: Agreement,
    pub(super) allowance: Allowance,
    pub(super) round_trip: RoundTrip,
    pub(super) clock: WallClock,
    /// The calls of the hello that are on their way, in their order.
    hello: Vec<CallId>,
    clear: Option<Clear>,
    pongs: VecDeque<u64>,
    last_call: u64,
    /// While a segment is open: when to say so next.
    keep_alive_at: Option<Instant>,
    ping_due: bool,
}

/// A clear that the receiver has not confirmed.
#[derive(Debug)]
struct Clear {
    through: u64,
    /// The notice on the lossy channel is to be sent.
    notice: bool,
    attempts: u32,
    call: Option<CallId>,
    /// When to call next.
    at: Instant,
}

/// What became of a clear.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Cleared {
    /// It was answered, is asked again, or nobody waits for it.
    Settled,
    /// Nobody answered any of the calls.
    Failed,
}

impl Link {
    pub(super) fn new(label: Label, session: Option<Id>) -> Self {
        Self {
            label,
            agreement: Agreement::new(session.is_some()),
            session,
            allowance: Allowance::default(),
            round_trip: RoundTrip::of_output(),
            clock: WallClock::default(),
            hello: Vec::new(),
            clear: None,
            pongs: VecDeque::new(),
            last_call: 0,
            keep_alive_at: None,
            ping_due: false,
        }
    }

    pub(super) fn version(&self) -> Option<Version> {
        self.agreement.version()
    }

    /// Whether a frame may be sent, as far as is agreed.
    pub(super) fn takes(&self, frame: &Frame) -> bool {
        let terms = self.agreement.terms().filter(|_| self.version() == Some(Version::V1));
        terms.is_none_or(|terms| terms.takes(frame))
    }

    /// Whether version 1 was agreed on with a receiver that is not gone.
    pub(super) fn speaks_v1(&self) -> bool {
        self.agreement.terms().is_some()
    }

    /// A segment is open from now on.
    pub(super) fn segment_opened(&mut self, now: Instant) {
        self.keep_alive_at = Some(now + KEEP_ALIVE);
        self.ping_due = true;
    }

    /// None is.
    pub(super) fn segment_closed(&mut self) {
        self.keep_alive_at = None;
        self.allowance.unblock();
    }

    /// Segments up to this one are cleared. While that is being said it need not be said again.
    pub(super) fn clear(&mut self, through: u64, now: Instant) {
        if self.clear.as_ref().is_some_and(|clear| clear.through == through) {
            return;
        }
        self.clear = Some(Clear { through, notice: true, attempts: 0, call: None, at: now });
    }

    /// Whether a clear waits to be sent for the first time.
    pub(super) fn clear_waits(&self) -> bool {
        self.clear.as_ref().is_some_and(|clear| clear.attempts == 0)
    }

    /// The receiver is gone, and with it whom messages were for.
    pub(super) fn receiver_gone(&mut self) {
        self.clear = None;
        self.pongs.clear();
        self.allowance.unblock();
    }

    pub(super) fn ping_came(&mut self, token: u64) {
        if self.pongs.len() < MAX_PONGS {
            self.pongs.push_back(token);
        }
    }

    /// Whether this is what comes of the hello that is on its way: the answer to any of its calls, but a refusal only
    /// to the last, since the receiver may be ready by then; or the failure of the first, which has had the whole time.
    pub(super) fn is_hello(&mut self, id: CallId, result: &Result<HelloAnswer, HelloFailure>) -> bool {
        let Some(index) = self.hello.iter().position(|call| *call == id) else { return false };
        let settles = match result {
            Ok(HelloAnswer::Ok(_)) | Err(HelloFailure::Unsupported) => true,
            Ok(HelloAnswer::NotReady | HelloAnswer::Busy | HelloAnswer::Rejected) => index + 1 == self.hello.len(),
            Err(HelloFailure::Failed(_)) => index == 0,
        };
        if settles {
            self.hello.clear();
        } else {
            self.hello.remove(index);
        }
        settles
    }

    pub(super) fn clear_answered(&mut self, id: CallId, ok: bool, now: Instant) -> Cleared {
        let Some(clear) = self.clear.as_mut().filter(|clear| clear.call == Some(id)) else { return Cleared::Settled };
        clear.call = None;
        clear.at = now + CLEAR_RETRY;
        let over = ok || clear.attempts >= CLEAR_ATTEMPTS;
        if over {
            self.clear = None;
        }
        if over && !ok {
            Cleared::Failed
        } else {
            Cleared::Settled
        }
    }

    /// What is to be sent now. `open`: the segment that is open; `ended`: those that wait for their finish.
    pub(super) fn poll(
        &mut self,
        open: Option<u64>,
        ended: impl FnOnce() -> Vec<EndedSegment>,
        now: Instant,
    ) -> Option<OutputRequest> {
        let session = self.session.clone()?;
        if let Some(clear) = &mut self.clear {
            let through_segment = clear.through;
            if std::mem::take(&mut clear.notice) {
                return Some(self.message(Body::Clear { session, through_segment }, false));
            }
            if clear.call.is_none() && clear.at <= now {
                clear.attempts += 1;
                self.last_call += 1;
                let id = CallId(self.last_call);
                clear.call = Some(id);
                let message = rpc::Clear { label: self.label.clone(), session, through_segment };
                return Some(OutputRequest::Clear { id, message });
            }
        }
        if self.allowance.is_unanswered() {
            self.allowance.unblock();
            self.agreement.renew(now);
        }
        if let Some(asking) = self.agreement.ask(now) {
            self.last_call += 1;
            let id = CallId(self.last_call);
            if asking == Asking::Anew {
                self.hello.clear();
            }
            self.hello.push(id);
            let (label, ended) = (self.label.clone(), ended());
            let (codecs, features) = (vec![Codec::Raw], Vec::new());
            let message = HelloRequest { version: VERSION, label, session, codecs, features, ended };
            return Some(OutputRequest::Hello { id, message });
        }
        if self.version() != Some(Version::V1) {
            return None;
        }
        if let Some(token) = self.pongs.pop_front() {
            return Some(self.message(Body::Pong { token }, false));
        }
        let offset = self.allowance.offset();
        if self.allowance.announce(now) {
            return Some(self.message(Body::Blocked { session, offset }, true));
        }
        if std::mem::take(&mut self.ping_due) {
            let token = self.round_trip.ping(now);
            return Some(self.message(Body::Ping { token }, false));
        }
        // A stream that was lost while it was being opened has nothing to keep alive.
        self.keep_alive_at = self.keep_alive_at.filter(|_| open.is_some());
        if let (Some(segment), true) = (open, self.keep_alive_at.is_some_and(|at| at <= now)) {
            self.segment_opened(now);
            return Some(self.message(Body::KeepAlive { session, segment, offset }, true));
        }
        None
    }

    /// When something is to be sent at the latest.
    pub(super) fn due(&self) -> Option<Instant> {
        let clear = self.clear.as_ref().filter(|clear| clear.call.is_none()).map(|clear| clear.at);
        let agreed = self.version() == Some(Version::V1);
        let beats = [self.keep_alive_at, self.allowance.due()].into_iter().flatten().filter(|_| agreed);
        beats.chain(clear).chain(self.agreement.due()).min()
    }

    fn message(&self, body: Body, reliable: bool) -> OutputRequest {
        OutputRequest::Control { message: Control { label: self.label.clone(), body }, reliable }
    }
}
