// SPDX-License-Identifier: Apache-2.0
//! The plain values of the API: states, kinds and settings. No behaviour.

/// State of a connection: ICE, DTLS and the watch on the far end's silence, taken together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum ConnState {
    /// No remote description yet.
    New,
    /// ICE or DTLS is under way, the first time or after an ICE restart.
    Connecting,
    /// ICE and DTLS are up, and the far end is heard.
    Connected,
    /// The far end has been silent for about 2.5 s. It may come back by itself.
    Disconnected,
    /// Silent for about 15 s, or never connected in that time, or the DTLS handshake was refused.
    Failed,
    /// Closed on our side.
    Closed,
}

/// Where the offer/answer exchange stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Signaling {
    /// No exchange under way.
    Stable,
    /// Our offer waits for an answer.
    HaveLocalOffer,
    /// The far end's offer waits for our answer.
    HaveRemoteOffer,
    /// The connection is closed.
    Closed,
}

/// Kind of a session description.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SdpKind {
    /// Proposes a session.
    Offer,
    /// Accepts one.
    Answer,
    /// Takes the pending offer back; its text is ignored.
    Rollback,
}

/// State of a data channel. The order is the order of life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum ChannelState {
    /// Messages are queued until the channel opens.
    Connecting,
    /// Messages flow.
    Open,
    /// Closed here; what was given to `send` still leaves.
    Closing,
    /// Over, for whatever reason.
    Closed,
}

/// How a data channel is made.
#[derive(Debug, Clone)]
pub struct ChannelInit {
    /// Name of the channel; need not be unique.
    pub label: String,
    /// Whether messages arrive in the order they were sent.
    pub ordered: bool,
    /// Give a message up after this many retransmissions; `None`: never.
    pub max_retransmits: Option<u16>,
    /// Give a message up after this many milliseconds; `None`: never. Excludes `max_retransmits`.
    pub max_lifetime_ms: Option<u16>,
    /// Name of the protocol spoken on the channel.
    pub protocol: String,
    /// Stream id agreed out of band; `None` opens the channel in band (DCEP, RFC 8832).
    pub negotiated: Option<u16>,
}

impl Default for ChannelInit {
    fn default() -> Self {
        Self {
            label: String::new(),
            ordered: true,
            max_retransmits: None,
            max_lifetime_ms: None,
            protocol: String::new(),
            negotiated: None,
        }
    }
}

/// A STUN or TURN server.
#[derive(Debug, Clone, Default)]
pub struct IceServer {
    /// `stun:host[:port]`; `stuns:`, `turn:` and `turns:` are named in the log and left out.
    pub urls: Vec<String>,
    /// For TURN.
    pub username: String,
    /// For TURN.
    pub credential: String,
}

/// Which local candidates may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IcePolicy {
    /// Host and server-reflexive candidates.
    #[default]
    All,
    /// Relayed candidates only. There is no TURN here: nothing is gathered, and that is reported.
    Relay,
}
