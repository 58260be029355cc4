// SPDX-License-Identifier: Apache-2.0
//! What the calls of `c_api` lend to the library and get from it: structs, user data, pixels, callbacks.
//!
//! Invariant: what is lent stays where it is until it was given back, which happens once; no callback comes later.

use std::ffi::{c_char, c_void};
use std::mem::{size_of, MaybeUninit};
use std::sync::atomic::{AtomicU32, Ordering};

use lkvideo::ffi::event::lkv_event;
use lkvideo::ffi::frame::*;
use lkvideo::ffi::room::lkv_participant;
use lkvideo::ffi::room_event::lkv_room_event;
use lkvideo::ffi::rpc::*;
use lkvideo::ffi::status::*;
use lkvideo_fuzz::Input;

/// Most bytes that a struct of C may say it has.
pub const MAX_STRUCT: usize = 4096;
/// Where frames have their pixels: nothing writes there.
pub static PIXELS: [u8; 64 << 10] = [PIXEL; 64 << 10];
const PIXEL: u8 = 0x5a;

/// A struct of C in as much memory as it may claim.
#[repr(C, align(16))]
pub struct Roomy<T> {
    /// The struct.
    pub value: T,
    behind: [u8; MAX_STRUCT],
}

impl<T> Roomy<T> {
    /// Zeros, and a size: mostly the right one.
    pub fn new(input: &mut Input) -> Box<Self> {
        // SAFETY: structs of C are integers, pointers and optional functions: zero is a value of each.
        let mut this: Box<Self> = Box::new(unsafe { MaybeUninit::zeroed().assume_init() });
        let size = match input.u8() {
            0xff => input.u32(),
            0xfe => u32::from(input.u16()) % 512,
            0xfd => {
                this.behind[usize::from(input.u8())] = 1;
                size_of::<T>() as u32 + 64
            }
            _ => size_of::<T>() as u32,
        };
        this.set_size(size);
        this
    }

    fn set_size(&mut self, size: u32) {
        // SAFETY: each begins with its size.
        unsafe { (&raw mut self.value).cast::<u32>().write(size) };
    }

    /// Whether every field is within the size, and nothing unknown behind.
    pub fn is_whole(&self) -> bool {
        // SAFETY: as above.
        let size = unsafe { (&raw const self.value).cast::<u32>().read() } as usize;
        let behind = self.behind.get(..size.saturating_sub(size_of::<T>()));
        size <= MAX_STRUCT && size >= size_of::<T>() && behind.is_some_and(|bytes| bytes.iter().all(|b| *b == 0))
    }
}

/// Something lent to the library, which says when it is given back.
#[derive(Default)]
pub struct Loan {
    /// How often it was.
    pub given_back: AtomicU32,
    /// Whether it has to be, at the latest when everything is destroyed.
    pub due: bool,
}

/// Gives a loan back.
pub const GIVE_BACK: Option<unsafe extern "C" fn(*mut c_void)> = Some(give_back);

unsafe extern "C" fn give_back(user_data: *mut c_void) {
    // SAFETY: each loan outlives the objects of its input.
    let loan = unsafe { &*user_data.cast::<Loan>() };
    assert_eq!(loan.given_back.fetch_add(1, Ordering::Relaxed), 0, "given back twice");
}

/// A callback of receivers and listeners.
pub unsafe extern "C" fn on_event(event: *const lkv_event, user_data: *mut c_void) {
    // SAFETY: borrowed for the call.
    let (event, loan) = unsafe { (&*event, &*user_data.cast::<Loan>()) };
    assert_eq!(loan.given_back.load(Ordering::Relaxed), 0, "called after its end");
    if !event.frame.is_null() {
        // SAFETY: as above.
        unsafe { look_at(event.frame) };
    }
}

/// A callback of rooms.
pub unsafe extern "C" fn on_room_event(_event: *const lkv_room_event, user_data: *mut c_void) {
    // SAFETY: as above.
    let loan = unsafe { &*user_data.cast::<Loan>() };
    assert_eq!(loan.given_back.load(Ordering::Relaxed), 0, "called after its end");
}

/// A callback of calls of ours.
pub unsafe extern "C" fn on_result(_result: *const lkv_rpc_result, user_data: *mut c_void) {
    // SAFETY: as above.
    let loan = unsafe { &*user_data.cast::<Loan>() };
    assert_eq!(loan.given_back.load(Ordering::Relaxed), 0, "called after its end");
}

/// A method: it answers by the first byte of the payload.
pub unsafe extern "C" fn on_invocation(
    invocation: *mut lkv_rpc_invocation,
    _caller: *const c_char,
    payload: *const c_char,
    _user_data: *mut c_void,
) {
    // SAFETY: the invocation is ours, the payload is text.
    let result = unsafe {
        match *payload as u8 % 2 {
            0 => lkv_rpc_invocation_answer(invocation, payload),
            _ => lkv_rpc_invocation_fail(invocation, 7, payload),
        }
    };
    assert_ne!(result, LKV_ERROR_PANIC);
}

/// Counts participants.
pub unsafe extern "C" fn on_participant(participant: *const lkv_participant, count: *mut c_void) {
    // SAFETY: borrowed for the call; the count is the caller's.
    unsafe {
        assert!(!(*participant).identity.is_null());
        *count.cast::<u32>() += 1;
    }
}

/// A frame is readable to its last byte.
pub unsafe fn look_at(frame: *const lkv_frame) {
    // SAFETY: a live frame.
    unsafe {
        let mut info: lkv_frame_info = MaybeUninit::zeroed().assume_init();
        info.struct_size = size_of::<lkv_frame_info>() as u32;
        assert_eq!(lkv_frame_get_info(frame, &mut info), LKV_OK);
        assert!(info.size > 0 && *info.data == PIXEL && *info.data.add(info.size - 1) == PIXEL);
        lkv_frame_release(lkv_frame_retain(frame));
    }
}
