// SPDX-License-Identifier: Apache-2.0
//! What C holds: an opaque pointer to an `Arc<Handle>` round an object of the driver.
//!
//! Each call takes a reference of its own and is counted, so that destroy can wait for the threads that are inside. The
//! pointer owns one reference; destroy takes it back. A call that unwinds poisons the handle.
//! `tests/model` runs this file on loom.

use super::args::{self, check};
use super::gate::{inside_any, Gate};
use super::room::LKV_FOREVER;
use super::status::{Failure, Outcome, LKV_ERROR_PANIC, LKV_ERROR_WOULD_DEADLOCK};
use super::sync::{Arc, Condvar, Mutex};
use crate::driver::Wait;
use std::ops::Deref;

/// A type of the header that is only ever pointed to, and the driver's object behind it.
pub(super) trait Opaque {
    type Object: Object;
}

/// What the handles need of the driver's objects.
pub(super) trait Object {
    /// Wakes every waiter; never blocks.
    fn close(&self);
    /// Waits until the threads of the object have ended and its callbacks are dropped.
    fn join(&self);
}

pub(super) struct Handle<T> {
    object: T,
    gate: Arc<Gate>,
    calls: Mutex<usize>,
    idle: Condvar,
}

/// Gives the object to C. The gate is the one that its callbacks pass.
pub(super) fn give<H: Opaque>(object: H::Object, gate: Arc<Gate>) -> *mut H {
    let handle = Handle { object, gate, calls: Mutex::new(0), idle: Condvar::new() };
    Arc::into_raw(Arc::new(handle)).cast_mut().cast()
}

/// Makes an object whose callbacks pass `gate` and gives it to C. They wait until `out` is written, so that they can use it;
/// if there is no object, none of them runs.
pub(super) unsafe fn create<H: Opaque>(
    out: *mut *mut H,
    gate: Arc<Gate>,
    make: impl FnOnce() -> Outcome<H::Object>,
) -> Outcome {
    check(out, "out")?;
    let object = make().inspect_err(|_| gate.close())?;
    // SAFETY: not NULL, and writable, says the caller.
    unsafe { args::put(out, give(object, gate.clone())) };
    gate.open();
    Ok(())
}

/// A thread enters a call on the object.
pub(super) unsafe fn enter<H: Opaque>(pointer: *const H) -> Outcome<Call<H::Object>> {
    let pointer: *const Handle<H::Object> = pointer.cast();
    check(pointer, "the handle")?;
    // SAFETY: the pointer came from `give` and is not destroyed, says the caller: its reference is alive.
    unsafe { Arc::increment_strong_count(pointer) };
    // SAFETY: takes the reference that was just added.
    let handle = unsafe { Arc::from_raw(pointer) };
    if handle.gate.is_poisoned() {
        return Err(Failure::new(LKV_ERROR_PANIC, "a fault of the library on this handle was caught earlier"));
    }
    *handle.calls.lock() += 1;
    Ok(Call(handle))
}

/// Closes the object and takes it back from C. Waits for callbacks under way and for threads inside a call, unless the
/// thread is itself inside a callback of the library: then the last of them frees it.
pub(super) unsafe fn destroy<H: Opaque>(pointer: *mut H) {
    let pointer: *const Handle<H::Object> = pointer.cast();
    if pointer.is_null() {
        return;
    }
    // SAFETY: the pointer came from `give`, and C gives its reference up here.
    let handle = unsafe { Arc::from_raw(pointer) };
    handle.object.close();
    handle.gate.close();
    if inside_any() {
        return;
    }
    let mut calls = handle.calls.lock();
    while *calls > 0 {
        handle.idle.wait(&mut calls);
    }
    drop(calls);
    handle.object.join();
}

/// One thread inside a call on an object.
pub(super) struct Call<T>(Arc<Handle<T>>);

impl<T> Call<T> {
    /// The gate that callbacks of the object pass.
    pub fn gate(&self) -> Arc<Gate> {
        self.0.gate.clone()
    }

    /// How long the call may wait: not at all inside a callback of the same object.
    pub fn wait(&self, timeout_ms: i32) -> Outcome<Wait> {
        let wait = wait(timeout_ms)?;
        if timeout_ms != 0 && self.0.gate.is_inside() {
            return Err(Failure::new(LKV_ERROR_WOULD_DEADLOCK, "waiting inside a callback of the same object"));
        }
        Ok(wait)
    }
}

/// A time-out of C.
pub(super) fn wait(timeout_ms: i32) -> Outcome<Wait> {
    if timeout_ms < LKV_FOREVER {
        return Err(Failure::invalid(format!("timeout_ms {timeout_ms}")));
    }
    Ok(Wait::from(timeout_ms))
}

impl<T> Deref for Call<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0.object
    }
}

impl<T> Drop for Call<T> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.gate.poison();
        }
        *self.0.calls.lock() -= 1;
        self.0.idle.notify_all();
    }
}
