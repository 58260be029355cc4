// SPDX-License-Identifier: Apache-2.0
//! What the buffer of a UDP socket holds, and the bounds that follow from it where a round trip is short.
//!
//! There the ends' scheduling is what delays most: all that is on its way waits in the receiving socket until its owner
//! gets a turn. What does not fit is lost, the end of a burst with it, and that costs a retransmission time-out of a
//! second. Where a round trip is long the network holds most of what is on its way, and a bound would hold the rate down.

use super::path::SHORT;
use std::time::Duration;

/// What Linux charges for a datagram of 1200 bytes: the memory it takes, with its own bookkeeping.
const COST: usize = 2304;
/// Payload of a full datagram.
const PAYLOAD: usize = 1160;

/// Bytes that may be on their way to a socket whose buffer is of `size` bytes, as the system counts them. A quarter
/// is left to short datagrams, which cost as much, and to what is sent again.
pub(crate) const fn holds(size: usize) -> usize {
    size / COST * PAYLOAD / 4 * 3
}

/// Neither bound is ever lower: what is sent where nothing else is announced (RFC 8841, 6.1) is to fit.
const LEAST: usize = 65_536;

/// What the smallest usual buffer holds: Linux doubles its default `net.core.rmem_max` of 212,992.
pub(super) const USUAL: usize = holds(2 * 212_992);

/// The receive window of a connection over sockets that were `granted` a buffer of so many bytes. A distance that is not
/// known counts as long, a size that is not known as large.
pub(crate) fn window(configured: u32, distance: Option<Duration>, granted: Option<usize>) -> u32 {
    match granted {
        Some(size) if distance.is_some_and(|round_trip| round_trip < SHORT) => {
            configured.min(holds(size).max(LEAST).try_into().unwrap_or(u32::MAX))
        }
        _ => configured,
    }
}

/// The cap on bytes in flight from the start on. On this machine itself the far end's sockets have the limit of ours;
/// what those of another one hold shows only when something is lost.
pub(crate) fn in_flight(configured: usize, distance: Option<Duration>, granted: Option<usize>) -> usize {
    match granted {
        Some(size) if distance == Some(Duration::ZERO) => configured.min(holds(size).max(LEAST)),
        _ => configured,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_fits_the_buffer_where_the_far_end_is_near() {
        const WINDOW: u32 = 8 << 20;
        let (near, far) = (Some(Duration::from_millis(9)), Some(SHORT));
        assert_eq!(window(WINDOW, near, Some(425_984)), 160_080);
        assert_eq!(window(WINDOW, near, Some(8 << 20)), 3_166_800);
        assert_eq!(window(100_000, near, Some(425_984)), 100_000);
        assert_eq!(window(WINDOW, near, Some(usize::MAX)), WINDOW);
        assert_eq!(window(WINDOW, near, Some(4096)), 65_536);
        for (distance, granted) in [(far, Some(425_984)), (None, Some(425_984)), (near, None)] {
            assert_eq!(window(WINDOW, distance, granted), WINDOW);
        }
    }

    #[test]
    fn the_cap_is_known_from_the_start_on_this_machine_alone() {
        const CAP: usize = 512 << 10;
        let (here, near) = (Some(Duration::ZERO), Some(Duration::from_micros(1)));
        assert_eq!(in_flight(CAP, here, Some(425_984)), USUAL);
        assert_eq!(in_flight(CAP, here, Some(8 << 20)), CAP);
        for (distance, granted) in [(near, Some(425_984)), (None, Some(425_984)), (here, None)] {
            assert_eq!(in_flight(CAP, distance, granted), CAP);
        }
    }
}
