// SPDX-License-Identifier: Apache-2.0
//! Errors as C sees them: stable numbers, their names, and the text of the last failure of each thread.
//!
//! [`Failure`] is what every exported function returns inside; [`Failure::report`] turns it into the number and leaves the
//! text for `lkv_last_error_message`. The numbers are never reused: a retired one stays in the list.

use super::args;
use crate::driver::DriverError;
use crate::driver::ErrorKind;
use crate::frame::FrameError;
use std::borrow::Cow;
use std::cell::RefCell;
use std::ffi::{c_char, CStr};

/// What a function says: LKV_OK or one of the negative LKV_ERROR_* numbers, which are stable and never reused.
pub type lkv_result = i32;

/// Done.
pub const LKV_OK: lkv_result = 0;
/// An argument is NULL, not UTF-8, out of range, or a struct_size makes no sense.
pub const LKV_ERROR_INVALID_ARGUMENT: lkv_result = -1;
/// The object was closed, by us or for good by the other side.
pub const LKV_ERROR_CLOSED: lkv_result = -2;
/// The time-out passed; with time-out 0: nothing there, or no room in the queue.
pub const LKV_ERROR_TIMEOUT: lkv_result = -3;
/// The buffer is too small; `*needed` says how many bytes it takes.
pub const LKV_ERROR_BUFFER_TOO_SMALL: lkv_result = -4;
/// Unknown pixel type, or the transport or the peer cannot do it.
pub const LKV_ERROR_UNSUPPORTED: lkv_result = -5;
/// Not a URL of a LiveKit server or a loopback room.
pub const LKV_ERROR_URL: lkv_result = -6;
/// The host name does not resolve.
pub const LKV_ERROR_RESOLVE: lkv_result = -7;
/// Nobody answers there, or the media connection cannot be established.
pub const LKV_ERROR_UNREACHABLE: lkv_result = -8;
/// TLS failed: a certificate that is not trusted, expired or for another name; or bad roots.
pub const LKV_ERROR_TLS: lkv_result = -9;
/// The server refused the token.
pub const LKV_ERROR_UNAUTHORIZED: lkv_result = -10;
/// The server answered something unexpected.
pub const LKV_ERROR_SERVER: lkv_result = -11;
/// The room is not connected, or not yet.
pub const LKV_ERROR_NOT_CONNECTED: lkv_result = -12;
/// The destination is not in the room.
pub const LKV_ERROR_NO_DESTINATION: lkv_result = -13;
/// There is one already: a receiver of that sender, an output to that destination, a handler of that method.
pub const LKV_ERROR_BUSY: lkv_result = -14;
/// Over a limit, as of a frame or a payload.
pub const LKV_ERROR_TOO_LARGE: lkv_result = -15;
/// The peer answered an RPC with an error, or did not answer.
pub const LKV_ERROR_RPC: lkv_result = -16;
/// The peer answered `reject`: it does not take us for its counterpart, or has another.
pub const LKV_ERROR_REJECTED: lkv_result = -17;
/// No such listener, segment, method or participant.
pub const LKV_ERROR_NOT_FOUND: lkv_result = -18;
/// The operating system refused, as with a file.
pub const LKV_ERROR_IO: lkv_result = -19;
/// A fault of the library.
pub const LKV_ERROR_INTERNAL: lkv_result = -20;
/// A fault of the library was caught half-way: the handle says this from now on and can only be destroyed.
pub const LKV_ERROR_PANIC: lkv_result = -21;
/// A call that waits, inside a callback of the same object: it would wait for itself.
pub const LKV_ERROR_WOULD_DEADLOCK: lkv_result = -22;

const NAMES: [(lkv_result, &CStr); 23] = [
    (LKV_OK, c"LKV_OK"),
    (LKV_ERROR_INVALID_ARGUMENT, c"LKV_ERROR_INVALID_ARGUMENT"),
    (LKV_ERROR_CLOSED, c"LKV_ERROR_CLOSED"),
    (LKV_ERROR_TIMEOUT, c"LKV_ERROR_TIMEOUT"),
    (LKV_ERROR_BUFFER_TOO_SMALL, c"LKV_ERROR_BUFFER_TOO_SMALL"),
    (LKV_ERROR_UNSUPPORTED, c"LKV_ERROR_UNSUPPORTED"),
    (LKV_ERROR_URL, c"LKV_ERROR_URL"),
    (LKV_ERROR_RESOLVE, c"LKV_ERROR_RESOLVE"),
    (LKV_ERROR_UNREACHABLE, c"LKV_ERROR_UNREACHABLE"),
    (LKV_ERROR_TLS, c"LKV_ERROR_TLS"),
    (LKV_ERROR_UNAUTHORIZED, c"LKV_ERROR_UNAUTHORIZED"),
    (LKV_ERROR_SERVER, c"LKV_ERROR_SERVER"),
    (LKV_ERROR_NOT_CONNECTED, c"LKV_ERROR_NOT_CONNECTED"),
    (LKV_ERROR_NO_DESTINATION, c"LKV_ERROR_NO_DESTINATION"),
    (LKV_ERROR_BUSY, c"LKV_ERROR_BUSY"),
    (LKV_ERROR_TOO_LARGE, c"LKV_ERROR_TOO_LARGE"),
    (LKV_ERROR_RPC, c"LKV_ERROR_RPC"),
    (LKV_ERROR_REJECTED, c"LKV_ERROR_REJECTED"),
    (LKV_ERROR_NOT_FOUND, c"LKV_ERROR_NOT_FOUND"),
    (LKV_ERROR_IO, c"LKV_ERROR_IO"),
    (LKV_ERROR_INTERNAL, c"LKV_ERROR_INTERNAL"),
    (LKV_ERROR_PANIC, c"LKV_ERROR_PANIC"),
    (LKV_ERROR_WOULD_DEADLOCK, c"LKV_ERROR_WOULD_DEADLOCK"),
];

/// A failed call: its number and its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    pub result: lkv_result,
    pub message: Cow<'static, str>,
}

/// How every exported function ends inside.
pub(super) type Outcome<T = ()> = Result<T, Failure>;

impl Failure {
    pub fn new(result: lkv_result, message: impl Into<Cow<'static, str>>) -> Self {
        Self { result, message: message.into() }
    }

    pub fn invalid(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(LKV_ERROR_INVALID_ARGUMENT, message)
    }

    /// Leaves the text for `lkv_last_error_message` and gives the number.
    pub fn report(self) -> lkv_result {
        // A thread that is ending has no text any more, and nobody to ask for it.
        let _ = LAST_ERROR.try_with(|last| *last.borrow_mut() = self.message);
        self.result
    }
}

impl From<DriverError> for Failure {
    fn from(error: DriverError) -> Self {
        Self::new(result_of(&error), error.to_string())
    }
}

impl From<FrameError> for Failure {
    fn from(error: FrameError) -> Self {
        let result = match error {
            FrameError::UnknownType(_) | FrameError::UnknownName(_) => LKV_ERROR_UNSUPPORTED,
            FrameError::Dimensions { .. }
            | FrameError::WrongSize { .. }
            | FrameError::PlaneCount { .. }
            | FrameError::ShortStride { .. }
            | FrameError::ShortPlane { .. } => LKV_ERROR_INVALID_ARGUMENT,
        };
        Self::new(result, error.to_string())
    }
}

/// The one map from the driver's errors to numbers.
pub(super) fn result_of(error: &DriverError) -> lkv_result {
    match error {
        DriverError::Closed => LKV_ERROR_CLOSED,
        DriverError::Timeout => LKV_ERROR_TIMEOUT,
        DriverError::InvalidArgument(_) => LKV_ERROR_INVALID_ARGUMENT,
        DriverError::Unsupported(_) => LKV_ERROR_UNSUPPORTED,
        DriverError::Url(_) => LKV_ERROR_URL,
        DriverError::Resolve(_) => LKV_ERROR_RESOLVE,
        DriverError::Unreachable(_) => LKV_ERROR_UNREACHABLE,
        DriverError::Tls(_) => LKV_ERROR_TLS,
        DriverError::Unauthorized(_) => LKV_ERROR_UNAUTHORIZED,
        DriverError::Server(_) => LKV_ERROR_SERVER,
        DriverError::NotConnected => LKV_ERROR_NOT_CONNECTED,
        DriverError::NoDestination(_) => LKV_ERROR_NO_DESTINATION,
        DriverError::Busy(_) => LKV_ERROR_BUSY,
        DriverError::TooLarge(_) => LKV_ERROR_TOO_LARGE,
        DriverError::Rpc { .. } => LKV_ERROR_RPC,
        DriverError::Rejected => LKV_ERROR_REJECTED,
        DriverError::NotFound(_) => LKV_ERROR_NOT_FOUND,
        DriverError::Io(_) => LKV_ERROR_IO,
        DriverError::Internal(_) => LKV_ERROR_INTERNAL,
    }
}

/// The number in an `ERROR` event.
pub(super) fn result_of_kind(kind: ErrorKind) -> lkv_result {
    match kind {
        ErrorKind::BadStream | ErrorKind::Unsupported => LKV_ERROR_UNSUPPORTED,
        ErrorKind::Refused => LKV_ERROR_REJECTED,
        ErrorKind::FrameTooLarge | ErrorKind::TooManySegments => LKV_ERROR_TOO_LARGE,
        ErrorKind::Transport => LKV_ERROR_IO,
        ErrorKind::Rpc => LKV_ERROR_RPC,
    }
}

thread_local! {
    static LAST_ERROR: RefCell<Cow<'static, str>> = const { RefCell::new(Cow::Borrowed("")) };
}

/// The name of a result, as in "LKV_ERROR_TIMEOUT"; "LKV_ERROR_UNKNOWN" for a number that is none. Never NULL.
///
/// Thread safety: any thread, any callback. Ownership: static, never freed. Since: 0.1.
#[no_mangle]
pub extern "C" fn lkv_result_name(result: lkv_result) -> *const c_char {
    let known = NAMES.iter().find(|(number, _)| *number == result);
    known.map_or(c"LKV_ERROR_UNKNOWN", |(_, name)| name).as_ptr()
}

/// Copies the text of the last failure on the calling thread into `buf`, always NUL-terminated if `cap` is not 0; a longer
/// text is cut. It is valid right after a function has failed on the same thread; success does not erase it.
///
/// \param buf     may be NULL if `cap` is 0
/// \param cap     bytes of `buf`
/// \param needed  out: bytes of the whole text with its NUL; may be NULL
///
/// Thread safety: any thread, any callback; the text is the thread's own.
/// Ownership: the text is copied.
/// Errors: LKV_ERROR_BUFFER_TOO_SMALL if it was cut, LKV_ERROR_INVALID_ARGUMENT if `buf` is NULL and `cap` is not 0. Neither
/// changes the text.
/// Since: 0.1.
#[no_mangle]
pub unsafe extern "C" fn lkv_last_error_message(buf: *mut c_char, cap: usize, needed: *mut usize) -> lkv_result {
    let message = LAST_ERROR.try_with(|last| last.borrow().clone()).unwrap_or_default();
    // SAFETY: `buf` has `cap` bytes and `needed` is NULL or valid, says the caller.
    match unsafe { args::copy_out_cut(&message, buf, cap, needed) } {
        Ok(()) => LKV_OK,
        Err(failure) => failure.result,
    }
}
