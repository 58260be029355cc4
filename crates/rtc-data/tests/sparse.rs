// SPDX-License-Identifier: Apache-2.0
//! Little data says little about the path: what few and small messages, or pauses, must not do to a connection.

mod common;

use common::{numbered, reliable, Network, Pair, MS};
use rtc_data::{core::Event, Backlog, Config, ConnState};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const CHUNK: usize = 15_000;
/// Chunks of a frame of 640x480 RGBA.
const FRAME: usize = 82;

fn connected(network: Network) -> (Pair, u64, Backlog) {
    let backlog = Backlog::default();
    let config = Config { backlog: backlog.clone(), ..Config::default() };
    let (mut pair, a, _) = Pair::connected_with(Pair::with(config, Config::default()), reliable("x"));
    pair.network = network;
    (pair, a, backlog)
}

fn path(round_trip: Duration) -> Network {
    Network { delay: round_trip / 2, ..Network::default() }
}

/// Sends `chunks` each `interval`. How long the last took to be acknowledged.
fn send(pair: &mut Pair, a: u64, count: usize, chunks: usize, interval: Duration) -> Duration {
    let mut took = Duration::ZERO;
    for _ in 0..count {
        let start = pair.elapsed();
        for _ in 0..chunks {
            pair.a.send(a, &numbered(0, CHUNK));
        }
        assert!(pair.run_until(10 * SECOND, |p| p.a.is_drained(a)));
        took = pair.elapsed() - start;
        pair.run_for(interval.saturating_sub(took));
        pair.b.events.retain(|e| !matches!(e, Event::Message { .. }));
    }
    took
}

/// Some are always in flight, and never 64 KiB in fifteen seconds.
#[test]
fn small_messages_that_never_pause_keep_the_connection() {
    let (mut pair, a, _) = connected(path(100 * MS));
    for _ in 0..2000 {
        pair.a.send(a, &[0; 50]);
        pair.run_for(20 * MS);
    }
    let states: Vec<_> = pair.a.states.iter().map(|(_, state)| *state).collect();
    assert_eq!(states, [ConnState::Connecting, ConnState::Connected]);
}

/// The acknowledgement of a lone packet comes 200 ms later than others.
#[test]
fn lone_messages_do_not_slow_down_what_follows() {
    for (round_trip, limit) in [(2 * MS, 60 * MS), (10 * MS, 250 * MS), (40 * MS, 600 * MS)] {
        let (mut pair, a, _) = connected(path(round_trip));
        for _ in 0..10 {
            pair.a.send(a, &[0; 50]);
            pair.run_for(SECOND);
        }
        let first = send(&mut pair, a, 1, FRAME, SECOND);
        assert!(first < limit, "{round_trip:?}: {first:?}");
        let before = send(&mut pair, a, 30, FRAME, 400 * MS);
        for _ in 0..20 {
            pair.a.send(a, &[0; 50]);
            pair.run_for(SECOND);
        }
        let after = send(&mut pair, a, 2, FRAME, 400 * MS);
        assert!(after < before * 5 / 4, "{round_trip:?}: {before:?} became {after:?}");
    }
}

/// A codec's stream, large frames now and then.
#[test]
fn who_sends_less_for_a_while_finds_the_pace_as_it_was() {
    let (mut pair, a, backlog) = connected(path(40 * MS));
    let before = send(&mut pair, a, 30, FRAME, 400 * MS);
    let rate = backlog.rate();
    for n in 0..600 {
        for _ in 0..if n % 12 == 0 { 10 } else { 1 } {
            pair.a.send(a, &numbered(0, CHUNK));
        }
        pair.run_for(33 * MS);
    }
    let after = send(&mut pair, a, 2, FRAME, 400 * MS);
    assert!(after < before * 5 / 4, "{before:?} became {after:?}");
    assert!(backlog.rate() > rate / 2, "{rate} became {}", backlog.rate());
}

/// What is sent again is not counted on top of what is in flight.
#[test]
fn losses_with_pauses_keep_the_measures_sane() {
    for seed in 1..10 {
        let (mut pair, a, backlog) = connected(path(40 * MS));
        pair.seed(seed);
        for n in 0..30 {
            pair.network.loss = if n % 2 == 0 { 0.02 } else { 0.0 };
            send(&mut pair, a, 1, 20, Duration::ZERO);
            for _ in 0..3 {
                pair.a.send(a, &[0; 50]);
                pair.run_for(70 * MS);
            }
        }
        let round_trip = backlog.round_trip();
        assert!((40 * MS..60 * MS).contains(&round_trip), "{seed}: {round_trip:?}");
        assert!(backlog.rate() < 100_000_000, "{seed}: {}", backlog.rate());
        assert_eq!(pair.a.state(), ConnState::Connected);
    }
}

/// The process is stopped, or the machine sleeps. Nobody could be heard, and nothing be released.
#[test]
fn twenty_seconds_without_the_processor_end_nothing() {
    let slow = Network { delay: 20 * MS, rate: 300_000, queue: 30_000, ..Network::default() };
    let (mut pair, a, _) = connected(slow);
    for _ in 0..100 {
        pair.a.send(a, &numbered(0, CHUNK));
    }
    pair.run_for(5 * SECOND);
    pair.now += 20 * SECOND;
    // Timers come first, as when the process is stopped just before it looks at its sockets.
    pair.a.core.handle_timeout(pair.now);
    pair.b.core.handle_timeout(pair.now);
    pair.run_for(10 * SECOND);
    for side in [&pair.a, &pair.b] {
        assert_eq!(side.states.last().map(|(_, state)| *state), Some(ConnState::Connected), "{:?}", side.states);
        assert!(side.states.iter().all(|(_, state)| *state != ConnState::Failed), "{:?}", side.states);
    }
}
