// SPDX-License-Identifier: Apache-2.0
//! The boundary that no panic crosses. Every exported function runs inside [`guard`] or [`guard_or`].
//!
//! A caught panic becomes `LKV_ERROR_PANIC`; the handle it happened on is poisoned by its `Call` as that unwinds.

use super::status::{lkv_result, Failure, Outcome, LKV_ERROR_PANIC, LKV_OK};
use std::any::Any;
use std::panic::{catch_unwind, AssertUnwindSafe};

/// Runs the body of an exported function.
pub(super) fn guard(body: impl FnOnce() -> Outcome) -> lkv_result {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => LKV_OK,
        Ok(Err(failure)) => failure.report(),
        Err(payload) => caught(payload).report(),
    }
}

/// Runs the body of an exported function that has no result to fail with.
pub(super) fn guard_or<T>(fallback: T, body: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|payload| {
        caught(payload).report();
        fallback
    })
}

/// What a caught panic says.
pub(super) fn caught(payload: Box<dyn Any + Send>) -> Failure {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message");
    let failure = Failure::new(LKV_ERROR_PANIC, format!("a fault of the library was caught: {text}"));
    // Dropping a foreign payload may panic again, with one that is then left alone.
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        std::mem::forget(again);
    }
    failure
}
