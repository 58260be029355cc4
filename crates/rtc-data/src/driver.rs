//! The driver thread: owns the `rtc` state machine, the sockets and every channel's bookkeeping.

use crate::{
    channel::{Channel, ChannelInit, ChannelState},
    net::{host_addresses, Scratch, Socket, Train},
    peer::{ConnState, Link, SdpKind, Signaling},
    Config, Error, Filter,
};
use bytes::BytesMut;
use rtc::{
    data_channel::{RTCDataChannelId, RTCDataChannelInit},
    peer_connection::{
        configuration::{
            setting_engine::{SctpMaxMessageSize, SettingEngineBuilder},
            RTCConfigurationBuilder, RTCOfferOptions,
        },
        event::{RTCDataChannelEvent, RTCPeerConnectionEvent},
        message::RTCMessage,
        sdp::{RTCSdpType, RTCSessionDescription},
        state::{RTCPeerConnectionState, RTCSignalingState},
        transport::{CandidateConfig, CandidateHostConfig, RTCIceCandidate, RTCIceCandidateInit},
        RTCPeerConnection, RTCPeerConnectionBuilder,
    },
    sansio::Protocol,
    shared::{TaggedBytesMut, TransportContext, TransportProtocol},
};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{atomic::Ordering::*, mpsc, Arc},
    time::{Duration, Instant},
};
use tokio::sync::oneshot;

pub(crate) const WAKE: mio::Token = mio::Token(usize::MAX);

/// Drained bytes are reported once this many have come together, or none are left.
const REPORT_STEP: u64 = 100 << 10;
/// Receive batches handled before acknowledgements and other output get their turn.
const BATCHES_PER_TURN: usize = 4;
/// Largest message we accept.
const MAX_MESSAGE: u32 = 256 << 10;

type Reply<T> = oneshot::Sender<Result<T, Error>>;

pub(crate) enum Command {
    Send {
        key: u64,
        data: BytesMut,
        binary: bool,
    },
    CreateChannel {
        channel: Arc<Channel>,
        init: ChannelInit,
    },
    CloseChannel {
        key: u64,
    },
    /// A message handler was set: deliver what waited for it.
    Flush {
        key: u64,
    },
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
    Close,
}

/// The driver's half of a channel.
struct Entry {
    channel: Arc<Channel>,
    id: RTCDataChannelId,
    /// Handed to us while the channel was not open yet.
    waiting: VecDeque<(BytesMut, bool)>,
    /// Came in while no message handler was set.
    inbox: VecDeque<(BytesMut, bool)>,
    /// Bytes given to `send` so far, and how many of them the application has been told about.
    given: u64,
    reported: u64,
    /// Bytes that went into the `rtc` layer.
    handed: u64,
}

pub(crate) struct Driver {
    config: Config,
    filter: Option<Filter>,
    poll: mio::Poll,
    rx: mpsc::Receiver<Command>,
    link: Arc<Link>,
    pc: RTCPeerConnection,
    sockets: Vec<Socket>,
    scratch: Scratch,
    train: Train,
    entries: BTreeMap<u64, Entry>,
    by_id: BTreeMap<RTCDataChannelId, u64>,
    /// The last offer made, and whether it restarts ICE.
    offer: Option<(RTCSessionDescription, bool)>,
    answer: Option<RTCSessionDescription>,
    pending_restart: bool,
    remote_ufrag: Option<String>,
    pacer: Pacer,
    traced: Instant,
    /// Datagrams sent, received, and dropped here because a socket was full.
    counts: [u64; 3],
}

impl Driver {
    pub fn new(
        config: Config,
        filter: Option<Filter>,
        poll: mio::Poll,
        rx: mpsc::Receiver<Command>,
        link: Arc<Link>,
    ) -> Result<Self, Error> {
        let mut settings = SettingEngineBuilder::new()
            .with_sctp_max_message_size(SctpMaxMessageSize::Bounded(MAX_MESSAGE))
            .with_sctp_max_receive_buffer_size(config.receive_window)
            .with_include_loopback_candidate(config.loopback)
            // The server's check often beats its trickled candidate, which makes that candidate
            // peer-reflexive; the default would then hold the nomination back for a whole second.
            .with_prflx_acceptance_min_wait(Some(Duration::ZERO))
            // The first check is often sent before the server listens: ask again after 50 ms, not 200.
            .with_ice_connection_attempts(Some(Duration::from_millis(50)), Some(28))
            // Silence shows as Disconnected after 2.5 s and as Failed 12.5 s later.
            .with_ice_timeouts(
                Some(Duration::from_millis(2500)),
                Some(Duration::from_millis(12_500)),
                Some(Duration::from_millis(700)),
            );
        if config.sctp_mtu > 0 {
            settings = settings.with_sctp_mtu(config.sctp_mtu);
        }
        let pc = RTCPeerConnectionBuilder::new()
            .with_configuration(RTCConfigurationBuilder::new().build())
            .with_setting_engine(settings.build())
            .build(Instant::now())?;
        let pacer = Pacer::new(config.pace_bps, config.pace_burst);
        Ok(Self {
            config,
            filter,
            poll,
            rx,
            link,
            pc,
            sockets: vec![],
            scratch: Scratch::default(),
            train: Train::default(),
            entries: BTreeMap::new(),
            by_id: BTreeMap::new(),
            offer: None,
            answer: None,
            pending_restart: false,
            remote_ufrag: None,
            pacer,
            traced: Instant::now(),
            counts: [0; 3],
        })
    }

    pub fn run(mut self) {
        let mut events = mio::Events::with_capacity(64);
        loop {
            // A read-modify-write, not a plain store: it must not sink below the queue check, or a
            // command posted in between would find us "awake" and wait for the next timer.
            self.link.awake.swap(false, SeqCst);
            loop {
                match self.rx.try_recv() {
                    Ok(Command::Close) | Err(mpsc::TryRecvError::Disconnected) => return self.shut_down(),
                    Ok(c) => self.command(c),
                    Err(mpsc::TryRecvError::Empty) => break,
                }
            }
            let more = self.receive();
            let now = Instant::now();
            if self.pc.poll_timeout().is_some_and(|t| t <= now) {
                let _ = self.pc.handle_timeout(now);
            }
            self.pump();
            self.refill();
            let paced = self.transmit();
            self.report();
            self.trace();

            let wait = if more {
                Duration::ZERO
            } else {
                let now = Instant::now();
                let timer = self.pc.poll_timeout().map(|t| t.saturating_duration_since(now));
                [timer, paced].into_iter().flatten().fold(Duration::from_millis(500), Duration::min)
            };
            if let Err(e) = self.poll.poll(&mut events, Some(wait)) {
                if e.kind() != std::io::ErrorKind::Interrupted {
                    log::error!("poll: {e}");
                    return self.shut_down();
                }
            }
            for e in &events {
                if let Some(s) = self.sockets.get_mut(e.token().0) {
                    s.readable |= e.is_readable();
                    s.writable |= e.is_writable();
                }
            }
        }
    }

    fn shut_down(mut self) {
        let _ = self.pc.close();
        self.pacer = Pacer::new(0, 0);
        self.transmit(); // the SCTP ABORT and DTLS close_notify, as far as the sockets take them
        for e in self.entries.values() {
            e.channel.enter(ChannelState::Closed);
        }
        self.link.enter(ConnState::Closed);
    }

    // ---- commands ----

    fn command(&mut self, c: Command) {
        match c {
            Command::Send { key, data, binary } => self.send(key, data, binary),
            Command::CreateChannel { channel, init } => self.create_channel(channel, init),
            Command::CloseChannel { key } => self.close_channel(key),
            Command::Flush { key } => {
                if let Some(e) = self.entries.get_mut(&key) {
                    e.deliver();
                }
            }
            Command::CreateOffer { ice_restart, reply } => {
                let _ = reply.send(self.create_offer(ice_restart));
            }
            Command::CreateAnswer { reply } => {
                let r = self.pc.create_answer(None).map_err(Error::from).map(|a| {
                    let sdp = a.sdp.clone();
                    self.answer = Some(a);
                    sdp
                });
                let _ = reply.send(r);
            }
            Command::SetLocal { kind, sdp, reply } => {
                let r = self.set_local(kind, &sdp);
                self.publish_signaling();
                let _ = reply.send(r);
            }
            Command::SetRemote { kind, sdp, reply } => {
                let r = self.set_remote(kind, sdp);
                self.publish_signaling();
                let _ = reply.send(r);
            }
            Command::AddCandidate { line, reply } => {
                let _ = reply.send(self.add_candidate(line));
            }
            Command::Close => {}
        }
    }

    fn create_offer(&mut self, ice_restart: bool) -> Result<String, Error> {
        let o = self.pc.create_offer(Some(RTCOfferOptions { ice_restart, ..Default::default() }))?;
        let sdp = o.sdp.clone();
        self.offer = Some((o, ice_restart));
        Ok(sdp)
    }

    /// The application may hand back an edited or re-spaced copy of our offer; what counts is ours.
    fn set_local(&mut self, kind: SdpKind, sdp: &str) -> Result<(), Error> {
        let now = Instant::now();
        let mine = match kind {
            SdpKind::Offer => {
                let (o, restart) = self.offer.clone().ok_or_else(|| Error::Sdp("no offer was created".into()))?;
                self.pending_restart = restart;
                o
            }
            SdpKind::Answer => self.answer.take().ok_or_else(|| Error::Sdp("no answer was created".into()))?,
            SdpKind::Rollback => return self.roll_back(),
        };
        if mine.sdp.trim_end() != sdp.trim_end() {
            log::debug!("local description was edited; applying our own");
        }
        self.pc.set_local_description(now, mine)?;
        self.gather();
        Ok(())
    }

    fn roll_back(&mut self) -> Result<(), Error> {
        let mut d = RTCSessionDescription::default();
        d.sdp_type = RTCSdpType::Rollback;
        self.pc.set_local_description(Instant::now(), d)?;
        self.pending_restart = false;
        Ok(())
    }

    fn set_remote(&mut self, kind: SdpKind, sdp: String) -> Result<(), Error> {
        let ufrag = attribute(&sdp, "a=ice-ufrag:").map(str::to_owned);
        if kind == SdpKind::Answer && self.pending_restart && ufrag == self.remote_ufrag {
            // `livekit` re-applies the old answer to get out of a stale restart offer.
            log::debug!("old answer to a restart offer: rolling back");
            return self.roll_back();
        }
        log::trace!("remote description:\n{sdp}");
        let d = match kind {
            SdpKind::Offer => RTCSessionDescription::offer(sdp)?,
            SdpKind::Answer => RTCSessionDescription::answer(sdp)?,
            SdpKind::Rollback => return self.roll_back(),
        };
        self.pc.set_remote_description(Instant::now(), d)?;
        if kind == SdpKind::Answer {
            self.pending_restart = false;
        }
        self.remote_ufrag = ufrag;
        Ok(())
    }

    fn publish_signaling(&self) {
        self.link.set_signaling(match self.pc_signaling() {
            RTCSignalingState::HaveLocalOffer | RTCSignalingState::HaveLocalPranswer => Signaling::HaveLocalOffer,
            RTCSignalingState::HaveRemoteOffer | RTCSignalingState::HaveRemotePranswer => Signaling::HaveRemoteOffer,
            RTCSignalingState::Closed => Signaling::Closed,
            _ => Signaling::Stable,
        });
        let plain = |d: Option<RTCSessionDescription>| {
            d.map(|d| {
                let kind = if d.sdp_type == RTCSdpType::Offer { SdpKind::Offer } else { SdpKind::Answer };
                (kind, d.sdp)
            })
        };
        *self.link.current_local.lock() = plain(self.pc.current_local_description());
        *self.link.current_remote.lock() = plain(self.pc.current_remote_description().cloned());
    }

    /// `rtc` keeps its signaling state to itself; the pending descriptions say the same.
    fn pc_signaling(&self) -> RTCSignalingState {
        if self.pc.pending_local_description().is_some() {
            RTCSignalingState::HaveLocalOffer
        } else if self.pc.pending_remote_description().is_some() {
            RTCSignalingState::HaveRemoteOffer
        } else {
            RTCSignalingState::Stable
        }
    }

    fn add_candidate(&mut self, line: String) -> Result<(), Error> {
        let candidate = line.strip_prefix("a=").unwrap_or(&line).to_owned();
        log::debug!("remote {candidate}");
        if candidate.split_whitespace().nth(2).is_some_and(|p| p.eq_ignore_ascii_case("tcp")) {
            return Ok(()); // UDP only in this proof
        }
        Ok(self.pc.add_remote_candidate(RTCIceCandidateInit { candidate, ..Default::default() })?)
    }

    /// Host candidates: one socket for each local address, kept across ICE restarts.
    fn gather(&mut self) {
        if !self.sockets.is_empty() {
            return;
        }
        for ip in host_addresses(self.config.loopback) {
            if let Err(e) = self.gather_one(ip) {
                log::debug!("no candidate on {ip}: {e}");
            }
        }
        let _ = self.pc.add_local_candidate(RTCIceCandidateInit::default());
    }

    fn gather_one(&mut self, ip: std::net::IpAddr) -> Result<(), Error> {
        let mut s = Socket::bind(ip, self.config.socket_buffer)?;
        let token = mio::Token(self.sockets.len());
        self.poll.registry().register(&mut s.io, token, mio::Interest::READABLE | mio::Interest::WRITABLE)?;
        let candidate = CandidateHostConfig {
            base_config: CandidateConfig {
                network: "udp".into(),
                address: ip.to_string(),
                port: s.local.port(),
                component: 1,
                ..Default::default()
            },
            ..Default::default()
        }
        .new_candidate_host()?;
        let init = RTCIceCandidate::from(&candidate).to_json()?;
        let line = init.candidate.clone();
        self.pc.add_local_candidate(init)?;
        self.sockets.push(s);
        let mid = self
            .pc
            .local_description()
            .and_then(|d| attribute(&d.sdp, "a=mid:").map(str::to_owned))
            .unwrap_or_else(|| "0".into());
        log::debug!("local {line}");
        self.link.on_candidate.call(|f| f(&mid, &line));
        Ok(())
    }

    // ---- channels ----

    fn create_channel(&mut self, channel: Arc<Channel>, init: ChannelInit) {
        let options = RTCDataChannelInit {
            ordered: init.ordered,
            max_packet_life_time: init.max_lifetime_ms,
            max_retransmits: init.max_retransmits,
            protocol: init.protocol,
            negotiated: init.negotiated,
        };
        match self.pc.create_data_channel(&init.label, Some(options)) {
            Ok(dc) => {
                let id = dc.id();
                self.insert(channel, id);
            }
            Err(e) => {
                log::warn!("channel {}: {e}", init.label);
                channel.enter(ChannelState::Closed);
            }
        }
    }

    fn insert(&mut self, channel: Arc<Channel>, id: RTCDataChannelId) {
        let key = channel.key;
        self.by_id.insert(id, key);
        self.entries.insert(
            key,
            Entry { channel, id, waiting: VecDeque::new(), inbox: VecDeque::new(), given: 0, reported: 0, handed: 0 },
        );
    }

    fn close_channel(&mut self, key: u64) {
        let Some(e) = self.entries.get(&key) else { return };
        // Before the association exists this only marks it closed: it is then never dialled.
        if let Some(mut dc) = self.pc.data_channel(e.id) {
            let _ = dc.close();
        }
        e.channel.enter(ChannelState::Closed);
    }

    fn send(&mut self, key: u64, data: BytesMut, binary: bool) {
        let Some(e) = self.entries.get_mut(&key) else { return };
        e.given += data.len() as u64;
        e.waiting.push_back((data, binary));
    }

    /// Feeds SCTP from the channels' queues, never holding more than `max_in_flight` in it.
    fn refill(&mut self) {
        for e in self.entries.values_mut() {
            if !e.waiting.is_empty() && e.channel.state() == ChannelState::Open {
                e.hand_over(&mut self.pc, self.config.max_in_flight);
            }
        }
    }

    fn opened(&mut self, id: RTCDataChannelId) {
        let key = match self.by_id.get(&id) {
            Some(k) => *k,
            None => {
                // The peer opened it.
                let Some(dc) = self.pc.data_channel(id) else { return };
                let (label, stream) = (dc.label().to_owned(), dc.stream_id());
                let key = self.link.next_key.fetch_add(1, Relaxed);
                let c = Channel::new(key, label, stream, ChannelState::Open, self.link.clone());
                self.insert(c.clone(), id);
                if !self.link.on_channel.call(|f| f(c.clone())) {
                    log::debug!("nobody wants channel {}", c.label());
                }
                return;
            }
        };
        let Some(e) = self.entries.get_mut(&key) else { return };
        if let Some(s) = self.pc.data_channel(id).and_then(|dc| dc.stream_id()) {
            e.channel.set_stream_id(s);
        }
        log::debug!("channel {} open on stream {:?}", e.channel.label(), e.channel.stream_id());
        e.channel.enter(ChannelState::Open);
    }

    // ---- the wire ----

    /// `true`: more is waiting in a socket.
    fn receive(&mut self) -> bool {
        let mut more = false;
        for i in 0..self.sockets.len() {
            for _ in 0..BATCHES_PER_TURN {
                if !self.sockets[i].readable {
                    break;
                }
                let now = Instant::now();
                let local_addr = self.sockets[i].local;
                let (pc, count) = (&mut self.pc, &mut self.counts[1]);
                let got = self.sockets[i].recv(&mut self.scratch, |peer_addr, message| {
                    *count += 1;
                    let transport = TransportContext {
                        local_addr,
                        peer_addr,
                        ecn: None,
                        transport_protocol: TransportProtocol::UDP,
                    };
                    if let Err(e) = pc.handle_read(TaggedBytesMut { now, transport, message }) {
                        log::debug!("datagram: {e}");
                    }
                });
                if !got {
                    break;
                }
            }
            more |= self.sockets[i].readable;
        }
        more
    }

    /// Events and messages out of the state machine, to the callbacks.
    fn pump(&mut self) {
        loop {
            let mut idle = true;
            while let Some(e) = self.pc.poll_event() {
                idle = false;
                match e {
                    RTCPeerConnectionEvent::OnConnectionStateChangeEvent(s) => {
                        self.link.enter(match s {
                            RTCPeerConnectionState::Connecting => ConnState::Connecting,
                            RTCPeerConnectionState::Connected => ConnState::Connected,
                            RTCPeerConnectionState::Disconnected => ConnState::Disconnected,
                            RTCPeerConnectionState::Failed => ConnState::Failed,
                            RTCPeerConnectionState::Closed => ConnState::Closed,
                            _ => ConnState::New,
                        });
                    }
                    RTCPeerConnectionEvent::OnDataChannel(RTCDataChannelEvent::OnOpen(id)) => self.opened(id),
                    RTCPeerConnectionEvent::OnDataChannel(RTCDataChannelEvent::OnClose(id)) => {
                        if let Some(e) = self.by_id.remove(&id).and_then(|k| self.entries.remove(&k)) {
                            log::debug!("channel {} closed", e.channel.label());
                            e.channel.enter(ChannelState::Closed);
                        }
                    }
                    _ => {}
                }
            }
            while let Some(m) = self.pc.poll_read() {
                idle = false;
                let RTCMessage::DataChannelMessage(id, m) = m.message else { continue };
                let Some(e) = self.by_id.get(&id).and_then(|k| self.entries.get_mut(k)) else { continue };
                if self.filter.as_mut().is_some_and(|f| f(e.channel.label(), &m.data)) {
                    continue;
                }
                e.inbox.push_back((m.data, !m.is_string));
                e.deliver();
            }
            if idle {
                return;
            }
        }
    }

    /// Sends what the state machine has, as fast as the pace allows. Returns how long to wait for more.
    fn transmit(&mut self) -> Option<Duration> {
        loop {
            if !self.train.is_empty() && !self.sockets[self.train.socket].writable {
                return None; // the poller says when
            }
            if let Some(wait) = self.pacer.wait() {
                self.train.flush(&mut self.sockets);
                return Some(wait);
            }
            let Some(out) = self.pc.poll_write() else {
                self.train.flush(&mut self.sockets);
                return None;
            };
            let Some(i) = self.sockets.iter().position(|s| s.local == out.transport.local_addr) else { continue };
            let max = self.config.gso.min(self.sockets[i].max_gso());
            self.pacer.spend(out.message.len());
            self.counts[0] += 1;
            if !self.train.fits(i, out.transport.peer_addr, out.message.len(), max)
                && !self.train.flush(&mut self.sockets)
            {
                // Full: this one datagram is lost and repaired by SCTP.
                self.counts[2] += 1;
                continue;
            }
            self.train.push(i, out.transport.peer_addr, &out.message);
        }
    }

    /// One line a second for whoever looks for a stall.
    fn trace(&mut self) {
        if !log::log_enabled!(log::Level::Trace) || self.traced.elapsed() < Duration::from_secs(1) {
            return;
        }
        self.traced = Instant::now();
        let due = self.pc.poll_timeout().map(|t| t.saturating_duration_since(self.traced));
        for e in self.entries.values().filter(|e| e.given > 0) {
            let outstanding = self.pc.data_channel(e.id).map(|d| d.outstanding_bytes());
            log::trace!(
                "{} {:?}: given {} handed {} reported {} outstanding {outstanding:?}, timer in {due:?}, sent {} datagrams, got {}, lost {}",
                e.channel.label(), e.channel.state(), e.given, e.handed, e.reported, self.counts[0], self.counts[1], self.counts[2]
            );
        }
    }

    /// Tells the application how many bytes of each channel left for good.
    fn report(&mut self) {
        for e in self.entries.values_mut() {
            let outstanding = self.pc.data_channel(e.id).map_or(0, |d| d.outstanding_bytes()) as u64;
            let drained = e.handed.saturating_sub(outstanding);
            let step = drained.saturating_sub(e.reported);
            if step >= REPORT_STEP || (step > 0 && drained == e.given) {
                e.reported = drained;
                e.channel.on_drained.call(|f| f(step));
            }
        }
    }
}

impl Entry {
    fn hand_over(&mut self, pc: &mut RTCPeerConnection, limit: usize) {
        let now = Instant::now();
        while let Some((data, _)) = self.waiting.front() {
            let held = pc.data_channel(self.id).map_or(0, |d| d.outstanding_bytes());
            if held > 0 && held + data.len() > limit {
                return;
            }
            let Some((data, binary)) = self.waiting.pop_front() else { return };
            // Failed sends count as drained, so that nobody waits for them for ever.
            self.handed += data.len() as u64;
            let Some(mut dc) = pc.data_channel(self.id) else { continue };
            let r = if binary {
                dc.send(now, data)
            } else {
                dc.send_text(now, String::from_utf8_lossy(&data).into_owned())
            };
            if let Err(e) = r {
                log::warn!("send on {}: {e}", self.channel.label());
            }
        }
    }

    fn deliver(&mut self) {
        while self.channel.on_message.is_set() {
            let Some((data, binary)) = self.inbox.pop_front() else { return };
            self.channel.on_message.call(|f| f(&data, binary));
        }
    }
}

/// A token bucket over bytes on the wire.
struct Pacer {
    rate: f64,
    burst: f64,
    tokens: f64,
    last: Instant,
}

impl Pacer {
    fn new(bps: u64, burst: usize) -> Self {
        Self { rate: bps as f64 / 8.0, burst: burst as f64, tokens: burst as f64, last: Instant::now() }
    }

    fn wait(&mut self) -> Option<Duration> {
        if self.rate == 0.0 {
            return None;
        }
        if self.tokens <= 0.0 {
            let now = Instant::now();
            self.tokens = (self.tokens + (now - self.last).as_secs_f64() * self.rate).min(self.burst);
            self.last = now;
        }
        (self.tokens <= 0.0).then(|| Duration::from_secs_f64((self.burst / 2.0 - self.tokens) / self.rate))
    }

    fn spend(&mut self, bytes: usize) {
        if self.rate > 0.0 {
            self.tokens -= bytes as f64;
        }
    }
}

/// The first value of an SDP attribute, wherever it stands.
fn attribute<'a>(sdp: &'a str, prefix: &str) -> Option<&'a str> {
    sdp.lines().find_map(|l| l.trim().strip_prefix(prefix))
}
