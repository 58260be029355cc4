// SPDX-License-Identifier: Apache-2.0
//! What one way of the link did to packets, since it began.

use serde::Serialize;

/// Counts of one way. Every packet that came in is in exactly one of `delivered`, `lost`, `overflowed`, `blacked_out`,
/// or still under way.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Counters {
    /// Packets that came in.
    pub packets: u64,
    /// Their bytes, IP headers included.
    pub bytes: u64,
    /// Packets handed on.
    pub delivered: u64,
    /// Packets taken by the dice, or on command.
    pub lost: u64,
    /// Packets for which the queue had no room.
    pub overflowed: u64,
    /// Packets that came while the way was down.
    pub blacked_out: u64,
    /// Packets held back so that others overtook them.
    pub held_back: u64,
    /// The most bytes that ever waited for the line.
    pub longest_queue_bytes: u64,
}
