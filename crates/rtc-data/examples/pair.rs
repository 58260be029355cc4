// SPDX-License-Identifier: Apache-2.0
//! Two peers of one process over UDP on loopback, one reliable ordered channel: what the transport does by itself.
//!
//! `pair [--seconds 5] [--message 15000] [--outstanding 1048576] [--pace 0] [--rate 0] [--frame 1]`: sizes in bytes, pace of
//! the datagrams and rate of the messages in bits a second, 0 being as fast as it goes; `frame` is how many messages become
//! due at a time (82 make a video frame of 640x480 RGBA). Prints one line of JSON. Up to `peak_rss_mib` its keys, as the
//! first three options, are those of `benches/README.md`, so that figures compare; then come context switches and the
//! latency from `send` to the far end's callback. Each message carries its number and the time of its sending; one that is
//! lost, repeated or out of order ends the program with an error.

#![allow(clippy::disallowed_methods, reason = "real time and threads are what is measured")]

use rtc_data::{Channel, ChannelInit, ChannelState, Config, Peer, SdpKind};
use std::{
    future::Future,
    pin::pin,
    sync::{
        atomic::{AtomicU64, Ordering::*},
        mpsc, Arc, Mutex,
    },
    task::{Context, Poll, Wake, Waker},
    thread::Thread,
    time::{Duration, Instant},
};

const LIMIT: Duration = Duration::from_secs(20);
const GIB: f64 = (1u64 << 30) as f64;
/// Bytes at the start of every message: its number and the time of its sending.
const STAMP: usize = 16;

type Failure = Box<dyn std::error::Error>;

struct Options {
    seconds: f64,
    message: usize,
    outstanding: usize,
    pace: u64,
    rate: f64,
    frame: u64,
}

fn options() -> Result<Options, Failure> {
    let mut options = Options { seconds: 5.0, message: 15_000, outstanding: 1 << 20, pace: 0, rate: 0.0, frame: 1 };
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or(format!("{name}: a value is missing"))?;
        match name.as_str() {
            "--seconds" => options.seconds = value.parse()?,
            "--message" => options.message = value.parse()?,
            "--outstanding" => options.outstanding = value.parse()?,
            "--pace" => options.pace = value.parse()?,
            "--frame" => options.frame = value.parse::<u64>()?.max(1),
            "--rate" => options.rate = value.parse()?,
            _ => return Err(format!("{name}: no such option").into()),
        }
    }
    if options.message < STAMP || options.outstanding < options.message {
        return Err(format!("a message takes at least {STAMP} bytes, and outstanding a message").into());
    }
    Ok(options)
}

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

/// Candidates of `from` go to `to`.
fn trickle(from: &Peer, to: &Arc<Peer>) {
    let to = Arc::downgrade(to);
    from.on_candidate(Some(Box::new(move |_, line| {
        let (to, line) = (to.clone(), line.to_owned());
        // Not from the callback's own thread: it would wait for the other peer's.
        std::thread::spawn(move || to.upgrade().map(|to| wait(to.add_remote_candidate(line))));
    })));
}

struct Pair {
    peers: [Arc<Peer>; 2],
    ours: Arc<Channel>,
    theirs: Arc<Channel>,
}

/// Two connected peers and one channel's two ends.
fn connect(config: &Config) -> Result<Pair, Failure> {
    let a = Arc::new(Peer::new(config.clone(), None)?);
    let b = Arc::new(Peer::new(config.clone(), None)?);
    trickle(&a, &b);
    trickle(&b, &a);
    let (found, incoming) = mpsc::sync_channel(1);
    b.on_channel(Some(Box::new(move |channel| {
        let _ = found.try_send(channel);
    })));
    let (opened, open) = mpsc::sync_channel(1);
    let ours = a.create_channel(ChannelInit { label: "pair".into(), ..Default::default() })?;
    ours.on_state(Some(Box::new(move |state| {
        if state == ChannelState::Open {
            let _ = opened.try_send(());
        }
    })));
    let offer = wait(a.create_offer(false))?;
    wait(a.set_local(SdpKind::Offer, offer.clone()))?;
    wait(b.set_remote(SdpKind::Offer, offer))?;
    let answer = wait(b.create_answer())?;
    wait(b.set_local(SdpKind::Answer, answer.clone()))?;
    wait(a.set_remote(SdpKind::Answer, answer))?;
    open.recv_timeout(LIMIT)?;
    let theirs = incoming.recv_timeout(LIMIT)?;
    Ok(Pair { peers: [a, b], ours, theirs })
}

/// What came out at the far end.
#[derive(Default)]
struct Received {
    messages: AtomicU64,
    /// The number of a message that was not the next one, plus one.
    out_of_order: AtomicU64,
    arrivals: Mutex<Arrivals>,
}

#[derive(Default)]
struct Arrivals {
    /// Microseconds from `send` to the callback.
    latencies: Vec<u32>,
    first: Option<Instant>,
    last: Option<Instant>,
}

fn word(message: &[u8], at: usize) -> u64 {
    message.get(at..at + 8).and_then(|b| b.try_into().ok()).map_or(u64::MAX, u64::from_le_bytes)
}

/// What this process used so far.
struct Usage {
    cpu_seconds: f64,
    switches: u64,
    peak_rss_mib: f64,
}

fn usage() -> Result<Usage, Failure> {
    // Ticks of 10 ms on every Linux that user space sees.
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    let ticks = |i: usize| fields.get(i).and_then(|f| f.parse::<f64>().ok()).unwrap_or_default();
    let mut switches = 0;
    for task in std::fs::read_dir("/proc/self/task")? {
        let status = std::fs::read_to_string(task?.path().join("status")).unwrap_or_default();
        let counts = status.lines().filter(|l| l.contains("ctxt_switches"));
        switches += counts.filter_map(|l| l.rsplit('\t').next()?.parse::<u64>().ok()).sum::<u64>();
    }
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|l| l.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse::<f64>().ok());
    Ok(Usage {
        cpu_seconds: (ticks(11) + ticks(12)) / 100.0,
        switches,
        peak_rss_mib: peak.unwrap_or_default() / 1024.0,
    })
}

fn main() -> Result<(), Failure> {
    let options = options()?;
    let start = Instant::now();
    let config = Config { max_in_flight: options.outstanding, pace_bps: options.pace, ..Config::default() };
    let Pair { peers, ours, theirs } = connect(&config)?;

    let received = Arc::new(Received::default());
    let sink = received.clone();
    theirs.on_message(Some(Box::new(move |message, _| {
        let now = Instant::now();
        let latency = ((now - start).as_nanos() as u64).saturating_sub(word(message, 8)) / 1000;
        if let Ok(mut arrivals) = sink.arrivals.lock() {
            arrivals.latencies.push(latency as u32);
            arrivals.first.get_or_insert(now);
            arrivals.last = Some(now);
        }
        if word(message, 0) != sink.messages.fetch_add(1, AcqRel) {
            sink.out_of_order.store(word(message, 0).saturating_add(1), Release);
        }
    })));

    let free = Arc::new(AtomicU64::new(options.outstanding as u64));
    let (drained, sender) = (free.clone(), std::thread::current());
    let half = options.outstanding as u64 / 2;
    ours.on_drained(Some(Box::new(move |bytes| {
        // Filled again when it is half empty, as the others do.
        if drained.fetch_add(bytes, AcqRel) + bytes >= half {
            sender.unpark();
        }
    })));

    let before = usage()?;
    let (begin, end) = (Instant::now(), Duration::from_secs_f64(options.seconds));
    let size = options.message as u64;
    let mut message = vec![0x5a; options.message];
    let mut sent = 0u64;
    while begin.elapsed() < end {
        let due_bits = (sent / options.frame * options.frame * size * 8) as f64;
        let due = if options.rate > 0.0 { due_bits / options.rate } else { 0.0 };
        let ahead = Duration::from_secs_f64(due).saturating_sub(begin.elapsed());
        if !ahead.is_zero() {
            std::thread::sleep(ahead);
        } else if free.load(Acquire) < size {
            std::thread::park_timeout(LIMIT);
        } else {
            free.fetch_sub(size, AcqRel);
            message[..8].copy_from_slice(&sent.to_le_bytes());
            message[8..STAMP].copy_from_slice(&(start.elapsed().as_nanos() as u64).to_le_bytes());
            ours.send(&message, true)?;
            sent += 1;
        }
    }
    while received.messages.load(Acquire) < sent && begin.elapsed() < end + LIMIT {
        std::thread::park_timeout(Duration::from_millis(1));
    }
    let after = usage()?;
    let arrived = received.messages.load(Acquire);
    let mut arrivals = std::mem::take(&mut *received.arrivals.lock().map_err(|_| "a callback panicked")?);
    let span = arrivals.first.zip(arrivals.last).filter(|(first, last)| last > first);
    let (first, last) = span.ok_or("too few messages for a rate")?;
    let seconds = (last - first).as_secs_f64();
    arrivals.latencies.sort_unstable();
    let at = |percent: usize| arrivals.latencies.get((arrivals.latencies.len() * percent).div_ceil(100) - 1);
    println!(
        "{{\"stack\":\"rtc-data\",\"version\":\"{}\",\"message_bytes\":{size},\"outstanding_bytes\":{},\"seconds\":{seconds:.3},\
         \"mbit_s\":{:.1},\"cpu_s_per_gib\":{:.3},\"peak_rss_mib\":{:.1},\"switches_s\":{:.0},\"latency_p50_us\":{},\
         \"latency_p99_us\":{}}}",
        env!("CARGO_PKG_VERSION"),
        options.outstanding,
        ((arrived - 1) * size) as f64 * 8.0 / seconds / 1e6,
        (after.cpu_seconds - before.cpu_seconds) * GIB / (arrived * size) as f64,
        after.peak_rss_mib,
        (after.switches - before.switches) as f64 / seconds,
        at(50).unwrap_or(&0),
        at(99).unwrap_or(&0),
    );
    let out_of_order = received.out_of_order.load(Acquire);
    peers.iter().for_each(|peer| peer.close());
    if arrived != sent || out_of_order != 0 {
        return Err(format!("{arrived} of {sent} messages; one out of order: {out_of_order}").into());
    }
    Ok(())
}
