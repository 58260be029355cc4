// SPDX-License-Identifier: Apache-2.0
//! Encryption of media frames: inert, for there are none.

use super::{EncryptionAlgorithm, EncryptionState, KeyProvider};
use crate::{
    native::packet_trailer::PacketTrailerHandler, peer_connection_factory::PeerConnectionFactory,
    rtp_receiver::RtpReceiver, rtp_sender::RtpSender,
};

/// Never called.
pub type OnStateChange = Box<dyn FnMut(String, EncryptionState) + Send + Sync>;

/// Stands for the cryptor of a track.
#[derive(Clone, Debug)]
pub struct FrameCryptor(());

impl FrameCryptor {
    /// Inert.
    pub fn new_for_rtp_sender(
        _factory: &PeerConnectionFactory,
        _participant_id: String,
        _algorithm: EncryptionAlgorithm,
        _keys: KeyProvider,
        _sender: RtpSender,
    ) -> Self {
        Self(())
    }

    /// Inert.
    pub fn new_for_rtp_receiver(
        _factory: &PeerConnectionFactory,
        _participant_id: String,
        _algorithm: EncryptionAlgorithm,
        _keys: KeyProvider,
        _receiver: RtpReceiver,
    ) -> Self {
        Self(())
    }

    /// Without effect.
    pub fn set_enabled(&self, _enabled: bool) {}

    /// Never called.
    pub fn on_state_change(&self, _callback: Option<OnStateChange>) {}

    /// Without effect.
    pub fn set_packet_trailer_handler(&self, _handler: &PacketTrailerHandler) {}
}
