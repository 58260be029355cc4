// SPDX-License-Identifier: Apache-2.0
//! Playback-finished: sent at most once for a segment, matched in order, made up when it can no longer come.

use super::*;
use crate::session::playback::MAX_WAITING_SEGMENTS;
use crate::wire::v0::PlaybackFinished;

fn finished(position_us: i64) -> PlaybackFinished {
    PlaybackFinished { position_us, interrupted: false }
}

fn sent_segments(output: &mut Output, segments: usize) {
    for _ in 0..segments {
        output.send(1);
        output.session.flush();
        output.run();
    }
}

#[test]
fn finishes_go_to_the_oldest_segment() {
    let mut output = Output::new();
    sent_segments(&mut output, 2);
    assert_eq!(output.session.playback_finished(true, finished(5)), Answer::Ok);
    let interrupted = PlaybackFinished { position_us: 7, interrupted: true };
    assert_eq!(output.session.playback_finished(true, interrupted), Answer::Ok);
    assert_eq!(output.session.playback_finished(true, finished(9)), Answer::Ok);
    assert_eq!(output.events(), ["finished 1 5", "finished 2 7 interrupted"]);
    let stats = output.session.stats();
    assert_eq!((stats.playback_finished, stats.playback_unmatched), (2, 1));
}

#[test]
fn each_wire_segment_has_its_own_also_after_a_change_of_size() {
    let mut output = Output::new();
    output.send(1);
    output.session.send_frame(frame(3, 0), output.now).unwrap();
    output.run();
    output.session.playback_finished(true, finished(1));
    output.session.playback_finished(true, finished(2));
    assert_eq!(output.events(), ["finished 1 1", "finished 2 2"]);
}

#[test]
fn a_foreign_finish_is_rejected() {
    let mut output = Output::new();
    sent_segments(&mut output, 1);
    assert_eq!(output.session.playback_finished(false, finished(5)), Answer::Reject);
    assert_eq!(output.events(), [""; 0]);
}

#[test]
fn a_destination_that_leaves_makes_up_what_it_did_not_finish() {
    let mut output = Output::new();
    sent_segments(&mut output, 3);
    output.session.playback_finished(true, finished(5));
    output.send(1);
    output.run();
    output.session.destination_present(false, output.now);
    output.session.destination_present(false, output.now);
    let expected = [
        "finished 1 5",
        "finished 2 5 interrupted made up",
        "finished 3 5 interrupted made up",
        "finished 4 5 interrupted made up",
    ];
    assert_eq!(output.events(), expected);
    output.session.destination_present(true, output.now);
    sent_segments(&mut output, 1);
    output.session.room_closed();
    output.session.close();
    assert_eq!(output.events(), ["finished 5 0 interrupted made up"]);
}

#[test]
fn a_stream_that_opens_after_the_destination_left_is_finished_too() {
    for close in [false, true] {
        let mut output = Output::new();
        output.send(1);
        output.poll();
        if close {
            output.session.close();
        } else {
            output.session.destination_present(false, output.now);
        }
        assert_eq!(output.events(), [""; 0]);
        output.answer(Ok(()));
        assert_eq!(output.events(), ["finished 1 0 interrupted made up"]);
    }
}

#[test]
fn a_stream_that_never_opened_is_not_finished() {
    let mut output = Output::new();
    output.send(1);
    output.poll();
    output.answer(Err("no way".to_owned()));
    output.session.close();
    assert_eq!(output.events(), ["error Transport no way"]);
}

#[test]
fn a_peer_that_never_finishes_is_not_remembered_for_ever() {
    let mut output = Output::new();
    sent_segments(&mut output, MAX_WAITING_SEGMENTS + 1);
    assert_eq!(output.events(), ["finished 1 0 interrupted made up"]);
    output.session.playback_finished(true, finished(5));
    assert_eq!(output.events(), ["finished 2 5"]);
}

fn request(receiver: &mut Receiver) -> (NotifyId, PlaybackFinished) {
    let Some(ReceiverRequest::PlaybackFinished { id, destination, message }) =
        receiver.session.poll_request(receiver.now)
    else {
        panic!("a request is due")
    };
    assert_eq!(destination, "alice");
    (id, message)
}

#[test]
fn a_notification_is_asked_for_once_and_answered() {
    let mut receiver = Receiver::new();
    receiver.segment(1);
    receiver.events();
    let id = receiver.session.notify_playback_finished(1, 5, true).unwrap();
    assert_eq!(receiver.session.notify_playback_finished(1, 5, true), Err(SessionError::NotFound));
    assert_eq!(request(&mut receiver), (id, PlaybackFinished { position_us: 5, interrupted: true }));
    assert_eq!(receiver.session.poll_request(receiver.now), None);
    receiver.session.notify_answered(id, NotifyAnswer::Reject, receiver.now);
    receiver.session.notify_answered(id, NotifyAnswer::Ok, receiver.now);
    assert_eq!(receiver.events(), ["notified 1 5 Reject"]);
}

#[test]
fn zero_is_the_oldest_segment_that_the_application_knows() {
    let mut receiver = Receiver::new();
    (0..4).for_each(|_| receiver.segment(0));
    assert_eq!(receiver.session.notify_playback_finished(0, 0, false), Err(SessionError::NotFound));
    while receiver.next().is_some_and(|event| event != "start 3") {}
    let mut notify = |segment| receiver.session.notify_playback_finished(segment, 0, false).is_ok();
    assert!(notify(2));
    assert!(!notify(4), "queued only");
    assert!(notify(0));
    assert!(notify(0));
    assert!(!notify(0));
    let asked: Vec<_> = std::iter::from_fn(|| receiver.session.poll_request(receiver.now)).collect();
    for request in asked {
        let ReceiverRequest::PlaybackFinished { id, .. } = request else { panic!("{request:?}") };
        receiver.session.notify_answered(id, NotifyAnswer::Ok, receiver.now);
    }
    let expected =
        ["end 3 Flushed 0", "start 4", "end 4 Flushed 0", "notified 2 0 Ok", "notified 1 0 Ok", "notified 3 0 Ok"];
    assert_eq!(receiver.events(), expected);
}

#[test]
fn positions_out_of_range_are_refused_and_cost_nothing() {
    let mut receiver = Receiver::new();
    receiver.segment(0);
    receiver.events();
    for position_us in [-1, i64::MIN, i64::MAX] {
        let result = receiver.session.notify_playback_finished(0, position_us, false);
        assert_eq!(result, Err(SessionError::InvalidPosition));
    }
    assert!(receiver.session.notify_playback_finished(0, 0, false).is_ok());
}

#[test]
fn a_segment_of_a_sender_that_was_replaced_is_told_to_that_one() {
    let mut receiver = Receiver::listening(None, QueuePolicy::DropOldest, 9, 999);
    receiver.session.participant_joined("first", true);
    assert!(receiver.open_from("first", &attributes(2)));
    receiver.session.participant_joined("second", true);
    receiver.session.participant_left("first", receiver.now);
    receiver.events();
    receiver.session.notify_playback_finished(0, 0, true).unwrap();
    let Some(ReceiverRequest::PlaybackFinished { destination, .. }) = receiver.session.poll_request(receiver.now)
    else {
        panic!("a request is due")
    };
    assert_eq!(destination, "first");
}

#[test]
fn what_is_on_its_way_at_close_has_failed() {
    let mut receiver = Receiver::new();
    receiver.segment(0);
    receiver.events();
    let id = receiver.session.notify_playback_finished(0, 3, false).unwrap();
    receiver.session.close();
    assert_eq!(receiver.session.poll_request(receiver.now), None);
    receiver.session.notify_answered(id, NotifyAnswer::Ok, receiver.now);
    assert_eq!(receiver.events(), ["notified 1 3 Failed(\"the receiver is closed\")"]);
    assert_eq!(receiver.session.notify_playback_finished(0, 0, false), Err(SessionError::Closed));
}
