// SPDX-License-Identifier: Apache-2.0
//! Session descriptions of a far end: offers (first byte even) and answers to an offer of ours (odd). What our own reader
//! takes goes into the WebRTC stack, the candidates in it included, and is answered.
//!
//! The stack gets one section, whatever there was; what is presented has as many sections as the far end's.
#![no_main]
#![allow(clippy::disallowed_methods, reason = "a base for virtual time")]

use std::time::Instant;

use libfuzzer_sys::fuzz_target;
use lkvideo_fuzz::Input;
use rtc_data::core::{parsers, Connection};
use rtc_data::{ChannelInit, Config, SdpKind};

fuzz_target!(|data: &[u8]| {
    let mut input = Input::new(data);
    let kind = if input.bool() { SdpKind::Answer } else { SdpKind::Offer };
    let Ok(text) = std::str::from_utf8(input.rest()) else { return };
    if reads(text) {
        negotiate(kind, text);
    }
});

fn sections(text: &str) -> usize {
    text.lines().filter(|line| line.trim().starts_with("m=")).count()
}

fn reads(text: &str) -> bool {
    let Some(description) = parsers::description(text) else { return false };
    assert_eq!(sections(&description.reduced), 1);
    assert_eq!(sections(&description.presented), sections(text));
    let again = parsers::description(&description.reduced).expect("what is reduced is a description");
    assert_eq!((&again.ufrag, again.candidates.len()), (&description.ufrag, 0));
    true
}

fn negotiate(kind: SdpKind, text: &str) {
    let now = Instant::now();
    let mut connection = Connection::new(&Config::default(), now).expect("a connection");
    connection.create_channel(1, ChannelInit { label: "x".into(), ..ChannelInit::default() }).expect("a channel");
    connection.add_local_address("192.0.2.1:1000".parse().expect("an address"), now);
    if kind == SdpKind::Answer {
        let offer = connection.create_offer(false).expect("an offer");
        connection.set_local(now, SdpKind::Offer, &offer).expect("our own offer");
    }
    if connection.set_remote(now, kind, text).is_ok() && kind == SdpKind::Offer {
        if let Ok(answer) = connection.create_answer() {
            assert_eq!(sections(&answer), sections(text), "an answer has the offer's sections");
            let _ = connection.set_local(now, SdpKind::Answer, &answer);
        }
    }
    let _ = (connection.current_local(), connection.current_remote());
    while connection.poll_event().is_some() {}
    while connection.poll_transmit(now).is_some() {}
}
