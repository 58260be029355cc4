// SPDX-License-Identifier: Apache-2.0
//! Why bytes of a peer, or a message to it, are refused: one error for the whole room.
//!
//! Invariant: an error holds at most a few words of what the peer sent, so that logs and counters of refusals cost
//! no more than the refused bytes.

use crate::frame::FrameError;

/// Why bytes of a peer, or a message to it, are refused.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum WireError {
    /// A stream attribute is not a decimal number in range.
    #[error("attribute {name}={value:?} is not a decimal number in range")]
    Attribute {
        /// The attribute's name.
        name: &'static str,
        /// The beginning of what it was.
        value: String,
    },
    /// A stream has more than [`super::v0::MAX_ATTRIBUTES`].
    #[error("a stream of {0} attributes")]
    TooManyAttributes(usize),
    /// Attributes that are numbers, but not those of a frame; or a frame of another size than they say.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// A playback position is not finite, negative or beyond [`super::v0::MAX_POSITION_US`].
    #[error("playback position out of range")]
    Position,
    /// A playback-finished payload is not the JSON object it should be.
    #[error("bad playback-finished payload: {0}")]
    PlaybackFinished(&'static str),
    /// A data packet is not the protobuf message it should be.
    #[error("bad data packet: {0}")]
    Packet(#[from] prost::DecodeError),
    /// Text in a data packet is not UTF-8.
    #[error("bad data packet: text is not UTF-8")]
    Text,
    /// A version that is not spoken here.
    #[error("version {0} of the protocol is unknown")]
    Version(String),
    /// More bytes than a message of this kind may have.
    #[error("{what} of {bytes} bytes where {limit} are allowed")]
    TooLong {
        /// What is too long.
        what: &'static str,
        /// Its length.
        bytes: usize,
        /// The greatest length.
        limit: usize,
    },
    /// A payload is not one JSON object, is nested too deeply, or has an object that names a key twice.
    #[error("bad payload: not a JSON object with distinct keys")]
    Json,
    /// A frame header or a control message is not the protobuf message it should be.
    #[error("bad message: {0}")]
    Message(prost::DecodeError),
    /// A key, an attribute or a field is missing, of the wrong type or out of range.
    #[error("{0} is missing, of the wrong type or out of range")]
    Field(&'static str),
}
