// SPDX-License-Identifier: Apache-2.0
//! What an output has the driver do with streams, one action at a time, and what becomes of it.
//!
//! Version 0 numbers nothing, so a clear goes out alone: the RPC first, then the trailer of the open stream, and the next
//! stream only after both, lest the RPC clear what it should not. Version 1 waits for nothing but credit.

use super::super::agreement::Version;
use super::super::events::{ErrorKind, OutputAction, SegmentAttributes, TransportResult};
use super::super::queue::Item;
use super::stream::{BrokenOff, Stream, UnderWay};
use super::{Flush, OutputSession};
use crate::frame::Frame;
use crate::wire::v0::StreamAttributes;
use crate::wire::v1::record::{FrameHeader, Record};
use crate::wire::v1::trailer::Trailer;
use crate::wire::v1::{attributes, EndReason};
use std::time::Instant;

impl OutputSession {
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
        if let Some(why) = self.stream.as_ref().and_then(|stream| stream.broken_off) {
            return self.close_stream(Some(why));
        }
        loop {
            match self.queue.get(0)? {
                Item::Control(Flush) => match &self.stream {
                    // Its trailer needs a stream.
                    Some(Stream { lost: true, attributes, .. }) => return self.open_stream(*attributes),
                    stream => {
                        let ends = stream.is_some();
                        self.queue.pop();
                        if ends {
                            return self.close_stream(None);
                        }
                    }
                },
                Item::Frame(frame) => {
                    let attributes = attributes_of(frame);
                    if !self.link.takes(frame) {
                        self.drop_unsupported();
                        continue;
                    }
                    return match &self.stream {
                        Some(Stream { version: Version::V1, lost: false, .. }) => self.write_record(now),
                        Some(stream) if !stream.lost && stream.attributes == attributes => self.write(now),
                        Some(stream) if !stream.lost => self.close_stream(None),
                        Some(_) | None => self.open_stream(attributes),
                    };
                }
            }
        }
    }

    /// Whether [`OutputSession::poll_action`] may have something to do: who queues a frame need not wake the driver for
    /// less.
    pub fn has_action(&self) -> bool {
        let may_start = self.destination_present && self.link.version().is_some();
        self.under_way.is_none() && self.transport_ready && (may_start || self.stream.is_some())
    }

    /// Whether the driver should stop writing the frame of this segment and report the write as done.
    pub fn is_cancelled(&self, segment: u64) -> bool {
        self.open_segment().is_none_or(|stream| stream.segment != segment || stream.lost)
    }

    /// The answer to `OpenStream`. If no segment could be started, the frame that wanted it is dropped.
    pub fn stream_opened(&mut self, result: TransportResult, now: Instant) {
        let Some(UnderWay::Opening { again }) = self.under_way else { return };
        self.under_way = None;
        match (again, result) {
            (true, Ok(())) => {
                self.stats.segments_resumed += 1;
                self.link.segment_opened(now);
            }
            (true, Err(message)) => {
                self.lose_stream();
                self.link.agreement.failed(now);
                self.report(ErrorKind::Transport, message);
            }
            (false, Ok(())) => self.segment_started(now),
            (false, Err(message)) => {
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
        self.end_without_stream();
    }

    /// The answer to `Write` and `WriteRecord`. An error ends the segment of version 0 and the stream of version 1.
    pub fn write_done(&mut self, result: TransportResult, now: Instant) {
        let Some(UnderWay::Writing { bytes, since }) = self.under_way else { return };
        self.under_way = None;
        let lost = self.stream.as_ref().is_some_and(|stream| stream.lost);
        match (self.stream.as_ref().and_then(|stream| stream.broken_off), result) {
            (Some(BrokenOff::Cleared | BrokenOff::ClearedUnheard), _) => self.stats.dropped_cleared += 1,
            (Some(_), _) => self.stats.dropped_disconnected += 1,
            (None, _) if lost => self.stats.dropped_disconnected += 1,
            (None, Ok(())) => {
                self.stats.frames_sent += 1;
                self.stats.bytes_sent += bytes as u64;
                self.pace.wrote(bytes, now.saturating_duration_since(since));
                self.bound_queue();
                self.errors.reset();
            }
            (None, Err(message)) => {
                self.stats.dropped_disconnected += 1;
                if self.lose_stream() {
                    self.link.agreement.failed(now);
                } else {
                    self.break_off(BrokenOff::Failed);
                }
                self.report(ErrorKind::Transport, message);
            }
        }
        if let Some(stream) = self.stream.as_mut().filter(|stream| stream.broken_off.is_some()) {
            // The trailer does not count a frame that was broken off.
            stream.next_number = stream.next_number.saturating_sub(1);
        }
        self.end_without_stream();
    }

    /// The answer to `CloseStream`: the stream is gone either way.
    pub fn stream_closed(&mut self, result: TransportResult, now: Instant) {
        let Some(UnderWay::Closing) = self.under_way else { return };
        self.under_way = None;
        let Some(stream) = self.stream.take() else { return };
        self.segment_over(now);
        if let Err(message) = result {
            if stream.version == Version::V1 {
                // The hello says how it ended.
                self.link.agreement.failed(now);
            }
            if stream.broken_off.is_none() && !stream.lost {
                self.report(ErrorKind::Transport, message);
            }
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

    fn open_stream(&mut self, video: StreamAttributes) -> Option<OutputAction> {
        let version = self.link.version().filter(|_| self.destination_present)?;
        let again = self.stream.is_some();
        let next = self.stats.segments_started + 1;
        let stream = self.stream.get_or_insert(Stream {
            segment: next,
            version,
            attributes: video,
            next_number: 0,
            broken_off: None,
            lost: false,
        });
        stream.lost = false;
        let segment = stream.segment;
        let attributes = match (version, &self.link.session) {
            (Version::V1, Some(session)) => SegmentAttributes::V1(attributes::StreamAttributes {
                video,
                label: self.link.label.clone(),
                session: session.clone(),
                segment,
                resume_from: again.then_some(stream.next_number),
            }),
            _ => SegmentAttributes::V0(video),
        };
        self.under_way = Some(UnderWay::Opening { again });
        Some(OutputAction::OpenStream { segment, attributes })
    }

    fn segment_started(&mut self, now: Instant) {
        let Some(Stream { version, broken_off, .. }) = self.stream else { return };
        self.stats.segments_started += 1;
        let segment = self.stats.segments_started;
        let given_up = self.unfinished.segment_started(segment, version);
        given_up.into_iter().for_each(|event| self.finish(event));
        if version == Version::V0 {
            self.last_in_v0 = Some(segment);
        }
        match version {
            Version::V0 if self.closed || !self.destination_present => self.make_up_finishes(|_| true),
            // Whom it was for is gone.
            Version::V1 if self.closed || !self.link.speaks_v1() => self.make_up_finishes(|_| true),
            Version::V1 if broken_off == Some(BrokenOff::Cleared) => self.say_clear(segment, now),
            Version::V1 => self.link.segment_opened(now),
            Version::V0 => {}
        }
    }

    fn write(&mut self, now: Instant) -> Option<OutputAction> {
        let stream = self.stream.as_mut()?;
        let Some(Item::Frame(frame)) = self.queue.pop() else { return None };
        let frame = frame.numbered(stream.segment, stream.next_number);
        stream.next_number += 1;
        self.under_way = Some(UnderWay::Writing { bytes: frame.data().len(), since: now });
        Some(OutputAction::Write(frame))
    }

    /// `None` while the receiver has to be asked first, or gives no credit.
    fn write_record(&mut self, now: Instant) -> Option<OutputAction> {
        self.link.version()?;
        let waited = self.link.allowance.may_start(now).ok()?;
        self.stats.blocked += waited;
        let stream = self.stream.as_mut()?;
        let Some(Item::Frame(frame)) = self.queue.pop() else { return None };
        let header = FrameHeader {
            pts_us: frame.info().pts_us,
            sent_unix_us: self.link.clock.unix_us(now),
            ..raw_header(&frame, stream.next_number, self.link.allowance.offset())
        };
        let Ok(record) = Record::new(&header, frame.data().clone()) else {
            unreachable!("a frame has the bytes of its format and size")
        };
        stream.next_number += 1;
        self.link.allowance.sent(record.chunk_bytes());
        // What the receiver takes in a time counts, whatever held it back.
        let since = now.checked_sub(waited).unwrap_or(now);
        self.under_way = Some(UnderWay::Writing { bytes: frame.data().len(), since });
        Some(OutputAction::WriteRecord { segment: stream.segment, record })
    }

    fn close_stream(&mut self, why: Option<BrokenOff>) -> Option<OutputAction> {
        let Stream { segment, version, next_number: frames, .. } = *self.stream.as_ref()?;
        self.under_way = Some(UnderWay::Closing);
        if version == Version::V0 {
            let reason = why.map_or("", BrokenOff::reason);
            return Some(OutputAction::CloseStream { segment, reason, trailer: None });
        }
        let reason = why.map_or(EndReason::Flush, BrokenOff::end_reason);
        self.link.segment_closed();
        self.unfinished.ended(segment, frames, reason);
        let offset = self.link.allowance.offset();
        Some(OutputAction::CloseStream { segment, reason: "", trailer: Some(Trailer { frames, offset, reason }) })
    }

    /// The stream of version 1 is gone; the segment goes on in a new one when both have agreed. `false`: there is none.
    pub(super) fn lose_stream(&mut self) -> bool {
        self.link.segment_closed();
        let Some(stream) = self.stream.as_mut().filter(|stream| stream.version == Version::V1) else { return false };
        stream.lost = true;
        self.end_without_stream();
        true
    }

    /// A segment that is broken off and has no stream is over.
    pub(super) fn end_without_stream(&mut self) {
        let Some(Stream { segment, lost: true, broken_off: Some(why), next_number: frames, .. }) = self.stream else {
            return;
        };
        if self.under_way.is_none() {
            self.unfinished.ended(segment, frames, why.end_reason());
            self.stream = None;
            self.hello_wanted |= why.end_reason() != EndReason::Clear && self.link.speaks_v1() && !self.closed;
            self.stats.segments_finished += 1;
        }
    }

    fn segment_over(&mut self, now: Instant) {
        self.stats.segments_finished += 1;
        self.link.agreement.segment_over(now);
    }

    fn drop_unsupported(&mut self) {
        self.dropped.extend(self.queue.take_oldest_frame());
        self.stats.dropped_unsupported += 1;
        self.forget_empty_segments();
        self.report(ErrorKind::Unsupported, "the receiver takes no frames of this type or size".to_owned());
    }
}

fn attributes_of(frame: &Frame) -> StreamAttributes {
    let info = frame.info();
    StreamAttributes { format: info.format, width: info.width, height: info.height }
}

fn raw_header(frame: &Frame, number: u64, offset: u64) -> FrameHeader {
    match FrameHeader::raw(attributes_of(frame), number, offset) {
        Ok(header) => header,
        Err(error) => unreachable!("a frame has a layout: {error}"),
    }
}
