// SPDX-License-Identifier: Apache-2.0
//! The driver: threads, clock and runtime. It moves sessions by what the transports bring and by what the
//! application asks, and carries out what the sessions want.
//!
//! [`Room`], [`Receiver`] and [`Output`] are the Rust API, which `ffi` translates to C. Every call may be made from
//! any thread. User code runs on dispatch threads only; no lock is held while it runs.
#![allow(clippy::disallowed_methods)] // The clock and the threads live here.

mod dispatch;
mod environment;
mod error;
pub mod log;
mod output;
mod own_calls;
mod participant;
mod receiver;
mod room;
mod room_core;
mod room_tasks;
mod rpc;
mod runtime;
mod signalling;
mod tap;
pub mod token;
mod transport;
mod wait;

pub use crate::session::{
    ErrorKind, NotifyAnswer, OutputEvent, OutputStats, QueuePolicy, ReceiverEvent, ReceiverStats, SegmentCause,
};
pub use dispatch::{on_dispatch_thread, EventHandler};
pub use error::DriverError;
pub use output::{Output, OutputOptions};
pub use participant::{Participant, ParticipantKind};
pub use receiver::{Receiver, ReceiverOptions};
pub use room::{shutdown_all, DisconnectReason, Room, RoomEvent, RoomOptions, RoomState, MAX_DATA_BYTES};
pub use rpc::{RpcHandler, RpcInvocation, MAX_PAYLOAD_BYTES};
pub use signalling::Roots;
pub use wait::Wait;
