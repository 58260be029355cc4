// SPDX-License-Identifier: Apache-2.0
//! Two connections over an in-memory network, on virtual time.
//!
//! The network loses, delays, reorders and blacks out as it is told, from a fixed seed; a step goes to
//! the next instant at which anything can happen. Nothing sleeps, so minutes of bad network take
//! milliseconds. (The handshake's keys are random, and with them the sizes of a few datagrams: a run is
//! not the same to the byte.)

#![allow(dead_code, reason = "every test file uses its own part")]
#![allow(clippy::disallowed_methods, reason = "a base for virtual time")]

use bytes::BytesMut;
use rtc_data::{
    core::{ChannelKey, Connection, Event},
    ChannelInit, Config, ConnState, SdpKind,
};
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    time::{Duration, Instant},
};

pub const MS: Duration = Duration::from_millis(1);

/// What the network does to datagrams, both ways.
#[derive(Clone)]
pub struct Network {
    /// One way.
    pub delay: Duration,
    /// Added to the delay of each datagram, at random: more than the spacing reorders.
    pub jitter: Duration,
    /// Share of datagrams lost.
    pub loss: f64,
    /// Share of datagrams that arrive with one byte changed.
    pub corrupt: f64,
    /// The next so many datagrams are lost.
    pub lose_next: usize,
    /// Nothing passes.
    pub dark: bool,
    /// Nothing passes from a to b.
    pub deaf: bool,
    /// Bits a second, with a queue of `queue` bytes that drops its tail; 0 = as fast as it goes.
    pub rate: u64,
    pub queue: usize,
    /// Datagrams that b's socket holds until its owner gets a turn, which may take up to `turn`, at random; the others
    /// are lost. 0 = it is read at once.
    pub socket: usize,
    pub turn: Duration,
}

impl Default for Network {
    fn default() -> Self {
        Self {
            delay: MS,
            jitter: Duration::ZERO,
            loss: 0.0,
            corrupt: 0.0,
            lose_next: 0,
            dark: false,
            deaf: false,
            rate: 0,
            queue: 250_000,
            socket: 0,
            turn: Duration::ZERO,
        }
    }
}

pub struct Side {
    pub core: Connection,
    pub address: SocketAddr,
    pub events: Vec<Event>,
    /// Candidates found, to be given to the far end.
    pub candidates: Vec<String>,
    pub states: Vec<(Duration, ConnState)>,
    /// Does not read: its events stay inside.
    pub reading: bool,
    /// Total of drained bytes told, by channel.
    pub drained: BTreeMap<ChannelKey, u64>,
    /// When the link towards this side is free again.
    link_free: Option<Instant>,
}

pub struct Pair {
    pub now: Instant,
    start: Instant,
    pub a: Side,
    pub b: Side,
    pub network: Network,
    in_flight: BTreeMap<(Instant, u64), (bool, SocketAddr, BytesMut)>,
    /// In b's socket, and when it is read.
    socket: Vec<(SocketAddr, BytesMut)>,
    turn_at: Option<Instant>,
    count: u64,
    random: u64,
    pub lost: u64,
    pub passed: u64,
}

/// Settings of the tests: unpaced, so that the network alone decides.
pub fn config() -> Config {
    Config { pace_bps: 0, ..Config::default() }
}

impl Pair {
    pub fn new() -> Self {
        Self::with(config(), config())
    }

    pub fn with(a: Config, b: Config) -> Self {
        let now = Instant::now();
        let side = |config: &Config, address: &str| Side {
            core: Connection::new(config, now).expect("a connection"),
            address: address.parse().expect("an address"),
            events: Vec::new(),
            candidates: Vec::new(),
            states: Vec::new(),
            reading: true,
            drained: BTreeMap::new(),
            link_free: None,
        };
        Self {
            now,
            start: now,
            a: side(&a, "192.0.2.1:1000"),
            b: side(&b, "192.0.2.2:2000"),
            network: Network::default(),
            in_flight: BTreeMap::new(),
            socket: Vec::new(),
            turn_at: None,
            count: 0,
            random: 0x2545_f491_4f6c_dd1d,
            lost: 0,
            passed: 0,
        }
    }

    /// A pair that is connected, with one channel of `init` open on both sides: `(pair, at a, at b)`.
    pub fn connected(init: ChannelInit) -> (Self, ChannelKey, ChannelKey) {
        Self::connected_with(Self::new(), init)
    }

    pub fn connected_with(mut pair: Self, init: ChannelInit) -> (Self, ChannelKey, ChannelKey) {
        pair.a.core.create_channel(1, init).expect("a channel");
        pair.negotiate(false);
        let connected = pair.run_until(Duration::from_secs(10), |p| p.b.incoming().is_some() && p.a.opened(1));
        assert!(connected, "a: {:?}, b: {:?}", pair.a.states, pair.b.states);
        let theirs = pair.b.incoming().expect("just seen");
        (pair, 1, theirs)
    }

    /// Offer from a, answer from b, candidates trickled.
    pub fn negotiate(&mut self, ice_restart: bool) {
        let offer = self.a.core.create_offer(ice_restart).expect("an offer");
        self.a.core.set_local(self.now, SdpKind::Offer, &offer).expect("our offer");
        self.b.core.set_remote(self.now, SdpKind::Offer, &offer).expect("their offer");
        let answer = self.b.core.create_answer().expect("an answer");
        self.b.core.set_local(self.now, SdpKind::Answer, &answer).expect("our answer");
        self.a.core.set_remote(self.now, SdpKind::Answer, &answer).expect("their answer");
        self.exchange_candidates();
    }

    pub fn exchange_candidates(&mut self) {
        for side in [&mut self.a, &mut self.b] {
            if side.core.take_gathering_due() {
                side.core.add_local_address(side.address, self.now);
            }
            side.read(self.now, self.start);
        }
        let (from_a, from_b) = (std::mem::take(&mut self.a.candidates), std::mem::take(&mut self.b.candidates));
        from_a.iter().for_each(|line| self.b.core.add_remote_candidate(line));
        from_b.iter().for_each(|line| self.a.core.add_remote_candidate(line));
    }

    /// Another seed for what the network does at random.
    pub fn seed(&mut self, seed: u64) {
        self.random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    }

    pub fn elapsed(&self) -> Duration {
        self.now - self.start
    }

    /// Runs until `done`, for `limit` of virtual time at most. Whether it was done.
    pub fn run_until(&mut self, limit: Duration, done: impl Fn(&Self) -> bool) -> bool {
        let end = self.now + limit;
        self.settle();
        while !done(self) {
            let next = [self.a.core.poll_timeout(), self.b.core.poll_timeout()];
            let arrival = self.in_flight.keys().next().map(|(at, _)| *at);
            let Some(next) = next.into_iter().flatten().chain(arrival).chain(self.turn_at).min() else { return false };
            if next > end {
                self.now = end;
                return false;
            }
            self.now = self.now.max(next);
            while let Some(entry) = self.in_flight.first_entry() {
                if entry.key().0 > self.now {
                    break;
                }
                let (to_b, from, data) = entry.remove();
                if to_b && self.network.socket > 0 {
                    self.hold(from, data);
                    continue;
                }
                let side = if to_b { &mut self.b } else { &mut self.a };
                side.core.handle_datagram(self.now, side.address, from, data);
            }
            if self.turn_at.is_some_and(|at| at <= self.now) {
                self.turn_at = None;
                for (from, data) in self.socket.drain(..) {
                    self.b.core.handle_datagram(self.now, self.b.address, from, data);
                }
            }
            self.a.core.handle_timeout(self.now);
            self.b.core.handle_timeout(self.now);
            self.settle();
        }
        true
    }

    fn hold(&mut self, from: SocketAddr, data: BytesMut) {
        if self.socket.len() >= self.network.socket {
            self.lost += 1;
            return;
        }
        self.socket.push((from, data));
        if self.turn_at.is_none() {
            // Most turns come soon.
            let wait = self.network.turn.mul_f64(self.random().powi(3));
            self.turn_at = Some(self.now + wait);
        }
    }

    pub fn run_for(&mut self, time: Duration) {
        self.run_until(time, |_| false);
    }

    /// Reads events and sends until both sides rest.
    pub fn settle(&mut self) {
        for to_b in [true, false] {
            self.settle_side(to_b);
        }
    }

    fn settle_side(&mut self, to_b: bool) {
        let (now, start) = (self.now, self.start);
        loop {
            let side = if to_b { &mut self.a } else { &mut self.b };
            side.read(now, start);
            let Some(out) = side.core.poll_transmit(now) else {
                side.read(now, start);
                return;
            };
            if out.local == side.address {
                self.carry(to_b, out.local, out.remote, out.data);
            }
        }
    }

    /// Puts a datagram on the network.
    pub fn carry(&mut self, to_b: bool, from: SocketAddr, to: SocketAddr, mut data: BytesMut) {
        let arrives = if to_b { self.b.address } else { self.a.address };
        let random = self.random();
        let unlucky = random < self.network.loss;
        let burst = self.network.lose_next > 0;
        self.network.lose_next = self.network.lose_next.saturating_sub(1);
        if to != arrives || unlucky || burst || self.network.dark || (self.network.deaf && to_b) {
            self.lost += 1;
            return;
        }
        let mut at = self.now;
        if self.network.rate > 0 {
            let side = if to_b { &mut self.b } else { &mut self.a };
            let begins = side.link_free.map_or(self.now, |free| free.max(self.now));
            let bytes_per_second = self.network.rate as f64 / 8.0;
            if (begins - self.now).as_secs_f64() * bytes_per_second > self.network.queue as f64 {
                self.lost += 1;
                return;
            }
            at = begins + Duration::from_secs_f64(data.len() as f64 / bytes_per_second);
            side.link_free = Some(at);
        }
        if self.random() < self.network.corrupt {
            let at = (self.random() * data.len() as f64) as usize;
            data[at] ^= 1 << (self.random() * 8.0) as u32;
        }
        self.passed += 1;
        self.count += 1;
        let jitter = self.network.jitter.mul_f64(self.random());
        self.in_flight.insert((at + self.network.delay + jitter, self.count), (to_b, from, data));
    }

    /// In [0, 1); xorshift64*.
    pub fn random(&mut self) -> f64 {
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        (self.random.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) as f64 / (1u64 << 53) as f64
    }
}

impl Side {
    pub fn read(&mut self, now: Instant, start: Instant) {
        while self.reading {
            let Some(event) = self.core.poll_event() else { return };
            match &event {
                Event::Candidate { line, .. } => self.candidates.push(line.clone()),
                Event::State(state) => self.states.push((now - start, *state)),
                Event::Drained { key, bytes } => *self.drained.entry(*key).or_default() += bytes,
                _ => {}
            }
            self.events.push(event);
        }
    }

    pub fn incoming(&self) -> Option<ChannelKey> {
        self.events.iter().find_map(|e| match e {
            Event::ChannelIncoming { key, .. } => Some(*key),
            _ => None,
        })
    }

    pub fn opened(&self, wanted: ChannelKey) -> bool {
        self.events.iter().any(|e| matches!(e, Event::ChannelOpened { key, .. } if *key == wanted))
    }

    pub fn closed(&self, wanted: ChannelKey) -> bool {
        self.events.iter().any(|e| matches!(e, Event::ChannelClosed { key } if *key == wanted))
    }

    pub fn messages(&self, wanted: ChannelKey) -> Vec<&[u8]> {
        let message = |e: &'_ Event| matches!(e, Event::Message { key, .. } if *key == wanted);
        let events = self.events.iter().filter(|e| message(e));
        events
            .map(|e| match e {
                Event::Message { data, .. } => &data[..],
                _ => unreachable!("filtered"),
            })
            .collect()
    }

    pub fn state(&self) -> ConnState {
        self.core.state()
    }

    pub fn send(&mut self, key: ChannelKey, data: &[u8]) {
        self.core.send(key, BytesMut::from(data), true).expect("a message is taken");
    }

    /// Asserts the invariant of the byte counts, and what has been told about them.
    pub fn check_counters(&self, key: ChannelKey) {
        let c = self.core.counters(key).expect("a channel");
        assert!(c.reported <= c.handed && c.handed <= c.given, "{c:?}");
        assert_eq!(c.reported, self.drained.get(&key).copied().unwrap_or(0));
    }

    /// Whether everything given is reported.
    pub fn is_drained(&self, key: ChannelKey) -> bool {
        self.core.counters(key).is_some_and(|c| c.given == c.reported)
    }
}

/// A reliable, ordered channel.
pub fn reliable(label: &str) -> ChannelInit {
    ChannelInit { label: label.into(), ..Default::default() }
}

/// A message of `len` bytes that tells its number.
pub fn numbered(n: u32, len: usize) -> Vec<u8> {
    let mut m = vec![n as u8; len.max(4)];
    m[..4].copy_from_slice(&n.to_be_bytes());
    m
}

pub fn number_of(m: &[u8]) -> u32 {
    u32::from_be_bytes(m[..4].try_into().expect("four bytes"))
}
