// SPDX-License-Identifier: Apache-2.0
//! The best of the values of late: a maximum or minimum that forgets.

use std::time::{Duration, Instant};

/// A value counts for one to two of these.
const WINDOW: Duration = Duration::from_secs(5);

/// The best of two windows, the present one and the one before.
pub(super) struct Best<T> {
    better: fn(T, T) -> T,
    now: Option<T>,
    before: Option<T>,
    began: Instant,
}

impl<T: Copy> Best<T> {
    pub(super) fn new(better: fn(T, T) -> T, now: Instant) -> Self {
        Self { better, now: None, before: None, began: now }
    }

    /// A window ends only when a value comes: who is silent for an hour keeps what was known.
    pub(super) fn add(&mut self, value: T, at: Instant) {
        if at.saturating_duration_since(self.began) >= WINDOW {
            self.before = self.now.take();
            self.began = at;
        }
        self.now = Some(self.now.map_or(value, |best| (self.better)(best, value)));
    }

    pub(super) fn get(&self) -> Option<T> {
        match (self.now, self.before) {
            (Some(a), Some(b)) => Some((self.better)(a, b)),
            (a, b) => a.or(b),
        }
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a base for virtual time")]
mod tests {
    use super::*;

    #[test]
    fn a_value_counts_for_one_to_two_windows() {
        let t0 = Instant::now();
        let at = |s| t0 + Duration::from_secs(s);
        let mut best = Best::new(u32::max, t0);
        assert_eq!(best.get(), None);
        best.add(5, at(1));
        best.add(3, at(4));
        assert_eq!(best.get(), Some(5));
        best.add(2, at(6));
        assert_eq!(best.get(), Some(5));
        best.add(1, at(12));
        assert_eq!(best.get(), Some(2));
        assert_eq!(best.get(), Some(2), "silence changes nothing");
    }
}
