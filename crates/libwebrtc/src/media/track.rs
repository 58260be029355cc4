// SPDX-License-Identifier: Apache-2.0
//! Media streams and the tracks of either kind.

pub mod media_stream {
    use std::convert::Infallible;

    #[derive(Clone, Debug)]
    pub struct MediaStream(Infallible);

    impl MediaStream {
        pub fn id(&self) -> String {
            match self.0 {}
        }
    }
}

pub mod media_stream_track {
    use crate::{audio_track::RtcAudioTrack, enum_dispatch, video_track::RtcVideoTrack};

    #[derive(Debug, Clone)]
    pub enum MediaStreamTrack {
        Video(RtcVideoTrack),
        Audio(RtcAudioTrack),
    }

    impl MediaStreamTrack {
        enum_dispatch!(
            [Video, Audio];
            pub fn id(self: &Self) -> String;
            pub fn enabled(self: &Self) -> bool;
            pub fn set_enabled(self: &Self, enabled: bool) -> bool;
        );
    }

    impl From<RtcAudioTrack> for MediaStreamTrack {
        fn from(track: RtcAudioTrack) -> Self {
            Self::Audio(track)
        }
    }

    impl From<RtcVideoTrack> for MediaStreamTrack {
        fn from(track: RtcVideoTrack) -> Self {
            Self::Video(track)
        }
    }
}
