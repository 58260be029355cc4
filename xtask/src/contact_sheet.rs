// SPDX-License-Identifier: Apache-2.0
//! Some frames of a video in one PNG, in rows of equal length: what a person looks at to believe that video arrived.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use anyhow::{Context, Result};

use crate::y4m::{Picture, Video};

const COLUMNS: usize = 4;
/// Each thumbnail is so many times smaller than the frame.
const SHRINK: usize = 2;
/// Pixels between and around the thumbnails.
const GAP: usize = 6;
const BACKGROUND: u8 = 24;

/// Writes a row of thumbnails for each segment, evenly spread over its frames. The segments are equally long.
pub fn write(video: &Video, segments: usize, path: &Path) -> Result<()> {
    let (width, height) = (video.width / SHRINK, video.height / SHRINK);
    let sheet_width = GAP + COLUMNS * (width + GAP);
    let sheet_height = GAP + segments * (height + GAP);
    let mut sheet = vec![BACKGROUND; sheet_width * sheet_height * 3];
    let in_segment = video.frames.len() / segments;
    for (row, column) in (0..segments).flat_map(|row| (0..COLUMNS).map(move |column| (row, column))) {
        let number = row * in_segment + column * in_segment.saturating_sub(1) / (COLUMNS - 1);
        let frame = video.frames.get(number).context("too few frames for a contact sheet")?;
        let (left, top) = (GAP + column * (width + GAP), GAP + row * (height + GAP));
        for y in 0..height {
            for x in 0..width {
                let at = ((top + y) * sheet_width + left + x) * 3;
                sheet[at..at + 3].copy_from_slice(&mean(frame, x * SHRINK, y * SHRINK));
            }
        }
    }
    let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
    let mut encoder = png::Encoder::new(BufWriter::new(file), sheet_width as u32, sheet_height as u32);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&sheet)?;
    Ok(writer.finish()?)
}

/// The mean colour of a square of `SHRINK` pixels.
fn mean(frame: &Picture, left: usize, top: usize) -> [u8; 3] {
    let mut sum = [0_usize; 3];
    for (y, x) in (0..SHRINK).flat_map(|y| (0..SHRINK).map(move |x| (y, x))) {
        let rgb = frame.rgb(left + x, top + y);
        sum.iter_mut().zip(rgb).for_each(|(sum, value)| *sum += usize::from(value));
    }
    sum.map(|sum| (sum / (SHRINK * SHRINK)) as u8)
}
