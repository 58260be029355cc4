// SPDX-License-Identifier: Apache-2.0
//! What clocks tell: the round trip by pings of our own, the time of day at an instant, and how long frames were under
//! way if the peer's clock agrees with ours.
//!
//! Invariant: only the answer to the last ping counts, once.

use std::time::{Duration, Instant};

/// Samples from which the shortest round trip is taken: older ones may be of another path.
const SAMPLES: usize = 8;

/// The round trip of one stream pair, as measured at one end.
#[derive(Debug)]
pub(super) struct RoundTrip {
    /// Even at outputs, odd at receivers: a participant that is both has both answers come on one topic.
    last_token: u64,
    under_way: Option<(u64, Instant)>,
    smoothed: Option<Duration>,
    samples: [Duration; SAMPLES],
    taken: usize,
}

impl RoundTrip {
    pub(super) fn of_output() -> Self {
        Self::beginning_at(0)
    }

    pub(super) fn of_receiver() -> Self {
        Self::beginning_at(1)
    }

    fn beginning_at(last_token: u64) -> Self {
        Self { last_token, under_way: None, smoothed: None, samples: [Duration::ZERO; SAMPLES], taken: 0 }
    }

    /// The token of a ping that is sent at this time.
    pub(super) fn ping(&mut self, now: Instant) -> u64 {
        self.last_token = self.last_token.wrapping_add(2);
        self.under_way = Some((self.last_token, now));
        self.last_token
    }

    /// A pong came. Whether it was awaited.
    pub(super) fn pong(&mut self, token: u64, now: Instant) -> bool {
        let Some((_, since)) = self.under_way.take_if(|(expected, _)| *expected == token) else { return false };
        let sample = now.saturating_duration_since(since);
        self.samples[self.taken % SAMPLES] = sample;
        self.taken += 1;
        self.smoothed = Some(self.smoothed.map_or(sample, |smoothed| (smoothed * 7 + sample) / 8));
        true
    }

    /// Smoothed over the last pings.
    pub(super) fn smoothed(&self) -> Option<Duration> {
        self.smoothed
    }

    /// The shortest of the last pings: what the path takes when nothing waits in it.
    pub(super) fn shortest(&self) -> Option<Duration> {
        self.samples[..self.taken.min(SAMPLES)].iter().min().copied()
    }
}

/// The time of day, as the driver told it last.
#[derive(Debug, Default)]
pub(super) struct WallClock(Option<(Instant, i64)>);

impl WallClock {
    pub(super) fn set(&mut self, now: Instant, unix_us: i64) {
        self.0 = Some((now, unix_us));
    }

    /// Microseconds since 1970, where they are known.
    pub(super) fn unix_us(&self, now: Instant) -> Option<i64> {
        let (then, unix_us) = self.0?;
        let since = i64::try_from(now.saturating_duration_since(then).as_micros()).ok()?;
        unix_us.checked_add(since)
    }
}

/// How old frames are when they are whole, by both clocks.
#[derive(Debug, Default)]
pub(super) struct Latency {
    smoothed_us: Option<i64>,
}

impl Latency {
    /// Frames are not under way for longer: the clocks disagree.
    const MOST_US: i64 = 60_000_000;

    /// A frame was whole at the one time and sent at the other.
    pub(super) fn frame(&mut self, arrived_us: i64, sent_us: i64) {
        let sample = arrived_us.checked_sub(sent_us).filter(|age| (0..=Self::MOST_US).contains(age));
        self.smoothed_us = sample.map(|sample| self.smoothed_us.map_or(sample, |smoothed| (smoothed * 7 + sample) / 8));
    }

    /// Smoothed over the last frames; `None` if the clocks disagree.
    pub(super) fn smoothed(&self) -> Option<Duration> {
        self.smoothed_us.and_then(|us| u64::try_from(us).ok()).map(Duration::from_micros)
    }
}
