// SPDX-License-Identifier: Apache-2.0
//! What an output is made with.

use super::super::queue::QueuePolicy;
use crate::wire::v1::{Id, Label};
use std::time::Duration;

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
    /// Which of our outputs to this destination it is.
    pub label: Label,
    /// This life of the output, drawn at random. `None`: only version 0 is spoken.
    pub session: Option<Id>,
}
