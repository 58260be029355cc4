// SPDX-License-Identifier: Apache-2.0
//! Whom a receiver listens to: a given identity, whatever its kind, or the first participant of kind AGENT, and when
//! that one leaves, the one that has been there longest.

use std::sync::Arc;

#[derive(Debug)]
pub(super) enum Sender {
    Given {
        identity: Arc<str>,
        present: bool,
    },
    /// The agents in the room in the order they came; the first is listened to.
    FirstAgent {
        agents: Vec<Arc<str>>,
    },
}

impl Sender {
    pub(super) fn new(identity: Option<String>) -> Self {
        match identity {
            Some(identity) => Self::Given { identity: identity.into(), present: false },
            None => Self::FirstAgent { agents: Vec::new() },
        }
    }

    /// The participant listened to, if it is in the room.
    pub(super) fn present(&self) -> Option<&Arc<str>> {
        match self {
            Self::Given { identity, present } => present.then_some(identity),
            Self::FirstAgent { agents } => agents.first(),
        }
    }

    /// The participant listened to, if this is its identity. A given one counts before its arrival was announced:
    /// its first packets may overtake the news.
    pub(super) fn listened_to(&self, identity: &str) -> Option<&Arc<str>> {
        self.expected().filter(|expected| &***expected == identity)
    }

    /// The participant listened to, whether it is there or not.
    pub(super) fn expected(&self) -> Option<&Arc<str>> {
        match self {
            Self::Given { identity, .. } => Some(identity),
            Self::FirstAgent { agents } => agents.first(),
        }
    }

    /// Whether it may be anybody.
    pub(super) fn takes_any(&self) -> bool {
        matches!(self, Self::FirstAgent { .. })
    }

    pub(super) fn joined(&mut self, identity: &str, is_agent: bool) {
        match self {
            Self::Given { identity: expected, present } => *present |= **expected == *identity,
            Self::FirstAgent { agents } => {
                if is_agent && !agents.iter().any(|agent| **agent == *identity) {
                    agents.push(identity.into());
                }
            }
        }
    }

    pub(super) fn left(&mut self, identity: &str) {
        match self {
            Self::Given { identity: expected, present } => *present &= **expected != *identity,
            Self::FirstAgent { agents } => agents.retain(|agent| **agent != *identity),
        }
    }
}
