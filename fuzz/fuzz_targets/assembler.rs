// SPDX-License-Identifier: Apache-2.0
//! Frames out of chunks, however they are cut and in whatever order they come.
//!
//! The first byte chooses: version 0's content cut anyhow, version 1's records with chunks lost, repeated and swapped, or
//! chunks of version 1 with any content. The oracle of the first two is what was cut: a frame is whole exactly if all of
//! its chunks were taken in order, and then has its bytes, also behind a gap and in the stream with which a segment goes
//! on.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use lkvideo::frame::{FramePool, PixelFormat};
use lkvideo::wire::assembler::Assembler;
use lkvideo::wire::v0::StreamAttributes;
use lkvideo::wire::v1::assembler::{RecordAssembler, RecordLimits};
use lkvideo::wire::v1::record::{FrameHeader, Record, CHUNK_BYTES, MARKER_MORE, MARKER_START};
use lkvideo::wire::v1::{Codec, MAX_NUMBER};
use lkvideo_fuzz::Input;

const MAX_FRAMES: u8 = 12;
const MAX_FRAME_BYTES: usize = 4096;

fuzz_target!(|data: &[u8]| {
    let mut input = Input::new(data);
    match input.below(3) {
        0 => content(&mut input),
        1 => records(&mut input),
        _ => anything(&mut input),
    }
});

fn video(input: &mut Input) -> StreamAttributes {
    let format = input.pick(&PixelFormat::ALL);
    StreamAttributes { format, width: 1 + input.below(16) as u32, height: 1 + input.below(16) as u32 }
}

/// Bytes that differ from frame to frame and from place to place.
fn pattern(length: usize, seed: u8) -> Vec<u8> {
    (0..length).map(|at| (at.wrapping_mul(31) >> 3) as u8 ^ (at as u8).wrapping_add(seed)).collect()
}

fn content(input: &mut Input) {
    let layout = video(input).layout().expect("small dimensions");
    let size = layout.size();
    let content = pattern(input.below(MAX_FRAMES) * size + usize::from(input.u8()), 1);
    let mut assembler = Assembler::new(&layout, FramePool::default());
    let (mut frames, mut rest) = (Vec::new(), &content[..]);
    while !rest.is_empty() {
        let length = if input.is_empty() { rest.len() } else { usize::from(input.u16()).min(rest.len()) };
        let (chunk, behind) = rest.split_at(length);
        assembler.push(chunk, |frame| frames.push(frame));
        rest = behind;
        assert_eq!(assembler.partial(), (content.len() - rest.len()) % size);
    }
    assert!(content.chunks_exact(size).eq(frames.iter().map(|frame| &frame[..])), "other frames than in one piece");
}

/// A chunk of a record, cut anywhere behind the header.
struct Chunk {
    content: Vec<u8>,
    frame: usize,
    /// Bytes of the session up to here.
    end: u64,
}

fn cut(input: &mut Input, record: &Record, payload: &[u8], frame: usize, chunks: &mut Vec<Chunk>) {
    let first = record.chunks().next().expect("a record has a chunk");
    let mut content = first.head.to_vec();
    let mut rest = payload;
    let mut room = input.u8().into();
    loop {
        let (part, behind) = rest.split_at(rest.len().min(room));
        content.extend_from_slice(part);
        let end = chunks.last().map_or(0, |chunk| chunk.end) + content.len() as u64;
        chunks.push(Chunk { content, frame, end });
        if behind.is_empty() {
            return;
        }
        (rest, content) = (behind, vec![MARKER_MORE]);
        room = 1 + usize::from(input.u8()) * 8;
    }
}

fn records(input: &mut Input) {
    let (mut frames, mut chunks) = (Vec::new(), Vec::<Chunk>::new());
    for number in 0..1 + input.below(MAX_FRAMES) {
        let offset = chunks.last().map_or(0, |chunk| chunk.end);
        let header = FrameHeader::raw(video(input), number as u64, offset).expect("small dimensions");
        let payload = Bytes::from(pattern(header.size, number as u8));
        let record = Record::new(&header, payload.clone()).expect("a good header");
        cut(input, &record, &payload, number, &mut chunks);
        frames.push((header, payload));
    }

    let limits = RecordLimits { max_frame_bytes: MAX_FRAME_BYTES, codecs: vec![Codec::Raw] };
    let mut assembler = RecordAssembler::new(limits.clone(), FramePool::default(), 0, 0);
    let mut missing: Vec<usize> = frames.iter().map(|_| 0).collect();
    chunks.iter().for_each(|chunk| missing[chunk.frame] += 1);
    let (mut first, mut next, mut next_frame) = (0, 0, 0);
    while next < chunks.len() {
        // Mostly the next one; else one that is skipped to, or comes again. Without more choices, all that remain.
        let index = match input.u8() {
            0xd0 => {
                // The stream is lost, and the segment goes on in another, with the next record.
                while next > first && next < chunks.len() && chunks[next].frame == chunks[next - 1].frame {
                    next += 1;
                }
                first = next;
                let (next_frame, offset) = (assembler.next_frame(), assembler.offset());
                assembler = RecordAssembler::new(limits.clone(), FramePool::default(), next_frame, offset);
                continue;
            }
            step @ 0xe0..=0xef => (next + usize::from(step & 15)).min(chunks.len() - 1),
            step @ 0xf0..=0xff => next.saturating_sub(usize::from(step & 15) + 1).max(first),
            _ => next,
        };
        let chunk = &chunks[index];
        if index >= next {
            missing[chunk.frame] -= 1;
            next = index + 1;
        }
        let frame = assembler.push((index - first) as u64, &chunk.content).expect("true chunks are taken");
        let is_last = chunks.get(index + 1).is_none_or(|after| after.frame != chunk.frame);
        let whole = index + 1 == next && is_last && missing[chunk.frame] == 0;
        assert_eq!(frame.is_some(), whole && chunk.frame >= next_frame, "frame {}", chunk.frame);
        if let Some(frame) = frame {
            assert_eq!((&frame.header, &frame.payload), (&frames[chunk.frame].0, &frames[chunk.frame].1));
            assert_eq!(frame.lost_before, (chunk.frame - next_frame) as u64);
            next_frame = chunk.frame + 1;
            assert_eq!(assembler.offset(), chunk.end, "a loss counts");
        }
        assert!(assembler.offset() <= chunks[next - 1].end, "bytes that were not sent");
    }
    assert_eq!(assembler.next_frame(), next_frame as u64);
    assert_eq!(assembler.partial(), 0, "the last chunk ends a record");
}

fn anything(input: &mut Input) {
    let limits = RecordLimits { max_frame_bytes: MAX_FRAME_BYTES, codecs: Codec::ALL.to_vec() };
    let (next_frame, offset) = (input.u32().into(), input.u32().into());
    let mut in_parts = RecordAssembler::new(limits.clone(), FramePool::default(), next_frame, offset);
    let mut assembler = RecordAssembler::new(limits, FramePool::default(), next_frame, offset);
    let (mut index, mut refused) = (0u64, 0);
    while !input.is_empty() {
        match input.u8() {
            0xfe => index = input.u64(),
            0xff => index = index.saturating_sub(input.u8().into()),
            step @ 0xf0..=0xfd => index = index.saturating_add((step & 15).into()),
            _ => {}
        }
        let content = if input.bool() {
            let length = usize::from(input.u16()) % (CHUNK_BYTES + 2);
            input.bytes(length)
        } else {
            input.short()
        };
        let (next_frame, offset) = (assembler.next_frame(), assembler.offset());
        let taken = assembler.push(index, content);
        let (head, body) = content.split_at(header_bytes(content));
        assert_eq!(in_parts.push_parts(index, head, body), taken);
        match taken {
            Ok(Some(frame)) => {
                assert_eq!(frame.payload.len(), frame.header.size);
                assert!(frame.header.size <= MAX_FRAME_BYTES);
                assert_eq!(frame.header.number, next_frame + frame.lost_before);
                assert_eq!(assembler.next_frame(), frame.header.number + 1);
            }
            Ok(None) => assert_eq!(assembler.next_frame(), next_frame),
            Err(_) => refused += 1,
        }
        assert!(assembler.partial() < MAX_FRAME_BYTES);
        assert!((offset..=MAX_NUMBER).contains(&assembler.offset()));
        index = index.saturating_add(1);
    }
    assert_eq!(assembler.counts().refused, refused);
    assert_eq!((in_parts.counts(), in_parts.offset()), (assembler.counts(), assembler.offset()));
}

/// Where a content may be cut in two: behind the marker and the header.
fn header_bytes(content: &[u8]) -> usize {
    match content.split_first() {
        Some((&MARKER_START, record)) => {
            FrameHeader::decode(record).map_or(content.len(), |(_, payload)| content.len() - payload.len())
        }
        _ => content.len().min(1),
    }
}
