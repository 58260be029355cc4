// SPDX-License-Identifier: Apache-2.0
//! What each queue policy does with the frame that does not fit, on both sides.

use super::*;

#[test]
fn receiver_drops_the_oldest_and_says_what_is_lost() {
    let mut receiver = Receiver::with_queue(QueuePolicy::DropOldest, 2, 1000);
    receiver.open();
    receiver.frames(5);
    assert_eq!(receiver.next().as_deref(), Some("start 1"));
    assert_eq!(receiver.next().as_deref(), Some("frame 1.3 lost 3"));
    receiver.frames(2);
    receiver.trailer();
    assert_eq!(receiver.events(), ["frame 1.5 lost 1", "frame 1.6", "end 1 Flushed 7"]);
    let stats = receiver.session.stats();
    assert_eq!((stats.frames_received, stats.frames_delivered, stats.dropped_oldest), (7, 3, 4));
}

#[test]
fn receiver_drops_the_newest_and_says_what_is_lost() {
    for policy in [QueuePolicy::DropNewest, QueuePolicy::Refuse] {
        let mut receiver = Receiver::with_queue(policy, 2, 1000);
        receiver.open();
        receiver.frames(4);
        assert_eq!(receiver.events(), ["start 1", "frame 1.0", "frame 1.1"]);
        receiver.frames(1);
        receiver.trailer();
        assert_eq!(receiver.events(), ["frame 1.4 lost 2", "end 1 Flushed 5"]);
        assert_eq!(receiver.session.stats().dropped_newest, 2);
    }
}

#[test]
fn losses_of_one_segment_are_not_told_in_the_next() {
    let mut receiver = Receiver::with_queue(QueuePolicy::DropOldest, 1, 1000);
    receiver.segment(3);
    receiver.segment(1);
    assert_eq!(receiver.events(), ["start 1", "end 1 Flushed 3", "start 2", "frame 2.0", "end 2 Flushed 1"]);
}

#[test]
fn receiver_that_blocks_is_full_and_drops_the_oldest_if_frames_come_anyway() {
    let mut receiver = Receiver::with_queue(QueuePolicy::Block, 2, 1000);
    receiver.open();
    receiver.frames(1);
    assert!(!receiver.session.is_full());
    receiver.frames(1);
    assert!(receiver.session.is_full());
    receiver.frames(1);
    assert_eq!(receiver.events(), ["start 1", "frame 1.1 lost 1", "frame 1.2"]);
    assert!(!receiver.session.is_full());
}

#[test]
fn receiver_is_full_when_the_next_frame_would_not_fit_by_its_bytes() {
    let mut receiver = Receiver::with_queue(QueuePolicy::Block, 100, 2 * FRAME_BYTES + 1);
    receiver.open();
    receiver.frames(1);
    assert!(!receiver.session.is_full());
    receiver.frames(1);
    assert!(receiver.session.is_full());
}

#[test]
fn only_a_blocking_receiver_is_ever_full() {
    for policy in [QueuePolicy::DropOldest, QueuePolicy::DropNewest, QueuePolicy::Refuse] {
        let mut receiver = Receiver::with_queue(policy, 1, 1);
        receiver.open();
        receiver.frames(3);
        assert!(!receiver.session.is_full());
    }
}

#[test]
fn output_that_blocks_is_full_until_a_frame_is_written() {
    let mut output = Output::with_queue(QueuePolicy::Block, 2, 1000);
    output.send(2);
    assert_eq!(output.session.send_frame(frame(2, 0), output.now), Err(SendError::Full));
    output.poll();
    output.answer(Ok(()));
    assert_eq!(output.poll().as_deref(), Some("write 1.0"));
    assert_eq!(output.session.send_frame(frame(2, 0), output.now), Ok(()));
    let stats = output.session.stats();
    assert_eq!((stats.frames_accepted, stats.queue_frames, stats.refused), (3, 2, 0));
}

#[test]
fn output_refuses() {
    let mut output = Output::with_queue(QueuePolicy::Refuse, 100, 2 * FRAME_BYTES);
    output.send(2);
    assert_eq!(output.session.send_frame(frame(1, 0), output.now), Err(SendError::Refused));
    let stats = output.session.stats();
    assert_eq!((stats.frames_accepted, stats.refused), (2, 1));
}

#[test]
fn output_drops_the_oldest() {
    let mut output = Output::with_queue(QueuePolicy::DropOldest, 2, 1000);
    for value in 0..5 {
        output.session.send_frame(frame(2, value), output.now).unwrap();
    }
    output.poll();
    output.answer(Ok(()));
    let Some(OutputAction::Write(oldest)) = output.session.poll_action(output.now) else { panic!("a frame is queued") };
    assert_eq!((oldest.data()[0], oldest.info().number), (3, 0));
    assert_eq!(output.session.stats().dropped_oldest, 3);
}

#[test]
fn output_drops_the_newest() {
    let mut output = Output::with_queue(QueuePolicy::DropNewest, 2, 1000);
    output.send(5);
    assert_eq!(output.run(), ["open 1 2px", "write 1.0", "write 1.1"]);
    let stats = output.session.stats();
    assert_eq!((stats.frames_accepted, stats.dropped_newest), (5, 3));
}

#[test]
fn flushes_whose_frames_were_dropped_end_nothing() {
    let mut output = Output::alone(QueuePolicy::DropOldest, 2, 1000);
    for _ in 0..100_000 {
        output.send(1);
        output.session.flush();
        output.session.flush();
    }
    output.session.destination_present(true, output.now);
    output.session.transport_ready(true);
    let expected = ["open 1 2px", "write 1.0", "close 1", "open 2 2px", "write 2.0", "close 2"];
    assert_eq!(output.run(), expected);
}

#[test]
fn every_frame_that_an_output_drops_is_handed_out() {
    let mut config = output_config(QueuePolicy::DropOldest, 2, 1000);
    config.max_age = Some(IDLE);
    let mut output = Output::with_config(config).joined();
    let dropped = |output: &mut Output| output.session.take_dropped().len();
    output.send(5);
    assert_eq!(dropped(&mut output), 3);
    output.poll();
    output.answer(Err("no".into()));
    assert_eq!(dropped(&mut output), 1);
    output.pass(IDLE);
    assert_eq!(dropped(&mut output), 1);
    output.send(2);
    output.session.clear(output.now);
    assert_eq!(dropped(&mut output), 2);
    output.send(2);
    output.session.close();
    assert_eq!(dropped(&mut output), 2);
}

#[test]
fn a_frame_over_the_bytes_of_an_empty_queue_is_taken() {
    let mut output = Output::with_queue(QueuePolicy::Block, 2, 1);
    output.send(1);
    assert_eq!(output.session.send_frame(frame(2, 0), output.now), Err(SendError::Full));
    assert_eq!(output.session.send_frame(frame(251, 0), output.now), Err(SendError::TooLarge));
}
