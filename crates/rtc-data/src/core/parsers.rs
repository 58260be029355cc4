// SPDX-License-Identifier: Apache-2.0
//! The parsers of what the far end writes, bare, for the fuzz targets. A connection, which makes a key and a certificate
//! first, would allow a hundredth of the tries.

use super::{candidate, sdp, stun};
use std::net::SocketAddr;

/// A remote description as the stack gets it, and a local one with the sections that are rejected in it.
pub struct Description {
    /// With one section only.
    pub reduced: String,
    /// Name of the far end's ICE credentials.
    pub ufrag: String,
    /// Lines of candidates, taken out.
    pub candidates: Vec<String>,
    /// The reduced one with the rejected sections back at their places, as an answer has them.
    pub presented: String,
}

/// Reads a session description; `None` if it is refused.
pub fn description(text: &str) -> Option<Description> {
    let sdp::Reduced { sdp: reduced, ufrag, candidates, rejected } = sdp::reduce(text).ok()?;
    let presented = sdp::present(&reduced, 1, &rejected);
    Some(Description { reduced, ufrag, candidates, presented })
}

/// Reads a candidate line; `None` if it is of no use.
pub fn candidate(line: &str) -> Option<String> {
    candidate::usable(line)
}

/// Reads a STUN server's answer: its transaction and the address that the server saw.
pub fn binding_success(datagram: &[u8]) -> Option<([u8; 12], SocketAddr)> {
    stun::binding_success(datagram)
}
