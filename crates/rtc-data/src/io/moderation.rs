// SPDX-License-Identifier: Apache-2.0
//! Moderation of wake-ups, as network cards do it: while many datagrams flow, a turn of the loop comes a little after
//! the one before, and finds a batch.
//!
//! Datagrams and the length of each turn go in, the earliest time of the next turn comes out. A batch costs the thread
//! one wake-up, and gives the far end one acknowledgement, where each datagram alone would cost both. Invariant: a few
//! datagrams on a connection that is otherwise quiet are never held up, and nothing is for more than [`HELD`].

use std::time::{Duration, Instant};

/// Datagrams a second, in and out, above which turns are held apart.
const RATE: f64 = 2000.0;
/// Datagrams above that rate that come together before they are, and the most that are remembered after a burst.
const SLACK: f64 = 24.0;
const MOST: f64 = 2.0 * SLACK;
/// From the beginning of a turn to that of the next: at 30,000 datagrams a second a batch of a dozen.
const INTERVAL: Duration = Duration::from_micros(400);
/// The same while the pace holds back all that could be sent: until it does not, if that is not longer than this.
const HELD: Duration = Duration::from_millis(2);

pub(super) struct Moderation {
    /// Datagrams beyond those that [`RATE`] has let go by.
    level: f64,
    updated: Instant,
}

impl Moderation {
    pub(super) fn new(now: Instant) -> Self {
        Self { level: 0.0, updated: now }
    }

    /// A turn that began at `began` moved so many datagrams. When the next may begin, `None` being at once: the end of
    /// the interval, or `timer`, if that comes first. `held` is the time until which the pace holds datagrams back.
    pub(super) fn next_turn(
        &mut self,
        began: Instant,
        datagrams: usize,
        timer: Option<Instant>,
        held: Option<Instant>,
    ) -> Option<Instant> {
        let passed = began.saturating_duration_since(self.updated).as_secs_f64();
        self.level = ((self.level - passed * RATE).max(0.0) + datagrams as f64).min(MOST);
        self.updated = began;
        if datagrams == 0 || self.level <= SLACK {
            return None;
        }
        let interval = held.filter(|&t| t <= began + HELD).map_or(began + INTERVAL, |t| t.max(began + INTERVAL));
        Some(timer.filter(|&t| Some(t) != held).map_or(interval, |t| t.min(interval)))
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a base for virtual time")]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_few_datagrams_are_never_held_up() {
        let mut now = Instant::now();
        let mut moderation = Moderation::new(now);
        for _ in 0..1000 {
            assert_eq!(moderation.next_turn(now, 1, None, None), None, "1,000 a second");
            now += MS;
        }
        for _ in 0..10 {
            assert_eq!(moderation.next_turn(now, 2, None, None), None, "a request and its answer");
            now += MS / 10;
        }
    }

    #[test]
    fn a_stream_is_taken_in_batches_until_it_ends() {
        let mut now = Instant::now();
        let mut moderation = Moderation::new(now);
        let mut turns = 0;
        for _ in 0..1000 {
            turns += 1;
            now = moderation.next_turn(now, 12, None, None).unwrap_or(now + MS / 30);
        }
        assert!(turns == 1000 && moderation.next_turn(now, 12, None, None) == Some(now + INTERVAL));
        assert_eq!(moderation.next_turn(now, 0, None, None), None, "nothing came: wait for the next");
        now += 50 * MS;
        assert_eq!(moderation.next_turn(now, 1, None, None), None, "it is over");
    }

    #[test]
    fn timers_are_kept_and_a_held_pace_is_waited_for() {
        let now = Instant::now();
        let mut moderation = Moderation::new(now);
        let at = |us| Some(now + Duration::from_micros(us));
        assert_eq!(moderation.next_turn(now, 100, at(100), None), at(100));
        assert_eq!(moderation.next_turn(now, 100, at(9000), None), at(400));
        assert_eq!(moderation.next_turn(now, 100, at(1300), at(1300)), at(1300));
        assert_eq!(moderation.next_turn(now, 100, at(100), at(100)), at(400), "a pace that is due may wait");
        assert_eq!(moderation.next_turn(now, 100, at(700), at(1300)), at(700), "another timer");
        assert_eq!(
            moderation.next_turn(now, 100, at(5000), at(5000)),
            at(400),
            "a slow pace: what comes in goes first"
        );
    }
}
