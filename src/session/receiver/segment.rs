// SPDX-License-Identifier: Apache-2.0
//! The segment that a receiver has open: one v0 stream whose chunks, in the order of their index, become whole
//! frames. v0 cannot tell which bytes a lost chunk held, so the first gap ends it.

use super::super::events::StreamKey;
use crate::frame::{Frame, FrameInfo, FramePool, Layout};
use crate::wire::assembler::Assembler;
use crate::wire::v0::StreamAttributes;
use std::time::Instant;

pub(super) struct Segment {
    pub(super) number: u64,
    pub(super) stream: StreamKey,
    /// Whole frames that arrived.
    pub(super) frames: u64,
    /// When the last chunk was taken; moved forward for the time in which none could come.
    pub(super) last_progress: Instant,
    info: FrameInfo,
    frame_bytes: usize,
    assembler: Assembler,
    next_chunk: u64,
}

/// Where a chunk stands in its stream.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Order {
    Next,
    Repeated,
    /// So many chunks before it never came.
    Gap(u64),
}

impl Segment {
    pub(super) fn new(
        number: u64,
        stream: StreamKey,
        attributes: StreamAttributes,
        layout: &Layout,
        pool: FramePool,
        now: Instant,
    ) -> Self {
        let StreamAttributes { format, width, height } = attributes;
        Self {
            number,
            stream,
            frames: 0,
            last_progress: now,
            info: FrameInfo { segment: number, ..FrameInfo::new(format, width, height) },
            frame_bytes: layout.size(),
            assembler: Assembler::new(layout, pool),
            next_chunk: 0,
        }
    }

    /// Bytes of each frame.
    pub(super) fn frame_bytes(&self) -> usize {
        self.frame_bytes
    }

    /// Whether a frame has begun and is not whole.
    pub(super) fn inside_frame(&self) -> bool {
        self.assembler.partial() > 0
    }

    pub(super) fn order(&self, index: u64) -> Order {
        match index.checked_sub(self.next_chunk) {
            None => Order::Repeated,
            Some(0) => Order::Next,
            Some(missing) => Order::Gap(missing),
        }
    }

    /// Takes the next chunk's content and hands over each frame that it completes.
    pub(super) fn take(&mut self, content: &[u8], now: Instant, mut on_frame: impl FnMut(Frame)) {
        self.next_chunk = self.next_chunk.saturating_add(1);
        self.last_progress = now;
        let (info, frames) = (&mut self.info, &mut self.frames);
        self.assembler.push(content, |pixels| {
            info.number = *frames;
            *frames += 1;
            match Frame::new(*info, pixels) {
                Ok(frame) => on_frame(frame),
                Err(error) => unreachable!("the assembler cuts by the layout's size: {error}"),
            }
        });
    }
}
