// SPDX-License-Identifier: Apache-2.0
//! Stands in for the `libwebrtc` package that `livekit` 0.10 is written against: the names and
//! signatures `livekit` imports, over [`rtc_data`]'s data-only peer connection.
//!
//! Translation only: no policy, no retries, no state beyond handles. Everything about audio and video
//! type-checks and does nothing, or reports "unsupported"; nothing here panics.
//!
//! Ours, and not in the package stood in for: [`tap`], `RtcConfiguration::data_tap`,
//! `RtcConfiguration::transport`, and the re-export of [`rtc_data`] whose types it needs.

pub use rtc_data;

pub mod data_channel;
pub mod ice_candidate;
pub mod peer_connection;
pub mod peer_connection_factory;
pub mod session_description;
pub mod stats;
pub mod tap;

mod encryption;
mod enum_dispatch;
mod error;
mod media;

pub use error::{RtcError, RtcErrorType};
pub use media::{
    audio::{audio_frame, audio_source, audio_stream, audio_track},
    rtp::{rtp_parameters, rtp_receiver, rtp_sender, rtp_transceiver},
    track::{media_stream, media_stream_track},
    video::{video_source, video_track},
    MediaType,
};

/// What the package stood in for has on native targets only.
pub mod native {
    pub use crate::media::packet_trailer;

    /// End-to-end encryption.
    pub mod frame_cryptor {
        pub use crate::encryption::*;
    }

    /// A random (version 4) UUID in its usual text form.
    pub fn create_random_uuid() -> String {
        uuid::Uuid::new_v4().to_string()
    }
}

/// What `livekit` takes in with one `use`.
pub mod prelude {
    pub use crate::{
        audio_frame::AudioFrame,
        audio_source::*,
        audio_track::RtcAudioTrack,
        data_channel::{DataBuffer, DataChannel, DataChannelError, DataChannelInit, DataChannelState},
        ice_candidate::IceCandidate,
        media_stream::MediaStream,
        media_stream_track::*,
        peer_connection::{AnswerOptions, OfferOptions, PeerConnection, PeerConnectionState, SignalingState},
        peer_connection_factory::{
            ContinualGatheringPolicy, IceServer, IceTransportsType, PeerConnectionFactory, RtcConfiguration,
        },
        rtp_parameters::*,
        rtp_receiver::RtpReceiver,
        rtp_sender::{RtpSender, VideoEncoderBackend},
        rtp_transceiver::*,
        session_description::{SdpType, SessionDescription},
        video_source::{RtcVideoSource, VideoResolution},
        video_track::RtcVideoTrack,
        MediaType, RtcError, RtcErrorType,
    };
}
