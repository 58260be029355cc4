// SPDX-License-Identifier: Apache-2.0
//! The log: records of this library and of everything below it go to one process-wide sink.
//!
//! The sink is called outside every lock. After [`set_sink`] returned, the old sink is not called any more
//! (unless the call came from inside that sink).

use super::{wait::Monitor, DriverError, Wait};
use once_cell::sync::{Lazy, OnceCell};
use std::{cell::Cell, sync::Arc};

/// How much is logged; each level includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Nothing.
    Off,
    /// What failed.
    Error,
    /// What is suspicious, or was dropped.
    Warn,
    /// Milestones.
    Info,
    /// For developers of an application.
    Debug,
    /// For developers of this library; costs speed.
    Trace,
}

/// Where records go. Called from any thread, also concurrently; must not block for long.
pub trait Sink: Send + Sync {
    /// One record.
    fn log(&self, level: Level, target: &str, message: &str);
}

struct Facade {
    sink: Monitor<Option<Arc<dyn Sink>>>,
}

thread_local! {
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

static FACADE: Lazy<Facade> = Lazy::new(|| Facade { sink: Monitor::default() });
/// Whether this is the process's logger; asked for once.
static INSTALLED: OnceCell<bool> = OnceCell::new();

/// Sends records up to `level` to `sink`; `None` or [`Level::Off`] turns the log off.
///
/// # Errors
/// [`DriverError::Busy`] if the process has another global logger (a Rust application with its own).
pub fn set_sink(level: Level, sink: Option<Arc<dyn Sink>>) -> Result<(), DriverError> {
    if !*INSTALLED.get_or_init(|| log::set_logger(&*FACADE).is_ok()) {
        return Err(DriverError::Busy("the process has another logger".into()));
    }
    log::set_max_level(if sink.is_some() { filter(level) } else { log::LevelFilter::Off });
    let old = FACADE.sink.update(|s| std::mem::replace(s, sink));
    if let Some(old) = old {
        if !INSIDE.get() {
            // Each call under way holds a reference of its own.
            FACADE.sink.wait(Wait::Forever, |_| (Arc::strong_count(&old) == 1).then_some(()));
        }
    }
    Ok(())
}

/// The end of a call of the sink, however it ends: whoever replaced it may be waiting for this.
struct Exit;

impl Drop for Exit {
    fn drop(&mut self) {
        INSIDE.set(false);
        FACADE.sink.update(|_| ());
    }
}

impl log::Log for Facade {
    fn enabled(&self, metadata: &log::Metadata) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &log::Record) {
        // A sink that logs would call itself for ever.
        if !self.enabled(record.metadata()) || INSIDE.get() {
            return;
        }
        let Some(sink) = self.sink.lock().clone() else { return };
        INSIDE.set(true);
        let _exit = Exit;
        let sink = sink; // goes before the exit is told
        sink.log(level(record.level()), record.target(), &record.args().to_string());
    }

    fn flush(&self) {}
}

fn filter(level: Level) -> log::LevelFilter {
    match level {
        Level::Off => log::LevelFilter::Off,
        Level::Error => log::LevelFilter::Error,
        Level::Warn => log::LevelFilter::Warn,
        Level::Info => log::LevelFilter::Info,
        Level::Debug => log::LevelFilter::Debug,
        Level::Trace => log::LevelFilter::Trace,
    }
}

fn level(level: log::Level) -> Level {
    match level {
        log::Level::Error => Level::Error,
        log::Level::Warn => Level::Warn,
        log::Level::Info => Level::Info,
        log::Level::Debug => Level::Debug,
        log::Level::Trace => Level::Trace,
    }
}
