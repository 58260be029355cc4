// SPDX-License-Identifier: Apache-2.0
//! Dispatch threads: one for each object that has callbacks. User code runs here and nowhere else, so that a
//! slow callback stalls its own object's queue only, never the network.
//!
//! A thread takes events from a source until the source is closed, then drops the handler (and with it the
//! user's data) and reports that it has ended.

use super::{runtime::panic_message, wait::Monitor, DriverError, Wait};
use std::{
    cell::Cell,
    panic::{catch_unwind, AssertUnwindSafe},
    sync::Arc,
};

thread_local! {
    /// The key of the object whose dispatch thread this is; 0 elsewhere.
    static DISPATCHING: Cell<usize> = const { Cell::new(0) };
}

/// Called with each event, in order, never concurrently, on the object's dispatch thread; dropped there after
/// the last call.
pub type EventHandler<E> = Box<dyn FnMut(E) + Send>;

/// Whether the calling thread is a dispatch thread of any object of the library.
pub fn on_dispatch_thread() -> bool {
    DISPATCHING.get() != 0
}

/// Tells when a dispatch thread has ended.
#[derive(Debug, Default)]
pub(super) struct Dispatcher {
    running: Monitor<usize>,
}

impl Dispatcher {
    /// Starts the thread: `next` blocks for an event and gives `None` when the source is closed.
    pub fn start<E: 'static>(
        self: &Arc<Self>,
        name: &str,
        mut next: impl FnMut() -> Option<E> + Send + 'static,
        mut handler: EventHandler<E>,
    ) -> Result<(), DriverError> {
        let running = Running::new(self.clone());
        std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            DISPATCHING.set(Arc::as_ptr(&running.0) as usize);
            while let Some(event) = next() {
                call(&mut handler, event);
            }
            drop(handler);
            drop(next);
            drop(running);
        })?;
        Ok(())
    }

    /// Whether the calling thread is this dispatcher's.
    pub fn is_current(&self) -> bool {
        DISPATCHING.get() == std::ptr::from_ref(self) as usize
    }

    /// Waits until the thread has ended. On a dispatch thread it returns at once: it could wait for itself, or two for
    /// each other.
    pub fn join(&self) {
        if !on_dispatch_thread() {
            self.running.wait(Wait::Forever, |n| (*n == 0).then_some(()));
        }
    }
}

/// A thread counts as running until this is dropped, however it ends.
struct Running(Arc<Dispatcher>);

impl Running {
    fn new(dispatcher: Arc<Dispatcher>) -> Self {
        dispatcher.running.update(|n| *n += 1);
        Self(dispatcher)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.update(|n| *n -= 1);
    }
}

/// Calls a handler; its panic ends that event, not the object.
pub(super) fn call<E>(handler: &mut EventHandler<E>, event: E) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| handler(event))) {
        tracing::error!("event handler panicked: {}", panic_message(&*panic));
    }
}
