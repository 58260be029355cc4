// SPDX-License-Identifier: Apache-2.0
//! What the path to the far end delivers, and the pace and the cap that follow from it.
//!
//! The stack tells nothing of its own about the path, so all is seen from outside: payload that left in datagrams,
//! and bytes that were released (acknowledged). A round lasts until what had left at its beginning is released;
//! it gives a round trip and a rate.
//!
//! The pace starts low, follows SCTP's slow start at twice its rate, and then seeks the path's rate by steps of a quarter:
//! a round faster, then a round in which it is seen whether the rate followed. What one step is too much goes into a
//! queue of the network, and does not overflow a short one. When it does not follow, when bytes spend more time in
//! queues, when the rate breaks down (SCTP halved its window) or nothing is released for a while, the pace goes a little
//! below what was reached. SCTP needs a hundred round trips and more to come back from a loss, so a pace that causes
//! none is the faster one. From there on the steps are small and rare, and only taken while it is the pace that holds
//! data back: who offers less keeps it where it is. A round in which SCTP had all that there was to send tells only of
//! rates above what is known, and little of queues: acknowledgements wait for the next packet there.
//!
//! Where a round trip is short, losses are soon made good, and times and rates say more about busy machines than about
//! queues: there the pace is the configured one, but for a moment after a gap, and so is the cap until something is lost.
//! What is lost there a socket had no room for, and since its buffer does not grow, the cap is what a small one holds
//! from then on, for as long as the path is the same.
//!
//! The cap on bytes inside SCTP is what the path holds and half as much again, and 64 KiB. It does not follow
//! the time that bytes spend in SCTP, since that contains SCTP's own queue.

use super::{best::Best, buffer, watchdog::Totals};
use std::{
    ops::Range,
    time::{Duration, Instant},
};

/// Shortest time over which a rate is measured: acknowledgements come in clumps.
const ROUND: Duration = Duration::from_millis(10);
/// Headers of DTLS and SCTP around the payload of a datagram, in bytes.
const HEADERS: usize = 65;
/// Bytes of a full datagram for each byte of its payload.
const ON_WIRE: f64 = 1225.0 / 1160.0;
/// The first pace, and how far it follows SCTP's slow start before it seeks by itself, in bytes a second.
const FIRST: f64 = 2e6;
const START: f64 = 7e6;
/// The pace never falls below 4 Mbit/s by itself.
const LEAST: f64 = 0.5e6;
/// A step up: at the start, and later.
const START_GAIN: f64 = 1.25;
const GAIN: f64 = 1.05;
/// The pace stays as it is for so long after queues were seen, a loss or gap, and a step that was too much.
const QUEUE_HOLD: Duration = Duration::from_secs(1);
const LOSS_HOLD: Duration = Duration::from_secs(2);
const PROBE_HOLD: Duration = Duration::from_millis(500);
/// Nothing released for this long, and two round trips: a gap.
const GAP: Duration = Duration::from_millis(150);
/// Bytes in flight that may be in one packet. The far end waits with its acknowledgement for another packet, 200 ms at
/// most (RFC 9260, 6.2): that is no gap.
const LONE: u64 = 1500;
/// Payload of a datagram that is nearly full.
const FULL: u64 = 1000;
/// Round trips below this are mostly the ends' own scheduling.
pub(super) const SHORT: Duration = Duration::from_millis(10);
/// A path that was short is so no longer: what queues add is well below.
const LONG: Duration = Duration::from_millis(20);
/// Bounds of the cap, in bytes; the configuration may lower the upper one.
const CAP: Range<usize> = 128 << 10..980_000;
const CAP_SLACK: f64 = 65_536.0;

pub(super) struct Path {
    /// Upper bounds: the pace in bytes a second (0: no pacing, and the cap stands still), and the cap in bytes.
    most_pace: f64,
    most_cap: usize,
    pace: f64,
    starting: bool,
    /// The pace does not rise before.
    hold_until: Instant,
    step: Step,
    rate: Best<f64>,
    round_trip: Best<Duration>,
    /// Payload given to SCTP, that left in datagrams, and that was released, in bytes. What is sent again counts as
    /// sent, but nothing beyond what was given does: every moment in which SCTP has sent all it has sets that right.
    handed: u64,
    sent: u64,
    released: u64,
    round: Round,
    /// The application had less to send than the last round took, or there was none yet.
    lacked: bool,
    /// Since when nothing was released, while bytes are in flight.
    waiting_since: Option<Instant>,
    in_gap: bool,
    /// The path is short, and something was lost on it.
    overflows: bool,
    /// The cap changed apart from a round.
    news: bool,
}

struct Round {
    began: Instant,
    sent: u64,
    released: u64,
    /// The first datagram that left after the last trip ended: what had left with it, and when.
    mark: Option<(u64, Instant)>,
    /// For a part of it SCTP had all that there was to send: the rate is the application's, not the path's.
    lacked: bool,
}

impl Path {
    pub(super) fn new(bits_per_second: u64, most_cap: usize, now: Instant) -> Self {
        let most_pace = bits_per_second as f64 / 8.0 / ON_WIRE;
        Self {
            most_pace,
            most_cap,
            pace: FIRST.min(most_pace),
            starting: true,
            hold_until: now,
            step: Step::None,
            rate: Best::new(f64::max, now),
            round_trip: Best::new(Duration::min, now),
            handed: 0,
            sent: 0,
            released: 0,
            round: Round { began: now, sent: 0, released: 0, mark: None, lacked: true },
            lacked: true,
            waiting_since: None,
            in_gap: false,
            overflows: false,
            news: false,
        }
    }

    fn gain(&self) -> f64 {
        if self.starting {
            START_GAIN
        } else {
            GAIN
        }
    }

    fn short(&self) -> bool {
        self.round_trip.get().is_some_and(|round_trip| round_trip < SHORT)
    }

    /// Bytes a second on the wire; 0 = no pacing.
    pub(super) fn pace(&self) -> f64 {
        let gain = match self.step {
            Step::Up => self.gain(),
            _ => 1.0,
        };
        (self.pace * gain * ON_WIRE).min(self.most_pace * ON_WIRE)
    }

    /// Most bytes inside SCTP.
    pub(super) fn cap(&self) -> usize {
        let most_cap = if self.overflows { self.most_cap.min(buffer::USUAL) } else { self.most_cap };
        let Some(round_trip) = self.round_trip.get().filter(|trip| *trip >= SHORT && self.most_pace > 0.0) else {
            return most_cap;
        };
        let held = self.rate() * round_trip.as_secs_f64();
        ((1.5 * held + CAP_SLACK) as usize).clamp(CAP.start, CAP.end).min(most_cap)
    }

    /// Bytes a second; 0 while unknown.
    pub(super) fn rate(&self) -> f64 {
        self.rate.get().unwrap_or(0.0)
    }

    pub(super) fn round_trip(&self) -> Option<Duration> {
        self.round_trip.get()
    }

    pub(super) fn released(&self) -> u64 {
        self.released
    }

    /// A datagram of DTLS leaves.
    pub(super) fn sent(&mut self, bytes: usize, now: Instant) {
        if self.waiting_since.is_none() {
            self.begin(now);
        }
        let payload = bytes.saturating_sub(HEADERS) as u64;
        let again = (self.sent + payload).saturating_sub(self.handed);
        // The headers of short messages in one datagram count as payload; more than half of a full one they are not.
        if payload >= FULL && again > payload / 2 {
            self.news |= self.lost();
        }
        self.sent = (self.sent + payload).min(self.handed);
        self.round.mark.get_or_insert((self.sent, now));
    }

    /// Something was lost. Whether that changes the cap.
    fn lost(&mut self) -> bool {
        let changes = self.short() && self.most_pace > 0.0 && !self.overflows;
        if changes {
            self.overflows = true;
            log::debug!("losses on a short path: {} bytes in flight at most", self.cap());
        }
        changes
    }

    /// From here on it may be another path.
    pub(super) fn changed(&mut self) {
        self.news |= std::mem::take(&mut self.overflows);
    }

    /// Takes the byte counts in. `true`: there is news.
    pub(super) fn progress(&mut self, totals: Totals, now: Instant) -> bool {
        let (in_flight, released) = (totals.in_flight(), totals.released);
        let moved = released > self.released;
        let lone = in_flight <= LONE || self.in_flight() <= LONE;
        self.handed = totals.handed;
        self.released = released;
        self.sent = self.sent.clamp(released, self.handed);
        self.round.lacked |= totals.given == totals.handed;
        if lone || moved || self.waiting_since.is_none() {
            self.waiting_since = (in_flight > 0).then_some(now);
            self.in_gap = false;
        }
        if self.gap_at().is_some_and(|at| at <= now) {
            self.in_gap = true;
            self.lost();
            let rate = self.rate.get().unwrap_or(self.pace);
            let hold = if self.short() { Duration::ZERO } else { LOSS_HOLD };
            // What the application sent says little about the path, and is to fit in.
            let pace = if self.lacked { (1.25 * rate).max(0.8 * self.pace) } else { 0.8 * rate };
            self.slow_down(pace, hold, now);
            return true;
        }
        let news = std::mem::take(&mut self.news);
        let Some((_, left)) = self.round.mark.filter(|(mark, _)| moved && *mark <= released) else { return news };
        self.round.mark = None;
        let trip = now.saturating_duration_since(left);
        self.round_trip.add(trip, now);
        let took = now.saturating_duration_since(self.round.began);
        if took < ROUND {
            return news;
        }
        self.end_of_round(trip, took.as_secs_f64(), now);
        self.begin(now);
        true
    }

    /// When to look again although nothing happens.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.gap_at()
    }

    fn gap_at(&self) -> Option<Instant> {
        let (since, round_trip) = (self.waiting_since?, self.round_trip.get()?);
        let may_be = !self.in_gap && self.in_flight() > LONE && self.most_pace > 0.0;
        may_be.then_some(since + GAP + 2 * round_trip)
    }

    fn in_flight(&self) -> u64 {
        self.handed - self.released
    }

    fn begin(&mut self, now: Instant) {
        let (sent, released) = (self.sent, self.released);
        self.round = Round { began: now, sent, released, mark: None, lacked: false };
    }

    fn end_of_round(&mut self, trip: Duration, took: f64, now: Instant) {
        let rate = self.released.saturating_sub(self.round.released) as f64 / took;
        let sent = self.sent.saturating_sub(self.round.sent) as f64 / took;
        let before = self.rate();
        self.lacked = self.round.lacked;
        if !self.lacked || rate > before {
            self.rate.add(rate, now);
        }
        if self.most_pace == 0.0 {
            return;
        }
        let lowest = self.round_trip.get().unwrap_or(trip);
        let short = self.short();
        self.overflows &= lowest < LONG;
        let binding = sent >= 0.8 * self.pace;
        // Where data is sparse, acknowledgements wait for the next packet: that is no queue.
        let dense = binding || !self.lacked;
        if !short && dense && trip - lowest > (lowest / 8).max(SHORT / 2) {
            self.slow_down((0.95 * rate).max(0.85 * self.rate()), QUEUE_HOLD, now);
        } else if !short && !self.lacked && rate < 0.65 * before && !binding && self.pace > 0.9 * before {
            self.slow_down(0.85 * before, LOSS_HOLD, now);
        } else if self.starting && short {
            self.pace = self.most_pace;
        } else if self.starting && self.pace < START {
            self.pace = (2.0 * self.rate()).clamp(self.pace, START);
        } else {
            self.probe(rate, binding, short, now);
        }
        self.pace = self.pace.min(self.most_pace);
    }

    /// A step up for one round, at the old pace for the next, in which what left before is released: the step stays if
    /// the rate has followed it.
    fn probe(&mut self, rate: f64, binding: bool, short: bool, now: Instant) {
        let gain = self.gain();
        match std::mem::replace(&mut self.step, Step::None) {
            Step::None if binding && now >= self.hold_until => self.step = Step::Up,
            Step::None => {}
            Step::Up if binding => self.step = Step::Watch,
            Step::Up => {}
            Step::Watch if short || rate > self.pace * (1.0 + (gain - 1.0) / 2.0) => self.pace *= gain,
            Step::Watch => {
                self.starting = false;
                self.hold_until = now + PROBE_HOLD;
            }
        }
    }

    fn slow_down(&mut self, pace: f64, hold: Duration, now: Instant) {
        self.starting = false;
        self.step = Step::None;
        self.hold_until = now + hold;
        self.pace = pace.clamp(LEAST, self.pace.max(LEAST));
    }
}

/// Where the search for a higher pace is.
enum Step {
    None,
    Up,
    Watch,
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a base for virtual time")]
mod tests {
    use super::*;

    const PACKET: usize = 1160;

    /// Sends at `offered` bytes a second over a path of `capacity` for `time`. The instant at the end.
    fn run(path: &mut Path, start: Instant, offered: f64, capacity: f64, trip: Duration, time: Duration) -> Instant {
        let (mut now, mut released) = (start, path.released);
        let (mut free, mut under_way) = (start, std::collections::VecDeque::new());
        while now < start + time {
            let pace = if path.pace() > 0.0 { path.pace() / ON_WIRE } else { f64::MAX };
            now += Duration::from_secs_f64(PACKET as f64 / offered.min(pace));
            path.progress(busy(PACKET as u64 * (under_way.len() as u64 + 1), released), now);
            path.sent(PACKET + HEADERS, now);
            free = free.max(now) + Duration::from_secs_f64(PACKET as f64 / capacity);
            under_way.push_back(free + trip);
            while under_way.front().is_some_and(|at| *at <= now) {
                under_way.pop_front();
                released += PACKET as u64;
            }
            path.progress(busy(PACKET as u64 * under_way.len() as u64, released), now);
        }
        // What is under way arrives at its time.
        while let Some(at) = under_way.pop_front() {
            released += PACKET as u64;
            now = now.max(at);
            path.progress(busy(PACKET as u64 * under_way.len() as u64, released), now);
        }
        now
    }

    /// More waits above SCTP.
    fn busy(in_flight: u64, released: u64) -> Totals {
        Totals { given: u64::MAX, handed: released + in_flight, released }
    }

    #[test]
    fn the_pace_finds_the_rate_of_the_path_and_stays_close() {
        let t0 = Instant::now();
        let mut path = Path::new(400_000_000, 512 << 10, t0);
        run(&mut path, t0, 1e9, 7e6, Duration::from_millis(40), Duration::from_secs(5));
        assert!((0.85..1.1).contains(&(path.pace / 7e6)), "{}", path.pace);
        assert!((0.9..1.1).contains(&(path.rate() / 7e6)), "{}", path.rate());
        assert!(path.cap() > 450_000, "{}", path.cap());
    }

    #[test]
    fn who_offers_little_does_not_slow_the_path_down() {
        let t0 = Instant::now();
        let mut path = Path::new(400_000_000, 512 << 10, t0);
        let trip = Duration::from_millis(2);
        let t1 = run(&mut path, t0, 1e9, 1e9, trip, Duration::from_secs(1));
        let pace = path.pace;
        assert!(pace > 40e6, "{pace}");
        run(&mut path, t1, 1e6, 1e9, trip, Duration::from_secs(30));
        assert_eq!(path.pace, pace);
    }

    #[test]
    fn a_gap_slows_it_down_once() {
        let t0 = Instant::now();
        let mut path = Path::new(400_000_000, 512 << 10, t0);
        let t1 = run(&mut path, t0, 1e9, 1e9, Duration::from_millis(2), Duration::from_secs(1));
        let (rate, released) = (path.rate(), path.released);
        path.progress(busy(2000, released), t1);
        let at = path.poll_timeout().expect("a gap may come");
        assert!(at > t1 + GAP);
        assert!(path.progress(busy(2000, released), at));
        assert!((path.pace - 0.8 * rate).abs() < 1.0, "{} of {rate}", path.pace);
        assert_eq!(path.poll_timeout(), None);
        assert!(!path.progress(busy(2000, released), at + GAP));
    }

    /// A path of 2 ms that is in use, and an instant after.
    fn short() -> (Path, Instant) {
        let t0 = Instant::now();
        let mut path = Path::new(400_000_000, 512 << 10, t0);
        let t1 = run(&mut path, t0, 1e9, 1e9, Duration::from_millis(2), Duration::from_secs(1));
        assert_eq!(path.cap(), 512 << 10);
        (path, t1)
    }

    #[test]
    fn after_a_gap_a_short_path_holds_what_a_small_buffer_holds() {
        let (mut path, t1) = short();
        let released = path.released;
        path.progress(busy(2000, released), t1);
        let at = path.poll_timeout().expect("a gap may come");
        assert!(path.progress(busy(2000, released), at));
        assert_eq!(path.cap(), buffer::USUAL);
        let t2 = run(&mut path, at, 1e9, 1e9, Duration::from_millis(2), Duration::from_secs(30));
        assert_eq!(path.cap(), buffer::USUAL, "for as long as it is short");
        let t3 = run(&mut path, t2, 1e9, 50e6, Duration::from_millis(40), Duration::from_secs(15));
        assert_eq!(path.cap(), 512 << 10, "it is another one");
        path.overflows = true;
        path.changed();
        assert!(path.progress(busy(0, path.released), t3), "the cap is to be looked at");
        assert_eq!(path.cap(), 512 << 10);
    }

    #[test]
    fn a_datagram_that_is_sent_again_is_a_loss() {
        let (mut path, t1) = short();
        let released = path.released;
        path.progress(busy(2 * PACKET as u64, released), t1);
        // Twenty bytes of headers of another message.
        path.sent(PACKET + 20 + HEADERS, t1);
        path.sent(PACKET + 20 + HEADERS, t1);
        // An acknowledgement of what the far end sent.
        path.sent(100, t1);
        assert_eq!(path.cap(), 512 << 10);
        path.sent(PACKET + HEADERS, t1);
        assert_eq!(path.cap(), buffer::USUAL);
        assert!(path.progress(busy(2 * PACKET as u64, released), t1));
        assert!(!path.progress(busy(2 * PACKET as u64, released), t1), "told once");
    }

    #[test]
    fn a_loss_on_a_long_path_says_nothing_about_sockets() {
        let t0 = Instant::now();
        let mut path = Path::new(400_000_000, 512 << 10, t0);
        let t1 = run(&mut path, t0, 1e9, 50e6, Duration::from_millis(40), Duration::from_secs(5));
        let cap = path.cap();
        path.sent(PACKET + HEADERS, t1);
        assert!((cap > buffer::USUAL) && path.cap() == cap, "{cap}");
    }

    #[test]
    fn without_a_pace_the_cap_stands_still() {
        let t0 = Instant::now();
        let mut path = Path::new(0, 300_000, t0);
        run(&mut path, t0, 1e6, 1e6, Duration::from_millis(40), Duration::from_secs(1));
        assert_eq!((path.pace(), path.cap(), path.poll_timeout()), (0.0, 300_000, None));
    }

    #[test]
    fn the_cap_follows_the_path() {
        let t0 = Instant::now();
        let mut path = Path::new(400_000_000, 512 << 10, t0);
        run(&mut path, t0, 1e9, 3e6, Duration::from_millis(40), Duration::from_secs(3));
        let held = 1.5 * 3e6 * 0.04 + CAP_SLACK;
        assert!((0.9..1.15).contains(&(path.cap() as f64 / held)), "{} {held}", path.cap());
    }
}
