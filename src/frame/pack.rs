// SPDX-License-Identifier: Apache-2.0
//! Copies an application's planes, which may have padding after each row, into one tightly packed buffer.
//!
//! Planes and strides enter, a pooled buffer leaves. Everything is checked before the first byte is copied: the
//! count of planes, strides that would make rows overlap, planes that end too early. Longer planes are fine.

use super::format::Plane;
use super::{FrameError, FramePool, PixelFormat, PooledBuffer};

/// One plane of an application's picture.
#[derive(Clone, Copy, Debug)]
pub struct SourcePlane<'a> {
    /// The plane, from its first row on; padding after the last row may be missing.
    pub data: &'a [u8],
    /// Bytes from row to row.
    pub stride: usize,
}

/// Packs the planes of one picture, in the order of the format.
pub fn pack(
    format: PixelFormat,
    width: u32,
    height: u32,
    planes: &[SourcePlane<'_>],
    pool: &FramePool,
) -> Result<PooledBuffer, FrameError> {
    let layout = format.layout(width, height)?;
    let expected = layout.planes().len();
    if planes.len() != expected {
        return Err(FrameError::PlaneCount { format, expected, actual: planes.len() });
    }
    for (plane, source) in layout.planes().iter().zip(planes) {
        check(plane, source)?;
    }
    let mut packed = pool.take(layout.size());
    for (plane, source) in layout.planes().iter().zip(planes) {
        copy(plane, source, &mut packed[plane.range()]);
    }
    Ok(packed)
}

fn check(plane: &Plane, source: &SourcePlane<'_>) -> Result<(), FrameError> {
    let Plane { name, row_bytes, rows, .. } = *plane;
    if source.stride < row_bytes {
        return Err(FrameError::ShortStride { plane: name, row_bytes, stride: source.stride });
    }
    let expected = source.stride.saturating_mul(rows - 1).saturating_add(row_bytes);
    if source.data.len() < expected {
        return Err(FrameError::ShortPlane { plane: name, expected, actual: source.data.len() });
    }
    Ok(())
}

fn copy(plane: &Plane, source: &SourcePlane<'_>, packed: &mut [u8]) {
    if source.stride == plane.row_bytes {
        packed.copy_from_slice(&source.data[..plane.size()]);
        return;
    }
    let rows = packed.chunks_exact_mut(plane.row_bytes).zip(source.data.chunks(source.stride));
    for (row, padded) in rows {
        row.copy_from_slice(&padded[..plane.row_bytes]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PADDING: u8 = 0xEE;

    /// The planes of a tight frame with `padding` bytes after each row but the last.
    fn padded(format: PixelFormat, width: u32, height: u32, tight: &[u8], padding: usize) -> Vec<(Vec<u8>, usize)> {
        let layout = format.layout(width, height).unwrap();
        let planes = layout.planes().iter().map(|plane| {
            let rows: Vec<&[u8]> = tight[plane.range()].chunks(plane.row_bytes).collect();
            (rows.join(&vec![PADDING; padding][..]), plane.row_bytes + padding)
        });
        planes.collect()
    }

    fn sources(planes: &[(Vec<u8>, usize)]) -> Vec<SourcePlane<'_>> {
        planes.iter().map(|(data, stride)| SourcePlane { data, stride: *stride }).collect()
    }

    #[test]
    fn every_format_is_packed_from_any_stride() {
        let pool = FramePool::default();
        for format in PixelFormat::ALL {
            for (width, height) in [(1, 1), (3, 5), (16, 2), (641, 3)] {
                let size = format.layout(width, height).unwrap().size();
                let tight: Vec<u8> = (0..size).map(|index| (index % 200) as u8).collect();
                for padding in [0, 1, 7, 64] {
                    let planes = padded(format, width, height, &tight, padding);
                    let packed = pack(format, width, height, &sources(&planes), &pool).unwrap();
                    assert_eq!(&packed[..], &tight[..], "{format} {width}x{height} padding {padding}");
                }
            }
        }
    }

    #[test]
    fn bytes_behind_the_last_row_are_ignored() {
        let pool = FramePool::default();
        let data = [1, 2, 3, PADDING, 4, 5, 6, PADDING, PADDING, PADDING];
        let packed = pack(PixelFormat::Rgb24, 1, 2, &[SourcePlane { data: &data, stride: 4 }], &pool).unwrap();
        assert_eq!(&packed[..], [1, 2, 3, 4, 5, 6]);
        let tight = pack(PixelFormat::Rgb24, 1, 2, &[SourcePlane { data: &data, stride: 3 }], &pool).unwrap();
        assert_eq!(&tight[..], &data[..6]);
    }

    #[test]
    fn a_wrong_source_is_an_error_that_names_the_plane() {
        let pool = FramePool::default();
        let planes = padded(PixelFormat::I420, 4, 4, &[0; 24], 2);

        let mut short = sources(&planes);
        short[1].data = &short[1].data[1..];
        let error = pack(PixelFormat::I420, 4, 4, &short, &pool).err();
        assert_eq!(error, Some(FrameError::ShortPlane { plane: "U", expected: 6, actual: 5 }));

        let mut narrow = sources(&planes);
        narrow[2].stride = 1;
        let error = pack(PixelFormat::I420, 4, 4, &narrow, &pool).err();
        assert_eq!(error, Some(FrameError::ShortStride { plane: "V", row_bytes: 2, stride: 1 }));

        let mut far = sources(&planes);
        far[0].stride = usize::MAX;
        let error = pack(PixelFormat::I420, 4, 4, &far, &pool).err();
        assert_eq!(error, Some(FrameError::ShortPlane { plane: "Y", expected: usize::MAX, actual: 22 }));

        let error = pack(PixelFormat::I420, 4, 4, &sources(&planes)[..2], &pool).err();
        let expected = FrameError::PlaneCount { format: PixelFormat::I420, expected: 3, actual: 2 };
        assert_eq!(error, Some(expected));
        assert_eq!(pool.idle_bytes(), 0, "nothing was taken for what was refused");
    }
}
