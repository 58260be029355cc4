// SPDX-License-Identifier: Apache-2.0
//! Control messages: the small messages of flow control, user packets on their own topic, either way.
//!
//! Each may be lost, repeated or late without harm: they say where something stands, not what changed. Kinds that a
//! later version adds are left out when they are read.

use prost::Message;

use super::{Id, Label, MAX_NUMBER};
use crate::wire::WireError;

/// Topic of the user packets that carry control messages.
pub const TOPIC_CONTROL: &str = "lk.video_control";
/// Longest control message in bytes; ours have less than 200.
pub const MAX_CONTROL_BYTES: usize = 1024;

/// A control message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Control {
    /// Which of the sender's outputs to this receiver.
    pub label: Label,
    /// What it says.
    pub body: Body,
}

/// What a control message says. A message for another session or of another receiver than the present one is stale.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// Receiver to sender: so many chunk bytes of the session may be sent in all.
    Credit {
        /// The sender's session.
        session: Id,
        /// The limit; a smaller one than before says nothing.
        limit: u64,
    },
    /// Sender to receiver: there is more to send than the limit allows.
    Blocked {
        /// The sender's session.
        session: Id,
        /// Chunk bytes of the session that have been sent.
        offset: u64,
    },
    /// Receiver to sender: say hello, I am here.
    Ready {
        /// This life of the receiver.
        receiver: Id,
    },
    /// Receiver to sender: a frame that is decodable alone is needed.
    KeyFrame {
        /// The sender's session.
        session: Id,
        /// The segment, from 1.
        segment: u64,
    },
    /// Sender to receiver: the segment is open, though nothing is sent.
    KeepAlive {
        /// The sender's session.
        session: Id,
        /// The segment, from 1.
        segment: u64,
        /// Chunk bytes of the session that have been sent.
        offset: u64,
    },
    /// Sender to receiver: what the call of the same name says, on a way that video does not fill.
    Clear {
        /// The sender's session.
        session: Id,
        /// The last segment to drop.
        through_segment: u64,
    },
    /// Either way: answer at once.
    Ping {
        /// The answer's.
        token: u64,
    },
    /// The answer to a `Ping`.
    Pong {
        /// The ping's.
        token: u64,
    },
}

impl Control {
    /// Reads a message; `None` is a kind that is not known here.
    pub fn decode(message: &[u8]) -> Result<Option<Self>, WireError> {
        if message.len() > MAX_CONTROL_BYTES {
            let bytes = message.len();
            return Err(WireError::TooLong { what: "control message", bytes, limit: MAX_CONTROL_BYTES });
        }
        let control = proto::Control::decode(message).map_err(WireError::Message)?;
        let Some(body) = control.body else { return Ok(None) };
        Ok(Some(Self { label: Label::new(&control.label)?, body: body.try_into()? }))
    }

    /// The message.
    pub fn encode(&self) -> Vec<u8> {
        proto::Control { label: self.label.to_string(), body: Some((&self.body).into()) }.encode_to_vec()
    }
}

impl Body {
    /// Whether senders say this.
    pub fn is_for_receivers(&self) -> bool {
        !matches!(self, Self::Credit { .. } | Self::Ready { .. } | Self::KeyFrame { .. })
    }

    /// Whether receivers say this.
    pub fn is_for_senders(&self) -> bool {
        !matches!(self, Self::Blocked { .. } | Self::KeepAlive { .. } | Self::Clear { .. })
    }
}

impl TryFrom<proto::Body> for Body {
    type Error = WireError;

    fn try_from(body: proto::Body) -> Result<Self, WireError> {
        let id = |name, text: String| Id::new(&text).ok_or(WireError::Field(name));
        let session = |text| id("session", text);
        Ok(match body {
            proto::Body::Credit(m) => Self::Credit { session: session(m.session)?, limit: number("limit", m.limit)? },
            proto::Body::Blocked(m) => {
                Self::Blocked { session: session(m.session)?, offset: number("offset", m.offset)? }
            }
            proto::Body::Ready(m) => Self::Ready { receiver: id("receiver", m.receiver)? },
            proto::Body::KeyFrame(m) => Self::KeyFrame { session: session(m.session)?, segment: segment(m.segment)? },
            proto::Body::KeepAlive(m) => Self::KeepAlive {
                session: session(m.session)?,
                segment: segment(m.segment)?,
                offset: number("offset", m.offset)?,
            },
            proto::Body::Clear(m) => Self::Clear {
                session: session(m.session)?,
                through_segment: number("through_segment", m.through_segment)?,
            },
            proto::Body::Ping(m) => Self::Ping { token: m.token },
            proto::Body::Pong(m) => Self::Pong { token: m.token },
        })
    }
}

fn number(name: &'static str, number: u64) -> Result<u64, WireError> {
    Some(number).filter(|number| *number <= MAX_NUMBER).ok_or(WireError::Field(name))
}

fn segment(segment: u64) -> Result<u64, WireError> {
    match number("segment", segment)? {
        0 => Err(WireError::Field("segment")),
        segment => Ok(segment),
    }
}

impl From<&Body> for proto::Body {
    fn from(body: &Body) -> Self {
        match body {
            Body::Credit { session, limit } => {
                Self::Credit(proto::Credit { session: session.to_string(), limit: *limit })
            }
            Body::Blocked { session, offset } => {
                Self::Blocked(proto::Blocked { session: session.to_string(), offset: *offset })
            }
            Body::Ready { receiver } => Self::Ready(proto::Ready { receiver: receiver.to_string() }),
            Body::KeyFrame { session, segment } => {
                Self::KeyFrame(proto::KeyFrame { session: session.to_string(), segment: *segment })
            }
            Body::KeepAlive { session, segment, offset } => {
                Self::KeepAlive(proto::KeepAlive { session: session.to_string(), segment: *segment, offset: *offset })
            }
            Body::Clear { session, through_segment } => {
                Self::Clear(proto::Clear { session: session.to_string(), through_segment: *through_segment })
            }
            Body::Ping { token } => Self::Ping(proto::Echo { token: *token }),
            Body::Pong { token } => Self::Pong(proto::Echo { token: *token }),
        }
    }
}

/// The messages on the wire.
mod proto {
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Control {
        #[prost(string, tag = "1")]
        pub label: String,
        #[prost(oneof = "Body", tags = "2, 3, 4, 5, 6, 7, 8, 9")]
        pub body: Option<Body>,
    }

    #[derive(Clone, PartialEq, prost::Oneof)]
    pub enum Body {
        #[prost(message, tag = "2")]
        Credit(Credit),
        #[prost(message, tag = "3")]
        Blocked(Blocked),
        #[prost(message, tag = "4")]
        Ready(Ready),
        #[prost(message, tag = "5")]
        KeyFrame(KeyFrame),
        #[prost(message, tag = "6")]
        KeepAlive(KeepAlive),
        #[prost(message, tag = "7")]
        Clear(Clear),
        #[prost(message, tag = "8")]
        Ping(Echo),
        #[prost(message, tag = "9")]
        Pong(Echo),
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Credit {
        #[prost(string, tag = "1")]
        pub session: String,
        #[prost(uint64, tag = "2")]
        pub limit: u64,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Blocked {
        #[prost(string, tag = "1")]
        pub session: String,
        #[prost(uint64, tag = "2")]
        pub offset: u64,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Ready {
        #[prost(string, tag = "1")]
        pub receiver: String,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub struct KeyFrame {
        #[prost(string, tag = "1")]
        pub session: String,
        #[prost(uint64, tag = "2")]
        pub segment: u64,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub struct KeepAlive {
        #[prost(string, tag = "1")]
        pub session: String,
        #[prost(uint64, tag = "2")]
        pub segment: u64,
        #[prost(uint64, tag = "3")]
        pub offset: u64,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Clear {
        #[prost(string, tag = "1")]
        pub session: String,
        #[prost(uint64, tag = "2")]
        pub through_segment: u64,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Echo {
        #[prost(uint64, tag = "1")]
        pub token: u64,
    }
}
