// SPDX-License-Identifier: Apache-2.0
//! Which segment a playback-finished belongs to, on both sides: the receiver's [`Notifications`] sends at most one for
//! each segment, the output's [`Unfinished`] gives each one that comes to its segment. Version 0 does not say which, so
//! that both sides count; version 1 does.

mod notifications;
mod unfinished;

pub(super) use notifications::{Notifications, WireSegment};
pub(super) use unfinished::Unfinished;

use std::time::Duration;

/// Segments remembered for a playback-finished. An application that never notifies (or a peer that never does)
/// makes the oldest be forgotten (or finished by us) beyond it.
pub(super) const MAX_WAITING_SEGMENTS: usize = 1024;

/// An output waits so long after a clear for the finishes of the segments that it cleared.
pub(super) const CLEARED_FINISH: Duration = Duration::from_secs(5);
