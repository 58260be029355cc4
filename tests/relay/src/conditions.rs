// SPDX-License-Identifier: Apache-2.0
//! What one way of the link does to packets. The default is a link that does nothing to them.

use std::time::Duration;

/// The conditions of one way. They hold for packets that come in from then on; what is under way is not touched.
#[derive(Clone, Debug, PartialEq)]
pub struct Conditions {
    /// From the last bit on the line to the arrival.
    pub delay: Duration,
    /// Up to so much more delay, evenly spread.
    pub jitter: Duration,
    /// Whether packets may overtake each other by jitter; else a late one holds up those behind it.
    pub jitter_reorders: bool,
    /// How likely it is that a loss begins with a packet, 0 to 1.
    pub loss: f64,
    /// Packets that a loss takes.
    pub loss_burst: u32,
    /// How likely a packet is held back by `reorder_by`, so that others overtake it, 0 to 1.
    pub reorder: f64,
    /// How much later a packet comes that is held back.
    pub reorder_by: Duration,
    /// Bits a second that the line carries, IP headers included; none: any number at once.
    pub rate: Option<u64>,
    /// Bytes that may wait for the line; a packet for which there is no room is dropped.
    pub queue_bytes: u64,
    /// Nothing comes in: every packet vanishes.
    pub down: bool,
}

impl Default for Conditions {
    fn default() -> Self {
        Self {
            delay: Duration::ZERO,
            jitter: Duration::ZERO,
            jitter_reorders: false,
            loss: 0.0,
            loss_burst: 1,
            reorder: 0.0,
            reorder_by: Duration::from_millis(10),
            rate: None,
            queue_bytes: 256 * 1024,
            down: false,
        }
    }
}

impl Conditions {
    /// How long the line is busy with so many bytes.
    pub fn serialisation(&self, bytes: u64) -> Duration {
        self.rate.map_or(Duration::ZERO, |rate| Duration::from_nanos(bytes.saturating_mul(8_000_000_000) / rate))
    }

    /// How many bytes keep the line busy for so long.
    pub fn backlog(&self, busy: Duration) -> u64 {
        self.rate.map_or(0, |rate| (busy.as_secs_f64() * rate as f64 / 8.0) as u64)
    }
}
