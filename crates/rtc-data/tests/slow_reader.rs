// SPDX-License-Identifier: Apache-2.0
//! A far end that does not read closes its window; nothing grows, and nothing is lost when it reads on.

mod common;

use common::{numbered, reliable, Pair};
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
