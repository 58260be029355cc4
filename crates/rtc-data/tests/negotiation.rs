// SPDX-License-Identifier: Apache-2.0
//! Offer and answer: restart, rollback, edited copies, media sections, versions, odd descriptions.

mod common;

use common::{number_of, numbered, reliable, Pair};
use rtc_data::{ConnState, SdpKind, Signaling};
use std::time::Duration;

fn line<'a>(sdp: &'a str, prefix: &str) -> &'a str {
    sdp.lines().find(|l| l.starts_with(prefix)).unwrap_or_else(|| panic!("no {prefix} in\n{sdp}"))
}

#[test]
fn an_ice_restart_keeps_the_association() {
    let (mut pair, a, b) = Pair::connected(reliable("x"));
    let ufrag = |p: &Pair| line(&p.a.core.current_local().expect("a description").1, "a=ice-ufrag").to_owned();
    let before = ufrag(&pair);
    for n in 0..200 {
        pair.a.send(a, &numbered(n, 15_000));
    }
    pair.run_until(Duration::from_secs(5), |p| p.b.messages(b).len() > 20);
    pair.negotiate(true);
    assert!(pair.run_until(Duration::from_secs(30), |p| p.b.messages(b).len() == 200 && p.a.is_drained(a)));
    assert!(pair.b.messages(b).iter().enumerate().all(|(n, m)| number_of(m) == n as u32));
    assert_ne!(ufrag(&pair), before);
    let states: Vec<ConnState> = pair.a.states.iter().map(|(_, s)| *s).collect();
    use ConnState::*;
    assert_eq!(states, [Connecting, Connected, Connecting, Connected]);
    pair.b.send(b, b"back");
    assert!(pair.run_until(Duration::from_secs(1), |p| p.a.messages(a) == [b"back"]));
}

#[test]
fn an_ice_restart_brings_a_failed_connection_back() {
    let (mut pair, a, b) = Pair::connected(reliable("x"));
    pair.network.dark = true;
    pair.run_for(Duration::from_secs(20));
    assert_eq!(pair.a.state(), ConnState::Failed);
    pair.network.dark = false;
    pair.negotiate(true);
    assert!(pair.run_until(Duration::from_secs(5), |p| p.a.state() == ConnState::Connected));
    pair.a.send(a, b"alive");
    assert!(pair.run_until(Duration::from_secs(10), |p| p.b.messages(b) == [b"alive"]));
}

#[test]
fn every_offer_is_valid_and_counts_up() {
    let mut pair = Pair::new();
    let mut last = 0;
    for _ in 0..3 {
        let offer = pair.a.core.create_offer(false).expect("an offer without channels");
        assert_eq!(offer.matches("m=application ").count(), 1);
        assert!(offer.contains("a=sctp-port:") && offer.contains("a=max-message-size:262144"));
        let origin = line(&offer, "o=").to_owned();
        let version: u64 = origin.split(' ').nth(2).and_then(|v| v.parse().ok()).expect("a version");
        assert!(last == 0 || version == last + 1, "{origin}");
        last = version;
    }
    assert_eq!(pair.a.core.signaling(), Signaling::Stable, "offers have no effect until they are set");
    pair.run_for(Duration::from_secs(1));
    assert_eq!((pair.passed, pair.lost), (0, 0));
}

#[test]
fn an_edited_copy_of_our_offer_is_recognised() {
    let mut pair = Pair::new();
    pair.a.core.create_channel(1, reliable("x")).expect("a channel");
    let offer = pair.a.core.create_offer(false).expect("an offer");
    let edited = format!("{}a=x-google-start-bitrate:100\n", offer.replace("\r\n", "\n"));
    pair.a.core.set_local(pair.now, SdpKind::Offer, &edited).expect("a copy of ours");
    assert_eq!(pair.a.core.signaling(), Signaling::HaveLocalOffer);
    let foreign = Pair::new().a.core.create_offer(false).expect("an offer");
    assert!(pair.a.core.set_local(pair.now, SdpKind::Offer, &foreign).is_err(), "not ours");
}

#[test]
fn rollback_of_both_kinds() {
    let mut pair = Pair::new();
    pair.a.core.create_channel(1, reliable("x")).expect("a channel");
    let offer = pair.a.core.create_offer(false).expect("an offer");
    pair.a.core.set_local(pair.now, SdpKind::Offer, &offer).expect("our offer");
    pair.a.core.set_local(pair.now, SdpKind::Rollback, "").expect("taken back");
    assert_eq!(pair.a.core.signaling(), Signaling::Stable);
    pair.b.core.set_remote(pair.now, SdpKind::Offer, &offer).expect("their offer");
    assert_eq!(pair.b.core.signaling(), Signaling::HaveRemoteOffer);
    pair.b.core.set_remote(pair.now, SdpKind::Rollback, "").expect("taken back");
    assert_eq!(pair.b.core.signaling(), Signaling::Stable);
    assert_eq!(pair.b.core.current_remote(), None);
    pair.b.core.set_local(pair.now, SdpKind::Rollback, "").expect("nothing to take back is no error");
}

/// `livekit` leaves a stale restart offer by applying the old answer once more, then offers anew.
#[test]
fn the_old_answer_takes_a_restart_offer_back() {
    let (mut pair, a, b) = Pair::connected(reliable("x"));
    let (kind, old) = pair.a.core.current_remote().expect("an answer");
    let offer = pair.a.core.create_offer(true).expect("an offer");
    pair.a.core.set_local(pair.now, SdpKind::Offer, &offer).expect("our offer");
    assert_eq!(pair.a.core.signaling(), Signaling::HaveLocalOffer);
    pair.a.core.set_remote(pair.now, kind, &old).expect("the old answer");
    assert_eq!(pair.a.core.signaling(), Signaling::Stable);
    assert_eq!(pair.a.core.current_remote(), Some((kind, old)));

    pair.negotiate(true);
    assert!(pair.run_until(Duration::from_secs(5), |p| p.a.state() == ConnState::Connected));
    pair.a.send(a, b"alive");
    assert!(pair.run_until(Duration::from_secs(10), |p| p.b.messages(b) == [b"alive"]));
}

#[test]
fn media_sections_are_rejected_in_place() {
    let mut pair = Pair::new();
    pair.a.core.create_channel(1, reliable("x")).expect("a channel");
    let offer = pair.a.core.create_offer(false).expect("an offer");
    pair.a.core.set_local(pair.now, SdpKind::Offer, &offer).expect("our offer");

    // What a media server would make of it: audio and video around the data section.
    let (head, data) = offer.split_at(offer.find("m=application").expect("a section"));
    let head = head.replace("a=group:BUNDLE 0", "a=group:BUNDLE a 0 v");
    let media = |kind: &str, mid: &str, codec: &str| {
        let secrets: String = ["a=ice-ufrag", "a=ice-pwd", "a=fingerprint", "a=setup"]
            .iter()
            .filter_map(|p| offer.lines().find(|l| l.starts_with(p)))
            .map(|l| format!("{l}\r\n"))
            .collect();
        format!(
            "m={kind} 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\n{secrets}a=mid:{mid}\r\na=rtcp-mux\r\na=rtpmap:96 {codec}\r\na=sendonly\r\n"
        )
    };
    let rich = format!("{head}{}{data}{}", media("audio", "a", "opus/48000/2"), media("video", "v", "VP8/90000"));
    pair.b.core.set_remote(pair.now, SdpKind::Offer, &rich).expect("an offer with media");
    let answer = pair.b.core.create_answer().expect("an answer");
    let heads: Vec<&str> = answer.lines().filter(|l| l.starts_with("m=") || l.starts_with("a=mid:")).collect();
    assert_eq!(heads.len(), 6, "{answer}");
    assert_eq!((heads[0], heads[1]), ("m=audio 0 UDP/TLS/RTP/SAVPF 96", "a=mid:a"));
    assert!(heads[2].starts_with("m=application 9") && heads[3] == "a=mid:0", "{heads:?}");
    assert_eq!((heads[4], heads[5]), ("m=video 0 UDP/TLS/RTP/SAVPF 96", "a=mid:v"));
    assert_eq!(line(&answer, "a=group:"), "a=group:BUNDLE 0");

    pair.b.core.set_local(pair.now, SdpKind::Answer, &answer).expect("our answer");
    assert_eq!(pair.b.core.current_remote(), Some((SdpKind::Offer, rich)), "as it came");
    pair.a.core.set_remote(pair.now, SdpKind::Answer, &answer).expect("rejected sections are no matter");
    pair.exchange_candidates();
    assert!(pair.run_until(Duration::from_secs(5), |p| p.a.opened(1)), "data flows all the same");
    let again = pair.b.core.create_offer(false).expect("an offer of our own");
    assert_eq!(again.lines().filter(|l| l.starts_with("m=")).count(), 3, "sections never go away");
}

#[test]
fn candidates_before_the_description_and_inside_it() {
    let mut pair = Pair::new();
    pair.a.core.create_channel(1, reliable("x")).expect("a channel");
    let offer = pair.a.core.create_offer(false).expect("an offer");
    pair.a.core.set_local(pair.now, SdpKind::Offer, &offer).expect("our offer");
    assert!(pair.a.core.take_gathering_due());
    pair.a.core.add_local_address(pair.a.address, pair.now);
    pair.settle();
    for line in std::mem::take(&mut pair.a.candidates) {
        pair.b.core.add_remote_candidate(&line);
    }
    pair.b.core.set_remote(pair.now, SdpKind::Offer, &offer).expect("their offer");
    let answer = pair.b.core.create_answer().expect("an answer");
    pair.b.core.set_local(pair.now, SdpKind::Answer, &answer).expect("our answer");
    pair.b.core.add_local_address(pair.b.address, pair.now);
    let whole = pair.b.core.current_local().expect("a description").1;
    assert!(whole.contains("a=candidate:"), "{whole}");
    pair.a.core.set_remote(pair.now, SdpKind::Answer, &whole).expect("an answer with candidates");
    assert!(pair.run_until(Duration::from_secs(5), |p| p.a.opened(1)));
}

#[test]
fn descriptions_out_of_place_are_errors() {
    let mut pair = Pair::new();
    let now = pair.now;
    assert!(pair.a.core.create_answer().is_err());
    assert!(pair.a.core.set_local(now, SdpKind::Offer, "v=0").is_err());
    assert!(pair.a.core.set_local(now, SdpKind::Answer, "").is_err());
    let offer = pair.b.core.create_offer(false).expect("an offer");
    assert!(pair.a.core.set_remote(now, SdpKind::Answer, &offer).is_err(), "an answer to nothing");
    pair.a.core.set_remote(now, SdpKind::Offer, &offer).expect("the connection is still of use");
}
