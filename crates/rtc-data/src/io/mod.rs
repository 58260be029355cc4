// SPDX-License-Identifier: Apache-2.0
//! The I/O half: one thread a connection gives the sans-IO core its sockets, clock and callbacks.
//!
//! * `link`: commands from the handles to the thread, and the state it publishes.
//! * `driver`: the thread's loop. `moderation`: how soon it turns again. `delivery`: events of the core to the application's callbacks.
//! * `socket`, `train`: UDP with segmentation offload. `addresses`: where to bind, whom to ask.

mod addresses;
mod delivery;
#[allow(clippy::disallowed_methods, reason = "the one place that reads the clock and starts threads")]
pub(crate) mod driver;
pub(crate) mod link;
mod moderation;
pub(crate) mod slot;
mod socket;
mod train;
