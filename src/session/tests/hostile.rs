// SPDX-License-Identifier: Apache-2.0
//! Peers that do what they should not, a million times: nothing grows, and the good go on.

use super::*;
use crate::session::output::MAX_EVENTS;
use crate::session::playback::MAX_WAITING_SEGMENTS;
use crate::session::receiver::MAX_QUEUED_SEGMENTS;
use crate::wire::v1::MAX_NUMBER;

const MANY: u64 = 1_000_000;

#[test]
fn a_million_streams_of_the_sender() {
    let mut receiver = Receiver::new();
    let attributes = attributes(2);
    let taken = (0..MANY).filter(|_| receiver.open_from("alice", &attributes)).count();
    assert_eq!(taken, MAX_QUEUED_SEGMENTS);
    assert_eq!(receiver.session.stats().streams_refused, MANY - taken as u64);
    receiver.session.close();
    let events = receiver.events();
    assert_eq!(events.len(), 2 * MAX_QUEUED_SEGMENTS + 1);
    assert_eq!(events.iter().filter(|event| *event == "error TooManySegments").count(), 1);
}

#[test]
fn a_million_streams_hold_back_a_sender_that_can_be_held_back() {
    let mut receiver = Receiver::with_queue(QueuePolicy::Block, 10, 1000);
    (0..MAX_QUEUED_SEGMENTS).for_each(|_| receiver.segment(0));
    assert!(receiver.session.is_full());
    receiver.next();
    assert!(!receiver.session.is_full());
}

#[test]
fn a_million_streams_of_somebody_else() {
    let mut receiver = Receiver::new();
    let attributes = attributes(2);
    assert_eq!((0..MANY).filter(|_| receiver.open_from("mallory", &attributes)).count(), 0);
    assert_eq!(receiver.events(), [""; 0]);
    assert_eq!(receiver.session.stats().streams_refused, MANY);
}

#[test]
fn bad_and_good_streams_in_turn_cannot_fill_the_queue_with_errors() {
    let mut receiver = Receiver::new();
    let (good, bad) = (attributes(2), attributes(9999));
    for _ in 0..MANY / 10 {
        receiver.open_from("alice", &good);
        receiver.open_from("alice", &bad);
    }
    assert!(receiver.events().len() <= 4 * MAX_QUEUED_SEGMENTS);
}

#[test]
fn a_million_clears_joins_and_chunks_without_a_header() {
    let mut receiver = Receiver::new();
    for key in 0..MANY {
        receiver.session.clear_requested("alice");
        receiver.session.participant_left("alice", receiver.now);
        receiver.session.participant_joined("alice", false);
        receiver.session.chunk(StreamKey(key), u64::MAX - key, &[0; 100], receiver.now);
        receiver.session.stream_closed(StreamKey(key), StreamEnd { reason: "", attributes: None }, receiver.now);
    }
    assert_eq!(receiver.events(), ["cleared", "sender alice"]);
    assert_eq!(receiver.session.stats().chunks_unknown, MANY);
}

#[test]
fn a_million_agents_come_and_go() {
    let mut receiver = Receiver::listening(None, QueuePolicy::DropOldest, 9, 999);
    for number in 0..MANY / 10 {
        let identity = format!("agent-{number}");
        receiver.session.participant_joined(&identity, true);
        receiver.session.participant_left(&identity, receiver.now);
    }
    assert_eq!(receiver.events(), ["sender gone"]);
}

#[test]
fn absurd_chunk_indices() {
    for (index, lost, refused) in [(1, 3, 0), (MAX_NUMBER, 3 * MAX_NUMBER, 0), (MAX_NUMBER + 1, 0, 3), (u64::MAX, 0, 3)]
    {
        let mut receiver = Receiver::new();
        for _ in 0..3 {
            receiver.open();
            receiver.session.chunk(receiver.stream, index, &[0; FRAME_BYTES], receiver.now);
        }
        let stats = receiver.session.stats();
        assert_eq!((stats.chunks_lost, stats.chunks_refused), (lost, refused));
        receiver.session.close();
        let expected = [1, 2, 3].map(|segment| [format!("start {segment}"), format!("end {segment} Truncated 0")]);
        assert_eq!(receiver.events(), expected.concat());
    }
}

#[test]
fn swapped_chunks_truncate() {
    let mut receiver = Receiver::new();
    receiver.open();
    for index in [0, 2, 1, 3] {
        receiver.session.chunk(receiver.stream, index, &[0; FRAME_BYTES], receiver.now);
    }
    receiver.trailer();
    assert_eq!(receiver.events(), ["start 1", "frame 1.0", "end 1 Truncated 1"]);
}

#[test]
fn a_chunk_of_many_frames_stays_within_the_queue() {
    let mut receiver = Receiver::with_queue(QueuePolicy::DropOldest, 3, 1000);
    receiver.open();
    receiver.chunk(&vec![0; 100_000 * FRAME_BYTES]);
    assert_eq!(receiver.session.stats().queue_frames, 3);
    receiver.trailer();
    let last = ["start 1", "frame 1.99997 lost 99997", "frame 1.99998", "frame 1.99999", "end 1 Flushed 100000"];
    assert_eq!(receiver.events(), last);
}

#[test]
fn a_million_finishes_that_nothing_waits_for() {
    let mut output = Output::new();
    let message = crate::wire::v0::PlaybackFinished { position_us: 1, interrupted: false };
    for _ in 0..MANY {
        output.session.playback_finished(true, message);
    }
    assert_eq!(output.events(), [""; 0]);
    assert_eq!(output.session.stats().playback_unmatched, MANY);
}

#[test]
fn an_application_that_takes_no_events_loses_the_oldest() {
    let mut output = Output::new();
    let message = crate::wire::v0::PlaybackFinished { position_us: 1, interrupted: false };
    for _ in 0..=MAX_EVENTS {
        output.send(1);
        output.session.flush();
        output.run();
        output.session.playback_finished(true, message);
    }
    assert_eq!(output.session.stats().events_dropped, 1);
    let events = output.events();
    assert_eq!((events.len(), events[0].as_str()), (MAX_EVENTS, "finished 2 1"));
}

#[test]
fn answers_to_what_was_not_asked_are_ignored() {
    let mut output = Output::new();
    for result in [Ok(()), Err("what?".to_owned())] {
        output.session.stream_opened(result.clone(), output.now);
        output.session.write_done(result.clone(), output.now);
        output.session.stream_closed(result.clone(), output.now);
        output.session.clear_answered(result);
    }
    assert_eq!(output.events(), [""; 0]);
    assert_eq!(output.session.stats(), OutputStats { version: Some(0), ..OutputStats::default() });
}

#[test]
fn a_sender_that_never_answers_does_not_pile_calls_up() {
    let mut receiver = Receiver::new();
    let most = 2 * MAX_WAITING_SEGMENTS;
    for _ in 0..3 * most {
        receiver.segment(0);
        receiver.events();
        receiver.session.notify_playback_finished(0, 1, false).unwrap();
    }
    let sent = std::iter::from_fn(|| receiver.session.poll_request(receiver.now)).count();
    assert_eq!(sent, most);
    let failed = receiver.events();
    assert_eq!(failed.len(), 1, "the others were taken: {failed:?}");
    assert!(failed[0].contains("too many calls"), "{failed:?}");
}

#[test]
fn streams_of_another_label_are_counted() {
    let mut receiver = Receiver::new();
    receiver.session.stream_of_other_label("alice");
    receiver.session.stream_of_other_label("mallory");
    let stats = receiver.session.stats();
    assert_eq!((stats.streams_refused, stats.refused_stale, stats.refused_foreign), (2, 1, 1));
}
