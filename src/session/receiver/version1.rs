// SPDX-License-Identifier: Apache-2.0
//! What a receiver hears and says beside the streams in version 1: the hello, control messages, credit.

use super::super::credit::MIN_FRAME_COST;
use super::super::events::{ReceiverRequest, SegmentCause};
use super::link::{Peer, Standing};
use super::segment::Segment;
use super::ReceiverSession;
use crate::frame::PixelFormat;
use crate::wire::v1::control::{Body, Control};
use crate::wire::v1::hello::{Accepted, EndedSegment, HelloAnswer, HelloRequest, OpenSegment};
use crate::wire::v1::record::{MAX_HEADER_BYTES, RECORD_BYTES};
use crate::wire::v1::{Codec, Id, Label};
use std::sync::Arc;
use std::time::Instant;

impl ReceiverSession {
    /// Which output of the sender it listens to.
    pub fn label(&self) -> &Label {
        &self.link.label
    }

    /// Whether this participant is the one listened to, there or not.
    pub fn listens_to(&self, identity: &str) -> bool {
        self.sender.listened_to(identity).is_some()
    }

    /// A call or a control message was refused before it came here.
    pub fn message_refused(&mut self) {
        self.stats.messages_stale += 1;
    }

    /// A participant says hello to this label; `None` if only version 0 is spoken here.
    pub fn hello(&mut self, caller: &str, hello: &HelloRequest, now: Instant) -> Option<HelloAnswer> {
        let receiver = self.link.receiver.clone()?;
        if self.closed || hello.label != self.link.label {
            return Some(HelloAnswer::NotReady);
        }
        let Some(sender) = self.sender.listened_to(caller).cloned() else {
            let waits = self.sender.present().is_none() && self.sender.takes_any();
            return Some(if waits { HelloAnswer::NotReady } else { HelloAnswer::Rejected });
        };
        self.returned(&sender);
        self.link.sender_knows();
        self.meet(&sender, &hello.session);
        for ended in &hello.ended {
            self.segment_ended(&sender, *ended, now);
        }
        if let Some(segment) = &mut self.open {
            segment.last_progress = now;
        }
        let open = self.open.as_ref().and_then(|segment| segment.records());
        let open = open.map(|r| OpenSegment { segment: r.wire, next_frame: r.assembler.next_frame() });
        let held = self.held();
        let peer = self.link.peer.as_mut()?;
        Some(HelloAnswer::Ok(Accepted {
            receiver,
            codecs: hello.codecs.iter().copied().filter(|codec| *codec == Codec::Raw).collect(),
            types: PixelFormat::ALL.to_vec(),
            features: Vec::new(),
            max_frame: (self.max_frame_bytes as u64).max(1),
            limit: peer.grants.renew(held),
            open: open.into_iter().collect(),
        }))
    }

    /// A control message came.
    pub fn control(&mut self, caller: &str, message: &Control, now: Instant) {
        if self.closed || message.label != self.link.label || self.sender.listened_to(caller).is_none() {
            self.stats.messages_stale += 1;
            return;
        }
        match &message.body {
            Body::Ping { token } => self.link.ping_came(*token),
            Body::Pong { token } => {
                self.link.round_trip.pong(*token, now);
            }
            Body::Blocked { session, offset } if self.is_peer(caller, session) => {
                if self.heard_of(*offset) {
                    self.progress(None, now);
                    self.link.peer.iter_mut().for_each(|peer| peer.credit_due = true);
                }
            }
            Body::KeepAlive { session, segment, offset } if self.is_peer(caller, session) => {
                if self.heard_of(*offset) {
                    self.progress(Some(*segment), now);
                }
            }
            Body::Clear { session, through_segment } if self.is_peer(caller, session) => {
                self.clear_through(*through_segment, now);
            }
            _ => self.stats.messages_stale += 1,
        }
    }

    /// What the driver is to do next: until `None`, after every input, and when `poll_timeout` says so.
    pub fn poll_request(&mut self, now: Instant) -> Option<ReceiverRequest> {
        let call = self.notifications.poll_request(now);
        if call.is_some() || !self.may_speak() {
            return call;
        }
        let standing = self.standing();
        self.link.poll(self.sender.present()?, standing, now)
    }

    /// Whether [`ReceiverSession::poll_request`] may have something now that `poll_timeout` does not tell of.
    pub fn has_request(&self) -> bool {
        let speaks = self.may_speak() && self.link.has_message(self.standing());
        speaks || self.notifications.has_request()
    }

    /// What time it is, in microseconds since 1970: for the latency.
    pub fn set_clock(&mut self, now: Instant, unix_us: i64) {
        self.link.clock.set(now, unix_us);
    }

    // ---- helpers ----

    pub(super) fn is_open_in_v1(&self) -> bool {
        self.open.as_ref().is_some_and(|segment| segment.records().is_some())
    }

    /// The present sender has sent so many bytes in all. `false`: it was not granted that, and nothing is to be believed.
    pub(super) fn heard_of(&mut self, offset: u64) -> bool {
        let record = self.max_frame_bytes.saturating_add(MAX_HEADER_BYTES + 4);
        let record = record.saturating_add(record.div_ceil(RECORD_BYTES)) as u64;
        let believed = self.link.peer.as_mut().is_some_and(|peer| peer.grants.heard(offset, record));
        if !believed {
            self.stats.messages_stale += 1;
        }
        believed
    }

    /// The sender is here, also if the room has not told yet or told otherwise.
    pub(super) fn returned(&mut self, sender: &Arc<str>) {
        self.absent_until = None;
        self.change_sender(|known| known.joined(sender, true));
    }

    fn standing(&self) -> Standing {
        let inside_frame = self.open.as_ref().is_some_and(Segment::inside_frame);
        Standing { held: self.held(), open: self.is_open_in_v1(), inside_frame }
    }

    /// What the queue holds against the window. Where frames too many are dropped, the sender is not slowed.
    fn held(&self) -> u64 {
        if !self.blocks {
            return 0;
        }
        if !self.queue.fits(1) {
            return u64::MAX;
        }
        (self.queue.bytes() as u64).max(self.queue.frames() as u64 * MIN_FRAME_COST)
    }

    fn is_peer(&mut self, caller: &str, session: &Id) -> bool {
        self.link.peer_of(caller, session).is_some()
    }

    /// The sender in this life: a new one ends what the old one left open.
    fn meet(&mut self, sender: &Arc<str>, session: &Id) {
        self.stats.version = Some(1);
        if self.link.peer_of(sender, session).is_some() {
            return;
        }
        if self.is_open_in_v1() {
            self.end_open(SegmentCause::SenderRestarted);
        }
        let most = if self.blocks { self.queue_bytes as u64 } else { u64::MAX };
        self.link.peer = Some(Peer::new(sender.clone(), session.clone(), most));
    }

    /// The sender's segment is over, and its trailer may be lost.
    fn segment_ended(&mut self, sender: &Arc<str>, ended: EndedSegment, now: Instant) {
        let EndedSegment { segment, frames, reason } = ended;
        let open = self.open.as_ref().and_then(|open| open.records()).map(|records| records.wire);
        let Some(peer) = &mut self.link.peer else { return };
        if open == Some(segment) {
            self.end_as(frames, reason, now);
        } else {
            peer.last_segment = peer.last_segment.max(segment);
            let segment = peer.wire_segment(&self.link.label, segment);
            self.notifications.awaited(sender.clone(), segment);
        }
    }

    /// The sender of this segment, or of the open one, is alive.
    fn progress(&mut self, segment: Option<u64>, now: Instant) {
        if let Some(open) = &mut self.open {
            let wire = open.records().map(|records| records.wire);
            if wire.is_some() && (segment.is_none() || segment == wire) {
                open.last_progress = now;
            }
        }
    }
}
