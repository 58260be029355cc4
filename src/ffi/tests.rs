// SPDX-License-Identifier: Apache-2.0
//! The plumbing by itself: panics, the gate, structs of other sizes, text, the layout table. What an application meets is
//! tested in C, in `tests/c`.

use super::callback::{c_string, UserData};
use super::gate::{inside_any, pass_free, Gate};
use super::room::{lkv_room, lkv_room_close, lkv_room_connect, lkv_room_destroy};
use super::status::*;
use super::test_panic::lkv_test_panic;
use super::{args, frame, guard};
use crate::frame::PixelFormat;
use std::ffi::{c_char, c_void, CStr};
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

#[test]
fn a_panic_is_caught_and_poisons_its_handle_only() {
    let connect = || {
        let mut room: *mut lkv_room = null_mut();
        // SAFETY: a C string, and an output.
        assert_eq!(unsafe { lkv_room_connect(c"loopback:panic".as_ptr(), null(), null(), &mut room) }, LKV_OK);
        room
    };
    let (struck, well) = (connect(), connect());
    // SAFETY: both are live handles, destroyed once.
    unsafe {
        assert_eq!(lkv_test_panic(struck), LKV_ERROR_PANIC);
        assert_eq!(lkv_room_close(struck), LKV_ERROR_PANIC);
        assert_eq!(lkv_room_close(well), LKV_OK);
        lkv_room_destroy(struck);
        lkv_room_destroy(well);
    }
    assert_eq!(guard::guard_or(7, || panic!("{}", 1)), 7);
}

#[test]
fn a_panic_in_a_callback_poisons_its_gate() {
    let gate = Gate::default();
    assert!(gate.pass(|| ()));
    assert!(!gate.is_poisoned());
    assert!(!gate.pass(|| panic!("on purpose")));
    assert!(gate.is_poisoned());
    gate.close(); // it has left
}

#[test]
fn a_closed_gate_lets_nobody_in_and_has_nobody_inside() {
    let gate = &Gate::default();
    let (entered, inside) = mpsc::channel();
    let (leave, leaving) = mpsc::channel();
    let left = &AtomicUsize::new(0);
    std::thread::scope(|threads| {
        let callback = threads.spawn(move || {
            gate.pass(|| {
                entered.send(()).unwrap();
                leaving.recv().unwrap();
                left.store(1, Ordering::SeqCst);
            })
        });
        inside.recv().unwrap();
        leave.send(()).unwrap();
        gate.close();
        assert_eq!(left.load(Ordering::SeqCst), 1);
        assert!(callback.join().unwrap());
    });
    assert!(!gate.pass(|| panic!("closed")));
}

#[test]
fn callbacks_wait_until_the_gate_is_open() {
    let gate = &Gate::not_yet_open();
    let given = &AtomicUsize::new(0);
    std::thread::scope(|threads| {
        let callback = threads.spawn(|| gate.pass(|| assert_eq!(given.load(Ordering::SeqCst), 1)));
        given.store(1, Ordering::SeqCst);
        gate.open();
        assert!(callback.join().unwrap());
    });
    gate.close();
    gate.open();
    assert!(!gate.pass(|| panic!("closed")));

    let never = &Gate::not_yet_open();
    std::thread::scope(|threads| {
        let callback = threads.spawn(|| never.pass(|| panic!("never opened")));
        never.close();
        assert!(!callback.join().unwrap());
    });
}

#[test]
fn closing_inside_a_callback_does_not_wait() {
    let (gate, other) = (Gate::default(), Gate::default());
    assert!(gate.pass(|| {
        assert!(gate.is_inside() && !other.is_inside() && inside_any());
        other.close();
        gate.close();
        assert!(!gate.pass(|| panic!("closed")));
    }));
    assert!(!gate.is_inside() && !inside_any());
    pass_free(|| assert!(inside_any() && !gate.is_inside()));
}

unsafe extern "C" fn count(counter: *mut c_void) {
    // SAFETY: the tests pass a counter.
    unsafe { (*counter.cast::<AtomicUsize>()).fetch_add(1, Ordering::SeqCst) };
}

#[test]
fn user_data_is_destroyed_once_by_whoever_drops_it() {
    let counter = AtomicUsize::new(0);
    let user_data = UserData::new((&raw const counter).cast_mut().cast(), Some(count));
    let handler: Box<dyn Fn() + Send> = Box::new(move || assert!(!user_data.pointer().is_null()));
    handler();
    assert_eq!(counter.load(Ordering::SeqCst), 0);
    std::thread::scope(|threads| threads.spawn(move || drop(handler)).join().unwrap());
    assert_eq!(counter.load(Ordering::SeqCst), 1);
    drop(UserData::new(null_mut(), None));
}

#[test]
fn text_for_c_has_no_nul_inside() {
    assert_eq!(c_string("a\0b"), c"ab".to_owned());
    assert_eq!(c_string(""), c"".to_owned());
}

#[test]
fn text_is_cut_between_characters() {
    let mut buf = [0x7F as c_char; 8];
    let mut needed = 0;
    // SAFETY: the buffer has as many bytes as is said.
    let cut = unsafe { args::copy_out_cut("aäöü", buf.as_mut_ptr(), 5, &mut needed) };
    assert_eq!(cut.unwrap_err().result, LKV_ERROR_BUFFER_TOO_SMALL);
    assert_eq!(needed, 8);
    assert_eq!(buf[..5].iter().map(|c| *c as u8).collect::<Vec<_>>(), b"a\xc3\xa4\0\x7f");
    // SAFETY: as above.
    unsafe { args::copy_out("aäöü", buf.as_mut_ptr(), 8, null_mut()) }.unwrap();
    assert_eq!(buf.map(|c| c as u8), *"aäöü\0".as_bytes());
}

#[test]
fn pointers_that_are_not_aligned_are_refused() {
    let words = [0_u64; 32];
    let misaligned: *const super::room::lkv_room_options = (&raw const words).cast::<u8>().wrapping_add(4).cast();
    // SAFETY: refused before it is read.
    assert_eq!(unsafe { args::read(misaligned) }.err().unwrap().result, LKV_ERROR_INVALID_ARGUMENT);
}

#[test]
fn pixel_types_are_those_of_the_frames() {
    for format in PixelFormat::ALL {
        // SAFETY: the names are static, and of known types not NULL.
        let name = unsafe { CStr::from_ptr(frame::lkv_pixel_name(format.number() as i32)) };
        assert_eq!(name.to_str(), Ok(format.name()));
    }
}

#[test]
fn every_result_has_its_own_number_and_name() {
    for number in LKV_ERROR_WOULD_DEADLOCK..=LKV_OK {
        // SAFETY: the names are static.
        let name = unsafe { CStr::from_ptr(lkv_result_name(number)) };
        assert_ne!(name, c"LKV_ERROR_UNKNOWN", "{number}");
    }
}

/// The structs of the header, as lines of `tests/layout/lp64.txt`.
macro_rules! layouts {
    ($($module:ident::$name:ident { $($field:ident),+ $(,)? })+) => {
        fn layout_table() -> String {
            let mut table = String::new();
            $({
                type Struct = super::$module::$name;
                table += &format!("{} - 0 {}\n", stringify!($name), size_of::<Struct>());
                // SAFETY: zero bytes are valid: integers, raw pointers, optional functions.
                let value: Struct = unsafe { std::mem::zeroed() };
                $({
                    let name = stringify!($field).trim_start_matches("r#");
                    let offset = std::mem::offset_of!(Struct, $field);
                    table += &format!("{} {name} {offset} {}\n", stringify!($name), size_of_val(&value.$field));
                })+
            })+
            table
        }
    };
}

layouts! {
    event::lkv_event {
        struct_size, r#type, segment, number, frames, position_us, cause, answer, error, interrupted, made_up,
        reserved0, pixel_type, width, height, reserved1, frame, message, reserved2, frames_lost,
    }
    frame::lkv_plane { data, stride, row_bytes, rows }
    frame::lkv_frame_info {
        struct_size, r#type, width, height, plane_count, lost_before, segment, number, pts_us, data, size, planes,
    }
    frame::lkv_frame_desc { struct_size, r#type, width, height, plane_count, reserved0, pts_us, planes }
    output::lkv_output_options {
        struct_size, policy, queue_frames, reserved0, queue_bytes, max_frame_bytes, queue_us, max_age_us, label,
    }
    output::lkv_playback_listener { struct_size, reserved0, on_event, user_data, destroy }
    output::lkv_output_stats {
        struct_size, queue_frames, queue_bytes, frames_accepted, bytes_accepted, frames_sent, bytes_sent,
        dropped_cleared, dropped_oldest, dropped_newest, dropped_disconnected, refused, segments_started,
        segments_finished, playback_finished, playback_unmatched, events_dropped, dropped_late, dropped_unsupported,
        refused_full, refused_large, segments_resumed, messages_stale, reconnects, credit, blocked_us, round_trip_us,
        wire_version, reserved0,
    }
    receiver::lkv_receiver_callbacks { struct_size, reserved0, on_event, user_data, destroy }
    receiver::lkv_receiver_options {
        struct_size, policy, sender, callbacks, queue_frames, idle_timeout_ms, queue_bytes, max_frame_bytes, label,
    }
    receiver::lkv_receiver_stats {
        struct_size, queue_frames, queue_bytes, frames_received, bytes_received, frames_delivered, dropped_oldest,
        dropped_newest, dropped_cleared, dropped_truncated, segments_started, segments_ended, streams_refused,
        chunks_unknown, chunks_lost, chunks_repeated, chunks_refused, frames_lost, segments_resumed, refused_foreign,
        refused_bad, refused_large, refused_many, refused_stale, messages_stale, reconnects, window, round_trip_us,
        latency_us, wire_version, reserved0,
    }
    room_event::lkv_room_event {
        struct_size, r#type, state, reason, error, kind, reliable, reserved0, message, identity, topic, data, size,
        reserved1,
    }
    room_event::lkv_room_callbacks { struct_size, reserved0, on_event, user_data, destroy }
    room::lkv_room_options {
        struct_size, connect_timeout_ms, callbacks, ca_file, ca_pem, ca_pem_size, dual_peer_connection, reserved0,
    }
    room::lkv_room_stats { struct_size, reserved0, events_dropped }
    room::lkv_participant { struct_size, kind, identity, name, metadata }
    rpc::lkv_rpc_result { struct_size, result, rpc_code, reserved0, payload }
    rpc::lkv_rpc_callbacks { struct_size, reserved0, on_result, user_data, destroy }
    rpc::lkv_rpc_method { struct_size, reserved0, on_invocation, user_data, destroy }
    token::lkv_token_options {
        struct_size, kind, api_key, api_secret, identity, name, room, metadata, ttl_seconds, reserved0,
    }
}

#[test]
#[cfg(target_pointer_width = "64")]
fn structs_are_laid_out_as_the_table_says() {
    let table = include_str!("../../tests/layout/lp64.txt");
    let lines = |text: &str| text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(lines(&layout_table()), lines(table));
}
