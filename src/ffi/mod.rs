// SPDX-License-Identifier: Apache-2.0
//! The C ABI: every exported function, and the only `unsafe` of the crate.
//!
//! Plumbing: `handle` (what C points to), `gate` and `callback` (calls into C), `guard` (no panic crosses), `args` (what
//! comes from C is checked here), `status` (errors become numbers). Then a file for each C noun, all alike: guard, check,
//! convert, one safe call of the driver, outputs written on success only. No protocol knowledge, no policy. The header
//! `include/lkvideo.h` is generated from this folder: the doc comments of its items are written for C programmers.

#![allow(unsafe_code)]
#![deny(unsafe_op_in_unsafe_fn)]
// Types are named as in C: one noun on both sides.
#![allow(non_camel_case_types)]
// What a caller owes each function is said in the terms of C: NULL, ownership, threads.
#![allow(clippy::missing_safety_doc)]

mod args;
mod callback;
mod gate;
mod guard;
mod handle;
pub mod status;

pub mod event;
pub mod frame;
pub mod log;
pub mod output;
pub mod receiver;
pub mod room;
pub mod room_event;
pub mod rpc;
pub mod token;
pub mod version;

/// What gate and handles stand on; their model check (`tests/model`) replaces this module.
mod sync {
    pub(super) use parking_lot::{Condvar, Mutex};
    pub(super) use std::sync::atomic::{AtomicBool, Ordering};
    pub(super) use std::sync::Arc;
    pub(super) use std::thread_local;
}

/// cbindgen:ignore
#[cfg(any(test, feature = "test-panic"))]
pub mod test_panic;
#[cfg(test)]
mod tests;
