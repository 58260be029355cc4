// SPDX-License-Identifier: Apache-2.0
//! Peers of version 1 that lie, flood or speak nonsense: what they get is bounded, and others do not notice.

use super::pair::{session, Pair, ALICE};
use super::*;
use crate::wire::v0::StreamAttributes;
use crate::wire::v1::control::{Body, Control};
use crate::wire::v1::hello::{EndedSegment, HelloRequest};
use crate::wire::v1::record::{FrameHeader, Record};
use crate::wire::v1::{rpc, Codec, EndReason, Label, MAX_NUMBER};

fn control(body: Body) -> Control {
    Control { label: Label::default(), body }
}

fn first_chunk(number: u64, offset: u64) -> Vec<u8> {
    let video = StreamAttributes { format: PixelFormat::Rgba, width: 2, height: 1 };
    let header = FrameHeader::raw(video, number, offset).unwrap();
    let record = Record::new(&header, Bytes::from(vec![0; FRAME_BYTES])).unwrap();
    let mut content = Vec::new();
    record.chunks().for_each(|parts| parts.write_to(&mut content));
    content
}

#[test]
fn record_beyond_the_limit_ends_the_segment() {
    let mut pair = Pair::new();
    pair.send(1);
    let stream = StreamKey(1);
    pair.receiver.chunk(stream, 5, &first_chunk(5, 1 << 40), pair.now);
    assert_eq!(pair.received(), ["start 1", "frame 1.0", "error BadStream", "end 1 Truncated 1"]);
}

#[test]
fn counts_beyond_the_limit_are_not_believed() {
    let mut pair = Pair::new();
    pair.send(1);
    pair.said.clear();
    let window = pair.receiver.stats().window;
    for offset in [1 << 40, MAX_NUMBER] {
        pair.receiver.control(ALICE, &control(Body::Blocked { session: session(1), offset }), pair.now);
        let alive = Body::KeepAlive { session: session(1), segment: 1, offset };
        pair.receiver.control(ALICE, &control(alive), pair.now);
    }
    pair.run();
    assert_eq!(pair.said, [""; 0], "no credit");
    assert_eq!((pair.receiver.stats().messages_stale, pair.receiver.stats().window), (4, window));
}

#[test]
fn nonsense_in_chunks_costs_the_frame_that_it_hits_and_one_error() {
    let mut pair = Pair::new();
    pair.send(1);
    let stream = StreamKey(1);
    for (index, content) in [&[][..], &[7; 9], &[1], &[0, 1], &[1, 255, 255, 255, 255, 255]].iter().enumerate() {
        pair.receiver.chunk(stream, 1 + index as u64, content, pair.now);
    }
    pair.receiver.chunk(stream, u64::MAX, &[1, 2], pair.now);
    assert_eq!(pair.received(), ["start 1", "frame 1.0", "error BadStream"]);
    assert_eq!(pair.receiver.stats().chunks_refused, 5);
}

#[test]
fn messages_of_strangers_labels_and_lives_are_counted_and_ignored() {
    let mut pair = Pair::new();
    pair.send(1);
    let clear = |life| Body::Clear { session: session(life), through_segment: 9 };
    pair.receiver.control("mallory", &control(clear(1)), pair.now);
    pair.receiver.control(ALICE, &control(clear(5)), pair.now);
    pair.receiver.control(ALICE, &Control { label: Label::new("x").unwrap(), body: clear(1) }, pair.now);
    pair.receiver.control(ALICE, &control(Body::Ready { receiver: session(1) }), pair.now);
    assert_eq!(pair.receiver.stats().messages_stale, 4);
    assert_eq!(pair.received(), ["start 1", "frame 1.0"]);

    let credit = |life| Body::Credit { session: session(life), limit: MAX_NUMBER };
    let before = pair.output.stats().credit;
    pair.output.control(false, &control(credit(1)), pair.now);
    pair.output.control(true, &control(credit(2)), pair.now);
    pair.output.control(true, &control(clear(1)), pair.now);
    assert_eq!((pair.output.stats().messages_stale, pair.output.stats().credit), (3, before));
}

#[test]
fn flood_of_pings_is_answered_a_little() {
    let mut pair = Pair::new();
    pair.said.clear();
    for token in 0..1000 {
        pair.receiver.control(ALICE, &control(Body::Ping { token }), pair.now);
        pair.output.control(true, &control(Body::Ping { token }), pair.now);
    }
    pair.run();
    assert!(pair.said.len() <= 16, "{}", pair.said.len());
}

#[test]
fn hellos_that_end_ever_more_segments_are_bounded() {
    let mut pair = Pair::new();
    for round in 0..100 {
        let ended = (1..=128).map(|n| EndedSegment { segment: round * 128 + n, frames: 0, reason: EndReason::Flush });
        let hello = HelloRequest {
            version: 1,
            label: Label::default(),
            session: session(1),
            codecs: vec![Codec::Raw],
            features: Vec::new(),
            ended: ended.collect(),
        };
        assert!(pair.receiver.hello(ALICE, &hello, pair.now).is_some());
    }
    let requests = std::iter::from_fn(|| pair.receiver.poll_request(pair.now)).count();
    assert!(requests <= 2048, "{requests}");
}

#[test]
fn clear_through_everything_is_one_clear() {
    let mut pair = Pair::new();
    pair.send(1);
    let clear = rpc::Clear { label: Label::default(), session: session(1), through_segment: MAX_NUMBER };
    for _ in 0..3 {
        pair.receiver.segments_cleared(ALICE, &clear, pair.now);
    }
    pair.flush();
    pair.send(1);
    assert_eq!(pair.received(), ["start 1", "cleared", "end 1 Cleared 1"]);
    assert_eq!(pair.receiver.stats().refused_stale, 1);
}

#[test]
fn segments_out_of_order_again_or_continued_from_nowhere_are_refused() {
    let mut pair = Pair::new();
    pair.send(1);
    pair.flush();
    pair.send(1);
    let open = |pair: &mut Pair, life, segment: u64, resume: Option<u64>| {
        let attributes = crate::wire::v1::attributes::StreamAttributes {
            video: StreamAttributes { format: PixelFormat::Rgba, width: 2, height: 1 },
            label: Label::default(),
            session: session(life),
            segment,
            resume_from: resume,
        };
        let opened = StreamOpened { stream: StreamKey(99), sender: ALICE, attributes: &attributes.to_map() };
        pair.receiver.stream_opened(opened, pair.now)
    };
    for (life, segment, resume) in [(1, 1, None), (1, 1, Some(1)), (1, 2, None), (1, 3, Some(0)), (8, 3, None)] {
        assert!(!open(&mut pair, life, segment, resume), "{life} {segment} {resume:?}");
    }
    assert_eq!(pair.receiver.stats().refused_stale, 5);
    assert!(open(&mut pair, 1, 2, Some(1)));
    assert!(open(&mut pair, 1, 9, None), "numbers may be left out");
}
