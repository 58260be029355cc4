// SPDX-License-Identifier: Apache-2.0
//! The real video of demos and tests: `tests/media/big-buck-bunny.avi`, JPEG frames in AVI, decoded here so that no
//! demo needs ffmpeg. An AVI file is RIFF: chunks of (name, size, content padded to even), lists of which nest.

use std::path::Path;

use anyhow::{bail, ensure, Context, Result};
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

use crate::workspace::Workspace;
use crate::y4m::{Picture, Video};

/// The committed clip, decoded.
pub fn load(workspace: &Workspace) -> Result<Video> {
    let path = workspace.root.join("tests/media/big-buck-bunny.avi");
    read(&path).with_context(|| format!("cannot decode {}", path.display()))
}

fn read(path: &Path) -> Result<Video> {
    let file = std::fs::read(path)?;
    let mut rate = None;
    let mut jpegs = Vec::new();
    walk(&file, &mut |name, content| match name {
        // The stream header: frames a second as rate / scale.
        b"strh" if content.len() >= 28 => rate = Some((u32_at(content, 24), u32_at(content, 20))),
        b"00dc" => jpegs.push(content),
        _ => {}
    })?;
    let frames = jpegs.into_iter().map(decode).collect::<Result<Vec<_>>>()?;
    let first = frames.first().context("there is no frame in it")?;
    let (width, height) = (first.width, first.height);
    ensure!(frames.iter().all(|frame| (frame.width, frame.height) == (width, height)), "its frames differ in size");
    Ok(Video { width, height, rate: rate.context("it has no stream header")?, frames })
}

/// Hands every chunk to `see`, those inside lists too.
fn walk<'a>(mut bytes: &'a [u8], see: &mut impl FnMut(&[u8], &'a [u8])) -> Result<()> {
    while bytes.len() >= 8 {
        let (head, rest) = bytes.split_at(8);
        let size = u32_at(head, 4) as usize;
        let content = rest.get(..size).context("a chunk is cut off")?;
        match &head[..4] {
            b"RIFF" | b"LIST" => walk(content.get(4..).context("a list without a kind")?, see)?,
            name => see(name, content),
        }
        bytes = rest.get(size.next_multiple_of(2)..).unwrap_or_default();
    }
    Ok(())
}

fn u32_at(bytes: &[u8], offset: usize) -> u32 {
    u32::from_le_bytes([bytes[offset], bytes[offset + 1], bytes[offset + 2], bytes[offset + 3]])
}

fn decode(jpeg: &[u8]) -> Result<Picture> {
    let options = DecoderOptions::new_fast().jpeg_set_out_colorspace(ColorSpace::YCbCr);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(jpeg), options);
    let pixels = match decoder.decode() {
        Ok(pixels) => pixels,
        Err(error) => bail!("a frame is no JPEG that can be decoded: {error:?}"),
    };
    let info = decoder.info().context("a frame without a header")?;
    Ok(Picture::from_ycbcr(usize::from(info.width), usize::from(info.height), &pixels))
}
