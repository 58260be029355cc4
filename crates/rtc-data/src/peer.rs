//! The shared half of a connection: what the application holds.

use crate::{
    channel::{Channel, ChannelInit, ChannelState},
    driver::{Command, Driver},
    slot::Slot,
    Config, Error, Filter,
};
use parking_lot::Mutex;
use std::sync::{
    atomic::{AtomicBool, AtomicU64, AtomicU8, Ordering::*},
    mpsc, Arc,
};
use tokio::sync::oneshot;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum ConnState {
    New,
    Connecting,
    Connected,
    Disconnected,
    Failed,
    Closed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Signaling {
    Stable,
    HaveLocalOffer,
    HaveRemoteOffer,
    Closed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SdpKind {
    Offer,
    Answer,
    Rollback,
}

pub type OnConn = Box<dyn FnMut(ConnState) + Send + Sync>;
pub type OnChannel = Box<dyn FnMut(Arc<Channel>) + Send + Sync>;
/// (mid, candidate line)
pub type OnCandidate = Box<dyn FnMut(&str, &str) + Send + Sync>;

/// The way to the driver thread, and the state it publishes.
pub(crate) struct Link {
    tx: mpsc::Sender<Command>,
    waker: mio::Waker,
    pub awake: AtomicBool,
    state: AtomicU8,
    signaling: AtomicU8,
    pub current_local: Mutex<Option<(SdpKind, String)>>,
    pub current_remote: Mutex<Option<(SdpKind, String)>>,
    pub on_conn: Slot<OnConn>,
    pub on_channel: Slot<OnChannel>,
    pub on_candidate: Slot<OnCandidate>,
    pub next_key: AtomicU64,
}

impl Link {
    /// Queues a command and wakes the driver, with one system call per idle period.
    pub fn post(&self, c: Command) -> Result<(), Error> {
        self.tx.send(c).map_err(|_| Error::Closed)?;
        if !self.awake.swap(true, AcqRel) {
            self.waker.wake()?;
        }
        Ok(())
    }

    pub fn state(&self) -> ConnState {
        match self.state.load(Acquire) {
            0 => ConnState::New,
            1 => ConnState::Connecting,
            2 => ConnState::Connected,
            3 => ConnState::Disconnected,
            4 => ConnState::Failed,
            _ => ConnState::Closed,
        }
    }

    /// Driver only.
    pub fn enter(&self, s: ConnState) {
        if self.state() != s && self.state() != ConnState::Closed {
            log::debug!("connection: {:?} -> {s:?}", self.state());
            self.state.store(s as u8, Release);
            self.on_conn.call(|f| f(s));
        }
    }

    pub fn set_signaling(&self, s: Signaling) {
        self.signaling.store(s as u8, Release);
    }
}

pub struct Peer {
    link: Arc<Link>,
}

impl Peer {
    /// Starts the driver thread. Nothing is sent or gathered before a local description is set.
    pub fn new(config: Config, filter: Option<Filter>) -> Result<Self, Error> {
        let (tx, rx) = mpsc::channel();
        let poll = mio::Poll::new()?;
        let waker = mio::Waker::new(poll.registry(), crate::driver::WAKE)?;
        let link = Arc::new(Link {
            tx,
            waker,
            awake: AtomicBool::new(false),
            state: AtomicU8::new(ConnState::New as u8),
            signaling: AtomicU8::new(Signaling::Stable as u8),
            current_local: Mutex::default(),
            current_remote: Mutex::default(),
            on_conn: Slot::default(),
            on_channel: Slot::default(),
            on_candidate: Slot::default(),
            next_key: AtomicU64::new(1),
        });
        let driver = Driver::new(config, filter, poll, rx, link.clone())?;
        std::thread::Builder::new().name("lkv-peer".into()).spawn(move || driver.run())?;
        Ok(Self { link })
    }

    async fn ask<T>(&self, make: impl FnOnce(oneshot::Sender<Result<T, Error>>) -> Command) -> Result<T, Error> {
        let (tx, rx) = oneshot::channel();
        self.link.post(make(tx))?;
        rx.await.map_err(|_| Error::Closed)?
    }

    pub async fn create_offer(&self, ice_restart: bool) -> Result<String, Error> {
        self.ask(|reply| Command::CreateOffer { ice_restart, reply }).await
    }

    pub async fn create_answer(&self) -> Result<String, Error> {
        self.ask(|reply| Command::CreateAnswer { reply }).await
    }

    pub async fn set_local(&self, kind: SdpKind, sdp: String) -> Result<(), Error> {
        self.ask(|reply| Command::SetLocal { kind, sdp, reply }).await
    }

    pub async fn set_remote(&self, kind: SdpKind, sdp: String) -> Result<(), Error> {
        self.ask(|reply| Command::SetRemote { kind, sdp, reply }).await
    }

    pub async fn add_remote_candidate(&self, line: String) -> Result<(), Error> {
        self.ask(|reply| Command::AddCandidate { line, reply }).await
    }

    pub fn create_channel(&self, init: ChannelInit) -> Result<Arc<Channel>, Error> {
        let key = self.link.next_key.fetch_add(1, Relaxed);
        let channel =
            Channel::new(key, init.label.clone(), init.negotiated, ChannelState::Connecting, self.link.clone());
        self.link.post(Command::CreateChannel { channel: channel.clone(), init })?;
        Ok(channel)
    }

    pub fn close(&self) {
        self.link.set_signaling(Signaling::Closed);
        let _ = self.link.post(Command::Close);
    }

    pub fn state(&self) -> ConnState {
        self.link.state()
    }

    pub fn signaling(&self) -> Signaling {
        match self.link.signaling.load(Acquire) {
            0 => Signaling::Stable,
            1 => Signaling::HaveLocalOffer,
            2 => Signaling::HaveRemoteOffer,
            _ => Signaling::Closed,
        }
    }

    pub fn current_local(&self) -> Option<(SdpKind, String)> {
        self.link.current_local.lock().clone()
    }

    pub fn current_remote(&self) -> Option<(SdpKind, String)> {
        self.link.current_remote.lock().clone()
    }

    pub fn on_state(&self, f: Option<OnConn>) {
        self.link.on_conn.set(f);
    }

    pub fn on_channel(&self, f: Option<OnChannel>) {
        self.link.on_channel.set(f);
    }

    pub fn on_candidate(&self, f: Option<OnCandidate>) {
        self.link.on_candidate.set(f);
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.close();
    }
}
