// SPDX-License-Identifier: Apache-2.0
//! What C gives for being called back: a function, its `user_data`, and how that is destroyed.
//!
//! [`UserData`] is owned by the Rust closure that calls the function. Whoever drops the closure (the driver after the last
//! call, or a registration that failed) runs the C destroy function: exactly once, after the last call, by ownership.

use super::gate::pass_free;
use std::ffi::{c_void, CString};

/// Frees what `user_data` points to.
pub(super) type Destroy = Option<unsafe extern "C" fn(user_data: *mut c_void)>;

/// The pointer that C wants back with each call.
pub(super) struct UserData {
    pointer: *mut c_void,
    destroy: Destroy,
}

// SAFETY: the header says that callbacks, their user_data and its destroy function are used from the library's threads;
// the library never follows the pointer.
unsafe impl Send for UserData {}
// SAFETY: as above; sharing it only copies the pointer.
unsafe impl Sync for UserData {}

impl UserData {
    pub fn new(pointer: *mut c_void, destroy: Destroy) -> Self {
        Self { pointer, destroy }
    }

    pub fn pointer(&self) -> *mut c_void {
        self.pointer
    }
}

impl Drop for UserData {
    fn drop(&mut self) {
        if let Some(destroy) = self.destroy {
            // SAFETY: the function and the pointer belong together, says the caller; this is its only call.
            pass_free(|| unsafe { destroy(self.pointer) });
        }
    }
}

/// Text for C. What is behind a NUL would be lost there, so that NULs are left out.
pub(super) fn c_string(text: impl Into<Vec<u8>>) -> CString {
    let mut bytes = text.into();
    bytes.retain(|byte| *byte != 0);
    CString::new(bytes).unwrap_or_default()
}
