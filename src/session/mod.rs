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
//! | `agreement` | which version an output speaks with its destination |
//! | `credit` | how much a sender may be ahead of its receiver, at both ends |
//! | `round_trip` | what clocks tell of the path |
//! | `playback` | which segment a playback-finished belongs to, on both sides |
//! | `queue` | the bounded queue and its [`QueuePolicy`] |
//! | `events` | what is told to the driver and to the application |
//! | `stats` | counters |

mod agreement;
mod credit;
mod events;
mod output;
mod playback;
mod queue;
mod receiver;
mod round_trip;
mod stats;
#[cfg(test)]
mod tests;

pub use agreement::HELLO_ANSWER_TIMEOUT;
pub use events::{
    Answer, CallId, ErrorKind, HelloFailure, NotifyAnswer, NotifyId, OutputAction, OutputEvent, OutputRequest,
    ReceiverEvent, ReceiverRequest, SegmentAttributes, SegmentCause, SendError, SessionError, StreamEnd, StreamKey,
    StreamOpened, TransportResult,
};
pub use output::{OutputConfig, OutputSession, CLEAR_ANSWER_TIMEOUT, CLEAR_CALL_TIMEOUT};
pub use queue::QueuePolicy;
pub use receiver::{ReceiverConfig, ReceiverSession};
pub use stats::{OutputStats, ReceiverStats};
