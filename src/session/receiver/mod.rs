// SPDX-License-Identifier: Apache-2.0
//! The receiving end of a stream pair: the chunks of its sender's streams in, frames and segment ends out.
//!
//! A segment is one v0 stream of the sender, and at most one is open: the next stream, a gap, the idle time-out, a
//! clear or a departure ends it. What comes later for a stream that is not open is counted and ignored.
//! Invariants: each `SegmentStart` is followed by exactly one `SegmentEnd` before the next start, every frame lies
//! between the two, and none of a cleared segment comes after `Cleared`.
//!
//! Bounds: frames by the queue's own; control events because streams are refused while [`MAX_QUEUED_SEGMENTS`] starts
//! wait, and every other event is merged or belongs to a segment.

mod segment;
mod sender;

use super::events::{
    Answer, ErrorGate, ErrorKind, NotifyAnswer, NotifyId, ReceiverEvent, ReceiverRequest, SegmentCause, SessionError,
    StreamEnd, StreamKey, StreamOpened,
};
use super::playback::Notifications;
use super::queue::{Admission, Item, Queue, QueuePolicy};
use super::stats::ReceiverStats;
use crate::frame::{Frame, FramePool};
use crate::wire::v0::{PlaybackFinished, StreamAttributes};
use segment::{Order, Segment};
use sender::Sender;
use std::time::{Duration, Instant};

/// Segment starts that may wait in the queue before streams are refused.
pub(super) const MAX_QUEUED_SEGMENTS: usize = 256;

/// What a receiver is made with.
#[derive(Debug, Clone)]
pub struct ReceiverConfig {
    /// Identity of the sender; `None`: the first agent.
    pub sender: Option<String>,
    /// For frames that find the queue full. `Block` slows a transport that asks [`ReceiverSession::is_full`] and acts
    /// as `DropOldest` on one that cannot wait; `Refuse` acts as `DropNewest`.
    pub policy: QueuePolicy,
    /// Frames the queue holds.
    pub queue_frames: usize,
    /// Bytes of frames the queue holds; one frame is held whatever its size.
    pub queue_bytes: usize,
    /// A segment without a chunk for this long ends.
    pub idle_timeout: Duration,
    /// Streams of larger frames are refused.
    pub max_frame_bytes: usize,
}

/// See the module's head.
pub struct ReceiverSession {
    blocks: bool,
    idle_timeout: Duration,
    max_frame_bytes: usize,
    pool: FramePool,
    sender: Sender,
    open: Option<Segment>,
    queue: Queue<ReceiverEvent>,
    /// Of them in `queue`.
    queued_starts: usize,
    /// The segment that the application is at.
    delivered_segment: u64,
    /// The number that its next frame has if none is lost.
    next_delivered: u64,
    notifications: Notifications,
    errors: ErrorGate,
    reconnecting_since: Option<Instant>,
    /// The queue was full since the open segment's last progress: the sender may have had to wait.
    held_back: bool,
    closed: bool,
    stats: ReceiverStats,
}

impl ReceiverSession {
    /// A receiver that waits for its sender; frames are assembled in `pool`.
    pub fn new(config: ReceiverConfig, pool: FramePool) -> Self {
        let overflow = match config.policy {
            QueuePolicy::Block | QueuePolicy::DropOldest => QueuePolicy::DropOldest,
            QueuePolicy::Refuse | QueuePolicy::DropNewest => QueuePolicy::DropNewest,
        };
        Self {
            blocks: config.policy == QueuePolicy::Block,
            idle_timeout: config.idle_timeout,
            max_frame_bytes: config.max_frame_bytes,
            pool,
            sender: Sender::new(config.sender),
            open: None,
            queue: Queue::new(overflow, config.queue_frames, config.queue_bytes),
            queued_starts: 0,
            delivered_segment: 0,
            next_delivered: 0,
            notifications: Notifications::default(),
            errors: ErrorGate::default(),
            reconnecting_since: None,
            held_back: false,
            closed: false,
            stats: ReceiverStats::default(),
        }
    }

    /// The participant listened to, while it is in the room.
    pub fn sender(&self) -> Option<&str> {
        self.sender.present().map(|identity| &**identity)
    }

    /// Whether the transport should hold back the sender's next chunk or stream. Only under `Block`.
    pub fn is_full(&self) -> bool {
        let next_frame = self.open.as_ref().map_or(1, Segment::frame_bytes);
        self.blocks && (!self.queue.fits(next_frame) || self.queued_starts >= MAX_QUEUED_SEGMENTS)
    }

    /// Whether [`ReceiverSession::next_event`] would give one.
    pub fn has_event(&self) -> bool {
        !self.queue.is_empty()
    }

    /// The counters.
    pub fn stats(&self) -> ReceiverStats {
        let (queue_frames, queue_bytes) = (self.queue.frames() as u64, self.queue.bytes() as u64);
        ReceiverStats { queue_frames, queue_bytes, ..self.stats }
    }

    // ---- the room ----

    /// A participant is in the room.
    pub fn participant_joined(&mut self, identity: &str, is_agent: bool) {
        self.change_sender(|sender| sender.joined(identity, is_agent));
    }

    /// A participant left the room.
    pub fn participant_left(&mut self, identity: &str) {
        if self.sender.listened_to(identity).is_some() {
            self.end_open(SegmentCause::SenderLeft);
        }
        self.change_sender(|sender| sender.left(identity));
    }

    /// The room is reconnecting, or no longer is: meanwhile the idle timer stands still.
    pub fn room_reconnecting(&mut self, reconnecting: bool, now: Instant) {
        if reconnecting {
            self.reconnecting_since.get_or_insert(now);
        } else if let Some(since) = self.reconnecting_since.take() {
            if let Some(segment) = &mut self.open {
                segment.last_progress += now.saturating_duration_since(since.max(segment.last_progress));
            }
        }
    }

    /// The room is connected anew, everything under way is lost.
    pub fn room_restarted(&mut self) {
        self.end_open(SegmentCause::Truncated);
    }

    /// The room is closed or lost for good. What is queued can still be taken.
    pub fn room_closed(&mut self) {
        self.shut(SegmentCause::Disconnected, "the room is closed");
    }

    /// The application closed the receiver. What is queued can still be taken.
    pub fn close(&mut self) {
        self.shut(SegmentCause::Closed, "the receiver is closed");
    }

    // ---- streams ----

    /// A video stream was opened; whether it is taken. The chunks of a refused one need not be reported.
    pub fn stream_opened(&mut self, opened: StreamOpened<'_>, now: Instant) -> bool {
        let Some(sender) = self.sender.listened_to(opened.sender).filter(|_| !self.closed).cloned() else {
            self.stats.streams_refused += 1;
            return false;
        };
        if self.queued_starts >= MAX_QUEUED_SEGMENTS {
            return self.refuse(ErrorKind::TooManySegments, format!("{MAX_QUEUED_SEGMENTS} segments wait to be taken"));
        }
        let parsed = StreamAttributes::from_map(opened.attributes);
        let (attributes, layout) = match parsed.and_then(|attributes| Ok((attributes, attributes.layout()?))) {
            Ok(parsed) => parsed,
            Err(error) => return self.refuse(ErrorKind::BadStream, error.to_string()),
        };
        if layout.size() > self.max_frame_bytes {
            let message = format!("frames of {} bytes, the limit is {}", layout.size(), self.max_frame_bytes);
            return self.refuse(ErrorKind::FrameTooLarge, message);
        }

        // Whose stream is here is here, even if the room has not told yet.
        self.change_sender(|known| known.joined(&sender, true));
        self.end_open(SegmentCause::Truncated);
        self.errors.reset();
        self.held_back = false;
        self.stats.segments_started += 1;
        self.queued_starts += 1;
        let segment = self.stats.segments_started;
        let StreamAttributes { format, width, height } = attributes;
        self.queue.push_control(ReceiverEvent::SegmentStart { segment, format, width, height });
        self.notifications.segment_started(segment, sender);
        self.open = Some(Segment::new(segment, opened.stream, attributes, &layout, self.pool.clone(), now));
        true
    }

    /// A chunk of a stream arrived.
    pub fn chunk(&mut self, stream: StreamKey, index: u64, content: &[u8], now: Instant) {
        let Some(segment) = self.open.as_mut().filter(|segment| segment.stream == stream) else {
            self.stats.chunks_unknown += 1;
            return;
        };
        match segment.order(index) {
            Order::Repeated => self.stats.chunks_repeated += 1,
            Order::Gap(missing) => {
                self.stats.chunks_lost = self.stats.chunks_lost.saturating_add(missing);
                self.end_open(SegmentCause::Truncated);
            }
            Order::Next => {
                self.stats.bytes_received += content.len() as u64;
                self.held_back = false;
                let (queue, stats) = (&mut self.queue, &mut self.stats);
                segment.take(content, now, |frame| enqueue(queue, stats, frame, now));
            }
        }
    }

    /// The trailer of a stream arrived. One with a reason, or inside a frame, ends the segment as truncated.
    pub fn stream_closed(&mut self, stream: StreamKey, end: StreamEnd<'_>) {
        if let Some(segment) = self.open.as_ref().filter(|segment| segment.stream == stream) {
            let whole = end.reason.is_empty() && !segment.inside_frame();
            self.end_open(if whole { SegmentCause::Flushed } else { SegmentCause::Truncated });
        }
    }

    /// A participant asks to clear. If it is the sender, all frames not yet taken are dropped, and the segments whose
    /// end was not yet taken end as cleared, queued ones included, after one `Cleared`.
    ///
    /// `Cleared` stands before the first such end; the starts of later queued segments keep their place, so that
    /// segments never overlap. While a `Cleared` waits to be taken, another clear adds no second one.
    pub fn clear_requested(&mut self, caller: &str) -> Answer {
        if self.closed || self.sender.listened_to(caller).is_none() {
            return Answer::Reject;
        }
        self.end_open(SegmentCause::Cleared);
        let (dropped, events) = self.queue.drain();
        self.stats.dropped_cleared += dropped.len() as u64;
        let mut announced = false;
        for mut event in events {
            match &mut event {
                ReceiverEvent::Cleared => announced = true,
                ReceiverEvent::SegmentEnd { cause, .. } => {
                    *cause = SegmentCause::Cleared;
                    if !std::mem::replace(&mut announced, true) {
                        self.queue.push_control(ReceiverEvent::Cleared);
                    }
                }
                _ => {}
            }
            self.queue.push_control(event);
        }
        if !announced {
            self.queue.push_control(ReceiverEvent::Cleared);
        }
        Answer::Ok
    }

    // ---- time ----

    /// When [`timeout`](Self::timeout) is to be called at the latest.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let segment = self.open.as_ref().filter(|_| self.reconnecting_since.is_none())?;
        segment.last_progress.checked_add(self.idle_timeout)
    }

    /// Time has passed. A sender that had to wait for the application is given the whole idle time-out anew.
    pub fn timeout(&mut self, now: Instant) {
        if self.poll_timeout().is_none_or(|deadline| now < deadline) {
            return;
        }
        if self.held_back || self.is_full() {
            self.held_back = false;
            if let Some(segment) = &mut self.open {
                segment.last_progress = now;
            }
        } else {
            self.end_open(SegmentCause::TimedOut);
        }
    }

    // ---- the application ----

    /// The next event, in order.
    pub fn next_event(&mut self) -> Option<ReceiverEvent> {
        self.held_back |= self.is_full();
        match self.queue.pop()? {
            Item::Frame(frame) => {
                let number = frame.info().number;
                let lost = number.saturating_sub(self.next_delivered);
                self.next_delivered = number.saturating_add(1);
                self.stats.frames_delivered += 1;
                Some(ReceiverEvent::Frame(frame.with_lost_before(u32::try_from(lost).unwrap_or(u32::MAX))))
            }
            Item::Control(event) => {
                if let ReceiverEvent::SegmentStart { segment, .. } = event {
                    self.queued_starts -= 1;
                    self.delivered_segment = segment;
                    self.next_delivered = 0;
                }
                Some(event)
            }
        }
    }

    /// Tells the sender how far this segment was played; `Notified` follows. 0: the oldest segment that the
    /// application took the start of and has not notified.
    pub fn notify_playback_finished(
        &mut self,
        segment: u64,
        position_us: i64,
        interrupted: bool,
    ) -> Result<NotifyId, SessionError> {
        if self.closed {
            return Err(SessionError::Closed);
        }
        let message = PlaybackFinished::new(position_us, interrupted).map_err(|_| SessionError::InvalidPosition)?;
        self.notifications.notify(segment, self.delivered_segment, message)
    }

    /// A playback-finished was answered, or no answer will come.
    pub fn notify_answered(&mut self, id: NotifyId, answer: NotifyAnswer) {
        if let Some(event) = self.notifications.answered(id, answer) {
            self.queue.push_control(event);
        }
    }

    /// What the driver is to do next.
    pub fn poll_request(&mut self) -> Option<ReceiverRequest> {
        self.notifications.poll_request()
    }

    // ---- helpers ----

    fn refuse(&mut self, kind: ErrorKind, message: String) -> bool {
        self.stats.streams_refused += 1;
        if self.errors.report(kind) {
            self.queue.push_control(ReceiverEvent::Error { kind, message });
        }
        false
    }

    fn end_open(&mut self, cause: SegmentCause) {
        let Some(segment) = self.open.take() else { return };
        if segment.inside_frame() {
            self.stats.dropped_truncated += 1;
        }
        self.stats.segments_ended += 1;
        let Segment { number, frames, .. } = segment;
        self.queue.push_control(ReceiverEvent::SegmentEnd { segment: number, frames, cause });
    }

    /// Changes who is there and says so if that changes whom we listen to. Unread news of the same kind is replaced.
    fn change_sender(&mut self, change: impl FnOnce(&mut Sender)) {
        if self.closed {
            return;
        }
        let before = self.sender.present().cloned();
        change(&mut self.sender);
        let after = self.sender.present();
        if before.as_ref() == after {
            return;
        }
        let news = ReceiverEvent::Sender(after.map(|identity| identity.to_string()));
        match self.queue.back_mut() {
            Some(Item::Control(last @ ReceiverEvent::Sender(_))) => *last = news,
            _ => self.queue.push_control(news),
        }
    }

    fn shut(&mut self, cause: SegmentCause, why: &str) {
        if std::mem::replace(&mut self.closed, true) {
            return;
        }
        self.end_open(cause);
        for event in self.notifications.fail_all(why) {
            self.queue.push_control(event);
        }
    }
}

fn enqueue(queue: &mut Queue<ReceiverEvent>, stats: &mut ReceiverStats, frame: Frame, now: Instant) {
    stats.frames_received += 1;
    match queue.push_frame(frame, now) {
        Admission::Queued { dropped } => stats.dropped_oldest += dropped.len() as u64,
        Admission::Dropped | Admission::Full => stats.dropped_newest += 1,
    }
}
