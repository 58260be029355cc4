// SPDX-License-Identifier: Apache-2.0
//! Streams of the sender: which are taken, what becomes of their chunks, and how they end.

use super::super::events::{ErrorKind, ReceiverEvent, SegmentCause, StreamEnd, StreamKey, StreamOpened};
use super::super::queue::{Admission, QueuePolicy};
use super::segment::{Content, Order, Pixels, Records, Segment};
use super::{ReceiverSession, MAX_QUEUED_SEGMENTS};
use crate::frame::{Frame, FrameInfo, Layout};
use crate::wire::v0::{self, StreamAttributes};
use crate::wire::v1::assembler::ReceivedFrame;
use crate::wire::v1::trailer::Trailer;
use crate::wire::v1::{attributes as v1, EndReason};
use crate::wire::WireError;
use std::sync::Arc;
use std::time::Instant;

impl ReceiverSession {
    /// A video stream was opened; whether it is taken. The chunks of a refused one need not be reported.
    pub fn stream_opened(&mut self, opened: StreamOpened<'_>, now: Instant) -> bool {
        let Some(sender) = self.sender.listened_to(opened.sender).filter(|_| !self.closed).cloned() else {
            return self.refuse_foreign();
        };
        match v1::is_v1(opened.attributes) {
            Ok(true) if self.link.receiver.is_some() => self.open_v1(&opened, sender, now),
            Err(error) if self.link.receiver.is_some() => self.refuse_bad(&error),
            Ok(_) | Err(_) => self.open_v0(&opened, sender, now),
        }
    }

    /// A stream of a label that nobody listens to was opened.
    pub fn stream_of_other_label(&mut self, sender: &str) {
        if self.listens_to(sender) {
            self.refuse_stale();
        } else {
            self.refuse_foreign();
        }
    }

    /// A chunk of a stream arrived.
    pub fn chunk(&mut self, stream: StreamKey, index: u64, content: &[u8], now: Instant) {
        self.chunk_parts(stream, index, content, &[], now);
    }

    /// The same for a content in two parts, of which in version 1 the first holds the marker and the record's header.
    pub fn chunk_parts(&mut self, stream: StreamKey, index: u64, head: &[u8], body: &[u8], now: Instant) {
        let Some(segment) = self.open.as_mut().filter(|segment| segment.stream == Some(stream)) else {
            self.stats.chunks_unknown += 1;
            return;
        };
        let Content::V0(pixels) = &mut segment.content else { return self.record_chunk(index, head, body, now) };
        match pixels.order(index) {
            Order::Repeated => self.stats.chunks_repeated += 1,
            Order::Gap(missing) => {
                self.stats.chunks_lost = self.stats.chunks_lost.saturating_add(missing);
                self.end_open(SegmentCause::Truncated);
            }
            Order::Absurd => {
                self.stats.chunks_refused += 1;
                self.end_open(SegmentCause::Truncated);
            }
            Order::Next => {
                self.stats.bytes_received += (head.len() + body.len()) as u64;
                self.held_back = false;
                segment.last_progress = now;
                let (queue, stats) = (&mut self.queue, &mut self.stats);
                pixels.take([head, body], &mut segment.frames, |frame| {
                    stats.frames_received += 1;
                    match queue.push_frame(frame, now) {
                        Admission::Queued { dropped } => stats.dropped_oldest += dropped.len() as u64,
                        Admission::Dropped | Admission::Full => stats.dropped_newest += 1,
                    }
                });
            }
        }
    }

    /// The trailer of a stream arrived. In version 0 one with a reason, or inside a frame, ends the segment as truncated.
    pub fn stream_closed(&mut self, stream: StreamKey, end: StreamEnd<'_>, now: Instant) {
        let Some(segment) = self.open.as_ref().filter(|segment| segment.stream == Some(stream)) else { return };
        let trailer = end.attributes.and_then(|attributes| Trailer::from_map(attributes).ok());
        match (segment.records(), trailer) {
            (None, _) => {
                let whole = end.reason.is_empty() && !segment.inside_frame();
                self.end_open(if whole { SegmentCause::Flushed } else { SegmentCause::Truncated });
            }
            (Some(_), Some(trailer)) if end.reason.is_empty() => {
                self.heard_of(trailer.offset);
                self.end_as(trailer.frames, trailer.reason, now);
            }
            (Some(_), _) => self.end_open(SegmentCause::Truncated),
        }
    }

    /// The sender says how the open segment of version 1 ended.
    pub(super) fn end_as(&mut self, frames: u64, reason: EndReason, now: Instant) {
        let Some(segment) = &mut self.open else { return };
        let Content::V1(records) = &segment.content else { return };
        let missing = frames.saturating_sub(records.assembler.next_frame());
        segment.lost = segment.lost.saturating_add(missing);
        self.stats.frames_lost = self.stats.frames_lost.saturating_add(missing);
        match reason {
            EndReason::Flush => self.end_open(SegmentCause::Flushed),
            EndReason::Abort => self.end_open(SegmentCause::Truncated),
            EndReason::Clear => {
                let through = records.wire;
                self.clear_through(through, now);
            }
        }
    }

    fn open_v0(&mut self, opened: &StreamOpened<'_>, sender: Arc<str>, now: Instant) -> bool {
        let Some((attributes, layout)) = self.check_video(StreamAttributes::from_map(opened.attributes)) else {
            return false;
        };
        let number = self.start(&sender, attributes);
        self.stats.version = Some(0);
        if let Some(peer) = self.link.peer.as_mut().filter(|peer| peer.sender == sender) {
            peer.spoke_v0 = true;
        }
        self.notifications.segment_started(number, sender, None);
        let content = Content::V0(Pixels::new(number, attributes, &layout, self.pool.clone()));
        self.open = Some(Segment::new(number, opened.stream, &layout, content, now));
        true
    }

    fn open_v1(&mut self, opened: &StreamOpened<'_>, sender: Arc<str>, now: Instant) -> bool {
        let attributes = match v1::StreamAttributes::from_map(opened.attributes) {
            Ok(attributes) => attributes,
            Err(error) => return self.refuse_bad(&error),
        };
        let v1::StreamAttributes { video, label, session, segment: wire, resume_from } = attributes;
        let ours = label == self.link.label;
        let Some(peer) = self.link.peer_of(&sender, &session).filter(|_| ours) else { return self.refuse_stale() };
        let (arrived, last_segment, spoke_v0) = (peer.arrived, peer.last_segment, peer.spoke_v0);
        let is_new = wire > last_segment && resume_from.is_none();
        if let Some(segment) = self.open.as_mut().filter(|_| resume_from.is_some()) {
            if let Some(next_frame) = segment.records().filter(|r| r.wire == wire).map(|r| r.assembler.next_frame()) {
                let records = Records::new(wire, self.max_frame_bytes, self.pool.clone(), next_frame, arrived);
                self.stats.dropped_truncated += u64::from(segment.inside_frame());
                (segment.stream, segment.last_progress) = (Some(opened.stream), now);
                segment.content = Content::V1(records);
                self.stats.segments_resumed += 1;
                self.returned(&sender);
                self.link.sender_knows();
                return true;
            }
        }
        if !is_new {
            return self.refuse_stale();
        }
        let Some((video, layout)) = self.check_video(Ok(video)) else {
            self.give_up_unseen(wire);
            return false;
        };
        let number = self.start(&sender, video);
        self.link.sender_knows();
        if last_segment > 0 && !spoke_v0 {
            // Headers of version 1 that were lost. Of those before a version 0, and at first, the hello has told.
            self.give_up_unseen(wire - 1);
        }
        let Some(peer) = self.link.peer_of(&sender, &session) else { return false };
        peer.segment_started(wire, number);
        let wire_segment = peer.wire_segment(&label, wire);
        self.notifications.segment_started(number, sender, Some(wire_segment));
        let records = Records::new(wire, self.max_frame_bytes, self.pool.clone(), 0, arrived);
        self.open = Some(Segment::new(number, opened.stream, &layout, Content::V1(records), now));
        true
    }

    /// Whether a segment of such video may start; if not, the stream is refused.
    fn check_video(&mut self, video: Result<StreamAttributes, WireError>) -> Option<(StreamAttributes, Layout)> {
        if self.queued_starts >= MAX_QUEUED_SEGMENTS {
            self.stats.refused_many += 1;
            let message = format!("{MAX_QUEUED_SEGMENTS} segments wait to be taken");
            self.refuse(Some((ErrorKind::TooManySegments, message)));
            return None;
        }
        match video.and_then(|video| Ok((video, video.layout()?))) {
            Err(error) => {
                self.refuse_bad(&error);
                None
            }
            Ok((_, layout)) if layout.size() > self.max_frame_bytes => {
                self.stats.refused_large += 1;
                let message = format!("frames of {} bytes, the limit is {}", layout.size(), self.max_frame_bytes);
                self.refuse(Some((ErrorKind::FrameTooLarge, message)));
                None
            }
            Ok(good) => Some(good),
        }
    }

    /// Starts the next segment: its number.
    fn start(&mut self, sender: &Arc<str>, video: StreamAttributes) -> u64 {
        self.returned(sender);
        self.end_open(SegmentCause::Truncated);
        self.errors.reset();
        self.held_back = false;
        self.stats.segments_started += 1;
        self.queued_starts += 1;
        let segment = self.stats.segments_started;
        let v0::StreamAttributes { format, width, height } = video;
        self.queue.push_control(ReceiverEvent::SegmentStart { segment, format, width, height });
        segment
    }

    fn record_chunk(&mut self, index: u64, head: &[u8], body: &[u8], now: Instant) {
        let Some(Segment { content: Content::V1(records), last_progress, .. }) = &mut self.open else { return };
        let before = records.assembler.counts();
        let taken = records.assembler.push_parts(index, head, body);
        let (after, offset) = (records.assembler.counts(), records.assembler.offset());
        *last_progress = now;
        self.held_back = false;
        self.stats.chunks_lost = self.stats.chunks_lost.saturating_add(after.missing - before.missing);
        self.stats.chunks_repeated += after.repeated - before.repeated;
        self.stats.chunks_refused += after.refused - before.refused;
        self.stats.dropped_truncated += after.damaged_frames - before.damaged_frames;
        if after.repeated == before.repeated {
            self.stats.bytes_received += (head.len() + body.len()) as u64;
        }
        if !self.heard_of(offset) {
            self.report(ErrorKind::BadStream, "the sender has sent more than it was granted".to_owned());
            return self.end_open(SegmentCause::Truncated);
        }
        if let Some(peer) = &mut self.link.peer {
            peer.arrived = peer.arrived.max(offset);
        }
        match taken {
            Ok(None) => {}
            Ok(Some(frame)) => self.record(frame, now),
            Err(error) => self.report(ErrorKind::BadStream, error.to_string()),
        }
    }

    /// A whole frame of version 1 came.
    fn record(&mut self, received: ReceivedFrame, now: Instant) {
        let Some(segment) = &mut self.open else { return };
        let ReceivedFrame { header, payload, lost_before } = received;
        let mut info = FrameInfo::new(header.format, header.width, header.height);
        (info.pts_us, info.segment, info.number) = (header.pts_us, segment.number, header.number);
        let bytes = payload.len();
        let frame = match Frame::new(info, payload) {
            Ok(frame) => frame,
            Err(error) => return self.report(ErrorKind::BadStream, error.to_string()),
        };
        (segment.frames, segment.frame_bytes) = (segment.frames + 1, bytes);
        segment.lost = segment.lost.saturating_add(lost_before);
        self.stats.frames_lost = self.stats.frames_lost.saturating_add(lost_before);
        self.stats.frames_received += 1;
        if let (Some(arrived), Some(sent)) = (self.link.clock.unix_us(now), header.sent_unix_us) {
            self.link.latency.frame(arrived, sent);
        }
        let round_trip = self.link.round_trip.shortest();
        let Some(peer) = &mut self.link.peer else { return };
        peer.grants.frame(bytes);
        peer.grants.tune(now, round_trip);
        // The sender waits for credit; what it may have sent until it hears is taken all the same.
        let under_way = self.queue_bytes.saturating_add(usize::try_from(peer.grants.window()).unwrap_or(usize::MAX));
        let takes_all = self.blocks && self.queue.bytes() <= under_way;
        if takes_all && !self.queue.fits(bytes) {
            return self.queue.push_under_way(frame, now);
        }
        match self.queue.push_frame(frame, now) {
            Admission::Queued { dropped } => self.stats.dropped_oldest += dropped.len() as u64,
            Admission::Dropped | Admission::Full => self.stats.dropped_newest += 1,
        }
    }

    fn refuse_bad(&mut self, error: &WireError) -> bool {
        self.stats.refused_bad += 1;
        self.refuse(Some((ErrorKind::BadStream, error.to_string())))
    }

    fn refuse_foreign(&mut self) -> bool {
        self.stats.refused_foreign += 1;
        self.refuse(None)
    }

    fn refuse_stale(&mut self) -> bool {
        self.stats.refused_stale += 1;
        self.refuse(None)
    }

    fn refuse(&mut self, error: Option<(ErrorKind, String)>) -> bool {
        self.stats.streams_refused += 1;
        if let Some((kind, message)) = error {
            self.report(kind, message);
        }
        false
    }
}

/// What a receiver's queue does with a frame too many.
pub(super) fn overflow(policy: QueuePolicy) -> QueuePolicy {
    match policy {
        QueuePolicy::Block | QueuePolicy::DropOldest => QueuePolicy::DropOldest,
        QueuePolicy::Refuse | QueuePolicy::DropNewest => QueuePolicy::DropNewest,
    }
}
