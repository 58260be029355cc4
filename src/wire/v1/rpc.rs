// SPDX-License-Identifier: Apache-2.0
//! Payloads of the calls about clear and playback, which name what they are about.
//!
//! The methods of clear and of playback-finished are those of version 0; which version a payload is of shows in it. All are
//! answered as in version 0.

use serde_json::{json, Value};

use super::json::Object;
use super::{Id, Label};
use crate::wire::{v0, WireError};

/// RPC from receiver to sender, with a [`PlaybackStarted`]: the first frame of a segment is shown.
pub const METHOD_PLAYBACK_STARTED: &str = "lk.playback_started_video";

/// The payload of [`v0::METHOD_CLEAR_BUFFER`]: drop what has not been played of these segments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clear {
    /// Which of the sender's outputs to this receiver.
    pub label: Label,
    /// This life of the output.
    pub session: Id,
    /// The last segment to drop; 0 drops none. Those above are not touched.
    pub through_segment: u64,
}

/// The payload of [`METHOD_PLAYBACK_STARTED`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaybackStarted {
    /// Which of the sender's outputs to this receiver.
    pub label: Label,
    /// This life of the output.
    pub session: Id,
    /// The segment, from 1.
    pub segment: u64,
}

/// The payload of [`v0::METHOD_PLAYBACK_FINISHED`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaybackFinished {
    /// Which of the sender's outputs to this receiver.
    pub label: Label,
    /// This life of the output.
    pub session: Id,
    /// The segment, from 1.
    pub segment: u64,
    /// How far it was played.
    pub played: v0::PlaybackFinished,
}

impl Clear {
    /// Reads the payload.
    pub fn parse(payload: &str) -> Result<Self, WireError> {
        let object = Object::parse(payload)?;
        Ok(Self {
            label: object.label()?,
            session: object.id("session")?,
            through_segment: object.number("through_segment")?,
        })
    }

    /// The payload.
    pub fn to_json(&self) -> String {
        let mut object = pair(&self.label, &self.session);
        object["through_segment"] = self.through_segment.into();
        object.to_string()
    }
}

impl PlaybackStarted {
    /// Reads the payload.
    pub fn parse(payload: &str) -> Result<Self, WireError> {
        let object = Object::parse(payload)?;
        Ok(Self { label: object.label()?, session: object.id("session")?, segment: object.positive("segment")? })
    }

    /// The payload.
    pub fn to_json(&self) -> String {
        let mut object = pair(&self.label, &self.session);
        object["segment"] = self.segment.into();
        object.to_string()
    }
}

impl PlaybackFinished {
    /// Whether a payload is meant to be one of these: version 0 names no `session`.
    pub fn is_meant(payload: &str) -> bool {
        Object::parse(payload).is_ok_and(|object| object.has("session"))
    }

    /// Reads the payload.
    pub fn parse(payload: &str) -> Result<Self, WireError> {
        let PlaybackStarted { label, session, segment } = PlaybackStarted::parse(payload)?;
        Ok(Self { label, session, segment, played: v0::PlaybackFinished::parse(payload)? })
    }

    /// The payload: version 0's two keys and which segment they are about.
    pub fn to_json(&self) -> String {
        let mut object = pair(&self.label, &self.session);
        object["segment"] = self.segment.into();
        object["playback_position"] = self.played.position_s().into();
        object["interrupted"] = self.played.interrupted.into();
        object.to_string()
    }
}

fn pair(label: &Label, session: &Id) -> Value {
    json!({ "label": label.as_str(), "session": session.as_str() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finish_with_a_session_is_never_taken_for_one_of_version_0() {
        let of_no_segment = r#"{"session": "s", "segment": 0, "playback_position": 5.0, "interrupted": false}"#;
        assert!(v0::PlaybackFinished::parse(of_no_segment).is_ok() && PlaybackFinished::parse(of_no_segment).is_err());
        assert!(PlaybackFinished::is_meant(of_no_segment));
        assert!(!PlaybackFinished::is_meant(r#"{"playback_position": 5.0, "interrupted": false}"#));
        assert!(!PlaybackFinished::is_meant("[") && !PlaybackFinished::is_meant("[]"));
    }
}
