// SPDX-License-Identifier: Apache-2.0
//! What can go wrong in the driver, in the caller's terms.
//!
//! One small enum for the whole room; `ffi` maps it once to the numbered C results. Each variant that
//! carries text says what was refused and why, in words fit for an application's log.

/// A failed call, or the reason why a room could not connect.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DriverError {
    /// The object was closed, by its owner or for good by the other side.
    #[error("closed")]
    Closed,
    /// The time-out passed; with [`Wait::Try`](super::Wait::Try): not possible at once.
    #[error("timed out")]
    Timeout,
    /// An argument is out of its range.
    #[error("invalid argument: {0}")]
    InvalidArgument(String),
    /// This build or this transport cannot do it.
    #[error("unsupported: {0}")]
    Unsupported(String),
    /// Not a URL of a LiveKit server or a loopback room.
    #[error("unusable URL: {0}")]
    Url(String),
    /// The host name does not resolve.
    #[error("cannot resolve {0}")]
    Resolve(String),
    /// Nobody answers at that address, or the media connection cannot be established.
    #[error("unreachable: {0}")]
    Unreachable(String),
    /// TLS failed: an untrusted, expired or mismatched certificate, or bad roots.
    #[error("TLS: {0}")]
    Tls(String),
    /// The server refused the token.
    #[error("unauthorized: {0}")]
    Unauthorized(String),
    /// The server answered something unexpected.
    #[error("server: {0}")]
    Server(String),
    /// The room is not connected (yet).
    #[error("the room is not connected")]
    NotConnected,
    /// The destination is not in the room.
    #[error("{0} is not in the room")]
    NoDestination(String),
    /// There is one already.
    #[error("{0}")]
    Busy(String),
    /// Over a limit.
    #[error("too large: {0}")]
    TooLarge(String),
    /// The peer answered a remote call with an error.
    #[error("remote error {code}: {message}")]
    Rpc {
        /// LiveKit's code: 1400-1599 built in, others the application's.
        code: u32,
        /// The peer's text.
        message: String,
    },
    /// The peer answered `reject`: it does not take us for its counterpart.
    #[error("the peer rejected the call")]
    Rejected,
    /// No such thing.
    #[error("not found: {0}")]
    NotFound(String),
    /// The operating system refused.
    #[error("{0}")]
    Io(String),
    /// A fault of this library.
    #[error("internal: {0}")]
    Internal(String),
}

impl From<std::io::Error> for DriverError {
    fn from(e: std::io::Error) -> Self {
        Self::Io(e.to_string())
    }
}
