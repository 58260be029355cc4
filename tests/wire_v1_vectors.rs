// SPDX-License-Identifier: Apache-2.0
//! The golden vectors of version 1 in `tests/vectors/v1/`: what is there must be read and written as it says there, or
//! be refused for the reason that it says. `tests/e2e/support/wire_v1.py` is held to the same files.

#[path = "wire_v1/vectors.rs"]
mod vectors;

use std::collections::HashMap;

use bytes::Bytes;
use lkvideo::frame::{FramePool, PixelFormat};
use lkvideo::wire::v1::assembler::{ChunkError, RecordAssembler, RecordLimits};
use lkvideo::wire::v1::attributes::StreamAttributes;
use lkvideo::wire::v1::control::Control;
use lkvideo::wire::v1::hello::{Accepted, EndedSegment, HelloAnswer, HelloRequest, OpenSegment};
use lkvideo::wire::v1::record::{FrameHeader, Record};
use lkvideo::wire::v1::rpc::{Clear, PlaybackFinished, PlaybackStarted};
use lkvideo::wire::v1::trailer::Trailer;
use lkvideo::wire::v1::{Codec, EndReason, Feature, Id, Label};
use lkvideo::wire::WireError;
use serde_json::{json, Value};
use vectors::{bytes_of, control, hex_of, kind, pattern, read, Incoming, Messages, Outgoing, Payloads, Streams};

/// Holds a payload's reader and writer to the vectors: what was read, written again, has the vector's value.
fn check_payloads<T>(
    payloads: Payloads,
    parse: impl Fn(&str) -> Result<T, WireError>,
    to_json: impl Fn(&T) -> String,
    value: impl Fn(Value) -> Value,
) {
    for good in payloads.good {
        let read = parse(&good.payload).unwrap_or_else(|error| panic!("{}: {error}", good.case));
        let written: Value = serde_json::from_str(&to_json(&read)).expect("JSON");
        assert_eq!(value(written), good.value, "{}", good.case);
        let again = parse(&to_json(&read)).map(|again| to_json(&again));
        assert_eq!(again, Ok(to_json(&read)), "{}", good.case);
    }
    for bad in payloads.bad {
        let error = parse(&bad.text()).err().map(|error| kind(&error));
        assert_eq!(error.as_ref(), Some(&bad.error), "{}", bad.case);
    }
}

#[test]
fn hello() {
    let mut all: HashMap<String, Payloads> = read("hello.json");
    let requests = all.remove("request").unwrap();
    check_payloads(requests, HelloRequest::parse, HelloRequest::to_json, |value| value);
    check_payloads(all.remove("answer").unwrap(), HelloAnswer::parse, HelloAnswer::to_json, |value| value);
}

/// Reader and writer could agree with each other on the wrong field.
#[test]
fn a_hello_means_what_it_says() {
    let session = Id::new("0123456789abcdef").unwrap();
    let request = HelloRequest::parse(
        r#"{"version":2,"label":"left","session":"0123456789abcdef","codecs":["jpeg","raw"],"features":["crc"],
            "ended":[{"segment":3,"frames":150,"reason":"clear"}]}"#,
    );
    let expected = HelloRequest {
        version: 2,
        label: Label::new("left").unwrap(),
        session: session.clone(),
        codecs: vec![Codec::Jpeg, Codec::Raw],
        features: vec![Feature::Crc],
        ended: vec![EndedSegment { segment: 3, frames: 150, reason: EndReason::Clear }],
    };
    assert_eq!(request, Ok(expected));

    let answer = HelloAnswer::parse(
        r#"{"version":1,"status":"ok","receiver":"0123456789abcdef","codecs":["raw"],"types":[10,5],"features":["crc"],
            "max_frame":64,"limit":32,"open":[{"segment":4,"next_frame":17}]}"#,
    );
    let expected = Accepted {
        receiver: session,
        codecs: vec![Codec::Raw],
        types: vec![PixelFormat::Nv12, PixelFormat::I420],
        features: vec![Feature::Crc],
        max_frame: 64,
        limit: 32,
        open: vec![OpenSegment { segment: 4, next_frame: 17 }],
    };
    assert_eq!(answer, Ok(HelloAnswer::Ok(expected)));
}

#[test]
fn calls() {
    let mut all: HashMap<String, Payloads> = read("rpc.json");
    check_payloads(all.remove("clear").unwrap(), Clear::parse, Clear::to_json, |value| value);
    let started = all.remove("playback_started").unwrap();
    check_payloads(started, PlaybackStarted::parse, PlaybackStarted::to_json, |value| value);
    let finished = all.remove("playback_finished").unwrap();
    check_payloads(finished, PlaybackFinished::parse, PlaybackFinished::to_json, |mut value| {
        let seconds = value.as_object_mut().unwrap().remove("playback_position").unwrap();
        value["position_us"] = ((seconds.as_f64().unwrap() * 1e6).round() as i64).into();
        value
    });
}

/// Holds the reader and the writer of attributes to the vectors.
fn check_attributes<T: PartialEq + std::fmt::Debug>(
    streams: Streams,
    from_map: impl Fn(&HashMap<String, String>) -> Result<T, WireError>,
    to_map: impl Fn(&T) -> HashMap<String, String>,
    value: impl Fn(&T) -> Value,
) {
    for good in streams.good {
        let read = from_map(&good.attributes).unwrap_or_else(|error| panic!("{}: {error}", good.case));
        assert_eq!(value(&read), good.value, "{}", good.case);
        assert_eq!(from_map(&to_map(&read)), Ok(read), "{}", good.case);
    }
    for bad in streams.bad {
        let error = from_map(&bad.attributes).err().map(|error| kind(&error));
        assert_eq!(error.as_ref(), Some(&bad.error), "{}", bad.case);
    }
}

#[test]
fn attributes() {
    let mut all: HashMap<String, Streams> = read("attributes.json");
    let streams = all.remove("stream").unwrap();
    check_attributes(streams, StreamAttributes::from_map, StreamAttributes::to_map, |read| {
        json!({
            "type": read.video.format.number(), "width": read.video.width, "height": read.video.height,
            "label": read.label.as_str(), "session": read.session.as_str(), "segment": read.segment,
            "resume_from": read.resume_from,
        })
    });
    let trailers = all.remove("trailer").unwrap();
    check_attributes(
        trailers,
        Trailer::from_map,
        Trailer::to_map,
        |read| json!({ "frames": read.frames, "offset": read.offset, "reason": read.reason.name() }),
    );
}

#[test]
fn control_messages() {
    let messages: Messages<Option<Value>> = read("control.json");
    for good in messages.good {
        let message = bytes_of(&good.hex);
        let read = Control::decode(&message).unwrap_or_else(|error| panic!("{}: {error}", good.case));
        assert_eq!(read.as_ref().map(control), good.value, "{}", good.case);
        let Some(read) = read else { continue };
        assert_eq!(Control::decode(&read.encode()), Ok(Some(read.clone())), "{}", good.case);
        if good.exact {
            assert_eq!(hex_of(&read.encode()), good.hex, "{}", good.case);
        }
    }
    for bad in messages.bad {
        let error = Control::decode(&bytes_of(&bad.hex)).err().map(|error| kind(&error));
        assert_eq!(error.as_ref(), Some(&bad.error), "{}", bad.case);
    }
}

#[test]
fn frame_headers() {
    let messages: Messages<vectors::Header> = read("frame_header.json");
    for good in messages.good {
        // What comes behind the header is payload.
        let message = [bytes_of(&good.hex), b"payload".to_vec()].concat();
        let (read, payload) = FrameHeader::decode(&message).unwrap_or_else(|error| panic!("{}: {error}", good.case));
        assert_eq!((&read, payload), (&good.value.to_header(), &b"payload"[..]), "{}", good.case);
        if good.exact && read.size <= 1 << 21 {
            let record = Record::new(&read, vec![0; read.size].into()).unwrap();
            let head = record.chunks().next().unwrap().head;
            assert_eq!(hex_of(&head[1..]), good.hex, "{}", good.case);
        }
    }
    for bad in messages.bad {
        let error = FrameHeader::decode(&bytes_of(&bad.hex)).err().map(|error| kind(&error));
        assert_eq!(error.as_ref(), Some(&bad.error), "{}", bad.case);
    }
}

#[derive(serde::Deserialize)]
struct Records {
    incoming: Vec<Incoming>,
    outgoing: Vec<Outgoing>,
}

fn chunk_kind(error: &ChunkError) -> String {
    match error {
        ChunkError::Index(_) => "index".to_owned(),
        ChunkError::Marker => "marker".to_owned(),
        ChunkError::Stray => "stray".to_owned(),
        ChunkError::Surplus => "surplus".to_owned(),
        ChunkError::Number { .. } => "number".to_owned(),
        ChunkError::Offset { .. } => "offset".to_owned(),
        ChunkError::Codec(_) => "codec".to_owned(),
        ChunkError::Wire(error) => kind(error),
    }
}

#[test]
fn incoming_records() {
    for story in read::<Records>("records.json").incoming {
        let codecs = story.codecs.iter().map(|name| Codec::from_name(name).unwrap()).collect();
        let limits = RecordLimits { max_frame_bytes: story.max_frame, codecs };
        let mut assembler = RecordAssembler::new(limits, FramePool::default(), story.next_frame, story.offset);
        for chunk in &story.chunks {
            let got = assembler.push(chunk.index, &bytes_of(&chunk.hex));
            let case = format!("{}, chunk {}", story.case, chunk.index);
            assert_eq!(got.as_ref().err().map(chunk_kind), chunk.error, "{case}");
            let frame = got.ok().flatten().map(|frame| vectors::Frame {
                number: frame.header.number,
                lost_before: frame.lost_before,
                payload: hex_of(&frame.payload),
            });
            assert_eq!(frame, chunk.frame, "{case}");
        }
        let counts = assembler.counts();
        let after = vectors::After {
            next_frame: assembler.next_frame(),
            offset: assembler.offset(),
            partial: assembler.partial(),
            missing: counts.missing,
            repeated: counts.repeated,
            refused: counts.refused,
            damaged_frames: counts.damaged_frames,
        };
        assert_eq!(after, story.after, "{}", story.case);
    }
}

#[test]
fn outgoing_records() {
    for outgoing in read::<Records>("records.json").outgoing {
        let header = outgoing.header.to_header();
        let record = Record::new(&header, Bytes::from(pattern(header.size))).expect(&outgoing.case);
        let chunks: Vec<(usize, u32)> = record
            .chunks()
            .map(|parts| {
                let mut content = Vec::new();
                parts.write_to(&mut content);
                assert_eq!(content.len(), parts.content_bytes());
                (content.len(), crc32fast::hash(&content))
            })
            .collect();
        let expected: Vec<_> = outgoing.chunks.iter().map(|chunk| (chunk.bytes, chunk.crc32)).collect();
        assert_eq!((chunks, record.chunk_bytes()), (expected, outgoing.chunk_bytes), "{}", outgoing.case);
    }
}
