// SPDX-License-Identifier: Apache-2.0
//! The attributes of the trailer with which a segment ends.

use std::collections::HashMap;

use super::attributes::number;
use super::EndReason;
use crate::wire::WireError;

const FRAMES: &str = "frames";
const OFFSET: &str = "offset";
const REASON: &str = "reason";

/// How a segment ended at its sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trailer {
    /// The number that the segment's next frame would have had: what is missing up to it was lost.
    pub frames: u64,
    /// Chunk bytes of the session up to here.
    pub offset: u64,
    /// Why it ended.
    pub reason: EndReason,
}

impl Trailer {
    /// Reads the attributes of a trailer.
    pub fn from_map(attributes: &HashMap<String, String>) -> Result<Self, WireError> {
        let reason = attributes.get(REASON).and_then(|name| EndReason::from_name(name));
        Ok(Self {
            frames: number(attributes, FRAMES)?.ok_or(WireError::Field(FRAMES))?,
            offset: number(attributes, OFFSET)?.ok_or(WireError::Field(OFFSET))?,
            reason: reason.ok_or(WireError::Field(REASON))?,
        })
    }

    /// The attributes to end a stream with.
    pub fn to_map(&self) -> HashMap<String, String> {
        let entries = [
            (FRAMES, self.frames.to_string()),
            (OFFSET, self.offset.to_string()),
            (REASON, self.reason.name().to_owned()),
        ];
        entries.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}
