// SPDX-License-Identifier: Apache-2.0
//! How the golden vectors of version 1 are written down, and how values of ours compare with them.

use std::collections::HashMap;

use lkvideo::frame::PixelFormat;
use lkvideo::wire::v1::control::{Body, Control};
use lkvideo::wire::v1::record::FrameHeader;
use lkvideo::wire::v1::Codec;
use lkvideo::wire::WireError;
use serde::de::DeserializeOwned;
use serde::Deserialize;
use serde_json::{json, Value};

/// Payloads of a call or its answer.
#[derive(Deserialize)]
pub struct Payloads {
    pub good: Vec<GoodPayload>,
    pub bad: Vec<BadPayload>,
}

#[derive(Deserialize)]
pub struct GoodPayload {
    pub case: String,
    pub payload: String,
    pub value: Value,
}

#[derive(Deserialize)]
pub struct BadPayload {
    pub case: String,
    payload: String,
    /// Stands, so many times, for the `%` of the payload.
    fill: Option<(String, usize)>,
    pub error: String,
}

impl BadPayload {
    pub fn text(&self) -> String {
        match &self.fill {
            Some((text, times)) => self.payload.replace('%', &text.repeat(*times)),
            None => self.payload.clone(),
        }
    }
}

/// Attributes of streams and of trailers.
#[derive(Deserialize)]
pub struct Streams {
    pub good: Vec<GoodStream>,
    pub bad: Vec<BadStream>,
}

#[derive(Deserialize)]
pub struct GoodStream {
    pub case: String,
    pub attributes: HashMap<String, String>,
    pub value: Value,
}

#[derive(Deserialize)]
pub struct BadStream {
    pub case: String,
    pub attributes: HashMap<String, String>,
    pub error: String,
}

/// Protobuf messages.
#[derive(Deserialize)]
pub struct Messages<V> {
    pub good: Vec<GoodMessage<V>>,
    pub bad: Vec<BadMessage>,
}

#[derive(Deserialize)]
pub struct GoodMessage<V> {
    pub case: String,
    pub hex: String,
    pub value: V,
    /// Whether these are the bytes that a writer gives.
    pub exact: bool,
}

#[derive(Deserialize)]
pub struct BadMessage {
    pub case: String,
    pub hex: String,
    pub error: String,
}

#[derive(Deserialize)]
pub struct Header {
    number: u64,
    offset: u64,
    pts_us: Option<i64>,
    size: usize,
    codec: String,
    key: bool,
    r#type: u32,
    width: u32,
    height: u32,
    sent_unix_us: Option<i64>,
    crc32c: Option<u32>,
    metadata: String,
}

impl Header {
    pub fn to_header(&self) -> FrameHeader {
        FrameHeader {
            number: self.number,
            offset: self.offset,
            pts_us: self.pts_us,
            size: self.size,
            codec: Codec::from_name(&self.codec).expect("a codec"),
            key: self.key,
            format: PixelFormat::try_from(self.r#type).expect("a pixel type"),
            width: self.width,
            height: self.height,
            sent_unix_us: self.sent_unix_us,
            crc32c: self.crc32c,
            metadata: bytes_of(&self.metadata).into(),
        }
    }
}

/// Chunks as they arrive, and what becomes of them.
#[derive(Deserialize)]
pub struct Incoming {
    pub case: String,
    pub max_frame: usize,
    pub codecs: Vec<String>,
    pub next_frame: u64,
    pub offset: u64,
    pub chunks: Vec<Chunk>,
    pub after: After,
}

#[derive(Deserialize)]
pub struct Chunk {
    pub index: u64,
    pub hex: String,
    pub frame: Option<Frame>,
    pub error: Option<String>,
}

#[derive(Debug, PartialEq, Deserialize)]
pub struct Frame {
    pub number: u64,
    pub lost_before: u64,
    pub payload: String,
}

#[derive(Debug, PartialEq, Deserialize)]
pub struct After {
    pub next_frame: u64,
    pub offset: u64,
    pub partial: usize,
    pub missing: u64,
    pub repeated: u64,
    pub refused: u64,
    pub damaged_frames: u64,
}

/// A frame and the chunks that it is cut into.
#[derive(Deserialize)]
pub struct Outgoing {
    pub case: String,
    pub header: Header,
    pub chunks: Vec<OutgoingChunk>,
    pub chunk_bytes: u64,
}

#[derive(Deserialize)]
pub struct OutgoingChunk {
    pub bytes: usize,
    pub crc32: u32,
}

/// Reads a file of `tests/vectors/v1/`.
pub fn read<T: DeserializeOwned>(name: &str) -> T {
    let text = match name {
        "attributes.json" => include_str!("../vectors/v1/attributes.json"),
        "control.json" => include_str!("../vectors/v1/control.json"),
        "frame_header.json" => include_str!("../vectors/v1/frame_header.json"),
        "hello.json" => include_str!("../vectors/v1/hello.json"),
        "records.json" => include_str!("../vectors/v1/records.json"),
        "rpc.json" => include_str!("../vectors/v1/rpc.json"),
        _ => panic!("no vectors {name}"),
    };
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The word of the vectors for why something is refused.
pub fn kind(error: &WireError) -> String {
    match error {
        WireError::Attribute { name, .. } => format!("attribute:{name}"),
        WireError::Field(name) => format!("field:{name}"),
        WireError::Frame(_) => "frame".to_owned(),
        WireError::Position => "position".to_owned(),
        WireError::PlaybackFinished(_) => "playback_finished".to_owned(),
        WireError::TooManyAttributes(_) => "too_many".to_owned(),
        WireError::Version(_) => "version".to_owned(),
        WireError::TooLong { .. } => "too_long".to_owned(),
        WireError::Json => "json".to_owned(),
        WireError::Message(_) => "message".to_owned(),
        WireError::Packet(_) | WireError::Text => panic!("not of version 1: {error}"),
    }
}

/// A control message as the vectors write it.
pub fn control(message: &Control) -> Value {
    let (name, fields) = match &message.body {
        Body::Credit { session, limit } => ("credit", json!({ "session": session.as_str(), "limit": limit })),
        Body::Blocked { session, offset } => ("blocked", json!({ "session": session.as_str(), "offset": offset })),
        Body::Ready { receiver } => ("ready", json!({ "receiver": receiver.as_str() })),
        Body::KeyFrame { session, segment } => {
            ("key_frame", json!({ "session": session.as_str(), "segment": segment }))
        }
        Body::KeepAlive { session, segment, offset } => {
            ("keep_alive", json!({ "session": session.as_str(), "segment": segment, "offset": offset }))
        }
        Body::Clear { session, through_segment } => {
            ("clear", json!({ "session": session.as_str(), "through_segment": through_segment }))
        }
        Body::Ping { token } => ("ping", json!({ "token": token })),
        Body::Pong { token } => ("pong", json!({ "token": token })),
    };
    json!({ "label": message.label.as_str(), name: fields })
}

/// The payload of the outgoing records: byte `i` is `((31 * i * i + 7 * i) >> 3) & 255`.
pub fn pattern(bytes: usize) -> Vec<u8> {
    (0..bytes as u64).map(|i| ((31 * i * i + 7 * i) >> 3) as u8).collect()
}

pub fn bytes_of(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal")).collect()
}

pub fn hex_of(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
