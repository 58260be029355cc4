// SPDX-License-Identifier: Apache-2.0
//! What a receiver knows of its sender in version 1, and says to it beside the calls about playback: that it is there,
//! what it grants, pings.
//!
//! Messages are made when the driver asks for them, out of what is due, so that none of them waits in a queue: they say
//! where something stands.

use super::super::credit::Grants;
use super::super::events::ReceiverRequest;
use super::super::playback::WireSegment;
use super::super::round_trip::{Latency, RoundTrip, WallClock};
use super::MAX_QUEUED_SEGMENTS;
use crate::wire::v1::control::{Body, Control};
use crate::wire::v1::{Id, Label};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// `Ready` is said so often until the sender says hello or sends: it may be lost while data channels come up.
const READY_TIMES: u32 = 3;
const READY_INTERVAL: Duration = Duration::from_secs(2);
/// Between grants, and between pings, while a segment is open.
const BEAT: Duration = Duration::from_secs(1);
/// Pings that wait for their answer; more are not answered.
const MAX_PONGS: usize = 8;
/// Segments whose frames may be queued, or whose end.
const MAX_SEGMENTS: usize = MAX_QUEUED_SEGMENTS + 2;

pub(super) struct Link {
    pub(super) label: Label,
    /// `None`: only version 0 is spoken.
    pub(super) receiver: Option<Id>,
    /// Who said hello last.
    pub(super) peer: Option<Peer>,
    pub(super) round_trip: RoundTrip,
    pub(super) clock: WallClock,
    pub(super) latency: Latency,
    /// How often `Ready` is still to be said, and when next; `None`: at once.
    ready: u32,
    ready_at: Option<Instant>,
    pongs: VecDeque<u64>,
}

/// Where the receiver stands when it looks for what is to be said.
#[derive(Clone, Copy)]
pub(super) struct Standing {
    /// What the queue holds against the window.
    pub(super) held: u64,
    /// Whether a segment of version 1 is open.
    pub(super) open: bool,
    /// Whether a frame is half there.
    pub(super) inside_frame: bool,
}

/// One life of a sender.
pub(super) struct Peer {
    pub(super) sender: Arc<str>,
    pub(super) session: Id,
    pub(super) grants: Grants,
    /// A grant is to be sent, also if it says nothing new.
    pub(super) credit_due: bool,
    /// Bytes of the session that are accounted for by chunks.
    pub(super) arrived: u64,
    /// The newest segment heard of; older ones that are not open are over.
    pub(super) last_segment: u64,
    /// It has sent version 0 since: which of its numbers were for that is not known here.
    pub(super) spoke_v0: bool,
    pub(super) cleared_through: u64,
    /// The newest of those that started here: their numbers at the sender and here.
    segments: VecDeque<(u64, u64)>,
    next_beat: Option<Instant>,
}

impl Link {
    pub(super) fn new(label: Label, receiver: Option<Id>) -> Self {
        Self {
            label,
            receiver,
            peer: None,
            round_trip: RoundTrip::of_receiver(),
            clock: WallClock::default(),
            latency: Latency::default(),
            ready: 0,
            ready_at: None,
            pongs: VecDeque::new(),
        }
    }

    /// The sender of this identity in this life, if it has said hello.
    pub(super) fn peer_of(&mut self, sender: &str, session: &Id) -> Option<&mut Peer> {
        self.peer.as_mut().filter(|peer| *peer.sender == *sender && peer.session == *session)
    }

    /// The sender is to say hello.
    pub(super) fn say_ready(&mut self) {
        self.ready = READY_TIMES;
        self.ready_at = None;
    }

    /// The sender has said hello, or sends in version 1: it need not be told that we are here.
    pub(super) fn sender_knows(&mut self) {
        self.ready = 0;
    }

    pub(super) fn ping_came(&mut self, token: u64) {
        if self.pongs.len() < MAX_PONGS {
            self.pongs.push_back(token);
        }
    }

    /// Whether there is something to be said that no timer tells of.
    pub(super) fn has_message(&self, Standing { held, open, inside_frame }: Standing) -> bool {
        let ready = self.receiver.is_some() && self.ready > 0 && self.ready_at.is_none();
        let credit = self.peer.as_ref().is_some_and(|peer| {
            peer.credit_due || peer.grants.has_moved(held, inside_frame) || (open && peer.next_beat.is_none())
        });
        ready || credit || !self.pongs.is_empty()
    }

    /// What is to be sent now to the sender that is there.
    pub(super) fn poll(&mut self, sender: &Arc<str>, at: Standing, now: Instant) -> Option<ReceiverRequest> {
        let Standing { held, open, inside_frame } = at;
        let receiver = self.receiver.clone()?;
        if self.ready > 0 && self.ready_at.is_none_or(|at| at <= now) {
            self.ready -= 1;
            self.ready_at = Some(now + READY_INTERVAL);
            return Some(self.message(sender, Body::Ready { receiver }, true));
        }
        if let Some(token) = self.pongs.pop_front() {
            return Some(self.message(sender, Body::Pong { token }, false));
        }
        let peer = self.peer.as_mut().filter(|peer| peer.sender == *sender)?;
        if open && peer.next_beat.is_none_or(|at| at <= now) {
            peer.next_beat = Some(now + BEAT);
            peer.credit_due = true;
            let token = self.round_trip.ping(now);
            return Some(self.message(sender, Body::Ping { token }, false));
        }
        if !open {
            peer.next_beat = None;
        }
        if std::mem::take(&mut peer.credit_due) || peer.grants.has_moved(held, inside_frame) {
            let (session, limit) = (peer.session.clone(), peer.grants.renew(held));
            return Some(self.message(sender, Body::Credit { session, limit }, true));
        }
        None
    }

    /// When something is to be sent at the latest.
    pub(super) fn due(&self, open: bool) -> Option<Instant> {
        let ready = self.ready_at.filter(|_| self.ready > 0);
        let beat = self.peer.as_ref().and_then(|peer| peer.next_beat).filter(|_| open);
        [ready, beat].into_iter().flatten().min()
    }

    fn message(&self, sender: &Arc<str>, body: Body, reliable: bool) -> ReceiverRequest {
        let message = Control { label: self.label.clone(), body };
        ReceiverRequest::Control { destination: sender.to_string(), message, reliable }
    }
}

impl Peer {
    /// `most`: bytes that the application's queue may hold.
    pub(super) fn new(sender: Arc<str>, session: Id, most: u64) -> Self {
        Self {
            sender,
            session,
            grants: Grants::new(most),
            credit_due: false,
            arrived: 0,
            last_segment: 0,
            spoke_v0: false,
            cleared_through: 0,
            segments: VecDeque::new(),
            next_beat: None,
        }
    }

    /// A segment started: its numbers at the sender and here.
    pub(super) fn segment_started(&mut self, wire: u64, number: u64) {
        self.last_segment = wire;
        self.spoke_v0 = false;
        if self.segments.len() == MAX_SEGMENTS {
            self.segments.pop_front();
        }
        self.segments.push_back((wire, number));
    }

    /// The number here of the newest segment up to this one of the sender's.
    pub(super) fn number_through(&self, wire: u64) -> Option<u64> {
        self.segments.iter().rev().find(|(segment, _)| *segment <= wire).map(|(_, number)| *number)
    }

    /// How the sender calls a segment.
    pub(super) fn wire_segment(&self, label: &Label, segment: u64) -> WireSegment {
        WireSegment { label: label.clone(), session: self.session.clone(), segment }
    }
}
