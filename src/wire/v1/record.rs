// SPDX-License-Identifier: Apache-2.0
//! Records: a frame as it is in the chunks of a stream of version 1.
//!
//! A record is a length-delimited [`FrameHeader`] and the payload. It is cut into chunk contents of one marker byte
//! and up to [`RECORD_BYTES`] bytes of the record; the header lies in the first one. [`Record::chunks`] copies no byte
//! of the payload; [`super::assembler`] is the way back. Invariant: what is encoded here is what
//! [`FrameHeader::decode`] takes.

use bytes::{BufMut, Bytes};
use prost::Message;

use super::{Codec, MAX_NUMBER};
use crate::frame::{FrameError, Layout, PixelFormat};
use crate::wire::{v0, WireError};

/// Most content bytes of a chunk: LiveKit's writers cut there.
pub const CHUNK_BYTES: usize = v0::CHUNK_BYTES;
/// Most bytes of a record in a chunk.
pub const RECORD_BYTES: usize = CHUNK_BYTES - 1;
/// First byte of a chunk with which a record begins.
pub const MARKER_START: u8 = 1;
/// First byte of a chunk in which a record goes on.
pub const MARKER_MORE: u8 = 0;
/// Longest metadata of a frame in bytes.
pub const MAX_METADATA_BYTES: usize = 1024;
/// Longest header in bytes, without its length: what is known has about 1100, the rest is for later fields.
pub const MAX_HEADER_BYTES: usize = 2048;

// The header and its length of at most two bytes fit the first chunk.
const _: () = assert!(MAX_HEADER_BYTES + 2 <= RECORD_BYTES && MAX_HEADER_BYTES < 1 << 14);

/// What is said of a frame before its payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    /// Number in the segment, from 0.
    pub number: u64,
    /// Chunk bytes of the session before this record, lost ones and markers included.
    pub offset: u64,
    /// Presentation time in the segment, in microseconds, where it is known.
    pub pts_us: Option<i64>,
    /// Bytes of payload.
    pub size: usize,
    /// What the payload is.
    pub codec: Codec,
    /// Decodable without frames before it; raw always is.
    pub key: bool,
    /// How the pixels are stored, once decoded.
    pub format: PixelFormat,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// When it was sent by the sender's clock, in microseconds since 1970, where that is known.
    pub sent_unix_us: Option<i64>,
    /// CRC-32C of the payload, if that was agreed.
    pub crc32c: Option<u32>,
    /// The application's, at most [`MAX_METADATA_BYTES`].
    pub metadata: Bytes,
}

impl FrameHeader {
    /// The header of a frame of pixels, with the least in it: no times, no metadata.
    pub fn raw(video: v0::StreamAttributes, number: u64, offset: u64) -> Result<Self, WireError> {
        let v0::StreamAttributes { format, width, height } = video;
        Ok(Self {
            number,
            offset,
            pts_us: None,
            size: video.layout()?.size(),
            codec: Codec::Raw,
            key: true,
            format,
            width,
            height,
            sent_unix_us: None,
            crc32c: None,
            metadata: Bytes::new(),
        })
    }

    /// The layout of the pixels.
    pub fn layout(&self) -> Result<Layout, WireError> {
        Ok(self.format.layout(self.width, self.height)?)
    }

    /// Takes the header off the front of a record; what remains is payload.
    pub fn decode(record: &[u8]) -> Result<(Self, &[u8]), WireError> {
        let mut rest = record;
        let length = prost::decode_length_delimiter(&mut rest).map_err(WireError::Message)?;
        if length > MAX_HEADER_BYTES {
            return Err(WireError::TooLong { what: "frame header", bytes: length, limit: MAX_HEADER_BYTES });
        }
        let (header, payload) = rest.split_at_checked(length).ok_or(WireError::Field("header"))?;
        let header = Self::try_from(proto::FrameHeader::decode(header).map_err(WireError::Message)?)?;
        header.check()?;
        Ok((header, payload))
    }

    /// What both directions have to keep to.
    fn check(&self) -> Result<(), WireError> {
        if self.metadata.len() > MAX_METADATA_BYTES {
            let bytes = self.metadata.len();
            return Err(WireError::TooLong { what: "metadata", bytes, limit: MAX_METADATA_BYTES });
        }
        for (name, number) in [("number", self.number), ("offset", self.offset)] {
            if number > MAX_NUMBER {
                return Err(WireError::Field(name));
            }
        }
        let expected = self.layout()?.size();
        if self.codec == Codec::Raw && self.size != expected {
            return Err(FrameError::WrongSize { expected, actual: self.size }.into());
        }
        if self.size == 0 || u32::try_from(self.size).is_err() {
            return Err(WireError::Field("size"));
        }
        Ok(())
    }
}

impl TryFrom<proto::FrameHeader> for FrameHeader {
    type Error = WireError;

    fn try_from(header: proto::FrameHeader) -> Result<Self, WireError> {
        let small = |name, number: u64| u32::try_from(number).map_err(|_| WireError::Field(name));
        let codec = Codec::from_number(header.codec).ok_or(WireError::Field("codec"))?;
        Ok(Self {
            number: header.number,
            offset: header.offset,
            pts_us: header.pts_us,
            size: small("size", header.size)? as usize,
            codec,
            key: header.key || codec == Codec::Raw,
            format: PixelFormat::try_from(small("type", header.r#type)?)?,
            width: small("width", header.width)?,
            height: small("height", header.height)?,
            sent_unix_us: header.sent_unix_us,
            crc32c: header.crc32c,
            metadata: header.metadata,
        })
    }
}

impl From<&FrameHeader> for proto::FrameHeader {
    fn from(header: &FrameHeader) -> Self {
        Self {
            number: header.number,
            offset: header.offset,
            pts_us: header.pts_us,
            size: header.size as u64,
            codec: header.codec.number(),
            key: header.key,
            width: header.width.into(),
            height: header.height.into(),
            r#type: header.format.number().into(),
            sent_unix_us: header.sent_unix_us,
            crc32c: header.crc32c,
            metadata: header.metadata.clone(),
        }
    }
}

/// A frame that is ready to be cut into chunks.
#[derive(Clone, Debug)]
pub struct Record {
    /// Marker, length and header: how the first chunk begins.
    head: Bytes,
    payload: Bytes,
}

/// The content of a chunk: one part, then the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChunkParts {
    /// The marker, and in a record's first chunk its header.
    pub head: Bytes,
    /// A slice of the payload.
    pub body: Bytes,
}

impl Record {
    /// Joins a header and the payload that it describes.
    pub fn new(header: &FrameHeader, payload: Bytes) -> Result<Self, WireError> {
        header.check()?;
        if header.size != payload.len() {
            return Err(FrameError::WrongSize { expected: header.size, actual: payload.len() }.into());
        }
        let header = proto::FrameHeader::from(header);
        let mut head = Vec::with_capacity(3 + header.encoded_len());
        head.push(MARKER_START);
        // A vector grows as needed, so that there is always room.
        let _ = header.encode_length_delimited(&mut head);
        Ok(Self { head: head.into(), payload })
    }

    /// Bytes of all its chunks, markers included: by so much the offset grows.
    pub fn chunk_bytes(&self) -> u64 {
        let record = self.head.len() - 1 + self.payload.len();
        (record + record.div_ceil(RECORD_BYTES)) as u64
    }

    /// The contents of its chunks in their order, all full but the last.
    pub fn chunks(&self) -> impl Iterator<Item = ChunkParts> + '_ {
        let first = self.payload.len().min(CHUNK_BYTES - self.head.len());
        let start = ChunkParts { head: self.head.clone(), body: self.payload.slice(..first) };
        let more = (first..self.payload.len()).step_by(RECORD_BYTES).map(|at| ChunkParts {
            head: Bytes::from_static(&[MARKER_MORE]),
            body: self.payload.slice(at..self.payload.len().min(at + RECORD_BYTES)),
        });
        std::iter::once(start).chain(more)
    }
}

impl ChunkParts {
    /// Bytes of content, 1 to [`CHUNK_BYTES`].
    pub fn content_bytes(&self) -> usize {
        self.head.len() + self.body.len()
    }

    /// Appends the content.
    pub fn write_to(&self, content: &mut impl BufMut) {
        content.put_slice(&self.head);
        content.put_slice(&self.body);
    }
}

/// The message on the wire. Numbers of 32 bits are read as 64, so that none out of range is taken for another.
mod proto {
    use bytes::Bytes;

    #[derive(Clone, PartialEq, prost::Message)]
    pub struct FrameHeader {
        #[prost(uint64, tag = "1")]
        pub number: u64,
        #[prost(uint64, tag = "2")]
        pub offset: u64,
        #[prost(sint64, optional, tag = "3")]
        pub pts_us: Option<i64>,
        #[prost(uint64, tag = "4")]
        pub size: u64,
        #[prost(uint64, tag = "5")]
        pub codec: u64,
        #[prost(bool, tag = "6")]
        pub key: bool,
        #[prost(uint64, tag = "7")]
        pub width: u64,
        #[prost(uint64, tag = "8")]
        pub height: u64,
        #[prost(uint64, tag = "9")]
        pub r#type: u64,
        #[prost(sint64, optional, tag = "10")]
        pub sent_unix_us: Option<i64>,
        #[prost(fixed32, optional, tag = "11")]
        pub crc32c: Option<u32>,
        #[prost(bytes = "bytes", tag = "12")]
        pub metadata: Bytes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(width: u32, height: u32) -> FrameHeader {
        let video = v0::StreamAttributes { format: PixelFormat::Rgb24, width, height };
        FrameHeader::raw(video, 0, 0).unwrap()
    }

    #[test]
    fn the_payload_is_not_copied() {
        let header = header(100, 100);
        let payload = Bytes::from(vec![7; header.size]);
        let chunks: Vec<_> = Record::new(&header, payload.clone()).unwrap().chunks().collect();
        assert_eq!(chunks.len(), 3);
        let mut at = 0;
        for chunk in &chunks {
            assert_eq!(chunk.body.as_ptr(), payload[at..].as_ptr());
            at += chunk.body.len();
        }
        assert_eq!(at, payload.len());
        assert_eq!((chunks[0].content_bytes(), chunks[1].content_bytes()), (CHUNK_BYTES, CHUNK_BYTES));
    }

    #[test]
    fn the_longest_header_fits_the_first_chunk() {
        let full = FrameHeader {
            number: MAX_NUMBER,
            offset: MAX_NUMBER,
            pts_us: Some(i64::MIN),
            sent_unix_us: Some(i64::MAX),
            crc32c: Some(u32::MAX),
            metadata: vec![1; MAX_METADATA_BYTES].into(),
            ..header(16384, 16384)
        };
        let encoded = proto::FrameHeader::from(&full).encode_length_delimited_to_vec();
        assert!(encoded.len() < 1200, "{}", encoded.len());
        assert_eq!(FrameHeader::decode(&encoded), Ok((full, &[][..])));
    }

    #[test]
    fn a_record_keeps_to_what_a_reader_takes() {
        let good = header(2, 2);
        let payload = Bytes::from(vec![0; good.size]);
        assert!(Record::new(&good, payload.clone()).is_ok());
        let bad = [
            FrameHeader { number: MAX_NUMBER + 1, ..good.clone() },
            FrameHeader { offset: MAX_NUMBER + 1, ..good.clone() },
            FrameHeader { metadata: vec![0; MAX_METADATA_BYTES + 1].into(), ..good.clone() },
            FrameHeader { width: 0, ..good.clone() },
            FrameHeader { size: 13, ..good.clone() },
            FrameHeader { codec: Codec::Jpeg, size: 13, ..good.clone() },
        ];
        for header in bad {
            assert!(Record::new(&header, payload.clone()).is_err(), "{header:?}");
        }
        let empty = FrameHeader { codec: Codec::Jpeg, size: 0, ..good };
        assert_eq!(Record::new(&empty, Bytes::new()).err(), Some(WireError::Field("size")));
    }
}
