// SPDX-License-Identifier: Apache-2.0
//! Versions: of the header as constants, of the library as functions. Programs and bindings compare them at load.

use super::guard::guard_or;
use std::ffi::{c_char, CStr};

/// Version of this header, first number.
pub const LKV_VERSION_MAJOR: u32 = 0;
/// Version of this header, second number. While the first is 0, a change here may break.
pub const LKV_VERSION_MINOR: u32 = 1;
/// Version of this header, third number.
pub const LKV_VERSION_PATCH: u32 = 0;
/// Version of this header in one: major * 10000 + minor * 100 + patch.
pub const LKV_VERSION_NUMBER: u32 = LKV_VERSION_MAJOR * 10000 + LKV_VERSION_MINOR * 100 + LKV_VERSION_PATCH;
/// Version of the binary interface of this header: programs and libraries of different ones do not fit.
pub const LKV_ABI_VERSION: u32 = 1;

const VERSION: &CStr = match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
    Ok(version) => version,
    Err(_) => panic!("a version without NUL"),
};

/// The version of the library that is loaded, as in "0.1.0".
///
/// Thread safety: any thread, any callback. Ownership: static, never freed. Since: 0.1.
#[no_mangle]
pub extern "C" fn lkv_version_string() -> *const c_char {
    VERSION.as_ptr()
}

/// The version of the library that is loaded, as LKV_VERSION_NUMBER is made.
///
/// Thread safety: any thread, any callback. Since: 0.1.
#[no_mangle]
pub extern "C" fn lkv_version_number() -> u32 {
    LKV_VERSION_NUMBER
}

/// The binary interface of the library that is loaded: compare it with LKV_ABI_VERSION.
///
/// Thread safety: any thread, any callback. Since: 0.1.
#[no_mangle]
pub extern "C" fn lkv_abi_version() -> u32 {
    LKV_ABI_VERSION
}

/// Closes every room of the process, and with them their receivers and outputs, as before the library is unloaded. Their
/// handles still want to be destroyed.
///
/// Thread safety: any thread. It waits for callbacks of rooms under way, unless it is called inside a callback; not in log
/// and release callbacks. Since: 0.1.
#[no_mangle]
pub extern "C" fn lkv_shutdown_all() {
    guard_or((), crate::driver::shutdown_all);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_the_manifest() {
        let numbers = format!("{LKV_VERSION_MAJOR}.{LKV_VERSION_MINOR}.{LKV_VERSION_PATCH}");
        assert_eq!(numbers, env!("CARGO_PKG_VERSION"));
        assert_eq!(LKV_VERSION_NUMBER, 100);
        assert_eq!(VERSION.to_str(), Ok(env!("CARGO_PKG_VERSION")));
    }
}
