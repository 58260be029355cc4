// SPDX-License-Identifier: Apache-2.0
//! Playback in version 1: told for each segment by its number, once, whatever is lost or late.

use super::pair::{configs, session, Packet, Pair, ALICE};
use super::*;
use crate::wire::v0::PlaybackFinished;
use crate::wire::v1::rpc;

const SECOND: Duration = Duration::from_secs(1);

fn segments(pair: &mut Pair, count: usize) {
    for _ in 0..count {
        pair.send(1);
        pair.flush();
    }
    pair.received();
}

fn finished(life: u128, segment: u64) -> rpc::PlaybackFinished {
    let played = PlaybackFinished { position_us: 3, interrupted: false };
    rpc::PlaybackFinished { label: Label::default(), session: session(life), segment, played }
}

#[test]
fn finishes_name_their_segment() {
    let mut pair = Pair::new();
    segments(&mut pair, 3);
    for (segment, position) in [(2, 20), (3, 30), (1, 10)] {
        pair.receiver.notify_playback_finished(segment, position, false).unwrap();
    }
    pair.run();
    assert_eq!(pair.told(), ["finished 2 20", "finished 3 30", "finished 1 10"]);
    assert_eq!(pair.received(), ["notified 2 20 Ok", "notified 3 30 Ok", "notified 1 10 Ok"]);
}

#[test]
fn started_is_told_once_and_before_the_finish() {
    let mut pair = Pair::new();
    segments(&mut pair, 1);
    assert_eq!(pair.receiver.notify_playback_started(2), Err(SessionError::NotFound));
    for _ in 0..2 {
        pair.receiver.notify_playback_started(1).unwrap();
    }
    pair.receiver.notify_playback_finished(1, 1, false).unwrap();
    pair.run();
    assert_eq!(pair.told(), ["started 1", "finished 1 1"]);
    assert_eq!(pair.receiver.notify_playback_started(1), Err(SessionError::NotFound));
    pair.receiver.close();
    assert_eq!(pair.receiver.notify_playback_started(1), Err(SessionError::Closed));
}

/// Calls overtake each other: each is a task of its own at the sender's.
#[test]
fn finish_says_that_the_first_call_of_the_start_comes_before() {
    let mut pair = Pair::new();
    segments(&mut pair, 2);
    let receiver = &mut pair.receiver;
    receiver.notify_playback_started(1).unwrap();
    receiver.notify_playback_finished(1, 1, false).unwrap();
    receiver.notify_playback_finished(2, 2, true).unwrap();
    let Some(ReceiverRequest::SegmentStarted { id, .. }) = receiver.poll_request(pair.now) else { panic!() };
    let mut finish = || match receiver.poll_request(pair.now) {
        Some(ReceiverRequest::SegmentFinished { id, after, message, .. }) => (id, after, message.segment),
        _ => panic!("no finish"),
    };
    let (of_first, after, segment) = finish();
    assert_eq!((after, segment), (Some(id), 1));
    let (_, after, segment) = finish();
    assert_eq!((after, segment), (None, 2));
    pair.receiver.notify_answered(id, NotifyAnswer::Failed("lost".into()), pair.now);
    pair.receiver.notify_answered(of_first, NotifyAnswer::Failed("lost".into()), pair.now);
    let again = pair.now + SECOND;
    let requests: Vec<_> = std::iter::from_fn(|| pair.receiver.poll_request(again)).collect();
    let [ReceiverRequest::SegmentStarted { .. }, ReceiverRequest::SegmentFinished { after: None, .. }] = &requests[..]
    else {
        panic!("{requests:?}")
    };
}

#[test]
fn repeats_strangers_and_other_lives_change_nothing() {
    let mut pair = Pair::new();
    segments(&mut pair, 1);
    assert_eq!(pair.output.segment_finished(false, &finished(1, 1)), Answer::Reject);
    for (life, segment) in [(3, 1), (1, 2), (1, 1), (1, 1)] {
        assert_eq!(pair.output.segment_finished(true, &finished(life, segment)), Answer::Ok);
    }
    assert_eq!(pair.told(), ["finished 1 3"]);
    assert_eq!(pair.output.stats().playback_unmatched, 3);
}

#[test]
fn start_of_another_life_is_counted() {
    let mut pair = Pair::new();
    segments(&mut pair, 1);
    let started = |life| rpc::PlaybackStarted { label: Label::default(), session: session(life), segment: 1 };
    assert_eq!(pair.output.segment_playing(true, &started(3)), Answer::Ok);
    assert_eq!((pair.told(), pair.output.stats().messages_stale), (vec![], 1));
    assert_eq!(pair.output.segment_playing(true, &started(1)), Answer::Ok);
    assert_eq!((pair.told(), pair.output.stats().messages_stale), (vec!["started 1".to_owned()], 1));
}

#[test]
fn failed_calls_are_repeated() {
    let mut pair = Pair::new();
    segments(&mut pair, 1);
    let mut fails = 3;
    pair.lose = Box::new(move |packet| {
        let lost = matches!(packet, Packet::Finished(..)) && fails > 0;
        fails -= u32::from(lost);
        lost
    });
    pair.receiver.notify_playback_finished(1, 1, false).unwrap();
    pair.pass(4 * SECOND);
    assert_eq!(pair.told(), ["finished 1 1"]);
    assert_eq!(pair.received(), ["notified 1 1 Ok"]);
}

#[test]
fn calls_that_keep_failing_are_given_up_and_told() {
    let mut pair = Pair::new();
    segments(&mut pair, 1);
    pair.calls_fail = true;
    pair.said.clear();
    pair.receiver.notify_playback_started(1).unwrap();
    pair.receiver.notify_playback_finished(1, 1, false).unwrap();
    pair.pass(10 * SECOND);
    assert_eq!(pair.said.iter().filter(|said| *said == "finished 1").count(), 4);
    assert_eq!(pair.received(), ["error Rpc", "notified 1 1 Failed(\"lost\")"]);
}

#[test]
fn finish_that_no_call_brought_is_told_when_the_sender_asks() {
    let mut pair = Pair::new();
    segments(&mut pair, 3);
    pair.receiver.notify_playback_finished(1, 1, false).unwrap();
    pair.run();
    pair.calls_fail = true;
    pair.receiver.notify_playback_finished(2, 7, false).unwrap();
    pair.pass(30 * SECOND);
    assert_eq!(pair.received(), ["notified 1 1 Ok", "notified 2 7 Failed(\"lost\")"]);
    pair.calls_fail = false;
    (0..2).for_each(|_| {
        pair.restart_sender();
        pair.run();
    });
    assert_eq!(pair.told(), ["finished 1 1", "finished 2 7"], "the third is the application's to finish");
    pair.receiver.notify_playback_finished(3, 9, false).unwrap();
    pair.run();
    assert_eq!((pair.told(), pair.output.stats().playback_unmatched), (vec!["finished 3 9".to_owned()], 0));
}

/// Both sayings of a hello list what had no finish when they were made.
#[test]
fn finish_that_came_between_two_sayings_of_a_hello_is_not_told_again() {
    let mut pair = Pair::new();
    segments(&mut pair, 1);
    pair.output.room_restarted(pair.now);
    let requests = std::iter::from_fn(|| pair.output.poll_request(pair.now));
    let hello = requests.last().expect("a hello is due");
    let OutputRequest::Hello { message, .. } = hello else { panic!("{hello:?}") };
    assert_eq!(message.ended.len(), 1);
    pair.receiver.hello(ALICE, &message, pair.now);
    pair.receiver.notify_playback_finished(1, 5, false).unwrap();
    pair.run();
    pair.receiver.hello(ALICE, &message, pair.now);
    pair.run();
    assert_eq!((pair.told(), pair.output.stats().playback_unmatched), (vec!["finished 1 5".to_owned()], 0));
}

#[test]
fn answer_that_is_lost_makes_no_second_finish() {
    let mut pair = Pair::new();
    segments(&mut pair, 1);
    let mut fails = 1;
    pair.lose = Box::new(move |packet| {
        let lost = matches!(packet, Packet::NotifyAnswer(_)) && fails > 0;
        fails -= u32::from(lost);
        lost
    });
    pair.receiver.notify_playback_finished(1, 1, false).unwrap();
    pair.pass(SECOND);
    assert_eq!(pair.told(), ["finished 1 1"]);
    assert_eq!(pair.output.stats().playback_unmatched, 1);
}

#[test]
fn library_finishes_a_cleared_segment_that_the_application_does_not() {
    let mut pair = Pair::new();
    segments(&mut pair, 1);
    pair.receiver.notify_playback_finished(1, 7, false).unwrap();
    pair.send(1);
    pair.clear();
    pair.pass(SECOND - Duration::from_millis(1));
    assert_eq!(pair.told(), ["finished 1 7"]);
    pair.pass(Duration::from_millis(1));
    assert_eq!(pair.told(), ["finished 2 7 interrupted"]);
    pair.received();
    pair.receiver.notify_playback_finished(2, 9, true).unwrap();
    pair.run();
    assert_eq!(pair.received(), ["notified 2 9 Ok"], "the application need not know");
    assert_eq!(pair.told(), [""; 0]);
}

#[test]
fn library_finishes_a_cleared_segment_once_though_another_clear_comes() {
    let mut pair = Pair::new();
    for segment in 1..=3 {
        pair.send(1);
        pair.clear();
        pair.pass(2 * SECOND);
        assert_eq!(pair.told(), [format!("finished {segment} 0 interrupted")]);
    }
    assert_eq!(pair.output.stats().playback_unmatched, 0, "a segment was finished again");
}

#[test]
fn application_that_finishes_a_cleared_segment_in_time_is_heard() {
    let mut pair = Pair::new();
    pair.send(1);
    pair.clear();
    pair.received();
    pair.receiver.notify_playback_finished(0, 9, true).unwrap();
    pair.pass(10 * SECOND);
    assert_eq!(pair.told(), ["finished 1 9 interrupted"]);
}

#[test]
fn sender_makes_up_the_finish_of_a_cleared_segment_when_nothing_comes() {
    let mut pair = Pair::new();
    pair.send(1);
    pair.calls_fail = true;
    pair.clear();
    pair.pass(5 * SECOND);
    assert!(pair.told().contains(&"finished 1 0 interrupted made up".to_owned()));
}

#[test]
fn segment_whose_header_was_lost_in_a_reconnect_is_finished() {
    let mut pair = Pair::new();
    pair.delay = SECOND;
    pair.send(1);
    pair.flush();
    pair.delay = Duration::ZERO;
    pair.restart_sender();
    pair.run();
    assert_eq!(pair.told(), ["finished 1 0 interrupted"]);

    pair.delay = SECOND;
    pair.send(1);
    pair.delay = Duration::ZERO;
    pair.restart_sender();
    pair.run();
    assert_eq!(pair.told(), ["finished 2 0 interrupted"], "open, and never heard of there");
    pair.send(1);
    assert_eq!(pair.received(), ["sender alice", "start 1", "frame 1.0"]);
}

#[test]
fn segment_whose_receiver_went_while_it_was_being_opened_is_finished() {
    let mut pair = Pair::new();
    pair.output.send_frame(frame(2, 0), pair.now).unwrap();
    assert!(matches!(pair.output.poll_action(pair.now), Some(OutputAction::OpenStream { .. })));
    pair.output.destination_present(false, pair.now);
    pair.now += 6 * SECOND;
    pair.output.timeout(pair.now);
    pair.output.stream_opened(Ok(()), pair.now);
    assert_eq!(pair.told(), ["finished 1 0 interrupted made up"]);
    assert_eq!(pair.output.stats().segments_started, pair.output.stats().segments_finished);
}

#[test]
fn segment_that_the_receiver_refuses_is_finished() {
    let (output, receiver) = configs();
    let mut pair = Pair::apart(output, ReceiverConfig { policy: QueuePolicy::DropOldest, ..receiver });
    pair.join();
    for _ in 0..258 {
        pair.send(1);
        pair.flush();
    }
    assert_eq!(pair.receiver.stats().refused_many, 2);
    assert_eq!(pair.told(), ["finished 257 0 interrupted", "finished 258 0 interrupted"]);
}

#[test]
fn segment_whose_header_was_lost_is_finished_when_the_next_begins() {
    let mut pair = Pair::new();
    segments(&mut pair, 1);
    pair.lose = Box::new(|packet| matches!(packet, Packet::Header(..)));
    segments(&mut pair, 2);
    pair.lose = Box::new(|_| false);
    segments(&mut pair, 1);
    assert_eq!(pair.told(), ["finished 3 0 interrupted", "finished 2 0 interrupted"]);
}

#[test]
fn closed_output_makes_up_what_is_missing() {
    let mut pair = Pair::new();
    segments(&mut pair, 2);
    pair.receiver.notify_playback_finished(2, 4, false).unwrap();
    pair.run();
    pair.output.close();
    assert_eq!(pair.told(), ["finished 2 4", "finished 1 4 interrupted made up"]);
}
