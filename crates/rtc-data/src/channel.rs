// SPDX-License-Identifier: Apache-2.0
//! `Channel`: what the application holds of a data channel. Methods return at once; the connection's
//! thread does the work and runs the callbacks.

use crate::{
    backlog::{Backlog, Share},
    io::{
        link::{Command, Link},
        slot::Slot,
    },
    types::ChannelState,
    Error, MAX_MESSAGE,
};
use bytes::{Bytes, BytesMut};
use std::{
    fmt,
    sync::{
        atomic::{AtomicI32, AtomicU8, Ordering::*},
        Arc,
    },
};

/// Told the new state.
pub type OnState = Box<dyn FnMut(ChannelState) + Send + Sync>;
/// Told a message, and whether it is binary.
pub type OnMessage = Box<dyn FnMut(&Bytes, bool) + Send + Sync>;
/// Told how many bytes were acknowledged by the far end, or given up, since the last call. The sum over
/// all calls is what was given to [`Channel::send`], failed sends included.
pub type OnDrained = Box<dyn FnMut(u64) + Send + Sync>;

/// A data channel. It stays as it is when the handle is dropped; [`Channel::close`] closes it.
pub struct Channel {
    shared: Arc<Shared>,
    link: Arc<Link>,
}

/// What handle and thread share of a channel.
pub(crate) struct Shared {
    pub(crate) key: u64,
    pub(crate) label: String,
    stream_id: AtomicI32,
    state: AtomicU8,
    pub(crate) on_state: Slot<OnState>,
    pub(crate) on_message: Slot<OnMessage>,
    pub(crate) on_drained: Slot<OnDrained>,
    pub(crate) share: Share,
}

impl Shared {
    pub(crate) fn new(
        key: u64,
        label: String,
        stream_id: Option<u16>,
        state: ChannelState,
        backlog: &Backlog,
    ) -> Arc<Self> {
        Arc::new(Self {
            key,
            label,
            stream_id: AtomicI32::new(stream_id.map_or(-1, i32::from)),
            state: AtomicU8::new(state as u8),
            on_state: Slot::default(),
            on_message: Slot::default(),
            on_drained: Slot::default(),
            share: Share::of(backlog),
        })
    }

    pub(crate) fn state(&self) -> ChannelState {
        match self.state.load(Acquire) {
            0 => ChannelState::Connecting,
            1 => ChannelState::Open,
            2 => ChannelState::Closing,
            _ => ChannelState::Closed,
        }
    }

    pub(crate) fn set_stream_id(&self, id: Option<u16>) {
        self.stream_id.store(id.map_or(-1, i32::from), Release);
    }

    /// Moves on to a later state; `false` if the channel is there or further.
    fn advance(&self, to: ChannelState) -> bool {
        self.state.fetch_max(to as u8, AcqRel) < to as u8
    }

    /// Thread only: stores the state and tells the application.
    pub(crate) fn enter(&self, state: ChannelState) {
        if self.advance(state) {
            self.on_state.call(|f| f(state));
        }
    }

    pub(crate) fn clear_callbacks(&self) {
        self.on_state.set(None);
        self.on_message.set(None);
        self.on_drained.set(None);
    }
}

impl Channel {
    pub(crate) fn new(shared: Arc<Shared>, link: Arc<Link>) -> Arc<Self> {
        Arc::new(Self { shared, link })
    }

    /// Name of the channel.
    pub fn label(&self) -> &str {
        &self.shared.label
    }

    /// SCTP stream; known once the channel is open, or if it was agreed out of band.
    pub fn stream_id(&self) -> Option<u16> {
        u16::try_from(self.shared.stream_id.load(Acquire)).ok()
    }

    /// Where the channel is in its life.
    pub fn state(&self) -> ChannelState {
        self.shared.state()
    }

    /// Copies and queues a message; never blocks. While the channel is connecting, messages wait.
    /// Nothing bounds the queue: who sends watches [`on_drained`](Self::on_drained).
    pub fn send(&self, data: &[u8], binary: bool) -> Result<(), Error> {
        let refused = match self.state() {
            ChannelState::Closing | ChannelState::Closed => Some(Error::NotOpen),
            _ if data.len() > MAX_MESSAGE => Some(Error::TooLong(data.len())),
            _ => None,
        };
        let channel = self.shared.clone();
        match refused {
            None => {
                let bytes = data.len() as u64;
                self.shared.share.given(bytes);
                let posted = self.link.post(Command::Send { channel, data: BytesMut::from(data), binary });
                posted.inspect_err(|_| self.shared.share.settled(bytes))
            }
            Some(error) => {
                let _ = self.link.post(Command::Refused { channel, bytes: data.len() });
                Err(error)
            }
        }
    }

    /// Closes the channel; what was sent while it was open still leaves. The state changes at once.
    pub fn close(&self) {
        if self.shared.advance(ChannelState::Closing) {
            let _ = self.link.post(Command::CloseChannel { key: self.shared.key });
        }
    }

    /// Sets the callback for changes of state.
    pub fn on_state(&self, f: Option<OnState>) {
        self.shared.on_state.set(f);
    }

    /// Sets the callback for messages. Those that came before the first one is set are kept for it.
    pub fn on_message(&self, f: Option<OnMessage>) {
        self.shared.on_message.set(f);
        let _ = self.link.post(Command::Deliver);
    }

    /// Sets the callback for drained bytes. Those that drained before it is set are told then.
    pub fn on_drained(&self, f: Option<OnDrained>) {
        self.shared.on_drained.set(f);
        let _ = self.link.post(Command::Deliver);
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel").field("label", &self.label()).field("state", &self.state()).finish()
    }
}
