// SPDX-License-Identifier: Apache-2.0
//! The output's segments: where they start and end, and what interrupts them.

use super::*;

#[test]
fn two_segments() {
    let mut output = Output::new();
    for _ in 0..2 {
        output.send(2);
        output.session.flush();
    }
    let expected =
        [["open 1 2px", "write 1.0", "write 1.1", "close 1"], ["open 2 2px", "write 2.0", "write 2.1", "close 2"]];
    assert!(!output.session.is_idle());
    assert_eq!(output.run(), expected.concat());
    assert!(output.session.is_idle());
}

#[test]
fn actions_come_one_at_a_time() {
    let mut output = Output::new();
    output.send(1);
    assert!(output.poll().is_some());
    assert_eq!(output.poll(), None);
    assert!(!output.session.is_idle());
}

#[test]
fn flush_without_frames_does_nothing() {
    let mut output = Output::new();
    output.session.flush();
    assert!(output.session.is_idle());
    output.send(1);
    output.session.flush();
    output.session.flush();
    assert_eq!(output.run(), ["open 1 2px", "write 1.0", "close 1"]);
    output.session.flush();
    assert_eq!(output.run(), [""; 0]);
}

#[test]
fn flush_while_the_last_frame_is_being_written() {
    let mut output = Output::new();
    output.send(1);
    output.poll();
    output.answer(Ok(()));
    assert_eq!(output.poll().as_deref(), Some("write 1.0"));
    output.session.flush();
    assert_eq!(output.run(), ["close 1"]);
}

#[test]
fn change_of_size_starts_the_next_segment() {
    let mut output = Output::new();
    output.send(1);
    output.session.send_frame(frame(3, 0), output.now).unwrap();
    output.session.send_frame(frame(3, 0), output.now).unwrap();
    output.session.flush();
    let expected = ["open 1 2px", "write 1.0", "close 1", "open 2 3px", "write 2.0", "write 2.1", "close 2"];
    assert_eq!(output.run(), expected);
}

#[test]
fn nothing_starts_before_the_destination_and_the_room_are_there() {
    let mut output = Output::alone(QueuePolicy::Block, 2, 1000);
    output.send(2);
    assert_eq!(output.session.send_frame(frame(2, 0), output.now), Err(SendError::Full));
    output.session.destination_present(true, output.now);
    assert_eq!(output.run(), [""; 0]);
    output.session.destination_present(false, output.now);
    output.session.transport_ready(true);
    assert_eq!(output.run(), [""; 0]);
    output.session.destination_present(true, output.now);
    assert_eq!(output.run(), ["open 1 2px", "write 1.0", "write 1.1"]);
}

#[test]
fn a_resumed_room_goes_on_with_the_segment() {
    let mut output = Output::new();
    output.send(1);
    output.run();
    output.session.transport_ready(false);
    output.send(1);
    output.session.flush();
    assert_eq!(output.run(), [""; 0]);
    output.session.transport_ready(true);
    assert_eq!(output.run(), ["write 1.1", "close 1"]);
}

#[test]
fn a_full_reconnect_starts_the_next_segment() {
    let mut output = Output::new();
    output.send(2);
    output.poll();
    output.answer(Ok(()));
    assert_eq!(output.poll().as_deref(), Some("write 1.0"));
    output.session.room_restarted(output.now);
    assert!(output.session.is_cancelled(1));
    output.answer(Err("gone".to_owned()));
    assert_eq!(output.run(), ["close 1 reconnected", "open 2 2px", "write 2.0"]);
    assert_eq!(output.events(), [""; 0]);
    assert_eq!(output.session.stats().dropped_disconnected, 1);
}

#[test]
fn queued_frames_wait_for_the_return_of_the_destination() {
    let mut output = Output::new();
    output.send(1);
    output.run();
    output.session.flush();
    output.send(1);
    output.session.destination_present(false, output.now);
    assert_eq!(output.run(), ["close 1 destination left"]);
    output.session.destination_present(true, output.now);
    assert_eq!(output.run(), ["open 2 2px", "write 2.0"]);
}

#[test]
fn a_stream_that_cannot_be_opened_costs_its_frame_and_one_error() {
    let mut output = Output::new();
    output.send(3);
    for _ in 0..2 {
        assert_eq!(output.poll().as_deref(), Some("open 1 2px"));
        output.answer(Err("no way".to_owned()));
    }
    assert_eq!(output.run(), ["open 1 2px", "write 1.0"]);
    assert_eq!(output.events(), ["error Transport no way"]);
    assert_eq!(output.session.stats().dropped_disconnected, 2);
}

#[test]
fn a_failed_open_leaves_no_flush_behind() {
    let mut output = Output::new();
    output.send(1);
    output.session.flush();
    output.poll();
    output.answer(Err("no way".to_owned()));
    assert!(output.session.is_idle());
    output.send(1);
    assert_eq!(output.run(), ["open 1 2px", "write 1.0"]);
}

#[test]
fn a_failed_write_ends_the_segment() {
    let mut output = Output::new();
    output.send(3);
    output.poll();
    output.answer(Ok(()));
    output.poll();
    output.answer(Err("lost".to_owned()));
    assert_eq!(output.run(), ["close 1 failed", "open 2 2px", "write 2.0", "write 2.1"]);
    assert_eq!(output.events(), ["error Transport lost"]);
}

#[test]
fn a_failed_close_is_told() {
    let mut output = Output::new();
    output.send(1);
    output.run();
    output.session.flush();
    output.poll();
    output.answer(Err("lost".to_owned()));
    assert_eq!(output.events(), ["error Transport lost"]);
    output.send(1);
    assert_eq!(output.run(), ["open 2 2px", "write 2.0"]);
}

#[test]
fn close_drops_the_queue_and_ends_the_stream() {
    let mut output = Output::new();
    output.send(1);
    output.run();
    output.send(2);
    output.session.close();
    assert_eq!(output.session.send_frame(frame(2, 0), output.now), Err(SendError::Closed));
    output.session.flush();
    output.session.clear(output.now);
    assert_eq!(output.run(), ["close 1 closed"]);
    assert!(output.session.is_idle());
    let stats = output.session.stats();
    assert_eq!((stats.dropped_disconnected, stats.segments_started, stats.segments_finished), (2, 1, 1));
}

#[test]
fn a_closed_room_wants_nothing_more() {
    let mut output = Output::new();
    output.send(3);
    output.poll();
    output.answer(Ok(()));
    output.poll();
    output.session.room_closed();
    assert!(output.session.is_cancelled(1));
    output.answer(Ok(()));
    assert_eq!(output.run(), [""; 0]);
    assert!(output.session.is_idle());
    let stats = output.session.stats();
    assert_eq!((stats.frames_accepted, stats.frames_sent, stats.dropped_disconnected), (3, 0, 3));
    assert_eq!((stats.segments_started, stats.segments_finished), (1, 1));
}

#[test]
fn a_room_that_closes_while_a_stream_is_being_opened() {
    let mut output = Output::new();
    output.send(1);
    output.poll();
    output.session.room_closed();
    output.answer(Ok(()));
    let stats = output.session.stats();
    assert_eq!((stats.segments_started, stats.segments_finished), (0, 0));
    assert_eq!(output.events(), [""; 0]);
}

#[test]
fn flush_while_the_stream_is_being_closed_ends_nothing_more() {
    let mut output = Output::new();
    output.send(1);
    output.run();
    output.session.flush();
    assert_eq!(output.poll().as_deref(), Some("close 1"));
    output.session.flush();
    output.send(1);
    assert_eq!(output.run(), ["open 2 2px", "write 2.0"]);
}

#[test]
fn a_stream_is_broken_off_for_its_first_reason() {
    let mut output = Output::new();
    output.send(1);
    output.run();
    output.session.room_restarted(output.now);
    output.session.close();
    assert_eq!(output.run(), ["close 1 reconnected"]);
}
