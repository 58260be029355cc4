// SPDX-License-Identifier: Apache-2.0
//! Video frames over LiveKit data streams, for C, C++, game engines and any language with a C FFI.
//!
//! A sender makes frames and sends them to one receiver, segment by segment; the receiver shows them and reports what
//! it has played; the sender can interrupt at any time. The C interface is `include/lkvideo.h`; this crate is what it
//! is made of, and a Rust API of the same shape.
//!
//! | room | owns | may use |
//! |---|---|---|
//! | [`frame`] | frames: pixel formats and their one size table, pooled memory | nothing |
//! | [`wire`] | bytes and messages: streams, chunks, calls | `frame` |
//! | [`session`] | state machines of a sender and a receiver, on a time that is given | `wire` |
//! | [`driver`] | threads, clock, runtime; rooms over a LiveKit server or in this process | `session` |
//! | `ffi` | the C interface, and the only `unsafe` | `driver` |
//!
//! Each room uses those above it in the table, never those below; `tests/layering.rs` checks them. `ARCHITECTURE.md` tells a frame's journey.

pub mod driver;
#[cfg(not(feature = "fuzzing"))]
mod ffi;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod ffi;
pub mod frame;
pub mod session;
pub mod wire;
