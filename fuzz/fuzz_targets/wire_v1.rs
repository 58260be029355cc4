// SPDX-License-Identifier: Apache-2.0
//! What a peer can send in version 1. The first byte says what the rest is: a control message, the first chunk of a
//! record, the attributes of a stream, or those of a trailer.
//!
//! What is taken is in range and survives being written and read again.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use lkvideo::frame::FramePool;
use lkvideo::wire::v1::assembler::{RecordAssembler, RecordLimits};
use lkvideo::wire::v1::attributes::{is_v1, label, StreamAttributes};
use lkvideo::wire::v1::control::{Control, MAX_CONTROL_BYTES};
use lkvideo::wire::v1::record::{FrameHeader, Record};
use lkvideo::wire::v1::trailer::Trailer;
use lkvideo::wire::v1::{Codec, MAX_NUMBER};
use lkvideo_fuzz::Input;

/// Larger frames would be slow, and show nothing else.
const MAX_FRAME_BYTES: usize = 64 << 10;

fuzz_target!(|data: &[u8]| {
    let mut input = Input::new(data);
    match input.below(4) {
        0 => control(input.rest()),
        1 => record(input.rest()),
        2 => {
            let map = input.attributes();
            let label = label(&map);
            if let Ok(attributes) = StreamAttributes::from_map(&map) {
                assert_eq!((is_v1(&map), label), (Ok(true), attributes.label.as_str()));
                assert!((1..=MAX_NUMBER).contains(&attributes.segment));
                assert_eq!(StreamAttributes::from_map(&attributes.to_map()), Ok(attributes));
            }
        }
        _ => {
            if let Ok(trailer) = Trailer::from_map(&input.attributes()) {
                assert!(trailer.frames.max(trailer.offset) <= MAX_NUMBER);
                assert_eq!(Trailer::from_map(&trailer.to_map()), Ok(trailer));
            }
        }
    }
});

fn control(message: &[u8]) {
    if let Ok(Some(control)) = Control::decode(message) {
        let written = control.encode();
        assert!(written.len() <= MAX_CONTROL_BYTES);
        assert_eq!(Control::decode(&written), Ok(Some(control)));
    }
}

/// A header that is taken goes through a writer's chunks and a reader as it is.
fn record(record: &[u8]) {
    let Ok((header, payload)) = FrameHeader::decode(record) else { return };
    assert!(payload.len() < record.len() && header.number.max(header.offset) <= MAX_NUMBER && header.size > 0);
    if header.size > MAX_FRAME_BYTES {
        return;
    }
    let mut pixels = payload.to_vec();
    pixels.resize(header.size, 0);
    let pixels = Bytes::from(pixels);
    let record = Record::new(&header, pixels.clone()).expect("what is read can be written");
    let limits = RecordLimits { max_frame_bytes: usize::MAX, codecs: Codec::ALL.to_vec() };
    let mut assembler = RecordAssembler::new(limits, FramePool::default(), 0, 0);
    let mut received = None;
    for (index, chunk) in record.chunks().enumerate() {
        assert!(received.is_none(), "a frame before its end");
        let content = [&chunk.head[..], &chunk.body[..]].concat();
        received = assembler.push(index as u64, &content).expect("what is written can be read");
    }
    let received = received.expect("a whole record is a frame");
    assert_eq!((&received.header, &received.payload), (&header, &pixels));
    assert_eq!(received.lost_before, header.number);
    assert_eq!(assembler.offset(), (header.offset + record.chunk_bytes()).min(MAX_NUMBER));
}
