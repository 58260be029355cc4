// SPDX-License-Identifier: Apache-2.0
//! Audio and video: every name `livekit` mentions, nothing behind it. Two kinds of types:
//!
//! - what a data-only build can never make holds an [`Infallible`](std::convert::Infallible): no value
//!   exists, so its methods have no body that could run;
//! - what `livekit` can be handed without any media (the inert transceiver, its sender and receiver, the
//!   device's audio track, the packet trailer handler) says "nothing" or fails with a clear error.
#![allow(missing_docs)] // names, fields and meanings are those of the package stood in for

pub mod audio;
pub mod packet_trailer;
pub mod platform_audio;
pub mod rtp;
pub mod track;
pub mod video;

/// What a media section carries.
#[derive(Debug, Copy, Clone, PartialEq, Eq)]
pub enum MediaType {
    Audio,
    Video,
    Data,
    Unsupported,
}
