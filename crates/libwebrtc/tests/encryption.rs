// SPDX-License-Identifier: Apache-2.0
//! Point 27 of the checklist (see checklist.rs): keys and data packets of end-to-end encryption.

use libwebrtc::native::frame_cryptor::{
    DataPacketCryptor, EncryptedPacket, EncryptionAlgorithm, KeyDerivationAlgorithm, KeyProvider, KeyProviderOptions,
};

const WINDOW: i32 = 4;

/// The defaults of livekit's key provider but for the window, which makes failures quick.
fn options(shared_key: bool) -> KeyProviderOptions {
    KeyProviderOptions {
        shared_key,
        ratchet_window_size: WINDOW,
        ratchet_salt: b"LKFrameEncryptionKey".to_vec(),
        failure_tolerance: -1,
        key_ring_size: 16,
        key_derivation_algorithm: KeyDerivationAlgorithm::HKDF,
    }
}

fn shared(secret: &[u8]) -> (KeyProvider, DataPacketCryptor) {
    let keys = KeyProvider::new(options(true));
    assert!(keys.set_shared_key(0, secret.to_vec()));
    (keys.clone(), DataPacketCryptor::new(EncryptionAlgorithm::AesGcm, keys))
}

#[test]
fn a_packet_is_opened_with_the_same_shared_key_only() {
    let ((_, alice), (_, bob), (_, eve)) = (shared(b"secret"), shared(b"secret"), shared(b"guess"));
    let sealed = alice.encrypt("alice", 0, b"video").unwrap();
    assert_eq!((sealed.data.len(), sealed.iv.len(), sealed.key_index), (5 + 16, 12, 0));
    assert_eq!(bob.decrypt("alice", &sealed).unwrap(), b"video");
    assert!(eve.decrypt("alice", &sealed).is_err());
    assert_eq!(bob.decrypt("alice", &alice.encrypt("alice", 0, b"").unwrap()).unwrap(), b"");
}

#[test]
fn both_derivations_round_trip_and_differ() {
    let cryptor = |algorithm| {
        let keys = KeyProvider::new(KeyProviderOptions { key_derivation_algorithm: algorithm, ..options(true) });
        keys.set_shared_key(0, b"secret".to_vec());
        DataPacketCryptor::new(EncryptionAlgorithm::AesGcm, keys)
    };
    let [slow, quick] = [KeyDerivationAlgorithm::PBKDF2, KeyDerivationAlgorithm::HKDF].map(cryptor);
    for (seals, other) in [(&slow, &quick), (&quick, &slow)] {
        let sealed = seals.encrypt("alice", 0, b"video").unwrap();
        assert_eq!(seals.decrypt("alice", &sealed).unwrap(), b"video");
        assert!(other.decrypt("alice", &sealed).is_err());
    }
}

#[test]
fn an_iv_is_never_used_twice() {
    let (_, alice) = shared(b"secret");
    let ivs: std::collections::HashSet<_> = (0..1000).map(|_| alice.encrypt("alice", 0, b"same").unwrap().iv).collect();
    assert_eq!(ivs.len(), 1000);
}

#[test]
fn damage_is_an_error() {
    let (_, alice) = shared(b"secret");
    let sealed = alice.encrypt("alice", 0, b"video").unwrap();
    let damaged = |change: &dyn Fn(&mut EncryptedPacket)| {
        let mut packet = sealed.clone();
        change(&mut packet);
        alice.decrypt("alice", &packet)
    };
    assert!(damaged(&|_| ()).is_ok());
    assert!(damaged(&|packet| packet.data[0] ^= 1).is_err());
    assert!(damaged(&|packet| packet.data.truncate(15)).is_err());
    assert!(damaged(&|packet| packet.data.clear()).is_err());
    assert!(damaged(&|packet| packet.iv[0] ^= 1).is_err());
    assert!(damaged(&|packet| packet.iv.clear()).is_err());
    assert!(damaged(&|packet| packet.key_index = 1).is_err());
    assert!(damaged(&|packet| packet.key_index = u32::MAX).is_err());
    assert!(damaged(&|packet| packet.key_index = 16).is_err());
}

#[test]
fn each_participant_can_have_keys_of_its_own() {
    let keys = KeyProvider::new(options(false));
    assert!(!keys.set_shared_key(0, b"secret".to_vec()));
    assert!(keys.set_key("alice".into(), 0, b"of alice".to_vec()));
    assert!(keys.set_key("bob".into(), 3, b"of bob".to_vec()));
    assert_eq!(keys.get_key("alice".into(), 0).unwrap(), b"of alice");
    assert_eq!(keys.get_key("bob".into(), -1).unwrap(), b"of bob");
    assert_eq!(keys.get_key("bob".into(), 0), None);
    assert_eq!(keys.get_shared_key(0), None);

    let cryptor = DataPacketCryptor::new(EncryptionAlgorithm::AesGcm, keys);
    let sealed = cryptor.encrypt("bob", 3, b"video").unwrap();
    assert_eq!(sealed.key_index, 3);
    assert_eq!(cryptor.decrypt("bob", &sealed).unwrap(), b"video");
    assert!(cryptor.decrypt("alice", &sealed).is_err());
    assert!(cryptor.encrypt("carol", 0, b"video").is_err());
    assert!(cryptor.encrypt("bob", 0, b"video").is_err());
}

#[test]
fn a_key_index_beyond_the_ring_wraps_when_set_and_is_unknown_when_used() {
    let keys = KeyProvider::new(KeyProviderOptions { key_ring_size: 4, ..options(true) });
    keys.set_shared_key(5, b"secret".to_vec());
    assert_eq!(keys.get_shared_key(1).unwrap(), b"secret");
    assert_eq!(keys.get_shared_key(5), None);
    for (ring_size, last) in [(0, 15), (-1, 15), (1, 0), (1000, 255)] {
        let keys = KeyProvider::new(KeyProviderOptions { key_ring_size: ring_size, ..options(true) });
        keys.set_shared_key(last, b"secret".to_vec());
        assert!(keys.get_shared_key(last).is_some(), "ring of {ring_size}");
        assert!(keys.get_shared_key(last + 1).is_none(), "ring of {ring_size}");
    }
}

#[test]
fn the_receiver_follows_a_sender_that_ratchets_within_the_window() {
    let ((alices, alice), (bobs, bob)) = (shared(b"secret"), shared(b"secret"));
    for _ in 0..WINDOW {
        assert!(alices.ratchet_shared_key(0).is_some());
    }
    let sealed = alice.encrypt("alice", 0, b"video").unwrap();
    assert_eq!(bob.decrypt("alice", &sealed).unwrap(), b"video");
    // It is alice who moved on: her ring followed, the shared key stays for the others.
    assert_eq!(bobs.get_key("alice".into(), 0), alices.get_shared_key(0));
    assert_eq!(bobs.get_shared_key(0).unwrap(), b"secret");
    let from_bob = bob.encrypt("bob", 0, b"hello").unwrap();
    let (_, carol) = shared(b"secret");
    assert_eq!(carol.decrypt("bob", &from_bob).unwrap(), b"hello");

    for _ in 0..=WINDOW {
        alices.ratchet_shared_key(0);
    }
    let beyond = alice.encrypt("alice", 0, b"video").unwrap();
    assert!(bob.decrypt("alice", &beyond).is_err());
    assert_eq!(bob.decrypt("alice", &sealed).unwrap(), b"video", "a failure leaves the key as it was");
}

#[test]
fn ratcheting_one_participant_gives_a_new_secret_of_32_bytes() {
    let keys = KeyProvider::new(options(false));
    assert_eq!(keys.ratchet_key("alice".into(), 0), None);
    assert_eq!(keys.ratchet_shared_key(0), None);
    keys.set_key("alice".into(), 0, b"secret".to_vec());
    let next = keys.ratchet_key("alice".into(), 0).unwrap();
    assert_eq!(next.len(), 32);
    assert_eq!(keys.get_key("alice".into(), 0), Some(next));
}

#[test]
fn aes_cbc_is_an_error() {
    let (keys, _) = shared(b"secret");
    let cryptor = DataPacketCryptor::new(EncryptionAlgorithm::AesCbc, keys);
    assert!(cryptor.encrypt("alice", 0, b"video").is_err());
}

#[test]
fn debug_shows_no_secret() {
    let (keys, cryptor) = shared(b"topsecret");
    let shown = format!("{keys:?} {cryptor:?}");
    assert!(!shown.contains("topsecret") && !shown.contains("116, 111, 112"), "{shown}");
}
