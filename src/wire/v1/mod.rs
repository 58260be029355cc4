// SPDX-License-Identifier: Apache-2.0
//! Version 1 of the protocol: segments and frames with numbers, agreed on by a hello.
//!
//! [`hello`] is the agreement, [`attributes`] and [`trailer`] begin and end a segment's stream, [`record`] makes chunks
//! of frames and [`assembler`] frames of chunks, [`control`] has the small messages of flow control, [`rpc`] the
//! payloads of clear and playback. `docs/wire.md` is the specification.
//!
//! Invariant: every number is at most [`MAX_NUMBER`], so that JSON readers which know doubles alone read it as it is
//! and sums of two of them do not overflow; times are the exception, they are anybody's 64 bits.

pub mod assembler;
pub mod attributes;
pub mod control;
pub mod hello;
mod json;
mod names;
pub mod record;
pub mod rpc;
pub mod trailer;

pub use names::{Codec, EndReason, Feature, Id, Label};

/// This version's number.
pub const VERSION: u64 = 1;
/// Greatest count, number, offset or limit: 2^53 - 1.
pub const MAX_NUMBER: u64 = (1 << 53) - 1;
/// Longest payload of a call or its answer, in bytes: LiveKit's own limit.
pub const MAX_PAYLOAD_BYTES: usize = 15_360;
