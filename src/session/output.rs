// SPDX-License-Identifier: Apache-2.0
//! The sending end of a stream pair: frames, flushes and clears in, stream actions out, one at a time.
//!
//! A segment is one v0 stream: it starts with the first frame after the last one's end and ends at a flush, at a
//! change of size or format, at a clear, and when its transport, its destination or its room connection is lost. A
//! stream that was broken off gets a trailer with a reason. While the destination is absent or the room is not ready
//! nothing starts and frames wait in the queue under its policy.
//!
//! What is queued is bounded in time, too: by what can be written in [`OutputConfig::queue_time`], going by the writes
//! before, and by the age at which a frame is no longer worth sending. A frame that is being written is never given up
//! for its age.
//!
//! v0 numbers nothing, so a clear goes out alone: the RPC first, then the trailer of the open stream, and the next
//! stream only after both, lest the RPC clear what it should not. Invariant: every opened stream is closed once
//! (unless the room is gone) and every segment started gets exactly one playback-finished.

use super::events::{Answer, ErrorGate, ErrorKind, OutputAction, OutputEvent, SendError, TransportResult};
use super::playback::Unfinished;
use super::queue::{Admission, Item, Queue, QueuePolicy};
use super::stats::OutputStats;
use crate::frame::Frame;
use crate::wire::v0::{PlaybackFinished, StreamAttributes};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How long the driver waits for the answer to a clear before it reports that none came.
pub const CLEAR_ANSWER_TIMEOUT: Duration = Duration::from_secs(1);

/// Events kept for an application that does not take them; beyond it the oldest goes.
pub(super) const MAX_EVENTS: usize = 1024;

/// What an output is made with.
#[derive(Debug, Clone)]
pub struct OutputConfig {
    /// For frames that find the queue full.
    pub policy: QueuePolicy,
    /// Frames the queue holds, the one being written not counted.
    pub queue_frames: usize,
    /// Bytes of frames the queue holds; one frame is held whatever its size.
    pub queue_bytes: usize,
    /// The queue holds no more than the transport takes in this time, going by the frames before; one frame is held at
    /// any rate.
    pub queue_time: Option<Duration>,
    /// A frame that has been queued so long is dropped.
    pub max_age: Option<Duration>,
    /// Larger frames are refused.
    pub max_frame_bytes: usize,
}

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
    stream: Option<Stream>,
    /// The action that the driver is at.
    under_way: Option<UnderWay>,
    clear_wanted: bool,
    unfinished: Unfinished,
    events: VecDeque<OutputEvent>,
    errors: ErrorGate,
    closed: bool,
    stats: OutputStats,
}

/// The segment ends here.
#[derive(Debug)]
struct Flush;

/// The stream that is open or being opened or closed.
#[derive(Debug)]
struct Stream {
    segment: u64,
    attributes: StreamAttributes,
    next_number: u64,
    broken_off: Option<BrokenOff>,
}

/// Why a stream ends before its segment is whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BrokenOff {
    Cleared,
    ClearedUnheard,
    Failed,
    DestinationLeft,
    Restarted,
    Closed,
}

impl BrokenOff {
    /// For the trailer.
    fn reason(self) -> &'static str {
        match self {
            // The receiver knows; official SDKs take any reason for a failure of the stream.
            Self::Cleared => "",
            Self::ClearedUnheard => "cleared",
            Self::Failed => "failed",
            Self::DestinationLeft => "destination left",
            Self::Restarted => "reconnected",
            Self::Closed => "closed",
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum UnderWay {
    Opening,
    Writing { bytes: usize, since: Instant },
    Closing,
    Clearing,
}

/// How fast the transport takes frames, over the last of them.
#[derive(Debug, Default)]
struct Pace {
    bytes: u64,
    /// In which they were written.
    time: Duration,
}

impl Pace {
    /// Writing that is looked back on: beyond it the older half counts half.
    const MEMORY: Duration = Duration::from_millis(250);

    fn wrote(&mut self, bytes: usize, time: Duration) {
        self.bytes += bytes as u64;
        self.time += time;
        if self.time > Self::MEMORY {
            self.bytes /= 2;
            self.time /= 2;
        }
    }

    /// What can be written in this time.
    fn bytes_in(&self, time: Duration) -> usize {
        let bytes = u128::from(self.bytes) * time.as_micros() / self.time.as_micros().max(1);
        usize::try_from(bytes).unwrap_or(usize::MAX)
    }
}

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
            stream: None,
            under_way: None,
            clear_wanted: false,
            unfinished: Unfinished::default(),
            events: VecDeque::new(),
            errors: ErrorGate::default(),
            closed: false,
            stats: OutputStats::default(),
        }
    }

    /// The counters.
    pub fn stats(&self) -> OutputStats {
        let (queue_frames, queue_bytes) = (self.queue.frames() as u64, self.queue.bytes() as u64);
        OutputStats { queue_frames, queue_bytes, ..self.stats }
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
            None => self.writable_stream().is_some(),
        };
        if open {
            self.queue.push_control(Flush);
        }
    }

    /// Drops what is queued, ends the open segment and tells the receiver to drop what it holds. A clear while the
    /// last one still waits for its answer needs no RPC of its own: nothing was written since.
    pub fn clear(&mut self) {
        if self.closed {
            return;
        }
        self.stats.dropped_cleared += self.empty_queue();
        self.break_off(BrokenOff::Cleared);
        let clearing = matches!(self.under_way, Some(UnderWay::Clearing));
        self.clear_wanted |= self.destination_present && !clearing;
    }

    /// The next event, in order.
    pub fn next_event(&mut self) -> Option<OutputEvent> {
        self.events.pop_front()
    }

    /// Whether all that was queued, trailers and clears included, has been handed to the transport.
    pub fn is_idle(&self) -> bool {
        let closing = self.stream.as_ref().is_some_and(|stream| stream.broken_off.is_some());
        self.queue.is_empty() && self.under_way.is_none() && !self.clear_wanted && !closing
    }

    // ---- the room ----

    /// The destination came into the room, or left it. Segments that an absent destination did not finish get
    /// made-up finishes; queued frames wait for its return.
    pub fn destination_present(&mut self, present: bool) {
        if std::mem::replace(&mut self.destination_present, present) && !present {
            self.break_off(BrokenOff::DestinationLeft);
            self.give_clear_up();
            self.make_up_finishes();
            self.unfinished.forget_position();
        }
    }

    /// Whether the room is connected and data may flow. What is open stays open: a resumed room goes on.
    pub fn transport_ready(&mut self, ready: bool) {
        self.transport_ready = ready;
    }

    /// The room is connected anew: the open stream is lost, the next frame starts the next segment.
    pub fn room_restarted(&mut self) {
        self.break_off(BrokenOff::Restarted);
    }

    /// The room is closed or lost for good: no action follows.
    pub fn room_closed(&mut self) {
        self.close();
        self.transport_ready = false;
        match self.under_way.take() {
            Some(UnderWay::Opening) => self.stream = None,
            Some(UnderWay::Writing { .. }) => self.stats.dropped_disconnected += 1,
            Some(UnderWay::Closing | UnderWay::Clearing) | None => {}
        }
        if self.stream.take().is_some() {
            self.stats.segments_finished += 1;
        }
    }

    /// The application closed the output: what is queued is dropped; the trailer of an open stream still follows.
    pub fn close(&mut self) {
        self.closed = true;
        self.give_clear_up();
        self.stats.dropped_disconnected += self.empty_queue();
        self.break_off(BrokenOff::Closed);
        self.make_up_finishes();
    }

    /// A participant calls playback-finished. It belongs to the oldest segment without a finish.
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

    // ---- the driver ----

    /// What the driver is to do next. `None` until the answer to the last action came, and while there is nothing.
    pub fn poll_action(&mut self, now: Instant) -> Option<OutputAction> {
        self.timeout(now);
        if self.under_way.is_some() || !self.transport_ready {
            return None;
        }
        if std::mem::take(&mut self.clear_wanted) {
            self.under_way = Some(UnderWay::Clearing);
            return Some(OutputAction::ClearBuffer);
        }
        if let Some(reason) = self.stream.as_ref().and_then(|stream| stream.broken_off) {
            return self.close_stream(reason.reason());
        }
        match self.queue.get(0)? {
            Item::Control(Flush) => {
                self.queue.pop();
                self.close_stream("")
            }
            Item::Frame(frame) => {
                let attributes = attributes_of(frame);
                match &self.stream {
                    Some(stream) if stream.attributes == attributes => self.write(now),
                    Some(_) => self.close_stream(""),
                    None => self.open_stream(attributes),
                }
            }
        }
    }

    /// Whether [`OutputSession::poll_action`] may have something to do: who queues a frame need not wake the driver for
    /// less.
    pub fn has_action(&self) -> bool {
        self.under_way.is_none() && self.transport_ready && (self.destination_present || self.stream.is_some())
    }

    /// When `timeout` is to be called at the latest.
    pub fn poll_timeout(&self) -> Option<Instant> {
        // An age beyond the clock's range is none.
        self.queue.oldest()?.checked_add(self.max_age?)
    }

    /// Drops the frames that have waited too long.
    pub fn timeout(&mut self, now: Instant) {
        let Some(until) = self.max_age.and_then(|age| now.checked_sub(age)) else { return };
        let dropped = self.queue.drop_until(until);
        self.stats.dropped_late += dropped.len() as u64;
        self.lost_from_queue(dropped);
    }

    /// Frames that were dropped since the last time, to be freed where no lock is held.
    pub fn take_dropped(&mut self) -> Vec<Frame> {
        std::mem::take(&mut self.dropped)
    }

    /// Whether the driver should stop writing the frame of this segment and report the write as done.
    pub fn is_cancelled(&self, segment: u64) -> bool {
        self.writable_stream().is_none_or(|stream| stream.segment != segment)
    }

    /// The answer to `OpenStream`. On an error the frame that wanted it is dropped.
    pub fn stream_opened(&mut self, result: TransportResult) {
        let Some(UnderWay::Opening) = self.under_way else { return };
        self.under_way = None;
        match result {
            Ok(()) => {
                self.stats.segments_started += 1;
                let given_up = self.unfinished.segment_started(self.stats.segments_started);
                given_up.into_iter().for_each(|event| self.finish(event));
                if self.closed || !self.destination_present {
                    self.make_up_finishes();
                }
            }
            Err(message) => {
                let wanted = self.stream.take().is_some_and(|stream| stream.broken_off.is_none());
                if wanted {
                    if let Some(Item::Frame(_)) = self.queue.get(0) {
                        self.dropped.extend(self.queue.take_oldest_frame());
                        self.stats.dropped_disconnected += 1;
                    }
                    self.forget_empty_segments();
                    self.report(ErrorKind::Transport, message);
                }
            }
        }
    }

    /// The answer to `Write`: an error ends the segment.
    pub fn write_done(&mut self, result: TransportResult, now: Instant) {
        let Some(UnderWay::Writing { bytes, since }) = self.under_way else { return };
        self.under_way = None;
        match (self.stream.as_ref().and_then(|stream| stream.broken_off), result) {
            (Some(BrokenOff::Cleared | BrokenOff::ClearedUnheard), _) => self.stats.dropped_cleared += 1,
            (Some(_), _) => self.stats.dropped_disconnected += 1,
            (None, Ok(())) => {
                self.stats.frames_sent += 1;
                self.stats.bytes_sent += bytes as u64;
                self.pace.wrote(bytes, now.saturating_duration_since(since));
                self.bound_queue();
                self.errors.reset();
            }
            (None, Err(message)) => {
                self.stats.dropped_disconnected += 1;
                self.break_off(BrokenOff::Failed);
                self.report(ErrorKind::Transport, message);
            }
        }
    }

    /// The answer to `CloseStream`: the stream is gone either way.
    pub fn stream_closed(&mut self, result: TransportResult) {
        let Some(UnderWay::Closing) = self.under_way else { return };
        self.under_way = None;
        self.stats.segments_finished += 1;
        let whole = self.stream.take().is_some_and(|stream| stream.broken_off.is_none());
        if let (true, Err(message)) = (whole, result) {
            self.report(ErrorKind::Transport, message);
        }
    }

    /// The answer to `ClearBuffer`; an error if it was rejected, failed or did not come in time.
    pub fn clear_answered(&mut self, result: TransportResult) {
        let Some(UnderWay::Clearing) = self.under_way else { return };
        self.under_way = None;
        if let Err(message) = result {
            self.report(ErrorKind::Rpc, message);
            self.clear_unheard();
        }
    }

    // ---- helpers ----

    fn bound_queue(&mut self) {
        let in_time = self.queue_time.map_or(usize::MAX, |time| self.pace.bytes_in(time));
        self.queue.bound_bytes(in_time.min(self.queue_bytes));
    }

    /// The stream that frames may be written to.
    fn writable_stream(&self) -> Option<&Stream> {
        let closing = matches!(self.under_way, Some(UnderWay::Closing));
        self.stream.as_ref().filter(|stream| stream.broken_off.is_none() && !closing)
    }

    fn open_stream(&mut self, attributes: StreamAttributes) -> Option<OutputAction> {
        if !self.destination_present {
            return None;
        }
        let segment = self.stats.segments_started + 1;
        self.stream = Some(Stream { segment, attributes, next_number: 0, broken_off: None });
        self.under_way = Some(UnderWay::Opening);
        Some(OutputAction::OpenStream { segment, attributes })
    }

    fn write(&mut self, now: Instant) -> Option<OutputAction> {
        let stream = self.stream.as_mut()?;
        let Some(Item::Frame(frame)) = self.queue.pop() else { return None };
        let frame = frame.numbered(stream.segment, stream.next_number);
        stream.next_number += 1;
        self.under_way = Some(UnderWay::Writing { bytes: frame.data().len(), since: now });
        Some(OutputAction::Write(frame))
    }

    fn close_stream(&mut self, reason: &'static str) -> Option<OutputAction> {
        let segment = self.stream.as_ref()?.segment;
        self.under_way = Some(UnderWay::Closing);
        Some(OutputAction::CloseStream { segment, reason })
    }

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

    /// Nothing more is written to the open stream.
    fn break_off(&mut self, why: BrokenOff) {
        if let Some(stream) = &mut self.stream {
            stream.broken_off.get_or_insert(why);
        }
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

    /// Drops flushes at the front that end nothing, because their stream was broken off or their frames were dropped.
    fn forget_empty_segments(&mut self) {
        while let Some(Item::Control(Flush)) = self.queue.get(0) {
            let repeated = matches!(self.queue.get(1), Some(Item::Control(Flush)));
            if self.writable_stream().is_some() && !repeated {
                break;
            }
            self.queue.pop();
        }
    }

    fn make_up_finishes(&mut self) {
        while let Some(event) = self.unfinished.make_up() {
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

fn attributes_of(frame: &Frame) -> StreamAttributes {
    let info = frame.info();
    StreamAttributes { format: info.format, width: info.width, height: info.height }
}
