// SPDX-License-Identifier: Apache-2.0
//! Clears of version 1: said on three ways, each of which may be lost, and waited for by nobody.

use super::pair::{configs, session, Packet, Pair, ALICE};
use super::*;
use crate::wire::v1::rpc;

/// Loses clears on the ordered channel: the calls, and the trailers.
fn lose_clears(calls: bool, trailers: bool) -> super::pair::Lose {
    Box::new(move |packet| {
        matches!(packet, Packet::Clear(..)) && calls || matches!(packet, Packet::Trailer(..)) && trailers
    })
}

#[test]
fn notice_call_and_trailer_go_at_once_and_the_next_segment_does_not_wait() {
    let mut pair = Pair::new();
    pair.send(1);
    pair.said.clear();
    pair.delay = Duration::from_millis(50);
    pair.clear();
    pair.send(1);
    let calls: Vec<_> = pair.said.iter().map(String::as_str).filter(|said| !said.ends_with("ng")).collect();
    assert_eq!(calls, ["close clear", "notice 1", "clear 1", "open 2"]);
    assert_eq!(pair.received(), ["start 1", "cleared", "end 1 Cleared 1"], "before anything on the ordered channel");
    pair.pass(Duration::from_millis(50));
    assert_eq!(pair.received(), ["start 2", "frame 2.0"]);
}

#[test]
fn any_of_the_three_is_enough_and_all_are_one() {
    for lost in 0..7 {
        let mut pair = Pair::new();
        pair.lose_lossy = lost & 1 != 0;
        pair.lose = lose_clears(lost & 2 != 0, lost & 4 != 0);
        pair.send(2);
        pair.clear();
        pair.send(1);
        let expected = ["start 1", "cleared", "end 1 Cleared 2", "start 2", "frame 2.0"];
        assert_eq!(pair.received(), expected, "{lost:b}");
    }
}

#[test]
fn frames_that_come_after_the_notice_are_ignored() {
    let mut pair = Pair::new();
    pair.send(1);
    pair.delay = Duration::from_secs(1);
    pair.send(3);
    pair.clear();
    pair.send(1);
    pair.pass(Duration::from_secs(1));
    assert_eq!(pair.received(), ["start 1", "cleared", "end 1 Cleared 1", "start 2", "frame 2.0"]);
    assert_eq!(pair.receiver.stats().chunks_unknown, 3);
}

#[test]
fn segment_that_begins_after_its_clear_never_starts_and_is_finished() {
    let mut pair = Pair::new();
    pair.delay = Duration::from_secs(1);
    pair.send(1);
    pair.clear();
    pair.send(1);
    pair.pass(Duration::from_secs(3));
    assert_eq!(pair.received(), ["start 1", "frame 1.0"], "the first one here is the second one there");
    assert_eq!(pair.told(), ["finished 1 0 interrupted"]);
    assert_eq!(pair.receiver.stats().refused_stale, 1);
}

#[test]
fn what_is_above_the_segment_is_not_touched() {
    let mut pair = Pair::new();
    for _ in 0..3 {
        pair.send(2);
        pair.flush();
    }
    let clear = rpc::Clear { label: Label::default(), session: session(1), through_segment: 2 };
    for _ in 0..2 {
        assert_eq!(pair.receiver.segments_cleared(ALICE, &clear, pair.now), Answer::Ok);
    }
    let expected =
        ["start 1", "cleared", "end 1 Cleared 2", "start 2", "end 2 Cleared 2", "start 3", "frame 3.0", "frame 3.1"];
    assert_eq!(pair.received(), [&expected[..], &["end 3 Flushed 2"]].concat());
}

#[test]
fn late_clear_of_what_was_taken_says_nothing() {
    let mut pair = Pair::new();
    pair.send(1);
    pair.flush();
    pair.send(1);
    assert_eq!(pair.received(), ["start 1", "frame 1.0", "end 1 Flushed 1", "start 2", "frame 2.0"]);
    let clear = rpc::Clear { label: Label::default(), session: session(1), through_segment: 1 };
    pair.receiver.segments_cleared(ALICE, &clear, pair.now);
    assert_eq!(pair.received(), [""; 0]);
}

#[test]
fn clears_of_others_and_of_other_lives_do_nothing() {
    let mut pair = Pair::new();
    pair.send(1);
    let clear = |life| rpc::Clear { label: Label::default(), session: session(life), through_segment: 9 };
    assert_eq!(pair.receiver.segments_cleared("mallory", &clear(1), pair.now), Answer::Reject);
    assert_eq!(pair.receiver.segments_cleared(ALICE, &clear(3), pair.now), Answer::Ok);
    let labelled = rpc::Clear { label: Label::new("left").unwrap(), ..clear(1) };
    assert_eq!(pair.receiver.segments_cleared(ALICE, &labelled, pair.now), Answer::Ok);
    assert_eq!(pair.received(), ["start 1", "frame 1.0"]);
    assert_eq!(pair.receiver.stats().messages_stale, 2);
}

#[test]
fn call_is_repeated_with_a_bound_and_then_told() {
    let mut pair = Pair::new();
    pair.send(1);
    pair.calls_fail = true;
    pair.said.clear();
    pair.clear();
    pair.pass(Duration::from_secs(10));
    assert_eq!(pair.said.iter().filter(|said| *said == "clear 1").count(), 4);
    let told = pair.told();
    assert!(told.contains(&"error Rpc lost".to_owned()), "{told:?}");
}

#[test]
fn clear_in_the_middle_of_a_frame_stops_it() {
    let mut pair = Pair::new();
    pair.output.send_frame(frame(2, 0), pair.now).unwrap();
    assert!(matches!(pair.output.poll_action(pair.now), Some(OutputAction::OpenStream { .. })));
    pair.output.stream_opened(Ok(()), pair.now);
    assert!(matches!(pair.output.poll_action(pair.now), Some(OutputAction::WriteRecord { segment: 1, .. })));
    assert!(!pair.output.is_cancelled(1));
    pair.output.clear(pair.now);
    assert!(pair.output.is_cancelled(1));
    pair.output.write_done(Ok(()), pair.now);
    let Some(OutputAction::CloseStream { trailer: Some(trailer), .. }) = pair.output.poll_action(pair.now) else {
        panic!("no trailer")
    };
    assert_eq!(trailer.frames, 0);
    assert_eq!(pair.output.stats().dropped_cleared, 1);
}

#[test]
fn clear_again_while_it_is_being_said_makes_no_second_call() {
    let mut pair = Pair::new();
    pair.send(1);
    pair.delay = Duration::from_millis(100);
    pair.said.clear();
    (0..5).for_each(|_| pair.clear());
    let calls = pair.said.iter().filter(|said| ["notice 1", "clear 1"].contains(&said.as_str())).count();
    assert_eq!(calls, 2, "{:?}", pair.said);
    pair.pass(Duration::from_secs(1));
    pair.send(1);
    pair.said.clear();
    pair.clear();
    assert!(pair.said.contains(&"clear 2".to_owned()), "{:?}", pair.said);
}

#[test]
fn what_is_held_of_version_0_is_cleared_as_in_version_0() {
    let (output, receiver) = configs();
    let mut pair = Pair::apart(output, receiver);
    pair.knows_hello = false;
    pair.output.transport_ready(true);
    pair.output.destination_present(true, pair.now);
    pair.send(2);
    pair.flush();
    pair.knows_hello = true;
    pair.pass(Duration::from_secs(2));
    assert_eq!(pair.output.stats().version, Some(1), "Ready is repeated");
    pair.clear();
    pair.send(1);
    pair.clear();
    pair.send(1);
    let expected = ["sender alice", "start 1", "cleared", "end 1 Cleared 2", "start 2", "end 2 Cleared 1", "start 3"];
    assert_eq!(pair.received(), [&expected[..], &["frame 3.0"]].concat());
    let calls: Vec<_> = pair.said.iter().filter(|said| said.starts_with("clear")).collect();
    assert_eq!(calls, ["clear of version 0", "clear 2"]);
}

#[test]
fn segment_that_is_being_opened_is_cleared_too() {
    let mut pair = Pair::new();
    pair.output.send_frame(frame(2, 0), pair.now).unwrap();
    pair.output.poll_action(pair.now);
    pair.output.clear(pair.now);
    pair.output.stream_opened(Ok(()), pair.now);
    pair.said.clear();
    pair.run();
    assert!(pair.said.contains(&"clear 1".to_owned()), "{:?}", pair.said);
    assert!(pair.output.is_idle());
}

#[test]
fn clear_while_the_receiver_is_away_is_said_when_it_returns() {
    let mut pair = Pair::new();
    pair.send(1);
    pair.output.destination_present(false, pair.now);
    pair.receiver.room_restarted();
    pair.clear();
    pair.pass(Duration::from_secs(1));
    assert_eq!(pair.received(), ["start 1", "frame 1.0"]);
    pair.output.destination_present(true, pair.now);
    pair.run();
    assert_eq!(pair.received(), ["cleared", "end 1 Cleared 1"]);
    pair.send(1);
    assert_eq!(pair.received(), ["start 2", "frame 2.0"]);
}
