// SPDX-License-Identifier: Apache-2.0
//! LiveKit's data packets, decoded as far as the tap must see into them.
//!
//! A received message enters as [`Bytes`]; contents, identities and ids leave as slices of it, nothing is copied
//! but the attributes of headers and trailers. They keep the whole message alive: what stays longer than the
//! message is handled should be a `String`. The field numbers are those of `livekit_models.proto`.

use std::collections::HashMap;
use std::fmt;
use std::ops::Deref;

use bytes::Bytes;
use prost::Message;

use super::WireError;

/// Topic of the text streams that carry calls, in LiveKit's second form of RPC; and their attributes, which all begin
/// with it.
const RPC_TOPIC: &str = "lk.rpc_request";
const RPC_ID: &str = "lk.rpc_request_id";
const RPC_METHOD: &str = "lk.rpc_request_method";

/// One message of a data channel of LiveKit.
#[derive(Clone, Debug)]
pub struct Packet {
    /// SID of the participant that sent it, set by the server.
    pub participant_sid: Text,
    /// Identity of the participant that sent it, set by the server.
    pub participant_identity: Text,
    /// Whom it is for; empty is everybody.
    pub destination_identities: Vec<Text>,
    /// Counts the sender's reliable packets, from 1; 0 if it is not reliable.
    pub sequence: u32,
    /// What it carries.
    pub body: Body,
}

/// What a packet carries.
#[derive(Clone, Debug)]
pub enum Body {
    /// A stream begins.
    StreamHeader(StreamHeader),
    /// Content of a stream.
    StreamChunk(StreamChunk),
    /// A stream ends.
    StreamTrailer(StreamTrailer),
    /// A call, in LiveKit's first form of RPC.
    RpcRequest(RpcRequest),
    /// A message of the application's, or one of ours on a topic of its own.
    User(UserMessage),
    /// Chat, transcriptions, tones, metrics, speakers: nothing that video or its application sends.
    Foreign,
    /// Everything else, encrypted packets among it.
    Other,
}

/// A call of a method.
#[derive(Clone, Debug)]
pub struct RpcRequest {
    /// Names the call among those of its caller.
    pub id: Text,
    /// The method.
    pub method: Text,
    /// Whether anything is passed to it.
    pub has_payload: bool,
}

/// A message.
#[derive(Clone, Debug)]
pub struct UserMessage {
    /// What it is about; empty if it does not say.
    pub topic: Text,
    /// A slice of the packet.
    pub payload: Bytes,
}

/// The beginning of a call, in either form of RPC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call<'a> {
    /// Names the call among those of its caller.
    pub id: &'a str,
    /// The method.
    pub method: &'a str,
    /// Whether anything is passed to it.
    pub has_payload: bool,
}

/// A stream begins.
#[derive(Clone, Debug)]
pub struct StreamHeader {
    /// Names the stream among those of its sender.
    pub stream_id: Text,
    /// What the stream is about.
    pub topic: Text,
    /// The application's, and ours.
    pub attributes: HashMap<String, String>,
    /// Bytes of content, where that is known beforehand.
    pub total_length: Option<u64>,
    /// A stream of bytes, with this name; `None` is text.
    pub byte_name: Option<Text>,
    /// Content that came in the header itself; such a stream has no chunks.
    pub inline_content: Option<Bytes>,
    /// The content is compressed.
    pub compressed: bool,
    /// The content is encrypted.
    pub encrypted: bool,
}

impl StreamHeader {
    /// Whether the content is bytes in chunks, as they are: nothing else can be read here.
    pub fn is_plain(&self) -> bool {
        self.byte_name.is_some() && self.inline_content.is_none() && !self.compressed && !self.encrypted
    }
}

/// Content of a stream.
#[derive(Clone, Debug)]
pub struct StreamChunk {
    /// The header's.
    pub stream_id: Text,
    /// Place of this chunk in the stream, from 0.
    pub chunk_index: u64,
    /// A slice of the packet.
    pub content: Bytes,
    /// Above 0 this replaces the content of an earlier chunk of the same index.
    pub version: i32,
    /// The content is encrypted.
    pub encrypted: bool,
}

/// A stream ends.
#[derive(Clone, Debug)]
pub struct StreamTrailer {
    /// The header's.
    pub stream_id: Text,
    /// Empty if the stream ended as it should.
    pub reason: Text,
    /// Added to the header's.
    pub attributes: HashMap<String, String>,
}

impl Packet {
    /// Decodes a message as it came.
    pub fn decode(message: Bytes) -> Result<Self, WireError> {
        let packet = proto::DataPacket::decode(message)?;
        Ok(Self {
            participant_sid: Text::new(packet.participant_sid)?,
            participant_identity: Text::new(packet.participant_identity)?,
            destination_identities: packet
                .destination_identities
                .into_iter()
                .map(Text::new)
                .collect::<Result<_, _>>()?,
            sequence: packet.sequence,
            body: match packet.value {
                Some(proto::Value::Header(header)) => Body::StreamHeader(header.try_into()?),
                Some(proto::Value::Chunk(chunk)) => Body::StreamChunk(chunk.try_into()?),
                Some(proto::Value::Trailer(trailer)) => Body::StreamTrailer(trailer.try_into()?),
                Some(proto::Value::RpcRequest(request)) => Body::RpcRequest(RpcRequest {
                    has_payload: !(request.payload.is_empty() && request.compressed_payload.is_empty()),
                    id: Text::new(request.id)?,
                    method: Text::new(request.method)?,
                }),
                Some(proto::Value::User(message)) => {
                    Body::User(UserMessage { topic: Text::new(message.topic)?, payload: message.payload })
                }
                Some(
                    proto::Value::Speaker(_)
                    | proto::Value::SipDtmf(_)
                    | proto::Value::Transcription(_)
                    | proto::Value::Metrics(_)
                    | proto::Value::ChatMessage(_),
                ) => Body::Foreign,
                None => Body::Other,
            },
        })
    }

    /// Whether a call comes or begins with this packet, however incomplete what it says of it.
    pub fn begins_call(&self) -> bool {
        match &self.body {
            Body::RpcRequest(_) => true,
            Body::StreamHeader(header) => header.topic == RPC_TOPIC,
            _ => false,
        }
    }

    /// Whether this would make another call of one that has begun: a trailer's attributes are added to the header's.
    pub fn alters_call(&self) -> bool {
        let Body::StreamTrailer(trailer) = &self.body else { return false };
        trailer.attributes.keys().any(|name| name.starts_with(RPC_TOPIC))
    }

    /// The call that comes or begins with this packet. What a stream does not say is empty, as `livekit` takes it.
    pub fn rpc_request(&self) -> Option<Call<'_>> {
        match &self.body {
            Body::RpcRequest(RpcRequest { id, method, has_payload }) => {
                Some(Call { id, method, has_payload: *has_payload })
            }
            Body::StreamHeader(header) if header.topic == RPC_TOPIC => {
                let inline = header.inline_content.as_ref().is_some_and(|content| !content.is_empty());
                Some(Call {
                    id: header.attributes.get(RPC_ID).map_or("", String::as_str),
                    method: header.attributes.get(RPC_METHOD).map_or("", String::as_str),
                    has_payload: header.total_length.map_or(inline, |length| length > 0),
                })
            }
            _ => None,
        }
    }
}

impl TryFrom<proto::Header> for StreamHeader {
    type Error = WireError;

    fn try_from(header: proto::Header) -> Result<Self, WireError> {
        Ok(Self {
            stream_id: Text::new(header.stream_id)?,
            topic: Text::new(header.topic)?,
            attributes: header.attributes,
            total_length: header.total_length,
            byte_name: header.byte_header.map(|bytes| Text::new(bytes.name)).transpose()?,
            inline_content: header.inline_content,
            compressed: header.compression != 0,
            encrypted: header.encryption_type != 0,
        })
    }
}

impl TryFrom<proto::Chunk> for StreamChunk {
    type Error = WireError;

    fn try_from(chunk: proto::Chunk) -> Result<Self, WireError> {
        Ok(Self {
            stream_id: Text::new(chunk.stream_id)?,
            chunk_index: chunk.chunk_index,
            content: chunk.content,
            version: chunk.version,
            encrypted: chunk.iv.is_some(),
        })
    }
}

impl TryFrom<proto::Trailer> for StreamTrailer {
    type Error = WireError;

    fn try_from(trailer: proto::Trailer) -> Result<Self, WireError> {
        Ok(Self {
            stream_id: Text::new(trailer.stream_id)?,
            reason: Text::new(trailer.reason)?,
            attributes: trailer.attributes,
        })
    }
}

/// Text in a packet, valid UTF-8, not copied out of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Text(Bytes);

impl Text {
    fn new(bytes: Bytes) -> Result<Self, WireError> {
        match std::str::from_utf8(&bytes) {
            Ok(_) => Ok(Self(bytes)),
            Err(_) => Err(WireError::Text),
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.0 == other
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self.0 == *other
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), formatter)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.as_str(), formatter)
    }
}

/// For the tests of those who read packets: a message as it would come.
#[cfg(test)]
pub(crate) fn encode(message: &impl Message) -> Bytes {
    message.encode_to_vec().into()
}

/// The messages on the wire: LiveKit's, without what is skipped here, and with text as bytes.
mod proto {
    use std::collections::HashMap;

    use bytes::Bytes;

    #[derive(Clone, PartialEq, prost::Message)]
    pub struct DataPacket {
        #[prost(bytes = "bytes", tag = "4")]
        pub participant_identity: Bytes,
        #[prost(bytes = "bytes", repeated, tag = "5")]
        pub destination_identities: Vec<Bytes>,
        #[prost(uint32, tag = "16")]
        pub sequence: u32,
        #[prost(bytes = "bytes", tag = "17")]
        pub participant_sid: Bytes,
        #[prost(oneof = "Value", tags = "2, 3, 6, 7, 8, 9, 10, 13, 14, 15")]
        pub value: Option<Value>,
    }

    #[derive(Clone, PartialEq, prost::Oneof)]
    pub enum Value {
        #[prost(message, tag = "2")]
        User(User),
        #[prost(message, tag = "3")]
        Speaker(Skipped),
        #[prost(message, tag = "6")]
        SipDtmf(Skipped),
        #[prost(message, tag = "7")]
        Transcription(Skipped),
        #[prost(message, tag = "8")]
        Metrics(Skipped),
        #[prost(message, tag = "9")]
        ChatMessage(Skipped),
        #[prost(message, tag = "10")]
        RpcRequest(RpcRequest),
        #[prost(message, tag = "13")]
        Header(Header),
        #[prost(message, tag = "14")]
        Chunk(Chunk),
        #[prost(message, tag = "15")]
        Trailer(Trailer),
    }

    /// A message of which only its being there matters.
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Skipped {}

    #[derive(Clone, PartialEq, prost::Message)]
    pub struct RpcRequest {
        #[prost(bytes = "bytes", tag = "1")]
        pub id: Bytes,
        #[prost(bytes = "bytes", tag = "2")]
        pub method: Bytes,
        #[prost(bytes = "bytes", tag = "3")]
        pub payload: Bytes,
        #[prost(bytes = "bytes", tag = "6")]
        pub compressed_payload: Bytes,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub struct User {
        #[prost(bytes = "bytes", tag = "2")]
        pub payload: Bytes,
        #[prost(bytes = "bytes", tag = "4")]
        pub topic: Bytes,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Header {
        #[prost(bytes = "bytes", tag = "1")]
        pub stream_id: Bytes,
        #[prost(bytes = "bytes", tag = "3")]
        pub topic: Bytes,
        #[prost(uint64, optional, tag = "5")]
        pub total_length: Option<u64>,
        #[prost(int32, tag = "7")]
        pub encryption_type: i32,
        #[prost(map = "string, string", tag = "8")]
        pub attributes: HashMap<String, String>,
        #[prost(message, optional, tag = "10")]
        pub byte_header: Option<ByteHeader>,
        #[prost(bytes = "bytes", optional, tag = "11")]
        pub inline_content: Option<Bytes>,
        #[prost(int32, tag = "12")]
        pub compression: i32,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub struct ByteHeader {
        #[prost(bytes = "bytes", tag = "1")]
        pub name: Bytes,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Chunk {
        #[prost(bytes = "bytes", tag = "1")]
        pub stream_id: Bytes,
        #[prost(uint64, tag = "2")]
        pub chunk_index: u64,
        #[prost(bytes = "bytes", tag = "3")]
        pub content: Bytes,
        #[prost(int32, tag = "4")]
        pub version: i32,
        #[prost(bytes = "bytes", optional, tag = "5")]
        pub iv: Option<Bytes>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Trailer {
        #[prost(bytes = "bytes", tag = "1")]
        pub stream_id: Bytes,
        #[prost(bytes = "bytes", tag = "2")]
        pub reason: Bytes,
        #[prost(map = "string, string", tag = "3")]
        pub attributes: HashMap<String, String>,
    }
}
