// SPDX-License-Identifier: Apache-2.0
//! Video sources and tracks. None can be made: video travels in data streams here, not in RTP.

pub mod video_source {
    #[derive(Debug, Clone)]
    pub struct VideoResolution {
        pub width: u32,
        pub height: u32,
    }

    #[derive(Debug, Clone)]
    #[non_exhaustive]
    pub enum RtcVideoSource {
        Native(native::NativeVideoSource),
    }

    impl RtcVideoSource {
        pub fn video_resolution(&self) -> VideoResolution {
            match self {
                Self::Native(source) => source.video_resolution(),
            }
        }
    }

    pub mod native {
        use super::VideoResolution;
        use crate::{native::packet_trailer::PacketTrailerHandler, video_track::RtcVideoTrack};
        use std::convert::Infallible;

        #[derive(Clone, Debug)]
        pub struct NativeVideoSource(Infallible);

        impl NativeVideoSource {
            pub fn video_resolution(&self) -> VideoResolution {
                match self.0 {}
            }

            pub fn set_packet_trailer_handler(&self, _handler: PacketTrailerHandler) {
                match self.0 {}
            }

            pub(crate) fn track(self) -> RtcVideoTrack {
                match self.0 {}
            }
        }
    }
}

pub mod video_track {
    use crate::native::packet_trailer::PacketTrailerHandler;
    use std::convert::Infallible;

    #[derive(Clone, Debug)]
    pub struct RtcVideoTrack(Infallible);

    impl RtcVideoTrack {
        pub fn id(&self) -> String {
            match self.0 {}
        }

        pub fn enabled(&self) -> bool {
            match self.0 {}
        }

        pub fn set_enabled(&self, _enabled: bool) -> bool {
            match self.0 {}
        }

        pub fn set_packet_trailer_handler(&self, _handler: PacketTrailerHandler) {
            match self.0 {}
        }

        pub fn packet_trailer_handler(&self) -> Option<PacketTrailerHandler> {
            match self.0 {}
        }
    }
}
