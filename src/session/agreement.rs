// SPDX-License-Identifier: Apache-2.0
//! Which version an output speaks with its destination: asked by hello, kept until the destination goes.
//!
//! In come arrivals, `Ready`s, answers and failures; out comes when to say hello and what was agreed. A destination
//! that does not know the call speaks version 0 until it rejoins or says `Ready`; one that does not answer is spoken
//! to in version 0 for a segment, then asked again. One that has agreed before is asked until it answers or counts as
//! gone. Invariant: a version is known only while a destination is there and no hello is outstanding.

use super::events::HelloFailure;
use crate::frame::{Frame, PixelFormat};
use crate::wire::v1::hello::{Accepted, HelloAnswer};
use crate::wire::v1::{Codec, Id};
use std::time::{Duration, Instant};

/// Hellos without an answer before version 0 is spoken.
pub(super) const ATTEMPTS: u32 = 3;
/// The driver waits so long for the answer to a hello; one that fails sooner is not repeated before.
pub const HELLO_ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
/// One that is not answered so soon is said once more beside it: while data channels come up it may be lost, or its
/// answer.
pub(super) const REPEAT: Duration = Duration::from_millis(500);
/// After a failure of the transport nothing is tried for this time.
const PAUSE: Duration = Duration::from_secs(1);
/// A receiver that is not ready, busy or listening to others is asked again after this time, should its `Ready` be lost.
pub(super) const ASK_AGAIN: Duration = Duration::from_secs(10);
/// A destination that left and returns in this time was only connected anew: its segments go on.
pub(super) const RETURN_GRACE: Duration = Duration::from_secs(5);
/// A receiver that has agreed and is not heard of for this time is gone.
pub(super) const SILENCE: Duration = Duration::from_secs(30);

/// A `Ready` that comes so soon after the answer to a hello was on its way before; one that is meant is said again, later
/// than that.
pub(super) const CROSSING: Duration = Duration::from_secs(1);

/// What the receiver has agreed to.
#[derive(Debug, Clone)]
pub(super) struct Terms {
    receiver: Id,
    types: Vec<PixelFormat>,
    max_frame: u64,
}

impl Terms {
    pub(super) fn takes(&self, frame: &Frame) -> bool {
        self.types.contains(&frame.info().format) && frame.data().len() as u64 <= self.max_frame
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    V0,
    V1,
}

#[derive(Debug)]
enum State {
    /// Only version 0 is spoken here.
    Never,
    /// The destination is not there.
    Away,
    /// A hello is to be said at this time.
    Wanted(Instant),
    /// It is on its way. `ready`: the receiver has said that it is there since. `repeat_at`: when to say it once more.
    Asked {
        since: Instant,
        ready: bool,
        repeat_at: Option<Instant>,
    },
    /// The receiver said no; it is asked again at this time.
    Refused(Instant),
    /// Until it rejoins or is ready, or until the segment is over.
    V0 {
        for_good: bool,
    },
    V1,
}

/// A hello that is to be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asking {
    Anew,
    /// Beside the one that is on its way: the answer to either will do.
    Again,
}

/// What the answer to a hello changes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Nothing yet.
    Open,
    /// Version 0 is spoken.
    V0,
    /// Version 1 is spoken; with another receiver than before if it was `replaced`.
    V1 { replaced: bool, accepted: Accepted },
    /// The receiver listens to somebody else, or the label is taken.
    Refused(&'static str),
    /// It speaks version 1 and takes nothing that we can send.
    NoCodec,
}

/// See the module's head.
#[derive(Debug)]
pub(super) struct Agreement {
    state: State,
    /// With whom version 1 was spoken last, while it may return.
    terms: Option<Terms>,
    agreed_at: Option<Instant>,
    /// When whom the terms are with counts as gone.
    gone_at: Option<Instant>,
    failed: u32,
    /// Segments for which nobody answered.
    silent_segments: u32,
}

impl Agreement {
    /// `asks`: whether version 1 is spoken at all.
    pub(super) fn new(asks: bool) -> Self {
        let state = if asks { State::Away } else { State::Never };
        Self { state, terms: None, agreed_at: None, gone_at: None, failed: 0, silent_segments: 0 }
    }

    /// What is spoken; `None` while that is not known.
    pub(super) fn version(&self) -> Option<Version> {
        match self.state {
            State::Never | State::V0 { .. } => Some(Version::V0),
            State::V1 => Some(Version::V1),
            State::Away | State::Wanted(_) | State::Asked { .. } | State::Refused(_) => None,
        }
    }

    /// What was agreed last with a receiver that is not gone.
    pub(super) fn terms(&self) -> Option<&Terms> {
        self.terms.as_ref()
    }

    pub(super) fn destination_present(&mut self, present: bool, now: Instant) {
        if matches!(self.state, State::Never) {
            return;
        }
        (self.failed, self.silent_segments) = (0, 0);
        self.state = if present { State::Wanted(now) } else { State::Away };
        // Who returns within the grace is given the time that a hello may take.
        let patience = if present { SILENCE } else { RETURN_GRACE };
        self.gone_at = self.terms.as_ref().map(|_| now + patience);
    }

    /// The transport failed: asks again, in a while.
    pub(super) fn failed(&mut self, now: Instant) {
        self.renew(now + PAUSE);
    }

    /// Everything under way is lost: asks again.
    pub(super) fn renew(&mut self, now: Instant) {
        match self.state {
            State::Never | State::Away => {}
            State::V0 { .. } | State::Wanted(_) | State::Asked { .. } | State::Refused(_) | State::V1 => {
                (self.state, self.failed) = (State::Wanted(now), 0);
                if self.terms.is_some() {
                    self.gone_at.get_or_insert(now + SILENCE);
                }
            }
        }
    }

    /// The receiver says that it is there. Whether streams that are open in version 1 are to be begun anew.
    pub(super) fn ready(&mut self, stream_open: bool, now: Instant) -> bool {
        match &mut self.state {
            State::Never | State::Away => {}
            State::Asked { ready, repeat_at, .. } => {
                *ready = true;
                repeat_at.get_or_insert(now + REPEAT);
            }
            State::V0 { for_good } if stream_open => {
                *for_good = false;
                self.silent_segments = 0;
            }
            State::Wanted(_) | State::Refused(_) | State::V0 { .. } => {
                (self.failed, self.silent_segments) = (0, 0);
                self.state = State::Wanted(now);
            }
            State::V1 if self.agreed_at.is_some_and(|at| now < at + CROSSING) => {}
            State::V1 => {
                self.renew(now);
                return true;
            }
        }
        false
    }

    /// A segment of version 0 is over.
    pub(super) fn segment_over(&mut self, now: Instant) {
        if matches!(self.state, State::V0 { for_good: false }) {
            self.state = State::Wanted(now);
        }
    }

    /// The hello that is to be said at this time; it counts as said.
    pub(super) fn ask(&mut self, now: Instant) -> Option<Asking> {
        match &mut self.state {
            State::Wanted(at) | State::Refused(at) if *at <= now => {
                self.state = State::Asked { since: now, ready: false, repeat_at: Some(now + REPEAT) };
                Some(Asking::Anew)
            }
            State::Asked { repeat_at, .. } => repeat_at.take_if(|at| *at <= now).map(|_| Asking::Again),
            _ => None,
        }
    }

    pub(super) fn answered(&mut self, answer: Result<HelloAnswer, HelloFailure>, now: Instant) -> Outcome {
        let State::Asked { since, ready, .. } = self.state else { return Outcome::Open };
        match answer {
            Ok(HelloAnswer::Ok(accepted)) => self.accepted(accepted, now),
            Ok(_) | Err(_) if ready => {
                self.state = State::Wanted(now);
                Outcome::Open
            }
            Ok(answer) => {
                self.state = State::Refused(now + ASK_AGAIN);
                match answer {
                    HelloAnswer::Busy => Outcome::Refused("another output has this label"),
                    HelloAnswer::Rejected => Outcome::Refused("the destination listens to somebody else"),
                    HelloAnswer::NotReady | HelloAnswer::Ok(_) => Outcome::Open,
                }
            }
            Err(HelloFailure::Unsupported) => self.v0(true),
            Err(HelloFailure::Failed(_)) => {
                self.failed += 1;
                // Who was silent for a segment is asked once for the next.
                let attempts = if self.silent_segments == 0 { ATTEMPTS } else { 1 };
                if self.terms.is_some() || self.failed < attempts {
                    self.state = State::Wanted(now.max(since + HELLO_ANSWER_TIMEOUT));
                    return Outcome::Open;
                }
                self.silent_segments += 1;
                self.v0(self.silent_segments >= ATTEMPTS)
            }
        }
    }

    /// When the next hello is due.
    pub(super) fn due(&self) -> Option<Instant> {
        match self.state {
            State::Wanted(at) | State::Refused(at) => Some(at),
            State::Asked { repeat_at, .. } => repeat_at,
            State::Never | State::Away | State::V0 { .. } | State::V1 => None,
        }
    }

    /// When the receiver that has agreed counts as gone.
    pub(super) fn gone_at(&self) -> Option<Instant> {
        self.gone_at
    }

    /// Our own room is connected again: who was silent meanwhile is given its time anew.
    pub(super) fn reconnected(&mut self, now: Instant) {
        if !matches!(self.state, State::Away) {
            self.gone_at = self.gone_at.map(|_| now + SILENCE);
        }
    }

    /// Whether the receiver that has agreed is gone from now on.
    pub(super) fn is_gone(&mut self, now: Instant) -> bool {
        let gone = self.gone_at.is_some_and(|at| at <= now);
        if gone {
            self.gone_at = None;
            self.terms = None;
            self.failed = 0;
        }
        gone
    }

    /// The destination cannot be spoken to as it would have to be: it is asked again later.
    pub(super) fn not_as_it_is(&mut self, now: Instant) {
        self.state = State::Refused(now + ASK_AGAIN);
    }

    fn accepted(&mut self, accepted: Accepted, now: Instant) -> Outcome {
        if !accepted.codecs.contains(&Codec::Raw) {
            self.state = State::Refused(now + ASK_AGAIN);
            return Outcome::NoCodec;
        }
        let Accepted { receiver, types, max_frame, .. } = accepted.clone();
        let replaced = self.terms.as_ref().is_some_and(|terms| terms.receiver != receiver);
        self.terms = Some(Terms { receiver, types, max_frame });
        (self.state, self.gone_at, self.agreed_at) = (State::V1, None, Some(now));
        (self.failed, self.silent_segments) = (0, 0);
        Outcome::V1 { replaced, accepted }
    }

    fn v0(&mut self, for_good: bool) -> Outcome {
        self.state = State::V0 { for_good };
        (self.terms, self.gone_at, self.failed) = (None, None, 0);
        Outcome::V0
    }
}
