// SPDX-License-Identifier: Apache-2.0
//! `Backlog`: how much was given to channels and has neither been acknowledged by the far end nor been given up, and
//! what the path makes of it. Who leaves politely waits until nothing is on its way; who makes frames keeps no more on
//! its way than the path needs. All readings are single atomic loads, from any thread.

use std::{
    sync::{
        atomic::{AtomicU64, Ordering::*},
        Arc,
    },
    time::Duration,
};

/// Bytes on their way, over all channels of all connections whose [`Config`](crate::Config) holds a clone of it. Those
/// of a channel that ends are given up.
#[derive(Debug, Clone, Default)]
pub struct Backlog(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    on_their_way: AtomicU64,
    delivered: AtomicU64,
    rate: AtomicU64,
    cap: AtomicU64,
    round_trip_us: AtomicU64,
}

/// Time for which the queues above SCTP are to hold data: the longest that a busy sender sleeps between two looks.
const AHEAD: Duration = Duration::from_millis(20);
/// Least worth keeping above SCTP, in bytes, while the rate is low or unknown.
const AHEAD_LEAST: u64 = 64 << 10;

impl Backlog {
    /// Bytes on their way now: in the channels' queues, inside SCTP and in the network. Reported in steps of up to
    /// 100 KiB.
    pub fn bytes(&self) -> u64 {
        self.0.on_their_way.load(Acquire)
    }

    /// Bytes that the far end has acknowledged since the start, exact to the packet; those of a channel that ended
    /// count, too. Only ever grows.
    pub fn delivered(&self) -> u64 {
        self.0.delivered.load(Acquire)
    }

    /// What the path has shown that it delivers, in bytes a second: the best of the last seconds in which there was
    /// enough to send. 0 until it is known. Of the connection that delivered last.
    pub fn rate(&self) -> u64 {
        self.0.rate.load(Relaxed)
    }

    /// Lowest time of late from the sending of bytes to their acknowledgement; zero until it is known.
    pub fn round_trip(&self) -> Duration {
        Duration::from_micros(self.0.round_trip_us.load(Relaxed))
    }

    /// Bytes that are worth keeping queued above SCTP: what the path delivers in 20 ms, 64 KiB at least.
    pub fn ahead(&self) -> u64 {
        (self.rate() as f64 * AHEAD.as_secs_f64()).max(AHEAD_LEAST as f64) as u64
    }

    /// Bytes that are worth having on their way in all, the cap on those inside SCTP included: more only waits.
    pub fn target(&self) -> u64 {
        self.0.cap.load(Relaxed) + self.ahead()
    }

    /// The connection's news of the path.
    pub(crate) fn path(&self, rate: f64, round_trip: Option<Duration>, cap: usize) {
        self.0.rate.store(rate as u64, Relaxed);
        self.0.round_trip_us.store(round_trip.map_or(0, |t| t.as_micros() as u64), Relaxed);
        self.0.cap.store(cap as u64, Relaxed);
    }

    /// Bytes were acknowledged.
    pub(crate) fn add_delivered(&self, bytes: u64) {
        self.0.delivered.fetch_add(bytes, AcqRel);
    }
}

/// One channel's part of a [`Backlog`].
#[derive(Debug, Default)]
pub(crate) struct Share {
    total: Backlog,
    own: AtomicU64,
}

impl Share {
    pub(crate) fn of(total: &Backlog) -> Self {
        Self { total: total.clone(), own: AtomicU64::new(0) }
    }

    pub(crate) fn given(&self, bytes: u64) {
        self.own.fetch_add(bytes, AcqRel);
        self.total.0.on_their_way.fetch_add(bytes, AcqRel);
    }

    /// Acknowledged, refused or given up; never more than was given.
    pub(crate) fn settled(&self, bytes: u64) {
        let take = |own: u64| Some(own.saturating_sub(bytes));
        // The closure always gives a value, so the update cannot fail.
        let before = self.own.fetch_update(AcqRel, Acquire, take).unwrap_or_default();
        self.total.0.on_their_way.fetch_sub(before.min(bytes), AcqRel);
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.settled(u64::MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_that_ends_takes_its_own_part_along_and_no_more() {
        let total = Backlog::default();
        let (one, other) = (Share::of(&total), Share::of(&total));
        one.given(10);
        other.given(5);
        one.settled(4);
        assert_eq!(total.bytes(), 11);
        one.settled(100);
        assert_eq!(total.bytes(), 5);
        drop(other);
        assert_eq!(total.bytes(), 0);
    }

    #[test]
    fn the_target_is_the_cap_and_twenty_milliseconds() {
        let b = Backlog::default();
        assert_eq!(b.ahead(), AHEAD_LEAST);
        b.path(10e6, Some(Duration::from_millis(40)), 512 << 10);
        assert_eq!((b.ahead(), b.target()), (200_000, 200_000 + (512 << 10)));
        assert_eq!((b.rate(), b.round_trip()), (10_000_000, Duration::from_millis(40)));
    }
}
