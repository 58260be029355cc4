// SPDX-License-Identifier: Apache-2.0
//! Clears: which segments one is about, and what becomes of what the application has not taken.
//!
//! In version 0 a clear is about everything that has come. In version 1 it says through which segment, so that it may
//! come twice, late, and before what it is about: the message on the lossy channel, the call and the trailer say the
//! same, and the first of them acts.

use super::super::events::{Answer, ReceiverEvent, SegmentCause};
use super::ReceiverSession;
use crate::wire::v1::rpc;
use std::time::Instant;

/// Segments that are finished unseen at once. Of more, after a clear, the sender makes the finishes up.
const MAX_UNSEEN: usize = 128;

impl ReceiverSession {
    /// A participant asks to clear in version 0. If it is the sender, all frames not yet taken are dropped, and the
    /// segments whose end was not yet taken end as cleared, queued ones included, after one `Cleared`.
    pub fn clear_requested(&mut self, caller: &str) -> Answer {
        if self.closed || self.sender.listened_to(caller).is_none() {
            return Answer::Reject;
        }
        self.end_open(SegmentCause::Cleared);
        self.void(u64::MAX);
        Answer::Ok
    }

    /// A participant asks to clear in version 1.
    pub fn segments_cleared(&mut self, caller: &str, message: &rpc::Clear, now: Instant) -> Answer {
        if self.closed || self.sender.listened_to(caller).is_none() {
            return Answer::Reject;
        }
        if message.label == self.link.label && self.link.peer_of(caller, &message.session).is_some() {
            self.clear_through(message.through_segment, now);
        } else {
            self.stats.messages_stale += 1;
        }
        Answer::Ok
    }

    /// Clears the present sender's segments up to this one, once.
    pub(super) fn clear_through(&mut self, through: u64, now: Instant) {
        let Some(peer) = self.link.peer.as_mut().filter(|peer| peer.cleared_through < through) else { return };
        peer.cleared_through = through;
        let number = peer.number_through(through);
        self.give_up_unseen(through);
        let Some(number) = number else { return };
        if self.open.as_ref().is_some_and(|segment| segment.number <= number) {
            self.end_open(SegmentCause::Cleared);
        }
        // Once the application is at a later segment there is nothing left to drop, and what it shows is not void.
        if self.delivered_segment <= number {
            self.void(number);
        }
        if let Some(until) = self.finish_after_clear.and_then(|time| now.checked_add(time)) {
            self.notifications.cleared(number, until);
        }
    }

    /// The present sender's segments up to this one that have not begun here never will: they are finished unseen.
    pub(super) fn give_up_unseen(&mut self, through: u64) {
        let Some(peer) = &mut self.link.peer else { return };
        for segment in (peer.last_segment + 1..=through).rev().take(MAX_UNSEEN) {
            let segment = peer.wire_segment(&self.link.label, segment);
            self.notifications.finish_unseen(peer.sender.clone(), segment);
        }
        peer.last_segment = peer.last_segment.max(through);
    }

    /// Drops the queued frames of segments up to this one, and says so.
    ///
    /// `Cleared` stands before the first end of such a segment, or before what is not cleared; the starts of queued
    /// segments keep their place, so that segments never overlap. While a `Cleared` waits to be taken, another clear adds
    /// no second one.
    fn void(&mut self, through: u64) {
        self.stats.dropped_cleared += self.queue.drop_frames(|frame| frame.info().segment <= through);
        let (mut place, mut later, mut announced) = (None, None, false);
        for (index, event) in self.queue.controls_mut() {
            match event {
                ReceiverEvent::Cleared => announced |= place.is_none(),
                ReceiverEvent::SegmentEnd { segment, cause, .. } if *segment <= through => {
                    *cause = SegmentCause::Cleared;
                    place.get_or_insert(index);
                }
                ReceiverEvent::SegmentStart { segment, .. } if *segment > through => {
                    later.get_or_insert(index);
                }
                _ => {}
            }
        }
        if !announced {
            let place = place.or(later).unwrap_or(self.queue.len());
            self.queue.insert_control(place, ReceiverEvent::Cleared);
        }
    }
}
