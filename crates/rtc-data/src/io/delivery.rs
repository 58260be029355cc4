// SPDX-License-Identifier: Apache-2.0
//! From the core's events to the application's callbacks. What comes before its callback is set waits
//! for it; each callback sees its events in order, and no lock is held while it runs.

use super::link::Link;
use crate::{
    channel::{Channel, Shared},
    core::{ChannelKey, Event},
    peer::Filter,
    types::ChannelState,
};
use bytes::Bytes;
use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

/// Bytes of messages that wait for a callback at most, for each channel; later ones are dropped.
const MAX_WAITING: usize = 8 << 20;

pub(super) struct Delivery {
    link: Arc<Link>,
    filter: Option<Filter>,
    channels: HashMap<ChannelKey, Receiver>,
    incoming: VecDeque<Arc<Channel>>,
    candidates: VecDeque<(String, String)>,
    errors: VecDeque<(String, String)>,
}

struct Receiver {
    channel: Arc<Shared>,
    messages: VecDeque<(Bytes, bool)>,
    waiting: usize,
    dropped: u64,
    drained: u64,
}

impl Delivery {
    pub(super) fn new(link: Arc<Link>, filter: Option<Filter>) -> Self {
        Self {
            link,
            filter,
            channels: HashMap::new(),
            incoming: VecDeque::new(),
            candidates: VecDeque::new(),
            errors: VecDeque::new(),
        }
    }

    pub(super) fn add(&mut self, channel: Arc<Shared>) {
        self.channels.insert(channel.key, Receiver::new(channel));
    }

    pub(super) fn event(&mut self, event: Event) {
        match event {
            Event::State(state) => self.link.enter(state),
            Event::Candidate { mid, line } => {
                self.candidates.push_back((mid, line));
                self.deliver_candidates();
            }
            Event::ChannelIncoming { key, label, stream_id } => {
                let shared = Shared::new(key, label, stream_id, ChannelState::Open, &self.link.backlog);
                self.add(shared.clone());
                self.incoming.push_back(Channel::new(shared, self.link.clone()));
                self.deliver_incoming();
            }
            Event::ChannelOpened { key, stream_id } => {
                if let Some(r) = self.channels.get(&key) {
                    r.channel.set_stream_id(stream_id);
                    log::debug!("channel {} is open on stream {stream_id:?}", r.channel.label);
                    r.channel.enter(ChannelState::Open);
                }
            }
            Event::Message { key, data, binary } => {
                let Some(r) = self.channels.get_mut(&key) else { return };
                if self.filter.as_mut().is_some_and(|filter| filter(&r.channel.label, &data)) {
                    return;
                }
                r.message(data, binary);
            }
            Event::Drained { key, bytes } => {
                if let Some(r) = self.channels.get_mut(&key) {
                    r.channel.share.settled(bytes);
                    r.drained += bytes;
                    r.deliver_drained();
                }
            }
            Event::ChannelClosed { key } => {
                if let Some(r) = self.channels.remove(&key) {
                    r.channel.share.settled(u64::MAX);
                    log::debug!("channel {} is closed", r.channel.label);
                    r.channel.enter(ChannelState::Closed);
                }
            }
        }
    }

    pub(super) fn candidate_error(&mut self, url: String, reason: &str) {
        self.errors.push_back((url, reason.to_owned()));
        self.deliver_errors();
    }

    /// Bytes that never came to the core, refused by the handle or after the channel was over.
    pub(super) fn refused(&mut self, channel: &Shared, bytes: usize) {
        match self.channels.get_mut(&channel.key) {
            Some(r) => {
                r.drained += bytes as u64;
                r.deliver_drained();
            }
            None if bytes > 0 => channel.on_drained.call(|f| f(bytes as u64)),
            None => {}
        }
    }

    /// A callback was set: what waited for it.
    pub(super) fn deliver(&mut self) {
        self.deliver_candidates();
        self.deliver_errors();
        self.deliver_incoming();
        for r in self.channels.values_mut() {
            r.deliver_messages();
            r.deliver_drained();
        }
    }

    fn deliver_candidates(&mut self) {
        while self.link.on_candidate.is_set() {
            let Some((mid, line)) = self.candidates.pop_front() else { return };
            self.link.on_candidate.call(|f| f(&mid, &line));
        }
    }

    fn deliver_errors(&mut self) {
        while self.link.on_candidate_error.is_set() {
            let Some((url, reason)) = self.errors.pop_front() else { return };
            self.link.on_candidate_error.call(|f| f(&url, &reason));
        }
    }

    fn deliver_incoming(&mut self) {
        while self.link.on_channel.is_set() {
            let Some(channel) = self.incoming.pop_front() else { return };
            self.link.on_channel.call(|f| f(channel));
        }
    }

    /// Ends every channel that is left, and drops every callback.
    pub(super) fn end(&mut self) {
        for (_, r) in self.channels.drain() {
            r.channel.share.settled(u64::MAX);
            r.channel.enter(ChannelState::Closed);
            r.channel.clear_callbacks();
        }
        self.filter = None;
        self.incoming.clear();
    }
}

impl Receiver {
    fn new(channel: Arc<Shared>) -> Self {
        Self { channel, messages: VecDeque::new(), waiting: 0, dropped: 0, drained: 0 }
    }

    fn message(&mut self, data: Bytes, binary: bool) {
        if self.waiting + data.len() > MAX_WAITING {
            self.dropped += 1;
            if self.dropped == 1 {
                log::warn!("channel {}: nobody listens, messages are dropped from now on", self.channel.label);
            }
            return;
        }
        self.waiting += data.len();
        self.messages.push_back((data, binary));
        self.deliver_messages();
    }

    fn deliver_messages(&mut self) {
        while self.channel.on_message.is_set() {
            let Some((data, binary)) = self.messages.pop_front() else { return };
            self.waiting -= data.len();
            self.channel.on_message.call(|f| f(&data, binary));
        }
    }

    fn deliver_drained(&mut self) {
        if self.drained > 0 && self.channel.on_drained.is_set() {
            let drained = std::mem::take(&mut self.drained);
            self.channel.on_drained.call(|f| f(drained));
        }
    }
}
