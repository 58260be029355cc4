// SPDX-License-Identifier: Apache-2.0
//! The hello: a call from sender to receiver that agrees on version 1 and says where both stand.
//!
//! [`HelloRequest`] is the call's payload, [`HelloAnswer`] its answer. Names, types and keys that a later version adds
//! are left out when they are read, so that what remains is what both sides know.

use serde_json::{json, Value};

use super::json::{Object, MAX_LISTED};
use super::{Codec, EndReason, Feature, Id, Label, MAX_NUMBER, VERSION};
use crate::frame::PixelFormat;
use crate::wire::WireError;

/// RPC from sender to receiver, with a [`HelloRequest`], answered by a [`HelloAnswer`].
pub const METHOD_HELLO: &str = "lk.video_hello";
/// Most segments that a hello or its answer lists; of more, the newest are sent.
pub const MAX_SEGMENTS: usize = MAX_LISTED;

/// What a sender says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HelloRequest {
    /// The greatest version that it speaks.
    pub version: u64,
    /// Which of its outputs to this receiver it is about.
    pub label: Label,
    /// This life of the output.
    pub session: Id,
    /// What it can send, the best first.
    pub codecs: Vec<Codec>,
    /// What it can do.
    pub features: Vec<Feature>,
    /// Segments that have ended and wait for their playback-finished, in the order of their numbers.
    pub ended: Vec<EndedSegment>,
}

/// A segment whose trailer may be lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndedSegment {
    /// Its number, from 1.
    pub segment: u64,
    /// Frames that were sent whole.
    pub frames: u64,
    /// Why it ended.
    pub reason: EndReason,
}

/// A segment that the receiver has open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenSegment {
    /// Its number, from 1.
    pub segment: u64,
    /// The number of the first frame that has not arrived.
    pub next_frame: u64,
}

/// The answer to a hello.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HelloAnswer {
    /// Version 1 it is.
    Ok(Accepted),
    /// There is no such receiver yet, or it waits for its sender: it will send `Ready`.
    NotReady,
    /// Another has this place: the label is taken.
    Busy,
    /// The receiver listens to somebody else.
    Rejected,
}

/// What a receiver says of itself when it accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// This life of the receiver.
    pub receiver: Id,
    /// What it can decode, of what the sender can send; the best first.
    pub codecs: Vec<Codec>,
    /// Pixel formats that it takes.
    pub types: Vec<PixelFormat>,
    /// What both do.
    pub features: Vec<Feature>,
    /// Largest frame in bytes, as pixels and as payload.
    pub max_frame: u64,
    /// Chunk bytes of the session that the sender may send in all.
    pub limit: u64,
    /// Segments that are open, in the order of their numbers.
    pub open: Vec<OpenSegment>,
}

impl HelloRequest {
    /// Reads the payload of [`METHOD_HELLO`].
    pub fn parse(payload: &str) -> Result<Self, WireError> {
        let object = Object::parse(payload)?;
        let version = object.positive("version")?;
        let ended = object.objects("ended")?.map(|entry| EndedSegment::read(&entry?)).collect::<Result<Vec<_>, _>>()?;
        check_order("ended", ended.iter().map(|ended| ended.segment))?;
        Ok(Self {
            version,
            label: object.label()?,
            session: object.id("session")?,
            codecs: codecs(&object)?,
            features: features(&object)?,
            ended,
        })
    }

    /// The payload of [`METHOD_HELLO`].
    pub fn to_json(&self) -> String {
        let ended: Vec<Value> = newest(&self.ended).iter().map(EndedSegment::value).collect();
        json!({
            "version": self.version,
            "label": self.label.as_str(),
            "session": self.session.as_str(),
            "codecs": names(&self.codecs, Codec::name),
            "features": names(&self.features, Feature::name),
            "ended": ended,
        })
        .to_string()
    }
}

impl HelloAnswer {
    /// The word for it.
    pub const fn status(&self) -> &'static str {
        match self {
            Self::Ok(_) => "ok",
            Self::NotReady => "not_ready",
            Self::Busy => "busy",
            Self::Rejected => "rejected",
        }
    }

    /// Reads an answer. Its version must be one that we asked for.
    pub fn parse(payload: &str) -> Result<Self, WireError> {
        let object = Object::parse(payload)?;
        let version = object.number("version")?;
        if version != VERSION {
            return Err(WireError::Version(version.to_string()));
        }
        match object.text("status")? {
            "ok" => Accepted::read(&object).map(Self::Ok),
            "not_ready" => Ok(Self::NotReady),
            "busy" => Ok(Self::Busy),
            "rejected" => Ok(Self::Rejected),
            _ => Err(WireError::Field("status")),
        }
    }

    /// The answer's text.
    pub fn to_json(&self) -> String {
        let mut answer = match self {
            Self::Ok(accepted) => accepted.value(),
            Self::NotReady | Self::Busy | Self::Rejected => json!({}),
        };
        answer["version"] = VERSION.into();
        answer["status"] = self.status().into();
        answer.to_string()
    }
}

impl Accepted {
    fn read(object: &Object) -> Result<Self, WireError> {
        let in_range = |entry: &Value| entry.as_u64().filter(|number| *number <= MAX_NUMBER);
        let known_type = |number| u32::try_from(number).ok().and_then(|number| PixelFormat::try_from(number).ok());
        let open = object.objects("open")?.map(|entry| OpenSegment::read(&entry?)).collect::<Result<Vec<_>, _>>()?;
        check_order("open", open.iter().map(|open| open.segment))?;
        Ok(Self {
            receiver: object.id("receiver")?,
            codecs: codecs(object)?,
            types: object.known("types", |entry| in_range(entry).map(known_type))?,
            features: features(object)?,
            max_frame: object.positive("max_frame")?,
            limit: object.number("limit")?,
            open,
        })
    }

    fn value(&self) -> Value {
        let types: Vec<u32> = self.types.iter().map(|format| format.number()).collect();
        let open: Vec<Value> = newest(&self.open).iter().map(OpenSegment::value).collect();
        json!({
            "receiver": self.receiver.as_str(),
            "codecs": names(&self.codecs, Codec::name),
            "types": types,
            "features": names(&self.features, Feature::name),
            "max_frame": self.max_frame,
            "limit": self.limit,
            "open": open,
        })
    }
}

impl EndedSegment {
    fn read(object: &Object) -> Result<Self, WireError> {
        let reason = EndReason::from_name(object.text("reason")?).ok_or(WireError::Field("reason"))?;
        Ok(Self { segment: object.positive("segment")?, frames: object.number("frames")?, reason })
    }

    fn value(&self) -> Value {
        json!({ "segment": self.segment, "frames": self.frames, "reason": self.reason.name() })
    }
}

impl OpenSegment {
    fn read(object: &Object) -> Result<Self, WireError> {
        Ok(Self { segment: object.positive("segment")?, next_frame: object.number("next_frame")? })
    }

    fn value(&self) -> Value {
        json!({ "segment": self.segment, "next_frame": self.next_frame })
    }
}

fn codecs(object: &Object) -> Result<Vec<Codec>, WireError> {
    object.known("codecs", |entry| entry.as_str().map(Codec::from_name))
}

fn features(object: &Object) -> Result<Vec<Feature>, WireError> {
    object.known("features", |entry| entry.as_str().map(Feature::from_name))
}

fn names<T: Copy>(all: &[T], name: impl Fn(T) -> &'static str) -> Vec<&'static str> {
    all.iter().map(|one| name(*one)).collect()
}

fn newest<T>(segments: &[T]) -> &[T] {
    &segments[segments.len().saturating_sub(MAX_SEGMENTS)..]
}

/// Segments are listed in the order of their numbers, none twice.
fn check_order(name: &'static str, numbers: impl Iterator<Item = u64>) -> Result<(), WireError> {
    let mut last = 0;
    for number in numbers {
        if number <= last {
            return Err(WireError::Field(name));
        }
        last = number;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::names::{MAX_ID_DIGITS, MAX_LABEL_BYTES};
    use super::super::MAX_PAYLOAD_BYTES;
    use super::*;

    #[test]
    fn the_longest_hello_fits_a_call() {
        let first = MAX_NUMBER - 2 * MAX_SEGMENTS as u64;
        let ended: Vec<_> = (first + 1..=MAX_NUMBER)
            .map(|segment| EndedSegment { segment, frames: MAX_NUMBER, reason: EndReason::Flush })
            .collect();
        let request = HelloRequest {
            version: MAX_NUMBER,
            label: Label::new(&"\"".repeat(MAX_LABEL_BYTES)).unwrap(),
            session: Id::new(&"f".repeat(MAX_ID_DIGITS)).unwrap(),
            codecs: Codec::ALL.to_vec(),
            features: Feature::ALL.to_vec(),
            ended,
        };
        let payload = request.to_json();
        assert!(payload.len() <= MAX_PAYLOAD_BYTES, "{}", payload.len());
        let newest = request.ended[MAX_SEGMENTS..].to_vec();
        assert_eq!(HelloRequest::parse(&payload), Ok(HelloRequest { ended: newest, ..request }));
    }

    #[test]
    fn the_longest_answer_fits_a_call() {
        let open =
            (1..=MAX_SEGMENTS as u64).map(|n| OpenSegment { segment: MAX_NUMBER - 200 + n, next_frame: MAX_NUMBER });
        let answer = HelloAnswer::Ok(Accepted {
            receiver: Id::new(&"f".repeat(MAX_ID_DIGITS)).unwrap(),
            codecs: Codec::ALL.to_vec(),
            types: PixelFormat::ALL.to_vec(),
            features: Feature::ALL.to_vec(),
            max_frame: MAX_NUMBER,
            limit: MAX_NUMBER,
            open: open.collect(),
        });
        let payload = answer.to_json();
        assert!(payload.len() <= MAX_PAYLOAD_BYTES, "{}", payload.len());
        assert_eq!(HelloAnswer::parse(&payload), Ok(answer));
    }

    #[test]
    fn what_does_not_matter_to_a_refusal_is_not_looked_at() {
        for answer in [HelloAnswer::NotReady, HelloAnswer::Busy, HelloAnswer::Rejected] {
            let payload = format!("{{\"version\":1,\"status\":\"{}\",\"receiver\":0}}", answer.status());
            assert_eq!(HelloAnswer::parse(&payload).as_ref(), Ok(&answer));
            assert_eq!(HelloAnswer::parse(&answer.to_json()), Ok(answer));
        }
    }
}
