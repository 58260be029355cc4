// SPDX-License-Identifier: Apache-2.0
//! End-to-end encryption, known outside as `native::frame_cryptor`: keys and data packets work, media
//! frames do not exist.
//!
//! Interoperates with the official SDKs. The format is that of `api/crypto/frame_crypto_transformer.{h,cc}`
//! in github.com/webrtc-sdk/webrtc (LiveKit's libwebrtc), and of `src/e2ee/` in livekit-client for browsers:
//!
//! - key: PBKDF2-HMAC-SHA256 of the secret (100,000 rounds) or HKDF-SHA256 (info: 128 zero bytes), salted with
//!   the ratchet salt, 128 bits;
//! - packet: AES-128-GCM, no associated data, a 12-byte iv sent along, the 16-byte tag after the ciphertext;
//! - ratchet: the next secret is derived from the present one in the same way, 256 bits.

mod frame;
mod key;
mod key_provider;
mod packet;

pub use frame::{FrameCryptor, OnStateChange};
pub use key::KeyDerivationAlgorithm;
pub use key_provider::{KeyProvider, KeyProviderOptions};
pub use packet::{DataPacketCryptor, EncryptedPacket};

/// The cipher.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EncryptionAlgorithm {
    /// AES-128-GCM.
    AesGcm,
    /// Unsupported, as in the package stood in for.
    AesCbc,
}

/// How encryption of a media track goes: never reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum EncryptionState {
    New,
    Ok,
    EncryptionFailed,
    DecryptionFailed,
    MissingKey,
    KeyRatcheted,
    InternalError,
}
