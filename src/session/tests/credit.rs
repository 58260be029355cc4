// SPDX-License-Identifier: Apache-2.0
//! Flow control of version 1: what is under way and held stays within the window and a frame, and nothing waits for ever.

use super::pair::{configs, Packet, Pair};
use super::*;
use crate::session::credit::{Grants, MAX_WINDOW, MIN_WINDOW};
use crate::wire::v1::control::Body;

const SECOND: Duration = Duration::from_secs(1);
/// Width of a frame of 900 bytes: its record has less than 960.
const LARGE: u32 = 225;

/// A receiver that holds so many bytes, and an output that waits.
fn pair(queue_bytes: usize) -> Pair {
    let (output, receiver) = configs();
    let output = OutputConfig { queue_frames: 1000, queue_bytes: 1 << 20, ..output };
    let mut pair = Pair::apart(output, ReceiverConfig { queue_bytes, ..receiver });
    pair.join();
    pair.run();
    pair.received();
    pair
}

fn send_large(pair: &mut Pair, frames: usize) {
    (0..frames).for_each(|_| pair.output.send_frame(frame(LARGE, 0), pair.now).unwrap());
    pair.run();
}

fn take(pair: &mut Pair, frames: usize) -> usize {
    let is_frame = |event: &ReceiverEvent| matches!(event, ReceiverEvent::Frame(_));
    std::iter::from_fn(|| pair.receiver.next_event()).filter(is_frame).take(frames).count()
}

#[test]
fn slow_application_stops_the_sender_and_loses_nothing() {
    let mut pair = pair(3600);
    send_large(&mut pair, 50);
    pair.pass(30 * SECOND);
    let held = pair.receiver.stats().queue_bytes;
    assert!((2700..=4500).contains(&held), "{held}");
    assert_eq!(pair.output.stats().queue_frames + pair.receiver.stats().queue_frames, 50);
    let mut taken = 0;
    while taken < 50 {
        taken += take(&mut pair, 1);
        pair.pass(SECOND);
        assert!(pair.receiver.stats().queue_bytes <= 4500);
    }
    pair.flush();
    assert_eq!(pair.received(), ["end 1 Flushed 50"]);
    let stats = pair.receiver.stats();
    assert_eq!((stats.frames_lost, stats.dropped_oldest, stats.frames_delivered), (0, 0, 50));
    assert!(pair.output.stats().blocked > 40 * SECOND, "{:?}", pair.output.stats().blocked);
}

#[test]
fn waiting_segment_does_not_time_out() {
    let mut pair = pair(3600);
    send_large(&mut pair, 50);
    pair.pass(10 * IDLE);
    take(&mut pair, 2);
    pair.run();
    assert_eq!(pair.receiver.stats().segments_ended, 0);
    assert!(pair.receiver.stats().queue_frames >= 3);
}

#[test]
fn frame_larger_than_the_window_passes() {
    let mut pair = pair(100);
    send_large(&mut pair, 3);
    for _ in 0..3 {
        assert_eq!(take(&mut pair, 1), 1);
        pair.run();
    }
}

#[test]
fn receiver_whose_queue_holds_no_bytes_takes_frames_one_by_one() {
    let mut pair = pair(0);
    send_large(&mut pair, 3);
    for _ in 0..3 {
        assert_eq!(take(&mut pair, 1), 1);
        pair.pass(SECOND);
    }
}

#[test]
fn lost_grants_are_made_up_for() {
    let mut pair = pair(3600);
    send_large(&mut pair, 50);
    pair.lose = Box::new(|packet| matches!(packet, Packet::ToSender(m) if matches!(m.body, Body::Credit { .. })));
    take(&mut pair, 4);
    pair.run();
    assert_eq!(pair.receiver.stats().queue_frames, 0);
    pair.lose = Box::new(|_| false);
    pair.pass(SECOND);
    assert!(pair.receiver.stats().queue_frames > 2);
}

#[test]
fn lost_chunks_cost_no_credit() {
    let mut pair = pair(3600);
    pair.lose = Box::new(|packet| matches!(packet, Packet::Chunk(..)));
    send_large(&mut pair, 50);
    assert_eq!(pair.output.stats().queue_frames, 0, "all were sent, none arrived");
    send_large(&mut pair, 50);
    let mut random = Random(3);
    pair.lose = Box::new(move |packet| matches!(packet, Packet::Chunk(..)) && random.one_in(3));
    for _ in 0..100 {
        take(&mut pair, 9);
        pair.pass(SECOND / 2);
    }
    assert_eq!(pair.output.stats().queue_frames, 0);
}

#[test]
fn clear_ends_the_wait() {
    let mut pair = pair(3600);
    send_large(&mut pair, 50);
    pair.clear();
    send_large(&mut pair, 1);
    assert_eq!(pair.received(), ["start 1", "cleared", "end 1 Cleared 4", "start 2", "frame 2.0"]);
}

#[test]
fn new_receiver_of_an_old_session_grants_what_it_needs() {
    let mut pair = pair(3600);
    for _ in 0..20 {
        send_large(&mut pair, 2);
        take(&mut pair, 9);
        pair.run();
    }
    pair.replace_receiver(9);
    send_large(&mut pair, 1);
    pair.run();
    assert_eq!(pair.received(), ["sender alice", "start 1", "frame 1.0"]);
}

#[test]
fn receiver_that_does_not_answer_is_asked_whether_it_is_there() {
    let mut pair = pair(3600);
    send_large(&mut pair, 50);
    pair.lose = Box::new(|packet| matches!(packet, Packet::ToSender(_)));
    pair.said.clear();
    pair.pass(9 * SECOND);
    assert!(pair.said.contains(&"hello".to_owned()));
}

#[test]
fn receivers_that_drop_do_not_slow_the_sender() {
    let (output, receiver) = configs();
    let receiver = ReceiverConfig { policy: QueuePolicy::DropOldest, queue_frames: 2, queue_bytes: 3600, ..receiver };
    let mut pair = Pair::apart(output, receiver);
    pair.join();
    pair.run();
    for _ in 0..100 {
        pair.send(1);
    }
    assert_eq!(pair.output.stats().queue_frames, 0);
    let stats = pair.receiver.stats();
    assert_eq!((stats.queue_frames, stats.dropped_oldest, stats.frames_received), (2, 98, 100));
}

#[test]
fn round_trip_and_latency_are_measured() {
    let mut pair = Pair::new();
    pair.output.set_clock(pair.now, 1_000_000_000_000);
    pair.receiver.set_clock(pair.now, 1_000_000_000_000);
    pair.delay = Duration::from_millis(30);
    pair.send(1);
    pair.pass(Duration::from_millis(30));
    assert_eq!(pair.receiver.stats().latency, Some(Duration::from_millis(30)));
    assert!(pair.output.stats().round_trip.is_some());
    assert!(pair.receiver.stats().round_trip.is_some());
    pair.receiver.set_clock(pair.now, 0);
    pair.send(1);
    pair.pass(Duration::from_millis(30));
    assert_eq!(pair.receiver.stats().latency, None, "the clocks disagree");
}

/// Lets a sender send at this rate (bytes a second) over a round trip for a while.
fn arrive(grants: &mut Grants, now: &mut Instant, rate: u64, round_trip: Duration, mut offset: u64) -> u64 {
    for _ in 0..200 {
        *now += Duration::from_millis(10);
        offset += rate / 100;
        assert!(grants.heard(offset, u64::MAX / 2));
        grants.tune(*now, Some(round_trip));
        grants.renew(0);
    }
    offset
}

#[test]
fn window_follows_what_arrives_in_a_round_trip_within_bounds() {
    let (mut grants, mut now) = (Grants::new(u64::MAX), start());
    assert_eq!(grants.window(), MIN_WINDOW);
    let offset = arrive(&mut grants, &mut now, 20_000_000, Duration::from_millis(200), 0);
    let twice = 2 * 20_000_000 / 5;
    assert!(grants.window().abs_diff(twice) < twice / 10, "{}", grants.window());
    let offset = arrive(&mut grants, &mut now, 500_000_000, Duration::from_millis(200), offset);
    assert_eq!(grants.window(), MAX_WINDOW);
    arrive(&mut grants, &mut now, 1000, Duration::from_millis(1), offset);
    assert!(grants.window() < MAX_WINDOW, "it shrinks slowly");
    grants.frame(20 << 20);
    assert_eq!(grants.window(), 40 << 20, "two frames");
    let mut small = Grants::new(1000);
    small.frame(300);
    assert_eq!(small.window(), 1000, "what the application's queue may hold");
}

#[test]
fn limit_never_falls_and_lies_are_not_believed() {
    let mut grants = Grants::new(u64::MAX);
    let limit = grants.renew(0);
    assert_eq!(grants.renew(u64::MAX), limit);
    assert!(grants.heard(500, 10), "a receiver may come in at any count");
    assert!(grants.heard(limit + 10, 10));
    assert!(!grants.heard(limit + 11, 10));
    assert_eq!(grants.highest(), limit + 10);
    assert!(grants.heard(3, 10) && grants.highest() == limit + 10);
}

#[test]
fn a_frame_as_large_as_half_the_window_is_told_of_once() {
    let frame = MIN_WINDOW as usize;
    let mut grants = Grants::new(u64::MAX);
    grants.frame(frame);
    grants.heard(0, 0);
    grants.renew(0);
    let (mut arrived, mut told) = (0, 0);
    for quarter in 1..=40 {
        arrived += frame as u64 / 4;
        grants.heard(arrived, 2 * MIN_WINDOW);
        if grants.has_moved(0, quarter % 4 != 0) {
            grants.renew(0);
            told += 1;
        }
    }
    assert_eq!(told, 10);
}
