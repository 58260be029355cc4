// SPDX-License-Identifier: Apache-2.0
//! What a data-only session can touch of audio and video does nothing, or says so; nothing panics.

use libwebrtc::{
    native::{create_random_uuid, frame_cryptor::*, packet_trailer},
    peer_connection_factory::{native::PeerConnectionFactoryExt, RtcConfiguration},
    prelude::*,
};

fn init(direction: RtpTransceiverDirection) -> RtpTransceiverInit {
    RtpTransceiverInit { direction, stream_ids: vec![], send_encodings: vec![] }
}

fn transceiver(pc: &PeerConnection) -> RtpTransceiver {
    pc.add_transceiver_for_media(MediaType::Audio, init(RtpTransceiverDirection::RecvOnly)).expect("a transceiver")
}

#[tokio::test]
async fn a_transceiver_and_its_ends_are_empty() {
    let factory = PeerConnectionFactory::default();
    assert!(factory.get_rtp_sender_capabilities(MediaType::Video).codecs.is_empty());
    let pc = factory.create_peer_connection(RtcConfiguration::default()).unwrap();
    let transceiver = transceiver(&pc);
    assert_eq!(transceiver.mid(), None);
    assert!(transceiver.set_codec_preferences(vec![]).is_err());
    let (sender, receiver) = (transceiver.sender(), transceiver.receiver());
    assert!(sender.track().is_none() && receiver.track().is_none() && receiver.streams().is_empty());
    assert!(sender.get_stats().await.unwrap().is_empty() && receiver.get_stats().await.unwrap().is_empty());
    assert!(sender.set_parameters(sender.parameters()).is_err());
    sender.set_video_encoder_backend(VideoEncoderBackend::Software);
    receiver.parameters().set_degradation_preference(DegradationPreference::Balanced);
    packet_trailer::create_sender_handler(&factory, &sender).set_publish_timing_observer(None);
    packet_trailer::create_receiver_handler(&factory, &receiver).set_subscribe_timing_observer(None);
    assert!(pc.remove_track(sender).is_err());
    assert!(pc.get_stats().await.unwrap().is_empty());
}

#[test]
fn there_is_no_audio_device_and_its_track_cannot_be_sent() {
    let factory = PeerConnectionFactory::default();
    assert!(!factory.acquire_platform_adm());
    assert_eq!((factory.playout_devices(), factory.recording_devices(), factory.platform_adm_ref_count()), (0, 0, 0));
    assert_eq!(factory.playout_device_name(0), "");
    factory.release_platform_adm();
    let track = MediaStreamTrack::from(factory.create_device_audio_track("microphone"));
    assert_eq!((track.id().as_str(), track.enabled(), track.set_enabled(true)), ("microphone", false, false));
    let pc = factory.create_peer_connection(RtcConfiguration::default()).unwrap();
    let error = pc.add_transceiver(track, init(RtpTransceiverDirection::SendOnly)).unwrap_err();
    assert!(error.to_string().contains("data channels only"), "{error}");
}

#[test]
fn frame_cryptors_do_nothing() {
    let factory = PeerConnectionFactory::default();
    let pc = factory.create_peer_connection(RtcConfiguration::default()).unwrap();
    let (sender, receiver) = (transceiver(&pc).sender(), transceiver(&pc).receiver());
    let keys = KeyProvider::new(KeyProviderOptions {
        shared_key: true,
        ratchet_window_size: 0,
        ratchet_salt: vec![],
        failure_tolerance: -1,
        key_ring_size: 16,
        key_derivation_algorithm: KeyDerivationAlgorithm::HKDF,
    });
    keys.set_sif_trailer(vec![1, 2, 3]);
    let (algorithm, alice) = (EncryptionAlgorithm::AesGcm, || "alice".to_owned());
    let handler = packet_trailer::create_sender_handler(&factory, &sender);
    for cryptor in [
        FrameCryptor::new_for_rtp_sender(&factory, alice(), algorithm, keys.clone(), sender),
        FrameCryptor::new_for_rtp_receiver(&factory, alice(), algorithm, keys, receiver),
    ] {
        cryptor.on_state_change(Some(Box::new(|_, _| unreachable!("nothing is encrypted"))));
        cryptor.set_packet_trailer_handler(&handler);
        cryptor.set_enabled(true);
    }
}

#[test]
fn a_uuid_is_random() {
    let (one, other) = (create_random_uuid(), create_random_uuid());
    assert_ne!(one, other);
    let groups: Vec<&str> = one.split('-').collect();
    assert_eq!(groups.iter().map(|group| group.len()).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
    assert!(groups[2].starts_with('4') && groups[3].starts_with(['8', '9', 'a', 'b']), "version 4: {one}");
}
