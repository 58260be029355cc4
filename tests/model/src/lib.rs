// SPDX-License-Identifier: Apache-2.0
//! Every interleaving of the callback gate and of the handles that stand on it: the files that ship, on loom's locks
//! and threads instead of the system's. What is shown is in the heads of `gate_tests` and `handle_tests`.
//!
//! Beside them stands what these files use of the rest of `src/ffi` and of the driver, no more than that.
#![cfg(test)]

#[path = "../../../src/ffi/gate.rs"]
mod gate;
#[allow(dead_code, reason = "time-outs are for the driver")]
#[path = "../../../src/ffi/handle.rs"]
mod handle;

mod gate_tests;
mod handle_tests;
mod sync;

mod args {
    use crate::status::Outcome;
    use loom::sync::atomic::{AtomicUsize, Ordering};

    loom::lazy_static! {
        /// How many handles C has been given: loom does not watch C's variables.
        pub static ref PUT: AtomicUsize = AtomicUsize::new(0);
    }

    pub fn check<T>(pointer: *const T, _: &str) -> Outcome {
        assert!(!pointer.is_null());
        Ok(())
    }

    pub unsafe fn put<T>(out: *mut T, value: T) {
        // SAFETY: as in the original.
        unsafe { out.write(value) };
        PUT.fetch_add(1, Ordering::SeqCst);
    }
}

mod room {
    pub const LKV_FOREVER: i32 = -1;
}

mod status {
    pub const LKV_ERROR_PANIC: i32 = -1;
    pub const LKV_ERROR_WOULD_DEADLOCK: i32 = -2;

    #[derive(Debug)]
    pub struct Failure;
    pub type Outcome<T = ()> = Result<T, Failure>;

    impl Failure {
        pub fn new(_: i32, _: &str) -> Self {
            Self
        }

        pub fn invalid(_: String) -> Self {
            Self
        }
    }
}

mod driver {
    pub struct Wait;

    impl From<i32> for Wait {
        fn from(_: i32) -> Self {
            Self
        }
    }
}
