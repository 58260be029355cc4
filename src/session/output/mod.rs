// SPDX-License-Identifier: Apache-2.0
//! The sending end of a stream pair: frames, flushes and clears in, stream actions and requests out.
//!
//! Actions concern the stream of a segment and are done one at a time, in order; requests are calls and small messages
//! beside it, which wait for nothing. A segment starts with the first frame after the last one's end and ends at a
//! flush and at a clear. While the destination is absent, the room is not ready, or it is not agreed which version is
//! spoken, nothing starts and frames wait in the queue under its policy.
//!
//! In version 0 a segment is one stream, and ends also at a change of size or format and when its transport, its
//! destination or its room connection is lost. In version 1 it then goes on in another stream, if the receiver is still
//! the same.
//!
//! What is queued is bounded in time, too: by what can be written in [`OutputConfig::queue_time`], going by the writes
//! before, and by the age at which a frame is no longer worth sending. A frame that is being written is never given up
//! for its age.
//!
//! Invariant: every opened stream is closed once (unless it is lost) and every segment started gets exactly one
//! playback-finished.

mod actions;
mod config;
mod link;
mod pace;
mod stream;
mod version1;

use super::agreement::Version;
use super::events::{Answer, ErrorGate, ErrorKind, OutputEvent, SendError};
use super::playback::Unfinished;
use super::queue::{Admission, Item, Queue, QueuePolicy};
use super::stats::OutputStats;
use crate::frame::Frame;
use crate::wire::v0::PlaybackFinished;
use link::Link;
use pace::Pace;
use std::collections::VecDeque;
use std::time::{Duration, Instant};
use stream::{BrokenOff, Stream, UnderWay};

pub use config::OutputConfig;
pub use link::CLEAR_CALL_TIMEOUT;

/// How long the driver waits for the answer to a clear of version 0 before it reports that none came.
pub const CLEAR_ANSWER_TIMEOUT: Duration = Duration::from_secs(1);

/// Events kept for an application that does not take them; beyond it the oldest goes.
pub(super) const MAX_EVENTS: usize = 1024;

/// See the module's head.
#[derive(Debug)]
pub struct OutputSession {
    max_frame_bytes: usize,
    queue_bytes: usize,
    queue_time: Option<Duration>,
    max_age: Option<Duration>,
    pace: Pace,
    queue: Queue<Flush>,
    /// Frames that were dropped. The driver frees them: lent pixels go back by a function of the application's.
    dropped: Vec<Frame>,
    destination_present: bool,
    transport_ready: bool,
    reconnecting: bool,
    /// What is agreed with the destination, and what is said beside the stream.
    link: Link,
    stream: Option<Stream>,
    /// The action that the driver is at.
    under_way: Option<UnderWay>,
    /// The clear of version 0, which goes out alone.
    clear_wanted: bool,
    unfinished: Unfinished,
    /// The last segment that began in version 0.
    last_in_v0: Option<u64>,
    /// A segment has ended that the receiver can learn of from a hello only.
    hello_wanted: bool,
    events: VecDeque<OutputEvent>,
    errors: ErrorGate,
    closed: bool,
    stats: OutputStats,
}

/// The segment ends here.
#[derive(Debug)]
struct Flush;

impl OutputSession {
    /// An output whose destination is not there yet and whose room is not ready yet.
    pub fn new(config: OutputConfig) -> Self {
        Self {
            max_frame_bytes: config.max_frame_bytes,
            queue_bytes: config.queue_bytes,
            queue_time: config.queue_time,
            max_age: config.max_age,
            pace: Pace::default(),
            queue: Queue::new(config.policy, config.queue_frames, config.queue_bytes),
            dropped: Vec::new(),
            destination_present: false,
            transport_ready: false,
            reconnecting: false,
            link: Link::new(config.label, config.session),
            stream: None,
            under_way: None,
            clear_wanted: false,
            unfinished: Unfinished::default(),
            last_in_v0: None,
            hello_wanted: false,
            events: VecDeque::new(),
            errors: ErrorGate::default(),
            closed: false,
            stats: OutputStats::default(),
        }
    }

    /// The counters.
    pub fn stats(&self) -> OutputStats {
        let (queue_frames, queue_bytes) = (self.queue.frames() as u64, self.queue.bytes() as u64);
        let version = self.link.version();
        OutputStats {
            queue_frames,
            queue_bytes,
            version: version.map(|version| if version == Version::V1 { 1 } else { 0 }),
            credit: (version == Some(Version::V1)).then(|| self.link.allowance.left()),
            round_trip: self.link.round_trip.smoothed(),
            ..self.stats
        }
    }

    /// Frames queued.
    pub fn queued_frames(&self) -> usize {
        self.queue.frames()
    }

    /// Events that wait for [`next_event`](Self::next_event).
    pub fn queued_events(&self) -> usize {
        self.events.len()
    }

    // ---- the application ----

    /// Queues a frame; it gets its segment and number when it is written.
    pub fn send_frame(&mut self, frame: Frame, now: Instant) -> Result<(), SendError> {
        if self.closed {
            return Err(SendError::Closed);
        }
        let bytes = frame.data().len();
        if bytes > self.max_frame_bytes {
            self.stats.refused += 1;
            self.stats.refused_large += 1;
            return Err(SendError::TooLarge);
        }
        match self.queue.push_frame(frame, now) {
            Admission::Queued { dropped } => {
                self.stats.dropped_oldest += dropped.len() as u64;
                self.lost_from_queue(dropped);
            }
            Admission::Dropped => self.stats.dropped_newest += 1,
            Admission::Full if self.queue.policy() == QueuePolicy::Block => return Err(SendError::Full),
            Admission::Full => {
                self.stats.refused += 1;
                self.stats.refused_full += 1;
                return Err(SendError::Refused);
            }
        }
        self.stats.frames_accepted += 1;
        self.stats.bytes_accepted += bytes as u64;
        Ok(())
    }

    /// Ends the segment after what is queued. Without an open segment it does nothing.
    pub fn flush(&mut self) {
        if self.closed {
            return;
        }
        let open = match self.queue.back() {
            Some(Item::Frame(_)) => true,
            Some(Item::Control(Flush)) => false,
            None => self.open_segment().is_some(),
        };
        if open {
            self.queue.push_control(Flush);
        }
    }

    /// Drops what is queued, ends the open segment and tells the receiver to drop what it holds. In version 0 a clear
    /// while the last one still waits for its answer needs no RPC of its own: nothing was written since.
    pub fn clear(&mut self, now: Instant) {
        if self.closed {
            return;
        }
        self.stats.dropped_cleared += self.empty_queue();
        self.link.allowance.unblock();
        // A receiver does not know segments of version 0 by their numbers.
        if self.link.speaks_v1() && self.last_in_v0 != Some(self.stats.segments_started) {
            self.clear_v1(now);
        } else {
            self.break_off(BrokenOff::Cleared);
            let clearing = matches!(self.under_way, Some(UnderWay::Clearing));
            self.clear_wanted |= self.destination_present && !clearing;
        }
    }

    /// The next event, in order.
    pub fn next_event(&mut self) -> Option<OutputEvent> {
        self.events.pop_front()
    }

    /// Whether all that was queued, trailers and clears included, has been handed to the transport.
    pub fn is_idle(&self) -> bool {
        let closing = self.stream.as_ref().is_some_and(|stream| stream.broken_off.is_some());
        let clearing = self.clear_wanted || self.link.clear_waits();
        self.queue.is_empty() && self.under_way.is_none() && !clearing && !closing
    }

    // ---- the room ----

    /// The destination came into the room, or left it. Segments of version 0 that an absent destination did not finish
    /// get made-up finishes; those of version 1 when it does not return soon. Queued frames wait for its return.
    pub fn destination_present(&mut self, present: bool, now: Instant) {
        if std::mem::replace(&mut self.destination_present, present) == present {
            return;
        }
        self.link.agreement.destination_present(present, now);
        if present {
            return;
        }
        self.give_clear_up();
        if !self.lose_stream() {
            self.break_off(BrokenOff::DestinationLeft);
        }
        self.make_up_finishes(|version| version == Version::V0);
        if !self.link.speaks_v1() {
            self.unfinished.forget_position();
        }
    }

    /// Whether the room is connected and data may flow. What is open stays open: a resumed room goes on.
    pub fn transport_ready(&mut self, ready: bool) {
        self.transport_ready = ready;
    }

    /// The room is reconnecting, or no longer is: meanwhile nothing is asked of the destination, whose silence would say
    /// nothing about it, and it is not given up.
    pub fn room_reconnecting(&mut self, reconnecting: bool, now: Instant) {
        if std::mem::replace(&mut self.reconnecting, reconnecting) && !reconnecting {
            self.link.agreement.reconnected(now);
        }
    }

    /// The room is connected anew: the open stream is lost. In version 0 the next frame starts the next segment.
    pub fn room_restarted(&mut self, now: Instant) {
        self.stats.reconnects += 1;
        if !self.lose_stream() {
            self.break_off(BrokenOff::Restarted);
        }
        self.link.agreement.renew(now);
    }

    /// The room is closed or lost for good: no action follows.
    pub fn room_closed(&mut self) {
        self.close();
        self.transport_ready = false;
        match self.under_way.take() {
            Some(UnderWay::Opening { again: false }) => self.stream = None,
            Some(UnderWay::Writing { .. }) => self.stats.dropped_disconnected += 1,
            Some(UnderWay::Opening { again: true } | UnderWay::Closing | UnderWay::Clearing) | None => {}
        }
        if self.stream.take().is_some() {
            self.stats.segments_finished += 1;
        }
    }

    /// The application closed the output: what is queued is dropped; the trailer of an open stream still follows.
    pub fn close(&mut self) {
        self.closed = true;
        self.give_clear_up();
        self.link.receiver_gone();
        self.stats.dropped_disconnected += self.empty_queue();
        self.break_off(BrokenOff::Closed);
        self.make_up_finishes(|_| true);
    }

    /// A participant calls playback-finished in version 0. It belongs to the oldest segment of that version without a
    /// finish.
    pub fn playback_finished(&mut self, caller_is_destination: bool, message: PlaybackFinished) -> Answer {
        if !caller_is_destination {
            return Answer::Reject;
        }
        match self.unfinished.finished(&message) {
            Some(event) => self.finish(event),
            None => self.stats.playback_unmatched += 1,
        }
        Answer::Ok
    }

    // ---- time ----

    /// When `timeout` is to be called at the latest, and the requests are to be polled.
    pub fn poll_timeout(&self) -> Option<Instant> {
        // An age beyond the clock's range is none.
        let late = self.max_age.and_then(|age| self.queue.oldest()?.checked_add(age));
        let link = if self.may_ask() { self.link.due() } else { None };
        let gone = self.link.agreement.gone_at().filter(|_| !self.reconnecting);
        [late, link, gone, self.unfinished.due()].into_iter().flatten().min()
    }

    /// Time has passed: drops the frames that have waited too long, gives up receivers that did not return, and makes up
    /// finishes that do not come.
    pub fn timeout(&mut self, now: Instant) {
        if let Some(until) = self.max_age.and_then(|age| now.checked_sub(age)) {
            let dropped = self.queue.drop_until(until);
            self.stats.dropped_late += dropped.len() as u64;
            self.lost_from_queue(dropped);
        }
        if self.queue.frames() == 0 {
            self.link.allowance.unblock();
        }
        if std::mem::take(&mut self.hello_wanted) {
            self.link.agreement.renew(now);
        }
        if !self.reconnecting && self.link.agreement.is_gone(now) {
            self.receiver_gone(BrokenOff::DestinationLeft);
        }
        while let Some(event) = self.unfinished.overdue(now) {
            self.finish(event);
        }
    }

    /// Frames that were dropped since the last time, to be freed where no lock is held.
    pub fn take_dropped(&mut self) -> Vec<Frame> {
        std::mem::take(&mut self.dropped)
    }

    // ---- helpers ----

    /// These were dropped out of the queue: a segment may have lost all its frames.
    fn lost_from_queue(&mut self, frames: Vec<Frame>) {
        if !frames.is_empty() {
            self.keep_dropped(frames);
            self.forget_empty_segments();
        }
    }

    /// Drops all that is queued: how many frames.
    fn empty_queue(&mut self) -> u64 {
        let (frames, _) = self.queue.drain();
        let count = frames.len() as u64;
        self.keep_dropped(frames);
        count
    }

    fn keep_dropped(&mut self, frames: Vec<Frame>) {
        match self.dropped.is_empty() {
            true => self.dropped = frames,
            false => self.dropped.extend(frames),
        }
    }

    /// The stream of the segment that is open, also if it is lost.
    fn open_segment(&self) -> Option<&Stream> {
        let closing = matches!(self.under_way, Some(UnderWay::Closing));
        self.stream.as_ref().filter(|stream| stream.broken_off.is_none() && !closing)
    }

    /// Nothing more is written to the open segment.
    fn break_off(&mut self, why: BrokenOff) {
        if let Some(stream) = &mut self.stream {
            stream.broken_off.get_or_insert(why);
        }
        self.end_without_stream();
        self.forget_empty_segments();
    }

    /// The RPC of a clear that has not begun will not go out.
    fn give_clear_up(&mut self) {
        if std::mem::take(&mut self.clear_wanted) {
            self.clear_unheard();
        }
    }

    /// Only the trailer can say that the open stream was cleared.
    fn clear_unheard(&mut self) {
        if let Some(reason @ BrokenOff::Cleared) = self.stream.as_mut().and_then(|s| s.broken_off.as_mut()) {
            *reason = BrokenOff::ClearedUnheard;
        }
    }

    /// Drops flushes at the front that end nothing, because their segment was broken off or their frames were dropped.
    fn forget_empty_segments(&mut self) {
        while let Some(Item::Control(Flush)) = self.queue.get(0) {
            let repeated = matches!(self.queue.get(1), Some(Item::Control(Flush)));
            if self.open_segment().is_some() && !repeated {
                break;
            }
            self.queue.pop();
        }
    }

    fn make_up_finishes(&mut self, which: impl Fn(Version) -> bool) {
        while let Some(event) = self.unfinished.make_up(&which) {
            self.finish(event);
        }
    }

    fn finish(&mut self, event: OutputEvent) {
        self.stats.playback_finished += 1;
        self.push_event(event);
    }

    fn report(&mut self, kind: ErrorKind, message: String) {
        if self.errors.report(kind) {
            self.push_event(OutputEvent::Error { kind, message });
        }
    }

    fn push_event(&mut self, event: OutputEvent) {
        if self.events.len() == MAX_EVENTS {
            self.events.pop_front();
            self.stats.events_dropped += 1;
        }
        self.events.push_back(event);
    }
}
