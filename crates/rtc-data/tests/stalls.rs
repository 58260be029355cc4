// SPDX-License-Identifier: Apache-2.0
//! What makes a stream of video stall, each cause by itself, with the default settings. Rates and gaps are those of
//! virtual time: what is asserted does not depend on the machine.

mod common;

use common::{numbered, reliable, Network, Pair, MS};
use rtc_data::{core::Event, Config, ConnState};
use std::time::Duration;

const CHUNK: usize = 15_000;
const STEP: Duration = Duration::from_millis(5);

/// What a stream was like.
#[derive(Debug)]
struct Stream {
    mbit_s: f64,
    longest_gap: Duration,
    lost: u64,
}

struct Flow {
    pair: Pair,
    a: u64,
    b: u64,
    given: u64,
    arrived: u64,
}

impl Flow {
    fn new(far: Config, network: Network) -> Self {
        let (mut pair, a, b) = Pair::connected_with(Pair::with(Config::default(), far), reliable("x"));
        pair.network = network;
        Self { pair, a, b, given: 0, arrived: 0 }
    }

    fn over(network: Network) -> Self {
        Self::new(Config { receive_window: 1 << 20, ..Config::default() }, network)
    }

    fn give(&mut self, bytes: u64) {
        for _ in 0..bytes / CHUNK as u64 {
            self.pair.a.send(self.a, &numbered(0, CHUNK));
            self.given += CHUNK as u64;
        }
    }

    /// A step of time. Bytes that arrived in it.
    fn step(&mut self) -> u64 {
        self.pair.run_for(STEP);
        if self.pair.a.state() != ConnState::Failed {
            self.pair.a.check_counters(self.a);
        }
        let before = self.arrived;
        self.arrived += self.pair.b.messages(self.b).iter().map(|m| m.len() as u64).sum::<u64>();
        self.pair.b.events.retain(|e| !matches!(e, Event::Message { .. }));
        self.arrived - before
    }

    /// Never without something to send.
    fn saturate(&mut self, time: Duration) -> Stream {
        let (start, lost, arrived) = (self.pair.elapsed(), self.pair.lost, self.arrived);
        let (mut last, mut longest_gap) = (start, Duration::ZERO);
        while self.pair.elapsed() < start + time {
            let handed = self.pair.a.core.counters(self.a).expect("a channel").handed;
            self.give((handed + 600_000).saturating_sub(self.given));
            if self.step() > 0 {
                last = self.pair.elapsed();
            }
            longest_gap = longest_gap.max(self.pair.elapsed() - last);
        }
        let mbit_s = (self.arrived - arrived) as f64 * 8e-6 / time.as_secs_f64();
        Stream { mbit_s, longest_gap, lost: self.pair.lost - lost }
    }

    /// Whether everything given arrives and drains within `limit`.
    fn finish(&mut self, limit: Duration) -> bool {
        let end = self.pair.elapsed() + limit;
        while self.pair.elapsed() < end && !(self.arrived == self.given && self.pair.a.is_drained(self.a)) {
            self.step();
        }
        self.arrived == self.given && self.pair.a.is_drained(self.a)
    }
}

#[test]
fn a_bottleneck_with_a_short_and_with_a_long_queue() {
    for queue in [100_000, 500_000] {
        let mut flow = Flow::over(Network { delay: 20 * MS, rate: 60_000_000, queue, ..Network::default() });
        let stream = flow.saturate(Duration::from_secs(4));
        assert!(stream.mbit_s > 42.0 && stream.lost == 0, "{queue}: {stream:?}");
        assert!(stream.longest_gap < 250 * MS, "{queue}: {stream:?}");
        assert!(flow.finish(Duration::from_secs(2)));
    }
}

#[test]
fn slow_start_does_not_overrun_a_buffer_of_a_megabyte() {
    let mut flow = Flow::over(Network { delay: 5 * MS, rate: 300_000_000, queue: 1_000_000, ..Network::default() });
    let stream = flow.saturate(Duration::from_secs(2));
    assert!(stream.mbit_s > 150.0 && stream.lost == 0 && stream.longest_gap < 250 * MS, "{stream:?}");
}

#[test]
fn video_that_needs_less_than_the_path_has_is_never_late() {
    const FRAME: u64 = 82 * CHUNK as u64; // 640x480 RGBA
    let mut flow = Flow::over(Network::default());
    let mut late = 0;
    for frame in 0..40 {
        flow.give(FRAME);
        for _ in 0..7 {
            flow.step();
        }
        // The pace takes its time to be found.
        late += usize::from(frame >= 8 && flow.arrived != flow.given);
    }
    assert_eq!(late, 0, "frames of 35 ms");
}

#[test]
fn a_reader_that_looks_rarely() {
    let mut flow = Flow::over(Network { delay: 5 * MS, ..Network::default() });
    let (mut last, mut longest) = (flow.pair.elapsed(), Duration::ZERO);
    for turn in 0..400 {
        let handed = flow.pair.a.core.counters(flow.a).expect("a channel").handed;
        flow.give((handed + 600_000).saturating_sub(flow.given));
        // It reads what has come, for 5 ms, and looks away for 95 ms.
        flow.pair.b.reading = turn % 20 == 0;
        if flow.step() > 0 {
            last = flow.pair.elapsed();
        }
        longest = longest.max(flow.pair.elapsed() - last);
    }
    assert!(longest < 1300 * MS, "{longest:?}");
    assert!(flow.arrived > 2_000_000, "{} bytes in 2 s", flow.arrived);
    flow.pair.b.reading = true;
    assert!(flow.finish(Duration::from_secs(10)));
    assert_eq!(flow.pair.a.state(), ConnState::Connected);
}

#[test]
fn a_small_receive_buffer() {
    let far = Config { receive_window: 64 << 10, ..Config::default() };
    let mut flow = Flow::new(far, Network { delay: 5 * MS, ..Network::default() });
    let stream = flow.saturate(Duration::from_secs(2));
    assert!(stream.mbit_s > 10.0 && stream.longest_gap < 500 * MS, "{stream:?}");
    assert!(flow.finish(Duration::from_secs(5)));
}

#[test]
fn one_packet_in_a_thousand_is_lost() {
    for seed in 1..=3 {
        let mut flow = Flow::over(Network { delay: 20 * MS, loss: 0.001, ..Network::default() });
        flow.pair.seed(seed);
        let stream = flow.saturate(Duration::from_secs(10));
        assert!(stream.mbit_s > 4.0 && stream.longest_gap < 2500 * MS, "{seed}: {stream:?}");
    }
}

#[test]
fn a_burst_of_three_hundred_lost_packets_costs_seconds_not_a_minute() {
    let mut flow = Flow::over(Network { delay: 20 * MS, ..Network::default() });
    flow.saturate(Duration::from_secs(1));
    flow.pair.network.lose_next = 300;
    let stream = flow.saturate(Duration::from_secs(4));
    assert!(stream.lost >= 300 && stream.longest_gap < 2500 * MS, "{stream:?}");
    assert!(flow.finish(Duration::from_secs(15)));
}

#[test]
fn mild_reordering_stops_nothing() {
    let mut flow = Flow::over(Network { delay: 20 * MS, jitter: MS / 5, ..Network::default() });
    let stream = flow.saturate(Duration::from_secs(3));
    assert!(stream.mbit_s > 1.0 && stream.longest_gap < 250 * MS, "{stream:?}");
}

/// Near, with a socket of Linux's classic default buffer and an owner that shares its processor.
fn small_socket() -> Network {
    Network { delay: MS / 4, socket: 185, turn: 8 * MS, ..Network::default() }
}

#[test]
fn a_small_socket_buffer_costs_one_gap_at_most() {
    for seed in 1..=3 {
        let mut flow = Flow::new(Config::default(), small_socket());
        flow.pair.seed(seed);
        let first = flow.saturate(Duration::from_secs(2));
        assert!(first.lost > 0 && first.longest_gap < 1300 * MS, "{seed}: {first:?}");
        let then = flow.saturate(Duration::from_secs(3));
        assert!(then.longest_gap < 50 * MS && then.lost == 0 && then.mbit_s > 200.0, "{seed}: {then:?}");
        assert!(flow.finish(Duration::from_secs(2)));
    }
}

#[test]
fn a_window_that_fits_the_socket_buffer_loses_nothing() {
    let far = Config { receive_window: 160_080, ..Config::default() };
    let mut flow = Flow::new(far, small_socket());
    let stream = flow.saturate(Duration::from_secs(3));
    assert!(stream.longest_gap < 50 * MS && stream.lost == 0 && stream.mbit_s > 200.0, "{stream:?}");
}

#[test]
fn a_message_as_long_as_the_window_passes_and_a_longer_one_holds_nothing_up() {
    const WINDOW: usize = 160_080;
    let far = Config { receive_window: WINDOW as u32, ..Config::default() };
    let (mut pair, a, b) = Pair::connected_with(Pair::with(Config::default(), far), reliable("x"));
    for len in [WINDOW, WINDOW + 1, WINDOW, 10] {
        pair.a.send(a, &numbered(0, len));
    }
    assert!(pair.run_until(Duration::from_secs(1), |p| p.a.is_drained(a) && p.b.messages(b).len() == 3));
    assert!(pair.b.messages(b).iter().map(|m| m.len()).eq([WINDOW, WINDOW, 10]));
}

#[test]
fn a_slow_link_is_alive() {
    let mut flow = Flow::over(Network { delay: 20 * MS, rate: 300_000, queue: 30_000, ..Network::default() });
    flow.saturate(Duration::from_secs(60));
    assert_eq!(flow.pair.a.state(), ConnState::Connected, "{:?}", flow.pair.a.states);
    assert!(flow.arrived > 1_000_000, "{} bytes in a minute of 300 kbit/s", flow.arrived);
}

#[test]
fn data_flows_within_four_seconds_of_the_end_of_an_outage() {
    for seconds in [2, 4, 9] {
        let mut flow = Flow::over(Network { delay: 20 * MS, ..Network::default() });
        flow.saturate(Duration::from_secs(1));
        flow.pair.network.dark = true;
        flow.saturate(Duration::from_secs(seconds));
        flow.pair.network.dark = false;
        let stream = flow.saturate(Duration::from_secs(6));
        assert!(stream.longest_gap < Duration::from_secs(4), "{seconds} s: {stream:?}");
        assert_eq!(flow.pair.a.state(), ConnState::Connected);
        assert!(flow.finish(Duration::from_secs(10)));
    }
}

/// The far end is heard all the time.
#[test]
fn a_path_dead_in_one_direction_ends_failed() {
    let mut flow = Flow::over(Network { delay: 20 * MS, ..Network::default() });
    flow.saturate(Duration::from_secs(1));
    flow.pair.network.deaf = true;
    let b = flow.b;
    for _ in 0..80 {
        flow.pair.b.send(b, &[0; 100]);
        flow.pair.run_for(200 * MS);
    }
    assert_eq!(flow.pair.a.state(), ConnState::Failed, "{:?}", flow.pair.a.states);
    assert!(flow.pair.a.is_drained(flow.a), "nobody waits for its bytes");
}

#[test]
fn a_path_dead_for_good_ends_failed() {
    let mut flow = Flow::over(Network { delay: 20 * MS, ..Network::default() });
    flow.saturate(Duration::from_secs(1));
    flow.pair.network.dark = true;
    flow.saturate(Duration::from_secs(16));
    assert_eq!(flow.pair.a.state(), ConnState::Failed, "{:?}", flow.pair.a.states);
    assert!(flow.pair.a.is_drained(flow.a));
}
