// SPDX-License-Identifier: Apache-2.0
//! Situations on virtual time, a file for each kind. Events and actions are compared as short lines of text
//! (`start 1`, `frame 1.0`, `end 1 Flushed 2`), because their order is what the tests are about.

mod agreement;
mod clear_input;
mod clear_output;
mod clear_v1;
mod credit;
mod hostile;
mod hostile_v1;
mod late;
mod model;
mod model_v1;
mod output;
mod pair;
mod playback;
mod playback_v1;
mod policies;
mod promises;
mod promises_v1;

use super::*;
use crate::frame::{Frame, FrameInfo, FramePool, PixelFormat};
use crate::wire::v0::StreamAttributes;
use crate::wire::v1::Label;
use bytes::Bytes;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Frames of the tests are RGBA, 2x1, unless a test says otherwise.
const FRAME_BYTES: usize = 8;
const IDLE: Duration = Duration::from_secs(10);

/// Random numbers by xorshift, the same ones for the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    fn one_in(&mut self, bound: u64) -> bool {
        self.below(bound) == 0
    }
}

/// When virtual time begins.
#[allow(clippy::disallowed_methods, reason = "only as a beginning: nothing here waits")]
fn start() -> Instant {
    Instant::now()
}

fn attributes(width: u32) -> HashMap<String, String> {
    StreamAttributes { format: PixelFormat::Rgba, width, height: 1 }.to_map()
}

/// A frame whose bytes are all `value`.
fn frame(width: u32, value: u8) -> Frame {
    let info = FrameInfo::new(PixelFormat::Rgba, width, 1);
    Frame::new(info, Bytes::from(vec![value; info.format.layout(width, 1).unwrap().size()])).unwrap()
}

fn describe(event: ReceiverEvent) -> String {
    match event {
        ReceiverEvent::Sender(None) => "sender gone".to_owned(),
        ReceiverEvent::Sender(Some(identity)) => format!("sender {identity}"),
        ReceiverEvent::SegmentStart { segment, .. } => format!("start {segment}"),
        ReceiverEvent::Frame(frame) => {
            let FrameInfo { segment, number, lost_before, .. } = *frame.info();
            let lost = if lost_before > 0 { format!(" lost {lost_before}") } else { String::new() };
            format!("frame {segment}.{number}{lost}")
        }
        ReceiverEvent::SegmentEnd { segment, frames, lost: 0, cause } => format!("end {segment} {cause:?} {frames}"),
        ReceiverEvent::SegmentEnd { segment, frames, lost, cause } => {
            format!("end {segment} {cause:?} {frames} lost {lost}")
        }
        ReceiverEvent::Cleared => "cleared".to_owned(),
        ReceiverEvent::Notified { segment, position_us, answer } => {
            format!("notified {segment} {position_us} {answer:?}")
        }
        ReceiverEvent::Error { kind, .. } => format!("error {kind:?}"),
    }
}

fn describe_output(event: OutputEvent) -> String {
    match event {
        OutputEvent::PlaybackFinished { segment, position_us, interrupted, made_up } => {
            let interrupted = if interrupted { " interrupted" } else { "" };
            let made_up = if made_up { " made up" } else { "" };
            format!("finished {segment} {position_us}{interrupted}{made_up}")
        }
        OutputEvent::PlaybackStarted { segment } => format!("started {segment}"),
        OutputEvent::Error { kind, message } => format!("error {kind:?} {message}"),
    }
}

fn receiver_config(
    sender: Option<&str>,
    policy: QueuePolicy,
    queue_frames: usize,
    queue_bytes: usize,
) -> ReceiverConfig {
    let sender = sender.map(str::to_owned);
    ReceiverConfig {
        sender,
        policy,
        queue_frames,
        queue_bytes,
        idle_timeout: IDLE,
        max_frame_bytes: 1000,
        label: Label::default(),
        receiver: None,
        finish_after_clear: Some(Duration::from_secs(1)),
    }
}

/// A receiver listening to `alice`, and what its network does.
struct Receiver {
    session: ReceiverSession,
    now: Instant,
    /// Of the stream opened last.
    stream: StreamKey,
    next_chunk: u64,
}

impl Receiver {
    fn new() -> Self {
        Self::with_queue(QueuePolicy::DropOldest, 100, 100 * FRAME_BYTES)
    }

    fn with_queue(policy: QueuePolicy, queue_frames: usize, queue_bytes: usize) -> Self {
        let mut receiver = Self::listening(Some("alice"), policy, queue_frames, queue_bytes);
        receiver.session.participant_joined("alice", false);
        assert_eq!(receiver.events(), ["sender alice"]);
        receiver
    }

    fn listening(sender: Option<&str>, policy: QueuePolicy, queue_frames: usize, queue_bytes: usize) -> Self {
        let config = receiver_config(sender, policy, queue_frames, queue_bytes);
        let session = ReceiverSession::new(config, FramePool::default());
        Self { session, now: start(), stream: StreamKey(0), next_chunk: 0 }
    }

    fn open_from(&mut self, sender: &str, attributes: &HashMap<String, String>) -> bool {
        self.stream.0 += 1;
        self.next_chunk = 0;
        self.session.stream_opened(StreamOpened { stream: self.stream, sender, attributes }, self.now)
    }

    /// Alice opens a stream of 2x1 frames.
    fn open(&mut self) {
        assert!(self.open_from("alice", &attributes(2)));
    }

    /// The next chunk of the stream opened last.
    fn chunk(&mut self, content: &[u8]) {
        self.session.chunk(self.stream, self.next_chunk, content, self.now);
        self.next_chunk += 1;
    }

    /// So many frames on the stream opened last, one a chunk.
    fn frames(&mut self, count: usize) {
        (0..count).for_each(|_| self.chunk(&[0; FRAME_BYTES]));
    }

    fn trailer(&mut self) {
        self.session.stream_closed(self.stream, StreamEnd { reason: "", attributes: None }, self.now);
    }

    /// A whole segment of so many frames.
    fn segment(&mut self, frames: usize) {
        self.open();
        self.frames(frames);
        self.trailer();
    }

    /// Lets time pass, calling `timeout` when it is asked for.
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(deadline) = self.session.poll_timeout().filter(|deadline| *deadline <= end) {
            assert!(deadline > self.now, "the timer must not spin");
            self.now = deadline;
            self.session.timeout(deadline);
        }
        self.now = end;
    }

    fn next(&mut self) -> Option<String> {
        self.session.next_event().map(describe)
    }

    fn events(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.next()).collect()
    }
}

fn output_config(policy: QueuePolicy, queue_frames: usize, queue_bytes: usize) -> OutputConfig {
    OutputConfig {
        policy,
        queue_frames,
        queue_bytes,
        queue_time: None,
        max_age: None,
        max_frame_bytes: 1000,
        label: Label::default(),
        session: None,
    }
}

/// An output whose destination is there, and its driver.
struct Output {
    session: OutputSession,
    now: Instant,
    action: Option<OutputAction>,
}

impl Output {
    fn new() -> Self {
        Self::with_queue(QueuePolicy::Block, 100, 100 * FRAME_BYTES)
    }

    fn with_queue(policy: QueuePolicy, queue_frames: usize, queue_bytes: usize) -> Self {
        Self::alone(policy, queue_frames, queue_bytes).joined()
    }

    fn alone(policy: QueuePolicy, queue_frames: usize, queue_bytes: usize) -> Self {
        Self::with_config(output_config(policy, queue_frames, queue_bytes))
    }

    fn with_config(config: OutputConfig) -> Self {
        Self { session: OutputSession::new(config), now: start(), action: None }
    }

    fn joined(mut self) -> Self {
        self.session.destination_present(true, self.now);
        self.session.transport_ready(true);
        self
    }

    fn send(&mut self, frames: usize) {
        (0..frames).for_each(|_| self.session.send_frame(frame(2, 0), self.now).unwrap());
    }

    /// Lets time pass, calling `timeout` when it is asked for.
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(deadline) = self.session.poll_timeout().filter(|deadline| *deadline <= end) {
            assert!(deadline >= self.now, "the timer must not spin");
            self.now = deadline;
            self.session.timeout(deadline);
        }
        self.now = end;
    }

    /// The next action, which is then under way.
    fn poll(&mut self) -> Option<String> {
        let action = self.session.poll_action(self.now)?;
        let line = match &action {
            OutputAction::OpenStream { segment, attributes } => {
                format!("open {segment} {}px", attributes.video().width)
            }
            OutputAction::Write(frame) => format!("write {}.{}", frame.info().segment, frame.info().number),
            OutputAction::CloseStream { segment, reason: "", .. } => format!("close {segment}"),
            OutputAction::CloseStream { segment, reason, .. } => format!("close {segment} {reason}"),
            OutputAction::WriteRecord { segment, .. } => format!("record {segment}"),
            OutputAction::ClearBuffer => "clear".to_owned(),
        };
        self.action = Some(action);
        Some(line)
    }

    /// The action under way is over.
    fn answer(&mut self, result: TransportResult) {
        match self.action.take().expect("an action is under way") {
            OutputAction::OpenStream { .. } => self.session.stream_opened(result, self.now),
            OutputAction::Write(_) | OutputAction::WriteRecord { .. } => self.session.write_done(result, self.now),
            OutputAction::CloseStream { .. } => self.session.stream_closed(result, self.now),
            OutputAction::ClearBuffer => self.session.clear_answered(result),
        }
    }

    /// Does what is asked for, all well, until nothing is.
    fn run(&mut self) -> Vec<String> {
        let mut actions = Vec::new();
        if self.action.is_some() {
            self.answer(Ok(()));
        }
        while let Some(action) = self.poll() {
            actions.push(action);
            self.answer(Ok(()));
        }
        actions
    }

    fn events(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.session.next_event()).map(describe_output).collect()
    }
}
