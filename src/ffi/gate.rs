// SPDX-License-Identifier: Apache-2.0
//! The gate that every callback of one object passes: open, enter, exit, close, close from inside.
//!
//! Invariants: no callback runs before the gate is open; once [`Gate::close`] has returned, no callback of the object
//! starts; and none is under way, unless the closing thread is itself inside a callback of the library (it could wait for
//! itself, or two for each other). A callback whose body panicked poisons the gate and with it the object. No C types: its
//! model check (`tests/model`) runs on loom.

// The `thread_local` of the model check takes no const block.
#![allow(clippy::missing_const_for_thread_local)]

use super::sync::{thread_local, AtomicBool, Condvar, Mutex, Ordering};
use std::cell::RefCell;
use std::panic::{catch_unwind, AssertUnwindSafe};

thread_local! {
    /// The callbacks that the thread is in, innermost last: the address of the gate, or 0 for one that has no object.
    static INSIDE: RefCell<Vec<usize>> = RefCell::new(Vec::new());
}

/// Whether the callbacks of one object may run. By default it is open.
#[derive(Default)]
pub(super) struct Gate {
    passage: Mutex<Passage>,
    changed: Condvar,
    poisoned: AtomicBool,
}

#[derive(Default)]
struct Passage {
    inside: usize,
    door: Door,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Door {
    /// Callbacks wait before it.
    NotYetOpen,
    #[default]
    Open,
    Closed,
}

impl Gate {
    /// A gate before which callbacks wait until [`Gate::open`] or [`Gate::close`].
    pub fn not_yet_open() -> Self {
        Self {
            passage: Mutex::new(Passage { inside: 0, door: Door::NotYetOpen }),
            changed: Condvar::default(),
            poisoned: AtomicBool::default(),
        }
    }

    /// Lets those in who wait. A closed gate stays closed.
    pub fn open(&self) {
        let mut passage = self.passage.lock();
        if passage.door == Door::NotYetOpen {
            passage.door = Door::Open;
            self.changed.notify_all();
        }
    }

    /// Runs a callback of the object, unless the gate is closed. False if it did not run to its end.
    pub fn pass(&self, body: impl FnOnce()) -> bool {
        if !self.enter() {
            return false;
        }
        let _inside = Inside::enter(self.address());
        let _exit = Exit(self);
        let completed = catch_unwind(AssertUnwindSafe(body)).map_err(std::mem::forget).is_ok();
        if !completed {
            self.poison();
        }
        completed
    }

    /// Lets no callback in any more, and waits until those under way have left. From inside any callback of the library
    /// it does not wait.
    pub fn close(&self) {
        let mut passage = self.passage.lock();
        passage.door = Door::Closed;
        self.changed.notify_all();
        if inside_any() {
            return;
        }
        while passage.inside > 0 {
            self.changed.wait(&mut passage);
        }
    }

    /// Whether the calling thread is inside a callback of this object.
    pub fn is_inside(&self) -> bool {
        INSIDE.with(|inside| inside.borrow().contains(&self.address()))
    }

    /// A fault was caught half-way through work on the object: its state cannot be trusted.
    pub fn poison(&self) {
        self.poisoned.store(true, Ordering::Release);
    }

    pub fn is_poisoned(&self) -> bool {
        self.poisoned.load(Ordering::Acquire)
    }

    fn enter(&self) -> bool {
        let mut passage = self.passage.lock();
        while passage.door == Door::NotYetOpen {
            self.changed.wait(&mut passage);
        }
        let open = passage.door == Door::Open;
        if open {
            passage.inside += 1;
        }
        open
    }

    fn address(&self) -> usize {
        std::ptr::from_ref(self) as usize
    }
}

/// One callback under way; its end is told to whoever closes.
struct Exit<'a>(&'a Gate);

impl Drop for Exit<'_> {
    fn drop(&mut self) {
        let mut passage = self.0.passage.lock();
        passage.inside -= 1;
        // Nobody else waits for it, and to wake nobody takes a system call, too.
        if passage.door == Door::Closed {
            self.0.changed.notify_all();
        }
    }
}

/// Runs a callback that belongs to no object, as a log or a release function.
pub(super) fn pass_free<R>(body: impl FnOnce() -> R) -> R {
    let _inside = Inside::enter(0);
    body()
}

/// Whether the calling thread is inside any callback of the library.
pub(super) fn inside_any() -> bool {
    INSIDE.with(|inside| !inside.borrow().is_empty())
}

struct Inside;

impl Inside {
    fn enter(gate: usize) -> Self {
        INSIDE.with(|inside| inside.borrow_mut().push(gate));
        Self
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        INSIDE.with(|inside| inside.borrow_mut().pop());
    }
}
