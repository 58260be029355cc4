//! The shared half of a data channel: what the application holds.

use crate::{driver::Command, peer::Link, slot::Slot, Error};
use bytes::BytesMut;
use std::sync::{
    atomic::{AtomicI32, AtomicU8, Ordering::*},
    Arc,
};

#[derive(Debug, Clone, Default)]
pub struct ChannelInit {
    pub label: String,
    pub ordered: bool,
    pub max_retransmits: Option<u16>,
    pub max_lifetime_ms: Option<u16>,
    pub protocol: String,
    /// Stream id agreed out of band; `None` opens the channel in band (DCEP).
    pub negotiated: Option<u16>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum ChannelState {
    Connecting,
    Open,
    Closing,
    Closed,
}

pub type OnState = Box<dyn FnMut(ChannelState) + Send + Sync>;
/// (bytes, binary)
pub type OnMessage = Box<dyn FnMut(&[u8], bool) + Send + Sync>;
/// Bytes acknowledged by the peer (or given up) since the last call.
pub type OnDrained = Box<dyn FnMut(u64) + Send + Sync>;

pub struct Channel {
    pub(crate) key: u64,
    label: String,
    stream_id: AtomicI32,
    state: AtomicU8,
    pub(crate) on_state: Slot<OnState>,
    pub(crate) on_message: Slot<OnMessage>,
    pub(crate) on_drained: Slot<OnDrained>,
    link: Arc<Link>,
}

impl Channel {
    pub(crate) fn new(
        key: u64,
        label: String,
        stream_id: Option<u16>,
        state: ChannelState,
        link: Arc<Link>,
    ) -> Arc<Self> {
        Arc::new(Self {
            key,
            label,
            stream_id: AtomicI32::new(stream_id.map_or(-1, i32::from)),
            state: AtomicU8::new(state as u8),
            on_state: Slot::default(),
            on_message: Slot::default(),
            on_drained: Slot::default(),
            link,
        })
    }

    pub fn label(&self) -> &str {
        &self.label
    }

    pub fn stream_id(&self) -> Option<u16> {
        u16::try_from(self.stream_id.load(Relaxed)).ok()
    }

    pub fn state(&self) -> ChannelState {
        match self.state.load(Acquire) {
            0 => ChannelState::Connecting,
            1 => ChannelState::Open,
            2 => ChannelState::Closing,
            _ => ChannelState::Closed,
        }
    }

    /// Copies and queues; never blocks. Messages wait while the channel is connecting.
    pub fn send(&self, data: &[u8], binary: bool) -> Result<(), Error> {
        if self.state() > ChannelState::Open {
            return Err(Error::NotOpen);
        }
        self.link.post(Command::Send { key: self.key, data: BytesMut::from(data), binary })
    }

    /// The state changes here, at once; the driver does the rest.
    pub fn close(&self) {
        if self.state() < ChannelState::Closing {
            self.state.store(ChannelState::Closing as u8, Release);
            let _ = self.link.post(Command::CloseChannel { key: self.key });
        }
    }

    pub fn on_state(&self, f: Option<OnState>) {
        self.on_state.set(f);
    }

    /// Messages that came before the first handler are kept and delivered to it.
    pub fn on_message(&self, f: Option<OnMessage>) {
        self.on_message.set(f);
        let _ = self.link.post(Command::Flush { key: self.key });
    }

    pub fn on_drained(&self, f: Option<OnDrained>) {
        self.on_drained.set(f);
    }

    pub(crate) fn set_stream_id(&self, id: u16) {
        self.stream_id.store(id.into(), Relaxed);
    }

    /// Driver only: stores the state and tells the application.
    pub(crate) fn enter(&self, s: ChannelState) {
        if self.state() < s {
            self.state.store(s as u8, Release);
            self.on_state.call(|f| f(s));
        }
    }
}

impl PartialOrd for ChannelState {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        (*self as u8).partial_cmp(&(*other as u8))
    }
}
