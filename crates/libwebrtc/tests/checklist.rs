// SPDX-License-Identifier: Apache-2.0
//! What `livekit` 0.10.0 asks of the WebRTC layer, point by point: two connections of the adapter over
//! UDP on this machine, driven in the order of livekit's engine. Each test is named for its point.
//!
//! | point | tested |
//! |---|---|
//! | 1, 3 to 15, 17, 19 to 22, 24 to 26 | here |
//! | 2 one or two peer connections | the choice is livekit's; `tests/e2e` against a server of each kind |
//! | 16 connected after ICE and DTLS | `rtc-data`: only there can DTLS be held back |
//! | 18 silence shows | here up to Disconnected; up to Failed in `rtc-data`, on virtual time |
//! | 23 bytes reported on SACK | coalescing here; the SACK in `rtc-data`, on virtual time |
//! | 27 end-to-end encryption | `encryption.rs` |
//!
//! The tap, which is ours and no point of the list, is tested in `tap.rs`.

mod common;

use common::*;
use libwebrtc::{peer_connection_factory::RtcConfiguration, prelude::*, rtc_data};
use std::{
    net::UdpSocket,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use tokio::sync::mpsc::unbounded_channel;

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

#[test]
fn point_01_one_factory_makes_connections_for_the_whole_process() {
    let factory = PeerConnectionFactory::with_options(false, true);
    let connections: Vec<_> = std::thread::scope(|scope| {
        let make = || factory.create_peer_connection(RtcConfiguration::default()).unwrap();
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(make)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(connections.iter().all(|pc| pc.connection_state() == PeerConnectionState::New));
}

#[tokio::test]
async fn point_03_the_single_connection_is_prepared_before_the_server_is_known() {
    let client = End::new();
    let channels = client.open_channels(true);
    for (channel, (label, id)) in channels.iter().zip(CHANNELS) {
        assert_eq!((channel.label().as_str(), channel.id()), (label, id));
        assert_eq!(channel.state(), DataChannelState::Connecting);
    }
    for media in [MediaType::Audio, MediaType::Video].into_iter().flat_map(|media| [media; 3]) {
        let transceiver = client.pc.add_transceiver_for_media(media, receive_only()).unwrap();
        assert_eq!(transceiver.mid(), None);
        assert!(transceiver.receiver().track().is_none() && transceiver.sender().track().is_none());
    }
    let offer = client.offer(false).await;
    assert_eq!(offer.sdp_type(), SdpType::Offer);
    assert!(offer.to_string().contains("\r\nm=application "));
}

#[tokio::test]
async fn point_04_an_offer_alone_changes_nothing() {
    let mut client = End::new();
    client.open_channels(true);
    let offer = client.offer(false).await;
    client.offer(false).await; // whatever the first had set off would have been told by now
    assert_eq!(client.pc.connection_state(), PeerConnectionState::New);
    assert_eq!(client.pc.signaling_state(), SignalingState::Stable);
    assert!(client.pc.current_local_description().is_none());
    assert!(client.candidates.try_recv().is_err());
    assert!(client.states.try_recv().is_err());

    let offer = parse(&offer.to_string(), SdpType::Offer);
    client.offer(false).await;
    client.set_local(&offer).await;
    assert_eq!(client.pc.signaling_state(), SignalingState::HaveLocalOffer);
    next("a candidate", &mut client.candidates).await;
}

#[tokio::test]
async fn point_05_negotiated_channels_closed_before_they_open_give_way_to_in_band_ones() {
    let (mut client, mut server) = (End::new(), End::new());
    let negotiated = client.open_channels(true);
    let offer = client.offer(false).await;
    negotiated.iter().for_each(DataChannel::close);
    let channels = client.open_channels(false);
    assert!(channels.iter().all(|channel| channel.id() == -1));

    negotiate_offer(&client, &server, offer).await;
    trickle(&mut client, &server);
    trickle(&mut server, &client);
    client.reach(PeerConnectionState::Connected).await;

    for channel in &channels {
        is_open(channel).await;
        channel.send(channel.label().as_bytes(), true).unwrap();
    }
    for channel in server.accept(labels()).await {
        assert_eq!(next("a message", &mut inbox(&channel)).await, channel.label().as_bytes());
    }
    assert!(server.channels.try_recv().is_err(), "the closed ids were opened");
    assert!(channels.iter().all(|channel| channel.id() >= 0 && channel.id() < 100));
    for channel in &negotiated {
        assert!(matches!(channel.state(), DataChannelState::Closing | DataChannelState::Closed));
        assert!(channel.send(b"too late", true).is_err());
    }
}

#[tokio::test]
async fn point_06_the_configuration_may_come_late_and_again() {
    let (mut client, mut server) = (End::new(), End::new());
    let [reliable, ..] = client.open_channels(true);
    server.open_channels(true);
    let offer = client.offer(false).await;
    let config = RtcConfiguration::default();
    client.pc.set_configuration(config.clone()).unwrap();
    negotiate_offer(&client, &server, offer).await;
    client.pc.set_configuration(config.clone()).unwrap();
    trickle(&mut client, &server);
    trickle(&mut server, &client);
    is_open(&reliable).await;
    client.pc.set_configuration(config).unwrap();
    assert_eq!(client.pc.connection_state(), PeerConnectionState::Connected);
}

#[tokio::test]
async fn point_06_a_relay_only_client_shows_no_host_candidate() {
    let mut config = RtcConfiguration::default();
    config.ice_transport_type = IceTransportsType::Relay;
    let mut client = End::new();
    client.pc.set_configuration(config).unwrap();
    client.open_channels(true);
    let offer = client.offer(false).await;
    client.set_local(&offer).await;
    client.offer(false).await;
    assert!(client.candidates.try_recv().is_err());

    let mut config = RtcConfiguration::default();
    config.ice_transport_type = IceTransportsType::NoHost;
    assert_eq!(client.pc.set_configuration(config).unwrap_err().error_type, RtcErrorType::Internal);
}

#[tokio::test]
async fn point_07_what_happens_before_a_callback_is_set_is_told_then() {
    let (mut client, mut server) = (End::new(), End::new());
    let [client_channel, ..] = client.open_channels(true);
    let [server_channel, ..] = server.open_channels(true);
    let mut seen = inbox(&server_channel);
    connect(&mut client, &mut server).await;
    for number in 0..10u8 {
        client_channel.send(&[number; 1000], true).unwrap();
        assert_eq!(next("a message", &mut seen).await, [number; 1000]);
    }
    // Sent, received and acknowledged: the sums and the messages are still there for who asks now.
    let (tx, mut drained) = unbounded_channel();
    client_channel.on_buffered_amount_change(Some(Box::new(move |bytes| _ = tx.send(bytes))));
    let mut sum = 0;
    while sum < 10_000 {
        sum += next("drained bytes", &mut drained).await;
    }
    assert_eq!(sum, 10_000);

    server_channel.send(b"early", true).unwrap();
    server_channel.send(b"bird", true).unwrap();
    let (tx, mut all_left) = unbounded_channel();
    server_channel.on_buffered_amount_change(Some(Box::new(move |bytes| _ = tx.send(bytes))));
    let mut sum = 0;
    while sum < 9 {
        sum += next("drained bytes", &mut all_left).await;
    }
    let mut late = inbox(&client_channel);
    assert_eq!(next("an early message", &mut late).await, b"early");
    assert_eq!(next("an early message", &mut late).await, b"bird");
}

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
        .unwrap()
        .lines()
        .map(|line| {
            if line.starts_with("a=group:BUNDLE") {
                format!("a=group:BUNDLE {mid}\r\n")
            } else {
                format!("{line}\r\n")
            }
        })
        .collect();
    let data = sections.find(|section| section.starts_with("application")).unwrap();
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
async fn point_12_the_server_sends_on_our_ids_or_on_channels_of_its_own() {
    let (mut client, mut server) = (End::new(), End::new());
    let ours = client.open_channels(true);
    let same = server.open_channels(true);
    let its_own = server.open_channels(false);
    let mut on_ours: Vec<_> = ours.iter().map(inbox).collect();
    connect(&mut client, &mut server).await;
    for (sender, seen) in same.iter().zip(&mut on_ours) {
        sender.send(b"on yours", true).unwrap();
        assert_eq!(next("a message", seen).await, b"on yours");
    }
    for (sender, receiver) in its_own.iter().zip(client.accept(labels()).await) {
        sender.send(b"on mine", true).unwrap();
        assert_eq!(next("a message", &mut inbox(&receiver)).await, b"on mine");
    }
}

#[tokio::test]
async fn point_13_a_channel_comes_before_its_first_message_and_may_be_used_at_once() {
    let (mut server, mut client) = (End::new(), End::new());
    let (tx, mut seen) = unbounded_channel();
    let handle = client.pc.clone();
    client.pc.on_data_channel(Some(Box::new(move |channel| {
        // As livekit does, from inside the callback; and more than it does.
        let (label, tx) = (channel.label(), tx.clone());
        assert_eq!(channel.state(), DataChannelState::Open);
        assert_eq!(handle.connection_state(), PeerConnectionState::Connected);
        handle.on_data_channel(None);
        channel.on_message(Some(Box::new(move |message| {
            _ = tx.send((label.clone(), message.data.to_vec(), message.binary))
        })));
    })));
    let channel = server.pc.create_data_channel("_reliable", DataChannelInit::default()).unwrap();
    channel.send(b"first", true).unwrap();
    channel.send(b"second", false).unwrap();
    connect(&mut server, &mut client).await;
    let reliable = || "_reliable".to_owned();
    assert_eq!(next("the first message", &mut seen).await, (reliable(), b"first".to_vec(), true));
    assert_eq!(next("the second message", &mut seen).await, (reliable(), b"second".to_vec(), false));
    assert!(matches!(channel.send(&[0xff], false), Err(DataChannelError::Utf8(_))));
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

#[tokio::test]
async fn point_17_every_transition_is_told() {
    let (mut client, mut server) = (End::new(), End::new());
    client.open_channels(true);
    negotiate(&client, &server).await;
    trickle(&mut client, &server);
    trickle(&mut server, &client);
    for end in [&mut client, &mut server] {
        let states = end.reach(PeerConnectionState::Connected).await;
        assert_eq!(states, [PeerConnectionState::Connecting, PeerConnectionState::Connected]);
    }
    client.pc.close();
    assert_eq!(client.reach(PeerConnectionState::Closed).await, [PeerConnectionState::Closed]);
    assert_eq!(client.pc.signaling_state(), SignalingState::Closed);
    let far = next("the far end's next state", &mut server.states).await;
    assert!(!matches!(far, PeerConnectionState::Connected | PeerConnectionState::Connecting), "{far:?}");
}

#[tokio::test]
async fn point_18_silence_shows_within_three_seconds_and_point_19_a_restart_finds_the_path_again() {
    let (mut client, mut server) = (End::new(), End::new());
    let [to_server, ..] = client.open_channels(true);
    let [at_server, ..] = server.open_channels(true);
    let mut seen = inbox(&at_server);
    let (path, candidate) = connect_over_path(&mut client, &mut server).await;
    to_server.send(b"before", true).unwrap();
    assert_eq!(next("a message", &mut seen).await, b"before");

    path.cut();
    let cut = Instant::now();
    client.reach(PeerConnectionState::Disconnected).await;
    assert!(cut.elapsed() < Duration::from_secs(3), "{:?}", cut.elapsed());
    to_server.send(b"during", true).unwrap();

    path.mend();
    restart_ice(&client, &server).await;
    client.pc.add_ice_candidate(copy(&candidate)).await.unwrap();
    client.reach(PeerConnectionState::Connected).await;
    to_server.send(b"after", true).unwrap();
    assert_eq!(next("a message from the silence", &mut seen).await, b"during");
    assert_eq!(next("a message", &mut seen).await, b"after");
}

#[tokio::test]
async fn point_19_a_resume_of_a_live_connection_is_seen_and_loses_nothing() {
    let (mut client, mut server) = (End::new(), End::new());
    let [to_server, ..] = client.open_channels(true);
    let [at_server, ..] = server.open_channels(true);
    let mut seen = inbox(&at_server);
    connect(&mut client, &mut server).await;
    let before = client.pc.current_local_description().unwrap().to_string();
    to_server.send(&[0], true).unwrap();

    client.pc.set_configuration(RtcConfiguration::default()).unwrap();
    // SyncState carries both descriptions and the channels' labels and ids.
    assert!(client.pc.current_remote_description().is_some());
    assert_eq!((to_server.label().as_str(), to_server.id()), CHANNELS[0]);
    let (client_candidates, server_candidates) = (fresh_candidates(&mut client), fresh_candidates(&mut server));
    restart_ice(&client, &server).await;
    client.candidates = client_candidates;
    server.candidates = server_candidates;
    trickle(&mut client, &server);
    trickle(&mut server, &client);
    to_server.send(&[1], true).unwrap();
    assert_eq!(
        client.reach(PeerConnectionState::Connected).await,
        [PeerConnectionState::Connecting, PeerConnectionState::Connected]
    );
    to_server.send(&[2], true).unwrap();
    for number in 0..3 {
        assert_eq!(next("a message", &mut seen).await, [number]);
    }
    let after = client.pc.current_local_description().unwrap().to_string();
    assert_ne!(values(&before, "a=ice-ufrag:"), values(&after, "a=ice-ufrag:"));
    assert_eq!(values(&before, "a=fingerprint:"), values(&after, "a=fingerprint:"));
}

/// Candidates found from now on.
fn fresh_candidates(end: &mut End) -> tokio::sync::mpsc::UnboundedReceiver<IceCandidate> {
    let (tx, rx) = unbounded_channel();
    end.pc.on_ice_candidate(Some(Box::new(move |candidate| _ = tx.send(candidate))));
    rx
}

#[tokio::test]
async fn point_20_the_old_answer_takes_a_restart_offer_back() {
    let (mut client, mut server) = (End::new(), End::new());
    let [to_server, ..] = client.open_channels(true);
    let [at_server, ..] = server.open_channels(true);
    let mut seen = inbox(&at_server);
    connect(&mut client, &mut server).await;

    let lost = client.offer(true).await;
    client.set_local(&lost).await;
    assert_eq!(client.pc.signaling_state(), SignalingState::HaveLocalOffer);
    let old = client.pc.current_remote_description().unwrap();
    client.set_remote(&old).await;
    assert_eq!(client.pc.signaling_state(), SignalingState::Stable);

    let (client_candidates, server_candidates) = (fresh_candidates(&mut client), fresh_candidates(&mut server));
    restart_ice(&client, &server).await;
    client.candidates = client_candidates;
    server.candidates = server_candidates;
    trickle(&mut client, &server);
    trickle(&mut server, &client);
    assert_eq!(client.pc.signaling_state(), SignalingState::Stable);
    client.reach(PeerConnectionState::Connected).await;
    to_server.send(b"found again", true).unwrap();
    assert_eq!(next("a message", &mut seen).await, b"found again");
}

#[tokio::test]
async fn point_21_after_a_full_restart_everything_is_new() {
    let mut sent = vec![];
    for round in 0..2u8 {
        let (mut client, mut server) = (End::new(), End::new());
        let [to_server, ..] = client.open_channels(true);
        let [at_server, ..] = server.open_channels(true);
        let mut seen = inbox(&at_server);
        connect(&mut client, &mut server).await;
        to_server.send(&[round], true).unwrap();
        assert_eq!(next("a message", &mut seen).await, [round]);
        sent.push(client.pc.current_local_description().unwrap().to_string());
        client.pc.close();
        client.reach(PeerConnectionState::Closed).await;
        assert!(client.pc.create_offer(OfferOptions::default()).await.is_err());
        assert!(client.pc.create_data_channel("_reliable", DataChannelInit::default()).is_err());
    }
    assert_ne!(values(&sent[0], "a=ice-pwd:"), values(&sent[1], "a=ice-pwd:"));
    assert_ne!(values(&sent[0], "a=fingerprint:"), values(&sent[1], "a=fingerprint:"));
}

#[tokio::test]
async fn point_22_drained_bytes_add_up_to_the_bytes_sent_and_point_23_come_coalesced() {
    let (mut client, mut server) = (End::new(), End::new());
    let channels = client.open_channels(true);
    for channel in server.open_channels(true) {
        channel.on_message(Some(Box::new(|_| ())));
    }
    let mut drained: Vec<_> = channels
        .iter()
        .map(|channel| {
            let (tx, rx) = unbounded_channel();
            channel.on_buffered_amount_change(Some(Box::new(move |bytes| _ = tx.send(bytes))));
            rx
        })
        .collect();
    let too_long = vec![0; rtc_data::MAX_MESSAGE + 1];
    let mut given = [0; 3];
    let send = |given: &mut [u64; 3], count: usize| {
        for (channel, given) in channels.iter().zip(given) {
            for _ in 0..count {
                channel.send(&[7; CHUNK], true).unwrap();
                *given += CHUNK as u64;
            }
            // livekit counts a message before it tries to send it.
            assert!(channel.send(&too_long, true).is_err());
            *given += too_long.len() as u64;
        }
    };
    send(&mut given, 20); // while connecting
    connect(&mut client, &mut server).await;
    send(&mut given, 200);
    for ((events, given), (label, _)) in drained.iter_mut().zip(given).zip(CHANNELS) {
        let (mut sum, mut calls) = (0, 0);
        while sum < given {
            sum += next(&format!("{label}: the rest after {sum} of {given} bytes"), events).await;
            calls += 1;
        }
        assert_eq!(sum, given, "{label}");
        assert!(calls <= 2 + given / (100 << 10), "{label}: {calls} calls for {given} bytes");
    }
}

#[tokio::test]
async fn point_24_what_is_sent_while_connecting_waits_without_blocking() {
    let (mut client, mut server) = (End::new(), End::new());
    let [to_server, ..] = client.open_channels(true);
    let [at_server, ..] = server.open_channels(true);
    let mut seen = inbox(&at_server);
    const MESSAGES: u32 = 600; // 9 MB: more than fits anywhere below
    let mut message = vec![0; CHUNK];
    for number in 0..MESSAGES {
        message[..4].copy_from_slice(&number.to_be_bytes());
        to_server.send(&message, true).unwrap(); // copies: the buffer is ours again
    }
    assert_eq!(to_server.state(), DataChannelState::Connecting);
    connect(&mut client, &mut server).await;
    for number in 0..MESSAGES {
        let received = next("a queued message", &mut seen).await;
        assert_eq!((received.len(), &received[..4]), (CHUNK, &number.to_be_bytes()[..]));
    }
}

#[tokio::test]
async fn point_25_callbacks_come_in_order_from_one_thread_and_may_call_back() {
    let (mut client, mut server) = (End::new(), End::new());
    let log = Arc::new(Mutex::new(vec![]));
    let threads = Arc::new(Mutex::new(std::collections::HashSet::new()));
    let (tx, mut done) = unbounded_channel();
    let [reliable, ..] = client.open_channels(true);
    let [from_server, ..] = server.open_channels(true);

    let (pc, channel) = (client.pc.clone(), reliable.clone());
    let (events, seen_on) = (log.clone(), threads.clone());
    reliable.on_state_change(Some(Box::new(move |state| {
        seen_on.lock().unwrap().insert(std::thread::current().id());
        assert_eq!(channel.state(), state);
        events.lock().unwrap().push(format!("{state:?} while {:?}", pc.connection_state()));
    })));
    let (channel, events, seen_on) = (reliable.clone(), log.clone(), threads.clone());
    let mut count = 0; // FnMut
    reliable.on_message(Some(Box::new(move |message| {
        seen_on.lock().unwrap().insert(std::thread::current().id());
        count += 1;
        events.lock().unwrap().push(format!("message {}", message.data[0]));
        channel.send(message.data, true).unwrap();
        if count == 5 {
            channel.on_message(None); // replaces itself
            channel.close();
        }
    })));
    let seen_on = threads.clone();
    let pc = client.pc.clone();
    client.pc.on_connection_state_change(Some(Box::new(move |state| {
        seen_on.lock().unwrap().insert(std::thread::current().id());
        assert_eq!(pc.connection_state(), state);
        _ = tx.send(state);
    })));
    for number in 0..5 {
        from_server.send(&[number], true).unwrap();
    }
    let mut echoed = inbox(&from_server);
    negotiate(&client, &server).await;
    trickle(&mut client, &server);
    trickle(&mut server, &client);
    for number in 0..5 {
        assert_eq!(next("an echo", &mut echoed).await, [number]);
    }
    client.pc.close();
    while next("the end", &mut done).await != PeerConnectionState::Closed {}

    let log = log.lock().unwrap();
    assert_eq!(log[0], "Open while Connected");
    assert_eq!(log[1..6], ["message 0", "message 1", "message 2", "message 3", "message 4"]);
    assert!(log[6..].iter().all(|entry| entry.starts_with("Clos")), "{log:?}");
    assert_eq!(threads.lock().unwrap().len(), 1);
    // Callbacks that hold a handle of their own connection must not keep it alive.
    assert_eq!(client.pc.connection_state(), PeerConnectionState::Closed);
}

#[tokio::test]
async fn point_26_close_is_at_once_and_says_so_to_everyone() {
    let (mut client, mut server) = (End::new(), End::new());
    let [to_server, ..] = client.open_channels(true);
    server.open_channels(true);
    connect(&mut client, &mut server).await;
    is_open(&to_server).await;
    for _ in 0..1000 {
        to_server.send(&[0; CHUNK], true).unwrap();
    }
    assert!(client.pc.senders().is_empty());
    let (tx, mut states) = unbounded_channel();
    to_server.on_state_change(Some(Box::new(move |state| _ = tx.send(state))));
    client.pc.close();
    client.pc.close();
    assert_eq!(client.pc.signaling_state(), SignalingState::Closed);
    while next("the channel's end", &mut states).await != DataChannelState::Closed {}
    client.reach(PeerConnectionState::Closed).await;
    assert!(to_server.send(b"too late", true).is_err());
    let error = client.pc.create_offer(OfferOptions::default()).await.unwrap_err();
    assert_eq!(error.error_type, RtcErrorType::InvalidState);
}

#[tokio::test]
async fn point_26_the_last_handle_frees_the_sockets_without_a_close() {
    let (mut client, mut server) = (End::new(), End::new());
    let channels = client.open_channels(true);
    server.open_channels(true);
    negotiate(&client, &server).await;
    let (candidate, address) = loopback_candidate(&mut client).await;
    server.pc.add_ice_candidate(candidate).await.unwrap();
    client.reach(PeerConnectionState::Connected).await;
    assert!(UdpSocket::bind(address).is_err(), "the socket is in use");

    let End { pc, mut states, .. } = client;
    let clone = pc.clone();
    drop(pc);
    assert_eq!(clone.connection_state(), PeerConnectionState::Connected, "a handle is left");
    drop((clone, channels));
    while within("the end", states.recv()).await.is_some() {}
    // Its callbacks are gone, so the connection's thread is at its end; the kernel may take a moment.
    within("the socket", async {
        while UdpSocket::bind(address).is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}
