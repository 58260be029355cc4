// SPDX-License-Identifier: Apache-2.0
//! Frames: pixel formats with their one size table, pooled memory, and the frame itself.
//!
//! Pixels enter through [`pack`] (from an application's planes) or through a [`PooledBuffer`] that the wire
//! fills, and leave as [`Frame`]s. Invariant: the data of a frame is exactly as long as its layout says, rows
//! tight, planes one after the other; nobody changes it once it is a frame.

mod format;
mod pack;
mod pool;

pub use format::{Layout, PixelFormat, Plane, MAX_DIMENSION};
pub use pack::{pack, SourcePlane};
pub use pool::{FramePool, PooledBuffer, DEFAULT_IDLE_BYTES};

use bytes::Bytes;

/// What describes a frame apart from its pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameInfo {
    /// How the pixels are stored.
    pub format: PixelFormat,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Presentation time in its segment, in microseconds, where it is known.
    pub pts_us: Option<i64>,
    /// The segment it belongs to, from 1; 0 before it has one.
    pub segment: u64,
    /// Its number in the segment, from 0.
    pub number: u64,
    /// Frames of the same segment that were lost directly before it.
    pub lost_before: u32,
}

impl FrameInfo {
    /// A frame of this format and size which has no segment and no time yet.
    pub fn new(format: PixelFormat, width: u32, height: u32) -> Self {
        Self { format, width, height, pts_us: None, segment: 0, number: 0, lost_before: 0 }
    }
}

/// One immutable picture. A clone shares the pixels.
#[derive(Clone, Debug)]
pub struct Frame {
    info: FrameInfo,
    layout: Layout,
    data: Bytes,
}

impl Frame {
    /// Joins a description and tightly packed pixels, whose length must be that of the layout.
    pub fn new(info: FrameInfo, data: Bytes) -> Result<Self, FrameError> {
        let layout = info.format.layout(info.width, info.height)?;
        if data.len() != layout.size() {
            return Err(FrameError::WrongSize { expected: layout.size(), actual: data.len() });
        }
        Ok(Self { info, layout, data })
    }

    /// The same pixels at another place in the stream.
    pub fn numbered(mut self, segment: u64, number: u64) -> Self {
        self.info.segment = segment;
        self.info.number = number;
        self
    }

    /// The same frame after the loss of so many of its segment directly before it.
    pub fn with_lost_before(mut self, lost_before: u32) -> Self {
        self.info.lost_before = lost_before;
        self
    }

    /// Format, size, time and place in the stream.
    pub fn info(&self) -> &FrameInfo {
        &self.info
    }

    /// All planes, tightly packed.
    pub fn data(&self) -> &Bytes {
        &self.data
    }

    /// Where the planes are in [`Frame::data`].
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The bytes of each plane, in the order of the format.
    pub fn planes(&self) -> impl Iterator<Item = (&Plane, &[u8])> {
        self.layout.planes().iter().map(|plane| (plane, &self.data[plane.range()]))
    }
}

/// Why pixels cannot become a frame.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// No pixel format has this number.
    #[error("unknown pixel type {0}")]
    UnknownType(u32),
    /// No pixel format has this name.
    #[error("unknown pixel type name {0:?}")]
    UnknownName(String),
    /// Width or height is 0 or above [`MAX_DIMENSION`].
    #[error("frame of {width}x{height} pixels: each side must be 1 to {MAX_DIMENSION}")]
    Dimensions {
        /// The width asked for.
        width: u32,
        /// The height asked for.
        height: u32,
    },
    /// Packed pixels are not as many bytes as the format and size need.
    #[error("frame of {actual} bytes where its format and size need {expected}")]
    WrongSize {
        /// Bytes of the layout.
        expected: usize,
        /// Bytes given.
        actual: usize,
    },
    /// The source has too few or too many planes.
    #[error("{actual} planes where {format} has {expected}")]
    PlaneCount {
        /// The format of the frame.
        format: PixelFormat,
        /// Planes of the format.
        expected: usize,
        /// Planes given.
        actual: usize,
    },
    /// The rows of a source plane overlap.
    #[error("plane {plane}: a stride of {stride} bytes is less than its rows of {row_bytes} bytes")]
    ShortStride {
        /// The plane's name, as in `Y`.
        plane: &'static str,
        /// Bytes of pixels in a row.
        row_bytes: usize,
        /// The stride given.
        stride: usize,
    },
    /// A source plane ends before its last row does.
    #[error("plane {plane}: {actual} bytes where its rows need {expected}")]
    ShortPlane {
        /// The plane's name, as in `Y`.
        plane: &'static str,
        /// Bytes from the first to the end of the last row.
        expected: usize,
        /// Bytes given.
        actual: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_refuses_pixels_of_another_size() {
        let info = FrameInfo::new(PixelFormat::I420, 3, 3);
        assert!(Frame::new(info, Bytes::from(vec![0; 17])).is_ok());
        assert_eq!(
            Frame::new(info, Bytes::from(vec![0; 16])).err(),
            Some(FrameError::WrongSize { expected: 17, actual: 16 })
        );
    }

    #[test]
    fn clones_and_renumbered_frames_share_their_pixels() {
        let frame = Frame::new(FrameInfo::new(PixelFormat::Rgb24, 2, 1), Bytes::from(vec![7; 6])).unwrap();
        let other = frame.clone().numbered(3, 14);
        assert_eq!((other.info().segment, other.info().number), (3, 14));
        assert_eq!(other.data().as_ptr(), frame.data().as_ptr());
        assert_eq!(frame.info().segment, 0);
    }

    #[test]
    fn planes_cover_the_data_in_order() {
        let data: Vec<u8> = (0..14).collect();
        let frame = Frame::new(FrameInfo::new(PixelFormat::I420, 3, 2), Bytes::from(data[..10].to_vec())).unwrap();
        let planes: Vec<_> = frame.planes().map(|(plane, bytes)| (plane.name, bytes)).collect();
        assert_eq!(planes, [("Y", &data[..6]), ("U", &data[6..8]), ("V", &data[8..10])]);
    }
}
