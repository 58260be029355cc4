// SPDX-License-Identifier: Apache-2.0
//! Handles, as C uses them, of an object that brings callbacks by a thread of its own: no callback runs before C has
//! the handle; once `destroy` has returned outside a callback, no callback and no call is under way, the object's
//! thread has ended and the object is freed; inside a callback, its own or another object's, `destroy` waits for
//! nobody, and the last who uses the object frees it, once: what is not freed, or twice, loom reports itself.

use crate::args::PUT;
use crate::gate::Gate;
use crate::handle::{create, destroy, enter, Object, Opaque};
use crate::sync::{Arc, Condvar, Mutex};
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread::{self, JoinHandle};

/// Every interleaving with at most so many switches away from a thread that could go on: where three threads wait for
/// each other, or share two objects, all of them are too many.
fn model_with_switches(most: usize, test: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(most);
    builder.check(test);
}

/// The type that C points to.
struct Opened;

impl Opaque for Opened {
    type Object = Dispatcher;
}

/// An object of the driver: brings one callback, and has calls that wait until it is closed.
struct Dispatcher {
    closed: Mutex<bool>,
    changed: Condvar,
    thread: Mutex<Option<JoinHandle<()>>>,
    seen: Arc<Seen>,
}

/// What became of the object, for when it is gone.
#[derive(Default)]
struct Seen {
    /// Callbacks and calls under way.
    inside: AtomicUsize,
    freed: AtomicUsize,
}

impl Object for Dispatcher {
    fn close(&self) {
        *self.closed.lock() = true;
        self.changed.notify_all();
    }

    fn join(&self) {
        let thread = self.thread.lock().take();
        thread.expect("joined once").join().unwrap();
    }
}

impl Dispatcher {
    fn wait_until_closed(&self) {
        self.seen.inside.fetch_add(1, Ordering::SeqCst);
        let mut closed = self.closed.lock();
        while !*closed {
            self.changed.wait(&mut closed);
        }
        self.seen.inside.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Drop for Dispatcher {
    fn drop(&mut self) {
        self.seen.freed.fetch_add(1, Ordering::SeqCst);
    }
}

/// A handle as C passes it from thread to thread.
#[derive(Clone, Copy)]
struct Pointer(*mut Opened);

// SAFETY: handles may be used on any thread.
unsafe impl Send for Pointer {}

impl Pointer {
    fn destroy(self) {
        // SAFETY: each test destroys a handle once, and enters no call afterwards.
        unsafe { destroy(self.0) }
    }
}

/// Where C keeps a handle for its callbacks.
type Shelf = Arc<Mutex<Option<Pointer>>>;

/// Makes an object whose one callback is this, and puts its handle on the shelf.
fn open(shelf: &Shelf, seen: &Arc<Seen>, callback: impl FnOnce() + Send + 'static) {
    let gate = Arc::new(Gate::not_yet_open());
    let (mut out, given) = (std::ptr::null_mut(), PUT.load(Ordering::SeqCst));
    let make = || {
        let (gate, counted) = (gate.clone(), seen.clone());
        let thread = thread::spawn(move || {
            gate.pass(|| {
                assert!(PUT.load(Ordering::SeqCst) > given);
                counted.inside.fetch_add(1, Ordering::SeqCst);
                callback();
                counted.inside.fetch_sub(1, Ordering::SeqCst);
            });
            // What a callback asserts ends there, and poisons the gate.
            assert!(!gate.is_poisoned());
        });
        let thread = Mutex::new(Some(thread));
        Ok(Dispatcher { closed: Mutex::default(), changed: Condvar::new(), thread, seen: seen.clone() })
    };
    // SAFETY: `out` is writable.
    unsafe { create::<Opened>(&mut out, gate.clone(), make) }.unwrap();
    *shelf.lock() = Some(Pointer(out));
}

/// The handle, if C has it already.
fn take(shelf: &Shelf) -> Option<Pointer> {
    shelf.lock().take()
}

#[test]
fn destroyed_outside_nothing_is_under_way_any_more() {
    loom::model(|| {
        let (shelf, seen) = (Shelf::default(), Arc::new(Seen::default()));
        open(&shelf, &seen, || ());
        take(&shelf).unwrap().destroy();
        assert_eq!(seen.inside.load(Ordering::SeqCst), 0);
        assert_eq!(seen.freed.load(Ordering::SeqCst), 1);
    });
}

#[test]
fn destroyed_while_a_call_waits_the_call_ends_first() {
    model_with_switches(2, || {
        let (shelf, seen) = (Shelf::default(), Arc::new(Seen::default()));
        open(&shelf, &seen, || ());
        let handle = take(&shelf).unwrap();
        // SAFETY: not destroyed yet.
        let call = unsafe { enter(handle.0) }.unwrap();
        let caller = thread::spawn(move || call.wait_until_closed());
        handle.destroy();
        assert_eq!(seen.inside.load(Ordering::SeqCst), 0);
        caller.join().unwrap();
        assert_eq!(seen.freed.load(Ordering::SeqCst), 1);
    });
}

#[test]
fn destroyed_inside_its_callback_or_outside_whoever_comes_first() {
    loom::model(|| {
        let (shelf, seen) = (Shelf::default(), Arc::new(Seen::default()));
        let inside = shelf.clone();
        open(&shelf, &seen, move || {
            if let Some(handle) = take(&inside) {
                handle.destroy();
            }
        });
        if let Some(handle) = take(&shelf) {
            handle.destroy();
            assert_eq!(seen.freed.load(Ordering::SeqCst), 1);
        }
    });
}

#[test]
fn destroyed_inside_its_callback_while_a_call_waits_the_last_frees_it() {
    model_with_switches(2, || {
        let (shelf, seen) = (Shelf::default(), Arc::new(Seen::default()));
        let inside = shelf.clone();
        let entered = Arc::new((Mutex::new(false), Condvar::new()));
        let may_destroy = entered.clone();
        open(&shelf, &seen, move || {
            let mut may = may_destroy.0.lock();
            while !*may {
                may_destroy.1.wait(&mut may);
            }
            drop(may);
            take(&inside).unwrap().destroy();
        });
        let handle = shelf.lock().unwrap();
        // SAFETY: it is destroyed when `entered` says so.
        let call = unsafe { enter(handle.0) }.unwrap();
        *entered.0.lock() = true;
        entered.1.notify_all();
        call.wait_until_closed();
        drop(call);
    });
}

#[test]
fn two_objects_are_destroyed_each_inside_the_others_callback() {
    model_with_switches(1, || {
        let seen = Arc::new(Seen::default());
        let (first, second) = (Shelf::default(), Shelf::default());
        let (of_first, of_second) = (first.clone(), second.clone());
        open(&first, &seen, move || take(&of_second).into_iter().for_each(Pointer::destroy));
        open(&second, &seen, move || take(&of_first).into_iter().for_each(Pointer::destroy));
        [first, second].iter().filter_map(take).for_each(Pointer::destroy);
    });
}
