// SPDX-License-Identifier: Apache-2.0
//! Offers, answers and candidates.

use super::{common::*, labels, parse, receive_only};
use libwebrtc::prelude::*;

#[tokio::test]
async fn point_08_the_answer_names_a_message_size_and_no_transceivers() {
    let (client, server) = (End::new(), End::new());
    client.open_channels(false);
    let offer = client.offer(false).await;
    let answer = server.answer(&offer).await;
    let sdp = answer.to_string();
    let size: u64 = values(&sdp, "a=max-message-size:")[0].trim().parse().unwrap();
    assert!(size == 0 || size >= 64_000, "livekit takes the smaller of this and 64,000");
    client.set_local(&offer).await;
    client.set_remote(&answer).await;
    assert!(client.pc.transceivers().is_empty());
    assert_eq!(client.pc.signaling_state(), SignalingState::Stable);
    assert_eq!(client.pc.current_local_description().unwrap().sdp_type(), SdpType::Offer);
    assert_eq!(client.pc.current_remote_description().unwrap().to_string(), sdp);
}

#[tokio::test]
async fn point_09_an_offer_that_was_edited_and_parsed_again_is_still_ours() {
    let (mut client, mut server) = (End::new(), End::new());
    client.open_channels(false);
    let sdp = client.offer(false).await.to_string();
    let edited = sdp.replace("\r\n", "\n").replace("a=mid:", "a=x-google-start-bitrate:1000\na=mid:");
    let answer = server.answer(&parse(&sdp, SdpType::Offer)).await;
    client.set_local(&parse(&edited, SdpType::Offer)).await;
    client.set_remote(&answer).await;
    trickle(&mut client, &server);
    trickle(&mut server, &client);
    client.reach(PeerConnectionState::Connected).await;
}

#[tokio::test]
async fn point_10_an_offer_holds_data_only_and_each_next_one_a_higher_version() {
    fn version(offer: &SessionDescription) -> u64 {
        values(&offer.to_string(), "o=")[0].split(' ').nth(2).unwrap().parse().unwrap()
    }
    let (mut client, mut server) = (End::new(), End::new());
    let [channel, ..] = client.open_channels(false);
    client.pc.add_transceiver_for_media(MediaType::Video, receive_only()).unwrap();
    let first = client.offer(false).await;
    assert_eq!(values(&first.to_string(), "m=").len(), 1);
    assert!(values(&first.to_string(), "m=")[0].starts_with("application "));
    negotiate_offer(&client, &server, first.clone()).await;
    trickle(&mut client, &server);
    trickle(&mut server, &client);
    is_open(&channel).await;

    // The server asked for media sections; the engine offers again, and has nothing else to offer.
    let mut last = first;
    for _ in 0..3 {
        let offer = client.offer(false).await;
        assert!(version(&offer) > version(&last), "{offer} after {last}");
        assert_eq!(values(&offer.to_string(), "m=").len(), 1);
        negotiate_offer(&client, &server, offer.clone()).await;
        last = offer;
    }
    channel.send(b"still here", true).unwrap();
    let [reliable, ..] = server.accept(labels()).await;
    assert_eq!(next("a message", &mut inbox(&reliable)).await, b"still here");
    assert_eq!(client.pc.connection_state(), PeerConnectionState::Connected);
}

/// A server's offer with the media sections that a data-only server of ours does not make: audio before
/// its data section, video after.
fn with_media(offer: &SessionDescription) -> SessionDescription {
    let sdp = offer.to_string();
    let (session, data) = sdp.split_once("m=application").expect("a data section");
    let transport: String = ["a=ice-ufrag:", "a=ice-pwd:", "a=fingerprint:", "a=setup:"]
        .iter()
        .flat_map(|prefix| values(&sdp, prefix).into_iter().take(1).map(move |value| format!("{prefix}{value}\r\n")))
        .collect();
    let mid = values(&sdp, "a=mid:")[0];
    let session = session.replace(&format!("a=group:BUNDLE {mid}"), &format!("a=group:BUNDLE sound {mid} picture"));
    let section = |kind: &str, payload: u8, codec: &str, mid: &str| {
        format!(
            "m={kind} 9 UDP/TLS/RTP/SAVPF {payload}\r\nc=IN IP4 0.0.0.0\r\n{transport}a=mid:{mid}\r\na=sendonly\r\n\
             a=rtcp-mux\r\na=rtpmap:{payload} {codec}\r\na=msid:room {mid}\r\na=ssrc:{payload} cname:server\r\n"
        )
    };
    let audio = section("audio", 111, "opus/48000/2", "sound");
    let video = section("video", 96, "VP8/90000", "picture");
    parse(&format!("{session}{audio}m=application{data}{video}"), SdpType::Offer)
}

/// What of an answer concerns the data section.
fn without_media(answer: &SessionDescription, mid: &str) -> SessionDescription {
    let sdp = answer.to_string();
    let mut sections = sdp.split("m=");
    let session: String = sections
        .next()
        .expect("a session part")
        .lines()
        .map(|line| {
            if line.starts_with("a=group:BUNDLE") {
                format!("a=group:BUNDLE {mid}\r\n")
            } else {
                format!("{line}\r\n")
            }
        })
        .collect();
    let data = sections.find(|section| section.starts_with("application")).expect("a data section");
    parse(&format!("{session}m={data}"), SdpType::Answer)
}

#[tokio::test]
async fn point_11_the_subscriber_connection_answers_and_rejects_media() {
    let (mut server, mut subscriber) = (End::new(), End::new());
    let opened = server.open_channels(false);
    let offer = server.offer(false).await;
    let mid = values(&offer.to_string(), "a=mid:")[0].to_owned();
    server.set_local(&offer).await;
    let answer = subscriber.answer(&with_media(&offer)).await;

    let sdp = answer.to_string();
    let sections: Vec<_> = values(&sdp, "m=").iter().map(|line| line.split(' ').collect::<Vec<_>>()).collect();
    assert_eq!(sections.iter().map(|words| words[0]).collect::<Vec<_>>(), ["audio", "application", "video"]);
    assert_eq!((sections[0][1], sections[2][1]), ("0", "0"), "media is rejected");
    assert_ne!(sections[1][1], "0");
    assert_eq!(values(&sdp, "a=mid:"), ["sound", &mid, "picture"]);

    // Point 14: the candidate names the data section by both its mid and its place.
    let candidate = next("a candidate", &mut subscriber.candidates).await;
    assert_eq!((candidate.sdp_mid(), candidate.sdp_mline_index()), (mid.clone(), 1));
    server.set_remote(&without_media(&answer, &mid)).await;
    server.pc.add_ice_candidate(candidate).await.unwrap();
    trickle(&mut server, &subscriber);
    trickle(&mut subscriber, &server);

    for channel in &opened {
        channel.send(channel.label().as_bytes(), true).unwrap();
    }
    for channel in subscriber.accept(labels()).await {
        assert_eq!(next("a message", &mut inbox(&channel)).await, channel.label().as_bytes());
        channel.send(b"back", true).unwrap();
    }
    for channel in &opened {
        assert_eq!(next("a message", &mut inbox(channel)).await, b"back");
    }
}

#[tokio::test]
async fn point_14_candidates_are_complete_and_may_come_inside_the_answer() {
    let (mut client, mut server) = (End::new(), End::new());
    client.open_channels(true);
    let offer = client.offer(false).await;
    let answer = server.answer(&offer).await;
    let (candidate, _) = loopback_candidate(&mut server).await;
    client.set_local(&offer).await;
    let ours = next("a candidate", &mut client.candidates).await;
    assert_eq!(values(&offer.to_string(), "a=mid:"), [ours.sdp_mid()]);
    assert_eq!(ours.sdp_mline_index(), 0);
    assert!(ours.candidate().starts_with("candidate:"), "{ours}");
    assert_eq!(ours.to_string(), ours.candidate());

    assert!(client.pc.current_remote_description().is_none(), "livekit queues candidates until it is Some");
    let sdp = format!("{}\r\na={}\r\n", answer.to_string().trim_end(), candidate.candidate());
    client.set_remote(&parse(&sdp, SdpType::Answer)).await;
    assert!(client.pc.current_remote_description().is_some());
    client.reach(PeerConnectionState::Connected).await;
}

#[tokio::test]
async fn point_15_odd_candidates_and_descriptions_parse_and_do_no_harm() {
    let odd = [
        "",
        "candidate:",
        "a=candidate:",
        "nonsense",
        "candidate:1 1 udp",
        "candidate:1 1 udp 2130706431 8d2cb0f7-2e1a-4ab2-b1a3-2b3a0a3f1b2c.local 50000 typ host",
        "candidate:1 1 tcp 1518280447 192.0.2.1 9 typ host tcptype active",
        "candidate:1 1 TCP 1518280447 192.0.2.1 7881 typ host tcptype passive generation 0",
        "candidate:1 1 ssltcp 1 192.0.2.1 443 typ host",
        "candidate:1 1 udp 99999999999999999999 192.0.2.1 99999 typ host",
        "candidate:1 2 udp 1 192.0.2.1 5000 typ host",
        "candidate:1 1 udp 1 2001:db8::1 5000 typ host",
        "candidate:1 1 udp 1 192.0.2.1 5000 typ martian",
        "candidate:1 1 udp 1 192.0.2.1 5000 typ relay raddr 0.0.0.0 rport 0 network-id 7 network-cost 50",
        "candidate:\u{1F600} 1 udp 1 192.0.2.1 5000 typ host",
    ];
    let (mut client, mut server) = (End::new(), End::new());
    let [channel, ..] = client.open_channels(true);
    negotiate(&client, &server).await;
    for line in odd {
        for (mid, index) in [("0", 0), ("", -1), ("no such section", 7)] {
            let candidate = IceCandidate::parse(mid, index, line).unwrap();
            assert_eq!((candidate.sdp_mid(), candidate.sdp_mline_index()), (mid.to_owned(), index));
            assert_eq!(candidate.candidate(), line);
            client.pc.add_ice_candidate(candidate).await.unwrap_or_else(|error| panic!("{line}: {error}"));
        }
    }
    trickle(&mut client, &server);
    trickle(&mut server, &client);
    is_open(&channel).await;

    for sdp in ["", "v=0", "nonsense", "v=0\r\nm=application", "a=ice-ufrag:\u{0}"] {
        for kind in [SdpType::Offer, SdpType::PrAnswer, SdpType::Answer, SdpType::Rollback] {
            assert_eq!(parse(sdp, kind).to_string(), sdp);
        }
        let other = End::new();
        let error = other.pc.set_remote_description(parse(sdp, SdpType::Offer)).await.unwrap_err();
        assert_eq!(error.error_type, RtcErrorType::InvalidSdp, "{sdp}: {error}");
    }
    assert_eq!(client.pc.connection_state(), PeerConnectionState::Connected);
}

#[tokio::test]
async fn point_15_unknown_attributes_are_passed_over() {
    let (mut client, mut server) = (End::new(), End::new());
    client.open_channels(true);
    let unknown = "a=mid:";
    let odd = |description: &SessionDescription| {
        let sdp = description.to_string().replace(unknown, "a=from-the-future:1 2 3\r\na=flag\r\nb=AS:30\r\na=mid:");
        parse(&sdp, description.sdp_type())
    };
    let offer = client.offer(false).await;
    let answer = server.answer(&odd(&offer)).await;
    client.set_local(&offer).await;
    client.set_remote(&odd(&answer)).await;
    trickle(&mut client, &server);
    trickle(&mut server, &client);
    client.reach(PeerConnectionState::Connected).await;
}
