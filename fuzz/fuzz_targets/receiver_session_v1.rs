// SPDX-License-Identifier: Apache-2.0
//! Everything that can happen to a receiver's session of version 1, in any order, on virtual time: senders that say hello,
//! begin segments and send records in several lives, whose chunks are lost, repeated and swapped, and who lie about every
//! number; control messages and clears of anybody.
//!
//! What must hold: what the application sees (`src/receiving.rs`), that frames are whole and cleared segments stay so,
//! credit that never falls nor exceeds the window, a bounded queue, every frame in one counter, one finish for a segment
//! and another if a hello asks for it, and no timer that is due for ever.
#![no_main]
#![allow(clippy::disallowed_methods, reason = "a base for virtual time")]

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use lkvideo::frame::{FramePool, PixelFormat};
use lkvideo::session::{
    Answer, NotifyAnswer, NotifyId, QueuePolicy, ReceiverConfig, ReceiverEvent, ReceiverRequest, ReceiverSession,
    StreamEnd, StreamKey, StreamOpened,
};
use lkvideo::wire::v0;
use lkvideo::wire::v1::attributes::StreamAttributes;
use lkvideo::wire::v1::control::{Body, Control};
use lkvideo::wire::v1::hello::{EndedSegment, HelloAnswer, HelloRequest};
use lkvideo::wire::v1::record::{FrameHeader, Record};
use lkvideo::wire::v1::trailer::Trailer;
use lkvideo::wire::v1::{rpc, Codec, EndReason, Id, Label, MAX_NUMBER, VERSION};
use lkvideo_fuzz::receiving::{check_counters, Application};
use lkvideo_fuzz::{Input, POLICIES};

const IDENTITIES: [&str; 4] = ["alice", "alice", "alice", "bob"];
const LABELS: [&str; 2] = ["", "left"];
const REASONS: [EndReason; 4] = [EndReason::Flush, EndReason::Flush, EndReason::Clear, EndReason::Abort];
const IDLE: Duration = Duration::from_secs(10);
const MAX_FRAME_BYTES: usize = 400;
/// Chunk bytes of the largest record, and what is beyond it by no means.
const MAX_RECORD_BYTES: u64 = MAX_FRAME_BYTES as u64 + 4096;
/// The window grows no further where frames too many are dropped.
const MAX_WINDOW: u64 = 16 << 20;
/// Of a lossy network that delivers everything at once, and of a receiver that finishes segments which never began.
const MAX_REQUESTS: usize = 4096;
const MAX_WAITING_EVENTS: usize = 256 * 8;

fuzz_target!(|data: &[u8]| {
    let mut input = Input::new(data);
    let mut receiver = Receiver::new(&mut input);
    while !input.is_empty() {
        let settles = receiver.step(&mut input);
        if settles {
            receiver.settle();
        }
        receiver.check();
    }
    receiver.end();
});

/// A stream as its sender sees it. All bytes of its frame n are n.
struct Stream {
    sender: &'static str,
    session: Id,
    segment: u64,
    /// It was taken as one of version 1.
    numbered: bool,
    next_chunk: u64,
    next_frame: u64,
    /// What remains of the record under way, the next chunk last.
    chunks: Vec<Vec<u8>>,
    /// What the record under way claims.
    claimed: u64,
}

/// The sender's life that the receiver has met last.
struct Life {
    sender: &'static str,
    session: Id,
    /// The numbers of its segments: at the sender, and here.
    segments: Vec<(u64, u64)>,
    /// No segment up to this one may begin any more.
    over_through: u64,
    /// The highest count of bytes that is to be believed.
    known: Option<u64>,
    limit: u64,
}

struct Receiver {
    session: ReceiverSession,
    now: Instant,
    label: Label,
    blocks: bool,
    queue_frames: u64,
    queue_bytes: u64,
    streams: Vec<Stream>,
    life: Option<Life>,
    /// Segments of version 0: their frames are made of whatever records are.
    plain: HashSet<u64>,
    /// Every session met, as often as it was, and the segments that hellos told to be over.
    met: Vec<Id>,
    listed: Vec<(Id, u64)>,
    calls: Vec<NotifyId>,
    /// Finishes that were asked for: of which session and segment.
    finishes: HashMap<(Id, u64), HashSet<NotifyId>>,
    application: Application,
}

impl Receiver {
    fn new(input: &mut Input) -> Self {
        let (queue_frames, queue_bytes) = (1 + input.below(6), 1 + usize::from(input.u16()));
        let label = Label::new(input.pick(&LABELS)).expect("a label");
        let (bits, policy) = (input.u8(), input.pick(&POLICIES));
        let finish = [None, Some(Duration::ZERO), Some(Duration::from_secs(1)), Some(Duration::MAX)];
        let config = ReceiverConfig {
            sender: (bits & 1 == 0).then(|| "alice".to_owned()),
            policy,
            queue_frames,
            queue_bytes,
            idle_timeout: IDLE,
            max_frame_bytes: MAX_FRAME_BYTES,
            label: label.clone(),
            receiver: Some(Id::from_random(99)),
            finish_after_clear: finish[usize::from(bits >> 1 & 3)],
        };
        let mut receiver = Self {
            session: ReceiverSession::new(config, FramePool::default()),
            now: Instant::now(),
            label,
            blocks: policy == QueuePolicy::Block,
            queue_frames: queue_frames as u64,
            queue_bytes: queue_bytes as u64,
            streams: Vec::new(),
            life: None,
            plain: HashSet::new(),
            met: Vec::new(),
            listed: Vec::new(),
            calls: Vec::new(),
            finishes: HashMap::new(),
            application: Application::default(),
        };
        if bits & 8 == 0 {
            receiver.session.participant_joined("alice", true);
        }
        receiver
    }

    /// Whether the driver then looks for what is to be done, as it does after each input.
    fn step(&mut self, input: &mut Input) -> bool {
        let choice = input.u8();
        match choice & 31 {
            0 | 1 => self.hello(input),
            2 | 3 => self.open(input),
            4..=12 => self.chunk(input),
            13 | 14 => self.close_stream(input),
            15 => self.clear(input),
            16..=18 => self.control(input),
            19 => self.session.participant_joined(input.pick(&IDENTITIES), input.bool()),
            20 => self.session.participant_left(input.pick(&IDENTITIES), self.now),
            21 => self.session.room_restarted(),
            22 => self.session.room_reconnecting(input.bool(), self.now),
            23 => self.pass(Duration::from_millis(u64::from(input.u8()) * 100)),
            24 => {
                let (segment, position) = (input.u8().into(), input.count() as i64);
                let made = self.session.notify_playback_finished(segment, position, input.bool());
                made.iter().for_each(|_| self.application.notified());
            }
            25 => {
                let _ = self.session.notify_playback_started(input.u8().into());
            }
            26 | 27 => {
                let back = usize::from(input.u8() & 15);
                let id = self.calls.iter().rev().nth(back).copied().unwrap_or(NotifyId(back as u64));
                let failed = NotifyAnswer::Failed(String::new());
                let answer = [failed, NotifyAnswer::Ok, NotifyAnswer::Reject][input.below(3)].clone();
                self.session.notify_answered(id, answer, self.now);
            }
            28 => self.session.set_clock(self.now, input.u64() as i64),
            29 => {
                if self.session.clear_requested(input.pick(&IDENTITIES)) == Answer::Ok {
                    self.application.clear_through(self.session.stats().segments_started);
                }
            }
            30 if input.u8() == 0 => self.session.room_closed(),
            _ => (0..input.below(8)).for_each(|_| self.take()),
        }
        choice < 0xc0
    }

    // ---- the senders ----

    fn hello(&mut self, input: &mut Input) {
        let (caller, session, label) = (input.pick(&IDENTITIES), input.id(), self.any_label(input));
        let mut ended: Vec<EndedSegment> = Vec::new();
        for _ in 0..input.below(6).max(2) - 2 {
            let last = ended.last().map_or(0, |ended| ended.segment);
            let segment = (last + 1 + input.count()).min(MAX_NUMBER);
            if segment > last {
                ended.push(EndedSegment { segment, frames: input.count(), reason: input.pick(&REASONS) });
            }
        }
        let (codecs, features) = (vec![Codec::Jpeg, Codec::Raw], Vec::new());
        let is_ours = label == self.label;
        let hello =
            HelloRequest { version: VERSION, label, session: session.clone(), codecs, features, ended: ended.clone() };
        let open = self.open_segment();
        let answer = self.session.hello(caller, &hello, self.now).expect("version 1 is spoken");
        assert_eq!(HelloAnswer::parse(&answer.to_json()).as_ref(), Ok(&answer));
        let HelloAnswer::Ok(accepted) = answer else { return };
        assert!(is_ours && self.session.sender() == Some(caller));
        self.listed.extend(ended.iter().map(|ended| (session.clone(), ended.segment)));
        if self.life_of(caller, &session).is_none() {
            self.met.push(session.clone());
            let (segments, over_through, known, limit) = (Vec::new(), 0, None, 0);
            self.life = Some(Life { sender: caller, session, segments, over_through, known, limit });
        } else if let Some((open, _)) = open {
            for ended in ended.iter().filter(|ended| ended.segment == open && ended.reason == EndReason::Clear) {
                self.cleared(ended.segment);
            }
        }
        let Some(life) = &mut self.life else { return };
        // The one that is open is over, too, when it is listed.
        let last = ended.iter().map(|ended| ended.segment).max().unwrap_or(0);
        life.over_through = life.over_through.max(last);
        self.granted(accepted.limit);
    }

    fn open(&mut self, input: &mut Input) {
        let sender = input.pick(&IDENTITIES);
        let known = self.life.as_ref().map(|life| life.session.clone());
        let session = if input.below(8) == 7 { input.id() } else { known.unwrap_or_else(|| input.id()) };
        let last = self.streams.iter().rev().find(|stream| stream.session == session);
        let (last, next_frame) = last.map_or((0, 0), |stream| (stream.segment, stream.next_frame));
        let (segment, resume_from) = match input.u8() {
            0xff => (1 + input.count(), None),
            0xfe => (1 + input.count(), Some(input.count())),
            again @ 0xc0..=0xfd => (last.max(1), Some(next_frame + u64::from(again & 1))),
            _ => (last.saturating_add(1), None),
        };
        let segment = segment.min(MAX_NUMBER);
        let (width, height) = (1 + input.below(12) as u32, 1 + input.below(12) as u32);
        let video = v0::StreamAttributes { format: PixelFormat::Rgba, width, height };
        let label = self.any_label(input);
        let attributes = StreamAttributes { video, label, session: session.clone(), segment, resume_from };
        let mut map = attributes.to_map();
        match input.u8() {
            0xff => drop(map.insert("lkv".to_owned(), input.text().into_owned())),
            0xfe => drop(map.remove("session")),
            0xfd => drop(map.remove("lkv")),
            _ => {}
        }
        let stream = StreamKey(self.streams.len() as u64);
        let before = self.session.stats().segments_started;
        let taken = self.session.stream_opened(StreamOpened { stream, sender, attributes: &map }, self.now);
        let stats = self.session.stats();
        let numbered = taken && map.contains_key("lkv");
        if taken && !numbered {
            self.plain.insert(stats.segments_started);
        }
        if numbered {
            let life = self.life.as_mut().expect("a stream without a hello");
            assert_eq!((life.sender, &life.session), (sender, &session));
            assert!(attributes.label == self.label);
            if stats.segments_started > before {
                assert!(segment > life.over_through && resume_from.is_none(), "a segment that is over begins");
                life.over_through = segment;
                life.segments.push((segment, stats.segments_started));
            } else {
                assert!(resume_from.is_some() && life.segments.iter().any(|(wire, _)| *wire == segment));
            }
        }
        let next_frame = resume_from.unwrap_or(0);
        self.streams.push(Stream {
            sender,
            session,
            segment,
            numbered,
            next_chunk: 0,
            next_frame,
            chunks: Vec::new(),
            claimed: 0,
        });
    }

    /// One that was opened, mostly the last.
    fn stream_index(&self, input: &mut Input) -> Option<usize> {
        let back = usize::from((input.u8() % 16).max(11)) - 11;
        self.streams.len().checked_sub(back + 1)
    }

    fn chunk(&mut self, input: &mut Input) {
        let Some(key) = self.stream_index(input) else { return };
        let known = self.life.as_ref().and_then(|life| life.known).unwrap_or(0);
        let stream = &mut self.streams[key];
        if stream.chunks.is_empty() || input.below(16) == 15 {
            begin_record(stream, known, input);
        }
        let Some(content) = stream.chunks.last().cloned() else { return };
        let index = match input.u8() {
            0xff => input.u64(),
            step @ 0xf8..=0xfe => stream.next_chunk.saturating_sub((step & 7).into()),
            step @ 0xf0..=0xf7 => stream.next_chunk.saturating_add((step & 7).into()),
            _ => stream.next_chunk,
        };
        if index >= stream.next_chunk && index <= MAX_NUMBER {
            stream.chunks.pop();
            stream.next_chunk = index + 1;
        }
        let (claimed, numbered, unknown) = (stream.claimed, stream.numbered, self.session.stats().chunks_unknown);
        let parts = input.bool();
        let (head, body) = if parts { content.split_at(content.len().min(64)) } else { (&content[..], &[][..]) };
        self.session.chunk_parts(StreamKey(key as u64), index, head, body, self.now);
        if let (Some(life), true) = (&mut self.life, numbered && self.session.stats().chunks_unknown == unknown) {
            // What is before this record may count as well as what it claims.
            life.heard(known.max(claimed).saturating_add(content.len() as u64).min(MAX_NUMBER));
        }
    }

    fn close_stream(&mut self, input: &mut Input) {
        let Some(key) = self.stream_index(input) else { return };
        let Stream { sender, session, segment, next_frame, numbered, .. } = &self.streams[key];
        let (sender, session, segment, mut frames) = (*sender, session.clone(), *segment, *next_frame);
        let numbered = *numbered;
        let offset = if input.below(8) == 7 { input.count() } else { 0 };
        let bits = input.u8();
        if bits >= 0xf0 {
            frames = input.count();
        }
        let trailer = Trailer { frames, offset, reason: input.pick(&REASONS) };
        let attributes = trailer.to_map();
        let end = StreamEnd {
            reason: if bits & 15 == 15 { "broken" } else { "" },
            attributes: (bits & 15 != 14).then_some(&attributes),
        };
        let ended = self.session.stats().segments_ended;
        self.session.stream_closed(StreamKey(key as u64), end, self.now);
        let told = numbered && end.reason.is_empty() && end.attributes.is_some();
        if told && self.session.stats().segments_ended > ended && self.life_of(sender, &session).is_some() {
            self.life.iter_mut().for_each(|life| life.heard(offset));
            if trailer.reason == EndReason::Clear {
                self.cleared(segment);
            }
        }
    }

    fn clear(&mut self, input: &mut Input) {
        let (caller, label, session) = (input.pick(&IDENTITIES), self.any_label(input), self.any_session(input));
        let through_segment = input.count();
        let message = rpc::Clear { label, session, through_segment };
        let stale = self.session.stats().messages_stale;
        let answer = self.session.segments_cleared(caller, &message, self.now);
        if answer == Answer::Ok && self.session.stats().messages_stale == stale {
            self.cleared(through_segment);
        }
    }

    fn control(&mut self, input: &mut Input) {
        let (caller, label, session) = (input.pick(&IDENTITIES), self.any_label(input), self.any_session(input));
        let (body, cleared) = match input.below(8) {
            0 | 1 => (Body::Blocked { session, offset: input.count() * 16 % (MAX_NUMBER + 1) }, None),
            2 => (Body::KeepAlive { session, segment: 1 + input.count(), offset: input.count() }, None),
            3 => {
                let through_segment = input.count();
                (Body::Clear { session, through_segment }, Some(through_segment))
            }
            4 => (Body::Ping { token: input.u64() }, None),
            5 => (Body::Pong { token: input.count() }, None),
            6 => (Body::Credit { session, limit: input.count() }, None),
            _ => (Body::Ready { receiver: session }, None),
        };
        let stale = self.session.stats().messages_stale;
        self.session.control(caller, &Control { label, body: body.clone() }, self.now);
        if self.session.stats().messages_stale > stale {
            return;
        }
        match body {
            Body::Blocked { offset, .. } | Body::KeepAlive { offset, .. } => {
                let life = self.life.as_mut().expect("a message of somebody who was not met");
                life.heard(offset);
                assert!(life.known >= Some(offset), "a count that cannot be is believed");
            }
            _ => cleared.into_iter().for_each(|through| self.cleared(through)),
        }
    }

    fn any_label(&self, input: &mut Input) -> Label {
        if input.below(16) == 15 {
            Label::new("another").expect("a label")
        } else {
            self.label.clone()
        }
    }

    /// Mostly the present one.
    fn any_session(&self, input: &mut Input) -> Id {
        match &self.life {
            Some(life) if input.below(8) < 7 => life.session.clone(),
            _ => input.id(),
        }
    }

    // ---- what follows ----

    fn life_of(&self, sender: &str, session: &Id) -> Option<&Life> {
        self.life.as_ref().filter(|life| life.sender == sender && life.session == *session)
    }

    /// The segment of the present life that began last, at the sender and here.
    fn open_segment(&self) -> Option<(u64, u64)> {
        let stats = self.session.stats();
        let open = stats.segments_started > stats.segments_ended;
        let last = self.life.as_ref().and_then(|life| life.segments.last().copied());
        last.filter(|(_, number)| open && *number == stats.segments_started)
    }

    /// The present sender has cleared its segments up to this one.
    fn cleared(&mut self, through: u64) {
        let Some(life) = &mut self.life else { return };
        life.over_through = life.over_through.max(through);
        let number = life.segments.iter().rev().find(|(wire, _)| *wire <= through).map_or(0, |(_, number)| *number);
        self.application.clear_through(number);
    }

    fn max_window(&self) -> u64 {
        if self.blocks {
            self.queue_bytes.max(MAX_FRAME_BYTES as u64)
        } else {
            MAX_WINDOW
        }
    }

    /// The present sender was granted so much.
    fn granted(&mut self, limit: u64) {
        let window = self.max_window();
        let life = self.life.as_mut().expect("a grant for nobody");
        assert!(limit >= life.limit, "a limit falls");
        assert!(limit <= life.known.unwrap_or(0) + window, "a limit beyond the window");
        life.limit = limit;
    }

    /// The application takes an event.
    fn take(&mut self) {
        let Some(event) = self.session.next_event() else { return };
        if let ReceiverEvent::Frame(frame) = &event {
            let info = frame.info();
            let whole = frame.data().iter().all(|byte| *byte == info.number as u8);
            assert!(whole || self.plain.contains(&info.segment), "a frame mixed of two");
        }
        self.application.see(&event);
    }

    // ---- the driver ----

    /// Takes all requests; then nothing is due.
    fn settle(&mut self) {
        self.session.timeout(self.now);
        let mut requests = 0;
        while let Some(request) = self.session.poll_request(self.now) {
            requests += 1;
            assert!(requests <= MAX_REQUESTS, "requests without end");
            match request {
                ReceiverRequest::PlaybackFinished { id, .. } => self.calls.push(id),
                ReceiverRequest::SegmentStarted { id, .. } => self.calls.push(id),
                ReceiverRequest::SegmentFinished { id, message, .. } => {
                    self.calls.push(id);
                    let lives = self.met.iter().filter(|session| **session == message.session).count();
                    let segment = (message.session, message.segment);
                    // What a hello lists has not been heard.
                    let again = self.listed.iter().filter(|listed| **listed == segment).count();
                    let made = self.finishes.entry(segment).or_default();
                    made.insert(id);
                    assert!(made.len() <= lives + again, "segment {} is finished twice", message.segment);
                }
                ReceiverRequest::Control { message, .. } => {
                    assert_eq!(Control::decode(&message.encode()), Ok(Some(message.clone())));
                    if let Body::Credit { limit, session } = message.body {
                        assert!(self.life.as_ref().is_some_and(|life| life.session == session));
                        self.granted(limit);
                    }
                }
            }
        }
        let due = self.session.poll_timeout();
        assert!(due.is_none_or(|due| due > self.now), "a timer is due for ever");
        assert!(!self.session.has_request(), "a request that is not made");
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
        check_counters(&stats);
        assert!(stats.window <= self.max_window());
        if self.blocks {
            // What is under way is taken, and in version 0 nobody waits.
            let most = self.queue_bytes + self.max_window() + MAX_FRAME_BYTES as u64;
            assert!(stats.queue_bytes <= most, "{} bytes are queued", stats.queue_bytes);
        } else {
            assert!(stats.queue_frames <= self.queue_frames);
            assert!(stats.queue_bytes <= self.queue_bytes || stats.queue_frames == 1);
        }
    }

    fn end(&mut self) {
        self.settle();
        self.session.close();
        self.pass(IDLE);
        let mut waiting = 0;
        while self.session.has_event() {
            self.take();
            waiting += 1;
        }
        assert!(waiting as u64 <= MAX_WAITING_EVENTS as u64 + self.session.stats().frames_delivered);
        self.check();
        self.application.end(&self.session.stats());
        assert_eq!(self.session.poll_timeout(), None);
    }
}

impl Life {
    /// It tells of so many bytes; what it was not granted is not believed, but of whom was not met before.
    fn heard(&mut self, offset: u64) {
        if self.known.is_none() || offset <= self.limit + MAX_RECORD_BYTES {
            self.known = Some(self.known.unwrap_or(0).max(offset));
        }
    }
}

/// The next record of a stream, mostly an honest one.
fn begin_record(stream: &mut Stream, known: u64, input: &mut Input) {
    let (width, height) = (1 + input.below(11) as u32, 1 + input.below(11) as u32);
    let (mut number, mut offset) = (stream.next_frame, known);
    match input.u8() {
        0xff => number = input.count(),
        0xfe => offset = input.count() * 16 % (MAX_NUMBER + 1),
        0xfd => offset = offset.saturating_add(input.u16().into()).min(MAX_NUMBER),
        skip @ 0xf0..=0xfc => number += u64::from(skip & 3),
        _ => {}
    }
    let number = number.min(MAX_NUMBER);
    let video = v0::StreamAttributes { format: PixelFormat::Rgba, width, height };
    let header = FrameHeader::raw(video, number, offset).expect("small dimensions");
    let sent_unix_us = input.bool().then(|| input.u64() as i64);
    let header = FrameHeader { sent_unix_us, ..header };
    let payload = Bytes::from(vec![number as u8; header.size]);
    let record = Record::new(&header, payload.clone()).expect("a good header");
    let head = record.chunks().next().expect("a record has a chunk").head;
    // Cut anywhere behind the header.
    let (first, rest) = payload.split_at(usize::from(input.u8()).min(payload.len()));
    let mut chunks = vec![[&head[..], first].concat()];
    let length = 1 + usize::from(input.u8());
    chunks.extend(rest.chunks(length).map(|part| [&[0][..], part].concat()));
    chunks.reverse();
    (stream.chunks, stream.claimed, stream.next_frame) = (chunks, offset, (number + 1).min(MAX_NUMBER));
}
