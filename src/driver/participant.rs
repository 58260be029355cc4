// SPDX-License-Identifier: Apache-2.0
//! Who is in a room, in the words of the API.

use super::DriverError;

/// What a participant is; the numbers are those of LiveKit's `ParticipantInfo.Kind`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(i32)]
pub enum ParticipantKind {
    /// A person or an application.
    #[default]
    Standard = 0,
    /// An ingress worker.
    Ingress = 1,
    /// An egress worker.
    Egress = 2,
    /// A SIP caller.
    Sip = 3,
    /// An agent.
    Agent = 4,
    /// A connector.
    Connector = 7,
    /// A bridge.
    Bridge = 8,
}

impl ParticipantKind {
    /// Every kind.
    pub const ALL: [Self; 7] =
        [Self::Standard, Self::Ingress, Self::Egress, Self::Sip, Self::Agent, Self::Connector, Self::Bridge];

    /// The number of LiveKit's protocol.
    pub fn as_i32(self) -> i32 {
        self as i32
    }

    /// The token's `kind` claim.
    pub fn claim(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Ingress => "ingress",
            Self::Egress => "egress",
            Self::Sip => "sip",
            Self::Agent => "agent",
            Self::Connector => "connector",
            Self::Bridge => "bridge",
        }
    }

    /// The kind of that claim.
    pub fn from_claim(claim: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.claim() == claim)
    }
}

impl TryFrom<i32> for ParticipantKind {
    type Error = DriverError;

    fn try_from(number: i32) -> Result<Self, DriverError> {
        let known = Self::ALL.into_iter().find(|kind| kind.as_i32() == number);
        known.ok_or_else(|| DriverError::InvalidArgument(format!("unknown participant kind {number}")))
    }
}

/// A remote participant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Participant {
    /// Unique in the room.
    pub identity: String,
    /// For display.
    pub name: String,
    /// The application's.
    pub metadata: String,
    /// What it is.
    pub kind: ParticipantKind,
}
