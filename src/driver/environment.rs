// SPDX-License-Identifier: Apache-2.0
//! What the sessions cannot have by themselves: chance and the time of day.

use crate::wire::v1::Id;
use ring::rand::{SecureRandom as _, SystemRandom};
use std::time::{Duration, Instant, SystemTime};

/// Between readings of the clock: it may be set while we run.
const CLOCK_INTERVAL: Duration = Duration::from_secs(60);

/// An id for one life of an output or a receiver, unlike any other; `None` if the system gives no random numbers, so
/// that version 1 cannot be spoken.
pub(super) fn draw_id() -> Option<Id> {
    let mut bytes = [0; 16];
    match SystemRandom::new().fill(&mut bytes) {
        Ok(()) => Some(Id::from_random(u128::from_ne_bytes(bytes))),
        Err(e) => {
            tracing::warn!("no random numbers: only version 0 is spoken ({e})");
            None
        }
    }
}

/// Says now and then what time of day it is.
#[derive(Default)]
pub(super) struct Clock {
    next: Option<Instant>,
}

impl Clock {
    /// Microseconds since 1970, when a session should be told again.
    pub fn reading(&mut self, now: Instant) -> Option<i64> {
        if self.next.is_some_and(|next| now < next) {
            return None;
        }
        self.next = now.checked_add(CLOCK_INTERVAL);
        let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).ok()?;
        i64::try_from(since_epoch.as_micros()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_id_is_drawn_twice() {
        assert_ne!(draw_id().unwrap(), draw_id().unwrap());
    }

    #[test]
    fn the_clock_is_read_once_in_a_while() {
        let (mut clock, now) = (Clock::default(), Instant::now());
        assert!(clock.reading(now).is_some());
        assert!(clock.reading(now).is_none());
        assert!(clock.reading(now + CLOCK_INTERVAL).is_some());
    }
}
