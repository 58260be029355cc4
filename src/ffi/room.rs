// SPDX-License-Identifier: Apache-2.0
//! `lkv_room`: one participant of ours in one room.

use super::args::{self, c_structs, CStruct};
use super::callback::c_string;
use super::gate::{pass_free, Gate};
use super::guard::{guard, guard_or};
use super::handle::{self, Object, Opaque};
use super::room_event::{lkv_room_callbacks, lkv_room_event, RoomCallback};
use super::status::{lkv_result, Failure, Outcome, LKV_ERROR_IO};
use crate::driver::{DisconnectReason, Participant, ParticipantKind, Room, RoomOptions, RoomState, Roots};
use bytes::Bytes;
use std::ffi::{c_char, c_void};
use std::sync::Arc;
use std::time::Duration;

/// As `timeout_ms`: wait until it happens or the object is closed. 0 tries only; a positive number is milliseconds.
pub const LKV_FOREVER: i32 = -1;

/// What a participant is: LKV_KIND_*, with LiveKit's numbers.
pub type lkv_participant_kind = i32;
/// A person or an application.
pub const LKV_KIND_STANDARD: lkv_participant_kind = 0;
/// An ingress worker.
pub const LKV_KIND_INGRESS: lkv_participant_kind = 1;
/// An egress worker.
pub const LKV_KIND_EGRESS: lkv_participant_kind = 2;
/// A SIP caller.
pub const LKV_KIND_SIP: lkv_participant_kind = 3;
/// An agent.
pub const LKV_KIND_AGENT: lkv_participant_kind = 4;
/// A connector.
pub const LKV_KIND_CONNECTOR: lkv_participant_kind = 7;
/// A bridge.
pub const LKV_KIND_BRIDGE: lkv_participant_kind = 8;

/// Where a room stands: LKV_ROOM_*.
pub type lkv_room_state = i32;
/// On its way.
pub const LKV_ROOM_CONNECTING: lkv_room_state = 0;
/// In the room.
pub const LKV_ROOM_CONNECTED: lkv_room_state = 1;
/// The connection is lost and being made again.
pub const LKV_ROOM_RECONNECTING: lkv_room_state = 2;
/// Over: the reason says why. A room does not leave this state.
pub const LKV_ROOM_DISCONNECTED: lkv_room_state = 3;

/// Why a room is disconnected: LKV_DISCONNECT_*.
pub type lkv_disconnect_reason = i32;
/// It is not.
pub const LKV_DISCONNECT_NONE: lkv_disconnect_reason = 0;
/// We closed it.
pub const LKV_DISCONNECT_CLIENT: lkv_disconnect_reason = 1;
/// It never connected.
pub const LKV_DISCONNECT_CONNECT_FAILED: lkv_disconnect_reason = 2;
/// Another participant joined with our identity.
pub const LKV_DISCONNECT_DUPLICATE_IDENTITY: lkv_disconnect_reason = 3;
/// The room was deleted.
pub const LKV_DISCONNECT_ROOM_CLOSED: lkv_disconnect_reason = 4;
/// We were removed from it.
pub const LKV_DISCONNECT_PARTICIPANT_REMOVED: lkv_disconnect_reason = 5;
/// The server went away.
pub const LKV_DISCONNECT_SERVER_SHUTDOWN: lkv_disconnect_reason = 6;
/// The connection was lost and could not be made again.
pub const LKV_DISCONNECT_RECONNECT_FAILED: lkv_disconnect_reason = 7;
/// Something else; where it is known, the event's message says what.
pub const LKV_DISCONNECT_OTHER: lkv_disconnect_reason = 8;

/// A connection to one room as one participant; it carries any number of receivers and outputs. Destroy it with
/// lkv_room_destroy.
pub struct lkv_room {
    _opaque: [u8; 0],
}

impl Opaque for lkv_room {
    type Object = Room;
}

impl Object for Room {
    fn close(&self) {
        Room::close(self);
    }

    fn join(&self) {
        Room::join(self);
    }
}

/// How to connect. 0 and NULL are the defaults.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct lkv_room_options {
    /// sizeof(lkv_room_options).
    pub struct_size: u32,
    /// Milliseconds for the whole of connecting; 0: 15000.
    pub connect_timeout_ms: u32,
    /// NULL: events are pulled with lkv_room_next_event.
    pub callbacks: *const lkv_room_callbacks,
    /// A file of PEM certificates that are trusted for `wss://` and `https://` instead of the system's; NULL: the system's.
    pub ca_file: *const c_char,
    /// The same as text. At most one of the two is given.
    pub ca_pem: *const c_char,
    /// Bytes of `ca_pem`; 0: it ends with a NUL.
    pub ca_pem_size: usize,
    /// 1: two peer connections, for servers older than the single one.
    pub dual_peer_connection: u8,
    /// 0.
    pub reserved0: [u8; 7],
}

/// A remote participant, as lkv_room_for_each_participant shows it. The strings are borrowed for the call.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct lkv_participant {
    /// sizeof(lkv_participant) of the library.
    pub struct_size: u32,
    /// LKV_KIND_*.
    pub kind: lkv_participant_kind,
    /// Unique in the room.
    pub identity: *const c_char,
    /// For display; may be "".
    pub name: *const c_char,
    /// The application's; may be "".
    pub metadata: *const c_char,
}

/// Counters of a room since its creation.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct lkv_room_stats {
    /// Set by the caller: sizeof(lkv_room_stats).
    pub struct_size: u32,
    /// 0.
    pub reserved0: u32,
    /// Events and messages dropped because too many waited for lkv_room_next_event or a slow callback.
    pub events_dropped: u64,
}

c_structs!(lkv_room_options, lkv_participant, lkv_room_stats);

/// Fills the options with their defaults. `size` is sizeof(lkv_room_options).
///
/// Thread safety: any thread, any callback. Errors: LKV_ERROR_INVALID_ARGUMENT. Since: 0.1.
#[no_mangle]
pub unsafe extern "C" fn lkv_room_options_init(options: *mut lkv_room_options, size: usize) -> lkv_result {
    // SAFETY: `options` has `size` bytes, says the caller.
    guard(|| unsafe { args::init(options, size) })
}

/// Starts to connect and returns at once: lkv_room_wait_connected waits, and events tell. What can be known at once (a bad
/// URL, a bad argument) is said at once.
///
/// \param url      `ws://`, `wss://`, `http://` or `https://` of a LiveKit server; or `loopback:NAME`, a room inside this
///                 process that needs no server and no token. `loopback:NAME?identity=alice&kind=agent` says who we are
///                 there; who comes with an identity that is in use takes it over, as on a server
/// \param token    an access token, as from lkv_token_create; NULL for `loopback:`
/// \param options  copied; NULL: all defaults
/// \param out      out: the room; written before the first callback runs
///
/// Thread safety: any thread, any callback.
/// Ownership: the caller destroys the room.
/// Errors: LKV_ERROR_INVALID_ARGUMENT, LKV_ERROR_URL, LKV_ERROR_IO if `ca_file` cannot be read, LKV_ERROR_TLS for bad
/// certificates in it. Later ones come with the state.
/// Since: 0.1.
#[no_mangle]
pub unsafe extern "C" fn lkv_room_connect(
    url: *const c_char,
    token: *const c_char,
    options: *const lkv_room_options,
    out: *mut *mut lkv_room,
) -> lkv_result {
    guard(|| {
        let gate = Arc::new(Gate::not_yet_open());
        // SAFETY: `options` is NULL or valid, says the caller. Read first: its user data is ours from here on.
        let options = unsafe { room_options(options, &gate) }?;
        // SAFETY: C strings, says the caller.
        let (url, token) = unsafe { (args::text(url, "url")?, args::optional_text(token, "token")?) };
        // SAFETY: `out` is NULL or writable, says the caller.
        unsafe { handle::create(out, gate, || Ok(Room::connect(url, token.unwrap_or_default(), options)?)) }
    })
}

unsafe fn room_options(options: *const lkv_room_options, gate: &Arc<Gate>) -> Outcome<RoomOptions> {
    let defaults = RoomOptions::default();
    // SAFETY: as the caller says, here and below.
    let Some(options) = (unsafe { args::read_optional(options) })? else { return Ok(defaults) };
    // SAFETY: as above.
    let on_event = match unsafe { args::read_optional(options.callbacks) }? {
        Some(c) => Some(RoomCallback::new(c.on_event, c.user_data, c.destroy)?.into_handler(gate.clone())),
        None => None,
    };
    Ok(RoomOptions {
        connect_timeout: match options.connect_timeout_ms {
            0 => defaults.connect_timeout,
            ms => Duration::from_millis(ms.into()),
        },
        // SAFETY: as above.
        roots: unsafe { roots(&options) }?,
        dual_peer_connection: options.dual_peer_connection != 0,
        on_event,
    })
}

unsafe fn roots(options: &lkv_room_options) -> Outcome<Roots> {
    // SAFETY: as the caller says, here and below.
    let file = unsafe { args::optional_text(options.ca_file, "ca_file") }?;
    if let Some(file) = file {
        if !options.ca_pem.is_null() {
            return Err(Failure::invalid("both ca_file and ca_pem are given"));
        }
        let pem = std::fs::read(file).map_err(|e| Failure::new(LKV_ERROR_IO, format!("ca_file {file}: {e}")))?;
        return Ok(Roots::Pem(pem));
    }
    if options.ca_pem.is_null() && options.ca_pem_size == 0 {
        return Ok(Roots::System);
    }
    let pem = match options.ca_pem_size {
        // SAFETY: NUL-terminated then, says the header.
        0 => unsafe { args::text(options.ca_pem, "ca_pem") }?.as_bytes(),
        // SAFETY: that many bytes, says the header.
        size => unsafe { args::bytes(options.ca_pem.cast(), size, "ca_pem") }?,
    };
    Ok(Roots::Pem(pem.to_vec()))
}

/// Waits until the room is connected.
///
/// \param timeout_ms  LKV_FOREVER, 0 to look only, or milliseconds
///
/// Thread safety: any thread; not in this room's own callbacks. lkv_room_close wakes it.
/// Errors: why it could not connect (LKV_ERROR_RESOLVE, LKV_ERROR_UNREACHABLE, LKV_ERROR_TLS, LKV_ERROR_UNAUTHORIZED,
/// LKV_ERROR_SERVER); LKV_ERROR_TIMEOUT, LKV_ERROR_CLOSED, LKV_ERROR_WOULD_DEADLOCK, LKV_ERROR_INVALID_ARGUMENT.
/// Since: 0.1.
#[no_mangle]
pub unsafe extern "C" fn lkv_room_wait_connected(room: *mut lkv_room, timeout_ms: i32) -> lkv_result {
    guard(|| {
        // SAFETY: `room` is NULL or a live handle, says the caller.
        let room = unsafe { handle::enter(room) }?;
        Ok(room.wait_connected(room.wait(timeout_ms)?)?)
    })
}

/// Waits until a participant is in the room and can be sent to.
///
/// \param timeout_ms  LKV_FOREVER, 0 to look only, or milliseconds
///
/// Thread safety: any thread; not in this room's own callbacks. lkv_room_close wakes it.
/// Errors: as lkv_room_wait_connected.
/// Since: 0.1.
#[no_mangle]
pub unsafe extern "C" fn lkv_room_wait_participant(
    room: *mut lkv_room,
    identity: *const c_char,
    timeout_ms: i32,
) -> lkv_result {
    guard(|| {
        // SAFETY: `room` is NULL or a live handle, says the caller.
        let room = unsafe { handle::enter(room) }?;
        // SAFETY: `identity` is NULL or a C string, says the caller.
        let identity = unsafe { args::text(identity, "identity") }?;
        Ok(room.wait_participant(identity, room.wait(timeout_ms)?)?)
    })
}

/// Tells where the room stands.
///
/// \param state   out: LKV_ROOM_*; may be NULL
/// \param reason  out: LKV_DISCONNECT_*; may be NULL
///
/// Thread safety: any thread, any callback. Errors: LKV_ERROR_INVALID_ARGUMENT. Since: 0.1.
#[no_mangle]
pub unsafe extern "C" fn lkv_room_get_state(
    room: *mut lkv_room,
    state: *mut lkv_room_state,
    reason: *mut lkv_disconnect_reason,
) -> lkv_result {
    guard(|| {
        // SAFETY: `room` is NULL or a live handle, says the caller.
        let (now, why) = unsafe { handle::enter(room) }?.state();
        // SAFETY: each is NULL or writable, says the caller.
        unsafe {
            args::put(state, state_number(now));
            args::put(reason, reason_number(why));
        }
        Ok(())
    })
}

/// Copies our own identity; "" before a server has confirmed it.
///
/// \param buf     out: NUL-terminated; may be NULL if `cap` is 0
/// \param cap     bytes of `buf`
/// \param needed  out: bytes with the NUL, also if the buffer is too small; may be NULL
///
/// Thread safety: any thread, any callback. Ownership: copied.
/// Errors: LKV_ERROR_BUFFER_TOO_SMALL, LKV_ERROR_INVALID_ARGUMENT. Since: 0.1.
#[no_mangle]
pub unsafe extern "C" fn lkv_room_identity(
    room: *mut lkv_room,
    buf: *mut c_char,
    cap: usize,
    needed: *mut usize,
) -> lkv_result {
    guard(|| {
        // SAFETY: `room` is NULL or a live handle, says the caller.
        let room = unsafe { handle::enter(room) }?;
        // SAFETY: the outputs are as the caller says.
        unsafe { args::copy_out(&room.identity(), buf, cap, needed) }
    })
}

/// Copies the room's name; "" before a server has confirmed it.
///
/// \param buf     out: NUL-terminated; may be NULL if `cap` is 0
/// \param cap     bytes of `buf`
/// \param needed  out: bytes with the NUL, also if the buffer is too small; may be NULL
///
/// Thread safety: any thread, any callback. Ownership: copied.
/// Errors: LKV_ERROR_BUFFER_TOO_SMALL, LKV_ERROR_INVALID_ARGUMENT. Since: 0.1.
#[no_mangle]
pub unsafe extern "C" fn lkv_room_name(
    room: *mut lkv_room,
    buf: *mut c_char,
    cap: usize,
    needed: *mut usize,
) -> lkv_result {
    guard(|| {
        // SAFETY: `room` is NULL or a live handle, says the caller.
        let room = unsafe { handle::enter(room) }?;
        // SAFETY: the outputs are as the caller says.
        unsafe { args::copy_out(&room.name(), buf, cap, needed) }
    })
}

/// Calls a function with each remote participant, on the calling thread, before this returns.
///
/// \param each       gets a participant to borrow for the call
/// \param user_data  handed to `each`; may be NULL
///
/// Thread safety: any thread, any callback. Errors: LKV_ERROR_INVALID_ARGUMENT. Since: 0.1.
#[no_mangle]
pub unsafe extern "C" fn lkv_room_for_each_participant(
    room: *mut lkv_room,
    each: Option<unsafe extern "C" fn(participant: *const lkv_participant, user_data: *mut c_void)>,
    user_data: *mut c_void,
) -> lkv_result {
    guard(|| {
        // SAFETY: `room` is NULL or a live handle, says the caller.
        let room = unsafe { handle::enter(room) }?;
        let each = each.ok_or_else(|| Failure::invalid("each is NULL"))?;
        for Participant { identity, name, metadata, kind } in room.participants() {
            let (identity, name, metadata) = (c_string(identity), c_string(name), c_string(metadata));
            let participant = lkv_participant {
                kind: kind.as_i32(),
                identity: identity.as_ptr(),
                name: name.as_ptr(),
                metadata: metadata.as_ptr(),
                ..lkv_participant::empty()
            };
            // SAFETY: the function borrows the participant and gets its own user_data.
            pass_free(|| unsafe { each(&participant, user_data) });
        }
        Ok(())
    })
}

/// Takes the next event of a room that has no callbacks.
///
/// \param timeout_ms  LKV_FOREVER, 0 to look only, or milliseconds
/// \param event       out: empty, as by LKV_ROOM_EVENT_INIT or lkv_room_event_clear
///
/// Thread safety: any thread, also several; each event goes to one of them. lkv_room_close wakes it.
/// Ownership: the caller clears the event with lkv_room_event_clear.
/// Errors: LKV_ERROR_TIMEOUT; LKV_ERROR_CLOSED when the room is closed and everything was taken;
/// LKV_ERROR_WOULD_DEADLOCK; LKV_ERROR_INVALID_ARGUMENT, also if it has callbacks.
/// Since: 0.1.
#[no_mangle]
pub unsafe extern "C" fn lkv_room_next_event(
    room: *mut lkv_room,
    timeout_ms: i32,
    event: *mut lkv_room_event,
) -> lkv_result {
    guard(|| {
        // SAFETY: `room` is NULL or a live handle, says the caller.
        let room = unsafe { handle::enter(room) }?;
        // SAFETY: `event` is NULL or valid, says the caller, here and below.
        unsafe { args::whole_struct(event) }?;
        let next = room.next_event(room.wait(timeout_ms)?)?;
        // SAFETY: whole, as just checked.
        unsafe { args::write(event, &lkv_room_event::from(next)) }
    })
}

/// Reads the counters.
///
/// \param stats  out: with `struct_size` set by the caller
///
/// Thread safety: any thread, any callback. Errors: LKV_ERROR_INVALID_ARGUMENT. Since: 0.1.
#[no_mangle]
pub unsafe extern "C" fn lkv_room_get_stats(room: *mut lkv_room, stats: *mut lkv_room_stats) -> lkv_result {
    guard(|| {
        // SAFETY: `room` is NULL or a live handle, says the caller.
        let room = unsafe { handle::enter(room) }?;
        let counters = lkv_room_stats { events_dropped: room.lost_events(), ..lkv_room_stats::empty() };
        // SAFETY: `stats` is NULL or valid, says the caller.
        unsafe { args::write(stats, &counters) }
    })
}

/// Sends a message to one or all participants; they get an LKV_ROOM_EVENT_DATA.
///
/// \param data         may be NULL if `size` is 0
/// \param size         at most 15000 bytes
/// \param topic        the application's; NULL: none. Topics of the library are refused
/// \param destination  identity of a participant; NULL: all
/// \param reliable     false: it may be lost or overtaken
///
/// Thread safety: any thread, any callback.
/// Ownership: everything is copied.
/// Errors: LKV_ERROR_NOT_CONNECTED; LKV_ERROR_BUSY if too many messages wait to be sent; LKV_ERROR_TOO_LARGE;
/// LKV_ERROR_CLOSED; LKV_ERROR_INVALID_ARGUMENT.
/// Since: 0.1.
#[no_mangle]
pub unsafe extern "C" fn lkv_room_send_data(
    room: *mut lkv_room,
    data: *const u8,
    size: usize,
    topic: *const c_char,
    destination: *const c_char,
    reliable: bool,
) -> lkv_result {
    guard(|| {
        // SAFETY: `room` is NULL or a live handle, says the caller.
        let room = unsafe { handle::enter(room) }?;
        // SAFETY: each is NULL or valid, says the caller.
        let (data, topic, destination) = unsafe {
            let data = args::bytes(data, size, "data")?;
            let topic = args::optional_text(topic, "topic")?;
            (data, topic, args::optional_text(destination, "destination")?)
        };
        Ok(room.send_data(Bytes::copy_from_slice(data), topic.unwrap_or_default(), destination, reliable)?)
    })
}

/// Leaves the room and closes its receivers and outputs. Every waiter is woken with LKV_ERROR_CLOSED. Closing twice is no
/// error.
///
/// Thread safety: any thread, any callback; never waits. Errors: LKV_ERROR_INVALID_ARGUMENT. Since: 0.1.
#[no_mangle]
pub unsafe extern "C" fn lkv_room_close(room: *mut lkv_room) -> lkv_result {
    guard(|| {
        // SAFETY: `room` is NULL or a live handle, says the caller.
        unsafe { handle::enter(room) }?.close();
        Ok(())
    })
}

/// Closes and frees a room. Its receivers and outputs are closed and still want to be destroyed. It waits for the callback
/// under way and for threads inside a call on the room; no callback starts any more. From inside any callback of the library
/// it returns at once, and the rest happens afterwards. NULL is no error.
///
/// Thread safety: any thread, any callback; nobody may use the handle from now on.
/// Ownership: takes the handle.
/// Since: 0.1.
#[no_mangle]
pub unsafe extern "C" fn lkv_room_destroy(room: *mut lkv_room) {
    // SAFETY: `room` is NULL or a live handle, which C gives up, says the caller.
    guard_or((), || unsafe { handle::destroy(room) });
}

pub(super) fn state_number(state: RoomState) -> lkv_room_state {
    match state {
        RoomState::Connecting => LKV_ROOM_CONNECTING,
        RoomState::Connected => LKV_ROOM_CONNECTED,
        RoomState::Reconnecting => LKV_ROOM_RECONNECTING,
        RoomState::Disconnected => LKV_ROOM_DISCONNECTED,
    }
}

pub(super) fn reason_number(reason: DisconnectReason) -> lkv_disconnect_reason {
    match reason {
        DisconnectReason::None => LKV_DISCONNECT_NONE,
        DisconnectReason::Client => LKV_DISCONNECT_CLIENT,
        DisconnectReason::ConnectFailed => LKV_DISCONNECT_CONNECT_FAILED,
        DisconnectReason::DuplicateIdentity => LKV_DISCONNECT_DUPLICATE_IDENTITY,
        DisconnectReason::RoomClosed => LKV_DISCONNECT_ROOM_CLOSED,
        DisconnectReason::ParticipantRemoved => LKV_DISCONNECT_PARTICIPANT_REMOVED,
        DisconnectReason::ServerShutdown => LKV_DISCONNECT_SERVER_SHUTDOWN,
        DisconnectReason::ReconnectFailed => LKV_DISCONNECT_RECONNECT_FAILED,
        DisconnectReason::Other => LKV_DISCONNECT_OTHER,
    }
}

// The header's numbers are LiveKit's.
const _: () = assert!(
    LKV_KIND_STANDARD == ParticipantKind::Standard as i32
        && LKV_KIND_INGRESS == ParticipantKind::Ingress as i32
        && LKV_KIND_EGRESS == ParticipantKind::Egress as i32
        && LKV_KIND_SIP == ParticipantKind::Sip as i32
        && LKV_KIND_AGENT == ParticipantKind::Agent as i32
        && LKV_KIND_CONNECTOR == ParticipantKind::Connector as i32
        && LKV_KIND_BRIDGE == ParticipantKind::Bridge as i32
);
