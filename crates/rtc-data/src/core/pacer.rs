// SPDX-License-Identifier: Apache-2.0
//! Token bucket over the bytes of outgoing datagrams.
//!
//! Bursts are what overruns the far end's buffers, and a lost burst costs a retransmission time-out
//! of a second. A datagram may leave while the bucket is above zero; it may then go below.

use std::time::{Duration, Instant};

/// The burst in time: what a busy machine oversleeps, and more than the network has to queue for it.
const BURST: Duration = Duration::from_micros(2600);
/// Least burst, in bytes: a train of datagrams.
const LEAST_BURST: f64 = 16_384.0;

pub(super) struct Pacer {
    /// Bytes a second; 0 = no pacing.
    rate: f64,
    most_burst: f64,
    burst: f64,
    tokens: f64,
    filled: Instant,
}

impl Pacer {
    /// `rate` in bytes a second; the burst is at most `burst` bytes, and less at a low rate.
    pub(super) fn new(rate: f64, burst: usize, now: Instant) -> Self {
        let most_burst = burst as f64;
        let mut pacer = Self { rate: 0.0, most_burst, burst: most_burst, tokens: 0.0, filled: now };
        pacer.set_rate(rate);
        pacer.tokens = pacer.burst;
        pacer
    }

    pub(super) fn set_rate(&mut self, rate: f64) {
        self.rate = rate;
        self.burst = (rate * BURST.as_secs_f64()).max(LEAST_BURST).min(self.most_burst);
        self.tokens = self.tokens.min(self.burst);
    }

    /// When the next datagram may leave: `None` means now. Half a burst is let come together, so that
    /// the caller is woken for a train of datagrams and not for each of them.
    pub(super) fn ready_at(&mut self, now: Instant) -> Option<Instant> {
        if self.rate == 0.0 || self.tokens > 0.0 {
            return None;
        }
        let elapsed = now.saturating_duration_since(self.filled).as_secs_f64();
        let wanted = self.burst / 2.0;
        let have = self.tokens + elapsed * self.rate;
        if have < wanted {
            // Rounded up: a wait of nothing would spin.
            return Some(now + Duration::from_secs_f64((wanted - have) / self.rate) + Duration::from_micros(1));
        }
        self.tokens = have.min(self.burst);
        self.filled = now;
        None
    }

    pub(super) fn spend(&mut self, bytes: usize, now: Instant) {
        if self.rate == 0.0 {
            return;
        }
        if self.tokens >= self.burst {
            self.filled = now;
        }
        self.tokens -= bytes as f64;
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a base for virtual time")]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_pace_over_a_second() {
        let start = Instant::now();
        let mut pacer = Pacer::new(10e6, 64 << 10, start);
        let (mut now, mut sent) = (start, 0usize);
        while now < start + Duration::from_secs(1) {
            match pacer.ready_at(now) {
                Some(at) => {
                    assert!(at > now, "a wait that does not wait spins");
                    now = at;
                }
                None => {
                    pacer.spend(1200, now);
                    sent += 1200;
                }
            }
        }
        assert!((9_900_000..10_200_000).contains(&sent), "{sent}");
    }

    #[test]
    fn zero_is_off() {
        let now = Instant::now();
        let mut pacer = Pacer::new(0.0, 0, now);
        pacer.spend(usize::MAX / 2, now);
        assert_eq!(pacer.ready_at(now), None);
    }
}
