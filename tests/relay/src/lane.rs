// SPDX-License-Identifier: Apache-2.0
//! One way of the link on virtual time: packets go in with `accept`, and come out of `take_due` when their time has
//! come. In order: the blackout, loss, the line with its queue, delay and jitter, holding back.
//!
//! Times are since the relay began. The line is not simulated bit by bit: it is known until when it is busy, and how
//! much waits for it follows from that. The same seed, packets and times give the same outcome.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::time::Duration;

use crate::conditions::Conditions;
use crate::counters::Counters;

/// More than this under way (a long delay without a rate) overflows, too: memory has an end.
const MOST_UNDER_WAY_BYTES: u64 = 64 << 20;

/// One way of the link, for packets of any representation.
pub struct Lane<P> {
    conditions: Conditions,
    dice: fastrand::Rng,
    under_way: BinaryHeap<Reverse<UnderWay<P>>>,
    under_way_bytes: u64,
    accepted: u64,
    line_free: Duration,
    last_arrival: Duration,
    to_lose: u32,
    counters: Counters,
}

struct UnderWay<P> {
    arrival: Duration,
    /// Packets that arrive at once keep their order.
    number: u64,
    bytes: u64,
    packet: P,
}

impl<P> Lane<P> {
    /// A way that does nothing to packets until it is told to.
    pub fn new(seed: u64) -> Self {
        Self {
            conditions: Conditions::default(),
            dice: fastrand::Rng::with_seed(seed),
            under_way: BinaryHeap::new(),
            under_way_bytes: 0,
            accepted: 0,
            line_free: Duration::ZERO,
            last_arrival: Duration::ZERO,
            to_lose: 0,
            counters: Counters::default(),
        }
    }

    /// What holds for the next packet.
    pub fn conditions(&self) -> &Conditions {
        &self.conditions
    }

    /// Changes what holds for packets to come.
    pub fn set_conditions(&mut self, conditions: Conditions) {
        self.conditions = conditions;
    }

    /// Loses the next packets.
    pub fn lose(&mut self, packets: u32) {
        self.to_lose = self.to_lose.saturating_add(packets);
    }

    /// What happened so far.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Takes a packet of so many bytes; gives it back if it does not get through.
    pub fn accept(&mut self, packet: P, bytes: u64, now: Duration) -> Option<P> {
        self.counters.packets += 1;
        self.counters.bytes += bytes;
        if self.conditions.down {
            self.counters.blacked_out += 1;
            return Some(packet);
        }
        if self.is_lost() {
            self.counters.lost += 1;
            return Some(packet);
        }
        let Some(sent) = self.pass_line(bytes, now) else {
            self.counters.overflowed += 1;
            return Some(packet);
        };
        let arrival = self.arrival(sent);
        self.accepted += 1;
        self.under_way_bytes += bytes;
        self.under_way.push(Reverse(UnderWay { arrival, number: self.accepted, bytes, packet }));
        None
    }

    /// When the next packet arrives.
    pub fn next_arrival(&self) -> Option<Duration> {
        self.under_way.peek().map(|Reverse(first)| first.arrival)
    }

    /// The next packet that has arrived.
    pub fn take_due(&mut self, now: Duration) -> Option<P> {
        if self.next_arrival()? > now {
            return None;
        }
        let Reverse(first) = self.under_way.pop()?;
        self.under_way_bytes -= first.bytes;
        self.counters.delivered += 1;
        Some(first.packet)
    }

    fn is_lost(&mut self) -> bool {
        if self.to_lose == 0 && self.happens(self.conditions.loss) {
            self.to_lose = self.conditions.loss_burst;
        }
        let lost = self.to_lose > 0;
        self.to_lose = self.to_lose.saturating_sub(1);
        lost
    }

    /// When the last bit is on its way, or none if there is no room to wait.
    fn pass_line(&mut self, bytes: u64, now: Duration) -> Option<Duration> {
        let waiting = self.conditions.backlog(self.line_free.saturating_sub(now));
        if waiting + bytes > self.conditions.queue_bytes && waiting > 0
            || self.under_way_bytes + bytes > MOST_UNDER_WAY_BYTES
        {
            return None;
        }
        self.line_free = self.line_free.max(now) + self.conditions.serialisation(bytes);
        if self.conditions.rate.is_some() {
            self.counters.longest_queue_bytes = self.counters.longest_queue_bytes.max(waiting + bytes);
        }
        Some(self.line_free)
    }

    fn arrival(&mut self, sent: Duration) -> Duration {
        let jitter = match self.conditions.jitter {
            Duration::ZERO => Duration::ZERO,
            most => most.mul_f64(self.dice.f64()),
        };
        let arrival = sent + self.conditions.delay + jitter;
        if self.happens(self.conditions.reorder) {
            self.counters.held_back += 1;
            return arrival + self.conditions.reorder_by;
        }
        if self.conditions.jitter_reorders {
            return arrival;
        }
        self.last_arrival = self.last_arrival.max(arrival);
        self.last_arrival
    }

    fn happens(&mut self, probability: f64) -> bool {
        probability > 0.0 && self.dice.f64() < probability
    }
}

impl<P> Ord for UnderWay<P> {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.arrival, self.number).cmp(&(other.arrival, other.number))
    }
}

impl<P> PartialOrd for UnderWay<P> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<P> PartialEq for UnderWay<P> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<P> Eq for UnderWay<P> {}

#[cfg(test)]
#[path = "lane_tests.rs"]
mod tests;
