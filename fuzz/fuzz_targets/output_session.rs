// SPDX-License-Identifier: Apache-2.0
//! Everything that can happen to an output's session of either version, in any order, on virtual time: the application,
//! the room, a transport that fails, and a destination that answers anything to anything, with any numbers.
//!
//! What must hold: what the application sees (`src/sending.rs`), streams that do not overlap, frames in order and none
//! beyond the credit, a bounded queue, every frame in one counter, no timer that is due for ever. When all is well again
//! the session goes on, and when it is closed nothing is left to do.
#![no_main]
#![allow(clippy::disallowed_methods, reason = "a base for virtual time")]

use std::time::{Duration, Instant};

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use lkvideo::frame::{Frame, FrameInfo, PixelFormat};
use lkvideo::session::{
    Answer, CallId, HelloFailure, OutputAction, OutputConfig, OutputRequest, OutputSession, SegmentAttributes,
    SendError, TransportResult,
};
use lkvideo::wire::v0;
use lkvideo::wire::v1::control::{Body, Control};
use lkvideo::wire::v1::hello::{Accepted, HelloAnswer, HelloRequest, OpenSegment};
use lkvideo::wire::v1::record::FrameHeader;
use lkvideo::wire::v1::{rpc, Codec, EndReason, Id, Label, MAX_NUMBER};
use lkvideo_fuzz::sending::{check_counters, Application};
use lkvideo_fuzz::{Input, POLICIES};

const MAX_FRAME_BYTES: usize = 400;
/// Of a session of ours; the others are somebody else's.
const SESSION: u128 = 1;
const LABELS: [&str; 2] = ["", "left"];
const FORMATS: [PixelFormat; 3] = [PixelFormat::Rgba, PixelFormat::I420, PixelFormat::I010];
/// Of each kind of message there is one at most at a time, but for the answers to a few pings.
const MAX_REQUESTS: usize = 16;
/// After this time nobody who is well is waited for any more.
const RECOVERY: Duration = Duration::from_secs(60);

fuzz_target!(|data: &[u8]| {
    let mut input = Input::new(data);
    let mut output = Output::new(&mut input);
    while !input.is_empty() {
        let settles = output.step(&mut input);
        if settles {
            output.settle();
        }
        output.check();
    }
    output.end();
});

/// The streams as a receiver sees them.
#[derive(Default)]
struct Wire {
    open: Option<Open>,
    /// Something came that a stream of version 1 may have been lost with.
    may_be_lost: bool,
    /// Segments that were started.
    segments: u64,
    /// The number of the next frame of the segment that was started last.
    next_number: u64,
    /// Chunk bytes of the session.
    offset: u64,
    limit: u64,
}

struct Open {
    segment: u64,
    attributes: SegmentAttributes,
    /// A clear of version 0 went out.
    cleared: bool,
}

impl Wire {
    /// A stream is to be opened.
    fn opening(&mut self, segment: u64, attributes: &SegmentAttributes) {
        let overlaps = self.open.take().is_some_and(|open| !self.may_be_lost || !is_v1(&open.attributes));
        assert!(!overlaps, "streams overlap");
        self.may_be_lost = false;
        let SegmentAttributes::V1(v1) = attributes else {
            return assert_eq!(segment, self.segments + 1, "segments are counted");
        };
        assert_eq!(v1.segment, segment);
        match v1.resume_from {
            None => assert_eq!(segment, self.segments + 1, "segments are counted"),
            Some(frame) => assert_eq!((segment, frame), (self.segments, self.next_number), "it goes on elsewhere"),
        }
    }

    fn opened(&mut self, segment: u64, attributes: SegmentAttributes) {
        if segment > self.segments {
            (self.segments, self.next_number) = (segment, 0);
        }
        self.open = Some(Open { segment, attributes, cleared: false });
    }

    fn frame(&mut self, segment: u64, number: u64) -> &SegmentAttributes {
        let open = self.open.as_ref().expect("a frame without a stream");
        assert_eq!((open.segment, self.next_number), (segment, number), "frames are counted");
        assert!(!open.cleared, "a frame on a cleared stream");
        self.next_number += 1;
        &open.attributes
    }
}

fn is_v1(attributes: &SegmentAttributes) -> bool {
    matches!(attributes, SegmentAttributes::V1(_))
}

struct Output {
    session: OutputSession,
    now: Instant,
    label: Label,
    queue: (u64, u64),
    /// The driver is at this.
    action: Option<OutputAction>,
    /// Some of the calls that were made, the last ones.
    hellos: Vec<CallId>,
    clears: Vec<CallId>,
    wire: Wire,
    application: Application,
    /// Closed by the application, or by the room.
    closed: bool,
    room_closed: bool,
}

impl Output {
    fn new(input: &mut Input) -> Self {
        let queue = (1 + input.below(6), 1 + usize::from(input.u16() % 2048));
        let label = Label::new(input.pick(&LABELS)).expect("a label");
        let bits = input.u8();
        let config = OutputConfig {
            policy: input.pick(&POLICIES),
            queue_frames: queue.0,
            queue_bytes: queue.1,
            queue_time: (bits & 1 != 0).then_some(Duration::from_millis(100)),
            max_age: (bits & 2 != 0).then_some(Duration::from_millis(20)),
            max_frame_bytes: MAX_FRAME_BYTES,
            label: label.clone(),
            session: (bits & 12 != 0).then(|| Id::from_random(SESSION)),
        };
        let mut output = Self {
            session: OutputSession::new(config),
            now: Instant::now(),
            label,
            queue: (queue.0 as u64, queue.1 as u64),
            action: None,
            hellos: Vec::new(),
            clears: Vec::new(),
            wire: Wire::default(),
            application: Application::default(),
            closed: false,
            room_closed: false,
        };
        if bits & 16 == 0 {
            output.destination_present(true);
            output.session.transport_ready(true);
        }
        output
    }

    /// Whether the driver then looks for what is to be done, as it does after each input.
    fn step(&mut self, input: &mut Input) -> bool {
        let choice = input.u8();
        match choice & 31 {
            0..=4 => self.send(input),
            5 | 6 => self.session.flush(),
            7 => self.session.clear(self.now),
            8 => self.destination_present(input.bool()),
            9 if !self.room_closed => self.session.transport_ready(input.bool()),
            10 => {
                self.session.room_restarted(self.now);
                self.wire.may_be_lost = true;
            }
            11 => {
                let result = if input.below(4) == 0 { Err("refused".to_owned()) } else { Ok(()) };
                self.answer(result);
            }
            12..=16 => self.answer(Ok(())),
            17..=19 => self.act(),
            20 | 21 => self.hello_answered(input),
            22 => {
                let id = one_of(&self.clears, input);
                let result = if input.bool() { Err("no answer".to_owned()) } else { Ok(()) };
                self.session.clear_call_answered(id, result, self.now);
            }
            23 | 24 => self.control(input),
            25 => self.finished(input),
            26 => {
                let (label, session, segment) = (self.any_label(input), any_session(input), 1 + input.count());
                let message = rpc::PlaybackStarted { label, session, segment };
                self.session.segment_playing(input.below(8) > 0, &message);
            }
            27 => self.pass(Duration::from_millis(u64::from(input.u8()) * 10)),
            28 => self.pass(Duration::from_millis(u64::from(input.u8()) * 250)),
            29 if input.bool() => self.session.room_reconnecting(input.bool(), self.now),
            29 => self.session.set_clock(self.now, input.u64() as i64),
            30 if input.u8() == 0 => self.close(input.bool()),
            _ => (0..input.below(8)).for_each(|_| self.take()),
        }
        choice < 0xc0
    }

    // ---- what may happen ----

    fn send(&mut self, input: &mut Input) {
        let format = input.pick(&FORMATS);
        let (width, height) = (1 + input.below(10) as u32, 1 + input.below(10) as u32);
        let size = format.layout(width, height).expect("small dimensions").size();
        let mut info = FrameInfo::new(format, width, height);
        info.pts_us = input.bool().then(|| input.u64() as i64);
        let frame = Frame::new(info, Bytes::from(vec![0; size])).expect("a good frame");
        let result = self.session.send_frame(frame, self.now);
        assert_eq!(result == Err(SendError::Closed), self.closed);
        assert_eq!(result == Err(SendError::TooLarge), size > MAX_FRAME_BYTES && !self.closed);
    }

    fn destination_present(&mut self, present: bool) {
        self.session.destination_present(present, self.now);
        self.wire.may_be_lost |= !present;
    }

    fn close(&mut self, with_the_room: bool) {
        if with_the_room {
            self.session.room_closed();
        } else {
            self.session.close();
        }
        (self.closed, self.room_closed) = (true, self.room_closed || with_the_room);
    }

    /// The driver looks for an action, as it does when none is under way.
    fn act(&mut self) {
        if self.action.is_some() {
            return;
        }
        let credit = self.session.stats().credit;
        self.action = self.session.poll_action(self.now);
        match &self.action {
            Some(OutputAction::WriteRecord { segment, record }) => {
                let first = record.chunks().next().expect("a record has a chunk");
                let (header, _) = FrameHeader::decode(&first.head[1..]).expect("a header that can be read");
                assert!(is_v1(self.wire.frame(*segment, header.number)));
                assert!(header.offset < self.wire.limit, "a record beyond the credit");
                assert_eq!(header.offset, self.wire.offset, "bytes are counted");
                assert_eq!(credit, Some(self.wire.limit - header.offset));
                self.wire.offset = (self.wire.offset + record.chunk_bytes()).min(MAX_NUMBER);
            }
            Some(OutputAction::Write(frame)) => {
                let FrameInfo { format, width, height, segment, number, .. } = *frame.info();
                let attributes = SegmentAttributes::V0(v0::StreamAttributes { format, width, height });
                assert_eq!(*self.wire.frame(segment, number), attributes);
            }
            Some(OutputAction::CloseStream { segment, trailer, .. }) => {
                let open = self.wire.open.take().expect("a trailer without a stream");
                assert_eq!((open.segment, is_v1(&open.attributes)), (*segment, trailer.is_some()));
                if let Some(trailer) = trailer {
                    let broken_off = u64::from(trailer.reason != EndReason::Flush && self.wire.next_number > 0);
                    let frames = self.wire.next_number - broken_off..=self.wire.next_number;
                    assert!(frames.contains(&trailer.frames), "{trailer:?}");
                    assert_eq!(trailer.offset, self.wire.offset);
                }
            }
            Some(OutputAction::ClearBuffer) => self.wire.open.iter_mut().for_each(|open| open.cleared = true),
            Some(OutputAction::OpenStream { segment, attributes }) => self.wire.opening(*segment, attributes),
            None => {}
        }
    }

    /// How the action under way went.
    fn answer(&mut self, result: TransportResult) {
        match self.action.take() {
            Some(OutputAction::OpenStream { segment, attributes }) => {
                // The room may have been closed meanwhile, which nothing follows.
                if result.is_ok() && !self.room_closed {
                    self.wire.opened(segment, attributes);
                }
                self.session.stream_opened(result, self.now);
            }
            Some(OutputAction::Write(_) | OutputAction::WriteRecord { .. }) => {
                self.wire.may_be_lost |= result.is_err();
                self.session.write_done(result, self.now);
            }
            Some(OutputAction::CloseStream { .. }) => self.session.stream_closed(result, self.now),
            Some(OutputAction::ClearBuffer) => self.session.clear_answered(result),
            None => {}
        }
    }

    fn hello_answered(&mut self, input: &mut Input) {
        let id = one_of(&self.hellos, input);
        let answer = match input.below(10) {
            0 => Err(HelloFailure::Unsupported),
            1 => Err(HelloFailure::Failed("no answer".to_owned())),
            2 => Ok(HelloAnswer::NotReady),
            3 => Ok(HelloAnswer::Busy),
            4 => Ok(HelloAnswer::Rejected),
            kind => {
                let mut open = Vec::new();
                let mut last = 0u64;
                for _ in 0..input.below(4) {
                    last = (last + 1 + input.count()).min(MAX_NUMBER);
                    open.push(OpenSegment { segment: last, next_frame: input.count() });
                }
                if kind > 7 {
                    open.push(OpenSegment { segment: self.wire.segments.max(1), next_frame: 0 });
                }
                Ok(HelloAnswer::Ok(Accepted {
                    receiver: input.id(),
                    codecs: if input.below(8) == 7 { Vec::new() } else { Codec::ALL.to_vec() },
                    types: if input.below(8) == 7 { vec![PixelFormat::Rgba] } else { PixelFormat::ALL.to_vec() },
                    features: Vec::new(),
                    max_frame: 1 + input.count(),
                    limit: input.count() * 16 % (MAX_NUMBER + 1),
                    open,
                }))
            }
        };
        self.answer_hello(id, answer);
    }

    fn answer_hello(&mut self, id: CallId, answer: Result<HelloAnswer, HelloFailure>) {
        let (before, limit) = (self.session.stats().version, accepted_limit(&answer));
        self.session.hello_answered(id, answer, self.now);
        if before.is_none() && self.session.stats().version == Some(1) {
            self.wire.limit = limit.expect("an answer that accepts");
            self.wire.may_be_lost = true;
        }
    }

    fn control(&mut self, input: &mut Input) {
        let (label, session) = (self.any_label(input), any_session(input));
        let is_destination = input.below(8) > 0;
        let ours = is_destination && label == self.label && session == Id::from_random(SESSION);
        let body = match input.below(9) {
            0 | 1 => {
                let limit = input.count() * 16 % (MAX_NUMBER + 1);
                if ours {
                    self.wire.limit = self.wire.limit.max(limit);
                }
                Body::Credit { session, limit }
            }
            2 => Body::Blocked { session, offset: input.count() },
            3 => {
                self.wire.may_be_lost = true;
                Body::Ready { receiver: session }
            }
            4 => Body::KeyFrame { session, segment: 1 + input.count() },
            5 => Body::KeepAlive { session, segment: 1 + input.count(), offset: input.count() },
            6 => Body::Clear { session, through_segment: input.count() },
            7 => Body::Ping { token: input.u64() },
            _ => Body::Pong { token: input.count() },
        };
        self.session.control(is_destination, &Control { label, body }, self.now);
    }

    /// A playback-finished of either version.
    fn finished(&mut self, input: &mut Input) {
        let position_us = input.count() as i64;
        let played = v0::PlaybackFinished { position_us, interrupted: input.bool() };
        let is_destination = input.below(8) > 0;
        let answer = if input.bool() {
            self.session.playback_finished(is_destination, played)
        } else {
            let (label, session, segment) = (self.any_label(input), any_session(input), 1 + input.count());
            let message = rpc::PlaybackFinished { label, session, segment, played };
            self.session.segment_finished(is_destination, &message)
        };
        assert_eq!(answer == Answer::Ok, is_destination);
    }

    fn any_label(&self, input: &mut Input) -> Label {
        if input.below(8) == 7 {
            Label::new("another").expect("a label")
        } else {
            self.label.clone()
        }
    }

    fn take(&mut self) {
        if let Some(event) = self.session.next_event() {
            self.application.see(&event);
        }
    }

    // ---- the driver ----

    /// Takes all requests; then nothing is due.
    fn settle(&mut self) {
        self.session.timeout(self.now);
        let mut requests = 0;
        while let Some(request) = self.session.poll_request(self.now) {
            requests += 1;
            assert!(requests <= MAX_REQUESTS, "requests without end");
            assert!(!self.closed, "{request:?} after the end");
            match request {
                OutputRequest::Hello { id, message } => {
                    let read = HelloRequest::parse(&message.to_json()).expect("a hello that can be read");
                    assert!(read.ended.iter().all(|ended| ended.segment <= self.wire.segments));
                    self.hellos.push(id);
                }
                OutputRequest::Clear { id, message } => {
                    assert!((1..=self.wire.segments).contains(&message.through_segment));
                    self.clears.push(id);
                }
                OutputRequest::Control { message, .. } => {
                    assert_eq!(Control::decode(&message.encode()), Ok(Some(message)));
                }
            }
        }
        let due = self.session.poll_timeout();
        assert!(due.is_none_or(|due| due > self.now), "a timer is due for ever");
        drop(self.session.take_dropped());
    }

    /// Lets time pass, with a driver that looks whenever it is asked to.
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            self.settle();
            let Some(due) = self.session.poll_timeout().filter(|due| *due <= end) else { break };
            self.now = due;
        }
        self.now = end;
        self.settle();
    }

    fn check(&self) {
        let stats = self.session.stats();
        let writing = matches!(self.action, Some(OutputAction::Write(_) | OutputAction::WriteRecord { .. }));
        check_counters(&stats, writing && !self.room_closed);
        assert!(stats.queue_frames <= self.queue.0);
        assert!(stats.queue_bytes <= self.queue.1 || stats.queue_frames == 1);
        if let Some(credit) = stats.credit {
            assert_eq!(credit, self.wire.limit.saturating_sub(self.wire.offset));
        }
    }

    // ---- the end ----

    /// Everybody is well, and answers: nothing stays undone.
    fn recover(&mut self) {
        let end = self.now + RECOVERY;
        loop {
            self.answer(Ok(()));
            self.settle();
            self.act();
            let hello = std::mem::take(&mut self.hellos).pop();
            let clear = std::mem::take(&mut self.clears).pop();
            if let Some(id) = hello {
                self.answer_hello(id, Ok(HelloAnswer::Ok(all_that_we_send())));
            }
            if let Some(id) = clear {
                self.session.clear_call_answered(id, Ok(()), self.now);
            }
            while let Some(event) = self.session.next_event() {
                self.application.see(&event);
            }
            self.check();
            if self.action.is_none() && hello.is_none() && clear.is_none() {
                let Some(due) = self.session.poll_timeout().filter(|due| *due <= end) else { break };
                self.now = due;
            }
        }
        self.now = end;
        assert!(self.session.is_idle(), "it is stuck");
    }

    fn end(&mut self) {
        if !self.room_closed {
            self.destination_present(true);
            self.session.transport_ready(true);
            self.session.room_reconnecting(false, self.now);
            self.session.room_restarted(self.now);
            self.wire.may_be_lost = true;
        }
        // The calls of before are answered no more, and the driver says so.
        while let Some(id) = self.hellos.pop() {
            self.answer_hello(id, Err(HelloFailure::Failed("no answer".to_owned())));
        }
        while let Some(id) = self.clears.pop() {
            self.session.clear_call_answered(id, Err("no answer".to_owned()), self.now);
        }
        self.recover();
        if !self.closed {
            let before = self.session.stats();
            self.send(&mut Input::new(&[0, 0, 0]));
            self.session.flush();
            self.recover();
            let after = self.session.stats();
            assert_eq!(after.frames_sent, before.frames_sent + 1, "it does not go on");
            assert_eq!(after.segments_finished, after.segments_started);
            self.close(false);
            self.recover();
        }
        assert!(self.session.poll_action(self.now).is_none() && self.session.poll_timeout().is_none());
        self.application.end(&self.session.stats());
    }
}

/// Mostly ours.
fn any_session(input: &mut Input) -> Id {
    Id::from_random(SESSION + input.below(16).max(13) as u128 - 13)
}

/// Mostly the last that was made.
fn one_of(calls: &[CallId], input: &mut Input) -> CallId {
    let back = input.below(16).max(12) - 11;
    calls.iter().rev().nth(back - 1).copied().unwrap_or(CallId(back as u64))
}

fn accepted_limit(answer: &Result<HelloAnswer, HelloFailure>) -> Option<u64> {
    match answer {
        Ok(HelloAnswer::Ok(accepted)) => Some(accepted.limit),
        _ => None,
    }
}

fn all_that_we_send() -> Accepted {
    Accepted {
        receiver: Id::from_random(99),
        codecs: vec![Codec::Raw],
        types: PixelFormat::ALL.to_vec(),
        features: Vec::new(),
        max_frame: MAX_NUMBER,
        limit: MAX_NUMBER,
        open: Vec::new(),
    }
}
