// SPDX-License-Identifier: Apache-2.0
//! The whole thing over real UDP on loopback: threads, sockets, callbacks.

#![allow(clippy::disallowed_methods, reason = "real time and threads are what is tested")]

use bytes::Bytes;
use parking_lot::Mutex;
use rtc_data::{
    Channel, ChannelInit, ChannelState, Config, ConnState, Error, IcePolicy, IceServer, Peer, SdpKind, Signaling,
};
use std::{
    future::Future,
    net::{SocketAddr, UdpSocket},
    pin::pin,
    sync::{mpsc, Arc},
    task::{Context, Poll, Wake, Waker},
    thread::Thread,
    time::{Duration, Instant},
};

const LIMIT: Duration = Duration::from_secs(30);

/// Waits for a future on this thread: the peer needs no executor.
fn wait<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => std::thread::park(),
        }
    }
}

fn peer() -> Arc<Peer> {
    peer_with(Config::default())
}

fn peer_with(config: Config) -> Arc<Peer> {
    Arc::new(Peer::new(config, None).expect("a peer"))
}

fn channel_init(label: &str) -> ChannelInit {
    ChannelInit { label: label.into(), ..Default::default() }
}

/// Candidates of `from` go to `to`.
fn trickle(from: &Peer, to: &Arc<Peer>) {
    let to = Arc::downgrade(to);
    from.on_candidate(Some(Box::new(move |_, line| {
        let (to, line) = (to.clone(), line.to_owned());
        // Not from the callback's own thread: it would wait for the other peer's.
        std::thread::spawn(move || {
            if let Some(to) = to.upgrade() {
                let _ = wait(to.add_remote_candidate(line));
            }
        });
    })));
}

fn negotiate(a: &Arc<Peer>, b: &Arc<Peer>, ice_restart: bool) {
    let offer = wait(a.create_offer(ice_restart)).expect("an offer");
    wait(a.set_local(SdpKind::Offer, offer.clone())).expect("our offer");
    wait(b.set_remote(SdpKind::Offer, offer)).expect("their offer");
    let answer = wait(b.create_answer()).expect("an answer");
    wait(b.set_local(SdpKind::Answer, answer.clone())).expect("our answer");
    wait(a.set_remote(SdpKind::Answer, answer)).expect("their answer");
}

/// Two connected peers, and one channel's two ends.
fn connected() -> (Arc<Peer>, Arc<Peer>, Arc<Channel>, Arc<Channel>) {
    connected_with(Config::default())
}

fn connected_with(config: Config) -> (Arc<Peer>, Arc<Peer>, Arc<Channel>, Arc<Channel>) {
    let (a, b) = (peer_with(config.clone()), peer_with(config));
    trickle(&a, &b);
    trickle(&b, &a);
    let (found, incoming) = mpsc::channel();
    let found = Mutex::new(found);
    b.on_channel(Some(Box::new(move |c| found.lock().send(c).expect("the test waits"))));
    let (opened, open) = mpsc::channel();
    let opened = Mutex::new(opened);
    let ours = a.create_channel(channel_init("bulk")).expect("a channel");
    ours.on_state(Some(Box::new(move |s| {
        let _ = opened.lock().send(s);
    })));
    negotiate(&a, &b, false);
    let theirs = incoming.recv_timeout(LIMIT).expect("a channel of the far end");
    assert_eq!(open.recv_timeout(LIMIT), Ok(ChannelState::Open));
    (a, b, ours, theirs)
}

/// Forwards to a receiver of the test.
fn messages_of(channel: &Channel) -> mpsc::Receiver<(Bytes, bool)> {
    let (sender, receiver) = mpsc::channel();
    let sender = Mutex::new(sender);
    channel.on_message(Some(Box::new(move |data, binary| {
        let _ = sender.lock().send((data.clone(), binary));
    })));
    receiver
}

#[test]
fn fifty_megabytes() {
    const CHUNK: usize = 15_000;
    const COUNT: usize = 50_000_000 / CHUNK;
    const WINDOW: usize = 2 << 20;
    let (a, b, ours, theirs) = connected();
    let messages = messages_of(&theirs);
    let (sender, drained) = mpsc::channel();
    let sender = Mutex::new(sender);
    ours.on_drained(Some(Box::new(move |n| sender.lock().send(n).expect("the test waits"))));

    let start = Instant::now();
    let (mut sent, mut sum_sent, mut outstanding, mut total_drained) = (0usize, 0u64, 0usize, 0usize);
    while total_drained < COUNT * CHUNK {
        while sent < COUNT && outstanding < WINDOW {
            let mut chunk = vec![sent as u8; CHUNK];
            chunk[..8].copy_from_slice(&(sent as u64).to_be_bytes());
            sum_sent += chunk.iter().map(|b| u64::from(*b)).sum::<u64>();
            ours.send(&chunk, true).expect("the channel is open");
            sent += 1;
            outstanding += CHUNK;
        }
        let n = drained.recv_timeout(LIMIT).expect("bytes drain") as usize;
        outstanding = outstanding.checked_sub(n).expect("no more than was given");
        total_drained += n;
    }
    let mut sum_received = 0u64;
    for n in 0..COUNT as u64 {
        let (data, binary) = messages.recv_timeout(LIMIT).expect("every message");
        assert!(binary && data.len() == CHUNK && data[..8] == n.to_be_bytes());
        sum_received += data.iter().map(|b| u64::from(*b)).sum::<u64>();
    }
    assert_eq!(sum_received, sum_sent);
    assert_eq!((outstanding, drained.try_recv().ok()), (0, None));
    println!("{:.0} Mbit/s", (COUNT * CHUNK) as f64 * 8.0 / start.elapsed().as_secs_f64() / 1e6);
    assert_eq!((a.state(), b.state()), (ConnState::Connected, ConnState::Connected));
}

#[test]
fn without_segmentation_offload_and_with_small_buffers() {
    let config = Config { gso: 1, socket_buffer: 64 << 10, pace_bps: 100_000_000, ..Config::default() };
    let (_a, _b, ours, theirs) = connected_with(config);
    let messages = messages_of(&theirs);
    for n in 0..200u32 {
        ours.send(&[&n.to_be_bytes()[..], &[0; 15_000]].concat(), true).expect("open");
    }
    for n in 0..200u32 {
        let (data, _) = messages.recv_timeout(LIMIT).expect("every message");
        assert_eq!((&data[..4], data.len()), (&n.to_be_bytes()[..], 15_004));
    }
}

#[test]
fn early_events_wait_for_their_callbacks() {
    let (a, b) = (peer(), peer());
    let ours = a.create_channel(channel_init("early")).expect("a channel");
    ours.send(b"one", true).expect("queued");
    ours.send("zwei".as_bytes(), false).expect("queued");
    negotiate(&a, &b, false);
    // Only now: the candidates were found long before.
    trickle(&a, &b);
    trickle(&b, &a);
    let (sender, drained) = mpsc::channel();
    let sender = Mutex::new(sender);
    ours.on_drained(Some(Box::new(move |n| sender.lock().send(n).expect("the test waits"))));
    assert_eq!(drained.recv_timeout(LIMIT), Ok(7));
    // The far end has them by now, and nobody has asked for the channel.
    let (found, incoming) = mpsc::channel();
    let found = Mutex::new(found);
    b.on_channel(Some(Box::new(move |c| found.lock().send(c).expect("the test waits"))));
    let theirs = incoming.recv_timeout(LIMIT).expect("kept");
    assert_eq!((theirs.label(), theirs.state()), ("early", ChannelState::Open));
    assert_eq!(theirs.stream_id(), ours.stream_id());
    let messages = messages_of(&theirs);
    assert_eq!(messages.recv_timeout(LIMIT), Ok((Bytes::from_static(b"one"), true)));
    assert_eq!(messages.recv_timeout(LIMIT), Ok((Bytes::from_static("zwei".as_bytes()), false)));
}

#[test]
fn the_filter_sees_messages_first() {
    let (seen, taken) = mpsc::channel();
    let filter = move |label: &str, data: &Bytes| {
        let mine = label == "tapped" && data.starts_with(b"take");
        if mine {
            seen.send(data.slice(5..)).expect("the test waits");
        }
        mine
    };
    let a = peer();
    let b = Arc::new(Peer::new(Config::default(), Some(Box::new(filter))).expect("a peer"));
    trickle(&a, &b);
    trickle(&b, &a);
    let (sender, passed) = mpsc::channel();
    let sender = Mutex::new(sender);
    b.on_channel(Some(Box::new(move |c| {
        let sender = sender.lock().clone();
        let sender = Mutex::new(sender);
        assert_eq!(c.label(), "tapped");
        // Re-entered from the callback, as `livekit` does.
        c.on_message(Some(Box::new(move |data, _| sender.lock().send(data.clone()).expect("the test waits"))));
    })));
    let ours = a.create_channel(channel_init("tapped")).expect("a channel");
    for m in [&b"take this"[..], b"not that", b"take these"] {
        ours.send(m, true).expect("queued");
    }
    negotiate(&a, &b, false);
    assert_eq!(taken.recv_timeout(LIMIT), Ok(Bytes::from_static(b"this")));
    assert_eq!(taken.recv_timeout(LIMIT), Ok(Bytes::from_static(b"these")));
    assert_eq!(passed.recv_timeout(LIMIT), Ok(Bytes::from_static(b"not that")));
    assert!(passed.try_recv().is_err());
}

#[test]
fn an_ice_restart_under_traffic() {
    let (a, b, ours, theirs) = connected();
    let messages = messages_of(&theirs);
    let (sender, states) = mpsc::channel();
    let sender = Mutex::new(sender);
    a.on_state(Some(Box::new(move |s| {
        let _ = sender.lock().send(s);
    })));
    for n in 0..400u32 {
        ours.send(&[&n.to_be_bytes()[..], &[0; 8000]].concat(), true).expect("open");
        if n == 200 {
            negotiate(&a, &b, true);
        }
    }
    for n in 0..400u32 {
        let (data, _) = messages.recv_timeout(LIMIT).expect("every message");
        assert_eq!(data[..4], n.to_be_bytes());
    }
    assert_eq!(states.recv_timeout(LIMIT), Ok(ConnState::Connecting));
    assert_eq!(states.recv_timeout(LIMIT), Ok(ConnState::Connected));
    assert_eq!(a.signaling(), Signaling::Stable);
}

/// Answers binding requests with an address that is nobody's.
#[test]
fn a_server_reflexive_candidate_is_found() {
    let server = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    server.set_read_timeout(Some(LIMIT)).expect("a time-out");
    let port = server.local_addr().expect("an address").port();
    let a = peer();
    let (sender, candidates) = mpsc::channel();
    let sender = Mutex::new(sender);
    a.on_candidate(Some(Box::new(move |mid, line| {
        let _ = sender.lock().send((mid.to_owned(), line.to_owned()));
    })));
    let (sender, errors) = mpsc::channel();
    let sender = Mutex::new(sender);
    a.on_candidate_error(Some(Box::new(move |url, reason| {
        let _ = sender.lock().send((url.to_owned(), reason.to_owned()));
    })));
    let servers = || {
        let urls = vec![format!("stun:127.0.0.1:{port}"), "turn:turn.example:3478".into()];
        vec![IceServer { urls, username: "u".into(), credential: "c".into() }]
    };
    let offer = wait(a.create_offer(false)).expect("an offer");
    wait(a.set_local(SdpKind::Offer, offer)).expect("our offer");
    a.set_ice_servers(servers(), IcePolicy::All).expect("after the offer");
    a.set_ice_servers(servers(), IcePolicy::All).expect("and again");

    let mut request = [0; 64];
    let (len, from) = server.recv_from(&mut request).expect("a binding request");
    assert_eq!((len, &request[..2]), (20, &[0, 1][..]));
    let mut response = vec![1, 1, 0, 12];
    response.extend_from_slice(&request[4..20]);
    response.extend_from_slice(&[0, 0x20, 0, 8, 0, 1, 0x12 ^ 0x21, 0x34 ^ 0x12]);
    response.extend_from_slice(&[203 ^ 0x21, 0x12, 113 ^ 0xa4, 9 ^ 0x42]);
    server.send_to(&response, from).expect("sent");

    let found = std::iter::from_fn(|| candidates.recv_timeout(LIMIT).ok())
        .inspect(|(mid, line)| assert!(mid == "0" && line.starts_with("candidate:"), "{line}"))
        .find(|(_, line)| line.contains("typ srflx"));
    let expected = format!("203.0.113.9 4660 typ srflx raddr {} rport {}", from.ip(), from.port());
    assert!(found.as_ref().is_some_and(|(_, line)| line.ends_with(&expected)), "{found:?}");
    let (url, reason) = errors.recv_timeout(LIMIT).expect("an error for the TURN server");
    assert!(url.starts_with("turn:") && reason.contains("TURN"), "{url} {reason}");
}

#[test]
fn relayed_candidates_only_is_an_error_and_not_silence() {
    let a = peer();
    let (sender, errors) = mpsc::channel();
    let sender = Mutex::new(sender);
    a.on_candidate_error(Some(Box::new(move |_, reason| {
        let _ = sender.lock().send(reason.to_owned());
    })));
    a.on_candidate(Some(Box::new(|_, line| panic!("not allowed: {line}"))));
    a.set_ice_servers(vec![], IcePolicy::Relay).expect("taken");
    let offer = wait(a.create_offer(false)).expect("an offer");
    wait(a.set_local(SdpKind::Offer, offer)).expect("our offer");
    assert!(errors.recv_timeout(LIMIT).expect("an error").contains("TURN is not supported"));
    assert_eq!(a.signaling(), Signaling::HaveLocalOffer);
}

#[test]
fn odd_candidates_do_no_harm() {
    let (a, b, ours, theirs) = connected();
    for line in [
        "",
        "candidate:1 1 udp 1 1a2b3c4d-0000-4000-8000-000000000000.local 4000 typ host",
        "candidate:1 1 tcp 1 127.0.0.1 9 typ host tcptype active",
        "nonsense",
    ] {
        wait(a.add_remote_candidate(line.into())).expect("no error");
        wait(b.add_remote_candidate(line.into())).expect("no error");
    }
    let messages = messages_of(&theirs);
    ours.send(b"still here", true).expect("open");
    assert!(messages.recv_timeout(LIMIT).is_ok());
}

#[test]
fn dropped_handles_end_the_thread() {
    let (a, b, ours, theirs) = connected();
    // A callback that holds the peer itself must not keep it alive.
    let (guard, ended) = mpsc::channel::<()>();
    let (held, guard) = (Arc::downgrade(&a), Mutex::new(guard));
    a.on_state(Some(Box::new(move |_| {
        let _guard = guard.lock();
        drop(held.upgrade());
    })));
    let (sender, states) = mpsc::channel();
    let sender = Mutex::new(sender);
    theirs.on_state(Some(Box::new(move |s| {
        let _ = sender.lock().send(s);
    })));
    let local = a.current_local().expect("a description").1;
    assert!(bound(&local).iter().all(|address| UdpSocket::bind(address).is_err()), "in use");
    drop(a);
    assert_eq!(ended.recv_timeout(LIMIT), Err(mpsc::RecvTimeoutError::Disconnected), "callbacks are dropped last");
    assert_eq!(states.recv_timeout(LIMIT), Ok(ChannelState::Closed), "the far end is told");
    assert!(matches!(ours.send(b"late", true), Err(Error::NotOpen | Error::Closed)));
    assert_eq!(ours.state(), ChannelState::Closed);
    assert!(bound(&local).iter().all(|address| UdpSocket::bind(address).is_ok()), "free again");
    drop(b);
}

/// The addresses of the host candidates in a description.
fn bound(sdp: &str) -> Vec<SocketAddr> {
    let words = sdp.lines().filter(|l| l.starts_with("a=candidate:")).map(|l| l.split(' ').collect::<Vec<_>>());
    let found: Vec<SocketAddr> = words
        .filter(|w| w.get(7) == Some(&"host"))
        .map(|w| SocketAddr::new(w[4].parse().expect("an address"), w[5].parse().expect("a port")))
        .collect();
    assert!(!found.is_empty(), "{sdp}");
    found
}

#[test]
fn closed_is_closed() {
    let (a, _b, ours, _theirs) = connected();
    let (sender, states) = mpsc::channel();
    let sender = Mutex::new(sender);
    a.on_state(Some(Box::new(move |s| {
        let _ = sender.lock().send(s);
    })));
    ours.close();
    assert!(ours.state() >= ChannelState::Closing, "at once");
    a.close();
    a.close();
    assert_eq!(a.signaling(), Signaling::Closed);
    assert_eq!(states.recv_timeout(LIMIT), Ok(ConnState::Closed));
    assert!(matches!(wait(a.create_offer(false)), Err(Error::Closed)));
    assert!(a.create_channel(channel_init("late")).is_err());
    assert_eq!(a.state(), ConnState::Closed);
}

#[test]
fn a_panic_in_a_callback_ends_the_connection_as_failed() {
    let (a, _b, _ours, theirs) = connected();
    let (sender, states) = mpsc::channel();
    let sender = Mutex::new(sender);
    _b.on_state(Some(Box::new(move |s| {
        let _ = sender.lock().send(s);
    })));
    theirs.on_message(Some(Box::new(|_, _| panic!("on purpose, as a test"))));
    _ours.send(b"boom", true).expect("open");
    assert_eq!(states.recv_timeout(LIMIT), Ok(ConnState::Failed));
    assert_eq!(states.recv_timeout(LIMIT), Ok(ConnState::Closed));
    assert_eq!(theirs.state(), ChannelState::Closed);
    assert!(theirs.send(b"late", true).is_err());
    drop(a);
}
