// SPDX-License-Identifier: Apache-2.0
//! Our small decoder of data packets against LiveKit's own messages: the same meaning, nothing copied, and no
//! harm from bytes that are broken.

use std::collections::HashMap;

use bytes::Bytes;
use livekit_protocol::data_packet::Value;
use livekit_protocol::data_stream::header::ContentHeader;
use livekit_protocol::data_stream::{ByteHeader, Chunk, Header, Trailer};
use livekit_protocol::{DataPacket, UserPacket};
use lkvideo::wire::packet::{Body, Call, Packet};
use lkvideo::wire::v0;
use prost::Message;

fn message(value: Value) -> Bytes {
    let packet = DataPacket {
        participant_sid: "PA_sender".to_owned(),
        participant_identity: "camera".to_owned(),
        destination_identities: vec!["viewer".to_owned(), "recorder".to_owned()],
        sequence: u32::MAX,
        value: Some(value),
        ..Default::default()
    };
    packet.encode_to_vec().into()
}

fn header() -> Header {
    let attributes = [("width", "640"), ("height", "480"), ("type", "5")];
    Header {
        stream_id: "stream-1".to_owned(),
        timestamp: 1_700_000_000_000,
        topic: v0::TOPIC.to_owned(),
        mime_type: "application/octet-stream".to_owned(),
        attributes: attributes.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        content_header: Some(ContentHeader::ByteHeader(ByteHeader { name: v0::stream_name("1") })),
        ..Default::default()
    }
}

fn chunk() -> Chunk {
    let content = (0..v0::CHUNK_BYTES).map(|index| index as u8).collect();
    Chunk { stream_id: "stream-1".to_owned(), chunk_index: 1 << 40, content, ..Default::default() }
}

fn trailer() -> Trailer {
    let attributes = HashMap::from([("frames".to_owned(), "150".to_owned())]);
    Trailer { stream_id: "stream-1".to_owned(), reason: "error".to_owned(), attributes }
}

/// Whether `part` lies in `whole`, not only equals a part of it.
fn is_slice_of(part: &[u8], whole: &[u8]) -> bool {
    let (part, whole) = (part.as_ptr_range(), whole.as_ptr_range());
    whole.start <= part.start && part.end <= whole.end
}

#[test]
fn streams_of_livekit_are_understood() {
    let sent = header();
    let packet = Packet::decode(message(Value::StreamHeader(sent.clone()))).unwrap();
    assert_eq!(packet.participant_sid, "PA_sender");
    assert_eq!(packet.participant_identity, "camera");
    assert_eq!(packet.destination_identities, ["viewer", "recorder"]);
    assert_eq!(packet.sequence, u32::MAX);
    let Body::StreamHeader(got) = packet.body else { panic!("not a header: {packet:?}") };
    assert!(got.is_plain());
    assert_eq!((got.stream_id.as_str(), got.topic.as_str()), ("stream-1", v0::TOPIC));
    assert_eq!(got.attributes, sent.attributes);
    assert_eq!(got.total_length, None);
    assert_eq!(got.byte_name.as_deref(), Some("VIDEO_1"));

    let packet = Packet::decode(message(Value::StreamTrailer(trailer()))).unwrap();
    let Body::StreamTrailer(got) = packet.body else { panic!("not a trailer: {packet:?}") };
    assert_eq!((got.stream_id.as_str(), got.reason.as_str()), ("stream-1", "error"));
    assert_eq!(got.attributes, trailer().attributes);
}

#[test]
fn nothing_of_a_chunk_is_copied() {
    let message = message(Value::StreamChunk(chunk()));
    let packet = Packet::decode(message.clone()).unwrap();
    let Body::StreamChunk(got) = packet.body else { panic!("not a chunk: {packet:?}") };
    assert_eq!((got.chunk_index, got.version, got.encrypted), (1 << 40, 0, false));
    assert_eq!(got.content, chunk().content);
    for part in [
        &got.content[..],
        got.stream_id.as_bytes(),
        packet.participant_sid.as_bytes(),
        packet.participant_identity.as_bytes(),
        packet.destination_identities[1].as_bytes(),
    ] {
        assert!(!part.is_empty() && is_slice_of(part, &message));
    }
}

#[test]
fn what_cannot_be_read_in_chunks_is_not_plain() {
    let compressed = Header { compression: 1, ..header() };
    let inline = Header { inline_content: Some(vec![]), ..header() };
    #[allow(deprecated)]
    let encrypted = Header { encryption_type: 1, ..header() };
    let text = Header { content_header: Some(ContentHeader::TextHeader(Default::default())), ..header() };
    let neither = Header { content_header: None, ..header() };
    for header in [compressed, inline, encrypted, text, neither] {
        let packet = Packet::decode(message(Value::StreamHeader(header.clone()))).unwrap();
        let Body::StreamHeader(got) = packet.body else { panic!("not a header: {packet:?}") };
        assert!(!got.is_plain(), "{header:?}");
    }
}

/// Random numbers by xorshift, the same ones each time.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

#[test]
fn broken_packets_do_no_harm() {
    let small = Chunk { content: vec![1; 20], ..chunk() };
    let whole =
        [Value::StreamHeader(header()), Value::StreamChunk(small), Value::StreamTrailer(trailer())].map(message);
    for message in &whole {
        for length in 0..message.len() {
            let _ = Packet::decode(message.slice(..length));
        }
    }
    let mut random = Random(0x0dd5_1dec_0ded_cafe);
    for round in 0..30_000 {
        let mut bytes = whole[round % whole.len()].to_vec();
        for _ in 0..1 + random.below(6) {
            let at = random.below(bytes.len());
            bytes[at] = random.below(256) as u8;
        }
        let message = Bytes::from(bytes);
        if let Ok(Packet { body: Body::StreamChunk(chunk), .. }) = Packet::decode(message.clone()) {
            assert!(chunk.content.is_empty() || is_slice_of(&chunk.content, &message));
        }
    }
    for _ in 0..30_000 {
        let length = random.below(64);
        let _ = Packet::decode((0..length).map(|_| random.below(256) as u8).collect());
    }
}

#[test]
fn calls_are_seen_in_both_forms() {
    for (payload, compressed_payload, has_payload) in
        [("", vec![], false), ("aloud", vec![], true), ("", vec![1], true)]
    {
        let (id, method, payload) = ("7".to_owned(), "shout".to_owned(), payload.to_owned());
        let request = livekit_protocol::RpcRequest { id, method, payload, compressed_payload, ..Default::default() };
        let packet = Packet::decode(message(Value::RpcRequest(request))).unwrap();
        assert_eq!(packet.rpc_request(), Some(Call { id: "7", method: "shout", has_payload }));
    }

    let lengths = [(None, None, false), (Some(0), None, false), (Some(5), None, true), (None, Some(vec![1]), true)];
    for (total_length, inline_content, has_payload) in lengths {
        let attributes = [("lk.rpc_request_id", "8"), ("lk.rpc_request_method", "whisper")];
        let stream = Header {
            topic: "lk.rpc_request".to_owned(),
            attributes: attributes.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            total_length,
            inline_content,
            ..header()
        };
        let packet = Packet::decode(message(Value::StreamHeader(stream))).unwrap();
        assert_eq!(packet.rpc_request(), Some(Call { id: "8", method: "whisper", has_payload }));
    }
    let video = Packet::decode(message(Value::StreamHeader(header()))).unwrap();
    assert_eq!(video.rpc_request(), None);
}

#[test]
fn what_is_not_ours_is_told_from_what_is_unknown() {
    let foreign = [
        Value::Transcription(Default::default()),
        Value::ChatMessage(Default::default()),
        Value::SipDtmf(Default::default()),
        Value::Metrics(Default::default()),
    ];
    for value in foreign {
        assert!(matches!(Packet::decode(message(value)).unwrap().body, Body::Foreign));
    }
    let encrypted = Packet::decode(message(Value::EncryptedPacket(Default::default()))).unwrap();
    assert!(matches!(encrypted.body, Body::Other));
}

#[test]
fn messages_keep_their_topic_and_their_bytes() {
    let said = UserPacket { payload: vec![1, 2, 3], topic: Some("chat".to_owned()), ..Default::default() };
    let Body::User(got) = Packet::decode(message(Value::User(said))).unwrap().body else { panic!("not a message") };
    assert_eq!((got.topic.as_str(), &*got.payload), ("chat", &[1, 2, 3][..]));
    let Body::User(got) = Packet::decode(message(Value::User(Default::default()))).unwrap().body else { panic!() };
    assert!(got.topic.is_empty() && got.payload.is_empty());
}
