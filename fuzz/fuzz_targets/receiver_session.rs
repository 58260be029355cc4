// SPDX-License-Identifier: Apache-2.0
//! Everything that can happen to a receiver's session of version 0, in any order, on virtual time; two bytes or more for
//! each step.
//!
//! What must hold is what the application sees (`src/receiving.rs`), and that frames are whole, queues bounded, and every
//! frame is counted.
#![no_main]
#![allow(clippy::disallowed_methods, reason = "a base for virtual time")]

use std::collections::HashMap;
use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use lkvideo::frame::FramePool;
use lkvideo::session::{
    Answer, NotifyAnswer, NotifyId, ReceiverConfig, ReceiverEvent, ReceiverRequest, ReceiverSession, StreamEnd,
    StreamKey, StreamOpened,
};
use lkvideo::wire::v0::StreamAttributes;
use lkvideo::wire::v1::Label;
use lkvideo_fuzz::receiving::{check_counters, Application};
use lkvideo_fuzz::{Input, POLICIES};

const IDENTITIES: [&str; 4] = ["alice", "alice", "bob", ""];
const IDLE: Duration = Duration::from_secs(10);
const MAX_FRAME_BYTES: usize = 1000;
/// Most streams of an input that opens many at once: more than the session lets wait.
const MAX_STREAMS: usize = 600;
/// No more segments wait than the session's own bound, and few events belong to each.
const MAX_WAITING_EVENTS: usize = 256 * 8;

fuzz_target!(|data: &[u8]| {
    let mut input = Input::new(data);
    let mut receiver = Receiver::new(&mut input);
    while !input.is_empty() {
        receiver.step(&mut input);
        receiver.check_counters();
    }
    receiver.end();
});

/// A stream, taken or not. All bytes of its frame n are n.
struct Stream {
    frame_bytes: u64,
    next_chunk: u64,
    length: u64,
}

impl Stream {
    /// The content of a chunk; chunks are of `length` bytes, or a byte longer.
    fn content(&self, index: u64) -> Vec<u8> {
        let start = |index: u64| index.saturating_mul(self.length).saturating_add(index / 2);
        (start(index)..start(index.saturating_add(1))).map(|at| (at / self.frame_bytes) as u8).collect()
    }
}

struct Receiver {
    session: ReceiverSession,
    now: Instant,
    queue_frames: u64,
    queue_bytes: u64,
    streams: Vec<Stream>,
    requests: Vec<NotifyId>,
    application: Application,
}

impl Receiver {
    fn new(input: &mut Input) -> Self {
        let (queue_frames, queue_bytes) = (1 + input.below(6), 1 + usize::from(input.u16()));
        let config = ReceiverConfig {
            sender: [None, Some("alice".to_owned())][input.below(2)].clone(),
            policy: input.pick(&POLICIES),
            queue_frames,
            queue_bytes,
            idle_timeout: IDLE,
            max_frame_bytes: MAX_FRAME_BYTES,
            label: Label::default(),
            receiver: None,
            finish_after_clear: None,
        };
        Self {
            session: ReceiverSession::new(config, FramePool::default()),
            now: Instant::now(),
            queue_frames: queue_frames as u64,
            queue_bytes: queue_bytes as u64,
            streams: Vec::new(),
            requests: Vec::new(),
            application: Application::default(),
        }
    }

    fn step(&mut self, input: &mut Input) {
        match input.below(32) {
            0 | 1 => self.open(input),
            2..=15 => self.chunk(input),
            16 => {
                let stream = self.stream_key(input);
                let end = StreamEnd { reason: input.pick(&["", "cleared"]), attributes: None };
                self.session.stream_closed(stream, end, self.now);
            }
            17 | 18 => {
                if self.session.clear_requested(input.pick(&IDENTITIES)) == Answer::Ok {
                    self.application.clear_through(self.session.stats().segments_started);
                }
            }
            19 => self.session.participant_joined(input.pick(&IDENTITIES), input.bool()),
            20 => self.session.participant_left(input.pick(&IDENTITIES), self.now),
            21 => self.session.room_restarted(),
            22 => self.session.room_reconnecting(input.bool(), self.now),
            23 => {
                self.now += IDLE.mul_f64(f64::from(input.u8()) / 128.0);
                self.session.timeout(self.now);
                assert!(self.session.poll_timeout().is_none_or(|due| due > self.now), "a timer is due for ever");
            }
            24 => {
                let segment = if input.bool() { 0 } else { input.u8().into() };
                let position = input.u64() as i64 >> input.below(64);
                let made = self.session.notify_playback_finished(segment, position, input.bool());
                made.iter().for_each(|_| self.application.notified());
            }
            25 => {
                if let Some(ReceiverRequest::PlaybackFinished { id, .. }) = self.session.poll_request(self.now) {
                    self.requests.push(id);
                }
            }
            26 => {
                let id = input.u8();
                let id = self.requests.get(usize::from(id)).copied().unwrap_or(NotifyId(id.into()));
                let answer = [NotifyAnswer::Ok, NotifyAnswer::Reject][input.below(2)].clone();
                self.session.notify_answered(id, answer, self.now);
            }
            27 => {
                let count = usize::from(input.u8()) * 2;
                let header = *input;
                let room = MAX_STREAMS.saturating_sub(self.streams.len());
                (0..count.min(room)).for_each(|_| self.open(&mut header.clone()));
            }
            28 if input.u8() == 0 => self.session.room_closed(),
            _ => (0..input.below(8)).for_each(|_| self.take()),
        }
    }

    fn open(&mut self, input: &mut Input) {
        let number = self.streams.len() as u64;
        let sender = input.pick(&IDENTITIES);
        let mut attributes = HashMap::new();
        for name in ["width", "height", "type", "lkv"] {
            match input.u8() {
                0xff => drop(attributes.insert(name.to_owned(), input.text().into_owned())),
                0xfe => {}
                _ if name == "lkv" => {}
                small => drop(attributes.insert(name.to_owned(), (small % 12).to_string())),
            }
        }
        let opened = StreamOpened { stream: StreamKey(number), sender, attributes: &attributes };
        let taken = self.session.stream_opened(opened, self.now);
        let layout = StreamAttributes::from_map(&attributes).and_then(|attributes| attributes.layout());
        assert!(!taken || layout.as_ref().is_ok_and(|layout| layout.size() <= MAX_FRAME_BYTES));
        let frame_bytes = layout.map_or(1, |layout| layout.size() as u64);
        self.streams.push(Stream { frame_bytes, next_chunk: 0, length: input.u8().into() });
    }

    /// One that was opened, mostly the last, or one that nobody knows.
    fn stream_key(&self, input: &mut Input) -> StreamKey {
        let back = input.u8() % 16;
        let back = if back < 11 { 1 } else { u64::from(back - 9) };
        StreamKey((self.streams.len() as u64).wrapping_sub(back))
    }

    fn chunk(&mut self, input: &mut Input) {
        let key = self.stream_key(input);
        let Some(stream) = self.streams.get_mut(key.0 as usize) else {
            return self.session.chunk(key, input.u64(), &[], self.now);
        };
        let index = match input.u8() {
            0xff => input.u64(),
            step @ 0xf8..=0xfe => stream.next_chunk.saturating_sub((step & 7).into()),
            step @ 0xf0..=0xf7 => stream.next_chunk.saturating_add((step & 7).into()),
            _ => stream.next_chunk,
        };
        stream.next_chunk = index.saturating_add(1);
        let content = stream.content(index);
        self.session.chunk(key, index, &content, self.now);
    }

    /// The application takes an event.
    fn take(&mut self) {
        let Some(event) = self.session.next_event() else { return };
        if let ReceiverEvent::Frame(frame) = &event {
            let number = frame.info().number as u8;
            assert!(frame.data().iter().all(|byte| *byte == number), "a frame mixed of two");
        }
        self.application.see(&event);
    }

    fn check_counters(&self) {
        let stats = self.session.stats();
        assert!(stats.queue_frames <= self.queue_frames);
        assert!(stats.queue_bytes <= self.queue_bytes || stats.queue_frames == 1);
        check_counters(&stats);
    }

    fn end(&mut self) {
        self.session.close();
        let mut waiting = 0;
        while self.session.has_event() {
            self.take();
            waiting += 1;
        }
        assert!(waiting <= MAX_WAITING_EVENTS, "{waiting} events waited");
        self.check_counters();
        self.application.end(&self.session.stats());
    }
}
