// SPDX-License-Identifier: Apache-2.0
//! `Connection`: the stack, the channels, the gathering and the timers behind one `handle`/`poll` face.

use super::{
    channels::{Channels, Opened},
    gather::Gather,
    liveness::Liveness,
    negotiate::Negotiation,
    pacer::Pacer,
    path::Path,
    recovery::Recovery,
    watchdog::Watchdog,
    ChannelKey, Counters, Event, Transmit,
};
use crate::{
    types::{ChannelInit, ConnState},
    Backlog, Config, Error, MAX_MESSAGE,
};
use bytes::BytesMut;
use rtc::{
    data_channel::{RTCDataChannelId, RTCDataChannelInit},
    peer_connection::{
        configuration::{
            setting_engine::{SctpMaxMessageSize, SettingEngineBuilder},
            RTCConfigurationBuilder,
        },
        event::{RTCDataChannelEvent, RTCPeerConnectionEvent},
        message::RTCMessage,
        state::RTCPeerConnectionState,
        transport::{RTCIceCandidateInit, RTCSctpTransportState},
        RTCPeerConnection, RTCPeerConnectionBuilder,
    },
    sansio::Protocol,
    shared::{TaggedBytesMut, TransportContext, TransportProtocol},
};
use std::{
    collections::VecDeque,
    net::SocketAddr,
    time::{Duration, Instant},
};

/// A connectivity check each 50 ms, for 15 s: the first is often sent before the far end listens, and
/// it may take long to begin.
const CHECK_INTERVAL: Duration = Duration::from_millis(50);
const CHECKS: u16 = 300;
/// Consent checks on the path in use; their answers keep an idle connection from looking silent.
const KEEPALIVE: Duration = Duration::from_millis(700);
/// Least distance of two wake-ups for a timer of the stack that is overdue and stays so.
const OVERDUE_RETRY: Duration = Duration::from_millis(5);

/// No timer ran for this long, where [`KEEPALIVE`] alone makes one run more often: the process was stopped, or the machine
/// slept. What the far end sent meanwhile is still to be read, and that time says nothing about it.
const SUSPENDED: Duration = Duration::from_secs(3);

/// Datagrams at least this long carry payload: none of the stack's own messages on an association that is up are.
const PAYLOAD: usize = 1000;

/// A data-only WebRTC peer connection without I/O. The module's head tells the calling order.
pub struct Connection {
    pub(super) pc: RTCPeerConnection,
    pub(super) negotiation: Negotiation,
    pub(super) gather: Gather,
    pub(super) events: VecDeque<Event>,
    channels: Channels,
    liveness: Liveness,
    recovery: Recovery,
    watchdog: Watchdog,
    pacer: Pacer,
    pub(super) path: Path,
    backlog: Backlog,
    /// Closed by the far end; told once the messages before are read.
    ended: Vec<RTCDataChannelId>,
    /// Where DTLS goes: the far end of the path in use.
    far_end: Option<SocketAddr>,
    /// The newest instant seen.
    now: Instant,
    /// When timers were last looked at.
    looked: Instant,
    /// When the stack's timers last ran.
    ran: Instant,
    /// Set while the pace holds datagrams back.
    held_until: Option<Instant>,
    /// Whether the channels' queues or SCTP's room for them may have changed.
    refill: bool,
    /// Whether a channel was ever open.
    up: bool,
}

impl Connection {
    /// A new connection. Nothing is sent before both descriptions are set.
    pub fn new(config: &Config, now: Instant) -> Result<Self, Error> {
        // What does not fit into the window comes in at a packet for each of SCTP's timers, if at all.
        let longest = config.receive_window.min(MAX_MESSAGE as u32);
        let mut settings = SettingEngineBuilder::new()
            .with_sctp_max_message_size(SctpMaxMessageSize::Bounded(longest))
            .with_sctp_max_receive_buffer_size(config.receive_window)
            .with_include_loopback_candidate(config.loopback)
            // A check often beats the trickled candidate that it comes from, which makes that candidate
            // peer-reflexive; the default would then hold the nomination back for a whole second.
            .with_prflx_acceptance_min_wait(Some(Duration::ZERO))
            .with_ice_connection_attempts(Some(CHECK_INTERVAL), Some(CHECKS))
            // No time-outs in the stack: see `liveness`.
            .with_ice_timeouts(Some(Duration::ZERO), Some(Duration::ZERO), Some(KEEPALIVE));
        if config.sctp_mtu > 0 {
            settings = settings.with_sctp_mtu(config.sctp_mtu);
        }
        let mut pc = RTCPeerConnectionBuilder::new()
            .with_configuration(RTCConfigurationBuilder::new().build())
            .with_setting_engine(settings.build())
            .build(now)?;
        // The stack offers m=application only if it knows a channel. One that is closed before it opens
        // never reaches the wire, and makes every offer a valid one.
        let seed = RTCDataChannelInit { negotiated: Some(u16::MAX - 1), ..Default::default() };
        pc.create_data_channel("", Some(seed))?.close()?;
        let path = Path::new(config.pace_bps, config.max_in_flight, now);
        Ok(Self {
            pc,
            negotiation: Negotiation::default(),
            gather: Gather::default(),
            events: VecDeque::new(),
            channels: Channels::new(config.max_in_flight),
            liveness: Liveness::new(now),
            recovery: Recovery::new(now),
            watchdog: Watchdog::new(now),
            pacer: Pacer::new(path.pace(), config.pace_burst, now),
            path,
            backlog: config.backlog.clone(),
            ended: Vec::new(),
            far_end: None,
            now,
            looked: now,
            ran: now,
            held_until: None,
            refill: false,
            up: false,
        })
    }

    /// The state last told by an event.
    pub fn state(&self) -> ConnState {
        self.liveness.published()
    }

    // ---- channels ----

    /// Makes a channel; it opens once the far end and the transport are ready. `key` is the caller's
    /// choice, below [`FIRST_INCOMING`](super::FIRST_INCOMING) and never used before.
    pub fn create_channel(&mut self, key: ChannelKey, init: ChannelInit) -> Result<(), Error> {
        self.not_closed()?;
        self.refill = true;
        self.channels.create(&mut self.pc, key, init)
    }

    /// Queues a message. On an error the bytes still count as given, and are reported as drained,
    /// unless the channel is unknown or over.
    pub fn send(&mut self, key: ChannelKey, data: BytesMut, binary: bool) -> Result<(), Error> {
        self.refill = true;
        self.channels.send(key, data, binary)
    }

    /// Closes a channel once its messages are through; at once if it never opened.
    pub fn close_channel(&mut self, key: ChannelKey) {
        self.refill = true;
        if self.channels.close(&mut self.pc, key) {
            self.end_of_channel(key);
        }
    }

    /// The byte counts of a channel that is not over.
    pub fn counters(&self, key: ChannelKey) -> Option<Counters> {
        self.channels.counters(key)
    }

    // ---- the network ----

    /// Takes a bound local address in, as host candidate and to ask STUN servers from.
    pub fn add_local_address(&mut self, address: SocketAddr, now: Instant) {
        self.observe(now);
        if let Some(line) = self.gather.add_base(address, now) {
            self.add_local_candidate(line);
        }
    }

    /// Asks these servers what our addresses look like from there. May be repeated.
    pub fn add_stun_servers(&mut self, servers: &[SocketAddr], now: Instant) {
        self.observe(now);
        self.gather.add_servers(servers, now);
    }

    fn add_local_candidate(&mut self, line: String) {
        let init = RTCIceCandidateInit { candidate: line.clone(), ..Default::default() };
        match self.pc.add_local_candidate(init) {
            Ok(()) => self.announce(line),
            Err(e) => log::debug!("local {line}: {e}"),
        }
    }

    pub(super) fn announce(&mut self, line: String) {
        log::debug!("local {line}");
        self.events.push_back(Event::Candidate { mid: self.mid(), line });
    }

    /// Takes a datagram in.
    pub fn handle_datagram(&mut self, now: Instant, local: SocketAddr, remote: SocketAddr, data: BytesMut) {
        self.observe(now);
        if let Some(found) = self.gather.handle(local, remote, &data) {
            if let Some(line) = found {
                self.add_local_candidate(line);
            }
            return;
        }
        if self.far_end.is_none_or(|far_end| far_end == remote) || is_dtls(&data) {
            self.liveness.heard(now);
            self.watchdog.heard(now);
            if self.far_end == Some(remote) && is_answered_check(&data) {
                self.watchdog.answered(now);
            }
            if self.recovery.heard(now) {
                self.watchdog.path_is_back(now);
            }
        }
        self.refill = true;
        let transport = TransportContext {
            local_addr: local,
            peer_addr: remote,
            ecn: None,
            transport_protocol: TransportProtocol::UDP,
        };
        let (now, short) = (self.stack_now(), data.len() < PAYLOAD);
        if let Err(e) = self.pc.handle_read(TaggedBytesMut { now, transport, message: data }) {
            log::debug!("datagram from {remote}: {e}");
        }
        // Before the next datagram: the stack makes negotiated channels when it tells itself of the association, and
        // drops a message that comes sooner; and a stream that is closed has to be so before it is opened again. Those
        // come in short datagrams. A long one is payload, and what it tells can wait.
        if short || !self.up {
            while let Some(event) = self.pc.poll_event() {
                self.absorb(event);
            }
        }
    }

    /// Runs the timers that are due.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.observe(now);
        let passed = now.saturating_duration_since(std::mem::replace(&mut self.looked, now));
        if passed >= SUSPENDED && self.state() == ConnState::Connected {
            self.liveness.was_suspended(passed, now);
            self.watchdog.was_suspended(passed, now);
        }
        for key in self.channels.handle_timeout(&mut self.pc, now) {
            self.end_of_channel(key);
        }
        self.recovery.handle_timeout(now);
        let stack_now = self.stack_now();
        if self.pc.poll_timeout().is_some_and(|t| t <= stack_now) {
            self.ran = now;
            self.refill = true;
            if let Err(e) = self.pc.handle_timeout(stack_now) {
                log::debug!("timer: {e}");
            }
        }
        self.watch_progress(now);
    }

    fn watch_progress(&mut self, now: Instant) {
        let totals = self.channels.totals(&mut self.pc);
        let (in_flight, released) = (totals.in_flight(), totals.released);
        self.backlog.add_delivered(released.saturating_sub(self.path.released()));
        if self.path.progress(totals, now) {
            self.pacer.set_rate(self.path.pace());
            self.channels.max_in_flight = self.path.cap();
            self.backlog.path(self.path.rate(), self.path.round_trip(), self.path.cap());
        }
        self.liveness.set_stuck(self.watchdog.watch(totals, now));
        if self.recovery.progress(in_flight, released, now) {
            self.liveness.sctp_is_over();
        }
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) and the `poll_*` functions again.
    pub fn poll_timeout(&mut self) -> Option<Instant> {
        let stack = self.pc.poll_timeout().map(|t| self.recovery.our_time(t).max(self.ran + OVERDUE_RETRY));
        let parts = [
            stack,
            self.gather.poll_timeout(),
            self.liveness.poll_timeout(),
            self.recovery.poll_timeout(),
            self.path.poll_timeout(),
            self.watchdog.poll_timeout(self.now),
            self.channels.poll_timeout(),
            // Once it has passed, only a socket that is full can hold the caller up, and that tells by itself.
            self.held_until.filter(|at| *at > self.now),
        ];
        parts.into_iter().flatten().min()
    }

    /// The next datagram to send now, as the pace allows.
    pub fn poll_transmit(&mut self, now: Instant) -> Option<Transmit> {
        self.observe(now);
        self.held_until = self.pacer.ready_at(now);
        if self.held_until.is_some() {
            return None;
        }
        let out = loop {
            if let Some(out) = self.gather.poll_transmit(now).or_else(|| self.poll_stack(now)) {
                break out;
            }
            if !std::mem::take(&mut self.refill) {
                return None;
            }
            // A portion at a time: the stack encrypts what it is given before it hands the first datagram out, and the
            // far end would have nothing to do meanwhile.
            let stack_now = self.stack_now();
            self.refill = self.channels.pump(&mut self.pc, stack_now);
            self.watch_progress(now);
        };
        self.pacer.spend(out.data.len(), now);
        Some(out)
    }

    fn poll_stack(&mut self, now: Instant) -> Option<Transmit> {
        let out = self.pc.poll_write()?;
        let (local, remote) = (out.transport.local_addr, out.transport.peer_addr);
        if is_dtls(&out.message) {
            if self.far_end.replace(remote).is_some_and(|before| before != remote) {
                self.path.changed();
            }
            self.path.sent(out.message.len(), now);
        }
        Some(Transmit { local, remote, data: out.message })
    }

    /// Until when the pace holds everything back, as of the last [`poll_transmit`](Self::poll_transmit).
    pub fn held_until(&self) -> Option<Instant> {
        self.held_until
    }

    // ---- events ----

    /// What happened next.
    pub fn poll_event(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Some(event);
            }
            if let Some(event) = self.pc.poll_event() {
                self.absorb(event);
            } else if let Some(message) = self.pc.poll_read() {
                let RTCMessage::DataChannelMessage(id, message) = message.message else { continue };
                let Some(key) = self.channels.key_of(id) else { continue };
                return Some(Event::Message { key, data: message.data.freeze(), binary: !message.is_string });
            } else if let Some(id) = self.ended.pop() {
                if let Some(key) = self.channels.closed(id, self.now) {
                    self.end_of_channel(key);
                }
            } else if let Some(state) = self.liveness.poll(self.now) {
                return Some(Event::State(state));
            } else {
                let failed = self.liveness.published() == ConnState::Failed;
                return self.channels.report(&mut self.pc, failed).map(|(key, bytes)| Event::Drained { key, bytes });
            }
        }
    }

    fn absorb(&mut self, event: RTCPeerConnectionEvent) {
        match event {
            RTCPeerConnectionEvent::OnConnectionStateChangeEvent(state) => {
                let state = match state {
                    RTCPeerConnectionState::Connecting => ConnState::Connecting,
                    RTCPeerConnectionState::Connected => ConnState::Connected,
                    RTCPeerConnectionState::Disconnected => ConnState::Disconnected,
                    RTCPeerConnectionState::Failed => ConnState::Failed,
                    RTCPeerConnectionState::Closed => ConnState::Closed,
                    _ => ConnState::New,
                };
                self.liveness.transport_changed(state, self.now);
                if state == ConnState::Connected {
                    self.recovery.path_is_back(self.now);
                    self.watchdog.path_is_back(self.now);
                }
                self.events.extend(self.liveness.poll(self.now).map(Event::State));
            }
            RTCPeerConnectionEvent::OnDataChannel(RTCDataChannelEvent::OnOpen(id)) => {
                self.refill = true;
                self.up = true;
                let Some(dc) = self.pc.data_channel(id) else { return };
                let (label, stream_id) = (dc.label().to_owned(), dc.stream_id());
                self.events.extend(self.channels.opened(id).map(|opened| match opened {
                    Opened::Local(key) => Event::ChannelOpened { key, stream_id },
                    Opened::Incoming(key) => Event::ChannelIncoming { key, label, stream_id },
                }));
            }
            RTCPeerConnectionEvent::OnDataChannel(RTCDataChannelEvent::OnClose(id)) => {
                self.ended.push(id);
                if self.pc.sctp().is_some_and(|sctp| sctp.state() == RTCSctpTransportState::Closed) {
                    self.liveness.sctp_is_over();
                }
            }
            _ => {}
        }
    }

    fn end_of_channel(&mut self, key: ChannelKey) {
        let bytes = self.channels.remove(key);
        if bytes > 0 {
            self.events.push_back(Event::Drained { key, bytes });
        }
        self.events.push_back(Event::ChannelClosed { key });
    }

    /// Ends the connection. What is left to send is the notice to the far end.
    pub fn close(&mut self) {
        if self.liveness.published() == ConnState::Closed {
            return;
        }
        if let Err(e) = self.pc.close() {
            log::debug!("close: {e}");
        }
        self.pacer = Pacer::new(0.0, 0, self.now);
        for key in self.channels.end_all() {
            self.end_of_channel(key);
        }
        self.liveness.transport_changed(ConnState::Closed, self.now);
        self.events.extend(self.liveness.poll(self.now).map(Event::State));
    }

    pub(super) fn observe(&mut self, now: Instant) {
        self.now = self.now.max(now);
    }

    /// The time as the stack is to see it.
    pub(super) fn stack_now(&self) -> Instant {
        self.recovery.stack_time(self.now)
    }
}

/// A STUN Binding success response, by its type (RFC 8489, 5).
fn is_answered_check(datagram: &[u8]) -> bool {
    datagram.starts_with(&[1, 1])
}

/// By its first byte, as RFC 7983 tells the protocols apart.
fn is_dtls(datagram: &[u8]) -> bool {
    matches!(datagram.first(), Some(20..=63))
}
