// SPDX-License-Identifier: Apache-2.0
//! The state machines of one stream pair: what a chunk, a trailer, an RPC, a departure or the passing of time means.
//!
//! In go events with the time they happened at, out come actions for the driver and events for the application.
//! Nothing here reads a clock, opens a socket, spawns a thread or knows an SDK type, so that every bad network is a
//! fast test on virtual time. Whatever a peer does, memory stays bounded and each segment start is followed by
//! exactly one segment end.
//!
//! | file | noun |
//! |---|---|
//! | `receiver` | [`ReceiverSession`]: chunks in, frames and segment ends out |
//! | `output` | [`OutputSession`]: frames in, stream writes out |
//! | `playback` | which segment a playback-finished belongs to, on both sides |
//! | `queue` | the bounded queue and its [`QueuePolicy`] |
//! | `events` | what is told to the driver and to the application |
//! | `stats` | counters |

mod events;
mod output;
mod playback;
mod queue;
mod receiver;
mod stats;
#[cfg(test)]
mod tests;

pub use events::{
    Answer, ErrorKind, NotifyAnswer, NotifyId, OutputAction, OutputEvent, ReceiverEvent, ReceiverRequest, SegmentCause,
    SendError, SessionError, StreamEnd, StreamKey, StreamOpened, TransportResult,
};
pub use output::{OutputConfig, OutputSession, CLEAR_ANSWER_TIMEOUT};
pub use queue::QueuePolicy;
pub use receiver::{ReceiverConfig, ReceiverSession};
pub use stats::{OutputStats, ReceiverStats};
