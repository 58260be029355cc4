// SPDX-License-Identifier: Apache-2.0
//! What `livekit` 0.10.0 asks of the WebRTC layer, point by point: two connections of the adapter over
//! UDP on this machine, driven in the order of livekit's engine. Each test is named for its point.
//!
//! | point | tested |
//! |---|---|
//! | 1, 3 to 17, 19 to 26 | here |
//! | 2 one or two peer connections | the choice is livekit's: the project's `tests/e2e`, against a real server |
//! | 18 silence shows | here up to Disconnected; up to Failed in `rtc-data`, on virtual time |
//! | 27 end-to-end encryption | `encryption.rs` |
//!
//! The tap, which is ours and no point of the list, is tested in `tap.rs`.

#[path = "../common/mod.rs"]
mod common;

mod channels;
mod life;
mod negotiation;
mod preparing;

use common::CHANNELS;
use libwebrtc::prelude::*;

/// livekit's chunk.
const CHUNK: usize = 15_000;

fn labels() -> [&'static str; 3] {
    CHANNELS.map(|(label, _)| label)
}

fn receive_only() -> RtpTransceiverInit {
    RtpTransceiverInit { direction: RtpTransceiverDirection::RecvOnly, stream_ids: vec![], send_encodings: vec![] }
}

fn parse(sdp: &str, kind: SdpType) -> SessionDescription {
    SessionDescription::parse(sdp, kind).expect("parsing never fails")
}
