// SPDX-License-Identifier: Apache-2.0
//! A far end that falls silent is Disconnected after about 2.5 s and Failed after about 15 s; one that
//! never answers is Failed as well; one that comes back is Connected.

mod common;

use common::{numbered, reliable, Pair};
use rtc_data::ConnState;
use std::time::Duration;

#[test]
fn silence_is_noticed() {
    let (mut pair, ..) = Pair::connected(reliable("x"));
    pair.run_for(Duration::from_secs(60));
    assert_eq!(pair.a.states.len(), 2, "a minute of idleness is not silence: {:?}", pair.a.states);

    pair.network.dark = true;
    let dark = pair.elapsed();
    pair.run_for(Duration::from_secs(20));
    for side in [&pair.a, &pair.b] {
        let [.., (disconnected, ConnState::Disconnected), (failed, ConnState::Failed)] = side.states[..] else {
            panic!("{:?}", side.states)
        };
        let (disconnected, failed) = ((disconnected - dark).as_secs_f64(), (failed - dark).as_secs_f64());
        assert!((1.7..=2.6).contains(&disconnected), "{disconnected}");
        assert!((14.0..=15.1).contains(&failed), "{failed}");
    }

    pair.network.dark = false;
    pair.run_for(Duration::from_secs(2));
    assert_eq!((pair.a.state(), pair.b.state()), (ConnState::Connected, ConnState::Connected), "heard again");
}

#[test]
fn a_stream_of_data_that_goes_one_way_is_not_silence() {
    let (mut pair, a, _) = Pair::connected(reliable("x"));
    for _ in 0..100 {
        pair.a.send(a, &[0; 15_000]);
        pair.run_for(Duration::from_millis(200));
    }
    assert_eq!((pair.a.states.len(), pair.b.states.len()), (2, 2));
}

#[test]
fn a_far_end_that_never_answers_fails() {
    let mut pair = Pair::new();
    pair.network.dark = true;
    pair.a.core.create_channel(1, reliable("x")).expect("a channel");
    pair.negotiate(false);
    pair.run_for(Duration::from_secs(30));
    let states: Vec<ConnState> = pair.a.states.iter().map(|(_, s)| *s).collect();
    assert_eq!(states, [ConnState::Connecting, ConnState::Failed]);
}

#[test]
fn a_late_far_end_is_still_met() {
    let mut pair = Pair::new();
    pair.network.dark = true;
    pair.a.core.create_channel(1, reliable("x")).expect("a channel");
    pair.negotiate(false);
    pair.run_for(Duration::from_secs(8));
    pair.network.dark = false;
    assert!(pair.run_until(Duration::from_secs(4), |p| p.a.opened(1)), "{:?}", pair.a.states);
}

#[test]
fn on_a_failed_path_nobody_waits_for_bytes_to_drain() {
    const COUNT: u32 = 100;
    let (mut pair, a, b) = Pair::connected(reliable("x"));
    pair.network.dark = true;
    for n in 0..COUNT {
        pair.a.send(a, &numbered(n, 15_000));
    }
    pair.run_for(Duration::from_secs(14));
    assert!(!pair.a.is_drained(a), "the path may come back");
    pair.run_for(Duration::from_secs(3));
    assert_eq!(pair.a.state(), ConnState::Failed);
    assert!(pair.a.is_drained(a));

    pair.network.dark = false;
    assert!(
        pair.run_until(Duration::from_secs(60), |p| p.b.messages(b).len() == COUNT as usize),
        "SCTP still has them"
    );
    pair.run_for(Duration::from_secs(1));
    assert_eq!(pair.a.drained.get(&a), Some(&u64::from(COUNT * 15_000)), "and they are told once");
}
