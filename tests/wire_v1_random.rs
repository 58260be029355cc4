// SPDX-License-Identifier: Apache-2.0
//! Version 1 against chance: chunks lost, repeated, swapped and broken, and bytes that nobody would write. No panic, no
//! frame that was not sent, none twice, none out of order; every loss counted; memory within its bound.

#[path = "wire_v1/random.rs"]
mod random;

use bytes::Bytes;
use lkvideo::frame::{FramePool, PixelFormat};
use lkvideo::wire::v0;
use lkvideo::wire::v1::assembler::{RecordAssembler, RecordLimits};
use lkvideo::wire::v1::control::{Body, Control};
use lkvideo::wire::v1::hello::{HelloAnswer, HelloRequest};
use lkvideo::wire::v1::record::{FrameHeader, Record};
use lkvideo::wire::v1::rpc::{Clear, PlaybackFinished, PlaybackStarted};
use lkvideo::wire::v1::{Codec, Id, Label};
use random::Random;

const MAX_FRAME_BYTES: usize = 200_000;

fn assembler(pool: &FramePool) -> RecordAssembler {
    let limits = RecordLimits { max_frame_bytes: MAX_FRAME_BYTES, codecs: vec![Codec::Raw, Codec::Jpeg] };
    RecordAssembler::new(limits, pool.clone(), 0, 0)
}

/// Frames of one stream, whose last chunks' indices are known.
struct Sent {
    frames: Vec<(FrameHeader, Bytes)>,
    /// Contents by index, and the number of the frame that each belongs to.
    chunks: Vec<(Vec<u8>, usize)>,
    bytes: u64,
}

fn send(random: &mut Random, count: usize) -> Sent {
    let mut sent = Sent { frames: Vec::new(), chunks: Vec::new(), bytes: 0 };
    for number in 0..count {
        let format = PixelFormat::ALL[random.below(PixelFormat::ALL.len())];
        let side = [4, 40, 200][random.below(3)];
        let video = v0::StreamAttributes {
            format,
            width: 1 + random.below(side) as u32,
            height: 1 + random.below(side) as u32,
        };
        let mut header = FrameHeader::raw(video, number as u64, sent.bytes).expect("a layout");
        header.pts_us = (random.below(2) == 0).then_some(number as i64 * 33_333);
        let metadata_bytes = [0, 10, 1024][random.below(3)];
        header.metadata = random.bytes(metadata_bytes).into();
        if random.below(4) == 0 {
            (header.codec, header.key, header.size) = (Codec::Jpeg, false, 1 + random.below(50_000));
        }
        let payload = Bytes::from(random.bytes(header.size));
        let record = Record::new(&header, payload.clone()).expect("a record");
        for parts in record.chunks() {
            let mut content = Vec::new();
            parts.write_to(&mut content);
            sent.chunks.push((content, number));
        }
        sent.bytes += record.chunk_bytes();
        sent.frames.push((header, payload));
    }
    let all: usize = sent.chunks.iter().map(|(content, _)| content.len()).sum();
    assert_eq!(all as u64, sent.bytes);
    sent
}

/// Indices as a bad network could bring them.
fn deliver(random: &mut Random, count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    for _ in 0..random.below(8) {
        let at = random.below(order.len());
        match random.below(4) {
            0 => drop(order.remove(at)),
            1 => order.insert(at, order[random.below(order.len())]),
            2 => {
                let other = random.below(order.len());
                order.swap(at, other);
            }
            _ => drop(order.drain(at..order.len().min(at + random.below(5)))),
        }
        if order.is_empty() {
            break;
        }
    }
    order
}

#[test]
fn any_order_gives_only_frames_that_were_sent() {
    let mut random = Random(0x5eed_0000_0000_0001);
    for round in 0..400 {
        let count = 1 + random.below(12);
        let sent = send(&mut random, count);
        let order = deliver(&mut random, sent.chunks.len());
        let pool = FramePool::default();
        let mut assembler = assembler(&pool);
        let (mut got, mut accounted, mut next) = (0, 0, 0);
        for &index in &order {
            let (content, _) = &sent.chunks[index];
            let frame = assembler.push(index as u64, content).unwrap_or_else(|e| panic!("round {round}: {e}"));
            assert!(assembler.partial() < MAX_FRAME_BYTES);
            next = next.max(index + 1);
            let Some(frame) = frame else { continue };
            let (header, payload) = &sent.frames[frame.header.number as usize];
            assert_eq!((&frame.header, &frame.payload), (header, payload), "round {round}");
            accounted += frame.lost_before + 1;
            assert_eq!(accounted, frame.header.number + 1, "round {round}: each once, in order, every loss known");
            got += 1;
        }
        // Exactly those frames are there whose chunks came in their order, none of them late.
        let mut expected = 0;
        for number in 0..sent.frames.len() {
            let own: Vec<usize> = (0..sent.chunks.len()).filter(|&index| sent.chunks[index].1 == number).collect();
            let mut highest = None;
            let mut taken = Vec::new();
            for &index in &order {
                if highest.is_none_or(|highest| index > highest) {
                    highest = Some(index);
                    taken.push(index);
                }
            }
            expected += usize::from(own.iter().all(|index| taken.contains(index)));
        }
        assert_eq!(got, expected, "round {round}: {order:?}");
        assert_eq!(assembler.counts().refused, 0, "round {round}");
        if order == (0..sent.chunks.len()).collect::<Vec<_>>() {
            assert_eq!((got, assembler.offset()), (sent.frames.len(), sent.bytes), "round {round}");
        }
        assert!(assembler.offset() <= sent.bytes);
        assert!(assembler.next_frame() <= sent.frames.len() as u64);
    }
}

#[test]
fn broken_chunks_do_no_harm() {
    let mut random = Random(0x5eed_0000_0000_0002);
    for round in 0..400 {
        let sent = send(&mut random, 4);
        let pool = FramePool::default();
        let mut assembler = assembler(&pool);
        let mut frames = Vec::new();
        for (index, (content, _)) in sent.chunks.iter().enumerate() {
            let mut content = content.clone();
            match random.below(6) {
                0 => content.truncate(random.below(content.len() + 1)),
                1 => content.extend(random.bytes(20)),
                2 | 3 => {
                    for _ in 0..1 + random.below(4) {
                        let at = random.below(content.len().min(40));
                        content[at] = random.below(256) as u8;
                    }
                }
                _ => {}
            }
            if let Ok(Some(frame)) = assembler.push(index as u64, &content) {
                assert_eq!(frame.payload.len(), frame.header.size, "round {round}");
                frames.push(frame);
            }
            assert!(assembler.partial() <= MAX_FRAME_BYTES, "round {round}");
        }
        let numbers: Vec<u64> = frames.iter().map(|frame| frame.header.number).collect();
        assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "round {round}: {numbers:?}");
        let sum: u64 = frames.iter().map(|frame| frame.lost_before + 1).sum();
        assert_eq!(sum, numbers.last().map_or(0, |last| last + 1), "round {round}");
        drop((frames, assembler));
        // One buffer a record at most was taken, none larger than the limit.
        assert!(pool.idle_bytes() <= 5 * MAX_FRAME_BYTES, "round {round}");
    }
}

#[test]
fn a_content_in_two_parts_means_what_it_means_whole() {
    let mut random = Random(0x5eed_0000_0000_0005);
    for round in 0..100 {
        let count = 1 + random.below(12);
        let sent = send(&mut random, count);
        let pool = FramePool::default();
        let (mut whole, mut in_parts) = (assembler(&pool), assembler(&pool));
        for index in deliver(&mut random, sent.chunks.len()) {
            let (content, _) = &sent.chunks[index];
            // The header stays in one part.
            let least = FrameHeader::decode(&content[1..]).map_or(1, |(_, payload)| content.len() - payload.len());
            let (head, body) = content.split_at(least + random.below(content.len() - least + 1));
            let (index, frame) = (index as u64, whole.push(index as u64, content));
            assert_eq!(in_parts.push_parts(index, head, body), frame, "round {round}");
        }
        assert_eq!((whole.counts(), whole.offset()), (in_parts.counts(), in_parts.offset()), "round {round}");
    }
}

#[test]
fn a_thousand_starts_hold_one_buffer() {
    let pool = FramePool::default();
    let mut assembler = assembler(&pool);
    let video = v0::StreamAttributes { format: PixelFormat::Rgb24, width: 200, height: 200 };
    let mut offset = 0;
    for number in 0..1000 {
        let header = FrameHeader::raw(video, number, offset).unwrap();
        let parts = Record::new(&header, vec![7; header.size].into()).unwrap().chunks().next().unwrap();
        let mut content = Vec::new();
        parts.write_to(&mut content);
        content.truncate(parts.head.len());
        offset += content.len() as u64;
        assert_eq!(assembler.push(number, &content), Ok(None));
    }
    assert_eq!(assembler.counts().damaged_frames, 999);
    drop(assembler);
    assert!(pool.idle_bytes() <= 2 * 120_000, "{}", pool.idle_bytes());
}

#[test]
fn garbage_is_refused_or_read_never_more() {
    let mut random = Random(0x5eed_0000_0000_0003);
    let pool = FramePool::default();
    let session = Id::from_random(7);
    let control =
        Control { label: Label::new("left").unwrap(), body: Body::KeepAlive { session, segment: 3, offset: 70 } };
    let hello = r#"{"version":1,"label":"","session":"0123456789abcdef","codecs":["raw"],"features":["crc"],"ended":[{"segment":3,"frames":150,"reason":"flush"}]}"#;
    let answer = r#"{"version":1,"status":"ok","receiver":"0123456789abcdef","codecs":["raw"],"types":[0],"features":[],"max_frame":1,"limit":1,"open":[{"segment":4,"next_frame":17}]}"#;
    for round in 0..20_000 {
        let length = random.below(80);
        let bytes = random.bytes(length);
        let _ = Control::decode(&bytes);
        let _ = FrameHeader::decode(&bytes);
        let mut assembler = assembler(&pool);
        let _ = assembler.push(round % 3, &bytes);
        let _ = assembler.push(3, &[&[1][..], &bytes].concat());

        let mut message = control.encode();
        random.break_some(&mut message);
        if let Ok(Some(read)) = Control::decode(&message) {
            assert_eq!(Control::decode(&read.encode()), Ok(Some(read)));
        }
        for payload in [hello, answer] {
            let mut payload = payload.as_bytes().to_vec();
            random.break_some(&mut payload);
            let payload = String::from_utf8_lossy(&payload);
            if let Ok(read) = HelloRequest::parse(&payload) {
                assert_eq!(HelloRequest::parse(&read.to_json()), Ok(read));
            }
            if let Ok(read) = HelloAnswer::parse(&payload) {
                assert_eq!(HelloAnswer::parse(&read.to_json()), Ok(read));
            }
            let _ = (Clear::parse(&payload), PlaybackStarted::parse(&payload), PlaybackFinished::parse(&payload));
        }
    }
}
