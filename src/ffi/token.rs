// SPDX-License-Identifier: Apache-2.0
//! Access tokens for tests and demos.

use super::args::{self, c_structs};
use super::guard::guard;
use super::room::lkv_participant_kind;
use super::status::lkv_result;
use crate::driver::token::{TokenRequest, DEFAULT_TTL};
use crate::driver::ParticipantKind;
use std::ffi::c_char;
use std::time::Duration;

/// What a token says.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct lkv_token_options {
    /// sizeof(lkv_token_options).
    pub struct_size: u32,
    /// What the participant is: LKV_KIND_*. A receiver without a sender waits for an agent.
    pub kind: lkv_participant_kind,
    /// The API key, as in the server's configuration.
    pub api_key: *const c_char,
    /// Its secret.
    pub api_secret: *const c_char,
    /// Who the bearer is in the room.
    pub identity: *const c_char,
    /// A name for display; may be NULL.
    pub name: *const c_char,
    /// The room that may be joined.
    pub room: *const c_char,
    /// The application's; may be NULL.
    pub metadata: *const c_char,
    /// For how long the token can be used to join, in seconds; 0: 6 hours.
    pub ttl_seconds: u32,
    /// 0.
    pub reserved0: u32,
}

c_structs!(lkv_token_options);

/// Fills the options with their defaults. `size` is sizeof(lkv_token_options).
///
/// Thread safety: any thread, any callback. Errors: LKV_ERROR_INVALID_ARGUMENT. Since: 0.1.
#[no_mangle]
pub unsafe extern "C" fn lkv_token_options_init(options: *mut lkv_token_options, size: usize) -> lkv_result {
    // SAFETY: `options` has `size` bytes, says the caller.
    guard(|| unsafe { args::init(options, size) })
}

/// Makes an access token that lets its bearer join the room and send data. It is for tests, demos and single machines: in
/// production the secret stays on your server, which makes the tokens.
///
/// \param options  key, secret, identity and room must not be empty
/// \param buf      out: the token, NUL-terminated; may be NULL if `cap` is 0
/// \param cap      bytes of `buf`; 1024 is ample for short names
/// \param needed   out: bytes with the NUL, also if the buffer is too small; may be NULL
///
/// Thread safety: any thread, any callback.
/// Ownership: everything is copied.
/// Errors: LKV_ERROR_INVALID_ARGUMENT, LKV_ERROR_BUFFER_TOO_SMALL.
/// Since: 0.1.
#[no_mangle]
pub unsafe extern "C" fn lkv_token_create(
    options: *const lkv_token_options,
    buf: *mut c_char,
    cap: usize,
    needed: *mut usize,
) -> lkv_result {
    guard(|| {
        // SAFETY: `options` is NULL or valid, and so are its strings and the outputs, says the caller.
        unsafe {
            let options = args::read(options)?;
            let request = TokenRequest {
                api_key: args::text(options.api_key, "api_key")?,
                api_secret: args::text(options.api_secret, "api_secret")?,
                identity: args::text(options.identity, "identity")?,
                room: args::text(options.room, "room")?,
                name: args::optional_text(options.name, "name")?,
                metadata: args::optional_text(options.metadata, "metadata")?,
                kind: ParticipantKind::try_from(options.kind)?,
                ttl: match options.ttl_seconds {
                    0 => DEFAULT_TTL,
                    seconds => Duration::from_secs(seconds.into()),
                },
            };
            args::copy_out(&request.sign()?, buf, cap, needed)
        }
    })
}
