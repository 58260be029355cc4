// SPDX-License-Identifier: Apache-2.0
//! Remote calls: what a method handler gets, and what a failed call says.
//!
//! Codes are LiveKit's (RPC documentation): 1400-1599 built in, others the application's.

use super::DriverError;
use tokio::sync::oneshot;

/// The method is not known here.
pub(super) const UNSUPPORTED_METHOD: u32 = 1400;
/// The destination is not in the room.
pub(super) const RECIPIENT_NOT_FOUND: u32 = 1401;
/// The request is larger than a peer of the first protocol version takes.
pub(super) const REQUEST_TOO_LARGE: u32 = 1402;
/// The handler failed.
pub(super) const APPLICATION_ERROR: u32 = 1500;
/// The call did not reach its destination in time.
pub(super) const CONNECTION_TIMEOUT: u32 = 1501;
/// No answer in time.
pub(super) const RESPONSE_TIMEOUT: u32 = 1502;
/// The destination left before it answered.
pub(super) const RECIPIENT_DISCONNECTED: u32 = 1503;

/// Longest payload of a call or an answer, in bytes (LiveKit's limit for RPC).
pub const MAX_PAYLOAD_BYTES: usize = 15 * 1024;

/// A failed call, as it travels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RpcFailure {
    pub code: u32,
    pub message: String,
}

impl RpcFailure {
    pub fn new(code: u32, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

impl From<RpcFailure> for DriverError {
    fn from(failure: RpcFailure) -> Self {
        match failure.code {
            RECIPIENT_NOT_FOUND | RECIPIENT_DISCONNECTED => Self::NoDestination(failure.message),
            REQUEST_TOO_LARGE => Self::TooLarge(failure.message),
            CONNECTION_TIMEOUT | RESPONSE_TIMEOUT => Self::Timeout,
            code => Self::Rpc { code, message: failure.message },
        }
    }
}

/// Runs a method; called on the room's dispatch thread.
pub type RpcHandler = Box<dyn FnMut(RpcInvocation) + Send>;

/// A call from a remote participant, to be answered once, now or later, from any thread. Dropped unanswered it
/// tells the caller that the handler failed.
#[derive(Debug)]
pub struct RpcInvocation {
    caller: String,
    payload: String,
    answer: oneshot::Sender<Result<String, RpcFailure>>,
}

impl RpcInvocation {
    pub(super) fn new(caller: String, payload: String) -> (Self, oneshot::Receiver<Result<String, RpcFailure>>) {
        let (answer, answered) = oneshot::channel();
        (Self { caller, payload, answer }, answered)
    }

    /// The caller's identity.
    pub fn caller(&self) -> &str {
        &self.caller
    }

    /// What the caller sent.
    pub fn payload(&self) -> &str {
        &self.payload
    }

    /// Answers.
    ///
    /// # Errors
    /// [`DriverError::TooLarge`] over [`MAX_PAYLOAD_BYTES`]; [`DriverError::Closed`] if nobody waits any more.
    pub fn answer(self, payload: String) -> Result<(), DriverError> {
        if payload.len() > MAX_PAYLOAD_BYTES {
            let text = format!("an answer of {} bytes (at most {MAX_PAYLOAD_BYTES})", payload.len());
            self.fail(APPLICATION_ERROR, "the answer is too large")?;
            return Err(DriverError::TooLarge(text));
        }
        self.answer.send(Ok(payload)).map_err(|_| DriverError::Closed)
    }

    /// Answers with an error.
    ///
    /// # Errors
    /// [`DriverError::Closed`] if nobody waits any more.
    pub fn fail(self, code: u32, message: &str) -> Result<(), DriverError> {
        self.answer.send(Err(RpcFailure::new(code, message))).map_err(|_| DriverError::Closed)
    }
}
