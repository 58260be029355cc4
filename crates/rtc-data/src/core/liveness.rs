// SPDX-License-Identifier: Apache-2.0
//! What the connection's state is, given the stack's state and the far end's silence.
//!
//! The stack's own ICE timers are off: they count STUN only, so that a lost check or two in a stream
//! of data looks like silence, and their "failed" drops every candidate for good. Here any datagram of
//! the far end counts, and a connection that is heard again is connected again. One whose SCTP is over
//! is as good as silent: nothing but a new connection brings that back.

use crate::types::ConnState;
use std::time::{Duration, Instant};

/// Silence until `Disconnected`.
pub(super) const DISCONNECTED_AFTER: Duration = Duration::from_millis(2500);
/// Silence, or time without ever connecting, until `Failed`.
pub(super) const FAILED_AFTER: Duration = Duration::from_secs(15);

pub(super) struct Liveness {
    /// As the stack sees it.
    transport: ConnState,
    /// Last datagram from the far end, or the last change of the stack's state.
    heard: Instant,
    /// SCTP is over: nothing is heard any more.
    over: bool,
    /// Nothing gets through, see `watchdog`.
    stuck: bool,
    /// What was last told.
    published: ConnState,
}

impl Liveness {
    pub(super) fn new(now: Instant) -> Self {
        Self { transport: ConnState::New, heard: now, over: false, stuck: false, published: ConnState::New }
    }

    pub(super) fn published(&self) -> ConnState {
        self.published
    }

    pub(super) fn transport_changed(&mut self, state: ConnState, now: Instant) {
        self.transport = state;
        if !self.over {
            self.heard = now;
        }
    }

    pub(super) fn sctp_is_over(&mut self) {
        self.over = true;
    }

    pub(super) fn set_stuck(&mut self, stuck: bool) {
        self.stuck = stuck;
    }

    pub(super) fn heard(&mut self, now: Instant) {
        if self.transport == ConnState::Connected && !self.over {
            self.heard = now;
        }
    }

    /// For this long nothing could be heard.
    pub(super) fn was_suspended(&mut self, time: Duration, now: Instant) {
        if !self.over {
            self.heard = now.min(self.heard + time);
        }
    }

    /// The new state, if it is not the one last told.
    pub(super) fn poll(&mut self, now: Instant) -> Option<ConnState> {
        let silence = now.saturating_duration_since(self.heard);
        let state = match self.transport {
            ConnState::Connected | ConnState::Connecting if silence >= FAILED_AFTER => ConnState::Failed,
            ConnState::Connected if self.stuck => ConnState::Failed,
            ConnState::Connected if silence >= DISCONNECTED_AFTER => ConnState::Disconnected,
            other => other,
        };
        if state == self.published || self.published == ConnState::Closed {
            return None;
        }
        self.published = state;
        Some(state)
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        match (self.transport, self.published) {
            (ConnState::Connected, ConnState::Connected) => Some(self.heard + DISCONNECTED_AFTER),
            (ConnState::Connected, ConnState::Disconnected) | (ConnState::Connecting, ConnState::Connecting) => {
                Some(self.heard + FAILED_AFTER)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a base for virtual time")]
mod tests {
    use super::*;

    #[test]
    fn silence_and_return() {
        let t0 = Instant::now();
        let at = |ms| t0 + Duration::from_millis(ms);
        let mut live = Liveness::new(t0);
        live.transport_changed(ConnState::Connected, t0);
        assert_eq!(live.poll(t0), Some(ConnState::Connected));
        assert_eq!(live.poll(at(2499)), None);
        assert_eq!(live.poll_timeout(), Some(at(2500)));
        assert_eq!(live.poll(at(2500)), Some(ConnState::Disconnected));
        assert_eq!(live.poll_timeout(), Some(at(15_000)));
        assert_eq!(live.poll(at(15_000)), Some(ConnState::Failed));
        live.heard(at(16_000));
        assert_eq!(live.poll(at(16_000)), Some(ConnState::Connected));
    }

    #[test]
    fn without_sctp_nothing_is_heard() {
        let t0 = Instant::now();
        let mut live = Liveness::new(t0);
        live.transport_changed(ConnState::Connected, t0);
        live.poll(t0);
        live.sctp_is_over();
        live.heard(t0 + Duration::from_secs(20));
        assert_eq!(live.poll(t0 + Duration::from_secs(20)), Some(ConnState::Failed));
        live.transport_changed(ConnState::Connected, t0 + Duration::from_secs(21));
        assert_eq!(live.poll(t0 + Duration::from_secs(21)), None, "an ICE restart does not help");
    }

    #[test]
    fn connecting_does_not_last_for_ever() {
        let t0 = Instant::now();
        let mut live = Liveness::new(t0);
        live.transport_changed(ConnState::Connecting, t0);
        assert_eq!(live.poll(t0), Some(ConnState::Connecting));
        assert_eq!(live.poll(t0 + FAILED_AFTER), Some(ConnState::Failed));
        live.transport_changed(ConnState::Connected, t0 + FAILED_AFTER);
        assert_eq!(live.poll(t0 + FAILED_AFTER), Some(ConnState::Connected));
    }
}
