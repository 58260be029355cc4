// SPDX-License-Identifier: Apache-2.0
//! The tokio runtime of the process: two workers for all rooms, started by the first one and stopped with
//! the last. Tasks go through [`Runtime::spawn`], which turns a panic into a call of the owner's choice.

use super::DriverError;
use futures_util::FutureExt as _;
use parking_lot::Mutex;
use std::{
    future::Future,
    panic::AssertUnwindSafe,
    sync::{Arc, Weak},
};

/// Workers for the tasks of all rooms. Video goes past them on the connections' own threads.
const WORKERS: usize = 2;

static CURRENT: Mutex<Weak<Runtime>> = Mutex::new(Weak::new());

pub(super) struct Runtime {
    tokio: Option<tokio::runtime::Runtime>,
}

impl Runtime {
    /// The running one, or a new one.
    pub fn shared() -> Result<Arc<Self>, DriverError> {
        let mut current = CURRENT.lock();
        if let Some(runtime) = current.upgrade() {
            return Ok(runtime);
        }
        let tokio = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(WORKERS)
            .thread_name("lkv-worker")
            .enable_all()
            .build()?;
        let runtime = Arc::new(Self { tokio: Some(tokio) });
        *current = Arc::downgrade(&runtime);
        Ok(runtime)
    }

    /// Makes the runtime known to the calling thread while the guard lives, for code that starts tasks of its own.
    pub fn enter(&self) -> Option<tokio::runtime::EnterGuard<'_>> {
        self.tokio.as_ref().map(tokio::runtime::Runtime::enter)
    }

    /// Runs a task; if it panics, `on_panic` gets the message, so that nobody waits for it in vain.
    pub fn spawn(
        &self,
        task: impl Future<Output = ()> + Send + 'static,
        on_panic: impl FnOnce(String) + Send + 'static,
    ) {
        let Some(tokio) = &self.tokio else { return };
        tokio.spawn(async move {
            if let Err(panic) = AssertUnwindSafe(task).catch_unwind().await {
                on_panic(panic_message(&*panic));
            }
        });
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        // The last handle may go on a worker thread, where a blocking shut-down would panic.
        if let Some(tokio) = self.tokio.take() {
            tokio.shutdown_background();
        }
    }
}

/// The text of a caught panic.
pub(super) fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("panic without a message").to_owned()
}
