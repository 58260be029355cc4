// SPDX-License-Identifier: Apache-2.0
//! The connection's thread: owns the core, the sockets and the clock.
//!
//! A turn: commands, datagrams, timers, events, sends, then sleep until the next of any of them, or while many
//! datagrams flow for a moment that lets them come together. A panic on the thread, in a callback say, ends the
//! connection as failed; it never leaves a dead silent one.

use super::{
    addresses,
    delivery::Delivery,
    link::{Command, Link},
    moderation::Moderation,
    socket::{self, Buffers, Socket},
    train::Train,
};
use crate::{
    core::{buffer, Connection, Transmit},
    peer::Filter,
    types::{ConnState, IcePolicy, IceServer, Signaling},
    Config, Error,
};
use std::{
    collections::HashSet,
    net::IpAddr,
    panic::{catch_unwind, AssertUnwindSafe},
    sync::{mpsc, Arc},
    time::{Duration, Instant},
};

const WAKE: mio::Token = mio::Token(usize::MAX);
/// Receive batches of one socket before acknowledgements and other output get their turn.
const BATCHES_PER_TURN: usize = 4;
/// Longest sleep.
const IDLE: Duration = Duration::from_millis(500);
const NO_RELAY: &str = "only relayed candidates are allowed, and TURN is not supported: no connection is possible";

pub(crate) struct Driver {
    config: Config,
    link: Arc<Link>,
    commands: mpsc::Receiver<Command>,
    poll: mio::Poll,
    core: Connection,
    delivery: Delivery,
    sockets: Vec<Socket>,
    bound: HashSet<IpAddr>,
    buffers: Buffers,
    moderation: Moderation,
    train: Train,
    /// A datagram that did not fit on the train while its socket was full.
    held: Option<Transmit>,
    policy: IcePolicy,
    /// Candidates were asked for while the policy allowed none.
    gathering_withheld: bool,
}

impl Driver {
    pub(crate) fn start(mut config: Config, filter: Option<Filter>) -> Result<Arc<Link>, Error> {
        let (queue, commands) = mpsc::channel();
        let poll = mio::Poll::new()?;
        let link = Arc::new(Link::new(queue, mio::Waker::new(poll.registry(), WAKE)?, config.backlog.clone()));
        let (distance, granted) = (config.distance.round_trip(), socket::granted(config.socket_buffer));
        config.receive_window = buffer::window(config.receive_window, distance, granted);
        config.max_in_flight = buffer::in_flight(config.max_in_flight, distance, granted);
        let now = Instant::now();
        let driver = Self {
            core: Connection::new(&config, now)?,
            delivery: Delivery::new(link.clone(), filter),
            link: link.clone(),
            config,
            commands,
            poll,
            sockets: Vec::new(),
            bound: HashSet::new(),
            buffers: Buffers::default(),
            moderation: Moderation::new(now),
            train: Train::default(),
            held: None,
            policy: IcePolicy::All,
            gathering_withheld: false,
        };
        std::thread::Builder::new().name("rtc-data".into()).spawn(move || driver.run())?;
        Ok(link)
    }

    fn run(mut self) {
        let failed = match catch_unwind(AssertUnwindSafe(|| self.work())) {
            Ok(Ok(())) => false,
            Ok(Err(e)) => {
                log::error!("the connection is given up: {e}");
                true
            }
            Err(panic) => {
                let text = panic.downcast_ref::<&str>().copied();
                let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("?");
                log::error!("the connection is given up after a panic: {text}");
                true
            }
        };
        self.link.set_signaling(Signaling::Closed);
        // A step may run callbacks, and any of those may panic.
        let step = |f: &mut dyn FnMut()| {
            if catch_unwind(AssertUnwindSafe(f)).is_err() {
                log::error!("a callback panicked while the connection was closed");
            }
        };
        if failed {
            step(&mut || self.link.enter(ConnState::Failed));
        }
        step(&mut || self.delivery.end());
        self.sockets.clear();
        step(&mut || self.link.enter(ConnState::Closed));
        step(&mut || self.link.clear_callbacks());
    }

    /// Until the connection is closed.
    fn work(&mut self) -> std::io::Result<()> {
        let mut ready = mio::Events::with_capacity(64);
        loop {
            let began = Instant::now();
            if self.commands().is_none() {
                return Ok(());
            }
            let (received, more) = self.receive();
            self.core.handle_timeout(Instant::now());
            self.deliver_events();
            let sent = self.transmit();
            // Sending may free room in a channel's cap and raise events of its own.
            self.deliver_events();

            let (timer, held) = (self.core.poll_timeout(), self.core.held_until());
            let next = self.moderation.next_turn(began, received + sent, timer, held);
            let mut wait = Duration::ZERO;
            match next {
                _ if more => {}
                // Nothing posted or received meanwhile wakes the thread; it looks at all of it right afterwards.
                Some(next) => std::thread::sleep(next.saturating_duration_since(Instant::now())),
                None => {
                    self.link.about_to_sleep();
                    match self.commands() {
                        Some(0) => wait = timer.map_or(IDLE, |t| t.saturating_duration_since(Instant::now()).min(IDLE)),
                        Some(_) => {}
                        None => return Ok(()),
                    }
                }
            }
            match self.poll.poll(&mut ready, Some(wait)) {
                Err(e) if e.kind() != std::io::ErrorKind::Interrupted => return Err(e),
                _ => {}
            }
            self.link.woke();
            for event in &ready {
                if let Some(socket) = self.sockets.get_mut(event.token().0) {
                    socket.readable |= event.is_readable();
                    socket.writable |= event.is_writable();
                }
            }
        }
    }

    fn close(&mut self) {
        self.core.close();
        self.transmit(); // the notice to the far end, as far as the sockets take it
        self.deliver_events();
    }

    // ---- commands ----

    /// How many there were; `None`: the connection is closed.
    fn commands(&mut self) -> Option<usize> {
        let mut count = 0;
        loop {
            match self.commands.try_recv() {
                Ok(Command::Close) | Err(mpsc::TryRecvError::Disconnected) => {
                    self.close();
                    return None;
                }
                Ok(command) => self.command(command),
                Err(mpsc::TryRecvError::Empty) => return Some(count),
            }
            count += 1;
        }
    }

    fn command(&mut self, command: Command) {
        let now = Instant::now();
        match command {
            Command::Send { channel, data, binary } => {
                let bytes = data.len();
                if self.core.counters(channel.key).is_none() {
                    channel.share.settled(bytes as u64);
                    self.delivery.refused(&channel, bytes);
                } else if let Err(e) = self.core.send(channel.key, data, binary) {
                    log::debug!("message of {bytes} bytes on {}: {e}", channel.label);
                }
            }
            Command::Refused { channel, bytes } => self.delivery.refused(&channel, bytes),
            Command::CreateChannel { channel, init } => {
                let key = channel.key;
                self.delivery.add(channel);
                if let Err(e) = self.core.create_channel(key, init) {
                    log::warn!("channel: {e}");
                    self.delivery.event(crate::core::Event::ChannelClosed { key });
                }
            }
            Command::CloseChannel { key } => self.core.close_channel(key),
            Command::Deliver => self.delivery.deliver(),
            Command::CreateOffer { ice_restart, reply } => {
                let _ = reply.send(self.core.create_offer(ice_restart));
            }
            Command::CreateAnswer { reply } => {
                let _ = reply.send(self.core.create_answer());
            }
            Command::SetLocal { kind, sdp, reply } => {
                let done = self.core.set_local(now, kind, &sdp);
                if self.core.take_gathering_due() {
                    self.gather();
                }
                self.publish();
                let _ = reply.send(done);
            }
            Command::SetRemote { kind, sdp, reply } => {
                let done = self.core.set_remote(now, kind, &sdp);
                self.publish();
                let _ = reply.send(done);
            }
            Command::AddCandidate { line, reply } => {
                self.core.add_remote_candidate(&line);
                let _ = reply.send(Ok(()));
            }
            Command::SetIceServers { servers, policy } => self.set_ice_servers(&servers, policy),
            Command::StunServers { servers } => self.core.add_stun_servers(&servers, now),
            Command::Close => {}
        }
    }

    fn publish(&self) {
        self.link.set_signaling(self.core.signaling());
        *self.link.current_local.lock() = self.core.current_local();
        *self.link.current_remote.lock() = self.core.current_remote();
    }

    // ---- gathering ----

    /// A socket for each local address that has none yet. Sockets stay over ICE restarts.
    fn gather(&mut self) {
        if self.policy == IcePolicy::Relay {
            self.gathering_withheld = true;
            log::error!("{NO_RELAY}");
            self.delivery.candidate_error(String::new(), NO_RELAY);
            return;
        }
        for ip in addresses::host_addresses(self.config.loopback) {
            if self.bound.contains(&ip) {
                continue;
            }
            match self.bind(ip) {
                Ok(local) => {
                    self.bound.insert(ip);
                    self.core.add_local_address(local, Instant::now());
                }
                Err(e) => log::debug!("no socket on {ip}: {e}"),
            }
        }
        if self.sockets.is_empty() {
            log::warn!("there is no local address to gather a candidate on");
        }
    }

    fn bind(&mut self, ip: IpAddr) -> std::io::Result<std::net::SocketAddr> {
        let mut socket = Socket::bind(ip, self.config.socket_buffer)?;
        let token = mio::Token(self.sockets.len());
        self.poll.registry().register(&mut socket.io, token, mio::Interest::READABLE | mio::Interest::WRITABLE)?;
        let local = socket.local;
        self.sockets.push(socket);
        Ok(local)
    }

    fn set_ice_servers(&mut self, servers: &[IceServer], policy: IcePolicy) {
        self.policy = policy;
        let (stun, unusable) = addresses::stun_servers(servers);
        for (url, reason) in unusable {
            log::info!("ICE server {url} is left out: {reason}");
            self.delivery.candidate_error(url, reason);
        }
        if policy == IcePolicy::Relay {
            return;
        }
        if std::mem::take(&mut self.gathering_withheld) {
            self.gather();
        }
        if stun.is_empty() {
            return;
        }
        // Names take their time to resolve; the thread ends with its answer.
        let link = self.link.clone();
        let resolving = std::thread::Builder::new().name("rtc-data-dns".into()).spawn(move || {
            let _ = link.post(Command::StunServers { servers: addresses::resolve(&stun) });
        });
        if let Err(e) = resolving {
            log::warn!("STUN servers are left out: {e}");
        }
    }

    // ---- the network ----

    /// How many datagrams came in, and whether more is waiting in a socket.
    fn receive(&mut self) -> (usize, bool) {
        let (mut datagrams, mut more) = (0, false);
        for socket in &mut self.sockets {
            for _ in 0..BATCHES_PER_TURN {
                if !socket.readable {
                    break;
                }
                let (now, local, core) = (Instant::now(), socket.local, &mut self.core);
                match socket.receive(&mut self.buffers, |from, data| core.handle_datagram(now, local, from, data)) {
                    0 => break,
                    n => datagrams += n,
                }
            }
            more |= socket.readable;
        }
        (datagrams, more)
    }

    fn deliver_events(&mut self) {
        while let Some(event) = self.core.poll_event() {
            self.delivery.event(event);
        }
    }

    /// Sends what the core has; how many datagrams. Stops early if a socket is full: the poller says when it is not.
    fn transmit(&mut self) -> usize {
        let full = |sockets: &[Socket], i: usize| sockets.get(i).is_some_and(|s| !s.writable);
        let (mut datagrams, mut now) = (0, Instant::now());
        loop {
            if self.train.socket().is_some_and(|i| full(&self.sockets, i)) {
                return datagrams;
            }
            let Some(out) = self.held.take().or_else(|| self.core.poll_transmit(now)) else {
                self.train.flush(&mut self.sockets);
                return datagrams;
            };
            let Some(i) = self.sockets.iter().position(|s| s.local == out.local) else { continue };
            let max = self.config.gso.min(self.sockets[i].max_segments());
            if !self.train.push(i, out.remote, &out.data, max) {
                if !self.train.flush(&mut self.sockets) || !self.train.push(i, out.remote, &out.data, max) {
                    self.held = Some(out);
                    return datagrams;
                }
                now = Instant::now(); // a train takes its time
            }
            datagrams += 1;
        }
    }
}
