// SPDX-License-Identifier: Apache-2.0
//! Nothing that the far end, or a stranger, puts on the wire or into the signalling panics or breaks a
//! connection.

mod common;

use bytes::BytesMut;
use common::{number_of, numbered, reliable, Pair, MS};
use rtc_data::{ConnState, SdpKind};
use std::time::Duration;

const CANDIDATES: [&str; 10] = [
    "",
    "candidate:",
    "a=end-of-candidates",
    "candidate:1 1 udp 2130706431 8d2b5e4c-0000-4000-8000-1234567890ab.local 5000 typ host",
    "candidate:1 1 tcp 1518280447 192.0.2.2 9 typ host tcptype active",
    "candidate:1 1 tcp 1518280447 192.0.2.2 443 typ host tcptype passive",
    "candidate:x y udp z ::: typ typ",
    "candidate:1 1 udp 1 192.0.2.9 1 typ srflx raddr",
    "candidate:1 1 udp 1 192.0.2.9 1 typ srflx raddr nobody rport none",
    "\u{0}\u{1f600}\r\n\r\n",
];

#[test]
fn odd_candidates_are_left_out() {
    let mut pair = Pair::new();
    pair.a.core.create_channel(1, reliable("x")).expect("a channel");
    CANDIDATES.iter().for_each(|line| pair.a.core.add_remote_candidate(line));
    pair.negotiate(false);
    CANDIDATES.iter().for_each(|line| pair.a.core.add_remote_candidate(line));
    assert!(pair.run_until(Duration::from_secs(5), |p| p.a.opened(1)));
}

#[test]
fn broken_descriptions_are_errors_and_change_nothing() {
    let mut pair = Pair::new();
    pair.a.core.create_channel(1, reliable("x")).expect("a channel");
    let offer = pair.a.core.create_offer(false).expect("an offer");
    for cut in (0..offer.len()).step_by(7) {
        let mut other = Pair::new().b.core;
        let _ = other.set_remote(pair.now, SdpKind::Offer, &offer[..cut]);
    }
    let lines: Vec<&str> = offer.lines().collect();
    for without in 0..lines.len() {
        let mut some = lines.clone();
        some.remove(without);
        let mut other = Pair::new().b.core;
        if other.set_remote(pair.now, SdpKind::Offer, &some.join("\r\n")).is_ok() {
            let _ = other.create_answer();
        }
    }
    for bad in ["", "\u{0}", "v=0", "v=0\r\nm=application", &offer.replace("sha-256 ", "sha-256"), &"m=".repeat(10_000)]
    {
        assert!(pair.b.core.set_remote(pair.now, SdpKind::Offer, bad).is_err());
    }
    pair.negotiate(false);
    assert!(pair.run_until(Duration::from_secs(5), |p| p.a.opened(1)));
}

/// Random bytes from the far end's address and a stranger's, and true datagrams with a bit changed, at
/// every stage.
#[test]
fn strange_datagrams_are_survived() {
    let mut pair = Pair::new();
    pair.network.corrupt = 0.1;
    pair.a.core.create_channel(1, reliable("x")).expect("a channel");
    bombard(&mut pair, 200);
    pair.negotiate(false);
    for _ in 0..50 {
        bombard(&mut pair, 20);
        pair.run_for(5 * MS);
    }
    assert!(pair.run_until(Duration::from_secs(60), |p| p.a.opened(1)), "{:?}", pair.a.states);
    let key = pair.b.incoming().expect("open on both sides");
    pair.network.corrupt = 0.02;
    for n in 0..100 {
        pair.a.send(1, &numbered(n, 15_000));
        bombard(&mut pair, 20);
        pair.run_for(10 * MS);
    }
    let limit = Duration::from_secs(300); // each hit is a loss, and a third of them costs a second
    assert!(pair.run_until(limit, |p| p.b.messages(key).len() == 100), "{:?}", pair.a.states);
    assert!(pair.b.messages(key).iter().enumerate().all(|(n, m)| number_of(m) == n as u32));
    assert_eq!(pair.a.state(), ConnState::Connected);
}

fn bombard(pair: &mut Pair, count: usize) {
    for _ in 0..count {
        let len = (pair.random() * 1300.0) as usize;
        let mut data: BytesMut = (0..len).map(|_| (pair.random() * 256.0) as u8).collect();
        if let Some(first) = data.first_mut() {
            // STUN, DTLS, TURN channel, SRTP (RFC 7983), or anything.
            *first = [0, 1, 20, 22, 23, 64, 128, *first][(pair.random() * 8.0) as usize];
        }
        if len >= 20 && data[0] < 2 {
            let length = (len - 20) as u16;
            data[2..4].copy_from_slice(&length.to_be_bytes());
            data[4..8].copy_from_slice(&[0x21, 0x12, 0xa4, 0x42]);
        }
        if len >= 13 && (20..24).contains(&data[0]) {
            data[1..3].copy_from_slice(&[0xfe, 0xfd]);
            let length = (len - 13) as u16;
            data[11..13].copy_from_slice(&length.to_be_bytes());
        }
        let stranger = "203.0.113.5:7".parse().expect("an address");
        let from = if pair.random() < 0.5 { pair.a.address } else { stranger };
        let (now, to) = (pair.now, pair.b.address);
        pair.b.core.handle_datagram(now, to, from, data);
    }
    pair.settle();
}
