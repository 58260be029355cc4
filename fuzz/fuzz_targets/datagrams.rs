// SPDX-License-Identifier: Apache-2.0
//! Datagrams from anywhere into a connection that has asked a STUN server, on virtual time. The first byte says whether it
//! has a far end's description, too. Each datagram has a byte for its sender and one for what is made right in it.
//!
//! A strange datagram neither panics nor closes the connection.
#![no_main]
#![allow(clippy::disallowed_methods, reason = "a base for virtual time")]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use lkvideo_fuzz::Input;
use rtc_data::core::{parsers, Connection, Transmit};
use rtc_data::{ChannelInit, Config, ConnState, SdpKind};

const MAX_DATAGRAMS: usize = 64;
const MAGIC: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];

fuzz_target!(|data: &[u8]| {
    let mut input = Input::new(data);
    let mut now = Instant::now();
    let local = address("192.0.2.1:1000");
    let senders = [address("203.0.113.1:3478"), address("192.0.2.2:2000"), address("203.0.113.5:7")];
    let mut connection = connection(now, local);
    connection.add_stun_servers(&senders[..1], now);
    if input.bool() {
        negotiate(&mut connection, now);
    }
    let transaction = drain(&mut connection, now).unwrap_or_default();
    for _ in 0..MAX_DATAGRAMS {
        if input.is_empty() {
            break;
        }
        let (from, fixes) = (input.pick(&senders), input.u8());
        let length = usize::from(input.u16()) % 1500;
        let mut datagram = BytesMut::from(input.bytes(length));
        make_right(&mut datagram, fixes, &transaction);
        let _ = parsers::binding_success(&datagram);
        connection.handle_datagram(now, local, from, datagram);
        drain(&mut connection, now);
        now += Duration::from_millis(10 * u64::from(fixes >> 4));
        connection.handle_timeout(now);
    }
    assert_ne!(connection.state(), ConnState::Closed);
});

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

fn connection(now: Instant, local: SocketAddr) -> Connection {
    let mut connection = Connection::new(&Config::default(), now).expect("a connection");
    connection.create_channel(1, ChannelInit { label: "x".into(), ..ChannelInit::default() }).expect("a channel");
    connection.add_local_address(local, now);
    connection
}

fn negotiate(connection: &mut Connection, now: Instant) {
    let mut peer = self::connection(now, address("192.0.2.2:2000"));
    let offer = connection.create_offer(false).expect("an offer");
    connection.set_local(now, SdpKind::Offer, &offer).expect("our offer");
    peer.set_remote(now, SdpKind::Offer, &offer).expect("a good offer");
    let answer = peer.create_answer().expect("an answer");
    connection.set_remote(now, SdpKind::Answer, &answer).expect("a good answer");
    connection.add_remote_candidate("candidate:1 1 udp 2130706431 192.0.2.2 2000 typ host");
}

/// Takes what the connection has to say; the transaction of a STUN request, if there is one.
fn drain(connection: &mut Connection, now: Instant) -> Option<[u8; 12]> {
    while connection.poll_event().is_some() {}
    let mut transaction = None;
    while let Some(Transmit { data, .. }) = connection.poll_transmit(now) {
        transaction = transaction.or_else(|| data.get(8..20)?.try_into().ok());
    }
    transaction
}

/// The fields that a mutation hardly ever gets right: of STUN, magic and transaction; of STUN and DTLS, the length.
fn make_right(datagram: &mut BytesMut, fixes: u8, transaction: &[u8; 12]) {
    let length = datagram.len();
    let mut put = |at: usize, value: &[u8]| {
        if let Some(place) = datagram.get_mut(at..at + value.len()) {
            place.copy_from_slice(value);
        }
    };
    if fixes & 1 != 0 {
        put(4, &MAGIC);
        put(2, &(length.saturating_sub(20) as u16).to_be_bytes());
    }
    if fixes & 2 != 0 {
        put(8, transaction);
    }
    if fixes & 4 != 0 {
        put(1, &[0xfe, 0xfd]);
        put(11, &(length.saturating_sub(13) as u16).to_be_bytes());
    }
}
