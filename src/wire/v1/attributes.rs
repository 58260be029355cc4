// SPDX-License-Identifier: Apache-2.0
//! The attributes with which a segment's stream begins: version 0's, and which segment of whose session it is.

use std::collections::HashMap;

use super::{Id, Label, MAX_NUMBER};
use crate::wire::{v0, WireError};

const VERSION: &str = "lkv";
const LABEL: &str = "label";
const SESSION: &str = "session";
const SEGMENT: &str = "segment";
const RESUME_FROM: &str = "resume_from";

/// What a stream says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamAttributes {
    /// What the first frame of the stream is. Each frame's own header counts.
    pub video: v0::StreamAttributes,
    /// Which of the sender's outputs to this receiver.
    pub label: Label,
    /// This life of the output.
    pub session: Id,
    /// The segment's number in the session, from 1.
    pub segment: u64,
    /// On a continuation of a segment in a new stream: the number of its first frame.
    pub resume_from: Option<u64>,
}

/// Whether a stream's attributes are of version 1. Without `lkv` they are of version 0; with another one they are not
/// ours to read.
pub fn is_v1(attributes: &HashMap<String, String>) -> Result<bool, WireError> {
    match attributes.get(VERSION).map(String::as_str) {
        None => Ok(false),
        Some("1") => Ok(true),
        Some(other) => Err(WireError::Version(other.chars().take(32).collect())),
    }
}

/// The label of a stream of either version, unchecked: without one it is empty.
pub fn label(attributes: &HashMap<String, String>) -> &str {
    match is_v1(attributes) {
        Ok(true) => attributes.get(LABEL).map_or("", String::as_str),
        Ok(false) | Err(_) => "",
    }
}

impl StreamAttributes {
    /// Reads the attributes of a stream of version 1.
    pub fn from_map(attributes: &HashMap<String, String>) -> Result<Self, WireError> {
        if !is_v1(attributes)? {
            return Err(WireError::Field(VERSION));
        }
        let session = attributes.get(SESSION).and_then(|text| Id::new(text));
        Ok(Self {
            video: v0::StreamAttributes::from_map(attributes)?,
            label: attributes.get(LABEL).map_or(Ok(Label::default()), |text| Label::new(text))?,
            session: session.ok_or(WireError::Field(SESSION))?,
            segment: number(attributes, SEGMENT)?.filter(|segment| *segment > 0).ok_or(WireError::Field(SEGMENT))?,
            resume_from: number(attributes, RESUME_FROM)?,
        })
    }

    /// The attributes to open a stream with.
    pub fn to_map(&self) -> HashMap<String, String> {
        let mut map = self.video.to_map();
        let entries = [
            (VERSION, super::VERSION.to_string()),
            (LABEL, self.label.to_string()),
            (SESSION, self.session.to_string()),
            (SEGMENT, self.segment.to_string()),
        ];
        let resume_from = self.resume_from.map(|frame| (RESUME_FROM, frame.to_string()));
        map.extend(entries.into_iter().chain(resume_from).map(|(name, value)| (name.to_owned(), value)));
        map
    }
}

/// A decimal attribute of version 1, if it is there.
pub(super) fn number(attributes: &HashMap<String, String>, name: &'static str) -> Result<Option<u64>, WireError> {
    match v0::number::<u64>(attributes, name)? {
        Some(number) if number > MAX_NUMBER => Err(WireError::Attribute { name, value: number.to_string() }),
        number => Ok(number),
    }
}
