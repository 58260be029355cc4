// SPDX-License-Identifier: Apache-2.0
//! What any peer can send in version 0: a data packet of LiveKit (first byte even), or the attributes of a stream (odd).
//!
//! Content leaves a packet as a slice of it; attributes that are taken have a layout and survive being written.
#![no_main]

use std::collections::HashMap;

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use lkvideo::wire::packet::{Body, Packet};
use lkvideo::wire::v0::StreamAttributes;
use lkvideo_fuzz::Input;

fuzz_target!(|data: &[u8]| {
    let mut input = Input::new(data);
    if input.bool() {
        attributes(&input.attributes());
    } else {
        packet(Bytes::copy_from_slice(input.rest()));
    }
});

fn packet(message: Bytes) {
    let Ok(packet) = Packet::decode(message.clone()) else { return };
    let _ = (packet.rpc_request(), format!("{packet:?}"));
    match packet.body {
        Body::StreamHeader(header) => attributes(&header.attributes),
        Body::StreamChunk(chunk) if !chunk.content.is_empty() => {
            let (whole, part) = (message.as_ptr_range(), chunk.content.as_ptr_range());
            assert!(whole.start <= part.start && part.end <= whole.end, "content was copied");
        }
        _ => {}
    }
}

fn attributes(map: &HashMap<String, String>) {
    let Ok(attributes) = StreamAttributes::from_map(map) else { return };
    assert!(attributes.layout().is_ok_and(|layout| layout.size() > 0));
    assert_eq!(StreamAttributes::from_map(&attributes.to_map()), Ok(attributes));
}
