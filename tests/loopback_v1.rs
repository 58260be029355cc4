// SPDX-License-Identifier: Apache-2.0
//! Situation: two rooms of one process agree on version 1, and what an application sees of it: segments that keep going
//! when the size changes, clears that overtake, playback that names its segment, outputs told apart by labels.
#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods)] // A test fails by panicking and has threads.

use bytes::Bytes;
use lkvideo::{
    driver::{
        DriverError, ErrorKind, NotifyAnswer, Output, OutputEvent, OutputOptions, QueuePolicy, Receiver, ReceiverEvent,
        ReceiverOptions, Room, RoomEvent, RoomOptions, SegmentCause, Wait,
    },
    frame::{Frame, FrameInfo, PixelFormat},
};
use std::time::Duration;

const SOON: Wait = Wait::For(Duration::from_secs(20));

fn join(room: &str, identity: &str) -> Room {
    let url = format!("loopback:{room}?identity={identity}&kind=agent");
    Room::connect(&url, "", RoomOptions::default()).unwrap()
}

fn receiver(room: &Room, label: &str) -> Receiver {
    let options = ReceiverOptions { label: label.into(), sender: Some("camera".into()), ..Default::default() };
    Receiver::create(room, options).unwrap()
}

fn output(room: &Room, label: &str) -> Output {
    Output::create(room, "screen", OutputOptions { label: label.into(), ..Default::default() }).unwrap()
}

/// A camera's room and output, a screen's room and receiver.
fn pair(room: &str) -> (Room, Output, Room, Receiver) {
    let (screen, camera) = (join(room, "screen"), join(room, "camera"));
    let (receiver, output) = (receiver(&screen, ""), output(&camera, ""));
    (camera, output, screen, receiver)
}

fn frame(width: u32, height: u32, seed: u8) -> Frame {
    let data = vec![seed; PixelFormat::Rgba.layout(width, height).unwrap().size()];
    Frame::new(FrameInfo::new(PixelFormat::Rgba, width, height), Bytes::from(data)).unwrap()
}

/// Events of the receiver but the news about its sender.
fn next(receiver: &Receiver) -> ReceiverEvent {
    loop {
        match receiver.next_event(SOON).unwrap() {
            ReceiverEvent::Sender(_) => {}
            event => return event,
        }
    }
}

/// Sends a segment of one frame.
fn send(output: &Output, seed: u8) {
    output.send_frame(frame(4, 4, seed), SOON).unwrap();
    output.flush().unwrap();
}

/// The first byte of the only frame of the next segment.
fn take(receiver: &Receiver) -> u8 {
    assert!(matches!(next(receiver), ReceiverEvent::SegmentStart { .. }));
    let ReceiverEvent::Frame(frame) = next(receiver) else { panic!("a frame is expected") };
    let end = next(receiver);
    assert!(matches!(end, ReceiverEvent::SegmentEnd { frames: 1, cause: SegmentCause::Flushed, .. }), "{end:?}");
    frame.data()[0]
}

#[test]
fn both_speak_version_1_and_a_segment_outlives_a_change_of_size() {
    let (_camera, output, _screen, receiver) = pair("v1-agreed");
    for size in [4, 8, 2] {
        output.send_frame(frame(size, size, size as u8), SOON).unwrap();
    }
    output.flush().unwrap();
    assert!(matches!(next(&receiver), ReceiverEvent::SegmentStart { segment: 1, width: 4, height: 4, .. }));
    for (number, size) in [4, 8, 2].into_iter().enumerate() {
        let ReceiverEvent::Frame(got) = next(&receiver) else { panic!("a frame is expected") };
        assert_eq!(
            (got.info().number, got.info().width, got.data()),
            (number as u64, size, frame(size, size, size as u8).data())
        );
    }
    let end = next(&receiver);
    assert!(
        matches!(end, ReceiverEvent::SegmentEnd { frames: 3, lost: 0, cause: SegmentCause::Flushed, .. }),
        "{end:?}"
    );
    assert_eq!((output.stats().version, receiver.stats().version), (Some(1), Some(1)));
    assert!(output.stats().credit.is_some());
}

#[test]
fn playback_is_told_by_segment_in_any_order() {
    let (_camera, output, _screen, receiver) = pair("v1-playback");
    for segment in 1..=2 {
        send(&output, segment);
        assert_eq!(take(&receiver), segment);
    }
    receiver.notify_playback_started(0).unwrap();
    assert_eq!(output.next_event(SOON).unwrap(), OutputEvent::PlaybackStarted { segment: 2 });
    for segment in [2, 1] {
        receiver.notify_playback_finished(segment, 70, false).unwrap();
        assert!(matches!(next(&receiver), ReceiverEvent::Notified { answer: NotifyAnswer::Ok, .. }));
        let finished = OutputEvent::PlaybackFinished { segment, position_us: 70, interrupted: false, made_up: false };
        assert_eq!(output.next_event(SOON).unwrap(), finished);
    }
    assert!(matches!(receiver.notify_playback_started(1), Err(DriverError::NotFound(_))));
    assert_eq!(output.stats().playback_unmatched, 0);
}

#[test]
fn a_clear_overtakes_what_waits_for_a_receiver_that_takes_nothing() {
    let (_camera, output, _screen, receiver) = pair("v1-clear");
    // More than the receiver's queue, the credit and the output's queue hold.
    while output.send_frame(frame(512, 512, 1), Wait::For(Duration::from_millis(200))).is_ok() {}
    output.clear_buffer().unwrap();
    send(&output, 2);
    assert!(matches!(next(&receiver), ReceiverEvent::SegmentStart { segment: 1, .. }));
    // What the application took before it heard of the clear does not count.
    let mut frames = 0;
    while !matches!(next(&receiver), ReceiverEvent::Cleared) {
        frames += 1;
    }
    assert!(frames < 60, "{frames} frames were not dropped");
    let end = next(&receiver);
    assert!(matches!(end, ReceiverEvent::SegmentEnd { segment: 1, cause: SegmentCause::Cleared, .. }), "{end:?}");
    assert_eq!(take(&receiver), 2);
    // The library finishes the cleared segment when nobody else does.
    let finished = output.next_event(SOON).unwrap();
    assert!(matches!(finished, OutputEvent::PlaybackFinished { segment: 1, interrupted: true, .. }), "{finished:?}");
}

#[test]
fn a_sender_is_slowed_by_credit_and_nothing_is_lost() {
    let screen = join("v1-credit", "screen");
    let options = ReceiverOptions { queue_frames: 2, sender: Some("camera".into()), ..Default::default() };
    let receiver = Receiver::create(&screen, options).unwrap();
    let camera = join("v1-credit", "camera");
    let output = output(&camera, "");
    let sender = std::thread::spawn(move || {
        for seed in 0..200 {
            output.send_frame(frame(320, 240, seed), SOON).unwrap();
        }
        output.flush().unwrap();
        output.wait_sent(SOON).unwrap();
        output
    });
    let mut seeds = Vec::new();
    loop {
        match next(&receiver) {
            ReceiverEvent::Frame(frame) => {
                assert_eq!(frame.info().lost_before, 0);
                seeds.push(frame.data()[0]);
            }
            ReceiverEvent::SegmentEnd { lost, cause, .. } => {
                assert_eq!((lost, cause), (0, SegmentCause::Flushed));
                break;
            }
            _ => {}
        }
    }
    assert_eq!(seeds, (0..200).collect::<Vec<u8>>());
    drop(sender.join().unwrap());
}

#[test]
fn a_receiver_that_comes_late_gets_the_first_frame() {
    let (screen, camera) = (join("v1-late", "screen"), join("v1-late", "camera"));
    let output = output(&camera, "");
    send(&output, 7);
    assert_eq!(output.wait_sent(Wait::For(Duration::from_millis(300))), Err(DriverError::Timeout));
    assert_eq!(take(&receiver(&screen, "")), 7);
    output.wait_sent(SOON).unwrap();
}

#[test]
fn labels_tell_the_outputs_of_one_sender_apart() {
    let (screen, camera) = (join("v1-labels", "screen"), join("v1-labels", "camera"));
    let receivers = ["", "left", "right"].map(|label| receiver(&screen, label));
    let outputs = ["", "left", "right"].map(|label| output(&camera, label));
    for (seed, output) in outputs.iter().enumerate() {
        send(output, seed as u8);
    }
    for (seed, receiver) in receivers.iter().enumerate().rev() {
        assert_eq!(take(receiver), seed as u8);
        receiver.notify_playback_finished(0, seed as i64, true).unwrap();
    }
    for (seed, output) in outputs.iter().enumerate() {
        let finished = output.next_event(SOON).unwrap();
        assert!(matches!(finished, OutputEvent::PlaybackFinished { position_us, .. } if position_us == seed as i64));
    }
    let again = ReceiverOptions { label: "left".into(), sender: Some("camera".into()), ..Default::default() };
    assert!(matches!(Receiver::create(&screen, again), Err(DriverError::Busy(_))));
    let none = OutputOptions { label: "x".repeat(65), ..Default::default() };
    assert!(matches!(Output::create(&camera, "screen", none), Err(DriverError::InvalidArgument(_))));
}

#[test]
fn who_is_listened_to_by_nobody_is_told() {
    let screen = join("v1-rejected", "screen");
    let options = ReceiverOptions { sender: Some("somebody".into()), ..Default::default() };
    let _receiver = Receiver::create(&screen, options).unwrap();
    let camera = join("v1-rejected", "camera");
    let output = Output::create(&camera, "screen", OutputOptions::with_policy(QueuePolicy::DropOldest)).unwrap();
    let told = output.next_event(SOON).unwrap();
    assert!(matches!(told, OutputEvent::Error { kind: ErrorKind::Refused, .. }), "{told:?}");
}

#[test]
fn an_output_that_starts_anew_ends_what_the_old_one_left_open() {
    let (camera, first, _screen, receiver) = pair("v1-restart");
    first.send_frame(frame(4, 4, 1), SOON).unwrap();
    first.wait_sent(SOON).unwrap();
    assert!(matches!(next(&receiver), ReceiverEvent::SegmentStart { .. }));
    assert!(matches!(next(&receiver), ReceiverEvent::Frame(_)));
    first.close();
    let second = output(&camera, "");
    send(&second, 2);
    let end = next(&receiver);
    let cause = [SegmentCause::Truncated, SegmentCause::SenderRestarted];
    assert!(matches!(&end, ReceiverEvent::SegmentEnd { segment: 1, cause: c, .. } if cause.contains(c)), "{end:?}");
    assert_eq!(take(&receiver), 2);
}

#[test]
fn applications_see_nothing_of_it() {
    let (camera, output, screen, receiver) = pair("v1-unseen");
    for seed in 0..20 {
        send(&output, seed);
        assert_eq!(take(&receiver), seed);
        receiver.notify_playback_finished(0, 0, false).unwrap();
        assert!(matches!(next(&receiver), ReceiverEvent::Notified { answer: NotifyAnswer::Ok, .. }));
        output.next_event(SOON).unwrap();
    }
    for room in [&camera, &screen] {
        while let Ok(event) = room.next_event(Wait::Try) {
            assert!(!matches!(event, RoomEvent::Data { .. }), "{event:?}");
        }
    }
    assert!(matches!(
        screen.send_data(Bytes::new(), "lk.video_control", None, true),
        Err(DriverError::InvalidArgument(_))
    ));
}
