// SPDX-License-Identifier: Apache-2.0
//! Alice's output and Bob's receiver on virtual time, and the network between them: one ordered channel each way with a
//! delay, a lossy one beside it, calls on the ordered one, reconnects that lose what is under way.

use super::*;
use crate::wire::v0::PlaybackFinished;
use crate::wire::v1::control::{Body, Control};
use crate::wire::v1::hello::{HelloAnswer, HelloRequest};
use crate::wire::v1::{rpc, Id};
use std::collections::VecDeque;

pub(super) const ALICE: &str = "alice";

#[derive(Clone)]
pub(super) enum Packet {
    Header(StreamKey, HashMap<String, String>),
    Chunk(StreamKey, u64, Vec<u8>),
    Trailer(StreamKey, String, HashMap<String, String>),
    ToReceiver(Control),
    Hello(CallId, HelloRequest),
    Clear(CallId, rpc::Clear),
    NotifyAnswer(NotifyId),
    ToSender(Control),
    HelloAnswer(CallId, Option<HelloAnswer>),
    ClearAnswer(CallId),
    Finished(NotifyId, rpc::PlaybackFinished),
    FinishedV0(NotifyId, PlaybackFinished),
    Started(NotifyId, rpc::PlaybackStarted),
}

pub(super) type Lose = Box<dyn FnMut(&Packet) -> bool>;

pub(super) struct Pair {
    pub(super) output: OutputSession,
    pub(super) receiver: ReceiverSession,
    pub(super) now: Instant,
    /// One way.
    pub(super) delay: Duration,
    /// Of the ordered channels, and of the lossy ones.
    pub(super) lose: Lose,
    pub(super) lose_lossy: bool,
    /// Whether calls fail, at once.
    pub(super) calls_fail: bool,
    /// Whether the receiver's method is there.
    pub(super) knows_hello: bool,
    /// While the network is down nothing arrives, and no stream is written.
    pub(super) down: bool,
    pub(super) spoke_v0: bool,
    /// What was sent, but chunks.
    pub(super) said: Vec<String>,
    under_way: VecDeque<(Instant, Packet)>,
    stream: StreamKey,
    next_chunk: u64,
}

pub(super) fn session(number: u128) -> Id {
    Id::from_random(number)
}

pub(super) fn configs() -> (OutputConfig, ReceiverConfig) {
    let output = output_config(QueuePolicy::Block, 100, 100 * FRAME_BYTES);
    let receiver = receiver_config(Some(ALICE), QueuePolicy::Block, 1000, 100 * FRAME_BYTES);
    let output = OutputConfig { session: Some(session(1)), ..output };
    (output, ReceiverConfig { receiver: Some(session(2)), ..receiver })
}

impl Pair {
    /// Both are there and have agreed.
    pub(super) fn new() -> Self {
        let (output, receiver) = configs();
        let mut pair = Self::apart(output, receiver);
        pair.join();
        pair.run();
        assert_eq!(pair.received(), ["sender alice"]);
        pair.said.clear();
        pair
    }

    /// Neither knows of the other.
    pub(super) fn apart(output: OutputConfig, receiver: ReceiverConfig) -> Self {
        Self {
            output: OutputSession::new(output),
            receiver: ReceiverSession::new(receiver, FramePool::default()),
            now: start(),
            delay: Duration::ZERO,
            lose: Box::new(|_| false),
            lose_lossy: false,
            calls_fail: false,
            knows_hello: true,
            down: false,
            spoke_v0: false,
            said: Vec::new(),
            under_way: VecDeque::new(),
            stream: StreamKey(0),
            next_chunk: 0,
        }
    }

    pub(super) fn join(&mut self) {
        self.output.transport_ready(true);
        self.output.destination_present(true, self.now);
        self.receiver.participant_joined(ALICE, false);
    }

    pub(super) fn send(&mut self, frames: usize) {
        (0..frames).for_each(|_| self.output.send_frame(frame(2, 0), self.now).unwrap());
        self.run();
    }

    pub(super) fn flush(&mut self) {
        self.output.flush();
        self.run();
    }

    pub(super) fn clear(&mut self) {
        self.output.clear(self.now);
        self.run();
    }

    /// Everything under way is lost, calls fail.
    fn lose_all(&mut self) {
        for (_, packet) in std::mem::take(&mut self.under_way) {
            self.fail(packet);
        }
    }

    /// A full reconnect of Alice's room, which Bob sees as a departure and an arrival.
    pub(super) fn restart_sender(&mut self) {
        self.lose_all();
        self.receiver.participant_left(ALICE, self.now);
        self.output.room_restarted(self.now);
        self.receiver.participant_joined(ALICE, false);
    }

    /// A full reconnect of Bob's room.
    pub(super) fn restart_receiver(&mut self) {
        self.lose_all();
        self.output.destination_present(false, self.now);
        self.receiver.room_restarted();
        self.output.destination_present(true, self.now);
    }

    /// Bob's program starts anew: another receiver in another life.
    pub(super) fn replace_receiver(&mut self, life: u128) {
        self.lose_all();
        self.output.destination_present(false, self.now);
        let config = ReceiverConfig { receiver: Some(session(life)), ..configs().1 };
        self.receiver = ReceiverSession::new(config, FramePool::default());
        self.receiver.participant_joined(ALICE, false);
        self.output.destination_present(true, self.now);
    }

    /// Alice's program starts anew; the output of its last life.
    pub(super) fn replace_sender(&mut self, life: u128) -> OutputSession {
        self.lose_all();
        self.receiver.participant_left(ALICE, self.now);
        let new = OutputSession::new(OutputConfig { session: Some(session(life)), ..configs().0 });
        let old = std::mem::replace(&mut self.output, new);
        self.join();
        old
    }

    pub(super) fn received(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.receiver.next_event()).map(describe).collect()
    }

    pub(super) fn told(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.output.next_event()).map(describe_output).collect()
    }

    /// Lets everything happen that happens at this time.
    pub(super) fn run(&mut self) {
        loop {
            let mut idle = true;
            while !self.down && self.under_way.front().is_some_and(|(due, _)| *due <= self.now) {
                let Some((_, packet)) = self.under_way.pop_front() else { break };
                self.deliver(packet);
                idle = false;
            }
            if self.act() || self.request() {
                idle = false;
            }
            if idle {
                return;
            }
        }
    }

    /// Lets time pass.
    pub(super) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            self.run();
            let network = self.under_way.front().map(|(due, _)| *due).filter(|_| !self.down);
            let due = [self.output.poll_timeout(), self.receiver.poll_timeout(), network];
            let Some(next) = due.into_iter().flatten().min().filter(|next| *next <= end) else { break };
            assert!(next > self.now, "a timer must not spin");
            self.now = next;
            self.output.timeout(next);
            self.receiver.timeout(next);
        }
        self.now = end;
        self.run();
    }

    fn put(&mut self, packet: Packet, reliable: bool) {
        if !matches!(packet, Packet::Chunk(..)) {
            self.said.push(name(&packet));
        }
        let lost = if reliable { (self.lose)(&packet) } else { self.lose_lossy || self.down };
        if lost {
            return self.fail(packet);
        }
        let due = self.now + self.delay;
        if reliable {
            self.under_way.push_back((due, packet));
        } else {
            // No video waits in front of it.
            self.deliver(packet);
        }
    }

    /// A call that is lost has failed.
    fn fail(&mut self, packet: Packet) {
        match packet {
            Packet::Hello(id, _) | Packet::HelloAnswer(id, _) => {
                self.output.hello_answered(id, Err(HelloFailure::Failed("lost".to_owned())), self.now);
            }
            Packet::Clear(id, _) | Packet::ClearAnswer(id) => {
                self.output.clear_call_answered(id, Err("lost".to_owned()), self.now);
            }
            Packet::Finished(id, _) | Packet::FinishedV0(id, _) | Packet::Started(id, _) | Packet::NotifyAnswer(id) => {
                self.receiver.notify_answered(id, NotifyAnswer::Failed("lost".to_owned()), self.now);
            }
            _ => {}
        }
    }

    fn deliver(&mut self, packet: Packet) {
        let now = self.now;
        match packet {
            Packet::Header(stream, attributes) => {
                let opened = StreamOpened { stream, sender: ALICE, attributes: &attributes };
                self.receiver.stream_opened(opened, now);
            }
            Packet::Chunk(stream, index, content) => self.receiver.chunk(stream, index, &content, now),
            Packet::Trailer(stream, reason, attributes) => {
                let end = StreamEnd { reason: &reason, attributes: Some(&attributes) };
                self.receiver.stream_closed(stream, end, now);
            }
            Packet::ToReceiver(message) => self.receiver.control(ALICE, &message, now),
            Packet::Hello(id, hello) => {
                let answer = if self.knows_hello { self.receiver.hello(ALICE, &hello, now) } else { None };
                self.put(Packet::HelloAnswer(id, answer), true);
            }
            Packet::Clear(id, clear) => {
                assert_eq!(self.receiver.segments_cleared(ALICE, &clear, now), Answer::Ok);
                self.put(Packet::ClearAnswer(id), true);
            }
            Packet::NotifyAnswer(id) => self.receiver.notify_answered(id, NotifyAnswer::Ok, now),
            Packet::ToSender(message) => self.output.control(true, &message, now),
            Packet::HelloAnswer(id, answer) => {
                self.output.hello_answered(id, answer.ok_or(HelloFailure::Unsupported), now);
            }
            Packet::ClearAnswer(id) => self.output.clear_call_answered(id, Ok(()), now),
            Packet::Finished(id, message) => {
                assert_eq!(self.output.segment_finished(true, &message), Answer::Ok);
                self.put(Packet::NotifyAnswer(id), true);
            }
            Packet::FinishedV0(id, message) => {
                self.output.playback_finished(true, message);
                self.put(Packet::NotifyAnswer(id), true);
            }
            Packet::Started(id, message) => {
                self.output.segment_playing(true, &message);
                self.put(Packet::NotifyAnswer(id), true);
            }
        }
    }

    /// Carries out an action. Whether there was one.
    fn act(&mut self) -> bool {
        if self.down {
            return false;
        }
        let Some(action) = self.output.poll_action(self.now) else { return false };
        match action {
            OutputAction::OpenStream { attributes, .. } => {
                self.stream.0 += 1;
                self.next_chunk = 0;
                self.spoke_v0 |= matches!(attributes, SegmentAttributes::V0(_));
                self.put(Packet::Header(self.stream, attributes.to_map()), true);
                self.output.stream_opened(Ok(()), self.now);
            }
            OutputAction::Write(frame) => {
                self.chunk(frame.data().to_vec());
                self.output.write_done(Ok(()), self.now);
            }
            OutputAction::WriteRecord { record, .. } => {
                for parts in record.chunks() {
                    let mut content = Vec::new();
                    parts.write_to(&mut content);
                    self.chunk(content);
                }
                self.output.write_done(Ok(()), self.now);
            }
            OutputAction::CloseStream { reason, trailer, .. } => {
                let attributes = trailer.map(|trailer| trailer.to_map()).unwrap_or_default();
                self.put(Packet::Trailer(self.stream, reason.to_owned(), attributes), true);
                self.output.stream_closed(Ok(()), self.now);
            }
            OutputAction::ClearBuffer => {
                self.said.push("clear of version 0".to_owned());
                self.receiver.clear_requested(ALICE);
                self.output.clear_answered(Ok(()));
            }
        }
        true
    }

    fn chunk(&mut self, content: Vec<u8>) {
        self.put(Packet::Chunk(self.stream, self.next_chunk, content), true);
        self.next_chunk += 1;
    }

    /// Sends what is asked for. Whether anything was.
    fn request(&mut self) -> bool {
        let mut any = false;
        while let Some(request) = self.output.poll_request(self.now) {
            any = true;
            let (packet, reliable) = match request {
                OutputRequest::Hello { id, message } => (Packet::Hello(id, message), true),
                OutputRequest::Clear { id, message } => (Packet::Clear(id, message), true),
                OutputRequest::Control { message, reliable } => (Packet::ToReceiver(message), reliable),
            };
            self.call(packet, reliable);
        }
        while let Some(request) = self.receiver.poll_request(self.now) {
            any = true;
            let (packet, reliable) = match request {
                ReceiverRequest::PlaybackFinished { id, message, .. } => (Packet::FinishedV0(id, message), true),
                ReceiverRequest::SegmentFinished { id, message, .. } => (Packet::Finished(id, message), true),
                ReceiverRequest::SegmentStarted { id, message, .. } => (Packet::Started(id, message), true),
                ReceiverRequest::Control { message, reliable, .. } => (Packet::ToSender(message), reliable),
            };
            self.call(packet, reliable);
        }
        any
    }

    fn call(&mut self, packet: Packet, reliable: bool) {
        let is_call = !matches!(packet, Packet::ToReceiver(_) | Packet::ToSender(_));
        if is_call && self.calls_fail {
            self.said.push(name(&packet));
            self.fail(packet);
        } else {
            self.put(packet, reliable);
        }
    }
}

fn name(packet: &Packet) -> String {
    match packet {
        Packet::Header(_, attributes) => match (attributes.get("segment"), attributes.get("resume_from")) {
            (Some(segment), Some(from)) => format!("open {segment} from {from}"),
            (Some(segment), None) => format!("open {segment}"),
            (None, _) => "open".to_owned(),
        },
        Packet::Chunk(_, index, _) => format!("chunk {index}"),
        Packet::Trailer(_, _, attributes) => match attributes.get("reason") {
            Some(reason) => format!("close {reason}"),
            None => "close".to_owned(),
        },
        Packet::Hello(..) => "hello".to_owned(),
        Packet::Clear(_, clear) => format!("clear {}", clear.through_segment),
        Packet::Finished(_, message) => format!("finished {}", message.segment),
        Packet::FinishedV0(..) => "finished".to_owned(),
        Packet::Started(_, message) => format!("started {}", message.segment),
        Packet::HelloAnswer(_, Some(answer)) => format!("hello answered {}", answer.status()),
        Packet::HelloAnswer(_, None) => "hello unknown".to_owned(),
        Packet::ClearAnswer(_) | Packet::NotifyAnswer(_) => "answer".to_owned(),
        Packet::ToReceiver(message) | Packet::ToSender(message) => match &message.body {
            Body::Credit { .. } => "credit".to_owned(),
            Body::Blocked { .. } => "blocked".to_owned(),
            Body::Ready { .. } => "ready".to_owned(),
            Body::KeyFrame { .. } => "key frame".to_owned(),
            Body::KeepAlive { .. } => "alive".to_owned(),
            Body::Clear { through_segment, .. } => format!("notice {through_segment}"),
            Body::Ping { .. } => "ping".to_owned(),
            Body::Pong { .. } => "pong".to_owned(),
        },
    }
}
