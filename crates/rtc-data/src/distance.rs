// SPDX-License-Identifier: Apache-2.0
//! `Distance`: how far the far end is, as far as that is known before there is a connection. The receive window is fixed
//! when a connection is made, and depends on it. Whoever reaches the far end in another way can tell: a connect of TCP
//! takes a round trip.

use parking_lot::Mutex;
use std::{sync::Arc, time::Duration};

/// The expected round trip of connections to come, of all those whose [`Config`](crate::Config) holds a clone of it.
#[derive(Debug, Clone, Default)]
pub struct Distance(Arc<Mutex<Option<Duration>>>);

impl Distance {
    /// Sets it for the connections that are made from here on. `None`: unknown, which counts as far.
    pub fn set(&self, round_trip: Option<Duration>) {
        *self.0.lock() = round_trip;
    }

    /// What was set last.
    pub fn round_trip(&self) -> Option<Duration> {
        *self.0.lock()
    }
}
