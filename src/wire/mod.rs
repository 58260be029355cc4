// SPDX-License-Identifier: Apache-2.0
//! Bytes on the wire and what they mean, in both directions.
//!
//! [`v0`] has the names, attributes and messages that every peer speaks, [`assembler`] makes whole frames of its
//! stream content; [`v1`] has those of the numbered protocol; [`packet`] looks into LiveKit's data packets for the
//! tap. No clock, I/O, threads or SDK types. Invariant: whatever a peer sends is either a value in range or a
//! [`WireError`]; nothing here panics on it.

pub mod assembler;
mod error;
pub mod packet;
pub mod v0;
pub mod v1;

pub use error::WireError;
