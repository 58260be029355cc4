// SPDX-License-Identifier: Apache-2.0
//! The golden vectors in `tests/vectors/`: what is there must be read as it says there, or be refused.

use std::collections::HashMap;

use bytes::Bytes;
use livekit_protocol::DataPacket;
use lkvideo::frame::{FramePool, PixelFormat};
use lkvideo::wire::assembler::Assembler;
use lkvideo::wire::packet::{Body, Packet, Text};
use lkvideo::wire::v0::{self, PlaybackFinished, StreamAttributes};
use prost::Message;
use serde::Deserialize;

#[derive(Deserialize)]
struct Vectors<G, B> {
    good: Vec<G>,
    bad: Vec<B>,
}

#[test]
fn attributes() {
    #[derive(Deserialize)]
    struct Good {
        case: String,
        attributes: HashMap<String, String>,
        r#type: String,
        width: u32,
        height: u32,
        frame_bytes: usize,
    }
    #[derive(Deserialize)]
    struct Bad {
        case: String,
        attributes: HashMap<String, String>,
    }
    let vectors: Vectors<Good, Bad> = serde_json::from_str(include_str!("vectors/attributes.json")).unwrap();
    for good in vectors.good {
        let attributes = StreamAttributes::from_map(&good.attributes).expect(&good.case);
        let format = good.r#type.parse().unwrap();
        assert_eq!(attributes, StreamAttributes { format, width: good.width, height: good.height }, "{}", good.case);
        assert_eq!(attributes.layout().unwrap().size(), good.frame_bytes, "{}", good.case);
        assert_eq!(StreamAttributes::from_map(&attributes.to_map()), Ok(attributes), "{}", good.case);
    }
    for bad in vectors.bad {
        assert!(StreamAttributes::from_map(&bad.attributes).is_err(), "{}", bad.case);
    }
}

#[test]
fn playback_finished() {
    #[derive(Deserialize)]
    struct Good {
        payload: String,
        position_us: i64,
        interrupted: bool,
    }
    #[derive(Deserialize)]
    struct Bad {
        case: String,
        payload: String,
    }
    let vectors: Vectors<Good, Bad> = serde_json::from_str(include_str!("vectors/playback_finished.json")).unwrap();
    for Good { payload, position_us, interrupted } in vectors.good {
        let finished = PlaybackFinished { position_us, interrupted };
        assert_eq!(PlaybackFinished::parse(&payload), Ok(finished), "{payload}");

        let sent: serde_json::Value = serde_json::from_str(&finished.to_json()).unwrap();
        let seconds = position_us as f64 / 1e6;
        assert_eq!(sent, serde_json::json!({ "playback_position": seconds, "interrupted": interrupted }));
    }
    for bad in vectors.bad {
        assert!(PlaybackFinished::parse(&bad.payload).is_err(), "{}", bad.case);
    }
}

#[test]
fn chunks() {
    #[derive(Deserialize)]
    struct Incoming {
        case: String,
        r#type: String,
        width: u32,
        height: u32,
        chunks: Vec<usize>,
        frames_crc32: Vec<u32>,
        partial: usize,
    }
    #[derive(Deserialize)]
    struct Outgoing {
        frame_bytes: usize,
        chunks: Vec<usize>,
    }
    #[derive(Deserialize)]
    struct Chunks {
        incoming: Vec<Incoming>,
        outgoing: Vec<Outgoing>,
    }
    let vectors: Chunks = serde_json::from_str(include_str!("vectors/chunks.json")).unwrap();
    for incoming in vectors.incoming {
        let format: PixelFormat = incoming.r#type.parse().unwrap();
        let layout = format.layout(incoming.width, incoming.height).unwrap();
        let mut assembler = Assembler::new(&layout, FramePool::default());
        let mut content = (0u64..).map(|i| ((31 * i * i + 7 * i) >> 3) as u8);
        let mut frames = Vec::new();
        for length in incoming.chunks {
            let chunk: Vec<u8> = content.by_ref().take(length).collect();
            assembler.push(&chunk, |frame| frames.push(crc32fast::hash(&frame)));
        }
        assert_eq!((frames, assembler.partial()), (incoming.frames_crc32, incoming.partial), "{}", incoming.case);
    }
    for outgoing in vectors.outgoing {
        let frame = Bytes::from(vec![0; outgoing.frame_bytes]);
        let chunks: Vec<usize> = v0::chunks(&frame).map(|chunk| chunk.len()).collect();
        assert_eq!(chunks, outgoing.chunks, "{} bytes", outgoing.frame_bytes);
    }
}

#[derive(Deserialize)]
struct GoodPacket {
    case: String,
    hex: String,
    packet: Envelope,
    body: ExpectedBody,
}

#[derive(Deserialize)]
struct BadPacket {
    case: String,
    hex: String,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Envelope {
    participant_sid: String,
    participant_identity: String,
    destination_identities: Vec<String>,
    sequence: u32,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ExpectedBody {
    Header {
        stream_id: String,
        topic: String,
        attributes: HashMap<String, String>,
        total_length: Option<u64>,
        byte_name: Option<String>,
        inline: bool,
        compressed: bool,
        encrypted: bool,
        plain: bool,
    },
    Chunk {
        stream_id: String,
        chunk_index: u64,
        content: String,
        version: i32,
        encrypted: bool,
    },
    Trailer {
        stream_id: String,
        reason: String,
        attributes: HashMap<String, String>,
    },
    Other,
}

impl From<Body> for ExpectedBody {
    fn from(body: Body) -> Self {
        match body {
            Body::StreamHeader(header) => Self::Header {
                plain: header.is_plain(),
                stream_id: header.stream_id.to_string(),
                topic: header.topic.to_string(),
                attributes: header.attributes,
                total_length: header.total_length,
                byte_name: header.byte_name.map(|name| name.to_string()),
                inline: header.inline_content.is_some(),
                compressed: header.compressed,
                encrypted: header.encrypted,
            },
            Body::StreamChunk(chunk) => Self::Chunk {
                stream_id: chunk.stream_id.to_string(),
                chunk_index: chunk.chunk_index,
                content: chunk.content.iter().map(|byte| format!("{byte:02x}")).collect(),
                version: chunk.version,
                encrypted: chunk.encrypted,
            },
            Body::StreamTrailer(trailer) => Self::Trailer {
                stream_id: trailer.stream_id.to_string(),
                reason: trailer.reason.to_string(),
                attributes: trailer.attributes,
            },
            Body::RpcRequest(_) | Body::User(_) | Body::Foreign | Body::Other => Self::Other,
        }
    }
}

fn bytes_of(hex: &str) -> Bytes {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal")).collect()
}

/// LiveKit's own decoder must agree with the vectors, or they are not what they say.
#[test]
fn packets() {
    let vectors: Vectors<GoodPacket, BadPacket> = serde_json::from_str(include_str!("vectors/packets.json")).unwrap();
    for good in vectors.good {
        let message = bytes_of(&good.hex);
        let theirs = DataPacket::decode(message.clone()).expect(&good.case);
        assert_eq!(theirs.participant_identity, good.packet.participant_identity, "{}", good.case);

        let packet = Packet::decode(message).expect(&good.case);
        let envelope = Envelope {
            participant_sid: packet.participant_sid.to_string(),
            participant_identity: packet.participant_identity.to_string(),
            destination_identities: packet.destination_identities.iter().map(Text::to_string).collect(),
            sequence: packet.sequence,
        };
        assert_eq!(envelope, good.packet, "{}", good.case);
        assert_eq!(ExpectedBody::from(packet.body), good.body, "{}", good.case);
    }
    for bad in vectors.bad {
        let message = bytes_of(&bad.hex);
        assert!(DataPacket::decode(message.clone()).is_err(), "{}", bad.case);
        assert!(Packet::decode(message).is_err(), "{}", bad.case);
    }
}
