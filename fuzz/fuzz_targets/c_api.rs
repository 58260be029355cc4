// SPDX-License-Identifier: Apache-2.0
//! Calls of the C interface in any order, on rooms in this process: handles that are open, closed or NULL, texts, sizes,
//! strides and structs of any kind. The caller keeps to what the header demands of it and to nothing else: pointers are
//! valid or NULL, nothing is used after it was destroyed.
//!
//! No call panics inside (the fuzzer's hook ends the process at any panic, on whatever thread), and what the library
//! takes for a time, pixels and user data, it gives back exactly once.
#![no_main]
#![allow(clippy::disallowed_methods, reason = "waits for what other threads give back, with a limit")]

#[path = "c_api/lent.rs"]
mod lent;

use std::ffi::{c_char, c_void, CString};
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use lent::{
    look_at, on_event, on_invocation, on_participant, on_result, on_room_event, Loan, Roomy, GIVE_BACK, MAX_STRUCT,
    PIXELS,
};
use libfuzzer_sys::fuzz_target;
use lkvideo::ffi::event::{lkv_event, lkv_event_clear};
use lkvideo::ffi::frame::*;
use lkvideo::ffi::output::*;
use lkvideo::ffi::receiver::*;
use lkvideo::ffi::room::*;
use lkvideo::ffi::room_event::*;
use lkvideo::ffi::rpc::*;
use lkvideo::ffi::status::*;
use lkvideo::ffi::token::*;
use lkvideo::frame::PixelFormat;
use lkvideo_fuzz::Input;

const MAX_CALLS: usize = 200;
const TIMEOUTS: [i32; 8] = [0, 0, 0, 0, 1, 2, -2, i32::MIN];
const NAMES: [&str; 8] = ["alice", "bob", "carol", "", "lk.video", "topic", "\u{e9}\u{fe0f}", "nobody"];
static STILL_LENT: Mutex<Vec<Arc<Loan>>> = Mutex::new(Vec::new());
/// Names the room of each input, so that they do not meet.
static ROOMS: AtomicU64 = AtomicU64::new(0);

fuzz_target!(|data: &[u8]| {
    KEEPER.get_or_init(keeper);
    let mut caller = Caller::new(data);
    for _ in 0..MAX_CALLS {
        if caller.input.is_empty() {
            break;
        }
        caller.call();
    }
    caller.end();
});

/// A room that is never left keeps the library's threads, which are slow to start.
static KEEPER: OnceLock<usize> = OnceLock::new();

fn keeper() -> usize {
    let mut room = null_mut();
    // SAFETY: as the header says.
    assert_eq!(unsafe { lkv_room_connect(c"loopback:keeper".as_ptr(), null(), null(), &mut room) }, LKV_OK);
    room as usize
}

/// The program: its handles, and what it lent.
struct Caller<'a> {
    input: Input<'a>,
    room_name: String,
    rooms: [*mut lkv_room; 3],
    outputs: [*mut lkv_output; 3],
    receivers: [*mut lkv_receiver; 3],
    // The library has their addresses.
    loans: Vec<Arc<Loan>>,
}

/// A place for a handle; in one of eight cases it is none.
fn slot<T>(input: &mut Input, handles: &[*mut T; 3]) -> (usize, *mut T) {
    let choice = input.below(8);
    (choice % 3, if choice == 7 { null_mut() } else { handles[choice % 3] })
}

fn check(result: lkv_result) -> lkv_result {
    assert_ne!(result, LKV_ERROR_PANIC);
    result
}

impl<'a> Caller<'a> {
    fn new(data: &'a [u8]) -> Self {
        Self {
            input: Input::new(data),
            room_name: format!("room-{}", ROOMS.fetch_add(1, Ordering::Relaxed)),
            rooms: [null_mut(); 3],
            outputs: [null_mut(); 3],
            receivers: [null_mut(); 3],
            loans: Vec::new(),
        }
    }

    fn lend(&mut self, due: bool) -> *mut c_void {
        let loan = Arc::new(Loan { due, ..Loan::default() });
        let user_data = Arc::as_ptr(&loan).cast_mut().cast();
        self.loans.push(loan);
        user_data
    }

    /// A text: a name, or anything without NUL.
    fn text(&mut self) -> CString {
        let choice = self.input.u8();
        let bytes = match NAMES.get(usize::from(choice % 16)) {
            Some(name) => name.as_bytes(),
            None => self.input.short(),
        };
        CString::new(bytes.split(|byte| *byte == 0).next().unwrap_or_default()).expect("no NUL")
    }

    /// The pointer to a text, or NULL in one of sixteen cases.
    fn or_null(&mut self, text: &CString) -> *const c_char {
        if self.input.below(16) == 15 {
            null()
        } else {
            text.as_ptr()
        }
    }

    fn call(&mut self) {
        match self.input.below(28) {
            0 | 1 => self.connect(),
            2 => self.ask_room(),
            3 => self.next_room_event(),
            4 => self.send_data(),
            5 => self.end_room(),
            6 | 7 => self.create_output(),
            8..=13 => self.send_frame(),
            14 | 15 => self.steer_output(),
            16 => self.listen(),
            17 => self.next_output_event(),
            18 => self.end_output(),
            19 | 20 => self.create_receiver(),
            21 | 22 => self.next_receiver_event(),
            23 => self.ask_receiver(),
            24 => self.end_receiver(),
            25 => self.perform_rpc(),
            26 => self.register_method(),
            _ => self.functions_without_handle(),
        }
    }

    fn connect(&mut self) {
        let (at, _) = slot(&mut self.input, &self.rooms);
        let who = self.text();
        let url = match self.input.below(8) {
            0..=4 => format!("loopback:{}?identity={}&kind=agent", self.room_name, who.to_string_lossy()),
            5 => format!("loopback:{}", self.room_name),
            6 => format!("loopback:{}", who.to_string_lossy()),
            _ => who.to_string_lossy().into_owned() + "://",
        };
        let url = CString::new(url).expect("no NUL");
        let pem = self.text();
        let mut callbacks = Roomy::<lkv_room_callbacks>::new(&mut self.input);
        let mut options = Roomy::<lkv_room_options>::new(&mut self.input);
        let choices = self.input.u8();
        if choices & 1 != 0 {
            let due = callbacks.is_whole() && options.is_whole() && choices & 8 == 0;
            let user_data = self.lend(due);
            let value = &mut callbacks.value;
            (value.user_data, value.destroy) = (user_data, GIVE_BACK);
            value.on_event = if choices & 2 != 0 { None } else { Some(on_room_event) };
            options.value.callbacks = &callbacks.value;
        }
        if choices & 4 != 0 {
            options.value.ca_pem = pem.as_ptr();
            options.value.ca_pem_size = usize::from(choices >> 6).min(pem.as_bytes().len());
        }
        let options = if choices & 8 != 0 { null() } else { &raw const options.value };
        let mut room = null_mut();
        let out = if choices & 0x30 == 0x30 { null_mut() } else { &raw mut room };
        // SAFETY: as the header says, here and in all that follows.
        check(unsafe { lkv_room_connect(self.or_null(&url), null(), options, out) });
        if !room.is_null() {
            self.destroy_room(at);
            self.rooms[at] = room;
        }
    }

    fn ask_room(&mut self) {
        let (_, room) = slot(&mut self.input, &self.rooms);
        let identity = self.text();
        let identity = self.or_null(&identity);
        let mut buffer = [0x7f as c_char; 24];
        let capacity = self.input.below(24);
        let timeout = self.input.pick(&TIMEOUTS);
        let (mut state, mut reason, mut needed, mut count) = (0, 0, 0, 0u32);
        let some = self.input.bool();
        unsafe {
            check(match self.input.below(6) {
                0 => lkv_room_wait_connected(room, timeout),
                1 => lkv_room_wait_participant(room, identity, timeout),
                2 => lkv_room_get_state(room, &mut state, if some { &mut reason } else { null_mut() }),
                3 => lkv_room_identity(room, buffer.as_mut_ptr(), capacity, &mut needed),
                4 => lkv_room_name(room, buffer.as_mut_ptr(), capacity, if some { &mut needed } else { null_mut() }),
                _ => {
                    let each: Option<unsafe extern "C" fn(_, _)> = if some { Some(on_participant) } else { None };
                    lkv_room_for_each_participant(room, each, (&raw mut count).cast())
                }
            });
        }
        assert!(buffer[capacity..].iter().all(|byte| *byte == 0x7f), "written past the end");
    }

    fn next_room_event(&mut self) {
        let (_, room) = slot(&mut self.input, &self.rooms);
        let mut event = Roomy::<lkv_room_event>::new(&mut self.input);
        unsafe {
            check(lkv_room_next_event(room, self.input.pick(&TIMEOUTS), &mut event.value));
            lkv_room_event_clear(&mut event.value);
            lkv_room_event_clear(&mut event.value);
        }
    }

    fn send_data(&mut self) {
        let (_, room) = slot(&mut self.input, &self.rooms);
        let (topic, destination) = (self.text(), self.text());
        let (topic, destination) = (self.or_null(&topic), self.or_null(&destination));
        let size = usize::from(self.input.u16());
        let data = if self.input.below(8) == 7 { null() } else { PIXELS.as_ptr() };
        check(unsafe { lkv_room_send_data(room, data, size, topic, destination, self.input.bool()) });
    }

    fn end_room(&mut self) {
        let (at, room) = slot(&mut self.input, &self.rooms);
        match self.input.bool() {
            true => _ = check(unsafe { lkv_room_close(room) }),
            false => self.destroy_room(at),
        }
    }

    fn destroy_room(&mut self, at: usize) {
        unsafe { lkv_room_destroy(std::mem::replace(&mut self.rooms[at], null_mut())) };
    }

    fn create_output(&mut self) {
        let (_, room) = slot(&mut self.input, &self.rooms);
        let (at, _) = slot(&mut self.input, &self.outputs);
        let destination = self.text();
        let destination = self.or_null(&destination);
        let mut options = Roomy::<lkv_output_options>::new(&mut self.input);
        let value = &mut options.value;
        let choices = self.input.u8();
        value.policy = self.input.below(6) as i32 - 1;
        if choices & 1 != 0 {
            (value.queue_frames, value.queue_bytes) = (self.input.u8().into(), self.input.u32().into());
            value.max_frame_bytes = self.input.u16().into();
        }
        if choices & 2 != 0 {
            (value.queue_us, value.max_age_us) = (self.input.u64() as i64, i64::from(self.input.u32() as i32));
        }
        let options = if choices & 4 != 0 { null() } else { &raw const options.value };
        let mut output = null_mut();
        check(unsafe { lkv_output_create(room, destination, options, &mut output) });
        if !output.is_null() {
            self.destroy_output(at);
            self.outputs[at] = output;
        }
    }

    /// A description of any kind, whose planes lie within [`PIXELS`]; those that do not fit are NULL.
    fn describe(&mut self) -> Box<Roomy<lkv_frame_desc>> {
        let mut desc = Roomy::<lkv_frame_desc>::new(&mut self.input);
        let input = &mut self.input;
        let number = input.below(13) as i32 - 1;
        let (mut width, mut height) = (1 + input.below(32) as u32, 1 + input.below(32) as u32);
        match input.u8() {
            0xff => (width, height) = (input.u32(), input.u32()),
            0xfe => (width, height) = (input.u16().into(), input.u16().into()),
            _ => {}
        }
        let layout = PixelFormat::try_from(number as u32).and_then(|format| format.layout(width, height)).ok();
        let Some(layout) = layout.filter(|_| input.below(16) < 15) else {
            let value = &mut desc.value;
            (value.r#type, value.width, value.height, value.plane_count) = (number, width, height, input.u8().into());
            return desc;
        };
        let whole = layout.size() <= PIXELS.len();
        if whole && input.bool() {
            let given = unsafe { lkv_frame_desc_packed(&mut desc.value, number, width, height, PIXELS.as_ptr()) };
            check(given);
        } else {
            let value = &mut desc.value;
            (value.r#type, value.width, value.height) = (number, width, height);
            value.plane_count = layout.planes().len() as u32;
            for (given, plane) in value.planes.iter_mut().zip(layout.planes()) {
                let (offset, stride) = match input.u8() {
                    0xff => (0, input.u64() as usize),
                    0xfe => (0, plane.row_bytes - 1),
                    more => (usize::from(input.u8()), plane.row_bytes + usize::from(more % 16)),
                };
                let size =
                    stride.checked_mul(plane.rows - 1).and_then(|size| size.checked_add(plane.row_bytes + offset));
                // What cannot be described must be refused before a byte of it is read.
                let refused = stride < plane.row_bytes || stride > isize::MAX as usize / plane.rows;
                let fits = refused || size.is_some_and(|size| size <= PIXELS.len());
                given.data = if fits { PIXELS[offset..].as_ptr() } else { null() };
                given.stride = stride;
                if input.below(8) == 7 {
                    (given.row_bytes, given.rows) = (input.u8().into(), input.u8().into());
                }
            }
        }
        if input.below(16) == 15 {
            desc.value.plane_count = input.u8().into();
        }
        desc.value.pts_us = i64::from(input.u8()) << input.below(64);
        desc
    }

    fn send_frame(&mut self) {
        let (_, output) = slot(&mut self.input, &self.outputs);
        let desc = self.describe();
        let timeout = self.input.pick(&TIMEOUTS);
        let frame = if self.input.below(32) == 31 { null() } else { &raw const desc.value };
        if self.input.bool() {
            check(unsafe { lkv_output_send_frame(output, frame, timeout) });
        } else {
            let pixels = self.lend(true);
            check(unsafe { lkv_output_send_frame_owned(output, frame, timeout, GIVE_BACK, pixels) });
        }
    }

    fn steer_output(&mut self) {
        let (_, output) = slot(&mut self.input, &self.outputs);
        let mut stats = Roomy::<lkv_output_stats>::new(&mut self.input);
        unsafe {
            check(match self.input.below(6) {
                0 | 1 => lkv_output_flush(output),
                2 => lkv_output_clear_buffer(output),
                3 | 4 => lkv_output_wait_sent(output, self.input.pick(&TIMEOUTS)),
                _ => lkv_output_get_stats(output, &mut stats.value),
            });
        }
    }

    fn listen(&mut self) {
        let (_, output) = slot(&mut self.input, &self.outputs);
        let id = self.input.u8().into();
        if self.input.below(4) == 3 {
            check(unsafe { lkv_output_remove_playback_finished_listener(output, id) });
            return;
        }
        let mut listener = Roomy::<lkv_playback_listener>::new(&mut self.input);
        let user_data = self.lend(listener.is_whole());
        (listener.value.user_data, listener.value.destroy) = (user_data, GIVE_BACK);
        listener.value.on_event = if self.input.below(8) == 7 { None } else { Some(on_event) };
        let mut made = 0;
        let out = if self.input.bool() { &raw mut made } else { null_mut() };
        check(unsafe { lkv_output_add_playback_finished_listener(output, &listener.value, out) });
    }

    fn next_output_event(&mut self) {
        let (_, output) = slot(&mut self.input, &self.outputs);
        let mut event = Roomy::<lkv_event>::new(&mut self.input);
        unsafe {
            check(lkv_output_next(output, self.input.pick(&TIMEOUTS), &mut event.value));
            lkv_event_clear(&mut event.value);
        }
    }

    fn end_output(&mut self) {
        let (at, output) = slot(&mut self.input, &self.outputs);
        match self.input.bool() {
            true => _ = check(unsafe { lkv_output_close(output) }),
            false => self.destroy_output(at),
        }
    }

    fn destroy_output(&mut self, at: usize) {
        unsafe { lkv_output_destroy(std::mem::replace(&mut self.outputs[at], null_mut())) };
    }

    fn create_receiver(&mut self) {
        let (_, room) = slot(&mut self.input, &self.rooms);
        let (at, _) = slot(&mut self.input, &self.receivers);
        let sender = self.text();
        let mut callbacks = Roomy::<lkv_receiver_callbacks>::new(&mut self.input);
        let mut options = Roomy::<lkv_receiver_options>::new(&mut self.input);
        let choices = self.input.u8();
        if choices & 1 != 0 {
            let due = callbacks.is_whole() && options.is_whole() && choices & 8 == 0;
            let user_data = self.lend(due);
            let value = &mut callbacks.value;
            (value.user_data, value.destroy) = (user_data, GIVE_BACK);
            value.on_event = if choices & 2 != 0 { None } else { Some(on_event) };
            options.value.callbacks = &callbacks.value;
        }
        let value = &mut options.value;
        value.policy = self.input.below(6) as i32 - 1;
        value.sender = if choices & 4 != 0 { null() } else { sender.as_ptr() };
        if choices & 0x10 != 0 {
            (value.queue_frames, value.queue_bytes) = (self.input.u8().into(), self.input.u32().into());
            (value.max_frame_bytes, value.idle_timeout_ms) = (self.input.u16().into(), self.input.u16().into());
        }
        let options = if choices & 8 != 0 { null() } else { &raw const options.value };
        let mut receiver = null_mut();
        check(unsafe { lkv_receiver_create(room, options, &mut receiver) });
        if !receiver.is_null() {
            self.destroy_receiver(at);
            self.receivers[at] = receiver;
        }
    }

    fn next_receiver_event(&mut self) {
        let (_, receiver) = slot(&mut self.input, &self.receivers);
        let mut event = Roomy::<lkv_event>::new(&mut self.input);
        unsafe {
            let result = check(lkv_receiver_next(receiver, self.input.pick(&TIMEOUTS), &mut event.value));
            if result == LKV_OK && !event.value.frame.is_null() {
                look_at(event.value.frame);
            }
            lkv_event_clear(&mut event.value);
            lkv_event_clear(&mut event.value);
        }
    }

    fn ask_receiver(&mut self) {
        let (_, receiver) = slot(&mut self.input, &self.receivers);
        let mut stats = Roomy::<lkv_receiver_stats>::new(&mut self.input);
        unsafe {
            check(match self.input.below(5) {
                0 => lkv_receiver_wait_sender(receiver, self.input.pick(&TIMEOUTS)),
                1 => lkv_receiver_get_stats(receiver, &mut stats.value),
                _ => {
                    let (segment, position) = (self.input.below(4) as u64, i64::from(self.input.u8()) - 8);
                    lkv_receiver_notify_playback_finished(receiver, segment, position, self.input.bool())
                }
            });
        }
    }

    fn end_receiver(&mut self) {
        let (at, receiver) = slot(&mut self.input, &self.receivers);
        match self.input.bool() {
            true => _ = check(unsafe { lkv_receiver_close(receiver) }),
            false => self.destroy_receiver(at),
        }
    }

    fn destroy_receiver(&mut self, at: usize) {
        unsafe { lkv_receiver_destroy(std::mem::replace(&mut self.receivers[at], null_mut())) };
    }

    fn perform_rpc(&mut self) {
        let (_, room) = slot(&mut self.input, &self.rooms);
        let (destination, method, payload) = (self.text(), self.text(), self.text());
        let timeout = [1, 5, 1000, 0, -1, -2][self.input.below(6)];
        let mut callbacks = Roomy::<lkv_rpc_callbacks>::new(&mut self.input);
        let whole = callbacks.is_whole();
        let user_data = self.lend(whole);
        (callbacks.value.user_data, callbacks.value.destroy) = (user_data, GIVE_BACK);
        callbacks.value.on_result = if self.input.below(8) == 7 { None } else { Some(on_result) };
        let (destination, method) = (self.or_null(&destination), self.or_null(&method));
        let payload = self.or_null(&payload);
        check(unsafe { lkv_room_perform_rpc(room, destination, method, payload, timeout, &callbacks.value) });
    }

    fn register_method(&mut self) {
        let (_, room) = slot(&mut self.input, &self.rooms);
        let method = self.text();
        let method = self.or_null(&method);
        if self.input.below(4) == 3 {
            check(unsafe { lkv_room_unregister_rpc_method(room, method) });
            return;
        }
        let mut handler = Roomy::<lkv_rpc_method>::new(&mut self.input);
        let user_data = self.lend(handler.is_whole());
        (handler.value.user_data, handler.value.destroy) = (user_data, GIVE_BACK);
        handler.value.on_invocation = if self.input.below(8) == 7 { None } else { Some(on_invocation) };
        check(unsafe { lkv_room_register_rpc_method(room, method, &handler.value) });
    }

    fn functions_without_handle(&mut self) {
        let mut buffer = [0x7f as c_char; 64];
        let (capacity, mut size) = (self.input.below(64), 0);
        unsafe {
            match self.input.below(6) {
                0 => {
                    let number = self.input.u8().into();
                    check(lkv_frame_size(number, self.input.u32(), self.input.u32(), &mut size));
                }
                1 => {
                    let number = self.input.u32() as i32;
                    let _ = (lkv_pixel_name(number), lkv_result_name(number));
                }
                2 | 3 => {
                    check(lkv_last_error_message(buffer.as_mut_ptr(), capacity, &mut size));
                }
                4 => {
                    let mut options = Roomy::<lkv_output_options>::new(&mut self.input);
                    let claimed = usize::from(self.input.u16()) % (MAX_STRUCT + 1);
                    check(lkv_output_options_init(&mut options.value, claimed));
                }
                _ => {
                    let texts = [(); 6].map(|()| self.text());
                    let mut options = Roomy::<lkv_token_options>::new(&mut self.input);
                    let value = &mut options.value;
                    value.kind = self.input.u8().into();
                    value.ttl_seconds = self.input.u32();
                    (value.api_key, value.api_secret) = (self.or_null(&texts[0]), self.or_null(&texts[1]));
                    (value.identity, value.name) = (self.or_null(&texts[2]), self.or_null(&texts[3]));
                    (value.room, value.metadata) = (self.or_null(&texts[4]), self.or_null(&texts[5]));
                    check(lkv_token_create(value, buffer.as_mut_ptr(), capacity, &mut size));
                }
            }
        }
        assert!(buffer[capacity..].iter().all(|byte| *byte == 0x7f), "written past the end");
    }

    /// Destroys everything, in an order of the input; then nothing may be lent any more.
    fn end(&mut self) {
        let rooms_first = self.input.bool();
        for at in 0..3 {
            if rooms_first {
                self.destroy_room(at);
            }
            self.destroy_receiver(at);
            self.destroy_output(at);
            self.destroy_room(at);
        }
        let deadline = Instant::now() + Duration::from_secs(20);
        for loan in &self.loans {
            while loan.due && loan.given_back.load(Ordering::Relaxed) == 0 {
                assert!(Instant::now() < deadline, "not given back");
                std::thread::yield_now();
            }
        }
        // What was not due may still be in a call that is ending: it must stay. Reachable, so that it is no leak.
        let lent = self.loans.drain(..).filter(|loan| loan.given_back.load(Ordering::Relaxed) == 0);
        STILL_LENT.lock().expect("no panic").extend(lent);
    }
}
