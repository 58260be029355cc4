// SPDX-License-Identifier: Apache-2.0
//! The way from the handles to the connection's thread, and the state that the thread publishes.

use crate::{
    backlog::Backlog,
    channel::Shared,
    io::slot::Slot,
    peer::{OnCandidate, OnCandidateError, OnChannel, OnConn},
    types::{ChannelInit, ConnState, IcePolicy, IceServer, SdpKind, Signaling},
    Error,
};
use bytes::BytesMut;
use parking_lot::Mutex;
use std::{
    net::SocketAddr,
    sync::{
        atomic::{AtomicBool, AtomicU64, AtomicU8, Ordering::*},
        mpsc, Arc,
    },
};
use tokio::sync::oneshot;

pub(crate) type Reply<T> = oneshot::Sender<Result<T, Error>>;

pub(crate) enum Command {
    Send {
        channel: Arc<Shared>,
        data: BytesMut,
        binary: bool,
    },
    /// The handle refused that many bytes: they drain all the same.
    Refused {
        channel: Arc<Shared>,
        bytes: usize,
    },
    CreateChannel {
        channel: Arc<Shared>,
        init: ChannelInit,
    },
    CloseChannel {
        key: u64,
    },
    /// A callback was set: deliver what waits for it.
    Deliver,
    CreateOffer {
        ice_restart: bool,
        reply: Reply<String>,
    },
    CreateAnswer {
        reply: Reply<String>,
    },
    SetLocal {
        kind: SdpKind,
        sdp: String,
        reply: Reply<()>,
    },
    SetRemote {
        kind: SdpKind,
        sdp: String,
        reply: Reply<()>,
    },
    AddCandidate {
        line: String,
        reply: Reply<()>,
    },
    SetIceServers {
        servers: Vec<IceServer>,
        policy: IcePolicy,
    },
    /// Names of STUN servers that were resolved.
    StunServers {
        servers: Vec<SocketAddr>,
    },
    Close,
}

pub(crate) struct Link {
    queue: mpsc::Sender<Command>,
    waker: mio::Waker,
    /// Whether the thread will look at the queue again before it sleeps.
    awake: AtomicBool,
    state: AtomicU8,
    signaling: AtomicU8,
    pub(crate) next_key: AtomicU64,
    pub(crate) backlog: Backlog,
    pub(crate) current_local: Mutex<Option<(SdpKind, String)>>,
    pub(crate) current_remote: Mutex<Option<(SdpKind, String)>>,
    pub(crate) on_conn: Slot<OnConn>,
    pub(crate) on_channel: Slot<OnChannel>,
    pub(crate) on_candidate: Slot<OnCandidate>,
    pub(crate) on_candidate_error: Slot<OnCandidateError>,
}

impl Link {
    pub(crate) fn new(queue: mpsc::Sender<Command>, waker: mio::Waker, backlog: Backlog) -> Self {
        Self {
            queue,
            waker,
            awake: AtomicBool::new(true),
            state: AtomicU8::new(ConnState::New as u8),
            signaling: AtomicU8::new(Signaling::Stable as u8),
            next_key: AtomicU64::new(1),
            backlog,
            current_local: Mutex::default(),
            current_remote: Mutex::default(),
            on_conn: Slot::default(),
            on_channel: Slot::default(),
            on_candidate: Slot::default(),
            on_candidate_error: Slot::default(),
        }
    }

    /// Queues a command and wakes the thread, with one system call an idle period.
    pub(crate) fn post(&self, command: Command) -> Result<(), Error> {
        self.queue.send(command).map_err(|_| Error::Closed)?;
        if !self.awake.swap(true, SeqCst) {
            self.waker.wake()?;
        }
        Ok(())
    }

    /// Thread only, before it sleeps until it is woken. It has to look at the queue once more in between: what is
    /// posted up to here came without a wake-up. A read-modify-write, as a plain store could sink below that look.
    pub(crate) fn about_to_sleep(&self) {
        self.awake.swap(false, SeqCst);
    }

    /// Thread only, before it looks at the queue: what is posted from here on needs no wake-up.
    pub(crate) fn woke(&self) {
        self.awake.swap(true, SeqCst);
    }

    pub(crate) fn state(&self) -> ConnState {
        match self.state.load(Acquire) {
            0 => ConnState::New,
            1 => ConnState::Connecting,
            2 => ConnState::Connected,
            3 => ConnState::Disconnected,
            4 => ConnState::Failed,
            _ => ConnState::Closed,
        }
    }

    /// Thread only: publishes the state, then tells the application.
    pub(crate) fn enter(&self, state: ConnState) {
        let before = self.state();
        if before != state && before != ConnState::Closed {
            log::debug!("connection: {before:?} -> {state:?}");
            self.state.store(state as u8, Release);
            self.on_conn.call(|f| f(state));
        }
    }

    pub(crate) fn signaling(&self) -> Signaling {
        match self.signaling.load(Acquire) {
            0 => Signaling::Stable,
            1 => Signaling::HaveLocalOffer,
            2 => Signaling::HaveRemoteOffer,
            _ => Signaling::Closed,
        }
    }

    /// `Closed` is final.
    pub(crate) fn set_signaling(&self, s: Signaling) {
        let closed = Signaling::Closed as u8;
        let _ = self.signaling.fetch_update(AcqRel, Acquire, |now| (now != closed).then_some(s as u8));
    }

    /// Thread only, last of all: a callback that holds the connection's own handle must not keep it.
    pub(crate) fn clear_callbacks(&self) {
        self.on_conn.set(None);
        self.on_channel.set(None);
        self.on_candidate.set(None);
        self.on_candidate_error.set(None);
    }
}
