// SPDX-License-Identifier: Apache-2.0
//! `lkv_output`: video to one destination.

use super::args::{self, c_structs, CStruct};
use super::event::{lkv_event, EventCallback};
use super::frame::{lkv_frame_desc, Picture, Release};
use super::guard::{guard, guard_or};
use super::handle::{self, Object, Opaque};
use super::receiver::{known_us, limit, lkv_queue_policy, policy, us, wire_version};
use super::room::{lkv_room, LKV_FOREVER};
use super::status::{lkv_result, Failure, Outcome};
use crate::driver::{Output, OutputOptions, OutputStats};
use std::ffi::{c_char, c_void};
use std::sync::Arc;
use std::time::Duration;

/// Sends video to one participant. Destroy it with lkv_output_destroy.
pub struct lkv_output {
    _opaque: [u8; 0],
}

impl Opaque for lkv_output {
    type Object = Output;
}

impl Object for Output {
    fn close(&self) {
        Output::close(self);
    }

    fn join(&self) {
        Output::join(self);
    }
}

/// How to send. 0 is the default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct lkv_output_options {
    /// sizeof(lkv_output_options).
    pub struct_size: u32,
    /// What happens to a frame when the queue is full: LKV_POLICY_*.
    pub policy: lkv_queue_policy,
    /// Frames the queue holds; 0: 8.
    pub queue_frames: u32,
    /// 0.
    pub reserved0: u32,
    /// Bytes of frames the queue holds; 0: 64 MiB.
    pub queue_bytes: u64,
    /// Larger frames are refused; 0: 64 MiB.
    pub max_frame_bytes: u64,
    /// The queue holds no more than the transport takes in this time, microseconds, going by the frames before, but always
    /// one frame; 0: 50 ms. LKV_FOREVER: as much as queue_frames and queue_bytes allow.
    pub queue_us: i64,
    /// A frame that has been queued for so long, microseconds, is dropped whole; one that is being sent never is. 0: 500 ms
    /// under LKV_POLICY_DROP_OLDEST, else LKV_FOREVER: any age will do.
    pub max_age_us: i64,
    /// Tells several outputs to one destination apart; NULL: none. At most 64 bytes without control characters. The
    /// destination has a receiver of that label; one that speaks version 0 of the wire only knows no labels, which an
    /// LKV_EVENT_ERROR says.
    pub label: *const c_char,
}

/// A function that an output calls on its own thread when a segment is on show or was played, one at a time, in order.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct lkv_playback_listener {
    /// sizeof(lkv_playback_listener).
    pub struct_size: u32,
    /// 0.
    pub reserved0: u32,
    /// Takes an LKV_EVENT_PLAYBACK_STARTED, LKV_EVENT_PLAYBACK_FINISHED or LKV_EVENT_ERROR, borrowed for the call. Every
    /// function may be called inside; those that wait on this output say LKV_ERROR_WOULD_DEADLOCK.
    pub on_event: Option<unsafe extern "C" fn(event: *const lkv_event, user_data: *mut c_void)>,
    /// Handed to `on_event`; may be NULL.
    pub user_data: *mut c_void,
    /// Frees `user_data`: exactly once, after the last callback, also if adding the listener fails. May be NULL.
    pub destroy: Option<unsafe extern "C" fn(user_data: *mut c_void)>,
}

/// Counters of an output since its creation. Whatever was dropped or refused is in one of them.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct lkv_output_stats {
    /// Set by the caller: sizeof(lkv_output_stats).
    pub struct_size: u32,
    /// Frames queued now.
    pub queue_frames: u32,
    /// Bytes of the frames queued now.
    pub queue_bytes: u64,
    /// Frames taken from the application.
    pub frames_accepted: u64,
    /// Their bytes.
    pub bytes_accepted: u64,
    /// Frames handed to the transport whole.
    pub frames_sent: u64,
    /// Their bytes.
    pub bytes_sent: u64,
    /// Frames dropped by a clear.
    pub dropped_cleared: u64,
    /// Queued frames dropped for newer ones.
    pub dropped_oldest: u64,
    /// Frames dropped because the queue was full.
    pub dropped_newest: u64,
    /// Frames lost with their stream, the destination or the room, or still queued at close.
    pub dropped_disconnected: u64,
    /// Frames not taken, for either of the causes that refused_* count.
    pub refused: u64,
    /// Segments started.
    pub segments_started: u64,
    /// Segments ended.
    pub segments_finished: u64,
    /// Playback-finished events, made-up ones included.
    pub playback_finished: u64,
    /// Playback-finished of the receiver that no segment waited for.
    pub playback_unmatched: u64,
    /// Events dropped because too many waited for lkv_output_next or a slow listener.
    pub events_dropped: u64,
    /// Frames dropped because they were queued longer than max_age_us.
    pub dropped_late: u64,
    /// Frames dropped because the receiver cannot take their type or size.
    pub dropped_unsupported: u64,
    /// Frames not taken because the queue was full, under LKV_POLICY_REFUSE.
    pub refused_full: u64,
    /// Frames not taken because they are over max_frame_bytes.
    pub refused_large: u64,
    /// Times that a segment went on in another stream, after a full reconnect.
    pub segments_resumed: u64,
    /// Control messages and calls of the library's own that were refused: not for this output, too late, or not to be
    /// read.
    pub messages_stale: u64,
    /// Full reconnects of the room.
    pub reconnects: u64,
    /// Bytes that the receiver lets us send now; 0: none, or unknown, as in version 0 of the wire.
    pub credit: u64,
    /// Microseconds for which frames had to wait because the receiver gave no credit.
    pub blocked_us: i64,
    /// Round trip to the receiver, microseconds, smoothed; 0: unknown.
    pub round_trip_us: i64,
    /// The version of the wire that is spoken: 0 or 1; -1: unknown, as it was not agreed on yet.
    pub wire_version: i32,
    /// 0.
    pub reserved0: u32,
}

c_structs!(lkv_output_options, lkv_playback_listener, lkv_output_stats);

/// Gives lent pixels back: exactly once, on any thread, possibly before the call that lent them returns. It should be quick;
/// functions that do not wait may be called inside.
pub type lkv_release_callback = Option<unsafe extern "C" fn(user_data: *mut c_void)>;

/// Fills the options with their defaults. `size` is sizeof(lkv_output_options).
///
/// Thread safety: any thread, any callback. Errors: LKV_ERROR_INVALID_ARGUMENT. Since: 0.1.
#[no_mangle]
pub unsafe extern "C" fn lkv_output_options_init(options: *mut lkv_output_options, size: usize) -> lkv_result {
    // SAFETY: `options` has `size` bytes, says the caller.
    guard(|| unsafe { args::init(options, size) })
}

/// Makes an output to a participant. It may come later: frames wait in the queue, under its policy.
///
/// \param room         has at most one output to each destination and label
/// \param destination  identity of the participant
/// \param options      copied; NULL: all defaults
/// \param out          out: the output
///
/// Thread safety: any thread, any callback.
/// Ownership: the caller destroys the output, also if the room is destroyed before.
/// Errors: LKV_ERROR_INVALID_ARGUMENT, LKV_ERROR_BUSY if there is such an output, LKV_ERROR_CLOSED.
/// Since: 0.1.
#[no_mangle]
pub unsafe extern "C" fn lkv_output_create(
    room: *mut lkv_room,
    destination: *const c_char,
    options: *const lkv_output_options,
    out: *mut *mut lkv_output,
) -> lkv_result {
    guard(|| {
        // SAFETY: `room` is NULL or a live handle, says the caller.
        let room = unsafe { handle::enter(room) }?;
        // SAFETY: `destination` is NULL or a C string, says the caller.
        let destination = unsafe { args::text(destination, "destination") }?;
        // SAFETY: `options` is NULL or valid, says the caller.
        let options = unsafe { output_options(options) }?;
        // SAFETY: `out` is NULL or writable, says the caller.
        unsafe { handle::create(out, Arc::default(), || Ok(Output::create(&room, destination, options)?)) }
    })
}

unsafe fn output_options(options: *const lkv_output_options) -> Outcome<OutputOptions> {
    // SAFETY: as the caller says.
    let Some(options) = (unsafe { args::read_optional(options) })? else { return Ok(OutputOptions::default()) };
    let defaults = OutputOptions::with_policy(policy(options.policy)?);
    Ok(OutputOptions {
        policy: defaults.policy,
        queue_frames: limit(options.queue_frames.into(), defaults.queue_frames),
        queue_bytes: limit(options.queue_bytes, defaults.queue_bytes),
        queue_time: duration(options.queue_us, defaults.queue_time, "queue_us")?,
        max_age: duration(options.max_age_us, defaults.max_age, "max_age_us")?,
        max_frame_bytes: limit(options.max_frame_bytes, defaults.max_frame_bytes),
        // SAFETY: as the caller says.
        label: unsafe { args::optional_text(options.label, "label") }?.unwrap_or_default().to_owned(),
    })
}

/// Microseconds, 0 for the default or LKV_FOREVER for no bound.
fn duration(us: i64, default: Option<Duration>, name: &str) -> Outcome<Option<Duration>> {
    match us {
        0 => Ok(default),
        us if us == i64::from(LKV_FOREVER) => Ok(None),
        us => match u64::try_from(us) {
            Ok(us) => Ok(Some(Duration::from_micros(us))),
            Err(_) => Err(Failure::invalid(format!("{name} {us}"))),
        },
    }
}

/// Sends a copy of a frame. The first frame opens a segment. Size and pixel type may change from frame to frame; where the
/// receiver speaks version 0 of the wire, a change ends the segment and opens the next.
///
/// \param frame       its pixels are free again when the call returns
/// \param timeout_ms  how long to wait for room in the queue under LKV_POLICY_BLOCK: LKV_FOREVER, 0 to try only, or
///                    milliseconds
///
/// Thread safety: any thread; inside this output's own callbacks only with `timeout_ms` 0. lkv_output_close wakes it.
/// Ownership: the pixels are copied.
/// Errors: LKV_ERROR_TIMEOUT if the queue stayed full; LKV_ERROR_CLOSED; LKV_ERROR_TOO_LARGE; LKV_ERROR_UNSUPPORTED for an
/// unknown pixel type; LKV_ERROR_WOULD_DEADLOCK; LKV_ERROR_INVALID_ARGUMENT.
/// Since: 0.1.
#[no_mangle]
pub unsafe extern "C" fn lkv_output_send_frame(
    output: *mut lkv_output,
    frame: *const lkv_frame_desc,
    timeout_ms: i32,
) -> lkv_result {
    guard(|| {
        // SAFETY: `output` is NULL or a live handle, says the caller.
        let output = unsafe { handle::enter(output) }?;
        // SAFETY: `frame` is NULL or valid, says the caller.
        let picture = unsafe { Picture::read(frame) }?;
        let wait = output.wait(timeout_ms)?;
        // SAFETY: the pixels are where the description says, says the caller.
        let frame = unsafe { picture.copy(output.pool()) }?;
        Ok(output.send_frame(frame, wait)?)
    })
}

/// Sends a frame without copying it, if its rows are tight and its planes follow each other, as lkv_frame_desc_packed
/// describes; else it is copied. Otherwise like lkv_output_send_frame.
///
/// \param release    gives the pixels back: exactly once on every path, also if this fails; not NULL
/// \param user_data  handed to `release`; may be NULL
///
/// Thread safety: as lkv_output_send_frame.
/// Ownership: the pixels are the library's, and unchanged, until `release` is called.
/// Errors: as lkv_output_send_frame.
/// Since: 0.1.
#[no_mangle]
pub unsafe extern "C" fn lkv_output_send_frame_owned(
    output: *mut lkv_output,
    frame: *const lkv_frame_desc,
    timeout_ms: i32,
    release: lkv_release_callback,
    user_data: *mut c_void,
) -> lkv_result {
    guard(|| {
        let release = release.ok_or_else(|| Failure::invalid("release is NULL"))?;
        let release = Release::new(release, user_data);
        // SAFETY: `output` is NULL or a live handle, says the caller.
        let output = unsafe { handle::enter(output) }?;
        // SAFETY: `frame` is NULL or valid, says the caller.
        let picture = unsafe { Picture::read(frame) }?;
        let wait = output.wait(timeout_ms)?;
        // SAFETY: the pixels are where the description says, and stay until `release` runs, says the caller.
        let frame = unsafe { picture.lend(release, output.pool()) }?;
        Ok(output.send_frame(frame, wait)?)
    })
}

/// Ends the segment after what is queued. Without an open segment it does nothing. The receiver's playback-finished comes to
/// the listeners, or to lkv_output_next.
///
/// Thread safety: any thread, any callback; never waits.
/// Errors: LKV_ERROR_CLOSED, LKV_ERROR_INVALID_ARGUMENT.
/// Since: 0.1.
#[no_mangle]
pub unsafe extern "C" fn lkv_output_flush(output: *mut lkv_output) -> lkv_result {
    guard(|| {
        // SAFETY: `output` is NULL or a live handle, says the caller.
        Ok(unsafe { handle::enter(output) }?.flush()?)
    })
}

/// Waits until everything queued, and the end of a flushed segment, is handed to the transport.
///
/// \param timeout_ms  LKV_FOREVER, 0 to look only, or milliseconds
///
/// Thread safety: any thread; not in this output's own callbacks. lkv_output_close wakes it.
/// Errors: LKV_ERROR_TIMEOUT, LKV_ERROR_CLOSED, LKV_ERROR_WOULD_DEADLOCK, LKV_ERROR_INVALID_ARGUMENT.
/// Since: 0.1.
#[no_mangle]
pub unsafe extern "C" fn lkv_output_wait_sent(output: *mut lkv_output, timeout_ms: i32) -> lkv_result {
    guard(|| {
        // SAFETY: `output` is NULL or a live handle, says the caller.
        let output = unsafe { handle::enter(output) }?;
        Ok(output.wait_sent(output.wait(timeout_ms)?)?)
    })
}

/// Drops what is queued, tells the receiver to drop what it has, and ends the segment. The next frame opens the next segment.
///
/// Thread safety: any thread, any callback; never waits. A failure to reach the receiver comes as an LKV_EVENT_ERROR.
/// Errors: LKV_ERROR_CLOSED, LKV_ERROR_INVALID_ARGUMENT.
/// Since: 0.1.
#[no_mangle]
pub unsafe extern "C" fn lkv_output_clear_buffer(output: *mut lkv_output) -> lkv_result {
    guard(|| {
        // SAFETY: `output` is NULL or a live handle, says the caller.
        Ok(unsafe { handle::enter(output) }?.clear_buffer()?)
    })
}

/// Adds a function that is called when a segment is on show and when it was played. Each listener gets each event.
///
/// \param listener     copied
/// \param listener_id  out: names the listener when it is removed; may be NULL
///
/// Thread safety: any thread, any callback.
/// Ownership: the library keeps `user_data` until it calls the listener's `destroy`.
/// Errors: LKV_ERROR_CLOSED, LKV_ERROR_INVALID_ARGUMENT.
/// Since: 0.1.
#[no_mangle]
pub unsafe extern "C" fn lkv_output_add_playback_finished_listener(
    output: *mut lkv_output,
    listener: *const lkv_playback_listener,
    listener_id: *mut u64,
) -> lkv_result {
    guard(|| {
        // SAFETY: `listener` is NULL or valid, says the caller. Read first: its user data is ours from here on.
        let listener = unsafe { args::read(listener) }?;
        let callback = EventCallback::new(listener.on_event, listener.user_data, listener.destroy)?;
        // SAFETY: `output` is NULL or a live handle, says the caller.
        let output = unsafe { handle::enter(output) }?;
        let id = output.add_listener(callback.into_handler(output.gate()))?;
        // SAFETY: NULL or writable, says the caller.
        unsafe { args::put(listener_id, id) };
        Ok(())
    })
}

/// Removes a listener. When this returns, it is not called any more, unless this is called from inside it.
///
/// Thread safety: any thread, any callback.
/// Errors: LKV_ERROR_NOT_FOUND, LKV_ERROR_INVALID_ARGUMENT.
/// Since: 0.1.
#[no_mangle]
pub unsafe extern "C" fn lkv_output_remove_playback_finished_listener(
    output: *mut lkv_output,
    listener_id: u64,
) -> lkv_result {
    guard(|| {
        // SAFETY: `output` is NULL or a live handle, says the caller.
        Ok(unsafe { handle::enter(output) }?.remove_listener(listener_id)?)
    })
}

/// Takes the next LKV_EVENT_PLAYBACK_STARTED, LKV_EVENT_PLAYBACK_FINISHED or LKV_EVENT_ERROR of an output that has no
/// listener.
///
/// \param timeout_ms  LKV_FOREVER, 0 to look only, or milliseconds
/// \param event       out: empty, as by LKV_EVENT_INIT or lkv_event_clear
///
/// Thread safety: any thread, also several; each event goes to one of them. lkv_output_close wakes it.
/// Ownership: the caller clears the event with lkv_event_clear.
/// Errors: LKV_ERROR_TIMEOUT; LKV_ERROR_CLOSED when the output is closed and everything was taken;
/// LKV_ERROR_WOULD_DEADLOCK, LKV_ERROR_INVALID_ARGUMENT.
/// Since: 0.1.
#[no_mangle]
pub unsafe extern "C" fn lkv_output_next(
    output: *mut lkv_output,
    timeout_ms: i32,
    event: *mut lkv_event,
) -> lkv_result {
    guard(|| {
        // SAFETY: `output` is NULL or a live handle, says the caller.
        let output = unsafe { handle::enter(output) }?;
        // SAFETY: `event` is NULL or valid, says the caller, here and below.
        unsafe { lkv_event::check(event) }?;
        let next = output.next_event(output.wait(timeout_ms)?)?;
        // SAFETY: as just checked.
        unsafe { lkv_event::from(next).give(event) }
    })
}

/// Reads the counters.
///
/// \param stats  out: with `struct_size` set by the caller
///
/// Thread safety: any thread, any callback. Errors: LKV_ERROR_INVALID_ARGUMENT. Since: 0.1.
#[no_mangle]
pub unsafe extern "C" fn lkv_output_get_stats(output: *mut lkv_output, stats: *mut lkv_output_stats) -> lkv_result {
    guard(|| {
        // SAFETY: `output` is NULL or a live handle, says the caller.
        let output = unsafe { handle::enter(output) }?;
        // SAFETY: `stats` is NULL or valid, says the caller.
        unsafe { args::write(stats, &output.stats().into()) }
    })
}

impl From<OutputStats> for lkv_output_stats {
    fn from(stats: OutputStats) -> Self {
        Self {
            queue_frames: u32::try_from(stats.queue_frames).unwrap_or(u32::MAX),
            queue_bytes: stats.queue_bytes,
            frames_accepted: stats.frames_accepted,
            bytes_accepted: stats.bytes_accepted,
            frames_sent: stats.frames_sent,
            bytes_sent: stats.bytes_sent,
            dropped_cleared: stats.dropped_cleared,
            dropped_oldest: stats.dropped_oldest,
            dropped_newest: stats.dropped_newest,
            dropped_disconnected: stats.dropped_disconnected,
            refused: stats.refused,
            segments_started: stats.segments_started,
            segments_finished: stats.segments_finished,
            playback_finished: stats.playback_finished,
            playback_unmatched: stats.playback_unmatched,
            events_dropped: stats.events_dropped,
            dropped_late: stats.dropped_late,
            dropped_unsupported: stats.dropped_unsupported,
            refused_full: stats.refused_full,
            refused_large: stats.refused_large,
            segments_resumed: stats.segments_resumed,
            messages_stale: stats.messages_stale,
            reconnects: stats.reconnects,
            credit: stats.credit.unwrap_or(0),
            blocked_us: us(stats.blocked),
            round_trip_us: known_us(stats.round_trip),
            wire_version: wire_version(stats.version),
            ..Self::empty()
        }
    }
}

/// Stops sending and wakes every waiter with LKV_ERROR_CLOSED. What is queued is dropped: call lkv_output_wait_sent before
/// if it matters. Segments whose playback-finished did not come get a made-up one. Closing twice is no error.
///
/// Thread safety: any thread, any callback; never waits. Errors: LKV_ERROR_INVALID_ARGUMENT. Since: 0.1.
#[no_mangle]
pub unsafe extern "C" fn lkv_output_close(output: *mut lkv_output) -> lkv_result {
    guard(|| {
        // SAFETY: `output` is NULL or a live handle, says the caller.
        unsafe { handle::enter(output) }?.close();
        Ok(())
    })
}

/// Closes and frees an output. It waits for the callback under way and for threads inside a call on the output; no callback
/// starts any more. From inside any callback of the library it returns at once, and the rest happens afterwards. NULL is
/// no error.
///
/// Thread safety: any thread, any callback; nobody may use the handle from now on.
/// Ownership: takes the handle; lent pixels are released.
/// Since: 0.1.
#[no_mangle]
pub unsafe extern "C" fn lkv_output_destroy(output: *mut lkv_output) {
    // SAFETY: `output` is NULL or a live handle, which C gives up, says the caller.
    guard_or((), || unsafe { handle::destroy(output) });
}
