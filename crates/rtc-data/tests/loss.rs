// SPDX-License-Identifier: Apache-2.0
//! A bad network: loss, delay, reordering, bursts and blackouts. Everything arrives, in order, once, and
//! the byte counts close.

mod common;

use common::{config, number_of, numbered, reliable, Network, Pair, MS};
use rtc_data::{Config, ConnState};
use std::time::Duration;

const CHUNK: usize = 15_000;

/// Sends `count` chunks from a to b and asserts that they arrive within `limit`. The time it took.
fn transfer(pair: &mut Pair, a: u64, b: u64, count: u32, limit: Duration) -> Duration {
    let start = pair.elapsed();
    for n in 0..count {
        pair.a.send(a, &numbered(n, CHUNK));
    }
    pair.a.check_counters(a);
    let done = pair.run_until(limit, |p| p.a.is_drained(a) && p.b.messages(b).len() >= count as usize);
    let messages = pair.b.messages(b);
    let numbers: Vec<u32> = messages.iter().map(|m| number_of(m)).collect();
    assert!(done, "{} of {count} after {:?}, {:?}", numbers.len(), pair.elapsed(), pair.a.core.counters(a));
    assert!(numbers.iter().copied().eq(0..count), "in order, each once");
    assert!(messages.iter().all(|m| m.len() == CHUNK));
    pair.a.check_counters(a);
    assert_eq!(pair.a.drained[&a], u64::from(count) * CHUNK as u64);
    pair.elapsed() - start
}

#[test]
fn one_percent_loss_at_twenty_milliseconds() {
    let (mut pair, a, b) = Pair::connected(reliable("x"));
    pair.network = Network { delay: 20 * MS, loss: 0.01, ..Network::default() };
    transfer(&mut pair, a, b, 200, Duration::from_secs(300));
    assert!(pair.lost > 10);
}

#[test]
fn five_percent_loss_with_jitter() {
    let (mut pair, a, b) = Pair::connected(reliable("x"));
    pair.network = Network { delay: 10 * MS, jitter: 5 * MS, loss: 0.05, ..Network::default() };
    transfer(&mut pair, a, b, 100, Duration::from_secs(600));
}

#[test]
fn the_handshake_survives_twenty_percent_loss() {
    let mut pair = Pair::new();
    pair.network = Network { delay: 5 * MS, loss: 0.2, ..Network::default() };
    pair.a.core.create_channel(1, reliable("x")).expect("a channel");
    pair.negotiate(false);
    assert!(pair.run_until(Duration::from_secs(60), |p| p.a.opened(1) && p.b.incoming().is_some()));
}

#[test]
fn mild_reordering() {
    let (mut pair, a, b) = Pair::connected(reliable("x"));
    pair.network = Network { delay: 20 * MS, jitter: MS / 5, ..Network::default() };
    transfer(&mut pair, a, b, 300, Duration::from_secs(120));
}

#[test]
fn a_burst_of_three_hundred_lost_packets() {
    let (mut pair, a, b) = Pair::connected(reliable("x"));
    pair.network = Network { delay: 40 * MS, ..Network::default() };
    for n in 0..100 {
        pair.a.send(a, &numbered(n, CHUNK));
    }
    pair.run_until(Duration::from_secs(10), |p| p.b.messages(b).len() >= 40);
    pair.network.lose_next = 300;
    assert!(pair.run_until(Duration::from_secs(60), |p| p.b.messages(b).len() == 100 && p.a.is_drained(a)));
    assert_eq!(pair.network.lose_next, 0, "they were lost");
    assert!(pair.b.messages(b).iter().enumerate().all(|(n, m)| number_of(m) == n as u32));
}

#[test]
fn blackouts_of_two_four_and_nine_seconds() {
    for seconds in [2, 4, 9] {
        let (mut pair, a, b) = Pair::connected(reliable("x"));
        pair.network.delay = 20 * MS;
        for n in 0..200 {
            pair.a.send(a, &numbered(n, CHUNK));
        }
        pair.run_until(Duration::from_secs(10), |p| p.b.messages(b).len() >= 50);
        pair.network.dark = true;
        pair.run_for(Duration::from_secs(seconds));
        let silent = if seconds > 2 { ConnState::Disconnected } else { ConnState::Connected };
        assert_eq!((pair.a.state(), pair.b.state()), (silent, silent), "after {seconds} s");
        pair.network.dark = false;
        let light = pair.elapsed();
        assert!(
            pair.run_until(Duration::from_secs(60), |p| p.b.messages(b).len() == 200 && p.a.is_drained(a)),
            "blackout of {seconds} s: {} of 200, {:?}",
            pair.b.messages(b).len(),
            pair.a.states
        );
        let late = pair.elapsed() - light;
        assert!(late < Duration::from_secs(4), "{seconds} s of darkness cost {late:?} more");
        assert_eq!((pair.a.state(), pair.b.state()), (ConnState::Connected, ConnState::Connected));
        assert!(pair.b.messages(b).iter().enumerate().all(|(n, m)| number_of(m) == n as u32));
        pair.a.check_counters(a);
    }
}

/// SCTP gives up after a minute. That must not look like a connection.
#[test]
fn an_outage_that_sctp_does_not_survive_stays_failed() {
    let (mut pair, a, _) = Pair::connected(reliable("x"));
    pair.a.send(a, &numbered(0, CHUNK));
    pair.network.dark = true;
    pair.run_for(Duration::from_secs(90));
    pair.network.dark = false;
    pair.run_for(Duration::from_secs(30));
    assert_eq!(pair.a.state(), ConnState::Failed, "{:?}", pair.a.states);
}

#[test]
fn the_pace_is_kept() {
    let paced = Config { pace_bps: 60_000_000, ..config() };
    let (mut pair, a, b) = Pair::connected_with(Pair::with(paced.clone(), paced), reliable("x"));
    let took = transfer(&mut pair, a, b, 600, Duration::from_secs(10));
    let rate = 600.0 * CHUNK as f64 * 8.0 / took.as_secs_f64() / 1e6;
    assert!((48.0..60.0).contains(&rate), "{rate} Mbit/s");
}

#[test]
fn never_more_in_flight_than_the_cap() {
    let capped = Config { max_in_flight: 128 << 10, ..config() };
    let (mut pair, a, b) = Pair::connected_with(Pair::with(capped.clone(), capped), reliable("x"));
    pair.network.delay = 50 * MS;
    for n in 0..100 {
        pair.a.send(a, &numbered(n, CHUNK));
    }
    let mut most = 0;
    while pair.b.messages(b).len() < 100 {
        assert!(!pair.run_until(MS, |_| false));
        let c = pair.a.core.counters(a).expect("a channel");
        assert!(c.reported <= c.handed && c.handed <= c.given);
        most = most.max(c.handed - pair.b.messages(b).len() as u64 * CHUNK as u64);
    }
    assert!(most > 64 << 10, "{most}");
    // Acknowledged parts of a message make room; the count here is of whole messages.
    assert!(most <= (128 << 10) + CHUNK as u64, "{most}");
}

#[test]
fn an_unreliable_channel_gives_lost_messages_up() {
    let lossy = rtc_data::ChannelInit { ordered: false, max_retransmits: Some(0), ..reliable("lossy") };
    let (mut pair, a, b) = Pair::connected(lossy);
    pair.network = Network { delay: 10 * MS, loss: 0.1, ..Network::default() };
    for n in 0..300 {
        pair.a.send(a, &numbered(n, 1000));
        pair.run_for(5 * MS);
    }
    pair.network.loss = 0.0;
    assert!(pair.run_until(Duration::from_secs(30), |p| p.a.is_drained(a)), "{:?}", pair.a.core.counters(a));
    let arrived = pair.b.messages(b).len();
    assert!((200..300).contains(&arrived), "{arrived}");
    pair.a.check_counters(a);
}
