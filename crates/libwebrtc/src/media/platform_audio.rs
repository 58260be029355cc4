// SPDX-License-Identifier: Apache-2.0
//! The audio devices of a machine that has none: no device, nothing starts, nothing is set.

use crate::{
    audio_source::native::NativeAudioSource, audio_track::RtcAudioTrack,
    peer_connection_factory::PeerConnectionFactory, video_source::native::NativeVideoSource,
    video_track::RtcVideoTrack,
};

/// Declares the extension trait and implements it with each result's "nothing": 0, `false`, "".
macro_rules! nothing {
    ($($name:ident($($arg:ident: $type:ty),*) $(-> $result:ty)?;)+) => {
        /// Tracks, and the audio device module that `livekit::PlatformAudio` drives.
        pub trait PeerConnectionFactoryExt {
            fn create_video_track(&self, label: &str, source: NativeVideoSource) -> RtcVideoTrack;
            fn create_audio_track(&self, label: &str, source: NativeAudioSource) -> RtcAudioTrack;
            fn create_device_audio_track(&self, label: &str) -> RtcAudioTrack;
            $( fn $name(&self, $($arg: $type),*) $(-> $result)?; )+
        }

        impl PeerConnectionFactoryExt for PeerConnectionFactory {
            fn create_video_track(&self, _label: &str, source: NativeVideoSource) -> RtcVideoTrack {
                source.track()
            }

            fn create_audio_track(&self, _label: &str, source: NativeAudioSource) -> RtcAudioTrack {
                source.track()
            }

            fn create_device_audio_track(&self, label: &str) -> RtcAudioTrack {
                RtcAudioTrack::silent(label)
            }

            $( fn $name(&self, $(_: $type),*) $(-> $result)? { Default::default() } )+
        }
    };
}

nothing! {
    playout_devices() -> i16;
    recording_devices() -> i16;
    playout_device_name(index: u16) -> String;
    recording_device_name(index: u16) -> String;
    playout_device_guid(index: u16) -> String;
    recording_device_guid(index: u16) -> String;
    set_playout_device(index: u16) -> bool;
    set_recording_device(index: u16) -> bool;
    set_playout_device_by_guid(guid: &str) -> bool;
    set_recording_device_by_guid(guid: &str) -> bool;
    stop_recording() -> bool;
    init_recording() -> bool;
    start_recording() -> bool;
    recording_is_initialized() -> bool;
    stop_playout() -> bool;
    init_playout() -> bool;
    start_playout() -> bool;
    playout_is_initialized() -> bool;
    builtin_aec_is_available() -> bool;
    builtin_agc_is_available() -> bool;
    builtin_ns_is_available() -> bool;
    enable_builtin_aec(enable: bool) -> bool;
    enable_builtin_agc(enable: bool) -> bool;
    enable_builtin_ns(enable: bool) -> bool;
    set_adm_recording_enabled(enable: bool);
    adm_recording_enabled() -> bool;
    set_adm_playout_enabled(enable: bool);
    adm_playout_enabled() -> bool;
    acquire_platform_adm() -> bool;
    release_platform_adm();
    platform_adm_ref_count() -> i32;
    is_platform_adm_active() -> bool;
}
