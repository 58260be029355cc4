// SPDX-License-Identifier: Apache-2.0
//! Events of receivers and outputs: `lkv_event`, which owns what it points to until `lkv_event_clear`.
//!
//! A pulled event is C's to clear; in a callback it is borrowed, and [`EventCallback`] clears it afterwards.

use super::args::{self, c_structs, CStruct};
use super::callback::{c_string, Destroy, UserData};
use super::frame::{give, lkv_frame, lkv_pixel, take_back};
use super::gate::Gate;
use super::guard::guard_or;
use super::status::{lkv_result, result_of_kind, Failure, Outcome, LKV_ERROR_REJECTED, LKV_ERROR_RPC, LKV_OK};
use crate::driver::EventHandler;
use crate::driver::{NotifyAnswer, OutputEvent, ReceiverEvent, SegmentCause};
use std::ffi::{c_char, c_void, CString};
use std::sync::Arc;

/// What an event tells: LKV_EVENT_*.
pub type lkv_event_type = i32;
/// A segment starts: `segment`, and of its first frame `pixel_type`, `width`, `height`: later ones may have others.
pub const LKV_EVENT_SEGMENT_START: lkv_event_type = 1;
/// A whole frame: `frame`, `segment`, `number`.
pub const LKV_EVENT_FRAME: lkv_event_type = 2;
/// The segment that started last is over: `segment`, `cause`, `frames`, `frames_lost`.
pub const LKV_EVENT_SEGMENT_END: lkv_event_type = 3;
/// The sender cleared its buffer: what is on show is void. The end of each open segment follows.
pub const LKV_EVENT_CLEARED: lkv_event_type = 4;
/// A playback-finished of ours was answered: `segment`, `position_us`, `answer`, and if that is not LKV_ANSWER_OK, `error`
/// and `message`.
pub const LKV_EVENT_NOTIFIED: lkv_event_type = 5;
/// Something went wrong and the object goes on: `error`, `message`.
pub const LKV_EVENT_ERROR: lkv_event_type = 6;
/// The participant that a receiver listens to came, changed or left: `message` is its identity, "" if it is gone.
pub const LKV_EVENT_SENDER: lkv_event_type = 7;
/// A segment of an output was played: `segment`, `position_us`, `interrupted`, `made_up`.
pub const LKV_EVENT_PLAYBACK_FINISHED: lkv_event_type = 8;
/// The receiver of an output shows a segment: `segment`. Not every receiver tells; who does tells before the segment's
/// LKV_EVENT_PLAYBACK_FINISHED.
pub const LKV_EVENT_PLAYBACK_STARTED: lkv_event_type = 9;

/// Why a segment ended: LKV_CAUSE_*.
pub type lkv_segment_cause = i32;
/// Not the end of a segment.
pub const LKV_CAUSE_NONE: lkv_segment_cause = 0;
/// The sender flushed it. Every frame arrived, but for `frames_lost` of version 1 of the wire.
pub const LKV_CAUSE_FLUSHED: lkv_segment_cause = 1;
/// The sender cleared it.
pub const LKV_CAUSE_CLEARED: lkv_segment_cause = 2;
/// It was broken off, or nobody knows how it ended; in version 0 of the wire also if something of it was lost.
pub const LKV_CAUSE_TRUNCATED: lkv_segment_cause = 3;
/// Nothing came for the idle time-out.
pub const LKV_CAUSE_TIMED_OUT: lkv_segment_cause = 4;
/// The sender left the room, in version 1 of the wire for longer than 5 s.
pub const LKV_CAUSE_SENDER_LEFT: lkv_segment_cause = 5;
/// The sender's program or output started anew (version 1 of the wire only).
pub const LKV_CAUSE_SENDER_RESTARTED: lkv_segment_cause = 6;
/// The room was closed or lost for good.
pub const LKV_CAUSE_DISCONNECTED: lkv_segment_cause = 7;
/// The application closed the receiver.
pub const LKV_CAUSE_CLOSED: lkv_segment_cause = 8;

/// How the sender answered a playback-finished: LKV_ANSWER_*.
pub type lkv_answer = i32;
/// It took it.
pub const LKV_ANSWER_OK: lkv_answer = 1;
/// It does not take us for its destination.
pub const LKV_ANSWER_REJECT: lkv_answer = 2;
/// No answer came.
pub const LKV_ANSWER_FAILED: lkv_answer = 3;

/// What a receiver or an output has to tell. Which fields count is said at each LKV_EVENT_*; the others are 0.
///
/// Start with LKV_EVENT_INIT. A pulled event owns its frame and message until lkv_event_clear, and is cleared before it is
/// used again. In a callback it is borrowed: retain the frame to keep it, copy the message.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct lkv_event {
    /// Set by the caller: sizeof(lkv_event).
    pub struct_size: u32,
    /// LKV_EVENT_*.
    pub r#type: lkv_event_type,
    /// The segment, from 1; each receiver and each output counts its own.
    pub segment: u64,
    /// The frame's number in its segment, from 0. At a segment's end: as `frames`.
    pub number: u64,
    /// Whole frames of the segment that arrived, delivered or dropped by the queue's policy.
    pub frames: u64,
    /// The playback position, in microseconds.
    pub position_us: i64,
    /// Why the segment ended: LKV_CAUSE_*.
    pub cause: lkv_segment_cause,
    /// How the peer answered: LKV_ANSWER_*.
    pub answer: lkv_answer,
    /// What went wrong.
    pub error: lkv_result,
    /// 1 if playback stopped before the segment's end.
    pub interrupted: u8,
    /// 1 if the library made it up because the receiver's can no longer come; the position is the last one known.
    pub made_up: u8,
    /// 0.
    pub reserved0: [u8; 2],
    /// Pixel type of the segment's first frame: LKV_PIXEL_*.
    pub pixel_type: lkv_pixel,
    /// Width of the segment's first frame, in pixels.
    pub width: u32,
    /// Height, in pixels.
    pub height: u32,
    /// 0.
    pub reserved1: u32,
    /// The frame, owned by the event.
    pub frame: *const lkv_frame,
    /// Text, owned by the event; may be NULL.
    pub message: *const c_char,
    /// The library's.
    pub reserved2: *mut c_void,
    /// Frames of the segment that the sender has sent and that did not arrive whole, as far as is known; 0 where the sender
    /// speaks version 0 of the wire.
    pub frames_lost: u64,
}

c_structs!(lkv_event);

/// Bytes of an event that own something; shorter structs cannot be filled.
const OWNING: usize = std::mem::offset_of!(lkv_event, frames_lost);

// An empty event is not the end of a segment.
const _: () = assert!(LKV_CAUSE_NONE == 0);

/// Releases the frame and the message of an event and sets everything but `struct_size` to 0, so that it can be used again.
/// NULL and an empty event are no error. Only for events that were pulled, not for those of a callback.
///
/// Thread safety: any thread, any callback; one thread at a time for one event. Since: 0.1.
#[no_mangle]
pub unsafe extern "C" fn lkv_event_clear(event: *mut lkv_event) {
    guard_or((), || {
        // SAFETY: `event` is NULL or valid, says the caller.
        if unsafe { lkv_event::check(event) }.is_ok() {
            // SAFETY: as just checked; initialised, says the caller.
            unsafe { lkv_event::clear(event) };
        }
    });
}

impl lkv_event {
    fn new(kind: lkv_event_type) -> Self {
        Self { r#type: kind, ..Self::empty() }
    }

    fn with_message(mut self, message: String) -> Self {
        let message = c_string(message).into_raw();
        self.message = message;
        self.reserved2 = message.cast();
        self
    }

    /// Refuses what cannot hold all that an event owns.
    pub(super) unsafe fn check(event: *const Self) -> Outcome {
        // SAFETY: as the caller says.
        unsafe { args::owning_struct(event, OWNING) }
    }

    /// The event was checked. It may be a shorter one of an older header, so that it is never a reference.
    unsafe fn clear(event: *mut Self) {
        // SAFETY: both are among the bytes that were checked.
        let (frame, message) = unsafe { ((*event).frame, (*event).reserved2) };
        // SAFETY: the event holds a reference to its frame, or NULL.
        unsafe { take_back(frame) };
        if !message.is_null() {
            // SAFETY: set by `with_message` only.
            drop(unsafe { CString::from_raw(message.cast()) });
        }
        // SAFETY: `write` goes by the event's own size. It was checked, so that nothing fails.
        let _ = unsafe { args::write(event, &Self::empty()) };
    }

    /// Gives the event to C. The caller has checked the output before it took the event.
    pub(super) unsafe fn give(self, out: *mut lkv_event) -> Outcome {
        // SAFETY: as the caller says.
        unsafe { args::write(out, &self) }
    }
}

type OnEvent = unsafe extern "C" fn(event: *const lkv_event, user_data: *mut c_void);

/// A C function that takes events. Dropping it destroys the user data.
pub(super) struct EventCallback {
    function: OnEvent,
    user_data: UserData,
}

impl EventCallback {
    pub fn new(on_event: Option<OnEvent>, user_data: *mut c_void, destroy: Destroy) -> Outcome<Self> {
        let user_data = UserData::new(user_data, destroy);
        let function = on_event.ok_or_else(|| Failure::invalid("on_event is NULL"))?;
        Ok(Self { function, user_data })
    }

    /// What the driver calls; each event passes the gate of its object.
    pub fn into_handler<E: Into<lkv_event> + 'static>(self, gate: Arc<Gate>) -> EventHandler<E> {
        Box::new(move |event| {
            gate.pass(|| self.call(event.into()));
        })
    }

    fn call(&self, mut event: lkv_event) {
        // SAFETY: the function borrows the event and gets its own user_data.
        unsafe { (self.function)(&event, self.user_data.pointer()) };
        // SAFETY: the event is ours.
        unsafe { lkv_event::clear(&mut event) };
    }
}

impl From<ReceiverEvent> for lkv_event {
    fn from(event: ReceiverEvent) -> Self {
        match event {
            ReceiverEvent::Sender(identity) => Self::new(LKV_EVENT_SENDER).with_message(identity.unwrap_or_default()),
            ReceiverEvent::SegmentStart { segment, format, width, height } => {
                let pixel_type = format.number() as lkv_pixel;
                Self { segment, pixel_type, width, height, ..Self::new(LKV_EVENT_SEGMENT_START) }
            }
            ReceiverEvent::Frame(frame) => {
                let (segment, number) = (frame.info().segment, frame.info().number);
                Self { segment, number, frame: give(frame), ..Self::new(LKV_EVENT_FRAME) }
            }
            ReceiverEvent::SegmentEnd { segment, frames, lost, cause } => {
                let (cause, number) = (cause_number(cause), frames);
                Self { segment, number, frames, frames_lost: lost, cause, ..Self::new(LKV_EVENT_SEGMENT_END) }
            }
            ReceiverEvent::Cleared => Self::new(LKV_EVENT_CLEARED),
            ReceiverEvent::Notified { segment, position_us, answer } => {
                let (answer, error, message) = match answer {
                    NotifyAnswer::Ok => (LKV_ANSWER_OK, LKV_OK, None),
                    NotifyAnswer::Reject => {
                        (LKV_ANSWER_REJECT, LKV_ERROR_REJECTED, Some("the sender answered `reject`".to_owned()))
                    }
                    NotifyAnswer::Failed(why) => (LKV_ANSWER_FAILED, LKV_ERROR_RPC, Some(why)),
                };
                let event = Self { segment, position_us, answer, error, ..Self::new(LKV_EVENT_NOTIFIED) };
                match message {
                    Some(message) => event.with_message(message),
                    None => event,
                }
            }
            ReceiverEvent::Error { kind, message } => {
                Self { error: result_of_kind(kind), ..Self::new(LKV_EVENT_ERROR) }.with_message(message)
            }
        }
    }
}

impl From<OutputEvent> for lkv_event {
    fn from(event: OutputEvent) -> Self {
        match event {
            OutputEvent::PlaybackStarted { segment } => Self { segment, ..Self::new(LKV_EVENT_PLAYBACK_STARTED) },
            OutputEvent::PlaybackFinished { segment, position_us, interrupted, made_up } => Self {
                segment,
                position_us,
                interrupted: interrupted.into(),
                made_up: made_up.into(),
                ..Self::new(LKV_EVENT_PLAYBACK_FINISHED)
            },
            OutputEvent::Error { kind, message } => {
                Self { error: result_of_kind(kind), ..Self::new(LKV_EVENT_ERROR) }.with_message(message)
            }
        }
    }
}

fn cause_number(cause: SegmentCause) -> lkv_segment_cause {
    match cause {
        SegmentCause::Flushed => LKV_CAUSE_FLUSHED,
        SegmentCause::Cleared => LKV_CAUSE_CLEARED,
        SegmentCause::Truncated => LKV_CAUSE_TRUNCATED,
        SegmentCause::TimedOut => LKV_CAUSE_TIMED_OUT,
        SegmentCause::SenderLeft => LKV_CAUSE_SENDER_LEFT,
        SegmentCause::SenderRestarted => LKV_CAUSE_SENDER_RESTARTED,
        SegmentCause::Disconnected => LKV_CAUSE_DISCONNECTED,
        SegmentCause::Closed => LKV_CAUSE_CLOSED,
    }
}
