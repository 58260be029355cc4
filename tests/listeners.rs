// SPDX-License-Identifier: Apache-2.0
//! Situation: listeners of playback-finished that panic, come late, go early, or outlive their output, and many
//! segments that finish at once.
#![allow(clippy::unwrap_used, clippy::panic)] // Helpers fail their tests.

use bytes::Bytes;
use lkvideo::{
    driver::{
        DriverError, Output, OutputEvent, OutputOptions, Receiver, ReceiverEvent, ReceiverOptions, Room, RoomOptions,
        Wait,
    },
    frame::{Frame, FrameInfo, PixelFormat},
};
use std::{sync::mpsc, time::Duration};

const LIMIT: Duration = Duration::from_secs(20);
const SOON: Wait = Wait::For(LIMIT);

fn join(room: &str, identity: &str, kind: &str) -> Room {
    Room::connect(&format!("loopback:{room}?identity={identity}&kind={kind}"), "", RoomOptions::default()).unwrap()
}

fn pair(room: &str) -> (Output, Receiver) {
    let receiver = Receiver::create(&join(room, "player", "standard"), ReceiverOptions::default()).unwrap();
    let output = Output::create(&join(room, "agent", "agent"), "player", OutputOptions::default()).unwrap();
    (output, receiver)
}

/// Sends a segment of one frame and takes it.
fn play(output: &Output, receiver: &Receiver) {
    let data = Bytes::from(vec![0; 16]);
    output.send_frame(Frame::new(FrameInfo::new(PixelFormat::Rgba, 2, 2), data).unwrap(), SOON).unwrap();
    output.flush().unwrap();
    while !matches!(receiver.next_event(SOON).unwrap(), ReceiverEvent::SegmentEnd { .. }) {}
}

fn position(event: &OutputEvent) -> (u64, i64) {
    let OutputEvent::PlaybackFinished { segment, position_us, .. } = event else { panic!("{event:?}") };
    (*segment, *position_us)
}

/// Tells when it is dropped.
struct Told(mpsc::Sender<()>);

impl Drop for Told {
    fn drop(&mut self) {
        self.0.send(()).unwrap();
    }
}

#[test]
fn a_listener_that_panics_stalls_neither_the_others_nor_its_removal() {
    let (output, receiver) = pair("listener-panics");
    let panics = output.add_listener(Box::new(|_| panic!("on purpose"))).unwrap();
    let (tell, told) = mpsc::channel();
    output.add_listener(Box::new(move |event| tell.send(position(&event)).unwrap())).unwrap();
    for segment in 1..=2 {
        play(&output, &receiver);
        receiver.notify_playback_finished(0, 7, false).unwrap();
        assert_eq!(told.recv_timeout(LIMIT).unwrap(), (segment, 7));
    }
    output.remove_listener(panics).unwrap();
}

#[test]
fn listeners_are_dropped_before_a_join_returns() {
    let (output, _receiver) = pair("listener-dropped");
    let (tell, told) = mpsc::channel();
    let data = Told(tell.clone());
    output.add_listener(Box::new(move |_| _ = &data)).unwrap();
    output.close();
    output.join();
    told.try_recv().unwrap();

    let data = Told(tell);
    let refused = output.add_listener(Box::new(move |_| _ = &data));
    assert_eq!(refused, Err(DriverError::Closed));
    told.try_recv().unwrap();
}

#[test]
fn finishes_that_are_told_at_once_arrive_in_their_order() {
    let (output, receiver) = pair("listener-order");
    for _ in 0..40 {
        play(&output, &receiver);
    }
    for segment in 1..=40 {
        receiver.notify_playback_finished(segment, segment as i64 * 1000, false).unwrap();
    }
    // What was told is still sent.
    receiver.close();
    for segment in 1..=40 {
        assert_eq!(position(&output.next_event(SOON).unwrap()), (segment, segment as i64 * 1000));
    }
}

#[test]
fn two_callbacks_may_join_the_object_of_each_other() {
    let (output, receiver) = pair("listener-cross");
    let player = join("listener-cross-2", "player", "standard");
    let (tell, told) = mpsc::channel();
    let barrier = std::sync::Arc::new(std::sync::Barrier::new(2));
    let (meet, both) = (barrier.clone(), output.clone());
    let options = ReceiverOptions {
        on_event: Some(Box::new({
            let tell = tell.clone();
            move |event| {
                if matches!(event, ReceiverEvent::Sender(Some(_))) {
                    meet.wait();
                    both.close();
                    both.join();
                    tell.send(()).unwrap();
                }
            }
        })),
        ..Default::default()
    };
    let other = Receiver::create(&player, options).unwrap();
    let closes = other.clone();
    output
        .add_listener(Box::new(move |_| {
            barrier.wait();
            closes.close();
            closes.join();
            tell.send(()).unwrap();
        }))
        .unwrap();
    play(&output, &receiver);
    receiver.notify_playback_finished(0, 0, false).unwrap();
    let _agent = join("listener-cross-2", "agent", "agent");
    for _ in 0..2 {
        told.recv_timeout(LIMIT).unwrap();
    }
}
