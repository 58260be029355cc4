// SPDX-License-Identifier: Apache-2.0
//! A room as the application holds it: connect, wait, look around, call, close.
//!
//! [`Room`] is a cheap handle; the last one closes the room. The state and what happens to it are in
//! `room_core`, the ways to other participants in `transport`.

use super::{
    dispatch::EventHandler,
    participant::Participant,
    room_core::RoomCore,
    room_tasks::Task,
    rpc::{RpcHandler, MAX_PAYLOAD_BYTES},
    runtime::Runtime,
    signalling::Roots,
    transport, DriverError, Wait,
};
use bytes::Bytes;
use parking_lot::Mutex;
use std::{
    sync::{Arc, Weak},
    time::Duration,
};

/// Longest message of [`Room::send_data`], in bytes: LiveKit's limit for one packet with room for its envelope.
pub const MAX_DATA_BYTES: usize = 15_000;

/// Answers of remote calls are waited for this long at most when the caller says "for ever".
const LONGEST_CALL: Duration = Duration::from_secs(3600);

/// Topics and methods that start so belong to the library (wire.md).
const RESERVED: [&str; 3] = ["lk.video", "lk.clear_buffer_video", "lk.playback_"];

/// Where a room is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoomState {
    /// On the way; nothing can be sent yet.
    Connecting,
    /// In the room.
    Connected,
    /// The connection is being repaired; what is sent waits.
    Reconnecting,
    /// Over for good.
    Disconnected,
}

/// Why a room is disconnected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DisconnectReason {
    /// It is not.
    None,
    /// We left.
    Client,
    /// It never connected; the error says why.
    ConnectFailed,
    /// Another participant joined with our identity.
    DuplicateIdentity,
    /// The room was deleted or closed.
    RoomClosed,
    /// An administrator removed us.
    ParticipantRemoved,
    /// The server shut down.
    ServerShutdown,
    /// The connection broke and could not be repaired.
    ReconnectFailed,
    /// Another reason of the server's.
    Other,
}

/// What happens in a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoomEvent {
    /// The state changed.
    State {
        /// The new one.
        state: RoomState,
        /// Why, if disconnected.
        reason: DisconnectReason,
        /// What failed, if something did.
        error: Option<DriverError>,
    },
    /// Somebody is there.
    ParticipantJoined(Participant),
    /// Somebody left.
    ParticipantLeft(Participant),
    /// A message of the application's own.
    Data {
        /// The sender's identity; empty: the server, or somebody whom the room has not heard of yet.
        sender: String,
        /// Its topic; empty: none.
        topic: String,
        /// Its bytes.
        payload: Bytes,
        /// Whether it was sent reliably.
        reliable: bool,
    },
}

/// How to connect.
pub struct RoomOptions {
    /// For the whole of connecting.
    pub connect_timeout: Duration,
    /// Which certificates are trusted.
    pub roots: Roots,
    /// Two peer connections, as older servers want; the default is one, and two where the server asks for it.
    pub dual_peer_connection: bool,
    /// Gets every event; without it events are pulled with [`Room::next_event`].
    pub on_event: Option<EventHandler<RoomEvent>>,
}

impl Default for RoomOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(15),
            roots: Roots::System,
            dual_peer_connection: false,
            on_event: None,
        }
    }
}

/// A room. Every method may be called from any thread.
#[derive(Clone)]
pub struct Room {
    owner: Arc<Owner>,
}

/// Closes the room with the last handle.
struct Owner(Arc<RoomCore>);

impl Drop for Owner {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Every room of the process that is not gone.
static ROOMS: Mutex<Vec<Weak<RoomCore>>> = Mutex::new(Vec::new());

/// Closes every room of the process, for hosts that unload the library.
pub fn shutdown_all() {
    let rooms: Vec<_> = ROOMS.lock().drain(..).filter_map(|room| room.upgrade()).collect();
    for room in &rooms {
        room.close();
    }
    for room in &rooms {
        room.join();
    }
}

impl Room {
    /// Starts to connect and returns at once; [`Room::wait_connected`] and [`RoomEvent::State`] tell how it went.
    ///
    /// `url`: `ws://`, `wss://`, `http://` or `https://` of a LiveKit server, with an access token; or
    /// `loopback:NAME[?identity=ALICE&kind=agent]`, a room of this process that needs neither. Who comes with an
    /// identity that is in use takes it over.
    ///
    /// # Errors
    /// [`DriverError::Url`], [`DriverError::InvalidArgument`] (no token), [`DriverError::Tls`] (unusable roots),
    /// [`DriverError::Io`].
    pub fn connect(url: &str, token: &str, mut options: RoomOptions) -> Result<Self, DriverError> {
        let core = RoomCore::new(Runtime::shared()?);
        let room = Self { owner: Arc::new(Owner(core.clone())) };
        if let Some(handler) = options.on_event.take() {
            core.set_event_handler(handler)?;
        }
        transport::connect(&core, url, token, options)?;
        let mut rooms = ROOMS.lock();
        rooms.retain(|room| room.strong_count() > 0);
        rooms.push(Arc::downgrade(&core));
        Ok(room)
    }

    pub(super) fn core(&self) -> &Arc<RoomCore> {
        &self.owner.0
    }

    /// Blocks until the room is connected.
    ///
    /// # Errors
    /// What connecting failed with, [`DriverError::Timeout`], [`DriverError::Closed`].
    pub fn wait_connected(&self, wait: Wait) -> Result<(), DriverError> {
        let shared = self.core().shared();
        let outcome = shared.wait(wait, |room| match room.state {
            RoomState::Connected => Some(Ok(())),
            RoomState::Disconnected => Some(Err(room.error.clone().unwrap_or(DriverError::Closed))),
            RoomState::Connecting | RoomState::Reconnecting => None,
        });
        outcome.unwrap_or(Err(DriverError::Timeout))
    }

    /// Blocks until that participant is in the room and can receive data.
    ///
    /// # Errors
    /// [`DriverError::Timeout`], or the room's error when it is disconnected.
    pub fn wait_participant(&self, identity: &str, wait: Wait) -> Result<(), DriverError> {
        let outcome = self.core().shared().wait(wait, |room| {
            if room.state == RoomState::Disconnected {
                return Some(Err(room.error.clone().unwrap_or(DriverError::Closed)));
            }
            room.participants.get(identity).filter(|p| p.active).map(|_| Ok(()))
        });
        outcome.unwrap_or(Err(DriverError::Timeout))
    }

    /// The present state, and why if it is disconnected.
    pub fn state(&self) -> (RoomState, DisconnectReason) {
        let shared = self.core().shared().lock();
        (shared.state, shared.reason)
    }

    /// Who we are in the room; empty before the room is connected.
    pub fn identity(&self) -> String {
        self.core().shared().lock().identity.clone()
    }

    /// The room's name; empty before the room is connected.
    pub fn name(&self) -> String {
        self.core().shared().lock().name.clone()
    }

    /// The others.
    pub fn participants(&self) -> Vec<Participant> {
        self.core().shared().lock().participants.values().map(|p| p.participant.clone()).collect()
    }

    /// Events and messages that were dropped because nobody took those before them.
    pub fn lost_events(&self) -> u64 {
        self.core().shared().lock().waiting.lost_events()
    }

    /// The next event, where no handler was given.
    ///
    /// # Errors
    /// [`DriverError::Timeout`]; [`DriverError::Closed`] after the last event of a disconnected room;
    /// [`DriverError::InvalidArgument`] if a handler takes the events.
    pub fn next_event(&self, wait: Wait) -> Result<RoomEvent, DriverError> {
        self.core().next_event(wait)
    }

    /// Calls a method of a remote participant. `done` gets the answer on the room's dispatch thread, once.
    ///
    /// # Errors
    /// [`DriverError::NotConnected`], [`DriverError::Closed`], [`DriverError::TooLarge`],
    /// [`DriverError::InvalidArgument`] for names of the library's own; then `done` is dropped uncalled.
    pub fn perform_rpc(
        &self,
        destination: &str,
        method: &str,
        payload: String,
        timeout: Wait,
        done: Box<dyn FnOnce(Result<String, DriverError>) + Send>,
    ) -> Result<(), DriverError> {
        check_name("method", method)?;
        check_size(payload.len(), MAX_PAYLOAD_BYTES)?;
        let timeout = match timeout {
            Wait::Try => return Err(DriverError::InvalidArgument("a remote call takes time".into())),
            Wait::For(timeout) => timeout,
            Wait::Forever => LONGEST_CALL,
        };
        let core = self.core().clone();
        core.begin_call()?;
        let (destination, method) = (destination.to_owned(), method.to_owned());
        let done = Mutex::new(Some(done));
        let finish = {
            let core = core.clone();
            Arc::new(move |outcome| {
                if let Some(done) = done.lock().take() {
                    core.end_call(Task::Done(Box::new(move || done(outcome))));
                }
            })
        };
        let on_panic = {
            let finish = finish.clone();
            move |panic| finish(Err(DriverError::Internal(panic)))
        };
        core.clone().runtime().spawn(
            async move {
                let outcome = core.call(&destination, &method, payload, timeout).await;
                finish(outcome);
            },
            on_panic,
        );
        Ok(())
    }

    /// Registers a method that remote participants may call; it runs on the room's dispatch thread.
    ///
    /// # Errors
    /// [`DriverError::Busy`] if the method has a handler, [`DriverError::InvalidArgument`] for names of the library's
    /// own, [`DriverError::Closed`].
    pub fn register_rpc_method(&self, method: &str, handler: RpcHandler) -> Result<(), DriverError> {
        check_name("method", method)?;
        self.core().register_method(method, handler)
    }

    /// Takes a method back. Calls that wait in the queue still go to its handler.
    ///
    /// # Errors
    /// [`DriverError::NotFound`].
    pub fn unregister_rpc_method(&self, method: &str) -> Result<(), DriverError> {
        self.core().unregister_method(method)
    }

    /// Sends a small message of the application's own, to one participant or to all. Returns when it is queued below.
    ///
    /// # Errors
    /// [`DriverError::TooLarge`] over [`MAX_DATA_BYTES`], [`DriverError::NotConnected`], [`DriverError::Busy`] if too
    /// many messages wait to be sent, [`DriverError::InvalidArgument`] for topics of the library's own.
    pub fn send_data(
        &self,
        payload: Bytes,
        topic: &str,
        destination: Option<&str>,
        reliable: bool,
    ) -> Result<(), DriverError> {
        if !topic.is_empty() {
            check_name("topic", topic)?;
        }
        check_size(payload.len(), MAX_DATA_BYTES)?;
        self.core().send_data(payload, topic.to_owned(), destination.map(str::to_owned), reliable)
    }

    /// Leaves the room and closes its receivers and outputs. Returns at once, wakes everyone who waits; may be called
    /// from anywhere and again.
    pub fn close(&self) {
        self.core().close();
    }

    /// Waits until a closed room has left and its last callback has ended; on a dispatch thread it returns at once.
    pub fn join(&self) {
        self.core().join();
    }
}

fn check_name(what: &str, name: &str) -> Result<(), DriverError> {
    if name.is_empty() {
        return Err(DriverError::InvalidArgument(format!("an empty {what}")));
    }
    if RESERVED.iter().any(|prefix| name.starts_with(prefix)) {
        return Err(DriverError::InvalidArgument(format!("the {what} {name} belongs to the library")));
    }
    Ok(())
}

fn check_size(size: usize, limit: usize) -> Result<(), DriverError> {
    if size > limit {
        return Err(DriverError::TooLarge(format!("{size} bytes (at most {limit})")));
    }
    Ok(())
}
