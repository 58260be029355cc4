// SPDX-License-Identifier: Apache-2.0
//! The log callback, one for the process.

use super::callback::{c_string, UserData};
use super::gate::pass_free;
use super::guard::guard;
use super::status::{lkv_result, Failure};
use crate::driver::log::{set_sink, Level, Sink};
use std::ffi::{c_char, c_void};
use std::sync::Arc;

/// How much is logged; each level includes those before it. LKV_LOG_*.
pub type lkv_log_level = i32;
/// Nothing.
pub const LKV_LOG_OFF: lkv_log_level = 0;
/// What failed.
pub const LKV_LOG_ERROR: lkv_log_level = 1;
/// What is suspicious, or was dropped.
pub const LKV_LOG_WARN: lkv_log_level = 2;
/// Milestones.
pub const LKV_LOG_INFO: lkv_log_level = 3;
/// For developers of an application.
pub const LKV_LOG_DEBUG: lkv_log_level = 4;
/// For developers of the library; costs speed. Release builds log as much as LKV_LOG_DEBUG.
pub const LKV_LOG_TRACE: lkv_log_level = 5;

const LEVELS: [(lkv_log_level, Level); 6] = [
    (LKV_LOG_OFF, Level::Off),
    (LKV_LOG_ERROR, Level::Error),
    (LKV_LOG_WARN, Level::Warn),
    (LKV_LOG_INFO, Level::Info),
    (LKV_LOG_DEBUG, Level::Debug),
    (LKV_LOG_TRACE, Level::Trace),
];

/// Takes one record. `target` says which part of the library speaks; both strings are borrowed for the call. It is called on
/// any thread, also on several at once, and should be quick: the network may be waiting. What it does in the library is not
/// logged.
pub type lkv_log_callback = Option<
    unsafe extern "C" fn(level: lkv_log_level, target: *const c_char, message: *const c_char, user_data: *mut c_void),
>;

type Function = unsafe extern "C" fn(lkv_log_level, *const c_char, *const c_char, *mut c_void);

struct CSink {
    function: Function,
    user_data: UserData,
}

impl Sink for CSink {
    fn log(&self, level: Level, target: &str, message: &str) {
        let known = LEVELS.iter().find(|(_, known)| *known == level);
        let number = known.map_or(LKV_LOG_TRACE, |(number, _)| *number);
        let (target, message) = (c_string(target), c_string(message));
        // SAFETY: the function takes NUL-terminated strings and its own user_data.
        pass_free(|| unsafe { (self.function)(number, target.as_ptr(), message.as_ptr(), self.user_data.pointer()) });
    }
}

/// Sends what the library logs, up to `level`, to a function; NULL or LKV_LOG_OFF turns the log off, as it is at first.
/// When this returns, the function set before is not called any more, unless this is called from inside it.
///
/// \param level      LKV_LOG_*
/// \param callback   may be NULL
/// \param user_data  handed to `callback`; may be NULL
/// \param destroy    frees `user_data` after the last call, exactly once, also if this fails; may be NULL
///
/// Thread safety: any thread, any callback.
/// Ownership: the library keeps `user_data` until it calls `destroy`.
/// Errors: LKV_ERROR_INVALID_ARGUMENT; LKV_ERROR_BUSY if a Rust program round the library has its own logger.
/// Since: 0.1.
#[no_mangle]
pub unsafe extern "C" fn lkv_set_log_callback(
    level: lkv_log_level,
    callback: lkv_log_callback,
    user_data: *mut c_void,
    destroy: Option<unsafe extern "C" fn(user_data: *mut c_void)>,
) -> lkv_result {
    guard(|| {
        let user_data = UserData::new(user_data, destroy);
        let known = LEVELS.iter().find(|(number, _)| *number == level);
        let (_, level) = known.ok_or_else(|| Failure::invalid(format!("unknown log level {level}")))?;
        let sink = callback.map(|function| Arc::new(CSink { function, user_data }) as Arc<dyn Sink>);
        Ok(set_sink(*level, sink)?)
    })
}
