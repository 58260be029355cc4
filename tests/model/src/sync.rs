// SPDX-License-Identifier: Apache-2.0
//! loom's locks with the interface of parking_lot, which is what ships.

use std::ops::{Deref, DerefMut};

pub use loom::sync::atomic::{AtomicBool, Ordering};
pub use loom::sync::Arc;
pub use loom::thread_local;

#[derive(Default)]
pub struct Mutex<T>(loom::sync::Mutex<T>);

/// Empty only while a condition is waited for.
pub struct MutexGuard<'a, T>(Option<loom::sync::MutexGuard<'a, T>>);

#[derive(Default)]
pub struct Condvar(loom::sync::Condvar);

impl<T> Mutex<T> {
    pub fn new(value: T) -> Self {
        Self(loom::sync::Mutex::new(value))
    }

    pub fn lock(&self) -> MutexGuard<'_, T> {
        MutexGuard(self.0.lock().ok())
    }
}

impl Condvar {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
        guard.0 = guard.0.take().and_then(|inner| self.0.wait(inner).ok());
    }

    pub fn notify_all(&self) {
        self.0.notify_all();
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_ref().expect("a lock that is held and not poisoned")
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.as_mut().expect("a lock that is held and not poisoned")
    }
}
