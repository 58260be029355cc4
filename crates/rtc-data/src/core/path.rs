// SPDX-License-Identifier: Apache-2.0
//! What the path to the far end delivers, and the pace and the cap that follow from it.

use std::time::{Duration, Instant};

/// Shortest time over which a rate is measured: acknowledgements come in clumps.
const ROUND: Duration = Duration::from_millis(10);
/// The best rate and the lowest round trip are those of the last two of these.
const WINDOW: Duration = Duration::from_secs(5);
/// Headers of DTLS and SCTP around the payload of a datagram, in bytes.
const HEADERS: usize = 65;

/// The best of two windows, the present one and the one before.
struct Best<T> {
    better: fn(T, T) -> T,
    now: Option<T>,
    before: Option<T>,
    began: Instant,
}

impl<T: Copy> Best<T> {
    fn new(better: fn(T, T) -> T, now: Instant) -> Self {
        Self { better, now: None, before: None, began: now }
    }

    fn add(&mut self, value: T, at: Instant) {
        if at.saturating_duration_since(self.began) >= WINDOW {
            self.before = self.now.take();
            self.began = at;
        }
        self.now = Some(self.now.map_or(value, |best| (self.better)(best, value)));
    }

    fn get(&self) -> Option<T> {
        match (self.now, self.before) {
            (Some(a), Some(b)) => Some((self.better)(a, b)),
            (a, b) => a.or(b),
        }
    }
}

pub(super) struct Path {
    rate: Best<f64>,
    round_trip: Best<Duration>,
    /// Payload that left in datagrams, and that was acknowledged or given up, in bytes.
    sent: u64,
    released: u64,
    /// The round under way ends once `mark` is released.
    began: Instant,
    released_before: u64,
    mark: u64,
}

impl Path {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            rate: Best::new(f64::max, now),
            round_trip: Best::new(Duration::min, now),
            sent: 0,
            released: 0,
            began: now,
            released_before: 0,
            mark: 0,
        }
    }

    pub(super) fn released(&self) -> u64 {
        self.released
    }

    /// Bytes a second; 0 while unknown.
    pub(super) fn rate(&self) -> f64 {
        self.rate.get().unwrap_or(0.0)
    }

    pub(super) fn round_trip(&self) -> Option<Duration> {
        self.round_trip.get()
    }

    /// A datagram of DTLS leaves.
    pub(super) fn sent(&mut self, bytes: usize, now: Instant) {
        if self.sent == self.released {
            self.begin(now);
        }
        self.sent += bytes.saturating_sub(HEADERS) as u64;
        if self.mark == self.released_before {
            self.mark = self.sent;
        }
    }

    /// Takes the byte counts of SCTP in. `true`: a round is over, there is news.
    pub(super) fn progress(&mut self, in_flight: u64, released: u64, now: Instant) -> bool {
        self.released = released;
        self.sent = if in_flight == 0 { released } else { self.sent.max(released) };
        let took = now.saturating_duration_since(self.began);
        if released < self.mark || released == self.released_before {
            return false;
        }
        if took >= ROUND {
            self.rate.add((released - self.released_before) as f64 / took.as_secs_f64(), now);
        }
        self.round_trip.add(took, now);
        self.begin(now);
        true
    }

    fn begin(&mut self, now: Instant) {
        self.began = now;
        self.released_before = self.released;
        self.mark = self.sent;
    }
}
