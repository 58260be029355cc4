// SPDX-License-Identifier: Apache-2.0
//! What the cap allows goes into SCTP by the train, so that the first datagram leaves before the last is encrypted.

mod common;

use common::{numbered, reliable, Pair};
use std::time::Duration;

#[test]
fn the_first_datagram_does_not_wait_for_the_last_message() {
    let (mut pair, a, b) = Pair::connected(reliable("x"));
    for n in 0..20 {
        pair.a.send(a, &numbered(n, 15_000));
    }
    let handed = |pair: &Pair| pair.a.core.counters(a).expect("a channel").handed;
    let first = pair.a.core.poll_transmit(pair.now);
    assert!(first.is_some_and(|t| t.data.len() > 1000));
    assert_eq!(handed(&pair), 60_000, "one portion of 300,000 bytes");
    let mut rest = 0;
    while pair.a.core.poll_transmit(pair.now).is_some() {
        rest += 1;
    }
    assert_eq!(handed(&pair), 300_000, "and all of it within one round, {rest} datagrams later");

    // Those datagrams went nowhere: the stack sends them again.
    assert!(pair.run_until(Duration::from_secs(60), |p| p.b.messages(b).len() == 20 && p.a.is_drained(a)));
}
