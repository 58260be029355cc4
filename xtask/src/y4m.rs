// SPDX-License-Identifier: Apache-2.0
//! Video in memory as JPEG has it (8-bit 4:2:0, full range), and YUV4MPEG2 files of it, which the examples read and
//! write: a line of parameters, then each frame's planes after a line `FRAME`.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{bail, Context, Result};

pub struct Video {
    pub width: usize,
    pub height: usize,
    /// Frames a second, as a fraction.
    pub rate: (u32, u32),
    pub frames: Vec<Picture>,
}

/// One frame: the planes Y, Cb, Cr one after the other, tight; chroma of half the width and height, rounded up.
#[derive(PartialEq)]
pub struct Picture {
    pub width: usize,
    pub height: usize,
    pub planes: Vec<u8>,
}

impl Video {
    pub fn frames_per_second(&self) -> f64 {
        f64::from(self.rate.0) / f64::from(self.rate.1)
    }

    pub fn write(&self, path: &Path) -> Result<()> {
        let (rate, scale) = self.rate;
        let mut file = BufWriter::new(File::create(path).with_context(|| format!("cannot write {}", path.display()))?);
        writeln!(file, "YUV4MPEG2 W{} H{} F{rate}:{scale} Ip A1:1 C420jpeg", self.width, self.height)?;
        for frame in &self.frames {
            file.write_all(b"FRAME\n")?;
            file.write_all(&frame.planes)?;
        }
        Ok(file.flush()?)
    }

    pub fn read(path: &Path) -> Result<Self> {
        let file = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(&file).with_context(|| format!("{} is not 4:2:0 video in YUV4MPEG2", path.display()))
    }

    fn parse(file: &[u8]) -> Result<Self> {
        let (header, mut rest) = split_line(file).context("it has no header")?;
        let mut words = header.split(' ');
        if words.next() != Some("YUV4MPEG2") {
            bail!("it begins with something else");
        }
        let mut video = Self { width: 0, height: 0, rate: (0, 1), frames: Vec::new() };
        for word in words {
            let value = word.get(1..).unwrap_or_default();
            match word.as_bytes().first() {
                Some(b'W') => video.width = value.parse()?,
                Some(b'H') => video.height = value.parse()?,
                Some(b'F') => {
                    let (rate, scale) = value.split_once(':').context("its rate is no fraction")?;
                    video.rate = (rate.parse()?, scale.parse()?);
                }
                Some(b'C') if !value.starts_with("420") || value.starts_with("420p1") => {
                    bail!("its frames are {value}")
                }
                _ => {}
            }
        }
        let size = picture_size(video.width, video.height);
        while let Some((line, after)) = split_line(rest) {
            if !line.starts_with("FRAME") || after.len() < size {
                bail!("frame {} is cut off", video.frames.len());
            }
            let (planes, next) = after.split_at(size);
            video.frames.push(Picture { width: video.width, height: video.height, planes: planes.to_vec() });
            rest = next;
        }
        Ok(video)
    }
}

impl Picture {
    /// From interleaved Y, Cb, Cr of every pixel: chroma is the mean of each 2x2.
    pub fn from_ycbcr(width: usize, height: usize, pixels: &[u8]) -> Self {
        let mut planes = Vec::with_capacity(picture_size(width, height));
        planes.extend(pixels.chunks_exact(3).map(|pixel| pixel[0]));
        for component in [1, 2] {
            let at =
                |x: usize, y: usize| u32::from(pixels[(y.min(height - 1) * width + x.min(width - 1)) * 3 + component]);
            for y in (0..height).step_by(2) {
                for x in (0..width).step_by(2) {
                    let sum = at(x, y) + at(x + 1, y) + at(x, y + 1) + at(x + 1, y + 1);
                    planes.push(((sum + 2) / 4) as u8);
                }
            }
        }
        Self { width, height, planes }
    }

    /// The colour of a pixel as R, G, B (JFIF: BT.601, full range).
    pub fn rgb(&self, x: usize, y: usize) -> [u8; 3] {
        let (chroma_width, chroma_height) = (self.width.div_ceil(2), self.height.div_ceil(2));
        let cb_at = self.width * self.height + (y / 2) * chroma_width + x / 2;
        let luma = f32::from(self.planes[y * self.width + x]);
        let cb = f32::from(self.planes[cb_at]) - 128.0;
        let cr = f32::from(self.planes[cb_at + chroma_width * chroma_height]) - 128.0;
        // Conversion to u8 saturates.
        [luma + 1.402 * cr, luma - 0.344_136 * cb - 0.714_136 * cr, luma + 1.772 * cb].map(|value| value.round() as u8)
    }
}

fn picture_size(width: usize, height: usize) -> usize {
    width * height + 2 * width.div_ceil(2) * height.div_ceil(2)
}

/// The text up to a line feed, and what follows it.
fn split_line(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    Some((std::str::from_utf8(&bytes[..end]).ok()?, &bytes[end + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_odd_size_reads_back_as_written() {
        let pixels: Vec<u8> = (0..5 * 3 * 3).collect();
        let picture = Picture::from_ycbcr(5, 3, &pixels);
        assert_eq!(picture.planes.len(), 15 + 2 * 6);
        let mut file = b"YUV4MPEG2 W5 H3 F25:1 C420jpeg\nFRAME\n".to_vec();
        file.extend_from_slice(&picture.planes);
        let video = Video::parse(&file).expect("well-formed");
        assert!(video.frames == [picture] && video.rate == (25, 1));
    }

    #[test]
    fn colours_come_back() {
        // Y, Cb, Cr of pure red in JFIF.
        let red = Picture::from_ycbcr(2, 2, &[76, 85, 255].repeat(4));
        assert_eq!(red.rgb(1, 1), [254, 0, 0]);
    }
}
