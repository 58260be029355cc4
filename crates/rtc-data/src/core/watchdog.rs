// SPDX-License-Identifier: Apache-2.0
//! Tells a connection that carries nothing any more from one that is slow.
//!
//! Datagrams of the far end do not prove that ours arrive: a path can be dead in one direction, and SCTP's timer can be
//! stuck. What counts is bytes that are released while there are any in flight. A second without is worth a warning with
//! the counters; after fifteen, as long as silence takes, the connection counts as failed, which makes livekit set up a
//! new one. Progress is 64 KiB, or all that was in flight at the last progress: a packet for each expiry of SCTP's timer
//! is none, and a message of fifty bytes now and then is.
//!
//! There is no higher limit on the rate. A link of 300 kbit/s passes nine times as much, and a new connection over it
//! would be no faster; neither is it relative to what the path once was, since a path may become slow. A reader that
//! leaves its window closed looks like a dead path, but for its answers to our connectivity checks, which prove both
//! directions: it has a minute. That is about as long as SCTP goes on to probe.

use std::time::{Duration, Instant};

/// None released for this long: a warning.
const STALL: Duration = Duration::from_secs(1);
/// No progress for this long: failed.
const STUCK: Duration = super::liveness::FAILED_AFTER;
/// The same while the far end answers our connectivity checks: its window may be closed.
const CLOSED_WINDOW: Duration = Duration::from_secs(60);
/// A check is made each 0.7 s; an answer proves the path for this long.
const ANSWER_HOLDS: Duration = Duration::from_secs(3);
/// None released for this long after an outage, while the far end is heard: SCTP will not come back by itself. It is
/// given its time-outs at ten times their speed meanwhile, see `recovery`.
const NOT_BACK: Duration = Duration::from_secs(4);
/// Bytes released that count as progress.
const PROGRESS: u64 = 64 << 10;

/// Byte counts of all channels.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Totals {
    pub(super) given: u64,
    /// Given to SCTP.
    pub(super) handed: u64,
    /// Acknowledged or given up.
    pub(super) released: u64,
}

impl Totals {
    pub(super) fn in_flight(&self) -> u64 {
        self.handed - self.released
    }
}

pub(super) struct Watchdog {
    heard: Instant,
    /// The far end answered a connectivity check.
    answered: Option<Instant>,
    released: u64,
    /// Since when none was released, while some are in flight.
    stalled_since: Option<Instant>,
    warned: bool,
    /// The last progress, and how much has to be released for the next.
    progress: (Instant, u64),
    /// The path came back in a stall.
    back: Option<Instant>,
}

impl Watchdog {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            heard: now,
            answered: None,
            released: 0,
            stalled_since: None,
            warned: false,
            progress: (now, 0),
            back: None,
        }
    }

    pub(super) fn heard(&mut self, now: Instant) {
        self.heard = now;
    }

    /// The far end answered a connectivity check.
    pub(super) fn answered(&mut self, now: Instant) {
        self.answered = Some(now);
    }

    /// The path carries data again.
    pub(super) fn path_is_back(&mut self, now: Instant) {
        self.back = self.stalled_since.map(|_| now);
    }

    /// For this long nothing could make progress.
    pub(super) fn was_suspended(&mut self, time: Duration, now: Instant) {
        self.progress.0 = now.min(self.progress.0 + time);
    }

    /// Takes the counts in. Whether the connection is stuck.
    pub(super) fn watch(&mut self, totals: Totals, now: Instant) -> bool {
        let idle = totals.in_flight() == 0;
        if idle || totals.released != self.released || self.stalled_since.is_none() {
            self.released = totals.released;
            self.stalled_since = (!idle).then_some(now);
            self.warned = false;
            self.back = None;
        }
        if idle || totals.released >= self.progress.1 {
            self.progress = (now, totals.handed.min(totals.released + PROGRESS));
        }
        let silence = now.saturating_duration_since(self.heard);
        if let Some(since) = self.stalled_since.filter(|since| !self.warned && *since + STALL <= now) {
            self.warned = true;
            let age = now.saturating_duration_since(since);
            log::warn!("nothing acknowledged for {age:?}: {totals:?}, last heard {silence:?} ago");
        }
        if self.back.is_some_and(|back| back + NOT_BACK <= now && silence > STALL) {
            self.back = None;
        }
        self.back.is_some_and(|back| back + NOT_BACK <= now) || self.progress.0 + self.patience(now) <= now
    }

    fn patience(&self, now: Instant) -> Duration {
        let answers = self.answered.is_some_and(|at| now.saturating_duration_since(at) < ANSWER_HOLDS);
        if answers {
            CLOSED_WINDOW
        } else {
            STUCK
        }
    }

    pub(super) fn poll_timeout(&self, now: Instant) -> Option<Instant> {
        let since = self.stalled_since?;
        let stuck = self.progress.0 + self.patience(now);
        let due = [(!self.warned).then_some(since + STALL), self.back.map(|b| b + NOT_BACK), Some(stuck)];
        due.into_iter().flatten().filter(|at| *at > now).min()
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a base for virtual time")]
mod tests {
    use super::*;

    fn totals(handed: u64, released: u64) -> Totals {
        Totals { given: handed, handed, released }
    }

    #[test]
    fn slow_is_not_stuck() {
        let t0 = Instant::now();
        let mut dog = Watchdog::new(t0);
        // 64 kbit/s, a packet at a time.
        for n in 0..400 {
            assert!(!dog.watch(totals(1 << 20, n * 1200), t0 + Duration::from_millis(150) * n as u32), "{n}");
        }
    }

    #[test]
    fn a_packet_for_each_time_out_is_stuck() {
        let t0 = Instant::now();
        let mut dog = Watchdog::new(t0);
        assert!(!(0..=14).any(|n| dog.watch(totals(1 << 20, n * 1200), t0 + Duration::from_secs(n))));
        assert!(dog.watch(totals(1 << 20, 16 * 1200), t0 + Duration::from_secs(16)));
        assert!(!dog.watch(totals(1 << 20, 1 << 20), t0 + Duration::from_secs(17)), "it is through");
    }

    #[test]
    fn a_far_end_that_answers_checks_may_have_closed_its_window() {
        let t0 = Instant::now();
        let at = |s| t0 + Duration::from_secs(s);
        let mut dog = Watchdog::new(t0);
        for s in 0..60 {
            dog.answered(at(s));
            assert!(!dog.watch(totals(1 << 20, 0), at(s)), "{s}");
        }
        dog.answered(at(60));
        assert!(dog.watch(totals(1 << 20, 0), at(60)));
        let mut dog = Watchdog::new(t0);
        dog.answered(t0);
        assert!(!(0..15).any(|s| dog.watch(totals(1 << 20, 0), at(s))));
        assert!(dog.watch(totals(1 << 20, 0), at(15)), "it answers no more");
    }

    #[test]
    fn small_messages_that_never_pause_are_progress() {
        let t0 = Instant::now();
        let mut dog = Watchdog::new(t0);
        for n in 0..2000 {
            assert!(!dog.watch(totals(n * 50 + 250, n * 50), t0 + Duration::from_millis(20) * n as u32), "{n}");
        }
    }

    #[test]
    fn after_an_outage_it_has_four_seconds_while_the_far_end_is_heard() {
        let t0 = Instant::now();
        let at = |s| t0 + Duration::from_secs(s);
        let mut dog = Watchdog::new(t0);
        assert!(!dog.watch(totals(1000, 0), t0));
        dog.path_is_back(at(2));
        assert_eq!(dog.poll_timeout(at(2)), Some(at(6)));
        assert!(!dog.watch(totals(1000, 0), at(5)));
        dog.heard(at(6));
        assert!(dog.watch(totals(1000, 0), at(6)));

        let mut dog = Watchdog::new(t0);
        assert!(!dog.watch(totals(1000, 0), t0));
        dog.path_is_back(at(2));
        dog.heard(at(2));
        assert!(!dog.watch(totals(1000, 0), at(6)), "dark again: silence decides");
    }
}
