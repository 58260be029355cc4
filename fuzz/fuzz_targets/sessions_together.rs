// SPDX-License-Identifier: Apache-2.0
//! Alice's output and Bob's receiver on virtual time, and a network between them that is as bad as the input wants: what
//! goes over the reliable channel is lost, chunks of it change places, calls and lossy messages come in any order, twice
//! or never; rooms are connected anew, programs start anew. Both speak version 1 if they get so far, else version 0.
//!
//! What must hold: what both applications see (`src/receiving.rs`, `src/sending.rs`), frames at most once and in order,
//! a flushed segment of version 1 has every frame or says how many are lost, nothing that was cleared comes after its
//! clear was heard, bounded queues, every frame in one counter, no timer that is due for ever. Once the network is well,
//! everything that is sent comes through.
#![no_main]
#![allow(clippy::disallowed_methods, reason = "a base for virtual time")]

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use lkvideo::frame::{Frame, FrameInfo, FramePool, PixelFormat};
use lkvideo::session::{
    Answer, CallId, HelloFailure, NotifyAnswer, NotifyId, OutputAction, OutputConfig, OutputRequest, OutputSession,
    QueuePolicy, ReceiverConfig, ReceiverEvent, ReceiverRequest, ReceiverSession, SegmentCause, StreamEnd, StreamKey,
    StreamOpened,
};
use lkvideo::wire::v0;
use lkvideo::wire::v1::control::{Body, Control};
use lkvideo::wire::v1::hello::{HelloAnswer, HelloRequest};
use lkvideo::wire::v1::{rpc, EndReason, Id, Label};
use lkvideo_fuzz::{receiving, sending, Input, POLICIES};

const ALICE: &str = "alice";
/// Frames are RGBA and hold their number, among all that were sent, in each pair of pixels; the last is two chunks.
const WIDTHS: [u32; 4] = [2, 4, 20, 5000];
const MAX_FRAME_BYTES: usize = 20_000;
const SECOND: Duration = Duration::from_secs(1);
/// Once all is well, nobody waits for anybody any more after this time.
const RECOVERY: u32 = 60;
/// What happens at one time: more would not end.
const MAX_ROUNDS: usize = 10_000;

fuzz_target!(|data: &[u8]| {
    let mut input = Input::new(data);
    let mut pair = Pair::new(&mut input);
    while !input.is_empty() {
        pair.step(&mut input);
        pair.check();
    }
    pair.end();
});

/// What keeps its place on the reliable channel from Alice to Bob.
enum InOrder {
    Header(StreamKey, HashMap<String, String>),
    Chunk(StreamKey, u64, Vec<u8>),
    Trailer(StreamKey, &'static str, HashMap<String, String>),
    Control(Control),
}

/// What overtakes and is overtaken.
enum Loose {
    ToReceiver(Control),
    ToSender(Control),
    Hello(CallId, HelloRequest),
    HelloAnswer(CallId, Option<HelloAnswer>),
    Clear(CallId, rpc::Clear),
    ClearAnswer(CallId),
    Playback(NotifyId, Playback),
    PlaybackAnswer(NotifyId, Answer),
}

enum Playback {
    FinishedV0(v0::PlaybackFinished),
    Finished(rpc::PlaybackFinished),
    Started(rpc::PlaybackStarted),
}

#[derive(Default)]
struct Network {
    forward: VecDeque<InOrder>,
    /// Reliable control messages to Alice.
    backward: VecDeque<Control>,
    loose: Vec<Loose>,
}

/// What the sender's present life has said and done.
#[derive(Default)]
struct Life {
    application: sending::Application,
    /// Of its flushed segments: how many frames each has.
    flushed: HashMap<u64, u64>,
    /// Of its clears: the last frame that each is about.
    clears: Vec<(u64, u64)>,
    last_cleared: u64,
    /// Segments of version 1 by their number at the receiver.
    segments: HashMap<u64, u64>,
}

struct Pair {
    output: OutputSession,
    receiver: ReceiverSession,
    now: Instant,
    network: Network,
    output_config: OutputConfig,
    receiver_config: ReceiverConfig,
    lives: u128,
    life: Life,
    bob: receiving::Application,
    /// The stream that is being written.
    stream: StreamKey,
    segment: Option<u64>,
    next_chunk: u64,
    /// Frames that Alice has sent, and the last that Bob has taken.
    sent: u64,
    taken: u64,
    /// No frame up to this one may come any more.
    void: u64,
    /// Bob answers the hello.
    knows_hello: bool,
    spoke_v0: bool,
    /// The network carries everything at once.
    well: bool,
}

impl Pair {
    fn new(input: &mut Input) -> Self {
        let policies = [input.pick(&POLICIES), input.pick(&POLICIES)];
        let bits = input.u8();
        let output_config = OutputConfig {
            policy: policies[0],
            queue_frames: 1 + input.below(20),
            queue_bytes: 64 << input.below(12),
            queue_time: None,
            max_age: (bits & 1 != 0).then_some(Duration::from_millis(100)),
            max_frame_bytes: MAX_FRAME_BYTES,
            label: Label::default(),
            session: Some(Id::from_random(1)),
        };
        let receiver_config = ReceiverConfig {
            sender: (bits & 2 == 0).then(|| ALICE.to_owned()),
            policy: policies[1],
            queue_frames: 1 + input.below(40),
            queue_bytes: 64 << input.below(12),
            idle_timeout: 10 * SECOND,
            max_frame_bytes: MAX_FRAME_BYTES,
            label: Label::default(),
            receiver: Some(Id::from_random(2)),
            finish_after_clear: (bits & 4 == 0).then_some(SECOND),
        };
        let mut pair = Self {
            output: OutputSession::new(output_config.clone()),
            receiver: ReceiverSession::new(receiver_config.clone(), FramePool::default()),
            now: Instant::now(),
            network: Network::default(),
            output_config,
            receiver_config,
            lives: 2,
            life: Life::default(),
            bob: receiving::Application::default(),
            stream: StreamKey(0),
            segment: None,
            next_chunk: 0,
            sent: 0,
            taken: 0,
            void: 0,
            knows_hello: bits & 8 == 0,
            spoke_v0: false,
            well: bits & 16 == 0,
        };
        pair.meet();
        pair.run();
        pair
    }

    fn step(&mut self, input: &mut Input) {
        let choice = input.u8();
        match choice & 31 {
            0..=4 => (0..1 + input.below(8)).for_each(|_| self.send(input.pick(&WIDTHS))),
            5 | 6 => self.output.flush(),
            7 => self.clear(),
            8 => self.take(input.below(16), true),
            9 => self.take(input.below(16), input.bool()),
            10..=13 => (0..input.below(32)).for_each(|_| self.deliver()),
            14 => drop(self.network.forward.pop_front()),
            15 => {
                if let [InOrder::Chunk(first, ..), InOrder::Chunk(second, ..), ..] =
                    self.network.forward.make_contiguous()
                {
                    if first == second {
                        self.network.forward.swap(0, 1);
                    }
                }
            }
            16 | 17 => self.backward(),
            18 => drop(self.network.backward.pop_front()),
            19..=21 => self.loose(input.u8(), Self::deliver_loose),
            22 => self.loose(input.u8(), Self::lose),
            23 => self.repeat(input.u8()),
            24 => self.well = input.bool(),
            25 => self.pass(Duration::from_millis(u64::from(input.u8()) * 4)),
            26 => self.pass(Duration::from_millis(u64::from(input.u8()) * 100)),
            27 => match input.below(8) {
                0 | 1 => self.restart_sender(input.bool()),
                2 | 3 => self.restart_receiver(),
                4 => self.replace_sender(),
                5 => self.replace_receiver(),
                6 => self.output.destination_present(input.bool(), self.now),
                _ => self.receiver.participant_left(ALICE, self.now),
            },
            28 if input.bool() => self.output.room_reconnecting(input.bool(), self.now),
            28 => self.receiver.room_reconnecting(input.bool(), self.now),
            29 => self.output.transport_ready(input.bool()),
            30 => self.knows_hello = input.bool(),
            _ => {
                self.act(false);
            }
        }
        if choice < 0xc0 {
            self.run();
        }
    }

    // ---- the applications ----

    fn send(&mut self, width: u32) {
        self.sent += 1;
        let info = FrameInfo::new(PixelFormat::Rgba, width, 1);
        let pixels = self.sent.to_le_bytes().repeat(width as usize / 2);
        let frame = Frame::new(info, Bytes::from(pixels)).expect("a good frame");
        let _ = self.output.send_frame(frame, self.now);
    }

    fn clear(&mut self) {
        self.output.clear(self.now);
        self.life.last_cleared = self.sent;
    }

    /// Bob takes events, and says what he shows and has shown.
    fn take(&mut self, events: usize, finishes: bool) {
        for _ in 0..events {
            let Some(event) = self.receiver.next_event() else { return };
            self.bob.see(&event);
            match event {
                ReceiverEvent::SegmentStart { segment, .. } => {
                    let _ = self.receiver.notify_playback_started(segment);
                }
                ReceiverEvent::Frame(frame) => self.see(frame.data()),
                ReceiverEvent::SegmentEnd { segment, frames, lost, cause } => {
                    let flushed = self.life.segments.get(&segment).and_then(|wire| self.life.flushed.get(wire));
                    if let (SegmentCause::Flushed, Some(sent)) = (cause, flushed) {
                        assert_eq!(frames + lost, *sent, "frames are lost in silence");
                    }
                    if finishes && self.receiver.notify_playback_finished(segment, 1, false).is_ok() {
                        self.bob.notified();
                    }
                }
                _ => {}
            }
        }
    }

    fn see(&mut self, pixels: &[u8]) {
        let (first, rest) = pixels.split_first_chunk().expect("frames of two pixels or more");
        let number = u64::from_le_bytes(*first);
        assert!(rest.chunks(8).all(|pair| pair == first), "a frame mixed of two");
        assert!(self.taken < number && number <= self.sent, "a frame twice, or out of order");
        assert!(number > self.void, "a frame that was cleared");
        self.taken = number;
    }

    // ---- the network ----

    fn deliver(&mut self) {
        let Some(packet) = self.network.forward.pop_front() else { return };
        let now = self.now;
        match packet {
            InOrder::Header(stream, attributes) => {
                let opened = StreamOpened { stream, sender: ALICE, attributes: &attributes };
                let before = self.receiver.stats().segments_started;
                self.receiver.stream_opened(opened, now);
                let (number, wire) = (self.receiver.stats().segments_started, attributes.get("segment"));
                if let (Some(wire), true) = (wire.and_then(|wire| wire.parse().ok()), number > before) {
                    self.life.segments.insert(number, wire);
                }
            }
            InOrder::Chunk(stream, index, content) => self.receiver.chunk(stream, index, &content, now),
            InOrder::Trailer(stream, reason, attributes) => {
                self.receiver.stream_closed(stream, StreamEnd { reason, attributes: Some(&attributes) }, now);
            }
            InOrder::Control(message) => self.tell_receiver(&message),
        }
    }

    fn tell_receiver(&mut self, message: &Control) {
        let stale = self.receiver.stats().messages_stale;
        self.receiver.control(ALICE, message, self.now);
        if let (Body::Clear { through_segment, .. }, true) =
            (&message.body, self.receiver.stats().messages_stale == stale)
        {
            self.cleared(*through_segment);
        }
    }

    /// Bob has heard of a clear.
    fn cleared(&mut self, through: u64) {
        let clears = self.life.clears.iter().filter(|(segment, _)| *segment <= through);
        self.void = clears.map(|(_, frame)| *frame).max().unwrap_or(0).max(self.void);
    }

    fn backward(&mut self) {
        if let Some(message) = self.network.backward.pop_front() {
            self.output.control(true, &message, self.now);
        }
    }

    fn loose(&mut self, choice: u8, what: fn(&mut Self, Loose)) {
        if let Some(last) = self.network.loose.len().checked_sub(1) {
            let packet = self.network.loose.remove(usize::from(choice).min(last));
            what(self, packet);
        }
    }

    /// Messages on the lossy channel may come twice, calls do not.
    fn repeat(&mut self, choice: u8) {
        let again = match self.network.loose.get(usize::from(choice)) {
            Some(Loose::ToReceiver(message)) => Loose::ToReceiver(message.clone()),
            Some(Loose::ToSender(message)) => Loose::ToSender(message.clone()),
            _ => return,
        };
        self.network.loose.push(again);
    }

    fn deliver_loose(&mut self, packet: Loose) {
        let now = self.now;
        let answer = match packet {
            Loose::ToReceiver(message) => return self.tell_receiver(&message),
            Loose::ToSender(message) => return self.output.control(true, &message, now),
            Loose::Hello(id, message) => {
                let answer = if self.knows_hello { self.receiver.hello(ALICE, &message, now) } else { None };
                Loose::HelloAnswer(id, answer)
            }
            Loose::HelloAnswer(id, answer) => {
                return self.output.hello_answered(id, answer.ok_or(HelloFailure::Unsupported), now);
            }
            Loose::Clear(id, message) => {
                let stale = self.receiver.stats().messages_stale;
                let answer = self.receiver.segments_cleared(ALICE, &message, now);
                if answer == Answer::Ok && self.receiver.stats().messages_stale == stale {
                    self.cleared(message.through_segment);
                }
                Loose::ClearAnswer(id)
            }
            Loose::ClearAnswer(id) => return self.output.clear_call_answered(id, Ok(()), now),
            Loose::Playback(id, message) => {
                let answer = match message {
                    Playback::FinishedV0(message) => self.output.playback_finished(true, message),
                    Playback::Finished(message) => self.output.segment_finished(true, &message),
                    Playback::Started(message) => self.output.segment_playing(true, &message),
                };
                Loose::PlaybackAnswer(id, answer)
            }
            Loose::PlaybackAnswer(id, answer) => {
                let answer = if answer == Answer::Ok { NotifyAnswer::Ok } else { NotifyAnswer::Reject };
                return self.receiver.notify_answered(id, answer, now);
            }
        };
        self.network.loose.push(answer);
    }

    /// A call that is lost, or whose answer is, has failed.
    fn lose(&mut self, packet: Loose) {
        let why = "lost".to_owned();
        match packet {
            Loose::Hello(id, _) | Loose::HelloAnswer(id, _) => {
                self.output.hello_answered(id, Err(HelloFailure::Failed(why)), self.now);
            }
            Loose::Clear(id, _) | Loose::ClearAnswer(id) => self.output.clear_call_answered(id, Err(why), self.now),
            Loose::Playback(id, _) | Loose::PlaybackAnswer(id, _) => {
                self.receiver.notify_answered(id, NotifyAnswer::Failed(why), self.now);
            }
            Loose::ToReceiver(_) | Loose::ToSender(_) => {}
        }
    }

    fn lose_all(&mut self) {
        let network = std::mem::take(&mut self.network);
        network.loose.into_iter().for_each(|packet| self.lose(packet));
        self.network = Network::default();
    }

    // ---- the rooms ----

    fn meet(&mut self) {
        self.output.transport_ready(true);
        self.output.destination_present(true, self.now);
        self.receiver.participant_joined(ALICE, true);
    }

    /// A full reconnect of Alice's room, which Bob may hear of.
    fn restart_sender(&mut self, heard: bool) {
        self.lose_all();
        if heard {
            self.receiver.participant_left(ALICE, self.now);
        }
        self.output.room_restarted(self.now);
        self.receiver.participant_joined(ALICE, true);
    }

    /// A full reconnect of Bob's room.
    fn restart_receiver(&mut self) {
        self.lose_all();
        self.output.destination_present(false, self.now);
        self.receiver.room_restarted();
        self.output.destination_present(true, self.now);
    }

    fn new_id(&mut self) -> Option<Id> {
        self.lives += 1;
        Some(Id::from_random(self.lives))
    }

    /// Alice's program starts anew.
    fn replace_sender(&mut self) {
        self.end_output();
        self.lose_all();
        self.receiver.participant_left(ALICE, self.now);
        let session = self.new_id();
        self.output = OutputSession::new(OutputConfig { session, ..self.output_config.clone() });
        (self.life, self.segment) = (Life::default(), None);
        self.meet();
    }

    /// Bob's program starts anew.
    fn replace_receiver(&mut self) {
        self.end_receiver();
        self.lose_all();
        self.output.destination_present(false, self.now);
        let receiver = self.new_id();
        let config = ReceiverConfig { receiver, ..self.receiver_config.clone() };
        self.receiver = ReceiverSession::new(config, FramePool::default());
        (self.bob, self.life.segments) = (receiving::Application::default(), HashMap::new());
        self.meet();
    }

    fn end_output(&mut self) {
        self.output.room_closed();
        while let Some(event) = self.output.next_event() {
            self.life.application.see(&event);
        }
        self.life.application.end(&self.output.stats());
        self.check();
    }

    fn end_receiver(&mut self) {
        self.receiver.close();
        self.take(usize::MAX, false);
        self.bob.end(&self.receiver.stats());
    }

    // ---- the drivers ----

    /// Both drivers do what is to be done now, and the network, where it is well.
    fn run(&mut self) {
        for _ in 0..MAX_ROUNDS {
            self.output.timeout(self.now);
            self.receiver.timeout(self.now);
            let acted = self.act(true);
            let asked = self.ask();
            let carried = self.well && self.carry();
            if !(acted || asked || carried) {
                let due = [self.output.poll_timeout(), self.receiver.poll_timeout()];
                assert!(due.into_iter().flatten().all(|due| due > self.now), "a timer is due for ever");
                return;
            }
        }
        panic!("it does not come to rest");
    }

    /// Lets time pass.
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            self.run();
            let due = [self.output.poll_timeout(), self.receiver.poll_timeout()];
            let Some(due) = due.into_iter().flatten().min().filter(|due| *due <= end) else { break };
            self.now = due;
        }
        self.now = end;
        self.run();
    }

    /// Everything that is under way arrives.
    fn carry(&mut self) -> bool {
        let Network { forward, backward, loose } = &self.network;
        let counts = (forward.len(), backward.len(), loose.len());
        (0..counts.0).for_each(|_| self.deliver());
        (0..counts.1).for_each(|_| self.backward());
        (0..counts.2).for_each(|_| self.loose(0, Self::deliver_loose));
        counts != (0, 0, 0)
    }

    /// Carries out an action, or fails to. Whether there was one.
    fn act(&mut self, good: bool) -> bool {
        let Some(action) = self.output.poll_action(self.now) else { return false };
        let result = if good { Ok(()) } else { Err("refused".to_owned()) };
        match action {
            OutputAction::OpenStream { segment, attributes } => {
                if good {
                    let attributes = attributes.to_map();
                    self.spoke_v0 |= !attributes.contains_key("lkv");
                    (self.stream, self.segment, self.next_chunk) = (StreamKey(self.stream.0 + 1), Some(segment), 0);
                    self.network.forward.push_back(InOrder::Header(self.stream, attributes));
                }
                self.output.stream_opened(result, self.now);
            }
            OutputAction::Write(frame) => {
                self.write(frame.data().chunks(v0::CHUNK_BYTES).map(<[u8]>::to_vec), good);
                self.output.write_done(result, self.now);
            }
            OutputAction::WriteRecord { record, .. } => {
                self.write(record.chunks().map(|chunk| [chunk.head, chunk.body].concat()), good);
                self.output.write_done(result, self.now);
            }
            OutputAction::CloseStream { reason, trailer, segment } => {
                if let Some(trailer) = trailer.filter(|trailer| trailer.reason == EndReason::Flush) {
                    self.life.flushed.insert(segment, trailer.frames);
                }
                if good {
                    let attributes = trailer.map(|trailer| trailer.to_map()).unwrap_or_default();
                    self.network.forward.push_back(InOrder::Trailer(self.stream, reason, attributes));
                }
                self.output.stream_closed(result, self.now);
            }
            OutputAction::ClearBuffer => {
                if good {
                    self.receiver.clear_requested(ALICE);
                }
                self.output.clear_answered(result);
            }
        }
        true
    }

    /// One that fails has got a part out.
    fn write(&mut self, chunks: impl IntoIterator<Item = Vec<u8>>, good: bool) {
        for content in chunks {
            self.network.forward.push_back(InOrder::Chunk(self.stream, self.next_chunk, content));
            self.next_chunk += 1;
            if !good {
                return;
            }
        }
    }

    /// Sends what both ask for. Whether there was anything.
    fn ask(&mut self) -> bool {
        let mut any = false;
        while let Some(request) = self.output.poll_request(self.now) {
            any = true;
            match request {
                OutputRequest::Hello { id, message } => self.network.loose.push(Loose::Hello(id, message)),
                OutputRequest::Clear { id, message } => self.network.loose.push(Loose::Clear(id, message)),
                OutputRequest::Control { message, reliable } => {
                    if let Body::Clear { through_segment, .. } = message.body {
                        self.life.clears.push((through_segment, self.life.last_cleared));
                    }
                    if reliable {
                        self.network.forward.push_back(InOrder::Control(message));
                    } else {
                        self.network.loose.push(Loose::ToReceiver(message));
                    }
                }
            }
        }
        while let Some(request) = self.receiver.poll_request(self.now) {
            any = true;
            let (id, message) = match request {
                ReceiverRequest::PlaybackFinished { id, message, .. } => (id, Playback::FinishedV0(message)),
                ReceiverRequest::SegmentFinished { id, message, .. } => (id, Playback::Finished(message)),
                ReceiverRequest::SegmentStarted { id, message, .. } => (id, Playback::Started(message)),
                ReceiverRequest::Control { message, reliable, .. } => {
                    if reliable {
                        self.network.backward.push_back(message);
                    } else {
                        self.network.loose.push(Loose::ToSender(message));
                    }
                    continue;
                }
            };
            self.network.loose.push(Loose::Playback(id, message));
        }
        while let Some(event) = self.output.next_event() {
            self.life.application.see(&event);
        }
        any
    }

    fn check(&self) {
        sending::check_counters(&self.output.stats(), false);
        let stats = self.receiver.stats();
        receiving::check_counters(&stats);
        let config = &self.receiver_config;
        if config.policy == QueuePolicy::Block {
            let window = config.queue_bytes.max(MAX_FRAME_BYTES);
            assert!(stats.window <= window as u64);
            assert!(stats.queue_bytes <= (config.queue_bytes + window + MAX_FRAME_BYTES) as u64);
            assert!(stats.dropped_oldest == 0 || self.spoke_v0, "the sender waits");
        } else {
            assert!(stats.queue_frames <= config.queue_frames as u64);
            assert!(stats.queue_bytes <= config.queue_bytes as u64 || stats.queue_frames == 1);
        }
    }

    // ---- the end ----

    fn end(&mut self) {
        (self.well, self.knows_hello) = (true, true);
        self.receiver.room_reconnecting(false, self.now);
        self.output.room_reconnecting(false, self.now);
        self.meet();
        for _ in 0..RECOVERY {
            self.pass(SECOND);
            self.take(usize::MAX, true);
        }
        self.output.flush();
        self.run();
        self.take(usize::MAX, true);
        for width in WIDTHS {
            self.send(width);
            self.run();
            self.take(usize::MAX, true);
            assert_eq!(self.taken, self.sent, "a frame is missing");
        }
        self.output.flush();
        self.pass(SECOND);
        self.take(usize::MAX, true);
        assert!(self.output.is_idle(), "it is stuck");
        let stats = self.receiver.stats();
        assert_eq!(stats.segments_started, stats.segments_ended, "a segment has no end");
        self.run();
        self.end_output();
        self.end_receiver();
    }
}
