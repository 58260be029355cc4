// SPDX-License-Identifier: Apache-2.0
//! `Backlog`: how much was given to channels and has neither been acknowledged by the far end nor been given up.
//! Who leaves politely waits until it is zero.

use std::sync::{
    atomic::{AtomicU64, Ordering::*},
    Arc,
};

/// Bytes on their way, over all channels of all connections whose [`Config`](crate::Config) holds a clone of it. Those
/// of a channel that ends are given up.
#[derive(Debug, Clone, Default)]
pub struct Backlog(Arc<AtomicU64>);

impl Backlog {
    /// Bytes on their way now.
    pub fn bytes(&self) -> u64 {
        self.0.load(Acquire)
    }
}

/// One channel's part of a [`Backlog`].
#[derive(Debug, Default)]
pub(crate) struct Share {
    total: Backlog,
    own: AtomicU64,
}

impl Share {
    pub(crate) fn of(total: &Backlog) -> Self {
        Self { total: total.clone(), own: AtomicU64::new(0) }
    }

    pub(crate) fn given(&self, bytes: u64) {
        self.own.fetch_add(bytes, AcqRel);
        self.total.0.fetch_add(bytes, AcqRel);
    }

    /// Acknowledged, refused or given up; never more than was given.
    pub(crate) fn settled(&self, bytes: u64) {
        let take = |own: u64| Some(own.saturating_sub(bytes));
        // The closure always gives a value, so the update cannot fail.
        let before = self.own.fetch_update(AcqRel, Acquire, take).unwrap_or_default();
        self.total.0.fetch_sub(before.min(bytes), AcqRel);
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.settled(u64::MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_that_ends_takes_its_own_part_along_and_no_more() {
        let total = Backlog::default();
        let (one, other) = (Share::of(&total), Share::of(&total));
        one.given(10);
        other.given(5);
        one.settled(4);
        assert_eq!(total.bytes(), 11);
        one.settled(100);
        assert_eq!(total.bytes(), 5);
        drop(other);
        assert_eq!(total.bytes(), 0);
    }
}
