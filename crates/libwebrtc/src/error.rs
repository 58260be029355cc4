// SPDX-License-Identifier: Apache-2.0
//! `RtcError`: the one error of peer connections, and how the errors of `rtc-data` map onto it.

/// The coarse kinds `livekit` tells apart.
#[derive(Debug, Copy, Clone, PartialEq, Eq)]
pub enum RtcErrorType {
    /// Anything without a kind of its own, and everything this build does not support.
    Internal,
    /// A session description was refused.
    InvalidSdp,
    /// The call does not fit the state of the connection.
    InvalidState,
}

/// Why a call on a peer connection failed.
#[derive(thiserror::Error, Debug)]
#[error("an RtcError occurred: {error_type:?} - {message}")]
pub struct RtcError {
    /// The kind.
    pub error_type: RtcErrorType,
    /// For people.
    pub message: String,
}

impl RtcError {
    pub(crate) fn unsupported(what: &str) -> Self {
        Self { error_type: RtcErrorType::Internal, message: format!("{what}: this build carries data channels only") }
    }
}

impl From<rtc_data::Error> for RtcError {
    fn from(error: rtc_data::Error) -> Self {
        use rtc_data::Error;
        let error_type = match error {
            Error::Sdp(_) => RtcErrorType::InvalidSdp,
            Error::Closed | Error::NotOpen => RtcErrorType::InvalidState,
            _ => RtcErrorType::Internal,
        };
        Self { error_type, message: error.to_string() }
    }
}
