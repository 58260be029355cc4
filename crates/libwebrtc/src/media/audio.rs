// SPDX-License-Identifier: Apache-2.0
//! Audio frames, sources, streams and tracks. Only the device's track can be made, and it is silent.

pub mod audio_frame {
    use std::borrow::Cow;

    #[derive(Debug, Clone)]
    pub struct AudioFrame<'a> {
        pub data: Cow<'a, [i16]>,
        pub sample_rate: u32,
        pub num_channels: u32,
        pub samples_per_channel: u32,
    }
}

pub mod audio_source {
    #[derive(Debug, Clone)]
    #[non_exhaustive]
    pub enum RtcAudioSource {
        Native(native::NativeAudioSource),
        Device,
    }

    pub mod native {
        use crate::audio_track::RtcAudioTrack;
        use std::convert::Infallible;

        #[derive(Clone, Debug)]
        pub struct NativeAudioSource(Infallible);

        impl NativeAudioSource {
            pub(crate) fn track(self) -> RtcAudioTrack {
                match self.0 {}
            }
        }
    }
}

pub mod audio_stream {
    pub mod native {
        use crate::audio_frame::AudioFrame;
        use std::{
            convert::Infallible,
            pin::Pin,
            task::{Context, Poll},
        };

        #[derive(Debug)]
        pub struct NativeAudioStream(Infallible);

        impl futures_core::Stream for NativeAudioStream {
            type Item = AudioFrame<'static>;

            fn poll_next(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
                match self.0 {}
            }
        }
    }
}

pub mod audio_track {
    /// The track of a capture device that is not there.
    #[derive(Clone, Debug)]
    pub struct RtcAudioTrack {
        id: String,
    }

    impl RtcAudioTrack {
        pub(crate) fn silent(id: &str) -> Self {
            Self { id: id.to_owned() }
        }

        pub fn id(&self) -> String {
            self.id.clone()
        }

        pub fn enabled(&self) -> bool {
            false
        }

        /// `false`: nothing changed.
        pub fn set_enabled(&self, _enabled: bool) -> bool {
            false
        }
    }
}
