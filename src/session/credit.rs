// SPDX-License-Identifier: Apache-2.0
//! Flow control of version 1 by credit: how many chunk bytes a session may send in all, at both ends.
//!
//! The sender's [`Allowance`] lets a record start while what was sent is below the limit, and then lets it end. The
//! receiver's [`Grants`] keep that limit ahead of what has arrived by what its window has free. Invariants: a limit
//! that was granted never falls; what is held for the application is at most the window and one frame.

use crate::wire::v1::MAX_NUMBER;
use std::time::{Duration, Instant};

/// Window at a session's start, unless two frames are more; and the least at any time.
pub(super) const MIN_WINDOW: u64 = 1 << 20;
/// The window grows no further, unless two frames are more.
pub(super) const MAX_WINDOW: u64 = 16 << 20;
/// A frame that waits for credit is announced, and announced again after this time.
pub(super) const BLOCKED_INTERVAL: Duration = Duration::from_secs(1);
/// A receiver that does not answer so many announcements has to be asked whether it is there.
pub(super) const BLOCKED_UNANSWERED: u32 = 3;
/// Bytes that a queued frame counts at least: what a tiny one costs in memory.
pub(super) const MIN_FRAME_COST: u64 = 256;
/// Arrivals are measured over the round trip, but over no less.
const MIN_PERIOD: Duration = Duration::from_millis(100);

/// What the sender may send.
#[derive(Debug, Default)]
pub(super) struct Allowance {
    /// Chunk bytes of the session that have been sent.
    offset: u64,
    limit: u64,
    blocked: Option<Blocked>,
}

#[derive(Debug)]
struct Blocked {
    since: Instant,
    next: Instant,
    /// Announcements since the last word of the receiver.
    unanswered: u32,
}

impl Allowance {
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Bytes that may be sent.
    pub(super) fn left(&self) -> u64 {
        self.limit.saturating_sub(self.offset)
    }

    /// A hello was answered: the limit from here on, whatever an earlier receiver granted.
    pub(super) fn agreed(&mut self, limit: u64) {
        self.limit = limit;
        self.blocked = None;
    }

    /// A grant came.
    pub(super) fn granted(&mut self, limit: u64) {
        self.limit = self.limit.max(limit);
        if let Some(blocked) = &mut self.blocked {
            blocked.unanswered = 0;
        }
    }

    /// Whether a record waits for a grant.
    pub(super) fn is_blocked(&self) -> bool {
        self.blocked.is_some()
    }

    pub(super) fn sent(&mut self, bytes: u64) {
        self.offset = self.offset.saturating_add(bytes).min(MAX_NUMBER);
    }

    /// Whether a record may start. If not, it waits from `now` on; if so, how long one had to wait.
    pub(super) fn may_start(&mut self, now: Instant) -> Result<Duration, ()> {
        if self.offset < self.limit {
            let blocked = self.blocked.take();
            return Ok(blocked.map_or(Duration::ZERO, |blocked| now.saturating_duration_since(blocked.since)));
        }
        self.blocked.get_or_insert(Blocked { since: now, next: now, unanswered: 0 });
        Err(())
    }

    /// Nothing waits any more.
    pub(super) fn unblock(&mut self) {
        self.blocked = None;
    }

    /// When the next announcement is due.
    pub(super) fn due(&self) -> Option<Instant> {
        self.blocked.as_ref().map(|blocked| blocked.next)
    }

    /// Whether an announcement is due at this time; it counts as made.
    pub(super) fn announce(&mut self, now: Instant) -> bool {
        match &mut self.blocked {
            Some(blocked) if blocked.next <= now => {
                blocked.next = now + BLOCKED_INTERVAL;
                blocked.unanswered += 1;
                true
            }
            _ => false,
        }
    }

    /// Whether the receiver has been silent for too long.
    pub(super) fn is_unanswered(&self) -> bool {
        self.blocked.as_ref().is_some_and(|blocked| blocked.unanswered > BLOCKED_UNANSWERED)
    }
}

/// What the receiver lets the sender send.
#[derive(Debug)]
pub(super) struct Grants {
    window: u64,
    /// Two frames of the largest size that came, or [`MIN_WINDOW`].
    least: u64,
    /// What the application's queue may hold.
    most: u64,
    /// Chunk bytes of the session that are known to have been sent; a receiver may come in at any count.
    highest: Option<u64>,
    granted: u64,
    period: Option<(Instant, u64)>,
}

impl Grants {
    /// Of a new session; the window never exceeds `most` bytes, or one frame. It lets a first record start in any case.
    pub(super) fn new(most: u64) -> Self {
        let window = MIN_WINDOW.min(most).max(1);
        Self { window, least: window, most, highest: None, granted: 0, period: None }
    }

    pub(super) fn window(&self) -> u64 {
        self.window
    }

    /// What is known to have been sent.
    pub(super) fn highest(&self) -> u64 {
        self.highest.unwrap_or(0)
    }

    /// The sender has sent so many bytes in all. `false` if it may not have: a record may start below the limit, and
    /// has `record` bytes at most.
    pub(super) fn heard(&mut self, offset: u64, record: u64) -> bool {
        let allowed = self.highest.is_none_or(|_| offset <= self.granted.saturating_add(record));
        if allowed {
            self.highest = Some(self.highest().max(offset.min(MAX_NUMBER)));
        }
        allowed
    }

    /// A frame of so many bytes came.
    pub(super) fn frame(&mut self, bytes: usize) {
        let two = (bytes as u64).saturating_mul(2).min(self.most.max(bytes as u64));
        self.least = self.least.max(two);
        self.window = self.window.max(self.least);
    }

    /// Whether the limit has moved by enough to be told: a quarter of the window, or while a frame is half there, half
    /// of it. A sender looks for it between frames, so that large frames need not be told of twice each.
    pub(super) fn has_moved(&self, held: u64, inside_frame: bool) -> bool {
        let moved = self.limit(held).saturating_sub(self.granted);
        moved > 0 && moved >= self.window / if inside_frame { 2 } else { 4 }
    }

    /// The limit from here on.
    pub(super) fn renew(&mut self, held: u64) -> u64 {
        self.granted = self.granted.max(self.limit(held));
        self.granted
    }

    /// Fits the window to twice what arrives in a round trip: half of it lets the sender send while the other half is
    /// acknowledged. It grows at once and shrinks slowly, since a pause says nothing about the path.
    pub(super) fn tune(&mut self, now: Instant, round_trip: Option<Duration>) {
        let Some(round_trip) = round_trip else { return };
        let Some((since, before)) = self.period else {
            self.period = Some((now, self.highest()));
            return;
        };
        let time = now.saturating_duration_since(since);
        if time < round_trip.max(MIN_PERIOD) {
            return;
        }
        self.period = Some((now, self.highest()));
        let bytes = u128::from(self.highest().saturating_sub(before));
        let twice = 2 * bytes * round_trip.as_micros() / time.as_micros().max(1);
        let most = MAX_WINDOW.min(self.most).max(self.least);
        let wanted = u64::try_from(twice).unwrap_or(u64::MAX).clamp(self.least, most);
        if wanted >= self.window {
            self.window = wanted;
        } else {
            self.window -= (self.window - wanted) / 16;
        }
    }

    fn limit(&self, held: u64) -> u64 {
        self.highest().saturating_add(self.window.saturating_sub(held)).min(MAX_NUMBER)
    }
}
