// SPDX-License-Identifier: Apache-2.0
//! Events of rooms: `lkv_room_event`, which owns what it points to until `lkv_room_event_clear`, and the callback that takes
//! them. A pulled event is C's to clear; in a callback it is borrowed, and [`RoomCallback`] clears it afterwards.

use super::args::{self, c_structs, CStruct};
use super::callback::{c_string, Destroy, UserData};
use super::gate::Gate;
use super::guard::guard_or;
use super::room::{lkv_disconnect_reason, lkv_participant_kind, lkv_room_state, reason_number, state_number};
use super::status::{lkv_result, result_of, Failure, Outcome, LKV_OK};
use crate::driver::{EventHandler, Participant, RoomEvent};
use bytes::Bytes;
use std::ffi::{c_char, c_void, CString};
use std::sync::Arc;

/// What a room's event tells: LKV_ROOM_EVENT_*.
pub type lkv_room_event_type = i32;
/// The state changed: `state`, `reason`, `error`, `message`.
pub const LKV_ROOM_EVENT_STATE: lkv_room_event_type = 1;
/// A participant came, or was there: `identity`, `kind`.
pub const LKV_ROOM_EVENT_PARTICIPANT_JOINED: lkv_room_event_type = 2;
/// A participant left: `identity`, `kind`.
pub const LKV_ROOM_EVENT_PARTICIPANT_LEFT: lkv_room_event_type = 3;
/// A message of a participant: `identity`, `topic`, `data`, `size`, `reliable`.
pub const LKV_ROOM_EVENT_DATA: lkv_room_event_type = 4;

/// What a room has to tell. Which fields count is said at each LKV_ROOM_EVENT_*; the others are 0.
///
/// Start with LKV_ROOM_EVENT_INIT. A pulled event owns what it points to until lkv_room_event_clear, and is cleared before
/// it is used again. In a callback it is borrowed.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct lkv_room_event {
    /// Set by the caller: sizeof(lkv_room_event).
    pub struct_size: u32,
    /// LKV_ROOM_EVENT_*.
    pub r#type: lkv_room_event_type,
    /// LKV_ROOM_*.
    pub state: lkv_room_state,
    /// LKV_DISCONNECT_*.
    pub reason: lkv_disconnect_reason,
    /// Why it could not connect or was disconnected, where that is known.
    pub error: lkv_result,
    /// LKV_KIND_*.
    pub kind: lkv_participant_kind,
    /// 1 if the message was sent reliably.
    pub reliable: u8,
    /// 0.
    pub reserved0: [u8; 7],
    /// Text for humans; may be NULL.
    pub message: *const c_char,
    /// The participant; of a message, its sender, "" if that is the server or somebody whom the room does not know yet.
    pub identity: *const c_char,
    /// The message's topic.
    pub topic: *const c_char,
    /// The message's bytes.
    pub data: *const u8,
    /// How many.
    pub size: usize,
    /// The library's.
    pub reserved1: *mut c_void,
}

/// Functions that a room calls on its own thread, one at a time, in order.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct lkv_room_callbacks {
    /// sizeof(lkv_room_callbacks).
    pub struct_size: u32,
    /// 0.
    pub reserved0: u32,
    /// Takes one event, borrowed for the call. Every function may be called inside; those that wait on this room say
    /// LKV_ERROR_WOULD_DEADLOCK.
    pub on_event: Option<unsafe extern "C" fn(event: *const lkv_room_event, user_data: *mut c_void)>,
    /// Handed to `on_event`; may be NULL.
    pub user_data: *mut c_void,
    /// Frees `user_data`: exactly once, after the last callback, also if connecting fails. May be NULL.
    pub destroy: Option<unsafe extern "C" fn(user_data: *mut c_void)>,
}

c_structs!(lkv_room_event, lkv_room_callbacks);

/// Frees what an event owns and sets everything but `struct_size` to 0, so that it can be used again. NULL and an empty event
/// are no error. Only for events that were pulled, not for those of a callback.
///
/// Thread safety: any thread, any callback; one thread at a time for one event. Since: 0.1.
#[no_mangle]
pub unsafe extern "C" fn lkv_room_event_clear(event: *mut lkv_room_event) {
    guard_or((), || {
        // SAFETY: `event` is NULL or valid, says the caller.
        if unsafe { args::whole_struct(event) }.is_ok() {
            // SAFETY: not NULL and whole, as just checked; initialised, says the caller.
            unsafe { (*event).clear() };
        }
    });
}

/// What a room's event points to.
#[derive(Default)]
struct Owned {
    message: Option<CString>,
    identity: Option<CString>,
    topic: Option<CString>,
    data: Bytes,
}

impl lkv_room_event {
    fn owning(mut self, owned: Owned) -> Self {
        let owned = Box::new(owned);
        let pointer = |text: &Option<CString>| text.as_ref().map_or(std::ptr::null(), |text| text.as_ptr());
        self.message = pointer(&owned.message);
        self.identity = pointer(&owned.identity);
        self.topic = pointer(&owned.topic);
        if !owned.data.is_empty() {
            self.data = owned.data.as_ptr();
            self.size = owned.data.len();
        }
        self.reserved1 = Box::into_raw(owned).cast();
        self
    }

    unsafe fn clear(&mut self) {
        if !self.reserved1.is_null() {
            // SAFETY: set by `owning` only.
            drop(unsafe { Box::from_raw(self.reserved1.cast::<Owned>()) });
        }
        *self = Self { struct_size: self.struct_size, ..Self::empty() };
    }

    fn participant(kind: lkv_room_event_type, participant: Participant) -> Self {
        let owned = Owned { identity: Some(c_string(participant.identity)), ..Owned::default() };
        Self { r#type: kind, kind: participant.kind.as_i32(), ..Self::empty() }.owning(owned)
    }
}

impl From<RoomEvent> for lkv_room_event {
    fn from(event: RoomEvent) -> Self {
        match event {
            RoomEvent::State { state, reason, error } => {
                let number = error.as_ref().map_or(LKV_OK, result_of);
                let message = error.map(|error| c_string(error.to_string()));
                let (state, reason) = (state_number(state), reason_number(reason));
                Self { r#type: LKV_ROOM_EVENT_STATE, state, reason, error: number, ..Self::empty() }
                    .owning(Owned { message, ..Owned::default() })
            }
            RoomEvent::ParticipantJoined(participant) => {
                Self::participant(LKV_ROOM_EVENT_PARTICIPANT_JOINED, participant)
            }
            RoomEvent::ParticipantLeft(participant) => Self::participant(LKV_ROOM_EVENT_PARTICIPANT_LEFT, participant),
            RoomEvent::Data { sender, topic, payload, reliable } => {
                let (identity, topic) = (Some(c_string(sender)), Some(c_string(topic)));
                Self { r#type: LKV_ROOM_EVENT_DATA, reliable: reliable.into(), ..Self::empty() }.owning(Owned {
                    identity,
                    topic,
                    data: payload,
                    ..Owned::default()
                })
            }
        }
    }
}

type OnRoomEvent = unsafe extern "C" fn(event: *const lkv_room_event, user_data: *mut c_void);

/// A C function that takes a room's events. Dropping it destroys the user data.
pub(super) struct RoomCallback {
    function: OnRoomEvent,
    user_data: UserData,
}

impl RoomCallback {
    pub fn new(on_event: Option<OnRoomEvent>, user_data: *mut c_void, destroy: Destroy) -> Outcome<Self> {
        let user_data = UserData::new(user_data, destroy);
        let function = on_event.ok_or_else(|| Failure::invalid("on_event is NULL"))?;
        Ok(Self { function, user_data })
    }

    pub fn into_handler(self, gate: Arc<Gate>) -> EventHandler<RoomEvent> {
        Box::new(move |event| {
            gate.pass(|| self.call(event.into()));
        })
    }

    fn call(&self, mut event: lkv_room_event) {
        // SAFETY: the function borrows the event and gets its own user_data.
        unsafe { (self.function)(&event, self.user_data.pointer()) };
        // SAFETY: the event is ours.
        unsafe { event.clear() };
    }
}
