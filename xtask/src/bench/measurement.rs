// SPDX-License-Identifier: Apache-2.0
//! One measurement: a receiver joins a fresh room, then a sender, which sends for a while; both leave. What they said
//! and what they used is a `Recording`, and its figures are made from that alone.

use std::process::Command;
use std::sync::mpsc::{channel, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::{bail, ensure, Context, Result};
use serde::Serialize;

use super::party::{Event, Party};
use super::statistics::{percentile, Figures};
use crate::process::Usage;
use crate::server::Server;

const CONNECT_LIMIT: Duration = Duration::from_secs(30);
/// Beyond the time of sending: for slow peers' last frames, and for a sender that waits in vain.
const SEND_LIMIT: Duration = Duration::from_secs(60);
/// How long the end of a stream may take after the last frame was sent.
const END_LIMIT: Duration = Duration::from_secs(20);
/// A receiver that knows no end has it all when nothing came for so long,
const QUIET: Duration = Duration::from_secs(3);
/// and what is still queued after so long is left where it is: some peers queue a minute of video.
const DRAIN: Duration = Duration::from_secs(8);
const TICK: Duration = Duration::from_millis(200);
/// A frame is late when it came so long after its stamp.
pub const LATE_MS: f64 = 250.0;

/// Who takes part. One process can be both sides.
pub struct Sides {
    pub sender: Command,
    pub receiver: Option<Command>,
    /// Whether the receiver sees the stream end.
    pub knows_end: bool,
    /// Bytes of pixels in a frame.
    pub frame_bytes: u64,
    pub seconds: f64,
    /// How often memory is read, if its course is wanted.
    pub memory_every: Option<Duration>,
}

#[derive(Clone, Copy)]
struct Arrival {
    sent_us: i64,
    t_us: i64,
}

/// CPU and memory of one process.
struct Cost {
    name: &'static str,
    /// CPU seconds a second, from the first frame to the end of sending.
    cpu: f64,
    peak_bytes: u64,
}

/// Memory of all processes at one time, MiB.
#[derive(Serialize, Clone)]
pub struct MemorySample {
    pub seconds: f64,
    #[serde(flatten)]
    pub mib: Figures,
}

pub struct Recording {
    frame_bytes: u64,
    arrivals: Vec<Arrival>,
    sent: u64,
    /// Nothing was on its way any more.
    all_came: bool,
    refused: u64,
    broken: u64,
    connect_ms: Vec<(&'static str, f64)>,
    sender_start_us: i64,
    end_us: i64,
    costs: Vec<Cost>,
    pub memory: Vec<MemorySample>,
}

const MIB: f64 = (1u64 << 20) as f64;

pub fn measure(mut sides: Sides, mut server: Option<&mut Server>) -> Result<Recording> {
    let (channel, events) = channel();
    let mut parties = Vec::new();
    let mut connect_ms = Vec::new();
    if let Some(receiver) = sides.receiver.take() {
        parties.push(Party::start("receiver", receiver, 0, &channel)?);
        let (began_us, connected_us) = wait_connected(&events).context("the receiver")?;
        connect_ms.push(("receiver", (connected_us - began_us) as f64 / 1e3));
    }
    let sender = parties.len();
    let name = if parties.is_empty() { "process" } else { "sender" };
    parties.push(Party::start(name, sides.sender, sender, &channel)?);
    let mut watch =
        Watch { sender, arrivals: Vec::new(), sender_times: [None; 2], done: None, refused: 0, end: None, broken: 0 };
    let begun = Instant::now();
    let limit = Duration::from_secs_f64(sides.seconds) + SEND_LIMIT;
    let (mut window, mut last_came) = (Window::default(), Instant::now());
    let mut memory = Vec::new();
    loop {
        let since_done = window.until.as_ref().map(|(until, _)| until.elapsed());
        if watch.end.is_some() && since_done.is_some() {
            break;
        }
        if !sides.knows_end && since_done.is_some_and(|since| since >= DRAIN || last_came.elapsed() >= QUIET) {
            break;
        }
        ensure!(since_done.is_none_or(|since| since < END_LIMIT), "the stream did not end");
        ensure!(begun.elapsed() < limit, "it was not over after {} s", limit.as_secs());
        match events.recv_timeout(TICK) {
            Ok((index, event)) => {
                watch.see(index, event)?;
                last_came = Instant::now();
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => bail!("all ended"),
        }
        let began = window.from.is_none() && !watch.arrivals.is_empty();
        let finished = window.until.is_none() && watch.done.is_some();
        let due = sides.memory_every.is_some_and(|every| begun.elapsed() >= every.mul_f64(memory.len() as f64));
        if began || finished || due {
            let used = usages(&mut parties, server.as_deref_mut());
            if due {
                memory.push(memory_sample(begun.elapsed(), &used));
            }
            if began {
                window.from = Some((Instant::now(), used));
            } else if finished {
                window.until = Some((Instant::now(), used));
            }
        }
    }
    let last = usages(&mut parties, server);
    let all_came = watch.end.is_some() || last_came.elapsed() >= QUIET;
    leave(parties, &events, &mut watch)?;
    let (sender_start_us, connected_us) =
        watch.sender_times[0].zip(watch.sender_times[1]).context("the sender did not say when it connected")?;
    connect_ms.push((name, (connected_us - sender_start_us) as f64 / 1e3));
    let (done_us, sent) = watch.done.context("the sender did not say what it sent")?;
    let last_us = watch.arrivals.last().map_or(done_us, |arrival| arrival.t_us);
    Ok(Recording {
        frame_bytes: sides.frame_bytes,
        sent,
        all_came,
        refused: watch.refused,
        broken: watch.broken,
        connect_ms,
        sender_start_us,
        // A receiver that knows no end can say nothing of the time after its last frame.
        end_us: watch.end.unwrap_or(last_us).max(last_us),
        costs: window.costs(&last),
        arrivals: watch.arrivals,
        memory,
    })
}

/// Ends the processes. A receiver that knows no end of the stream counts what was broken only now.
fn leave(parties: Vec<Party>, events: &Receiver<(usize, Event)>, watch: &mut Watch) -> Result<()> {
    let mut open = parties.len();
    parties.into_iter().try_for_each(Party::leave)?;
    while open > 0 {
        match events.recv_timeout(CONNECT_LIMIT).context("an output stays open")?.1 {
            Event::Closed => open -= 1,
            Event::End { broken, .. } => watch.broken = broken,
            _ => {}
        }
    }
    Ok(())
}

pub fn wait_connected(events: &Receiver<(usize, Event)>) -> Result<(i64, i64)> {
    let deadline = Instant::now() + CONNECT_LIMIT;
    let mut began = None;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        match events.recv_timeout(left).context("did not connect in time")?.1 {
            Event::Connecting { t_us } => began = Some(t_us),
            Event::Connected { t_us } => return Ok((began.context("said nothing before")?, t_us)),
            Event::Closed => bail!("ended before it was connected"),
            _ => {}
        }
    }
}

type Used = Vec<(&'static str, Usage)>;

fn usages(parties: &mut [Party], server: Option<&mut Server>) -> Used {
    let mut all: Used = parties.iter_mut().map(|party| (party.name, party.usage())).collect();
    all.extend(server.map(|server| ("server", server.usage())));
    all
}

fn memory_sample(elapsed: Duration, used: &Used) -> MemorySample {
    let mib = used.iter().map(|(name, usage)| ((*name).to_owned(), usage.memory_bytes as f64 / MIB));
    MemorySample { seconds: elapsed.as_secs_f64(), mib: mib.collect() }
}

/// The time over which CPU is counted.
#[derive(Default)]
struct Window {
    from: Option<(Instant, Used)>,
    until: Option<(Instant, Used)>,
}

impl Window {
    fn costs(&self, last: &Used) -> Vec<Cost> {
        let cpu = |name: &str| -> Option<f64> {
            let ((from, before), (until, after)) = (self.from.as_ref()?, self.until.as_ref()?);
            let of = |used: &Used| Some(used.iter().find(|(found, _)| *found == name)?.1.cpu.as_secs_f64());
            Some((of(after)? - of(before)?) / (*until - *from).as_secs_f64())
        };
        let cost = |&(name, usage): &(&'static str, Usage)| Cost {
            name,
            cpu: cpu(name).unwrap_or(f64::NAN),
            peak_bytes: usage.peak_memory_bytes,
        };
        last.iter().map(cost).collect()
    }
}

/// What was said so far.
struct Watch {
    sender: usize,
    arrivals: Vec<Arrival>,
    /// Connecting, connected.
    sender_times: [Option<i64>; 2],
    done: Option<(i64, u64)>,
    refused: u64,
    end: Option<i64>,
    broken: u64,
}

impl Watch {
    fn see(&mut self, index: usize, event: Event) -> Result<()> {
        match event {
            Event::Frame { sent_us, t_us } => self.arrivals.push(Arrival { sent_us, t_us }),
            // In one process the receiver connects first, then the sender: the last one counts.
            Event::Connecting { t_us } if index == self.sender => self.sender_times[0] = Some(t_us),
            Event::Connected { t_us } if index == self.sender => self.sender_times[1] = Some(t_us),
            Event::Done { t_us, frames } => self.done = Some((t_us, frames)),
            Event::Dropped { frames } => self.refused = frames,
            Event::End { t_us, broken } => {
                self.end = Some(t_us);
                self.broken = broken;
            }
            Event::Closed => {
                bail!("a {} ended before its time", if index == self.sender { "sender" } else { "receiver" })
            }
            _ => {}
        }
        Ok(())
    }
}

impl Recording {
    /// Milliseconds from stamp to callback.
    pub fn latencies_ms(&self) -> Vec<f64> {
        self.arrivals.iter().map(|arrival| (arrival.t_us - arrival.sent_us) as f64 / 1e3).collect()
    }

    /// Milliseconds from frame to frame; first from the sending of the first one, last to the end of the stream.
    pub fn gaps_ms(&self) -> Vec<f64> {
        let begin = self.arrivals.first().map(|first| first.sent_us);
        let arrivals = self.arrivals.iter().map(|arrival| arrival.t_us);
        let times: Vec<i64> = begin.into_iter().chain(arrivals).chain([self.end_us]).collect();
        times.windows(2).map(|pair| (pair[1] - pair[0]) as f64 / 1e3).collect()
    }

    pub fn figures(&self) -> Result<Figures> {
        let (first, last) = self.arrivals.first().zip(self.arrivals.last()).context("no frame arrived")?;
        let seconds = (last.t_us - first.t_us) as f64 / 1e6;
        ensure!(self.arrivals.len() >= 2 && seconds > 0.0, "only one frame arrived");
        let fps = (self.arrivals.len() - 1) as f64 / seconds;
        let (latencies, gaps) = (self.latencies_ms(), self.gaps_ms());
        let of = |values: &[f64], percent| percentile(values, percent).unwrap_or(f64::NAN);
        let late = latencies.iter().filter(|latency| **latency > LATE_MS).count();
        let received = self.arrivals.len() as u64;
        let mut figures: Figures = [
            ("frames_per_s", fps),
            ("mbit_per_s", fps * self.frame_bytes as f64 * 8.0 / 1e6),
            ("latency_p50_ms", of(&latencies, 50.0)),
            ("latency_p99_ms", of(&latencies, 99.0)),
            ("latency_max_ms", of(&latencies, 100.0)),
            ("gap_max_ms", of(&gaps, 100.0)),
            ("first_frame_ms", (first.t_us - self.sender_start_us) as f64 / 1e3),
            ("frames_sent", self.sent as f64),
            ("frames_received", received as f64),
            ("frames_refused", self.refused as f64),
            ("frames_broken", self.broken as f64),
            ("frames_late", late as f64),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        if self.all_came {
            figures.insert("frames_lost".to_owned(), self.sent.saturating_sub(received) as f64);
        }
        for (name, ms) in &self.connect_ms {
            figures.insert(format!("connect_{name}_ms"), *ms);
        }
        for cost in &self.costs {
            figures.insert(format!("rss_{}_mib", cost.name), cost.peak_bytes as f64 / MIB);
            if cost.cpu.is_finite() {
                figures.insert(format!("cpu_{}", cost.name), cost.cpu);
            }
        }
        Ok(figures)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recording(arrivals: &[(i64, i64)], sent: u64, end_us: i64) -> Recording {
        Recording {
            frame_bytes: 1_000_000,
            arrivals: arrivals.iter().map(|&(sent_us, t_us)| Arrival { sent_us, t_us }).collect(),
            sent,
            all_came: true,
            refused: 0,
            broken: 0,
            connect_ms: vec![("sender", 12.0)],
            sender_start_us: 0,
            end_us,
            costs: vec![Cost { name: "sender", cpu: 0.5, peak_bytes: 1 << 20 }],
            memory: Vec::new(),
        }
    }

    #[test]
    fn the_rate_is_that_of_the_arrivals_alone() {
        let frames = [(100_000, 500_000), (600_000, 700_000), (700_000, 1_500_000)];
        let figures = recording(&frames, 4, 1_500_000).figures().unwrap();
        assert_eq!((figures["frames_per_s"], figures["mbit_per_s"]), (2.0, 16.0));
        assert_eq!((figures["latency_p50_ms"], figures["latency_max_ms"]), (400.0, 800.0));
        assert_eq!((figures["frames_lost"], figures["frames_late"], figures["first_frame_ms"]), (1.0, 2.0, 500.0));
        assert_eq!((figures["cpu_sender"], figures["rss_sender_mib"], figures["connect_sender_ms"]), (0.5, 1.0, 12.0));
    }

    #[test]
    fn silence_before_the_first_frame_and_before_the_end_is_a_gap() {
        let recording = recording(&[(40_000, 100_000), (90_000, 200_000)], 2, 2_200_000);
        assert_eq!(recording.gaps_ms(), [60.0, 100.0, 2000.0]);
    }

    #[test]
    fn one_frame_has_no_rate() {
        assert!(recording(&[(0, 1)], 1, 2).figures().is_err() && recording(&[], 0, 0).figures().is_err());
    }
}
