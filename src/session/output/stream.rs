// SPDX-License-Identifier: Apache-2.0
//! The segment that an output has open, or is opening or closing: the stream that carries it and how it will end.

use super::super::agreement::Version;
use crate::wire::v0::StreamAttributes;
use crate::wire::v1::EndReason;
use std::time::Instant;

#[derive(Debug)]
pub(super) struct Stream {
    pub(super) segment: u64,
    pub(super) version: Version,
    /// Of the first frame written to it; in version 0 of all.
    pub(super) attributes: StreamAttributes,
    pub(super) next_number: u64,
    pub(super) broken_off: Option<BrokenOff>,
    /// Version 1: the stream is gone, the segment goes on in a new one.
    pub(super) lost: bool,
}

/// Why a segment ends before it is whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BrokenOff {
    Cleared,
    ClearedUnheard,
    Failed,
    DestinationLeft,
    Restarted,
    Closed,
}

impl BrokenOff {
    /// For the trailer of version 0.
    pub(super) fn reason(self) -> &'static str {
        match self {
            // The receiver knows; official SDKs take any reason for a failure of the stream.
            Self::Cleared => "",
            Self::ClearedUnheard => "cleared",
            Self::Failed => "failed",
            Self::DestinationLeft => "destination left",
            Self::Restarted => "reconnected",
            Self::Closed => "closed",
        }
    }

    /// For the trailer of version 1.
    pub(super) fn end_reason(self) -> EndReason {
        match self {
            Self::Cleared | Self::ClearedUnheard => EndReason::Clear,
            Self::Failed | Self::DestinationLeft | Self::Restarted | Self::Closed => EndReason::Abort,
        }
    }
}

/// The action that the driver is at.
#[derive(Debug, Clone, Copy)]
pub(super) enum UnderWay {
    /// `again`: the segment goes on in this stream.
    Opening {
        again: bool,
    },
    /// `since`: when it could have begun, had there been credit.
    Writing {
        bytes: usize,
        since: Instant,
    },
    Closing,
    Clearing,
}
