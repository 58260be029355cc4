// SPDX-License-Identifier: Apache-2.0
//! Bytes on the wire and what they mean, in both directions.
//!
//! [`v0`] has the names, attributes and messages of the protocol, [`assembler`] makes whole frames of stream
//! content, [`packet`] looks into LiveKit's data packets for the tap. No clock, I/O, threads or SDK types.
//! Invariant: whatever a peer sends is either a value in range or a [`WireError`]; nothing here panics on it.

pub mod assembler;
pub mod packet;
pub mod v0;

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
    /// Attributes that are numbers, but not those of a frame.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// A playback position is not finite, negative or beyond [`v0::MAX_POSITION_US`].
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
}
