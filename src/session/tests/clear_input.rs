// SPDX-License-Identifier: Apache-2.0
//! Clears as the receiver sees them: what is dropped, and where `Cleared` stands among the ends.

use super::*;

#[test]
fn clear_inside_a_segment() {
    let mut receiver = Receiver::new();
    receiver.open();
    receiver.frames(3);
    assert_eq!(receiver.next().as_deref(), Some("start 1"));
    assert_eq!(receiver.next().as_deref(), Some("frame 1.0"));
    assert_eq!(receiver.session.clear_requested("alice"), Answer::Ok);
    receiver.frames(2);
    receiver.trailer();
    receiver.segment(1);
    let expected = ["cleared", "end 1 Cleared 3", "start 2", "frame 2.0", "end 2 Flushed 1"];
    assert_eq!(receiver.events(), expected);
    let stats = receiver.session.stats();
    assert_eq!((stats.dropped_cleared, stats.chunks_unknown, stats.queue_frames), (2, 2, 0));
}

#[test]
fn clear_reaches_segments_that_ended_and_were_not_delivered() {
    let mut receiver = Receiver::new();
    receiver.segment(2);
    assert_eq!(receiver.next().as_deref(), Some("start 1"));
    receiver.segment(1);
    receiver.open();
    receiver.frames(1);
    receiver.session.clear_requested("alice");
    let expected = ["cleared", "end 1 Cleared 2", "start 2", "end 2 Cleared 1", "start 3", "end 3 Cleared 1"];
    assert_eq!(receiver.events(), expected);
}

#[test]
fn clear_of_a_segment_whose_start_was_not_delivered() {
    let mut receiver = Receiver::new();
    receiver.open();
    receiver.frames(1);
    receiver.session.clear_requested("alice");
    assert_eq!(receiver.events(), ["start 1", "cleared", "end 1 Cleared 1"]);
}

#[test]
fn clear_without_a_segment_is_told() {
    let mut receiver = Receiver::new();
    receiver.session.clear_requested("alice");
    assert_eq!(receiver.events(), ["cleared"]);
    receiver.segment(1);
    assert_eq!(receiver.events().len(), 3);
    receiver.session.clear_requested("alice");
    assert_eq!(receiver.events(), ["cleared"]);
}

#[test]
fn clears_that_were_not_taken_yet_are_one() {
    let mut receiver = Receiver::new();
    receiver.open();
    receiver.session.clear_requested("alice");
    receiver.session.clear_requested("alice");
    receiver.segment(1);
    receiver.session.clear_requested("alice");
    assert_eq!(receiver.events(), ["start 1", "cleared", "end 1 Cleared 0", "start 2", "end 2 Cleared 1"]);
}

#[test]
fn clear_then_frames_at_once() {
    let mut receiver = Receiver::new();
    receiver.open();
    receiver.frames(2);
    receiver.session.clear_requested("alice");
    receiver.segment(2);
    let expected = ["start 1", "cleared", "end 1 Cleared 2", "start 2", "frame 2.0", "frame 2.1", "end 2 Flushed 2"];
    assert_eq!(receiver.events(), expected);
}

#[test]
fn clear_inside_a_frame() {
    let mut receiver = Receiver::new();
    receiver.open();
    receiver.chunk(&[0; 5]);
    receiver.session.clear_requested("alice");
    receiver.chunk(&[0; 3]);
    receiver.segment(1);
    let expected = ["start 1", "cleared", "end 1 Cleared 0", "start 2", "frame 2.0", "end 2 Flushed 1"];
    assert_eq!(receiver.events(), expected);
}

#[test]
fn clear_of_a_foreign_participant_is_rejected() {
    let mut receiver = Receiver::new();
    receiver.segment(1);
    assert_eq!(receiver.session.clear_requested("mallory"), Answer::Reject);
    assert_eq!(receiver.events(), ["start 1", "frame 1.0", "end 1 Flushed 1"]);
}

#[test]
fn other_events_keep_their_place() {
    let mut receiver = Receiver::new();
    receiver.segment(1);
    assert!(!receiver.open_from("alice", &attributes(9999)));
    receiver.session.clear_requested("alice");
    assert_eq!(receiver.events(), ["start 1", "cleared", "end 1 Cleared 1", "error FrameTooLarge"]);
}
