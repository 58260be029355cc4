// SPDX-License-Identifier: Apache-2.0
//! The bounded queue of both sessions: frames, with control items (segment starts and ends, flush marks) between them.
//!
//! Frames are bounded by number and by bytes, and the policy says what happens to the one that does not fit; who owns the
//! queue may drop those that have waited too long. Frames that are dropped are handed out, since giving their memory back
//! may run code of the application. Control items are never dropped here; who pushes them keeps their number bounded.
//! Invariant: `bytes` and `since` are those of the frames among the items; a frame of any size fits an
//! empty queue, so that nothing waits for ever.

use crate::frame::Frame;
use std::collections::VecDeque;
use std::time::Instant;

/// What happens to a frame that finds the queue full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum QueuePolicy {
    /// Who sends it waits.
    #[default]
    Block,
    /// It is refused with an error.
    Refuse,
    /// The oldest queued frames make room for it.
    DropOldest,
    /// It is dropped.
    DropNewest,
}

/// One place in the queue.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "a frame is moved a few times, its pixels never")]
pub(super) enum Item<C> {
    Frame(Frame),
    Control(C),
}

/// What became of a pushed frame.
#[derive(Debug)]
pub(super) enum Admission {
    /// Queued; these older frames were dropped for it.
    Queued { dropped: Vec<Frame> },
    /// Dropped itself.
    Dropped,
    /// Not taken: the policy is `Block` or `Refuse`.
    Full,
}

#[derive(Debug)]
pub(super) struct Queue<C> {
    policy: QueuePolicy,
    max_frames: usize,
    max_bytes: usize,
    items: VecDeque<Item<C>>,
    /// When each of the frames came, oldest first.
    since: VecDeque<Instant>,
    bytes: usize,
}

impl<C> Queue<C> {
    pub(super) fn new(policy: QueuePolicy, max_frames: usize, max_bytes: usize) -> Self {
        Self { policy, max_frames, max_bytes, items: VecDeque::new(), since: VecDeque::new(), bytes: 0 }
    }

    pub(super) fn policy(&self) -> QueuePolicy {
        self.policy
    }

    /// Frames queued.
    pub(super) fn frames(&self) -> usize {
        self.since.len()
    }

    /// Bytes of the frames queued.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Bounds the bytes anew. What is queued stays, also if it is more.
    pub(super) fn bound_bytes(&mut self, max_bytes: usize) {
        self.max_bytes = max_bytes;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Whether a frame of this size needs nothing to be dropped.
    pub(super) fn fits(&self, size: usize) -> bool {
        self.since.is_empty() || (self.frames() < self.max_frames && self.bytes.saturating_add(size) <= self.max_bytes)
    }

    pub(super) fn push_frame(&mut self, frame: Frame, now: Instant) -> Admission {
        let size = frame.data().len();
        let mut dropped = Vec::new();
        while !self.fits(size) {
            match self.policy {
                QueuePolicy::Block | QueuePolicy::Refuse => return Admission::Full,
                QueuePolicy::DropNewest => return Admission::Dropped,
                QueuePolicy::DropOldest => dropped.extend(self.take_oldest_frame()),
            }
        }
        self.since.push_back(now);
        self.bytes += size;
        self.items.push_back(Item::Frame(frame));
        Admission::Queued { dropped }
    }

    /// Queues a frame whatever the bounds: who sends it was told to wait, and this one was under way.
    pub(super) fn push_under_way(&mut self, frame: Frame, now: Instant) {
        self.since.push_back(now);
        self.bytes += frame.data().len();
        self.items.push_back(Item::Frame(frame));
    }

    pub(super) fn push_control(&mut self, control: C) {
        self.items.push_back(Item::Control(control));
    }

    /// The item at this place, 0 being the next to be popped.
    pub(super) fn get(&self, index: usize) -> Option<&Item<C>> {
        self.items.get(index)
    }

    pub(super) fn back(&self) -> Option<&Item<C>> {
        self.items.back()
    }

    pub(super) fn back_mut(&mut self) -> Option<&mut Item<C>> {
        self.items.back_mut()
    }

    pub(super) fn pop(&mut self) -> Option<Item<C>> {
        let item = self.items.pop_front()?;
        if let Item::Frame(frame) = &item {
            self.forget(frame.data().len());
        }
        Some(item)
    }

    /// Inserts a control item before the one at this place.
    pub(super) fn insert_control(&mut self, index: usize, control: C) {
        self.items.insert(index, Item::Control(control));
    }

    /// The control items with their places.
    pub(super) fn controls_mut(&mut self) -> impl Iterator<Item = (usize, &mut C)> {
        self.items.iter_mut().enumerate().filter_map(|(index, item)| match item {
            Item::Frame(_) => None,
            Item::Control(control) => Some((index, control)),
        })
    }

    /// Items, frames and others.
    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    /// Drops these frames: how many.
    pub(super) fn drop_frames(&mut self, which: impl Fn(&Frame) -> bool) -> u64 {
        let Self { items, since, bytes, .. } = self;
        let mut came = std::mem::take(since).into_iter();
        let mut dropped = 0;
        items.retain(|item| {
            let Item::Frame(frame) = item else { return true };
            let came = came.next();
            if which(frame) {
                *bytes -= frame.data().len();
                dropped += 1;
                return false;
            }
            since.extend(came);
            true
        });
        dropped
    }

    /// Empties the queue: its frames and its control items, each in order.
    pub(super) fn drain(&mut self) -> (Vec<Frame>, Vec<C>) {
        self.since.clear();
        self.bytes = 0;
        let (mut frames, mut controls) = (Vec::new(), Vec::new());
        for item in self.items.drain(..) {
            match item {
                Item::Frame(frame) => frames.push(frame),
                Item::Control(control) => controls.push(control),
            }
        }
        (frames, controls)
    }

    /// When the oldest frame came.
    pub(super) fn oldest(&self) -> Option<Instant> {
        self.since.front().copied()
    }

    /// Drops the frames that came at this time or before.
    pub(super) fn drop_until(&mut self, time: Instant) -> Vec<Frame> {
        let mut dropped = Vec::new();
        while self.oldest().is_some_and(|since| since <= time) {
            dropped.extend(self.take_oldest_frame());
        }
        dropped
    }

    pub(super) fn take_oldest_frame(&mut self) -> Option<Frame> {
        let oldest = self.items.iter().position(|item| matches!(item, Item::Frame(_)))?;
        let Some(Item::Frame(frame)) = self.items.remove(oldest) else { return None };
        self.forget(frame.data().len());
        Some(frame)
    }

    fn forget(&mut self, size: usize) {
        self.since.pop_front();
        self.bytes -= size;
    }
}
