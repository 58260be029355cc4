// SPDX-License-Identifier: Apache-2.0
//! `Peer`: what the application holds of a connection. Methods return at once or are async, with any
//! executor; the connection's thread does the work and runs the callbacks.

use crate::{
    channel::{Channel, Shared},
    io::{
        driver::Driver,
        link::{Command, Link, Reply},
    },
    types::{ChannelInit, ChannelState, ConnState, IcePolicy, IceServer, SdpKind, Signaling},
    Config, Error,
};
use bytes::Bytes;
use std::{
    fmt,
    sync::{atomic::Ordering::Relaxed, Arc},
};
use tokio::sync::oneshot;

/// Looks at each message of a channel (label, bytes) before anyone else; `true` means "taken". It runs
/// on the connection's thread, and what it does there the far end waits for.
pub type Filter = Box<dyn FnMut(&str, &Bytes) -> bool + Send>;
/// Told the new state.
pub type OnConn = Box<dyn FnMut(ConnState) + Send + Sync>;
/// Told a channel that the far end opened, before its first message.
pub type OnChannel = Box<dyn FnMut(Arc<Channel>) + Send + Sync>;
/// Told a local candidate: media id, and the line without `a=`.
pub type OnCandidate = Box<dyn FnMut(&str, &str) + Send + Sync>;
/// Told that a server gives no candidates: its URL, and why. The URL is empty if the cause is none.
pub type OnCandidateError = Box<dyn FnMut(&str, &str) + Send + Sync>;

/// A peer connection. Dropping it closes it: thread and sockets go, callbacks are dropped.
pub struct Peer {
    link: Arc<Link>,
}

impl Peer {
    /// Starts the connection's thread. Nothing is gathered before a local description is set.
    pub fn new(config: Config, filter: Option<Filter>) -> Result<Self, Error> {
        Ok(Self { link: Driver::start(config, filter)? })
    }

    /// An offer, always valid; without effect until it is set.
    pub async fn create_offer(&self, ice_restart: bool) -> Result<String, Error> {
        self.ask(|reply| Command::CreateOffer { ice_restart, reply }).await
    }

    /// The answer to the remote offer that was set.
    pub async fn create_answer(&self) -> Result<String, Error> {
        self.ask(|reply| Command::CreateAnswer { reply }).await
    }

    /// Puts the description that was created last into force; an edited copy is recognised, and the
    /// original applied. Starts to gather candidates.
    pub async fn set_local(&self, kind: SdpKind, sdp: String) -> Result<(), Error> {
        self.ask(|reply| Command::SetLocal { kind, sdp, reply }).await
    }

    /// Takes a description of the far end in.
    pub async fn set_remote(&self, kind: SdpKind, sdp: String) -> Result<(), Error> {
        self.ask(|reply| Command::SetRemote { kind, sdp, reply }).await
    }

    /// Takes a candidate of the far end in, at any time. One of no use (mDNS, TCP, empty, malformed) is
    /// logged and left out.
    pub async fn add_remote_candidate(&self, line: String) -> Result<(), Error> {
        self.ask(|reply| Command::AddCandidate { line, reply }).await
    }

    /// The servers to learn our public addresses from, and which candidates may be used. May be called
    /// at any time and again; candidates that were announced stay.
    pub fn set_ice_servers(&self, servers: Vec<IceServer>, policy: IcePolicy) -> Result<(), Error> {
        self.link.post(Command::SetIceServers { servers, policy })
    }

    /// Makes a channel. It can be sent to at once, and opens when both sides are ready.
    pub fn create_channel(&self, init: ChannelInit) -> Result<Arc<Channel>, Error> {
        let key = self.link.next_key.fetch_add(1, Relaxed);
        let shared =
            Shared::new(key, init.label.clone(), init.negotiated, ChannelState::Connecting, &self.link.backlog);
        self.link.post(Command::CreateChannel { channel: shared.clone(), init })?;
        Ok(Channel::new(shared, self.link.clone()))
    }

    /// Closes the connection. What is not delivered is dropped; the far end is told.
    pub fn close(&self) {
        self.link.set_signaling(Signaling::Closed);
        let _ = self.link.post(Command::Close);
    }

    /// The state last told.
    pub fn state(&self) -> ConnState {
        self.link.state()
    }

    /// Where the offer/answer exchange stands.
    pub fn signaling(&self) -> Signaling {
        self.link.signaling()
    }

    /// Our description in force.
    pub fn current_local(&self) -> Option<(SdpKind, String)> {
        self.link.current_local.lock().clone()
    }

    /// The far end's description in force, as it came.
    pub fn current_remote(&self) -> Option<(SdpKind, String)> {
        self.link.current_remote.lock().clone()
    }

    /// Sets the callback for changes of state. Every transition is told.
    pub fn on_state(&self, f: Option<OnConn>) {
        self.link.on_conn.set(f);
    }

    /// Sets the callback for channels of the far end. Those that came before are told then.
    pub fn on_channel(&self, f: Option<OnChannel>) {
        self.link.on_channel.set(f);
        let _ = self.link.post(Command::Deliver);
    }

    /// Sets the callback for local candidates. Those found before are told then.
    pub fn on_candidate(&self, f: Option<OnCandidate>) {
        self.link.on_candidate.set(f);
        let _ = self.link.post(Command::Deliver);
    }

    /// Sets the callback for servers that give no candidates. Earlier errors are told then.
    pub fn on_candidate_error(&self, f: Option<OnCandidateError>) {
        self.link.on_candidate_error.set(f);
        let _ = self.link.post(Command::Deliver);
    }

    async fn ask<T>(&self, make: impl FnOnce(Reply<T>) -> Command) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        self.link.post(make(reply))?;
        answer.await.map_err(|_| Error::Closed)?
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.close();
    }
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peer").field("state", &self.state()).field("signaling", &self.signaling()).finish()
    }
}
