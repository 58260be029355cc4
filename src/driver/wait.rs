// SPDX-License-Identifier: Apache-2.0
//! How blocking calls wait: the caller's patience ([`Wait`]) and the one place where state and the wake-up
//! of those who wait for it live together ([`Monitor`]).

use parking_lot::{Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// How long a call may block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// Not at all.
    Try,
    /// At most this long.
    For(Duration),
    /// Until it happens or the object is closed.
    Forever,
}

impl From<i32> for Wait {
    /// The C convention: negative = forever, 0 = try, else milliseconds.
    fn from(timeout_ms: i32) -> Self {
        match timeout_ms {
            0 => Self::Try,
            ms => u64::try_from(ms).map_or(Self::Forever, |ms| Self::For(Duration::from_millis(ms))),
        }
    }
}

/// State behind a lock, and a wake-up for whoever waits until it changes.
#[derive(Debug, Default)]
pub(super) struct Monitor<T> {
    state: Mutex<T>,
    changed: Condvar,
}

impl<T> Monitor<T> {
    pub fn new(state: T) -> Self {
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Looks at the state, or changes it where nobody waits for the change or [`Monitor::notify`] follows.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.state.lock()
    }

    /// Changes the state and wakes everyone who waits for it.
    pub fn update<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        let result = change(&mut self.state.lock());
        self.notify();
        result
    }

    /// Wakes everyone who waits, after a change that was made by [`Monitor::lock`].
    pub fn notify(&self) {
        self.changed.notify_all();
    }

    /// Blocks until `ready` gives a value; `None` when the patience is at its end.
    pub fn wait<R>(&self, wait: Wait, mut ready: impl FnMut(&mut T) -> Option<R>) -> Option<R> {
        let deadline = match wait {
            Wait::Try | Wait::Forever => None,
            // A time-out beyond the clock's range is for ever.
            Wait::For(d) => Instant::now().checked_add(d),
        };
        let mut state = self.state.lock();
        loop {
            if let Some(result) = ready(&mut state) {
                return Some(result);
            }
            match (wait, deadline) {
                (Wait::Try, _) => return None,
                (_, Some(deadline)) => {
                    if self.changed.wait_until(&mut state, deadline).timed_out() {
                        return ready(&mut state);
                    }
                }
                _ => self.changed.wait(&mut state),
            }
        }
    }
}
