//! A data-channel-only stand-in for the `libwebrtc` package that `livekit` 0.10 is written against.
//!
//! Two layers:
//! * [`core`]: a small PeerConnection of our own (one driver thread, UDP with GSO/GRO, the sans-IO
//!   `rtc` crate for ICE, DTLS, SCTP and DCEP). It knows nothing of LiveKit.
//! * the other modules: the names and signatures `livekit` imports, as thin wrappers over `core`.
//!   Everything about audio and video type-checks but does nothing or reports "unsupported".
//!
//! [`tap`] is an addition of ours: a hook that takes chosen data packets off the reliable channel
//! before `livekit` sees them.

pub(crate) use rtc_data as core;
pub mod data_channel;
pub mod ice_candidate;
pub mod peer_connection;
pub mod peer_connection_factory;
pub mod session_description;
pub mod tap;

mod cryptor;
mod macros;
mod media;
mod platform_audio;
pub mod stats;

pub use media::{
    audio_frame, audio_source, audio_stream, audio_track, media_stream, media_stream_track, rtp_parameters,
    rtp_receiver, rtp_sender, rtp_transceiver, video_source, video_track,
};

#[derive(Debug, Copy, Clone, PartialEq, Eq)]
pub enum MediaType {
    Audio,
    Video,
    Data,
    Unsupported,
}

#[derive(Debug, Copy, Clone, PartialEq, Eq)]
pub enum RtcErrorType {
    Internal,
    InvalidSdp,
    InvalidState,
}

#[derive(thiserror::Error, Debug)]
#[error("an RtcError occurred: {error_type:?} - {message}")]
pub struct RtcError {
    pub error_type: RtcErrorType,
    pub message: String,
}

impl RtcError {
    pub(crate) fn unsupported(what: &str) -> Self {
        Self { error_type: RtcErrorType::Internal, message: format!("{what}: this build carries data channels only") }
    }
}

impl From<core::Error> for RtcError {
    fn from(e: core::Error) -> Self {
        let error_type = match e {
            core::Error::Sdp(_) => RtcErrorType::InvalidSdp,
            core::Error::Closed => RtcErrorType::InvalidState,
            _ => RtcErrorType::Internal,
        };
        Self { error_type, message: e.to_string() }
    }
}

pub mod native {
    pub use crate::cryptor::frame_cryptor;
    pub use crate::media::packet_trailer;

    /// Only used by `livekit` for track ids.
    pub fn create_random_uuid() -> String {
        String::from("00000000-0000-4000-8000-000000000000")
    }
}

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
