// SPDX-License-Identifier: Apache-2.0
//! A way of the link, a condition at a time.

use super::*;

const MS: Duration = Duration::from_millis(1);

fn lane(conditions: Conditions) -> Lane<u64> {
    let mut lane = Lane::new(7);
    lane.set_conditions(conditions);
    lane
}

/// Sends packets 0.. of 1000 bytes, one each `every`; returns which arrived and when, in order of arrival.
fn send(lane: &mut Lane<u64>, count: u64, every: Duration) -> Vec<(u64, Duration)> {
    for number in 0..count {
        lane.accept(number, 1000, every * number as u32);
    }
    drain(lane)
}

fn drain(lane: &mut Lane<u64>) -> Vec<(u64, Duration)> {
    let mut arrived = Vec::new();
    while let Some(at) = lane.next_arrival() {
        let before = at.checked_sub(Duration::from_nanos(1));
        assert_eq!(before.and_then(|before| lane.take_due(before)), None, "nothing comes too early");
        arrived.extend(lane.take_due(at).map(|packet| (packet, at)));
    }
    arrived
}

fn numbers(arrived: &[(u64, Duration)]) -> Vec<u64> {
    arrived.iter().map(|(number, _)| *number).collect()
}

#[test]
fn without_conditions_a_packet_arrives_at_once() {
    let arrived = send(&mut lane(Conditions::default()), 3, MS);
    assert_eq!(arrived, [(0, Duration::ZERO), (1, MS), (2, MS * 2)]);
}

#[test]
fn delay_moves_everything_by_as_much() {
    let arrived = send(&mut lane(Conditions { delay: MS * 40, ..Conditions::default() }), 3, MS);
    assert_eq!(arrived, [(0, MS * 40), (1, MS * 41), (2, MS * 42)]);
}

#[test]
fn a_delay_that_shrinks_does_not_reorder() {
    let mut lane = lane(Conditions { delay: MS * 40, ..Conditions::default() });
    lane.accept(0, 1000, Duration::ZERO);
    lane.set_conditions(Conditions::default());
    lane.accept(1, 1000, MS);
    assert_eq!(drain(&mut lane), [(0, MS * 40), (1, MS * 40)]);
}

#[test]
fn jitter_keeps_the_order_unless_told_otherwise() {
    let conditions = Conditions { delay: MS * 40, jitter: MS * 20, ..Conditions::default() };
    let arrived = send(&mut lane(conditions.clone()), 200, MS);
    assert_eq!(numbers(&arrived), (0..200).collect::<Vec<_>>());
    let delays: Vec<Duration> = arrived.iter().map(|(number, at)| *at - MS * *number as u32).collect();
    assert!(delays.iter().all(|delay| (MS * 40..=MS * 60).contains(delay)));
    assert!(delays.iter().any(|delay| *delay > MS * 50));

    let mut arrived = numbers(&send(&mut lane(Conditions { jitter_reorders: true, ..conditions }), 200, MS));
    assert!(!arrived.is_sorted());
    arrived.sort_unstable();
    assert_eq!(arrived, (0..200).collect::<Vec<_>>());
}

#[test]
fn loss_takes_its_share_and_counts_it() {
    let mut lane = lane(Conditions { loss: 0.05, ..Conditions::default() });
    let arrived = send(&mut lane, 20_000, MS);
    assert!((800..1200).contains(&lane.counters().lost), "{:?}", lane.counters());
    assert_eq!(arrived.len() as u64 + lane.counters().lost, 20_000);
    assert_eq!(lane.counters().delivered, arrived.len() as u64);
}

#[test]
fn a_loss_can_be_a_burst() {
    let mut lane = lane(Conditions { loss: 0.01, loss_burst: 5, ..Conditions::default() });
    let arrived = numbers(&send(&mut lane, 10_000, MS));
    let gaps: Vec<u64> = arrived.windows(2).map(|pair| pair[1] - pair[0] - 1).filter(|gap| *gap > 0).collect();
    assert!(gaps.len() > 50 && gaps.iter().all(|gap| *gap >= 5), "{gaps:?}");
}

#[test]
fn packets_are_lost_on_command() {
    let mut lane = lane(Conditions::default());
    lane.lose(3);
    assert_eq!(numbers(&send(&mut lane, 5, MS)), [3, 4]);
}

#[test]
fn a_rate_spreads_a_burst() {
    // 1000 bytes are 1 ms at 8 Mbit/s.
    let mut lane = lane(Conditions { rate: Some(8_000_000), queue_bytes: 100_000, ..Conditions::default() });
    let arrived = send(&mut lane, 10, Duration::ZERO);
    assert_eq!(arrived, (0..10).map(|number| (number, MS * (number as u32 + 1))).collect::<Vec<_>>());
}

#[test]
fn a_line_that_is_idle_saves_nothing_up() {
    let mut lane = lane(Conditions { rate: Some(8_000_000), queue_bytes: 100_000, ..Conditions::default() });
    lane.accept(0, 1000, Duration::ZERO);
    lane.accept(1, 1000, MS * 100);
    lane.accept(2, 1000, MS * 100);
    assert_eq!(drain(&mut lane), [(0, MS), (1, MS * 101), (2, MS * 102)]);
}

#[test]
fn a_full_queue_drops_the_tail() {
    let mut lane = lane(Conditions { rate: Some(8_000_000), queue_bytes: 5000, ..Conditions::default() });
    assert_eq!(numbers(&send(&mut lane, 10, Duration::ZERO)), [0, 1, 2, 3, 4]);
    assert_eq!((lane.counters().overflowed, lane.counters().longest_queue_bytes), (5, 5000));
    assert!(lane.accept(10, 1000, MS * 6).is_none(), "what was sent made room");
}

#[test]
fn a_packet_held_back_is_overtaken() {
    let mut lane = lane(Conditions { reorder: 0.1, reorder_by: MS * 5, ..Conditions::default() });
    let mut arrived = numbers(&send(&mut lane, 1000, MS));
    assert!(!arrived.is_sorted());
    assert!((50..200).contains(&lane.counters().held_back), "{:?}", lane.counters());
    arrived.sort_unstable();
    assert_eq!(arrived.len(), 1000);
}

#[test]
fn a_way_that_is_down_swallows_what_comes_and_delivers_what_was_under_way() {
    let mut lane = lane(Conditions { delay: MS * 40, ..Conditions::default() });
    lane.accept(0, 1000, Duration::ZERO);
    lane.set_conditions(Conditions { delay: MS * 40, down: true, ..Conditions::default() });
    assert_eq!(lane.accept(1, 1000, MS), Some(1), "it is given back");
    assert_eq!(drain(&mut lane), [(0, MS * 40)]);
    assert_eq!(lane.counters().blacked_out, 1);
}

#[test]
fn what_is_under_way_has_an_end() {
    let mut lane = lane(Conditions { delay: MS * 1000, ..Conditions::default() });
    let refused = (0..100).filter(|number| lane.accept(*number, 1 << 20, MS).is_some()).count();
    assert_eq!((refused, lane.counters().overflowed), (36, 36));
}

#[test]
fn a_seed_is_a_story() {
    let conditions = Conditions { loss: 0.1, jitter: MS * 3, reorder: 0.1, ..Conditions::default() };
    let stories = [3, 3, 4].map(|seed| {
        let mut lane = Lane::new(seed);
        lane.set_conditions(conditions.clone());
        send(&mut lane, 100, MS)
    });
    assert_eq!(stories[0], stories[1]);
    assert_ne!(stories[0], stories[2]);
}
