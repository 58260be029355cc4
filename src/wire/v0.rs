// SPDX-License-Identifier: Apache-2.0
//! Version 0 of the protocol: what every LiveKit participant can speak.
//!
//! A segment is a byte stream on [`TOPIC`], its attributes say what the frames in it are, its content is raw
//! frames back to back. Clear and playback-finished are RPCs. Attributes and payloads are read strictly: decimal
//! digits only, numbers in range; unknown attributes and JSON keys are ignored.

use std::collections::HashMap;
use std::str::FromStr;

use bytes::Bytes;
use serde_json::{json, Map, Value};

use super::{v1::MAX_PAYLOAD_BYTES, WireError};
use crate::frame::{Layout, PixelFormat};

/// Topic of the byte streams that carry video.
pub const TOPIC: &str = "lk.video_stream";
/// RPC from sender to receiver, without payload: drop what has not been played yet.
pub const METHOD_CLEAR_BUFFER: &str = "lk.clear_buffer_video";
/// RPC from receiver to sender, with a [`PlaybackFinished`]: the oldest unfinished segment has been played.
pub const METHOD_PLAYBACK_FINISHED: &str = "lk.playback_finished_video";
/// Answer to an RPC that was taken.
pub const ANSWER_OK: &str = "ok";
/// Answer to an RPC of somebody who is not the peer.
pub const ANSWER_REJECT: &str = "reject";
/// Most content bytes of a chunk.
pub const CHUNK_BYTES: usize = 15_000;
/// Greatest playback position in microseconds (35 years): up to here seconds in an `f64` keep every one of them.
pub const MAX_POSITION_US: i64 = 1 << 50;

/// Most attributes of a stream, those that are not read included.
pub const MAX_ATTRIBUTES: usize = 64;

const WIDTH: &str = "width";
const HEIGHT: &str = "height";
const TYPE: &str = "type";
const DEFAULT_WIDTH: u32 = 640;
const DEFAULT_HEIGHT: u32 = 480;

/// The name of a segment's byte stream.
pub fn stream_name(id: &str) -> String {
    format!("VIDEO_{id}")
}

/// Cuts a frame into the contents of its chunks; a frame always starts a chunk of its own.
pub fn chunks(frame: &Bytes) -> impl Iterator<Item = Bytes> + '_ {
    let starts = (0..frame.len()).step_by(CHUNK_BYTES);
    starts.map(|start| frame.slice(start..frame.len().min(start + CHUNK_BYTES)))
}

/// What all frames of a segment are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamAttributes {
    /// How the pixels are stored.
    pub format: PixelFormat,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
}

impl StreamAttributes {
    /// Reads a stream's attributes. What is missing is RGBA or 640x480; the result always has a layout.
    pub fn from_map(attributes: &HashMap<String, String>) -> Result<Self, WireError> {
        if attributes.len() > MAX_ATTRIBUTES {
            return Err(WireError::TooManyAttributes(attributes.len()));
        }
        let format = PixelFormat::try_from(number(attributes, TYPE)?.unwrap_or(PixelFormat::Rgba.number()))?;
        let width = number(attributes, WIDTH)?.unwrap_or(DEFAULT_WIDTH);
        let height = number(attributes, HEIGHT)?.unwrap_or(DEFAULT_HEIGHT);
        let attributes = Self { format, width, height };
        attributes.layout()?;
        Ok(attributes)
    }

    /// The attributes to open a stream with.
    pub fn to_map(&self) -> HashMap<String, String> {
        let entries = [(WIDTH, self.width), (HEIGHT, self.height), (TYPE, self.format.number())];
        entries.into_iter().map(|(name, value)| (name.to_owned(), value.to_string())).collect()
    }

    /// The layout of each frame.
    pub fn layout(&self) -> Result<Layout, WireError> {
        Ok(self.format.layout(self.width, self.height)?)
    }
}

/// An attribute that is a decimal number, if it is there.
pub(super) fn number<T: FromStr>(
    attributes: &HashMap<String, String>,
    name: &'static str,
) -> Result<Option<T>, WireError> {
    let Some(value) = attributes.get(name) else { return Ok(None) };
    // `parse` alone takes a plus sign.
    let digits = value.bytes().all(|byte| byte.is_ascii_digit());
    let parsed = value.parse().ok().filter(|_| digits);
    parsed.map(Some).ok_or_else(|| WireError::Attribute { name, value: value.chars().take(32).collect() })
}

/// How far the receiver has played a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlaybackFinished {
    /// Position in microseconds, 0 to [`MAX_POSITION_US`].
    pub position_us: i64,
    /// Playing ended before the segment did.
    pub interrupted: bool,
}

impl PlaybackFinished {
    /// A message whose position has been checked.
    pub fn new(position_us: i64, interrupted: bool) -> Result<Self, WireError> {
        if !(0..=MAX_POSITION_US).contains(&position_us) {
            return Err(WireError::Position);
        }
        Ok(Self { position_us, interrupted })
    }

    /// Reads the payload of [`METHOD_PLAYBACK_FINISHED`].
    pub fn parse(payload: &str) -> Result<Self, WireError> {
        if payload.len() > MAX_PAYLOAD_BYTES {
            return Err(WireError::TooLong { what: "payload", bytes: payload.len(), limit: MAX_PAYLOAD_BYTES });
        }
        let object: Map<String, Value> =
            serde_json::from_str(payload).map_err(|_| WireError::PlaybackFinished("not a JSON object"))?;
        let seconds = object.get("playback_position").and_then(Value::as_f64);
        let seconds = seconds.ok_or(WireError::PlaybackFinished("playback_position is not a number"))?;
        let interrupted = object.get("interrupted").and_then(Value::as_bool);
        let interrupted = interrupted.ok_or(WireError::PlaybackFinished("interrupted is not true or false"))?;
        if seconds < 0.0 {
            return Err(WireError::Position);
        }
        // The cast saturates, so that everything too large is out of range there, too.
        Self::new((seconds * 1e6).round() as i64, interrupted)
    }

    /// The position in seconds.
    pub fn position_s(&self) -> f64 {
        self.position_us as f64 / 1e6
    }

    /// The payload of [`METHOD_PLAYBACK_FINISHED`]: these two keys only, peers refuse others.
    pub fn to_json(&self) -> String {
        json!({ "playback_position": self.position_s(), "interrupted": self.interrupted }).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_survive_the_way_there_and_back() {
        for format in PixelFormat::ALL {
            let attributes = StreamAttributes { format, width: 641, height: 16384 };
            assert_eq!(StreamAttributes::from_map(&attributes.to_map()), Ok(attributes));
        }
    }

    #[test]
    fn payloads_have_a_bound() {
        let of = |bytes| format!(r#"{{"playback_position": 1, "interrupted": false, "a": "{}"}}"#, "x".repeat(bytes));
        let most = MAX_PAYLOAD_BYTES - of(0).len();
        assert!(PlaybackFinished::parse(&of(most)).is_ok());
        assert!(matches!(PlaybackFinished::parse(&of(most + 1)), Err(WireError::TooLong { .. })));
    }

    #[test]
    fn attributes_have_a_bound() {
        let of = |count: usize| (0..count).map(|number| (number.to_string(), String::new())).collect();
        assert!(StreamAttributes::from_map(&of(MAX_ATTRIBUTES)).is_ok());
        let error = StreamAttributes::from_map(&of(MAX_ATTRIBUTES + 1));
        assert_eq!(error, Err(WireError::TooManyAttributes(MAX_ATTRIBUTES + 1)));
    }

    #[test]
    fn errors_quote_only_the_beginning_of_what_a_peer_sent() {
        let attributes = HashMap::from([("width".to_owned(), "é".repeat(10_000))]);
        let error = StreamAttributes::from_map(&attributes).unwrap_err();
        assert_eq!(error, WireError::Attribute { name: "width", value: "é".repeat(32) });
    }

    #[test]
    fn positions_keep_every_microsecond() {
        let everywhere = (0..=MAX_POSITION_US).step_by(123_456_789_019);
        let near_the_ends = (0..2000).chain(MAX_POSITION_US - 2000..=MAX_POSITION_US);
        for position_us in everywhere.chain(near_the_ends) {
            let finished = PlaybackFinished::new(position_us, true).unwrap();
            assert_eq!(PlaybackFinished::parse(&finished.to_json()), Ok(finished));
        }
        for position_us in [-1, i64::MIN, MAX_POSITION_US + 1, i64::MAX] {
            assert_eq!(PlaybackFinished::new(position_us, false), Err(WireError::Position));
        }
    }

    #[test]
    fn chunks_are_slices_of_the_frame() {
        let frame = Bytes::from(vec![0; 2 * CHUNK_BYTES + 1]);
        let cut: Vec<Bytes> = chunks(&frame).collect();
        assert_eq!(cut.iter().map(Bytes::len).collect::<Vec<_>>(), [CHUNK_BYTES, CHUNK_BYTES, 1]);
        assert_eq!(cut[1].as_ptr(), frame[CHUNK_BYTES..].as_ptr());
    }
}
