// SPDX-License-Identifier: Apache-2.0
//! RTP parameters, and the transceiver that `livekit` asks for and never uses: it has no `mid`, no track,
//! and takes no parameters.

pub mod rtp_parameters {
    #[derive(Debug, Copy, Clone, PartialEq, Eq)]
    pub enum Priority {
        VeryLow,
        Low,
        Medium,
        High,
    }

    #[derive(Debug, Copy, Clone, PartialEq, Eq, Default)]
    pub enum DegradationPreference {
        MaintainFramerateAndResolution,
        MaintainFramerate,
        MaintainResolution,
        #[default]
        Balanced,
    }

    #[derive(Debug, Clone, Default)]
    pub struct RtpParameters {
        pub codecs: Vec<RtpCodecParameters>,
        pub encodings: Vec<RtpEncodingParameters>,
    }

    impl RtpParameters {
        /// Without effect: there is nothing to degrade.
        pub fn set_degradation_preference(&mut self, _preference: DegradationPreference) {}
    }

    #[derive(Debug, Clone, Default)]
    pub struct RtpCodecParameters {
        pub clock_rate: Option<u64>,
    }

    #[derive(Debug, Clone)]
    pub struct RtpEncodingParameters {
        pub active: bool,
        pub max_bitrate: Option<u64>,
        pub max_framerate: Option<f64>,
        pub priority: Priority,
        pub rid: String,
        pub scale_resolution_down_by: Option<f64>,
        pub scalability_mode: Option<String>,
    }

    impl Default for RtpEncodingParameters {
        fn default() -> Self {
            Self {
                active: true,
                max_bitrate: None,
                max_framerate: None,
                priority: Priority::Low,
                rid: String::new(),
                scale_resolution_down_by: None,
                scalability_mode: None,
            }
        }
    }

    #[derive(Debug, Clone)]
    pub struct RtpCodecCapability {
        pub mime_type: String,
        pub sdp_fmtp_line: Option<String>,
    }

    #[derive(Debug, Clone)]
    pub struct RtpCapabilities {
        pub codecs: Vec<RtpCodecCapability>,
    }
}

pub mod rtp_receiver {
    use crate::{
        media_stream::MediaStream, media_stream_track::MediaStreamTrack, rtp_parameters::RtpParameters,
        stats::RtcStats, RtcError,
    };

    #[derive(Clone, Debug)]
    pub struct RtpReceiver(pub(crate) ());

    impl RtpReceiver {
        pub fn track(&self) -> Option<MediaStreamTrack> {
            None
        }

        pub fn streams(&self) -> Vec<MediaStream> {
            vec![]
        }

        pub async fn get_stats(&self) -> Result<Vec<RtcStats>, RtcError> {
            Ok(vec![])
        }

        pub fn parameters(&self) -> RtpParameters {
            RtpParameters::default()
        }
    }
}

pub mod rtp_sender {
    use crate::{media_stream_track::MediaStreamTrack, rtp_parameters::RtpParameters, stats::RtcStats, RtcError};

    #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
    #[non_exhaustive]
    pub enum VideoEncoderBackend {
        #[default]
        Auto,
        Software,
        Hardware,
        Nvenc,
        Vaapi,
        VideoToolbox,
        PreEncoded,
    }

    #[derive(Clone, Debug)]
    pub struct RtpSender(pub(crate) ());

    impl RtpSender {
        pub fn track(&self) -> Option<MediaStreamTrack> {
            None
        }

        pub async fn get_stats(&self) -> Result<Vec<RtcStats>, RtcError> {
            Ok(vec![])
        }

        pub fn parameters(&self) -> RtpParameters {
            RtpParameters::default()
        }

        pub fn set_parameters(&self, _parameters: RtpParameters) -> Result<(), RtcError> {
            Err(RtcError::unsupported("set_parameters"))
        }

        pub fn set_video_encoder_backend(&self, _backend: VideoEncoderBackend) {}
    }
}

pub mod rtp_transceiver {
    use crate::{
        rtp_parameters::{RtpCodecCapability, RtpEncodingParameters},
        rtp_receiver::RtpReceiver,
        rtp_sender::RtpSender,
        RtcError,
    };

    #[derive(Debug, Clone)]
    pub struct RtpTransceiverInit {
        pub direction: RtpTransceiverDirection,
        pub stream_ids: Vec<String>,
        pub send_encodings: Vec<RtpEncodingParameters>,
    }

    #[derive(Debug, Copy, Clone, PartialEq, Eq)]
    pub enum RtpTransceiverDirection {
        SendRecv,
        SendOnly,
        RecvOnly,
        Inactive,
        Stopped,
    }

    #[derive(Clone, Debug)]
    pub struct RtpTransceiver(pub(crate) ());

    impl RtpTransceiver {
        pub fn mid(&self) -> Option<String> {
            None
        }

        pub fn sender(&self) -> RtpSender {
            RtpSender(())
        }

        pub fn receiver(&self) -> RtpReceiver {
            RtpReceiver(())
        }

        pub fn set_codec_preferences(&self, _codecs: Vec<RtpCodecCapability>) -> Result<(), RtcError> {
            Err(RtcError::unsupported("set_codec_preferences"))
        }
    }
}
