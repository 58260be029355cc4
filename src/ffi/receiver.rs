// SPDX-License-Identifier: Apache-2.0
//! `lkv_receiver`: video of one sender, by callback or by pull.

use super::args::{self, c_structs, CStruct};
use super::event::{lkv_event, EventCallback};
use super::gate::Gate;
use super::guard::{guard, guard_or};
use super::handle::{self, Object, Opaque};
use super::room::lkv_room;
use super::status::{lkv_result, Failure, Outcome};
use crate::driver::{QueuePolicy, Receiver, ReceiverOptions, ReceiverStats};
use std::ffi::{c_char, c_void};
use std::sync::Arc;
use std::time::Duration;

/// What happens to a frame that finds a queue full: LKV_POLICY_*.
pub type lkv_queue_policy = i32;
/// Who sends waits. A receiver slows its sender down, by the credit that it grants, and nothing is dropped; a sender of
/// version 0 of the wire knows no credit, so that through a server the oldest frames are dropped then.
pub const LKV_POLICY_BLOCK: lkv_queue_policy = 0;
/// The frame is refused with LKV_ERROR_TIMEOUT. Outputs only.
pub const LKV_POLICY_REFUSE: lkv_queue_policy = 1;
/// The oldest queued frames make room for it.
pub const LKV_POLICY_DROP_OLDEST: lkv_queue_policy = 2;
/// The frame is dropped.
pub const LKV_POLICY_DROP_NEWEST: lkv_queue_policy = 3;

/// Receives the video that one participant sends to us. Destroy it with lkv_receiver_destroy.
pub struct lkv_receiver {
    _opaque: [u8; 0],
}

impl Opaque for lkv_receiver {
    type Object = Receiver;
}

impl Object for Receiver {
    fn close(&self) {
        Receiver::close(self);
    }

    fn join(&self) {
        Receiver::join(self);
    }
}

/// Functions that a receiver calls on its own thread, one at a time, in order.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct lkv_receiver_callbacks {
    /// sizeof(lkv_receiver_callbacks).
    pub struct_size: u32,
    /// 0.
    pub reserved0: u32,
    /// Takes one event, borrowed for the call. Every function may be called inside; those that wait on this receiver say
    /// LKV_ERROR_WOULD_DEADLOCK.
    pub on_event: Option<unsafe extern "C" fn(event: *const lkv_event, user_data: *mut c_void)>,
    /// Handed to `on_event`; may be NULL.
    pub user_data: *mut c_void,
    /// Frees `user_data`: exactly once, after the last callback, also if the creation fails. May be NULL.
    pub destroy: Option<unsafe extern "C" fn(user_data: *mut c_void)>,
}

/// How to receive. 0 and NULL are the defaults.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct lkv_receiver_options {
    /// sizeof(lkv_receiver_options).
    pub struct_size: u32,
    /// What happens when the queue is full: LKV_POLICY_BLOCK, LKV_POLICY_DROP_OLDEST or LKV_POLICY_DROP_NEWEST.
    pub policy: lkv_queue_policy,
    /// Identity of the sender; NULL: the first participant of kind LKV_KIND_AGENT.
    pub sender: *const c_char,
    /// NULL: events are pulled with lkv_receiver_next.
    pub callbacks: *const lkv_receiver_callbacks,
    /// Frames the queue holds; 0: 120.
    pub queue_frames: u32,
    /// A segment ends with LKV_CAUSE_TIMED_OUT when nothing came for so many milliseconds; 0: 10000.
    pub idle_timeout_ms: u32,
    /// Bytes of frames the queue holds; 0: 64 MiB.
    pub queue_bytes: u64,
    /// Larger frames are refused; 0: 64 MiB.
    pub max_frame_bytes: u64,
    /// Which of the sender's outputs to us: as its lkv_output_options say; NULL: the one without a label. At most 64 bytes
    /// without control characters. Senders of version 0 of the wire have no other.
    pub label: *const c_char,
}

/// Counters of a receiver since its creation. Whatever was dropped or refused is in one of them.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct lkv_receiver_stats {
    /// Set by the caller: sizeof(lkv_receiver_stats).
    pub struct_size: u32,
    /// Frames queued now.
    pub queue_frames: u32,
    /// Bytes of the frames queued now.
    pub queue_bytes: u64,
    /// Whole frames that arrived.
    pub frames_received: u64,
    /// Bytes that arrived.
    pub bytes_received: u64,
    /// Frames handed to the application.
    pub frames_delivered: u64,
    /// Queued frames dropped for newer ones.
    pub dropped_oldest: u64,
    /// Frames dropped because the queue was full.
    pub dropped_newest: u64,
    /// Queued frames dropped by a clear of the sender.
    pub dropped_cleared: u64,
    /// Frames that began to arrive and did not become whole.
    pub dropped_truncated: u64,
    /// Segments started.
    pub segments_started: u64,
    /// Segments ended.
    pub segments_ended: u64,
    /// Streams refused, for any of the causes that refused_* count.
    pub streams_refused: u64,
    /// Chunks of streams that are not open.
    pub chunks_unknown: u64,
    /// Chunks that never came.
    pub chunks_lost: u64,
    /// Chunks dropped because they came again.
    pub chunks_repeated: u64,
    /// Chunks that were not as they should be.
    pub chunks_refused: u64,
    /// Frames that the sender has sent and that did not arrive whole, as far as is known; 0 in version 0 of the wire.
    pub frames_lost: u64,
    /// Times that a segment went on in another stream, after a full reconnect.
    pub segments_resumed: u64,
    /// Streams refused because they are not from the sender.
    pub refused_foreign: u64,
    /// Streams refused because their attributes are no video.
    pub refused_bad: u64,
    /// Streams refused because their frames are over max_frame_bytes.
    pub refused_large: u64,
    /// Streams refused because too many segments wait to be taken.
    pub refused_many: u64,
    /// Streams refused because they are of another label or life of the sender, or of a segment that is over or cleared.
    pub refused_stale: u64,
    /// Control messages and calls of the library's own that were refused: not for this receiver, too late, claiming what
    /// cannot be, or not to be read.
    pub messages_stale: u64,
    /// Full reconnects of the room.
    pub reconnects: u64,
    /// Bytes that the sender may be ahead by; it follows the path. 0: unknown, as in version 0 of the wire.
    pub window: u64,
    /// Round trip to the sender, microseconds, smoothed; 0: unknown.
    pub round_trip_us: i64,
    /// From the sending of a frame to its arrival, microseconds, smoothed; 0: unknown, as where the clocks of both sides do
    /// not agree.
    pub latency_us: i64,
    /// The version of the wire that the sender spoke last: 0 or 1; -1: unknown.
    pub wire_version: i32,
    /// 0.
    pub reserved0: u32,
}

c_structs!(lkv_receiver_callbacks, lkv_receiver_options, lkv_receiver_stats);

/// The policy of that number.
pub(super) fn policy(number: lkv_queue_policy) -> Outcome<QueuePolicy> {
    match number {
        LKV_POLICY_BLOCK => Ok(QueuePolicy::Block),
        LKV_POLICY_REFUSE => Ok(QueuePolicy::Refuse),
        LKV_POLICY_DROP_OLDEST => Ok(QueuePolicy::DropOldest),
        LKV_POLICY_DROP_NEWEST => Ok(QueuePolicy::DropNewest),
        _ => Err(Failure::invalid(format!("unknown queue policy {number}"))),
    }
}

/// A limit, or the default for 0. What is beyond this machine's memory is no limit.
pub(super) fn limit(number: u64, default: usize) -> usize {
    match number {
        0 => default,
        number => usize::try_from(number).unwrap_or(usize::MAX),
    }
}

/// Microseconds.
pub(super) fn us(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

/// Microseconds, where 0 is kept for what is not known.
pub(super) fn known_us(time: Option<Duration>) -> i64 {
    time.map_or(0, |time| us(time).max(1))
}

/// The version of the wire, -1 if it is not known.
pub(super) fn wire_version(version: Option<u32>) -> i32 {
    version.and_then(|version| i32::try_from(version).ok()).unwrap_or(-1)
}

/// Fills the options with their defaults. `size` is sizeof(lkv_receiver_options).
///
/// Thread safety: any thread, any callback. Errors: LKV_ERROR_INVALID_ARGUMENT. Since: 0.1.
#[no_mangle]
pub unsafe extern "C" fn lkv_receiver_options_init(options: *mut lkv_receiver_options, size: usize) -> lkv_result {
    // SAFETY: `options` has `size` bytes, says the caller.
    guard(|| unsafe { args::init(options, size) })
}

/// Starts to receive. The sender may come later; the room need not be connected yet.
///
/// \param room     has at most one receiver of each sender and label, and for each label one without a named sender
/// \param options  copied; NULL: all defaults
/// \param out      out: the receiver; written before the first callback runs
///
/// Thread safety: any thread, any callback.
/// Ownership: the caller destroys the receiver, also if the room is destroyed before.
/// Errors: LKV_ERROR_INVALID_ARGUMENT, LKV_ERROR_BUSY if there is such a receiver, LKV_ERROR_CLOSED.
/// Since: 0.1.
#[no_mangle]
pub unsafe extern "C" fn lkv_receiver_create(
    room: *mut lkv_room,
    options: *const lkv_receiver_options,
    out: *mut *mut lkv_receiver,
) -> lkv_result {
    guard(|| {
        let gate = Arc::new(Gate::not_yet_open());
        // SAFETY: `options` is NULL or valid, says the caller. Read first: its user data is ours from here on.
        let options = unsafe { receiver_options(options, &gate) }?;
        // SAFETY: `room` is NULL or a live handle, says the caller.
        let room = unsafe { handle::enter(room) }?;
        // SAFETY: `out` is NULL or writable, says the caller.
        unsafe { handle::create(out, gate, || Ok(Receiver::create(&room, options)?)) }
    })
}

unsafe fn receiver_options(options: *const lkv_receiver_options, gate: &Arc<Gate>) -> Outcome<ReceiverOptions> {
    let defaults = ReceiverOptions::default();
    // SAFETY: as the caller says, here and below.
    let Some(options) = (unsafe { args::read_optional(options) })? else { return Ok(defaults) };
    // SAFETY: as above.
    let on_event = match unsafe { args::read_optional(options.callbacks) }? {
        Some(c) => Some(EventCallback::new(c.on_event, c.user_data, c.destroy)?.into_handler(gate.clone())),
        None => None,
    };
    let policy = policy(options.policy)?;
    if policy == QueuePolicy::Refuse {
        return Err(Failure::invalid("a receiver cannot refuse frames: block or drop"));
    }
    Ok(ReceiverOptions {
        // SAFETY: as above.
        sender: unsafe { args::optional_text(options.sender, "sender") }?.map(str::to_owned),
        policy,
        queue_frames: limit(options.queue_frames.into(), defaults.queue_frames),
        queue_bytes: limit(options.queue_bytes, defaults.queue_bytes),
        max_frame_bytes: limit(options.max_frame_bytes, defaults.max_frame_bytes),
        idle_timeout: match options.idle_timeout_ms {
            0 => defaults.idle_timeout,
            ms => Duration::from_millis(ms.into()),
        },
        // SAFETY: as above.
        label: unsafe { args::optional_text(options.label, "label") }?.unwrap_or_default().to_owned(),
        on_event,
        ..defaults
    })
}

/// Waits until the sender is in the room.
///
/// \param timeout_ms  LKV_FOREVER, 0 to look only, or milliseconds
///
/// Thread safety: any thread; not in this receiver's own callbacks. lkv_receiver_close wakes it.
/// Errors: LKV_ERROR_TIMEOUT, LKV_ERROR_CLOSED, LKV_ERROR_WOULD_DEADLOCK, LKV_ERROR_INVALID_ARGUMENT.
/// Since: 0.1.
#[no_mangle]
pub unsafe extern "C" fn lkv_receiver_wait_sender(receiver: *mut lkv_receiver, timeout_ms: i32) -> lkv_result {
    guard(|| {
        // SAFETY: `receiver` is NULL or a live handle, says the caller.
        let receiver = unsafe { handle::enter(receiver) }?;
        Ok(receiver.wait_sender(receiver.wait(timeout_ms)?)?)
    })
}

/// Takes the next event of a receiver that has no callbacks.
///
/// \param timeout_ms  LKV_FOREVER, 0 to look only, or milliseconds
/// \param event       out: empty, as by LKV_EVENT_INIT or lkv_event_clear
///
/// Thread safety: any thread, also several; each event goes to one of them. lkv_receiver_close wakes it.
/// Ownership: the caller clears the event with lkv_event_clear.
/// Errors: LKV_ERROR_TIMEOUT; LKV_ERROR_CLOSED when the receiver is closed and everything was taken;
/// LKV_ERROR_WOULD_DEADLOCK; LKV_ERROR_INVALID_ARGUMENT, also if it has callbacks.
/// Since: 0.1.
#[no_mangle]
pub unsafe extern "C" fn lkv_receiver_next(
    receiver: *mut lkv_receiver,
    timeout_ms: i32,
    event: *mut lkv_event,
) -> lkv_result {
    guard(|| {
        // SAFETY: `receiver` is NULL or a live handle, says the caller.
        let receiver = unsafe { handle::enter(receiver) }?;
        // SAFETY: `event` is NULL or valid, says the caller, here and below.
        unsafe { lkv_event::check(event) }?;
        let next = receiver.next_event(receiver.wait(timeout_ms)?)?;
        // SAFETY: as just checked.
        unsafe { lkv_event::from(next).give(event) }
    })
}

/// Tells the sender how far playback of a segment came. Returns at once; the answer is an LKV_EVENT_NOTIFIED.
///
/// A sender of version 0 of the wire cannot tell segments apart: notify every one, in order. One of version 1 is told by the
/// library of a segment that it cleared if the application has not done so a second later.
///
/// \param segment      0: the oldest one that was not told about yet
/// \param position_us  microseconds played, 0 or more; the application's own count, cumulative over segments if it likes
/// \param interrupted  whether playback stopped before the segment's end
///
/// Thread safety: any thread, any callback.
/// Errors: LKV_ERROR_NOT_FOUND if no such segment waits for it, LKV_ERROR_INVALID_ARGUMENT, LKV_ERROR_CLOSED.
/// Since: 0.1.
#[no_mangle]
pub unsafe extern "C" fn lkv_receiver_notify_playback_finished(
    receiver: *mut lkv_receiver,
    segment: u64,
    position_us: i64,
    interrupted: bool,
) -> lkv_result {
    guard(|| {
        // SAFETY: `receiver` is NULL or a live handle, says the caller.
        let receiver = unsafe { handle::enter(receiver) }?;
        if position_us < 0 {
            return Err(Failure::invalid(format!("position_us {position_us}")));
        }
        Ok(receiver.notify_playback_finished(segment, position_us, interrupted)?)
    })
}

/// Tells the sender that a segment is on show; it gets an LKV_EVENT_PLAYBACK_STARTED. Call it when the segment's first frame is
/// shown; again changes nothing. Returns at once. Senders of version 0 of the wire are not told, which is no error.
///
/// \param segment  0: the one whose start was taken last
///
/// Thread safety: any thread, any callback. If the sender cannot be told, an LKV_EVENT_ERROR says so.
/// Errors: LKV_ERROR_NOT_FOUND if there is no such segment, or its playback is finished; LKV_ERROR_CLOSED;
/// LKV_ERROR_INVALID_ARGUMENT.
/// Since: 0.1.
#[no_mangle]
pub unsafe extern "C" fn lkv_receiver_notify_playback_started(receiver: *mut lkv_receiver, segment: u64) -> lkv_result {
    guard(|| {
        // SAFETY: `receiver` is NULL or a live handle, says the caller.
        Ok(unsafe { handle::enter(receiver) }?.notify_playback_started(segment)?)
    })
}

/// Reads the counters.
///
/// \param stats  out: with `struct_size` set by the caller
///
/// Thread safety: any thread, any callback. Errors: LKV_ERROR_INVALID_ARGUMENT. Since: 0.1.
#[no_mangle]
pub unsafe extern "C" fn lkv_receiver_get_stats(
    receiver: *mut lkv_receiver,
    stats: *mut lkv_receiver_stats,
) -> lkv_result {
    guard(|| {
        // SAFETY: `receiver` is NULL or a live handle, says the caller.
        let receiver = unsafe { handle::enter(receiver) }?;
        // SAFETY: `stats` is NULL or valid, says the caller.
        unsafe { args::write(stats, &receiver.stats().into()) }
    })
}

impl From<ReceiverStats> for lkv_receiver_stats {
    fn from(stats: ReceiverStats) -> Self {
        Self {
            queue_frames: u32::try_from(stats.queue_frames).unwrap_or(u32::MAX),
            queue_bytes: stats.queue_bytes,
            frames_received: stats.frames_received,
            bytes_received: stats.bytes_received,
            frames_delivered: stats.frames_delivered,
            dropped_oldest: stats.dropped_oldest,
            dropped_newest: stats.dropped_newest,
            dropped_cleared: stats.dropped_cleared,
            dropped_truncated: stats.dropped_truncated,
            segments_started: stats.segments_started,
            segments_ended: stats.segments_ended,
            streams_refused: stats.streams_refused,
            chunks_unknown: stats.chunks_unknown,
            chunks_lost: stats.chunks_lost,
            chunks_repeated: stats.chunks_repeated,
            chunks_refused: stats.chunks_refused,
            frames_lost: stats.frames_lost,
            segments_resumed: stats.segments_resumed,
            refused_foreign: stats.refused_foreign,
            refused_bad: stats.refused_bad,
            refused_large: stats.refused_large,
            refused_many: stats.refused_many,
            refused_stale: stats.refused_stale,
            messages_stale: stats.messages_stale,
            reconnects: stats.reconnects,
            window: stats.window,
            round_trip_us: known_us(stats.round_trip),
            latency_us: known_us(stats.latency),
            wire_version: wire_version(stats.version),
            ..Self::empty()
        }
    }
}

/// Stops receiving and wakes every waiter with LKV_ERROR_CLOSED. An open segment ends with LKV_CAUSE_CLOSED; what is queued
/// can still be taken. Closing twice is no error.
///
/// Thread safety: any thread, any callback; never waits. Errors: LKV_ERROR_INVALID_ARGUMENT. Since: 0.1.
#[no_mangle]
pub unsafe extern "C" fn lkv_receiver_close(receiver: *mut lkv_receiver) -> lkv_result {
    guard(|| {
        // SAFETY: `receiver` is NULL or a live handle, says the caller.
        unsafe { handle::enter(receiver) }?.close();
        Ok(())
    })
}

/// Closes and frees a receiver. It waits for the callback under way and for threads inside a call on the receiver; no callback
/// starts any more, what is queued is dropped. From inside any callback of the library it returns at once, and the rest
/// happens afterwards. NULL is no error.
///
/// Thread safety: any thread, any callback; nobody may use the handle from now on.
/// Ownership: takes the handle. Frames that were retained live on.
/// Since: 0.1.
#[no_mangle]
pub unsafe extern "C" fn lkv_receiver_destroy(receiver: *mut lkv_receiver) {
    // SAFETY: `receiver` is NULL or a live handle, which C gives up, says the caller.
    guard_or((), || unsafe { handle::destroy(receiver) });
}
