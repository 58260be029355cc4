// SPDX-License-Identifier: Apache-2.0
//! A far end that does not read closes its window; nothing grows, and nothing is lost when it reads on.

mod common;

use common::{numbered, reliable, Network, Pair, MS};
use rtc_data::{core::Event, Config, ConnState};
use std::time::Duration;

#[test]
fn the_window_closes_and_opens_again() {
    let (mut pair, a, b) = Pair::connected(reliable("x"));
    pair.b.reading = false;
    let count = 1500u32; // 22.5 MB against a window of 8 MiB
    for n in 0..count {
        pair.a.send(a, &numbered(n, 15_000));
    }
    pair.run_for(Duration::from_secs(5));
    let held = pair.a.core.counters(a).expect("a channel");
    assert!(held.handed < 14 << 20, "what is not read is not sent: {held:?}");
    let passed = pair.passed;
    pair.run_for(Duration::from_secs(5));
    assert_eq!(pair.a.core.counters(a), Some(held), "and stays so");
    assert!(pair.passed - passed < 200, "at rest but for probes: {}", pair.passed - passed);

    pair.b.reading = true;
    assert!(
        pair.run_until(Duration::from_secs(120), |p| p.b.messages(b).len() == count as usize && p.a.is_drained(a)),
        "{} of {count}",
        pair.b.messages(b).len()
    );
    pair.a.check_counters(a);
}

/// SCTP looks at a closed window after 1, 3, 7, 15 and 31 s. The far end is there all the time.
#[test]
fn a_far_end_that_takes_a_frame_a_second_is_not_given_up() {
    for window in [64 << 10, 1 << 20, 8 << 20] {
        let far = Config { receive_window: window, ..Config::default() };
        let (mut pair, a, _) = Pair::connected_with(Pair::with(Config::default(), far), reliable("x"));
        pair.network = Network { delay: 5 * MS, ..Network::default() };
        pair.b.reading = false;
        let (mut given, mut taken) = (0u64, 0);
        for _ in 0..90 {
            let handed = pair.a.core.counters(a).expect("a channel").handed;
            while given < handed + 600_000 {
                pair.a.send(a, &numbered(0, 15_000));
                given += 15_000;
            }
            let mut left = 8;
            while left > 0 {
                let Some(event) = pair.b.core.poll_event() else { break };
                left -= u32::from(matches!(event, Event::Message { .. }));
            }
            taken += 8 - left;
            pair.run_for(Duration::from_secs(1));
        }
        assert!(taken > 600, "{window}: {taken}");
        assert!(pair.a.states.iter().all(|(_, s)| *s != ConnState::Failed), "{window}: {:?}", pair.a.states);
    }
}
