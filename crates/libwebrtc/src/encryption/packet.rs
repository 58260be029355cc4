// SPDX-License-Identifier: Apache-2.0
//! Data packets: sealed and opened with a participant's key.

use super::{key::Key, EncryptionAlgorithm, KeyProvider};
use ring::{
    aead::{Aad, Nonce, NONCE_LEN},
    rand::{SecureRandom, SystemRandom},
};
use std::error::Error;

/// A sealed packet.
#[derive(Debug, Clone)]
pub struct EncryptedPacket {
    /// Ciphertext and tag.
    pub data: Vec<u8>,
    /// 12 bytes.
    pub iv: Vec<u8>,
    /// Which key of the sender's ring.
    pub key_index: u32,
}

/// Seals and opens packets with the keys of a provider; clones are the same.
#[derive(Clone, Debug)]
pub struct DataPacketCryptor {
    algorithm: EncryptionAlgorithm,
    keys: KeyProvider,
    random: SystemRandom,
}

#[derive(Debug, thiserror::Error)]
enum CryptorError {
    #[error("data packets are encrypted with AES-GCM only")]
    Algorithm,
    #[error("participant {participant_id} has no key with index {key_index}")]
    MissingKey { participant_id: String, key_index: u32 },
    #[error("the system's random generator failed")]
    Random,
    #[error("the packet is too large to encrypt")]
    Seal,
    #[error("the iv has {0} bytes, not 12")]
    Iv(usize),
    #[error("the packet does not decrypt: wrong key, or damaged")]
    Open,
}

impl DataPacketCryptor {
    /// `keys` may be filled and changed at any time.
    pub fn new(algorithm: EncryptionAlgorithm, keys: KeyProvider) -> Self {
        Self { algorithm, keys, random: SystemRandom::new() }
    }

    /// Seals `data` under a random iv.
    pub fn encrypt(
        &self,
        participant_id: &str,
        key_index: u32,
        data: &[u8],
    ) -> Result<EncryptedPacket, Box<dyn Error>> {
        let key = self.key(participant_id, key_index)?;
        let mut iv = [0; NONCE_LEN];
        self.random.fill(&mut iv).map_err(|_| CryptorError::Random)?;
        let mut data = data.to_vec();
        key.aes()
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(iv), Aad::empty(), &mut data)
            .map_err(|_| CryptorError::Seal)?;
        Ok(EncryptedPacket { data, iv: iv.to_vec(), key_index })
    }

    /// Opens a packet of `participant_id`; when it was sealed with a key that the known one ratchets to,
    /// within the window, that becomes the participant's key.
    pub fn decrypt(&self, participant_id: &str, packet: &EncryptedPacket) -> Result<Vec<u8>, Box<dyn Error>> {
        let key = self.key(participant_id, packet.key_index)?;
        let iv: [u8; NONCE_LEN] = packet.iv.as_slice().try_into().map_err(|_| CryptorError::Iv(packet.iv.len()))?;
        if let Some(data) = open(&key, iv, &packet.data) {
            return Ok(data);
        }
        for next in self.keys.ratchet_window(&key) {
            if let Some(data) = open(next, iv, &packet.data) {
                self.keys.follow(participant_id, packet.key_index, next);
                return Ok(data);
            }
        }
        Err(CryptorError::Open.into())
    }

    fn key(&self, participant_id: &str, key_index: u32) -> Result<std::sync::Arc<Key>, CryptorError> {
        if self.algorithm != EncryptionAlgorithm::AesGcm {
            return Err(CryptorError::Algorithm);
        }
        let missing = || CryptorError::MissingKey { participant_id: participant_id.to_owned(), key_index };
        self.keys.key_for(participant_id, key_index).ok_or_else(missing)
    }
}

fn open(key: &Key, iv: [u8; NONCE_LEN], sealed: &[u8]) -> Option<Vec<u8>> {
    let mut data = sealed.to_vec();
    let length = key.aes().open_in_place(Nonce::assume_unique_for_key(iv), Aad::empty(), &mut data).ok()?.len();
    data.truncate(length);
    Some(data)
}
