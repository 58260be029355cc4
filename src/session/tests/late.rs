// SPDX-License-Identifier: Apache-2.0
//! What is queued in time: frames that have waited too long, and a queue that holds no more than the path takes.

use super::*;

const AGE: Duration = Duration::from_millis(500);
const STEP: Duration = Duration::from_millis(30);

fn aged(policy: QueuePolicy) -> Output {
    let mut config = output_config(policy, 100, 100 * FRAME_BYTES);
    config.max_age = Some(AGE);
    Output::with_config(config)
}

/// An output whose queue is bounded to what can be written in 100 ms, of which one frame took as long as given.
fn bounded(policy: QueuePolicy, a_frame: Duration) -> Output {
    let mut config = output_config(policy, 100, 100 * FRAME_BYTES);
    config.queue_time = Some(Duration::from_millis(100));
    let mut output = Output::with_config(config).joined();
    output.send(1);
    output.poll();
    output.answer(Ok(()));
    write_in(&mut output, a_frame);
    output
}

/// Writes the next frame in this time.
fn write_in(output: &mut Output, time: Duration) {
    assert!(output.poll().is_some_and(|action| action.starts_with("write")));
    output.pass(time);
    output.answer(Ok(()));
}

#[test]
fn frames_that_waited_too_long_are_dropped_whole_and_counted() {
    for policy in [QueuePolicy::Block, QueuePolicy::Refuse, QueuePolicy::DropOldest, QueuePolicy::DropNewest] {
        let mut output = aged(policy);
        output.send(2);
        output.pass(STEP);
        output.send(1);
        output.pass(AGE - STEP);
        let stats = output.session.stats();
        assert_eq!((stats.dropped_late, stats.queue_frames, stats.queue_bytes), (2, 1, FRAME_BYTES as u64));
        let mut output = output.joined();
        assert_eq!(output.run(), ["open 1 2px", "write 1.0"]);
        let stats = output.session.stats();
        assert_eq!((stats.frames_accepted, stats.frames_sent, stats.dropped_oldest), (3, 1, 0));
    }
}

#[test]
fn a_frame_is_in_time_until_its_last_moment() {
    let mut output = aged(QueuePolicy::DropOldest).joined();
    output.send(1);
    output.run();
    output.send(1);
    output.now += AGE - Duration::from_micros(1);
    assert_eq!(output.run(), ["write 1.1"]);
    output.send(1);
    output.now += AGE;
    assert_eq!(output.run(), [""; 0]);
}

#[test]
fn a_frame_that_is_being_written_is_never_too_late() {
    let mut output = aged(QueuePolicy::DropOldest).joined();
    output.send(3);
    output.poll();
    output.answer(Ok(()));
    assert_eq!(output.poll().as_deref(), Some("write 1.0"));
    output.pass(2 * AGE);
    assert!(!output.session.is_cancelled(1));
    output.answer(Ok(()));
    assert_eq!(output.session.stats().dropped_late, 2);
    output.send(1);
    assert_eq!(output.run(), ["write 1.1"]);
}

#[test]
fn who_waits_for_room_gets_it_from_frames_that_are_too_late() {
    let mut config = output_config(QueuePolicy::Block, 1, 1000);
    config.max_age = Some(AGE);
    let mut output = Output::with_config(config);
    output.send(1);
    assert_eq!(output.session.send_frame(frame(2, 0), output.now), Err(SendError::Full));
    assert_eq!(output.session.poll_timeout(), Some(output.now + AGE));
    output.pass(AGE);
    assert_eq!(output.session.poll_timeout(), None);
    assert_eq!(output.session.send_frame(frame(2, 0), output.now), Ok(()));
}

#[test]
fn without_an_age_nothing_is_ever_too_late() {
    let mut output = Output::alone(QueuePolicy::Block, 100, 1000);
    output.send(2);
    assert_eq!(output.session.poll_timeout(), None);
    output.pass(Duration::from_secs(3600));
    let mut output = output.joined();
    assert_eq!(output.run(), ["open 1 2px", "write 1.0", "write 1.1"]);
}

#[test]
fn a_segment_all_of_whose_frames_were_too_late_is_none() {
    let mut output = aged(QueuePolicy::DropOldest);
    output.send(2);
    output.session.flush();
    output.pass(AGE);
    assert!(output.session.is_idle());
    output.send(1);
    output.session.flush();
    let mut output = output.joined();
    assert_eq!(output.run(), ["open 1 2px", "write 1.0", "close 1"]);
}

#[test]
fn an_open_segment_ends_where_it_was_flushed_also_if_its_last_frames_were_too_late() {
    let mut output = aged(QueuePolicy::DropOldest).joined();
    output.send(1);
    output.run();
    output.session.transport_ready(false);
    output.send(1);
    output.session.flush();
    output.pass(AGE);
    output.send(1);
    output.session.transport_ready(true);
    assert_eq!(output.run(), ["close 1", "open 2 2px", "write 2.0"]);
}

#[test]
fn the_queue_holds_what_can_be_written_in_time() {
    let mut output = bounded(QueuePolicy::Refuse, STEP);
    output.send(3);
    assert_eq!(output.session.send_frame(frame(2, 0), output.now), Err(SendError::Refused));
    for _ in 0..3 {
        write_in(&mut output, STEP / 3);
    }
    // Half the time for a frame, on the whole.
    output.send(6);
    assert_eq!(output.session.send_frame(frame(2, 0), output.now), Err(SendError::Refused));
}

#[test]
fn frames_that_are_queued_stay_when_the_path_becomes_slower() {
    let mut output = bounded(QueuePolicy::Block, STEP);
    output.send(3);
    write_in(&mut output, Duration::from_secs(10));
    assert_eq!(output.session.stats().queue_frames, 2);
    assert_eq!(output.session.send_frame(frame(2, 0), output.now), Err(SendError::Full));
    assert_eq!(output.run(), ["write 1.2", "write 1.3"]);
}

#[test]
fn the_pace_of_long_ago_is_forgotten() {
    let mut output = bounded(QueuePolicy::Block, Duration::from_secs(10));
    for _ in 0..100 {
        output.send(1);
        write_in(&mut output, STEP);
    }
    output.send(3);
    assert_eq!(output.session.send_frame(frame(2, 0), output.now), Err(SendError::Full));
}

#[test]
fn one_frame_is_queued_however_slow_the_path() {
    let mut output = bounded(QueuePolicy::Block, Duration::from_secs(10));
    output.send(1);
    assert_eq!(output.session.send_frame(frame(2, 0), output.now), Err(SendError::Full));
    output.poll();
    output.send(1);
}

#[test]
fn a_slow_path_drops_the_oldest() {
    let mut output = bounded(QueuePolicy::DropOldest, 2 * STEP);
    output.send(5);
    assert_eq!(output.run(), ["write 1.1"]);
    assert_eq!(output.session.stats().dropped_oldest, 4);
}

#[test]
fn writes_that_take_no_time_bound_nothing() {
    let mut output = bounded(QueuePolicy::Refuse, Duration::ZERO);
    output.send(100);
    assert_eq!(output.session.send_frame(frame(2, 0), output.now), Err(SendError::Refused));
}
