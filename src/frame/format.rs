// SPDX-License-Identifier: Apache-2.0
//! Pixel formats and the one table of their sizes, which the wire, both sides and the C API use.
//!
//! A format is a list of planes; a plane is how many bytes one of its samples takes and how many pixels, across
//! and down, share a sample. Odd dimensions round up. Invariant: a [`Layout`] comes from
//! [`PixelFormat::layout`] only, so its size is neither zero nor does any sum in it overflow.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use super::FrameError;

/// Greatest width and greatest height in pixels.
pub const MAX_DIMENSION: u32 = 16384;

/// Planes of the format that has the most.
const MAX_PLANES: usize = 4;

// The largest frame (4 bytes a pixel in one plane) has to fit 32-bit sizes.
const _: () = assert!((MAX_DIMENSION as u64).pow(2) * 4 <= i32::MAX as u64);

/// How the pixels of a frame are stored. The numbers are those of the wire and of the C API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum PixelFormat {
    /// Bytes R, G, B, A.
    Rgba = 0,
    /// Bytes A, B, G, R.
    Abgr = 1,
    /// Bytes A, R, G, B.
    Argb = 2,
    /// Bytes B, G, R, A.
    Bgra = 3,
    /// Bytes R, G, B.
    Rgb24 = 4,
    /// Planes Y, U, V; chroma halved both ways.
    I420 = 5,
    /// I420 and a plane of alpha in full size.
    I420A = 6,
    /// Planes Y, U, V; chroma halved across.
    I422 = 7,
    /// Planes Y, U, V, all in full size.
    I444 = 8,
    /// I420 with 10 bits in 16-bit little-endian samples.
    I010 = 9,
    /// Planes Y and interleaved U, V; chroma halved both ways.
    Nv12 = 10,
}

/// A plane for every frame size: one line of the size table.
struct Shape {
    name: &'static str,
    sample_bytes: usize,
    pixels_across: u32,
    pixels_down: u32,
}

const fn shape(name: &'static str, sample_bytes: usize, pixels_across: u32, pixels_down: u32) -> Shape {
    Shape { name, sample_bytes, pixels_across, pixels_down }
}

impl PixelFormat {
    /// Every format, by number.
    pub const ALL: [Self; 11] = [
        Self::Rgba,
        Self::Abgr,
        Self::Argb,
        Self::Bgra,
        Self::Rgb24,
        Self::I420,
        Self::I420A,
        Self::I422,
        Self::I444,
        Self::I010,
        Self::Nv12,
    ];

    /// The name, as in `rgba` or `i420`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rgba => "rgba",
            Self::Abgr => "abgr",
            Self::Argb => "argb",
            Self::Bgra => "bgra",
            Self::Rgb24 => "rgb24",
            Self::I420 => "i420",
            Self::I420A => "i420a",
            Self::I422 => "i422",
            Self::I444 => "i444",
            Self::I010 => "i010",
            Self::Nv12 => "nv12",
        }
    }

    /// The number that the wire and the C API use.
    pub const fn number(self) -> u32 {
        self as u32
    }

    /// The size table.
    const fn shapes(self) -> &'static [Shape] {
        match self {
            Self::Rgba => const { &[shape("RGBA", 4, 1, 1)] },
            Self::Abgr => const { &[shape("ABGR", 4, 1, 1)] },
            Self::Argb => const { &[shape("ARGB", 4, 1, 1)] },
            Self::Bgra => const { &[shape("BGRA", 4, 1, 1)] },
            Self::Rgb24 => const { &[shape("RGB", 3, 1, 1)] },
            Self::I420 => const { &[shape("Y", 1, 1, 1), shape("U", 1, 2, 2), shape("V", 1, 2, 2)] },
            Self::I420A => {
                const { &[shape("Y", 1, 1, 1), shape("U", 1, 2, 2), shape("V", 1, 2, 2), shape("A", 1, 1, 1)] }
            }
            Self::I422 => const { &[shape("Y", 1, 1, 1), shape("U", 1, 2, 1), shape("V", 1, 2, 1)] },
            Self::I444 => const { &[shape("Y", 1, 1, 1), shape("U", 1, 1, 1), shape("V", 1, 1, 1)] },
            Self::I010 => const { &[shape("Y", 2, 1, 1), shape("U", 2, 2, 2), shape("V", 2, 2, 2)] },
            Self::Nv12 => const { &[shape("Y", 1, 1, 1), shape("UV", 2, 2, 2)] },
        }
    }

    /// Where everything is in a tightly packed frame of this size.
    pub fn layout(self, width: u32, height: u32) -> Result<Layout, FrameError> {
        let sides = 1..=MAX_DIMENSION;
        if !sides.contains(&width) || !sides.contains(&height) {
            return Err(FrameError::Dimensions { width, height });
        }
        let mut layout = Layout { planes: [Plane::default(); MAX_PLANES], count: 0, size: 0 };
        for shape in self.shapes() {
            let plane = Plane {
                name: shape.name,
                offset: layout.size,
                row_bytes: width.div_ceil(shape.pixels_across) as usize * shape.sample_bytes,
                rows: height.div_ceil(shape.pixels_down) as usize,
            };
            layout.planes[layout.count] = plane;
            layout.count += 1;
            layout.size += plane.size();
        }
        Ok(layout)
    }
}

impl fmt::Display for PixelFormat {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

impl TryFrom<u32> for PixelFormat {
    type Error = FrameError;

    fn try_from(number: u32) -> Result<Self, FrameError> {
        Self::ALL.into_iter().find(|format| format.number() == number).ok_or(FrameError::UnknownType(number))
    }
}

impl FromStr for PixelFormat {
    type Err = FrameError;

    fn from_str(name: &str) -> Result<Self, FrameError> {
        let found = Self::ALL.into_iter().find(|format| format.name() == name);
        found.ok_or_else(|| FrameError::UnknownName(name.to_owned()))
    }
}

/// One plane of a tightly packed frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Plane {
    /// What it holds, as in `Y`, `UV` or `RGBA`.
    pub name: &'static str,
    /// Bytes of the frame before it.
    pub offset: usize,
    /// Bytes of one row; also the distance from row to row.
    pub row_bytes: usize,
    /// Number of rows.
    pub rows: usize,
}

impl Plane {
    /// Bytes of the whole plane.
    pub const fn size(&self) -> usize {
        self.row_bytes * self.rows
    }

    /// Its place among the bytes of the frame.
    pub const fn range(&self) -> Range<usize> {
        self.offset..self.offset + self.size()
    }
}

/// The planes of a tightly packed frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    planes: [Plane; MAX_PLANES],
    count: usize,
    size: usize,
}

impl Layout {
    /// The planes in the order of their bytes: one to four.
    pub fn planes(&self) -> &[Plane] {
        &self.planes[..self.count]
    }

    /// Bytes of the whole frame, never 0.
    pub const fn size(&self) -> usize {
        self.size
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sizes by format number for 1x1, 2x2, 3x5, 640x480, 641x481, 1920x1080 and the largest square.
    const SIZES: [[usize; 7]; 11] = [
        [4, 16, 60, 1228800, 1233284, 8294400, 1073741824],
        [4, 16, 60, 1228800, 1233284, 8294400, 1073741824],
        [4, 16, 60, 1228800, 1233284, 8294400, 1073741824],
        [4, 16, 60, 1228800, 1233284, 8294400, 1073741824],
        [3, 12, 45, 921600, 924963, 6220800, 805306368],
        [3, 6, 27, 460800, 463043, 3110400, 402653184],
        [4, 10, 42, 768000, 771364, 5184000, 671088640],
        [3, 8, 35, 614400, 617123, 4147200, 536870912],
        [3, 12, 45, 921600, 924963, 6220800, 805306368],
        [6, 12, 54, 921600, 926086, 6220800, 805306368],
        [3, 6, 27, 460800, 463043, 3110400, 402653184],
    ];
    const DIMENSIONS: [(u32, u32); 7] =
        [(1, 1), (2, 2), (3, 5), (640, 480), (641, 481), (1920, 1080), (MAX_DIMENSION, MAX_DIMENSION)];

    #[test]
    fn sizes_are_those_of_the_table() {
        for (format, sizes) in PixelFormat::ALL.into_iter().zip(SIZES) {
            for ((width, height), size) in DIMENSIONS.into_iter().zip(sizes) {
                assert_eq!(format.layout(width, height).unwrap().size(), size, "{format} {width}x{height}");
            }
        }
    }

    #[test]
    fn planes_follow_each_other_without_gaps() {
        for format in PixelFormat::ALL {
            for (width, height) in DIMENSIONS {
                let layout = format.layout(width, height).unwrap();
                let end = layout.planes().iter().fold(0, |end, plane| {
                    assert_eq!(plane.offset, end, "{format} {width}x{height} plane {}", plane.name);
                    plane.range().end
                });
                assert_eq!(end, layout.size());
            }
        }
    }

    #[test]
    fn odd_dimensions_round_chroma_up() {
        let rows = |format: PixelFormat| -> Vec<(&str, usize, usize)> {
            let layout = format.layout(3, 5).unwrap();
            layout.planes().iter().map(|plane| (plane.name, plane.row_bytes, plane.rows)).collect()
        };
        assert_eq!(rows(PixelFormat::Nv12), [("Y", 3, 5), ("UV", 4, 3)]);
        assert_eq!(rows(PixelFormat::I420A), [("Y", 3, 5), ("U", 2, 3), ("V", 2, 3), ("A", 3, 5)]);
        assert_eq!(rows(PixelFormat::I422), [("Y", 3, 5), ("U", 2, 5), ("V", 2, 5)]);
        assert_eq!(rows(PixelFormat::I010), [("Y", 6, 5), ("U", 4, 3), ("V", 4, 3)]);
    }

    #[test]
    fn dimensions_out_of_range_are_errors() {
        for (width, height) in [(0, 1), (1, 0), (MAX_DIMENSION + 1, 1), (1, MAX_DIMENSION + 1), (u32::MAX, u32::MAX)] {
            for format in PixelFormat::ALL {
                assert_eq!(format.layout(width, height), Err(FrameError::Dimensions { width, height }));
            }
        }
    }

    #[test]
    fn numbers_and_names_lead_back_to_the_format() {
        for (number, format) in PixelFormat::ALL.into_iter().enumerate() {
            assert_eq!(PixelFormat::try_from(number as u32), Ok(format));
            assert_eq!(format.name().parse(), Ok(format));
        }
        assert_eq!(PixelFormat::try_from(11), Err(FrameError::UnknownType(11)));
        assert_eq!("RGBA".parse::<PixelFormat>(), Err(FrameError::UnknownName("RGBA".to_owned())));
    }
}
