// SPDX-License-Identifier: Apache-2.0
//! Two peer connections of the adapter and what carries their signalling. Events are collected from the
//! start, so that a test can wait for them in its own order; every wait has a limit.
#![allow(dead_code)] // each test file uses its part

use libwebrtc::{peer_connection_factory::RtcConfiguration, prelude::*};
use std::{
    future::Future,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    net::UdpSocket,
    sync::mpsc::{unbounded_channel, UnboundedReceiver},
    task::JoinHandle,
};

/// Labels and negotiated ids of livekit's three channels.
pub const CHANNELS: [(&str, i32); 3] = [("_reliable", 100), ("_lossy", 101), ("_data_track", 102)];

/// Far above what anything here takes.
const LIMIT: Duration = Duration::from_secs(30);

pub async fn within<T>(what: &str, event: impl Future<Output = T>) -> T {
    tokio::time::timeout(LIMIT, event).await.unwrap_or_else(|_| panic!("waited too long for {what}"))
}

pub async fn next<T>(what: &str, events: &mut UnboundedReceiver<T>) -> T {
    within(what, events.recv()).await.unwrap_or_else(|| panic!("{what}: nobody is left to send it"))
}

/// One end of a connection.
pub struct End {
    pub pc: PeerConnection,
    pub states: UnboundedReceiver<PeerConnectionState>,
    pub channels: UnboundedReceiver<DataChannel>,
    pub candidates: UnboundedReceiver<IceCandidate>,
}

impl End {
    pub fn new() -> Self {
        Self::with(RtcConfiguration::default())
    }

    pub fn with(config: RtcConfiguration) -> Self {
        let factory = PeerConnectionFactory::with_options(false, true);
        let pc = factory.create_peer_connection(config).expect("a peer connection");
        let (state_tx, states) = unbounded_channel();
        let (channel_tx, channels) = unbounded_channel();
        let (candidate_tx, candidates) = unbounded_channel();
        pc.on_connection_state_change(Some(Box::new(move |state| _ = state_tx.send(state))));
        pc.on_data_channel(Some(Box::new(move |channel| _ = channel_tx.send(channel))));
        pc.on_ice_candidate(Some(Box::new(move |candidate| _ = candidate_tx.send(candidate))));
        Self { pc, states, channels, candidates }
    }

    /// livekit's three channels, negotiated or in band.
    pub fn open_channels(&self, negotiated: bool) -> [DataChannel; 3] {
        CHANNELS.map(|(label, id)| {
            let lossy = label != "_reliable";
            let init = DataChannelInit {
                ordered: !lossy,
                max_retransmits: lossy.then_some(0),
                negotiated,
                id: if negotiated { id } else { -1 },
                ..DataChannelInit::default()
            };
            self.pc.create_data_channel(label, init).expect("a channel")
        })
    }

    pub async fn offer(&self, ice_restart: bool) -> SessionDescription {
        self.pc.create_offer(OfferOptions { ice_restart, ..OfferOptions::default() }).await.expect("an offer")
    }

    pub async fn set_local(&self, description: &SessionDescription) {
        self.pc.set_local_description(description.clone()).await.expect("a local description");
    }

    pub async fn set_remote(&self, description: &SessionDescription) {
        self.pc.set_remote_description(description.clone()).await.expect("a remote description");
    }

    /// The answer to an offer, set as the local description.
    pub async fn answer(&self, offer: &SessionDescription) -> SessionDescription {
        self.set_remote(offer).await;
        let answer = self.pc.create_answer(AnswerOptions::default()).await.expect("an answer");
        self.set_local(&answer).await;
        answer
    }

    /// Waits until the state is `wanted`; the states on the way there, `wanted` included.
    pub async fn reach(&mut self, wanted: PeerConnectionState) -> Vec<PeerConnectionState> {
        let mut seen = vec![];
        while seen.last() != Some(&wanted) {
            seen.push(next(&format!("{wanted:?} after {seen:?}"), &mut self.states).await);
        }
        seen
    }

    /// Channels that the peer opened, in the order of `labels`.
    pub async fn accept<const N: usize>(&mut self, labels: [&str; N]) -> [DataChannel; N] {
        let mut accepted = vec![];
        for _ in labels {
            accepted.push(next("a channel of the peer", &mut self.channels).await);
        }
        labels.map(|label| {
            let found = accepted.iter().find(|channel| channel.label() == label);
            found.unwrap_or_else(|| panic!("no channel {label} among {accepted:?}")).clone()
        })
    }
}

/// Offer and answer as livekit's engine orders them in a single peer connection: the offer is applied only
/// when its answer is there.
pub async fn negotiate(client: &End, server: &End) {
    let offer = client.offer(false).await;
    negotiate_offer(client, server, offer).await;
}

pub async fn negotiate_offer(client: &End, server: &End, offer: SessionDescription) {
    let answer = server.answer(&offer).await;
    client.set_local(&offer).await;
    client.set_remote(&answer).await;
}

/// An ICE restart as livekit's engine does it: offer applied at once, then sent.
pub async fn restart_ice(client: &End, server: &End) {
    let offer = client.offer(true).await;
    client.set_local(&offer).await;
    let answer = server.answer(&offer).await;
    client.set_remote(&answer).await;
}

/// Hands each candidate of `from` to `to`, from now on.
pub fn trickle(from: &mut End, to: &End) -> JoinHandle<()> {
    let (_, closed) = unbounded_channel();
    let mut candidates = std::mem::replace(&mut from.candidates, closed);
    let to = to.pc.clone();
    tokio::spawn(async move {
        while let Some(candidate) = candidates.recv().await {
            if to.add_ice_candidate(candidate).await.is_err() {
                return; // closed meanwhile
            }
        }
    })
}

/// Negotiates and waits until both ends are connected.
pub async fn connect(client: &mut End, server: &mut End) {
    negotiate(client, server).await;
    trickle(client, server);
    trickle(server, client);
    client.reach(PeerConnectionState::Connected).await;
    server.reach(PeerConnectionState::Connected).await;
}

/// Messages of a channel from now on.
pub fn inbox(channel: &DataChannel) -> UnboundedReceiver<Vec<u8>> {
    let (tx, rx) = unbounded_channel();
    channel.on_message(Some(Box::new(move |message| _ = tx.send(message.data.to_vec()))));
    rx
}

/// Counts of drained bytes of a channel from now on.
pub fn drained(channel: &DataChannel) -> UnboundedReceiver<u64> {
    let (tx, rx) = unbounded_channel();
    channel.on_buffered_amount_change(Some(Box::new(move |bytes| _ = tx.send(bytes))));
    rx
}

/// Waits until that many bytes more are drained; exactly so many, for nothing else was sent.
pub async fn drain(count: u64, drained: &mut UnboundedReceiver<u64>) {
    let mut sum = 0;
    while sum < count {
        sum += next(&format!("{} of {count} bytes to drain", count - sum), drained).await;
    }
    assert_eq!(sum, count);
}

pub async fn is_open(channel: &DataChannel) {
    let (tx, mut rx) = unbounded_channel();
    channel.on_state_change(Some(Box::new(move |state| _ = tx.send(state))));
    while channel.state() != DataChannelState::Open {
        next("the channel to open", &mut rx).await;
    }
}

/// The values of an SDP attribute, e.g. `a=mid:`, in order.
pub fn values<'a>(sdp: &'a str, prefix: &'a str) -> Vec<&'a str> {
    sdp.lines().filter_map(|line| line.strip_prefix(prefix)).collect()
}

/// What a [`Path`] lets through.
#[derive(Clone, Copy, PartialEq)]
pub enum Gate {
    Open,
    /// Only what ICE needs.
    StunOnly,
    Shut,
}

impl Gate {
    fn lets(self, datagram: &[u8]) -> bool {
        let stun = datagram.first().is_some_and(|byte| *byte < 4); // RFC 7983
        self == Gate::Open || self == Gate::StunOnly && stun
    }
}

/// A path between two ends that can be shut: the client sends to it, and it alone knows the server.
pub struct Path {
    address: SocketAddr,
    gate: Arc<Mutex<Gate>>,
    /// Datagrams that did not get through.
    pub stopped: UnboundedReceiver<Vec<u8>>,
    relay: JoinHandle<()>,
}

impl Path {
    async fn to(server: SocketAddr, gate: Gate) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
        let address = socket.local_addr().expect("its address");
        let (stopped_tx, stopped) = unbounded_channel();
        let gate = Arc::new(Mutex::new(gate));
        let current = gate.clone();
        let relay = tokio::spawn(async move {
            let mut client = None;
            let mut buffer = vec![0; 65_536];
            while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
                if from != server {
                    // The client also tries from sockets of its other addresses: one way is enough.
                    if !from.ip().is_loopback() {
                        continue;
                    }
                    client = Some(from);
                }
                let datagram = &buffer[..length];
                let gate = *current.lock().expect("nobody panics with it");
                let to = if from == server { client } else { Some(server) };
                match to {
                    Some(to) if gate.lets(datagram) => _ = socket.send_to(datagram, to).await,
                    _ => _ = stopped_tx.send(datagram.to_vec()),
                }
            }
        });
        Self { address, gate, stopped, relay }
    }

    pub fn set(&self, gate: Gate) {
        *self.gate.lock().expect("nobody panics with it") = gate;
    }

    /// The candidate that leads over this path.
    pub fn candidate(&self, server_candidate: &IceCandidate) -> IceCandidate {
        let line = server_candidate.candidate();
        let mut words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        words[5] = self.address.port().to_string();
        IceCandidate::parse(&server_candidate.sdp_mid(), 0, &words.join(" ")).expect("a candidate")
    }
}

impl Drop for Path {
    fn drop(&mut self) {
        self.relay.abort();
    }
}

/// The server's candidate on 127.0.0.1, and its address.
pub async fn loopback_candidate(server: &mut End) -> (IceCandidate, SocketAddr) {
    loop {
        let candidate = next("a candidate on 127.0.0.1", &mut server.candidates).await;
        let line = candidate.candidate();
        let words: Vec<&str> = line.split(' ').collect();
        if let ["127.0.0.1", port] = words[4..6] {
            let address = SocketAddr::from(([127, 0, 0, 1], port.parse().expect("a port")));
            return (candidate, address);
        }
    }
}

/// Negotiates so that all datagrams take one path, over which the returned candidate leads.
pub async fn negotiate_path(client: &mut End, server: &mut End, gate: Gate) -> (Path, IceCandidate) {
    negotiate(client, server).await;
    let (candidate, address) = loopback_candidate(server).await;
    let path = Path::to(address, gate).await;
    let candidate = path.candidate(&candidate);
    client.pc.add_ice_candidate(copy(&candidate)).await.expect("a candidate");
    (path, candidate)
}

pub fn copy(candidate: &IceCandidate) -> IceCandidate {
    let (mid, index) = (candidate.sdp_mid(), candidate.sdp_mline_index());
    IceCandidate::parse(&mid, index, &candidate.candidate()).expect("a candidate")
}
