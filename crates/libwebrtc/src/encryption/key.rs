// SPDX-License-Identifier: Apache-2.0
//! One key: the secret it comes from, the AES key derived from that, and the key it ratchets to.

use ring::{
    aead::{LessSafeKey, UnboundKey, AES_128_GCM},
    hkdf, pbkdf2,
};
use std::{
    num::NonZeroU32,
    sync::{Arc, OnceLock},
};

const PBKDF2_ROUNDS: NonZeroU32 = NonZeroU32::new(100_000).unwrap();
const HKDF_INFO: [u8; 128] = [0; 128];
const AES_KEY_BYTES: usize = 16;
const RATCHETED_SECRET_BYTES: usize = 32;

/// How a secret becomes a key.
#[derive(Copy, Clone, Debug)]
#[non_exhaustive]
pub enum KeyDerivationAlgorithm {
    /// For passphrases: slow on purpose.
    PBKDF2,
    /// For random secrets.
    HKDF,
}

/// The algorithm and salt shared by all keys of a provider.
pub(super) struct Derivation {
    pub algorithm: KeyDerivationAlgorithm,
    pub salt: Vec<u8>,
}

impl Derivation {
    fn derive(&self, secret: &[u8], output: &mut [u8]) {
        match self.algorithm {
            KeyDerivationAlgorithm::PBKDF2 => {
                pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, PBKDF2_ROUNDS, &self.salt, secret, output);
            }
            KeyDerivationAlgorithm::HKDF => hkdf_sha256(&self.salt, secret, output),
        }
    }
}

fn hkdf_sha256(salt: &[u8], secret: &[u8], output: &mut [u8]) {
    struct Length(usize);
    impl hkdf::KeyType for Length {
        fn len(&self) -> usize {
            self.0
        }
    }
    let length = Length(output.len());
    hkdf::Salt::new(hkdf::HKDF_SHA256, salt)
        .extract(secret)
        .expand(&[&HKDF_INFO], length)
        .and_then(|okm| okm.fill(output))
        .expect("HKDF-SHA256 gives up to 8,160 bytes, and just as many as were asked for");
}

/// Immutable; what it ratchets to is worked out once, at the first need.
pub(super) struct Key {
    secret: Vec<u8>,
    aes: LessSafeKey,
    next: OnceLock<Arc<Key>>,
}

impl Key {
    pub fn new(secret: Vec<u8>, derivation: &Derivation) -> Arc<Self> {
        let mut bytes = [0; AES_KEY_BYTES];
        derivation.derive(&secret, &mut bytes);
        let aes = UnboundKey::new(&AES_128_GCM, &bytes).expect("an AES-128 key has 16 bytes");
        Arc::new(Self { secret, aes: LessSafeKey::new(aes), next: OnceLock::new() })
    }

    /// The key after this one.
    pub fn ratcheted(&self, derivation: &Derivation) -> &Arc<Self> {
        self.next.get_or_init(|| {
            let mut secret = vec![0; RATCHETED_SECRET_BYTES];
            derivation.derive(&self.secret, &mut secret);
            Self::new(secret, derivation)
        })
    }

    pub fn secret(&self) -> &[u8] {
        &self.secret
    }

    pub fn aes(&self) -> &LessSafeKey {
        &self.aes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn derive(algorithm: KeyDerivationAlgorithm, secret: &[u8], salt: &[u8], bytes: usize) -> Vec<u8> {
        let mut output = vec![0; bytes];
        Derivation { algorithm, salt: salt.to_vec() }.derive(secret, &mut output);
        output
    }

    const SECRET: [u8; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
    const SALT: [u8; 8] = [0, 1, 2, 3, 4, 5, 6, 7];

    #[test]
    fn pbkdf2_key_is_the_one_that_the_official_unit_test_expects() {
        // TEST(FrameCryptor, KeyProvider) of frame_crypto_transformer_unittest.cc
        let expected = [166, 88, 205, 82, 239, 186, 202, 223, 236, 223, 224, 160, 220, 87, 78, 195];
        assert_eq!(derive(KeyDerivationAlgorithm::PBKDF2, &SECRET, &SALT, AES_KEY_BYTES), expected);
    }

    #[test]
    fn hkdf_key_is_rfc_5869_with_128_zero_bytes_of_info() {
        let expected = [105, 15, 31, 53, 243, 46, 193, 36, 171, 110, 245, 30, 173, 14, 92, 134];
        assert_eq!(derive(KeyDerivationAlgorithm::HKDF, &SECRET, &SALT, AES_KEY_BYTES), expected);
    }
}
