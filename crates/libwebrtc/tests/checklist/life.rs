// SPDX-License-Identifier: Apache-2.0
//! States, restarts of ICE, and the end of a connection.

use super::{common::*, CHUNK};
use libwebrtc::{peer_connection_factory::RtcConfiguration, prelude::*};
use std::{
    net::UdpSocket,
    time::{Duration, Instant},
};
use tokio::sync::mpsc::{unbounded_channel, UnboundedReceiver};

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
async fn point_16_connected_means_ice_and_dtls() {
    let (mut client, mut server) = (End::new(), End::new());
    client.open_channels(true);
    let (mut path, _) = negotiate_path(&mut client, &mut server, Gate::StunOnly).await;
    let first = next("a DTLS handshake, which ICE must precede", &mut path.stopped).await;
    assert_eq!(first[0], 22, "a handshake record");
    for end in [&client, &server] {
        assert_eq!(end.pc.connection_state(), PeerConnectionState::Connecting);
    }
    path.set(Gate::Open);
    client.reach(PeerConnectionState::Connected).await;
    server.reach(PeerConnectionState::Connected).await;
}

#[tokio::test]
#[allow(clippy::disallowed_methods)] // the limit is one of real time
async fn point_18_silence_shows_within_three_seconds_and_point_19_a_restart_finds_the_path_again() {
    let (mut client, mut server) = (End::new(), End::new());
    let [to_server, ..] = client.open_channels(true);
    let [at_server, ..] = server.open_channels(true);
    let mut seen = inbox(&at_server);
    let mut drained = drained(&to_server);
    let (path, candidate) = negotiate_path(&mut client, &mut server, Gate::Open).await;
    client.reach(PeerConnectionState::Connected).await;
    server.reach(PeerConnectionState::Connected).await;
    to_server.send(b"before", true).unwrap();
    assert_eq!(next("a message", &mut seen).await, b"before");
    drain(6, &mut drained).await;

    path.set(Gate::Shut);
    let shut = Instant::now();
    to_server.send(b"meanwhile", true).unwrap();
    client.reach(PeerConnectionState::Disconnected).await;
    assert!(shut.elapsed() < Duration::from_secs(3), "{:?}", shut.elapsed());
    // Point 23: livekit keeps for a retry just what was not reported, so only a SACK may report it.
    assert!(drained.try_recv().is_err());

    path.set(Gate::Open);
    restart_ice(&client, &server).await;
    client.pc.add_ice_candidate(copy(&candidate)).await.unwrap();
    client.reach(PeerConnectionState::Connected).await;
    to_server.send(b"after", true).unwrap();
    assert_eq!(next("a message from the silence", &mut seen).await, b"meanwhile");
    assert_eq!(next("a message", &mut seen).await, b"after");
    drain(14, &mut drained).await;
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
fn fresh_candidates(end: &mut End) -> UnboundedReceiver<IceCandidate> {
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
    let (mut client, server) = (End::new(), End::new());
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
