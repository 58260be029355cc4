// SPDX-License-Identifier: Apache-2.0
//! Brings SCTP out of the pause after an outage.
//!
//! SCTP's retransmission timer doubles with each expiry (1, 3, 7, 15, 31 s after the first loss), and an
//! outage that ends does not shorten it: nine seconds of darkness cost fifteen. The stack has no knob for
//! that, but it takes its time from us. When the far end is heard again and nothing moves, its clock is
//! put forward step by step, until the timer fires and bytes are acknowledged. The other timers that see
//! the jumps only make it send a keepalive or an acknowledgement early; round trips are not measured on
//! retransmitted bytes.
//!
//! The stack gives up for good at the sixth expiry in a row, after 63 s. That is told as well.

use std::time::{Duration, Instant};

/// Silence of the far end that counts as an outage.
const OUTAGE: Duration = Duration::from_secs(1);
/// Bytes in flight and none acknowledged for this long: SCTP waits for its timer.
const STALL: Duration = Duration::from_secs(1);
const STEP: Duration = Duration::from_secs(1);
/// Time from step to step: a retransmission is to be acknowledged before the next expiry.
const STEP_INTERVAL: Duration = Duration::from_millis(100);
/// Steps after one outage; the timer is never further away.
const MAX_STEPS: u32 = 32;
/// Nothing acknowledged for this long, on the stack's clock: it has given up.
const GIVEN_UP: Duration = Duration::from_secs(65);

pub(super) struct Recovery {
    /// How far the stack's clock is ahead of ours.
    ahead: Duration,
    heard: Instant,
    released: u64,
    /// The last progress, on the stack's clock; `None` while nothing is in flight.
    waiting_since: Option<Instant>,
    /// Steps left, and when the next is due.
    steps: Option<(u32, Instant)>,
}

impl Recovery {
    pub(super) fn new(now: Instant) -> Self {
        Self { ahead: Duration::ZERO, heard: now, released: 0, waiting_since: None, steps: None }
    }

    /// The stack's clock.
    pub(super) fn stack_time(&self, now: Instant) -> Instant {
        now + self.ahead
    }

    /// A deadline of the stack, on our clock.
    pub(super) fn our_time(&self, stack: Instant) -> Instant {
        stack.checked_sub(self.ahead).unwrap_or(stack)
    }

    /// A datagram came from the far end. `true`: for the first time after an outage.
    pub(super) fn heard(&mut self, now: Instant) -> bool {
        let back = now.saturating_duration_since(self.heard) >= OUTAGE;
        if back {
            self.path_is_back(now);
        }
        self.heard = now;
        back
    }

    /// The path carries data again.
    pub(super) fn path_is_back(&mut self, now: Instant) {
        self.steps = Some((MAX_STEPS, now));
    }

    /// Takes the byte counts of SCTP in. `true`: it has given up.
    pub(super) fn progress(&mut self, in_flight: u64, released: u64, now: Instant) -> bool {
        let stack_now = self.stack_time(now);
        if in_flight == 0 || released != self.released || self.waiting_since.is_none() {
            self.released = released;
            self.waiting_since = (in_flight > 0).then_some(stack_now);
            return false;
        }
        self.waited(stack_now) >= GIVEN_UP
    }

    fn waited(&self, stack_now: Instant) -> Duration {
        self.waiting_since.map_or(Duration::ZERO, |since| stack_now.saturating_duration_since(since))
    }

    /// Puts the stack's clock forward, if it is time to.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        let Some((left, due)) = self.steps else { return };
        if left == 0 || self.waited(self.stack_time(now)) < STALL {
            self.steps = None;
        } else if due <= now {
            self.ahead += STEP;
            self.steps = Some((left - 1, now + STEP_INTERVAL));
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.steps.map(|(_, due)| due)
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a base for virtual time")]
mod tests {
    use super::*;

    #[test]
    fn the_clock_runs_ahead_only_after_an_outage_with_bytes_in_flight() {
        let t0 = Instant::now();
        let at = |ms| t0 + Duration::from_millis(ms);
        let mut r = Recovery::new(t0);
        assert!(!r.progress(1000, 0, at(0)));
        r.heard(at(500));
        assert!(!r.progress(1000, 0, at(3000)), "stalled");
        r.handle_timeout(at(3000));
        assert_eq!(r.stack_time(at(3000)), at(3000), "not without an outage");
        r.heard(at(3000));
        r.handle_timeout(at(3000));
        r.handle_timeout(at(3050));
        r.handle_timeout(at(3100));
        assert_eq!(r.stack_time(at(3100)), at(5100));
        assert_eq!(r.our_time(at(5100)), at(3100));
        assert!(!r.progress(900, 100, at(3100)), "it moves");
        r.handle_timeout(at(3200));
        assert_eq!((r.stack_time(at(3200)), r.steps), (at(5200), None));
        r.heard(at(9000));
        r.progress(0, 1000, at(9000));
        r.handle_timeout(at(9000));
        assert_eq!(r.stack_time(at(9000)), at(11_000), "idle is not stalled");
    }

    #[test]
    fn giving_up_is_told() {
        let t0 = Instant::now();
        let mut r = Recovery::new(t0);
        assert!(!r.progress(1000, 0, t0));
        assert!(!r.progress(1000, 0, t0 + Duration::from_secs(64)));
        assert!(r.progress(1000, 0, t0 + Duration::from_secs(66)));
    }
}
