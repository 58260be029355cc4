// SPDX-License-Identifier: Apache-2.0
//! Names that version 1 is made of: labels, ids of sessions and receivers, codecs, features, reasons.
//!
//! What a peer sent becomes one of these only if it is within bounds; comparing them is comparing bytes.

use std::fmt;
use std::sync::Arc;

use super::super::WireError;

/// Longest label in bytes of UTF-8.
pub const MAX_LABEL_BYTES: usize = 64;
/// Fewest digits of an id: 64 bits.
pub const MIN_ID_DIGITS: usize = 16;
/// Most digits of an id.
pub const MAX_ID_DIGITS: usize = 64;

/// Tells apart several outputs of one sender to one destination. Any UTF-8 without control characters; the default
/// is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Label(Arc<str>);

impl Label {
    /// A label, if it is one.
    pub fn new(text: &str) -> Result<Self, WireError> {
        if text.len() > MAX_LABEL_BYTES || text.chars().any(char::is_control) {
            return Err(WireError::Field("label"));
        }
        Ok(Self(text.into()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Label {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}

/// Names one life of a sender's output (a session) or of a receiver: 16 to 64 hexadecimal digits in lower case, drawn
/// at random, so that what was meant for an earlier life is told apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Id(Arc<str>);

impl Id {
    /// The id of these random bits.
    pub fn from_random(bits: u128) -> Self {
        Self(format!("{bits:032x}").into())
    }

    /// An id, if it is one.
    pub fn new(text: &str) -> Option<Self> {
        let digits = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        (digits && (MIN_ID_DIGITS..=MAX_ID_DIGITS).contains(&text.len())).then(|| Self(text.into()))
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Id {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}

/// What carries the pixels of a frame. The numbers are those of the frame header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Codec {
    /// The pixels themselves, as in version 0.
    Raw = 0,
    /// LZ4 frame format.
    Lz4 = 1,
    /// Zstandard.
    Zstd = 2,
    /// JPEG.
    Jpeg = 3,
    /// H.264 as an Annex B byte stream.
    H264 = 4,
    /// VP8.
    Vp8 = 5,
    /// VP9.
    Vp9 = 6,
    /// AV1.
    Av1 = 7,
}

impl Codec {
    /// Every codec, by number.
    pub const ALL: [Self; 8] =
        [Self::Raw, Self::Lz4, Self::Zstd, Self::Jpeg, Self::H264, Self::Vp8, Self::Vp9, Self::Av1];

    /// The name in a hello.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
            Self::Jpeg => "jpeg",
            Self::H264 => "h264",
            Self::Vp8 => "vp8",
            Self::Vp9 => "vp9",
            Self::Av1 => "av1",
        }
    }

    /// The number in a frame header.
    pub const fn number(self) -> u64 {
        self as u64
    }

    /// The codec of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|codec| codec.name() == name)
    }

    /// The codec of this number.
    pub fn from_number(number: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|codec| codec.number() == number)
    }
}

/// What both sides must have said before either does it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Feature {
    /// Frame headers carry a CRC-32C of the payload.
    Crc,
}

impl Feature {
    /// Every feature.
    pub const ALL: [Self; 1] = [Self::Crc];

    /// The name in a hello.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Crc => "crc",
        }
    }

    /// The feature of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|feature| feature.name() == name)
    }
}

/// Why a sender ended a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EndReason {
    /// The application flushed: the segment is whole.
    Flush,
    /// The application cleared.
    Clear,
    /// Something failed, or the output was closed inside the segment.
    Abort,
}

impl EndReason {
    /// Every reason.
    pub const ALL: [Self; 3] = [Self::Flush, Self::Clear, Self::Abort];

    /// The word in trailers and hellos.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Flush => "flush",
            Self::Clear => "clear",
            Self::Abort => "abort",
        }
    }

    /// The reason of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_have_a_bound_in_bytes_and_no_control_characters() {
        assert_eq!(Label::new("").unwrap(), Label::default());
        assert_eq!(Label::new(&"é".repeat(32)).unwrap().as_str().len(), MAX_LABEL_BYTES);
        for bad in ["é".repeat(33), "a\0b".to_owned(), "a\nb".to_owned(), "\u{85}".to_owned()] {
            assert_eq!(Label::new(&bad), Err(WireError::Field("label")));
        }
    }

    #[test]
    fn ids_are_hexadecimal_digits_in_lower_case() {
        assert_eq!(Id::from_random(0xab).as_str(), "000000000000000000000000000000ab");
        assert_eq!(Id::new(Id::from_random(u128::MAX).as_str()), Some(Id::from_random(u128::MAX)));
        for (text, good) in [("0".repeat(15), false), ("f".repeat(16), true), ("9".repeat(64), true)] {
            assert_eq!(Id::new(&text).is_some(), good, "{text}");
        }
        for bad in ["0".repeat(65), "A".repeat(16), "g".repeat(16), format!("+{}", "0".repeat(16))] {
            assert_eq!(Id::new(&bad), None);
        }
    }

    #[test]
    fn names_and_numbers_lead_back() {
        for (number, codec) in Codec::ALL.into_iter().enumerate() {
            assert_eq!(Codec::from_number(number as u64), Some(codec));
            assert_eq!(Codec::from_name(codec.name()), Some(codec));
        }
        assert_eq!((Codec::from_number(8), Codec::from_name("RAW")), (None, None));
        assert!(Feature::ALL.into_iter().all(|feature| Feature::from_name(feature.name()) == Some(feature)));
        assert!(EndReason::ALL.into_iter().all(|reason| EndReason::from_name(reason.name()) == Some(reason)));
    }
}
