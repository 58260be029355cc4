// SPDX-License-Identifier: Apache-2.0
//! The sans-IO half: a data-only peer connection as a state machine.
//!
//! Calling order of [`Connection`]: after every `handle_*` call or command, drain
//! [`poll_event`](Connection::poll_event), then send what
//! [`poll_transmit`](Connection::poll_transmit) gives until it gives nothing, then come back at
//! [`poll_timeout`](Connection::poll_timeout) or with the next datagram. A caller that stops draining
//! events stops the far end: unread messages close the SCTP window.
//!
//! Instants never go backwards. Bytes of the far end give errors or are ignored, they never panic.
//!
//! Nothing here imports `io`.

mod best;
pub(crate) mod buffer;
mod candidate;
mod channels;
mod connection;
mod gather;
mod liveness;
mod negotiate;
mod pacer;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod parsers;
mod path;
mod recovery;
mod sdp;
mod stun;
mod watchdog;

pub use channels::{ChannelKey, Counters, FIRST_INCOMING};
pub use connection::Connection;

use crate::types::ConnState;
use bytes::{Bytes, BytesMut};
use std::net::SocketAddr;

/// What happened, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The connection is in another state now.
    State(ConnState),
    /// A local candidate for the far end.
    Candidate {
        /// Media id of the section it belongs to.
        mid: String,
        /// `candidate:...`, without `a=`.
        line: String,
    },
    /// A channel of ours is open.
    ChannelOpened {
        /// As given to [`Connection::create_channel`].
        key: ChannelKey,
        /// SCTP stream of the channel.
        stream_id: Option<u16>,
    },
    /// The far end opened a channel; its messages follow.
    ChannelIncoming {
        /// At or above [`FIRST_INCOMING`].
        key: ChannelKey,
        /// Name of the channel.
        label: String,
        /// SCTP stream of the channel.
        stream_id: Option<u16>,
    },
    /// A message came in.
    Message {
        /// The channel.
        key: ChannelKey,
        /// The whole message.
        data: Bytes,
        /// Whether it is binary; text is not checked to be UTF-8.
        binary: bool,
    },
    /// Bytes given to [`Connection::send`] that are acknowledged or given up.
    Drained {
        /// The channel.
        key: ChannelKey,
        /// How many, since the last event of the kind.
        bytes: u64,
    },
    /// A channel is over, by either side. Undelivered bytes are reported as drained.
    ChannelClosed {
        /// The channel.
        key: ChannelKey,
    },
}

/// A datagram to send.
#[derive(Debug)]
pub struct Transmit {
    /// Address of the socket to send it from.
    pub local: SocketAddr,
    /// Where it goes.
    pub remote: SocketAddr,
    /// The payload.
    pub data: BytesMut,
}
