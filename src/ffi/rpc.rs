// SPDX-License-Identifier: Apache-2.0
//! Remote calls for the application's own use: perform one, answer one.

use super::args::{self, c_structs, check, CStruct};
use super::callback::{c_string, Destroy, UserData};
use super::gate::Gate;
use super::guard::guard;
use super::handle;
use super::room::lkv_room;
use super::status::{lkv_result, result_of, Failure, Outcome, LKV_ERROR_RPC, LKV_OK};
use crate::driver::{DriverError, RpcInvocation};
use std::ffi::{c_char, c_void};
use std::sync::Arc;

/// A remote call that came in and waits for its answer.
pub struct lkv_rpc_invocation {
    _opaque: [u8; 0],
}

/// How a remote call of ours went.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct lkv_rpc_result {
    /// sizeof(lkv_rpc_result) of the library.
    pub struct_size: u32,
    /// LKV_OK; LKV_ERROR_RPC if the peer answered with an error; or why there is no answer.
    pub result: lkv_result,
    /// The peer's code, with LKV_ERROR_RPC.
    pub rpc_code: u32,
    /// 0.
    pub reserved0: u32,
    /// The answer, or the error's text; borrowed for the call.
    pub payload: *const c_char,
}

/// A function that the room calls on its own thread when the answer is there.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct lkv_rpc_callbacks {
    /// sizeof(lkv_rpc_callbacks).
    pub struct_size: u32,
    /// 0.
    pub reserved0: u32,
    /// Takes the result, borrowed for the call: once, unless the room is destroyed before.
    pub on_result: Option<unsafe extern "C" fn(result: *const lkv_rpc_result, user_data: *mut c_void)>,
    /// Handed to `on_result`; may be NULL.
    pub user_data: *mut c_void,
    /// Frees `user_data`: exactly once, after the callback, also if the call cannot be made. May be NULL.
    pub destroy: Option<unsafe extern "C" fn(user_data: *mut c_void)>,
}

/// A function that the room calls on its own thread for each remote call of a method.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct lkv_rpc_method {
    /// sizeof(lkv_rpc_method).
    pub struct_size: u32,
    /// 0.
    pub reserved0: u32,
    /// Takes one remote call. The invocation is owned: answer it once, with lkv_rpc_invocation_answer or
    /// lkv_rpc_invocation_fail, now or later, on any thread. The strings are borrowed for the call.
    pub on_invocation: Option<
        unsafe extern "C" fn(
            invocation: *mut lkv_rpc_invocation,
            caller: *const c_char,
            payload: *const c_char,
            user_data: *mut c_void,
        ),
    >,
    /// Handed to `on_invocation`; may be NULL.
    pub user_data: *mut c_void,
    /// Frees `user_data`: exactly once, after the last callback, also if the registration fails. May be NULL.
    pub destroy: Option<unsafe extern "C" fn(user_data: *mut c_void)>,
}

c_structs!(lkv_rpc_result, lkv_rpc_callbacks, lkv_rpc_method);

type OnResult = unsafe extern "C" fn(*const lkv_rpc_result, *mut c_void);
type OnInvocation = unsafe extern "C" fn(*mut lkv_rpc_invocation, *const c_char, *const c_char, *mut c_void);

/// Whoever waits for an answer. Dropping it destroys the user data.
struct Caller {
    on_result: Option<OnResult>,
    user_data: UserData,
}

impl Caller {
    unsafe fn read(callbacks: *const lkv_rpc_callbacks) -> Outcome<Self> {
        // SAFETY: as the caller says.
        let given = unsafe { args::read_optional(callbacks) }?.unwrap_or(lkv_rpc_callbacks::empty());
        let user_data = UserData::new(given.user_data, given.destroy);
        if !callbacks.is_null() && given.on_result.is_none() {
            return Err(Failure::invalid("on_result is NULL"));
        }
        Ok(Self { on_result: given.on_result, user_data })
    }

    fn call(&self, answer: Result<String, DriverError>) {
        let Some(on_result) = self.on_result else { return };
        let (result, rpc_code, text) = match answer {
            Ok(payload) => (LKV_OK, 0, payload),
            Err(DriverError::Rpc { code, message }) => (LKV_ERROR_RPC, code, message),
            Err(error) => (result_of(&error), 0, error.to_string()),
        };
        let payload = c_string(text);
        let result = lkv_rpc_result { result, rpc_code, payload: payload.as_ptr(), ..lkv_rpc_result::empty() };
        // SAFETY: the function borrows the result and gets its own user_data.
        unsafe { on_result(&result, self.user_data.pointer()) };
    }
}

/// Whoever answers the calls of a method. Dropping it destroys the user data.
struct Method {
    on_invocation: OnInvocation,
    user_data: UserData,
}

impl Method {
    fn new(on_invocation: Option<OnInvocation>, user_data: *mut c_void, destroy: Destroy) -> Outcome<Self> {
        let user_data = UserData::new(user_data, destroy);
        let on_invocation = on_invocation.ok_or_else(|| Failure::invalid("on_invocation is NULL"))?;
        Ok(Self { on_invocation, user_data })
    }

    fn into_handler(self, gate: Arc<Gate>) -> Box<dyn FnMut(RpcInvocation) + Send> {
        Box::new(move |invocation| {
            gate.pass(|| self.call(invocation));
        })
    }

    fn call(&self, invocation: RpcInvocation) {
        let (caller, payload) = (c_string(invocation.caller()), c_string(invocation.payload()));
        let invocation = Box::into_raw(Box::new(invocation)).cast();
        // SAFETY: the function owns the invocation, borrows the strings and gets its own user_data.
        unsafe { (self.on_invocation)(invocation, caller.as_ptr(), payload.as_ptr(), self.user_data.pointer()) };
    }
}

/// Calls a method of a participant and returns at once.
///
/// \param destination  identity of the participant
/// \param method       its name; those of the library are refused
/// \param payload      text of the application, at most 15 KiB
/// \param timeout_ms   milliseconds until the answer must be there, not 0; LKV_FOREVER: as long as LiveKit lets calls take
/// \param callbacks    copied; NULL: nobody wants the answer
///
/// Thread safety: any thread, any callback.
/// Ownership: strings are copied; the library keeps `user_data` until it calls `destroy`.
/// Errors: LKV_ERROR_NOT_CONNECTED, LKV_ERROR_TOO_LARGE, LKV_ERROR_CLOSED, LKV_ERROR_INVALID_ARGUMENT; others come with the
/// result.
/// Since: 0.1.
#[no_mangle]
pub unsafe extern "C" fn lkv_room_perform_rpc(
    room: *mut lkv_room,
    destination: *const c_char,
    method: *const c_char,
    payload: *const c_char,
    timeout_ms: i32,
    callbacks: *const lkv_rpc_callbacks,
) -> lkv_result {
    guard(|| {
        // SAFETY: `callbacks` is NULL or valid, says the caller. Read first: its user data is ours from here on.
        let caller = unsafe { Caller::read(callbacks) }?;
        // SAFETY: `room` is NULL or a live handle, says the caller.
        let room = unsafe { handle::enter(room) }?;
        // SAFETY: C strings, says the caller.
        let (destination, method, payload) = unsafe {
            (args::text(destination, "destination")?, args::text(method, "method")?, args::text(payload, "payload")?)
        };
        let patience = handle::wait(timeout_ms)?;
        let gate = room.gate();
        let done = Box::new(move |answer| {
            gate.pass(|| caller.call(answer));
        });
        Ok(room.perform_rpc(destination, method, payload.to_owned(), patience, done)?)
    })
}

/// Answers the calls of a method, by whomever.
///
/// \param method   its name; those of the library are refused
/// \param handler  copied
///
/// Thread safety: any thread, any callback.
/// Ownership: the library keeps `user_data` until it calls `destroy`.
/// Errors: LKV_ERROR_BUSY if the method has a handler, LKV_ERROR_CLOSED, LKV_ERROR_INVALID_ARGUMENT.
/// Since: 0.1.
#[no_mangle]
pub unsafe extern "C" fn lkv_room_register_rpc_method(
    room: *mut lkv_room,
    method: *const c_char,
    handler: *const lkv_rpc_method,
) -> lkv_result {
    guard(|| {
        // SAFETY: `handler` is NULL or valid, says the caller. Read first: its user data is ours from here on.
        let given = unsafe { args::read(handler) }?;
        let handler = Method::new(given.on_invocation, given.user_data, given.destroy)?;
        // SAFETY: `room` is NULL or a live handle, says the caller.
        let room = unsafe { handle::enter(room) }?;
        // SAFETY: `method` is NULL or a C string, says the caller.
        let method = unsafe { args::text(method, "method") }?;
        Ok(room.register_rpc_method(method, handler.into_handler(room.gate()))?)
    })
}

/// Answers the calls of a method no more. Calls that came before are still handed to the handler, and those it has taken can
/// be answered; its `destroy` runs after the last, soon and without waiting here.
///
/// Thread safety: any thread, any callback.
/// Errors: LKV_ERROR_NOT_FOUND, LKV_ERROR_INVALID_ARGUMENT.
/// Since: 0.1.
#[no_mangle]
pub unsafe extern "C" fn lkv_room_unregister_rpc_method(room: *mut lkv_room, method: *const c_char) -> lkv_result {
    guard(|| {
        // SAFETY: `room` is NULL or a live handle, says the caller.
        let room = unsafe { handle::enter(room) }?;
        // SAFETY: `method` is NULL or a C string, says the caller.
        let method = unsafe { args::text(method, "method") }?;
        Ok(room.unregister_rpc_method(method)?)
    })
}

/// Answers a remote call.
///
/// \param payload  text of the application, at most 15 KiB
///
/// Thread safety: any thread, any callback, also when the room is gone.
/// Ownership: takes the invocation, also if this fails: the peer then gets an error.
/// Errors: LKV_ERROR_TOO_LARGE, LKV_ERROR_CLOSED, LKV_ERROR_INVALID_ARGUMENT.
/// Since: 0.1.
#[no_mangle]
pub unsafe extern "C" fn lkv_rpc_invocation_answer(
    invocation: *mut lkv_rpc_invocation,
    payload: *const c_char,
) -> lkv_result {
    guard(|| {
        // SAFETY: an invocation that C owns, or NULL, says the caller.
        let invocation = unsafe { take(invocation) }?;
        // SAFETY: `payload` is NULL or a C string, says the caller.
        let payload = unsafe { args::text(payload, "payload") }?;
        Ok(invocation.answer(payload.to_owned())?)
    })
}

/// Answers a remote call with an error.
///
/// \param code     the application's; 1400 to 1599 are LiveKit's
/// \param message  text for the peer; may be NULL
///
/// Thread safety: any thread, any callback, also when the room is gone.
/// Ownership: takes the invocation, also if this fails.
/// Errors: LKV_ERROR_CLOSED, LKV_ERROR_INVALID_ARGUMENT.
/// Since: 0.1.
#[no_mangle]
pub unsafe extern "C" fn lkv_rpc_invocation_fail(
    invocation: *mut lkv_rpc_invocation,
    code: u32,
    message: *const c_char,
) -> lkv_result {
    guard(|| {
        // SAFETY: an invocation that C owns, or NULL, says the caller.
        let invocation = unsafe { take(invocation) }?;
        // SAFETY: `message` is NULL or a C string, says the caller.
        let message = unsafe { args::optional_text(message, "message") }?;
        Ok(invocation.fail(code, message.unwrap_or_default())?)
    })
}

unsafe fn take(invocation: *mut lkv_rpc_invocation) -> Outcome<Box<RpcInvocation>> {
    let invocation: *mut RpcInvocation = invocation.cast();
    check(invocation, "invocation")?;
    // SAFETY: not NULL; made by `Method::call`, and given up here, says the caller.
    Ok(unsafe { Box::from_raw(invocation) })
}
