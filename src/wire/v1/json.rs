// SPDX-License-Identifier: Apache-2.0
//! JSON payloads of calls, read strictly: one object, every key once, integers written as integers.
//!
//! Bounded before it is read by [`MAX_PAYLOAD_BYTES`], while it is read by serde_json's limit of 128 levels. Keys
//! that are not asked for are ignored.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::{Id, Label, MAX_NUMBER, MAX_PAYLOAD_BYTES};
use crate::wire::WireError;

/// Most entries of any list in a payload.
pub(super) const MAX_LISTED: usize = 128;

/// One JSON object.
pub(super) struct Object(Map<String, Value>);

impl Object {
    /// Reads a payload.
    pub fn parse(payload: &str) -> Result<Self, WireError> {
        if payload.len() > MAX_PAYLOAD_BYTES {
            return Err(WireError::TooLong { what: "payload", bytes: payload.len(), limit: MAX_PAYLOAD_BYTES });
        }
        match serde_json::from_str(payload) {
            Ok(Distinct(Value::Object(object))) => Ok(Self(object)),
            _ => Err(WireError::Json),
        }
    }

    /// Whether anything has this name.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// A number that must be there.
    pub fn number(&self, name: &'static str) -> Result<u64, WireError> {
        let number = self.0.get(name).and_then(Value::as_u64);
        number.filter(|number| *number <= MAX_NUMBER).ok_or(WireError::Field(name))
    }

    /// A number from 1 that must be there.
    pub fn positive(&self, name: &'static str) -> Result<u64, WireError> {
        match self.number(name)? {
            0 => Err(WireError::Field(name)),
            number => Ok(number),
        }
    }

    /// Text that must be there.
    pub fn text(&self, name: &'static str) -> Result<&str, WireError> {
        self.0.get(name).and_then(Value::as_str).ok_or(WireError::Field(name))
    }

    /// An id that must be there.
    pub fn id(&self, name: &'static str) -> Result<Id, WireError> {
        Id::new(self.text(name)?).ok_or(WireError::Field(name))
    }

    /// The label; empty if there is none.
    pub fn label(&self) -> Result<Label, WireError> {
        if self.0.contains_key("label") {
            Label::new(self.text("label")?)
        } else {
            Ok(Label::default())
        }
    }

    /// A list; empty if there is none.
    pub fn list(&self, name: &'static str) -> Result<&[Value], WireError> {
        match self.0.get(name) {
            None => Ok(&[]),
            Some(Value::Array(list)) if list.len() <= MAX_LISTED => Ok(list),
            Some(_) => Err(WireError::Field(name)),
        }
    }

    /// A list of objects.
    pub fn objects(&self, name: &'static str) -> Result<impl Iterator<Item = Result<Self, WireError>> + '_, WireError> {
        let object = move |entry: &Value| match entry {
            Value::Object(object) => Ok(Self(object.clone())),
            _ => Err(WireError::Field(name)),
        };
        Ok(self.list(name)?.iter().map(object))
    }

    /// A list of what `read` knows. An entry is of the wrong type if that gives `None`, and unknown, thus left out,
    /// if it gives `Some(None)`; what is there twice counts once.
    pub fn known<T: PartialEq>(
        &self,
        name: &'static str,
        read: impl Fn(&Value) -> Option<Option<T>>,
    ) -> Result<Vec<T>, WireError> {
        let mut all = Vec::new();
        for entry in self.list(name)? {
            let one = read(entry).ok_or(WireError::Field(name))?;
            all.extend(one.filter(|one| !all.contains(one)));
        }
        Ok(all)
    }
}

/// A JSON value in which no object names a key twice: readers disagree about which one counts.
struct Distinct(Value);

impl<'de> Deserialize<'de> for Distinct {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DistinctVisitor).map(Self)
    }
}

struct DistinctVisitor;

impl<'de> Visitor<'de> for DistinctVisitor {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Distinct(entry)) = entries.next_element()? {
            list.push(entry);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some((name, Distinct(value))) = entries.next_entry()? {
            if object.insert(name, value).is_some() {
                return Err(A::Error::custom("a key twice"));
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_twice_is_refused_at_every_depth() {
        assert!(Object::parse(r#"{"a":1,"b":{"a":1}}"#).is_ok());
        for payload in [r#"{"a":1,"a":1}"#, r#"{"b":{"a":1,"a":2}}"#, r#"{"b":[{"a":1,"\u0061":2}]}"#] {
            assert_eq!(Object::parse(payload).err(), Some(WireError::Json), "{payload}");
        }
    }

    #[test]
    fn depth_and_length_have_bounds() {
        let nested = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        assert!(Object::parse(&nested(100)).is_ok());
        assert_eq!(Object::parse(&nested(7_000)).err(), Some(WireError::Json));
        let long = format!("{{\"a\":\"{}\"}}", " ".repeat(MAX_PAYLOAD_BYTES));
        assert!(matches!(Object::parse(&long).err(), Some(WireError::TooLong { .. })));
    }

    #[test]
    fn integers_are_integers_in_range() {
        let number = |text: &str| Object::parse(&format!("{{\"a\":{text}}}")).unwrap().number("a").ok();
        assert_eq!((number("0"), number("9007199254740991")), (Some(0), Some(MAX_NUMBER)));
        for bad in ["9007199254740992", "1e400000", "3.0", "3e0", "-1", "-0", "\"3\"", "null", "true", "[3]"] {
            let read = Object::parse(&format!("{{\"a\":{bad}}}")).and_then(|object| object.number("a"));
            assert!(read.is_err(), "{bad}");
        }
        assert_eq!(Object::parse("{\"a\":0}").unwrap().positive("a"), Err(WireError::Field("a")));
    }
}
