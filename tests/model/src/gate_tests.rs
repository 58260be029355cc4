// SPDX-License-Identifier: Apache-2.0
//! The gate alone: no callback runs before `open`; once `close` has returned outside a callback, none is under way and
//! none starts; closing inside a callback, also two objects closing each other, waits for nobody; what callbacks own is
//! dropped once, after the last.

use crate::gate::{inside_any, pass_free, Gate};
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::sync::Arc;
use loom::thread;

/// A thread that delivers events through a gate, as a dispatch thread does; it drops what it owns when it ends.
fn dispatch(gate: &Arc<Gate>, running: &Arc<AtomicUsize>, owned: impl Send + 'static) -> thread::JoinHandle<()> {
    let (gate, running) = (gate.clone(), running.clone());
    thread::spawn(move || {
        for _ in 0..2 {
            gate.pass(|| {
                assert_eq!(running.fetch_add(1, Ordering::SeqCst), 0);
                assert!(gate.is_inside() && inside_any());
                running.fetch_sub(1, Ordering::SeqCst);
            });
        }
        assert!(!inside_any());
        // What a callback asserts ends there, and poisons the gate.
        assert!(!gate.is_poisoned());
        drop(owned);
    })
}

struct Owned(Arc<AtomicUsize>);

impl Drop for Owned {
    fn drop(&mut self) {
        pass_free(|| self.0.fetch_add(1, Ordering::SeqCst));
    }
}

#[test]
fn after_close_no_callback_runs() {
    loom::model(|| {
        let (gate, running, dropped) = Default::default();
        let dispatcher = dispatch(&gate, &running, Owned(Arc::clone(&dropped)));
        gate.close();
        assert_eq!(running.load(Ordering::SeqCst), 0);
        assert!(!gate.pass(|| ()));
        dispatcher.join().unwrap();
        assert_eq!(dropped.load(Ordering::SeqCst), 1);
        assert!(!gate.is_poisoned());
    });
}

#[test]
fn before_open_no_callback_runs() {
    loom::model(|| {
        let (gate, given) = (Arc::new(Gate::not_yet_open()), Arc::new(AtomicUsize::new(0)));
        let dispatcher = {
            let (gate, given) = (gate.clone(), given.clone());
            thread::spawn(move || gate.pass(|| assert_eq!(given.load(Ordering::SeqCst), 1)))
        };
        given.store(1, Ordering::SeqCst);
        gate.open();
        assert!(dispatcher.join().unwrap());
    });
}

#[test]
fn closed_before_open_nobody_waits_or_runs() {
    loom::model(|| {
        let gate = Arc::new(Gate::not_yet_open());
        let dispatcher = {
            let gate = gate.clone();
            thread::spawn(move || gate.pass(|| ()))
        };
        gate.close();
        gate.open();
        assert!(!dispatcher.join().unwrap());
    });
}

#[test]
fn closing_inside_and_outside_at_once_ends() {
    loom::model(|| {
        let gate = Arc::<Gate>::default();
        let inside = gate.clone();
        let dispatcher = thread::spawn(move || {
            inside.pass(|| inside.close());
            assert!(!inside.pass(|| ()));
        });
        gate.close();
        dispatcher.join().unwrap();
    });
}

#[test]
fn two_objects_close_each_other_inside() {
    loom::model(|| {
        let (first, second) = (Arc::<Gate>::default(), Arc::<Gate>::default());
        let other = {
            let (first, second) = (first.clone(), second.clone());
            thread::spawn(move || second.pass(|| first.close()))
        };
        first.pass(|| second.close());
        other.join().unwrap();
        assert!(!inside_any());
    });
}

#[test]
fn two_threads_close_while_a_callback_runs() {
    loom::model(|| {
        let (gate, running, dropped) = Default::default();
        let dispatcher = dispatch(&gate, &running, Owned(Arc::clone(&dropped)));
        let closer = {
            let (gate, running) = (gate.clone(), running.clone());
            thread::spawn(move || {
                gate.close();
                assert_eq!(running.load(Ordering::SeqCst), 0);
            })
        };
        gate.close();
        assert_eq!(running.load(Ordering::SeqCst), 0);
        closer.join().unwrap();
        dispatcher.join().unwrap();
        assert_eq!(dropped.load(Ordering::SeqCst), 1);
    });
}
