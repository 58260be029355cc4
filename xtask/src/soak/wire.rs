// SPDX-License-Identifier: Apache-2.0
//! What a version of the wire can promise and another cannot: the one place where the soak knows of versions. The rows are
//! those of the tables in `docs/wire.md`.

#[derive(Clone, Copy, Debug)]
pub struct Promises {
    /// A playback-finished names its segment. Without it the oldest segment that waits gets it: also that of the output
    /// before, and of the sender process before.
    pub finishes_name_their_segment: bool,
}

/// What the rooms of this version speak.
pub const PROMISES: Promises = VERSION_0;

const VERSION_0: Promises = Promises { finishes_name_their_segment: false };
