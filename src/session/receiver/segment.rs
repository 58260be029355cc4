// SPDX-License-Identifier: Apache-2.0
//! The segment that a receiver has open, and what makes frames of the chunks of its stream.
//!
//! In version 0 ([`Pixels`]) nobody can tell which bytes a lost chunk held, so that the first gap ends the segment. In
//! version 1 ([`Records`]) it costs the frame that it hit; the segment outlives its stream and goes on in another.

use super::super::events::StreamKey;
use crate::frame::{Frame, FrameInfo, FramePool, Layout};
use crate::wire::assembler::Assembler;
use crate::wire::v0::StreamAttributes;
use crate::wire::v1::assembler::{RecordAssembler, RecordLimits};
use crate::wire::v1::{Codec, MAX_NUMBER};
use std::time::Instant;

pub(super) struct Segment {
    pub(super) number: u64,
    /// `None`: it is lost.
    pub(super) stream: Option<StreamKey>,
    /// Whole frames that arrived.
    pub(super) frames: u64,
    /// Frames that are known to be lost.
    pub(super) lost: u64,
    /// When the last chunk was taken or the sender last said that it goes on; moved forward for the time in which none
    /// could come.
    pub(super) last_progress: Instant,
    /// Bytes of the last frame, or of the first.
    pub(super) frame_bytes: usize,
    pub(super) content: Content,
}

pub(super) enum Content {
    V0(Pixels),
    V1(Records),
}

/// Frames back to back.
pub(super) struct Pixels {
    info: FrameInfo,
    assembler: Assembler,
    next_chunk: u64,
}

/// Frames with headers.
pub(super) struct Records {
    /// The segment's number at its sender.
    pub(super) wire: u64,
    pub(super) assembler: RecordAssembler,
}

/// Where a chunk stands in its stream.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Order {
    Next,
    Repeated,
    /// So many chunks before it never came.
    Gap(u64),
    /// No stream has so many chunks.
    Absurd,
}

impl Segment {
    pub(super) fn new(number: u64, stream: StreamKey, layout: &Layout, content: Content, now: Instant) -> Self {
        let frame_bytes = layout.size();
        Self { number, stream: Some(stream), frames: 0, lost: 0, last_progress: now, frame_bytes, content }
    }

    /// Whether a frame has begun and is not whole.
    pub(super) fn inside_frame(&self) -> bool {
        match &self.content {
            Content::V0(pixels) => pixels.assembler.partial() > 0,
            Content::V1(records) => records.assembler.partial() > 0,
        }
    }

    /// What a segment of version 1 is made of.
    pub(super) fn records(&self) -> Option<&Records> {
        match &self.content {
            Content::V0(_) => None,
            Content::V1(records) => Some(records),
        }
    }
}

impl Pixels {
    pub(super) fn new(number: u64, attributes: StreamAttributes, layout: &Layout, pool: FramePool) -> Self {
        let StreamAttributes { format, width, height } = attributes;
        let info = FrameInfo { segment: number, ..FrameInfo::new(format, width, height) };
        Self { info, assembler: Assembler::new(layout, pool), next_chunk: 0 }
    }

    pub(super) fn order(&self, index: u64) -> Order {
        match index.checked_sub(self.next_chunk) {
            None => Order::Repeated,
            Some(0) => Order::Next,
            Some(_) if index > MAX_NUMBER => Order::Absurd,
            Some(missing) => Order::Gap(missing),
        }
    }

    /// Takes the next chunk's content, in its parts, and hands over each frame that it completes; `frames` counts them.
    pub(super) fn take(&mut self, content: [&[u8]; 2], frames: &mut u64, mut on_frame: impl FnMut(Frame)) {
        self.next_chunk = self.next_chunk.saturating_add(1);
        let info = &mut self.info;
        for part in content {
            self.assembler.push(part, |pixels| {
                info.number = *frames;
                *frames += 1;
                match Frame::new(*info, pixels) {
                    Ok(frame) => on_frame(frame),
                    Err(error) => unreachable!("the assembler cuts by the layout's size: {error}"),
                }
            });
        }
    }
}

impl Records {
    /// Of a new stream: frames before `next_frame` have arrived or are lost, and `offset` bytes of the session.
    pub(super) fn new(wire: u64, max_frame_bytes: usize, pool: FramePool, next_frame: u64, offset: u64) -> Self {
        let limits = RecordLimits { max_frame_bytes, codecs: vec![Codec::Raw] };
        Self { wire, assembler: RecordAssembler::new(limits, pool, next_frame, offset) }
    }
}
