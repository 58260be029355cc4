// SPDX-License-Identifier: Apache-2.0
//! What is made before the server is known, and changed once it is.

use super::{common::*, labels, parse, receive_only};
use libwebrtc::{peer_connection_factory::RtcConfiguration, prelude::*};
use tokio::sync::mpsc::unbounded_channel;

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
    let (tx, mut errors) = unbounded_channel();
    client.pc.on_ice_candidate_error(Some(Box::new(move |error| _ = tx.send(error))));
    client.pc.set_configuration(config).unwrap();
    client.open_channels(true);
    let offer = client.offer(false).await;
    client.set_local(&offer).await;
    let error = next("an error, for there is no relay", &mut errors).await;
    assert!(!error.error_text.is_empty());
    assert!(client.candidates.try_recv().is_err());

    let mut config = RtcConfiguration::default();
    config.ice_transport_type = IceTransportsType::NoHost;
    assert_eq!(client.pc.set_configuration(config).unwrap_err().error_type, RtcErrorType::Internal);
}

#[tokio::test]
async fn point_06_nothing_shows_credentials() {
    let mut config = RtcConfiguration::default();
    let (urls, username) = (vec!["stun:127.0.0.1:3478".to_owned()], "name".to_owned());
    config.ice_servers = vec![IceServer { urls, username, password: "topsecret".to_owned() }];
    assert!(!format!("{config:?}").contains("topsecret"));
    let client = End::with(config);
    client.open_channels(true);
    let offer = client.offer(false).await;
    let password = values(&offer.to_string(), "a=ice-pwd:")[0].to_owned();
    assert!(!format!("{offer:?} {:?}", client.pc).contains(&password));
}
