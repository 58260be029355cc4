// SPDX-License-Identifier: Apache-2.0
//! The receiving end of a stream pair: the chunks of its sender's streams in, frames and segment ends out.
//!
//! At most one segment is open: the next one's stream, the idle time-out, a clear or a departure ends it. In version 0 a
//! segment is one stream, and a gap or a full reconnect ends it, too; in version 1 it outlives both, and a departure for
//! a while. What comes later for a stream that is not open is counted and ignored.
//! Invariants: each `SegmentStart` is followed by exactly one `SegmentEnd` before the next start, every frame lies
//! between the two, and none of a cleared segment comes after `Cleared`.
//!
//! Bounds: frames by the queue's own, and under `Block` in version 1 by the credit that the sender has; control events
//! because streams are refused while [`MAX_QUEUED_SEGMENTS`] starts wait, and every other event is merged or belongs to
//! a segment.

mod clear;
mod link;
mod segment;
mod sender;
mod streams;
mod version1;

use super::agreement::RETURN_GRACE;
use super::events::{ErrorGate, ErrorKind, NotifyAnswer, NotifyId, ReceiverEvent, SegmentCause, SessionError};
use super::playback::Notifications;
use super::queue::{Item, Queue, QueuePolicy};
use super::stats::ReceiverStats;
use crate::frame::FramePool;
use crate::wire::v0::PlaybackFinished;
use crate::wire::v1::{Id, Label};
use link::Link;
use segment::Segment;
use sender::Sender;
use std::time::{Duration, Instant};

/// Segment starts that may wait in the queue before streams are refused.
pub(super) const MAX_QUEUED_SEGMENTS: usize = 256;

/// What a receiver is made with.
#[derive(Debug, Clone)]
pub struct ReceiverConfig {
    /// Identity of the sender; `None`: the first agent.
    pub sender: Option<String>,
    /// For frames that find the queue full. `Block` slows a sender of version 1 by its credit, and a transport that asks
    /// [`ReceiverSession::is_full`]; else it acts as `DropOldest`. `Refuse` acts as `DropNewest`.
    pub policy: QueuePolicy,
    /// Frames the queue holds.
    pub queue_frames: usize,
    /// Bytes of frames the queue holds; one frame is held whatever its size.
    pub queue_bytes: usize,
    /// A segment without a chunk for this long ends.
    pub idle_timeout: Duration,
    /// Streams of larger frames are refused.
    pub max_frame_bytes: usize,
    /// Which output of the sender is listened to.
    pub label: Label,
    /// This life of the receiver, drawn at random. `None`: only version 0 is spoken.
    pub receiver: Option<Id>,
    /// A cleared segment of version 1 that the application does not finish in this time is finished for it, interrupted,
    /// at the last position that it told.
    pub finish_after_clear: Option<Duration>,
}

/// See the module's head.
pub struct ReceiverSession {
    blocks: bool,
    idle_timeout: Duration,
    max_frame_bytes: usize,
    queue_bytes: usize,
    finish_after_clear: Option<Duration>,
    pool: FramePool,
    sender: Sender,
    /// The sender has left, but may return until then.
    absent_until: Option<Instant>,
    /// What is agreed with the sender, and what is said to it.
    link: Link,
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
        Self {
            blocks: config.policy == QueuePolicy::Block,
            idle_timeout: config.idle_timeout,
            max_frame_bytes: config.max_frame_bytes,
            queue_bytes: config.queue_bytes,
            finish_after_clear: config.finish_after_clear,
            pool,
            sender: Sender::new(config.sender),
            absent_until: None,
            link: Link::new(config.label, config.receiver),
            open: None,
            queue: Queue::new(streams::overflow(config.policy), config.queue_frames, config.queue_bytes),
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
        let next_frame = self.open.as_ref().map_or(1, |segment| segment.frame_bytes);
        self.blocks && (!self.queue.fits(next_frame) || self.queued_starts >= MAX_QUEUED_SEGMENTS)
    }

    /// Whether [`ReceiverSession::next_event`] would give one.
    pub fn has_event(&self) -> bool {
        !self.queue.is_empty()
    }

    /// The counters.
    pub fn stats(&self) -> ReceiverStats {
        let (queue_frames, queue_bytes) = (self.queue.frames() as u64, self.queue.bytes() as u64);
        ReceiverStats {
            queue_frames,
            queue_bytes,
            window: self.link.peer.as_ref().map_or(0, |peer| peer.grants.window()),
            round_trip: self.link.round_trip.smoothed(),
            latency: self.link.latency.smoothed(),
            ..self.stats
        }
    }

    // ---- the room ----

    /// A participant is in the room.
    pub fn participant_joined(&mut self, identity: &str, is_agent: bool) {
        if self.absent_until.is_some() && self.sender.listened_to(identity).is_some() {
            self.absent_until = None;
            self.link.say_ready();
        }
        self.change_sender(|sender| sender.joined(identity, is_agent));
    }

    /// A participant left the room. The sender of an open segment of version 1 may return: it is connected anew.
    pub fn participant_left(&mut self, identity: &str, now: Instant) {
        if self.sender.listened_to(identity).is_none() {
            return self.change_sender(|sender| sender.left(identity));
        }
        if self.is_open_in_v1() {
            self.suspend();
            self.absent_until = Some(now + RETURN_GRACE);
        } else {
            self.sender_left();
        }
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

    /// The room is connected anew, everything under way is lost. The sender is asked to go on.
    pub fn room_restarted(&mut self) {
        self.stats.reconnects += 1;
        self.suspend();
        if self.sender.present().is_some() {
            self.link.say_ready();
        }
    }

    /// The room is closed or lost for good. What is queued can still be taken.
    pub fn room_closed(&mut self) {
        self.shut(SegmentCause::Disconnected, "the room is closed");
    }

    /// The application closed the receiver. What is queued can still be taken.
    pub fn close(&mut self) {
        self.shut(SegmentCause::Closed, "the receiver is closed");
    }

    // ---- time ----

    /// When [`timeout`](Self::timeout) is to be called at the latest, and the requests are to be polled.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let link = if self.may_speak() { self.link.due(self.is_open_in_v1()) } else { None };
        [self.idle_deadline(), self.absent_until, self.notifications.due(), link].into_iter().flatten().min()
    }

    /// Time has passed. A sender that had to wait for the application is given the whole idle time-out anew.
    pub fn timeout(&mut self, now: Instant) {
        self.notifications.timeout(now);
        if self.absent_until.is_some_and(|until| until <= now) {
            self.absent_until = None;
            self.sender_left();
        }
        if self.idle_deadline().is_none_or(|deadline| now < deadline) {
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
        let (id, event) = self.notifications.notify(segment, self.delivered_segment, message)?;
        event.into_iter().for_each(|event| self.queue.push_control(event));
        Ok(id)
    }

    /// Tells the sender that the application shows this segment, once; 0: the one that the application is at. Senders of
    /// version 0 are not told.
    pub fn notify_playback_started(&mut self, segment: u64) -> Result<(), SessionError> {
        if self.closed {
            return Err(SessionError::Closed);
        }
        let segment = if segment == 0 { self.delivered_segment } else { segment };
        self.notifications.playing(segment, self.delivered_segment)
    }

    /// A call about playback was answered, or no answer will come.
    pub fn notify_answered(&mut self, id: NotifyId, answer: NotifyAnswer, now: Instant) {
        match self.notifications.answered(id, answer, now) {
            Some(ReceiverEvent::Error { kind, message }) => self.report(kind, message),
            Some(event) => self.queue.push_control(event),
            None => {}
        }
    }

    // ---- helpers ----

    fn report(&mut self, kind: ErrorKind, message: String) {
        if self.errors.report(kind) {
            self.queue.push_control(ReceiverEvent::Error { kind, message });
        }
    }

    fn idle_deadline(&self) -> Option<Instant> {
        let segment = self.open.as_ref().filter(|_| self.reconnecting_since.is_none())?;
        segment.last_progress.checked_add(self.idle_timeout)
    }

    /// Whether anything may be said to the sender.
    fn may_speak(&self) -> bool {
        let away = self.absent_until.is_some() || self.sender.present().is_none();
        !self.closed && self.reconnecting_since.is_none() && !away
    }

    /// The stream of the open segment is lost: with it the segment, unless it can go on in another.
    fn suspend(&mut self) {
        if !self.is_open_in_v1() {
            return self.end_open(SegmentCause::Truncated);
        }
        if let Some(segment) = &mut self.open {
            segment.stream = None;
        }
    }

    fn sender_left(&mut self) {
        self.end_open(SegmentCause::SenderLeft);
        let gone = self.sender.expected().cloned();
        self.change_sender(|sender| gone.iter().for_each(|gone| sender.left(gone)));
    }

    fn end_open(&mut self, cause: SegmentCause) {
        let Some(segment) = self.open.take() else { return };
        if segment.inside_frame() {
            self.stats.dropped_truncated += 1;
        }
        self.stats.segments_ended += 1;
        let Segment { number, frames, lost, .. } = segment;
        self.queue.push_control(ReceiverEvent::SegmentEnd { segment: number, frames, lost, cause });
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
        if after.is_some() {
            self.link.say_ready();
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
