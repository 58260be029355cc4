// SPDX-License-Identifier: Apache-2.0
//! `cargo xtask bench`: how fast frames go from the send call in one C program to the callback in another, and what it
//! costs. Read from the programs' own events and from /proc; both include the crc32 that they take of every frame.

use std::fs;
use std::path::Path;
use std::thread::available_parallelism;

use anyhow::{ensure, Context, Result};
use serde::Serialize;

use crate::events::{self, FrameEvent};
use crate::examples::{self, Arguments, Programs};
use crate::process::Usage;
use crate::server::Server;
use crate::workspace::{self, Workspace};

const SIZE: &str = "640x480";
const TYPE: &str = "rgba";

/// What is measured. `fps` 0 is as fast as it goes.
struct Case {
    transport: Transport,
    fps: u32,
    frames: u32,
}

#[derive(Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Transport {
    Loopback,
    Server,
}

const CASES: [Case; 4] = [
    Case { transport: Transport::Loopback, fps: 30, frames: 300 },
    Case { transport: Transport::Loopback, fps: 0, frames: 1000 },
    Case { transport: Transport::Server, fps: 30, frames: 300 },
    Case { transport: Transport::Server, fps: 0, frames: 600 },
];

#[derive(Serialize)]
struct Report {
    version: &'static str,
    machine: Machine,
    size: &'static str,
    pixel_type: &'static str,
    cases: Vec<Measurement>,
}

#[derive(Serialize)]
struct Machine {
    processor: String,
    cores: usize,
    system: &'static str,
}

#[derive(Serialize)]
struct Measurement {
    transport: Transport,
    /// Frames a second asked for; 0: as fast as it goes.
    asked_fps: u32,
    frames_sent: usize,
    frames_received: usize,
    fps: f64,
    megabytes_per_second: f64,
    /// From just before the send call to the entry of the callback; unpaced, this is mostly the wait in queues.
    latency_ms: Latency,
    processes: Vec<Process>,
}

#[derive(Serialize)]
struct Latency {
    p50: f64,
    p99: f64,
    max: f64,
}

#[derive(Serialize)]
struct Process {
    name: &'static str,
    /// Of one core, while frames went.
    cpu_percent: f64,
    peak_memory_megabytes: f64,
}

pub fn run(workspace: &Workspace) -> Result<()> {
    let programs = examples::build(workspace)?;
    let folder = workspace.output_folder("bench")?;
    let mut cases = Vec::new();
    for case in &CASES {
        println!("\n{}", case.title());
        cases.push(case.measure(workspace, &programs, &folder)?);
    }
    let report =
        Report { version: env!("CARGO_PKG_VERSION"), machine: Machine::this(), size: SIZE, pixel_type: TYPE, cases };
    report.print();
    let path = folder.join("results.json");
    workspace::write(&path, &serde_json::to_string_pretty(&report)?)?;
    println!("\n{}", path.display());
    Ok(())
}

impl Case {
    fn title(&self) -> String {
        let pace = if self.fps == 0 { "as fast as it goes".to_owned() } else { format!("{} frames/s", self.fps) };
        let way = if self.transport == Transport::Loopback { "loopback" } else { "through the server" };
        format!("{way}, {SIZE} {TYPE}, {pace}, {} frames", self.frames)
    }

    fn measure(&self, workspace: &Workspace, programs: &Programs, folder: &Path) -> Result<Measurement> {
        let (sent_events, received_events) = (folder.join("sent.jsonl"), folder.join("received.jsonl"));
        let sending = Arguments::default()
            .with("--segments", 1)
            .with("--frames", self.frames)
            .with("--fps", self.fps)
            .with("--size", SIZE)
            .with("--type", TYPE)
            .with("--finish-timeout", 120)
            .with("--events", sent_events.display());
        let receiving = Arguments::default().with("--segments", 1).with("--events", received_events.display());
        let (seen, usages) = match self.transport {
            Transport::Loopback => {
                let both = programs.run_loopback(&sending)?;
                (events::read(&sent_events)?, vec![("both sides", both)])
            }
            Transport::Server => {
                let mut server = Server::start(workspace)?;
                let [sender, receiver] = programs.run_pair(&server, &sending, &receiving)?;
                let mut seen = events::read(&sent_events)?;
                seen.extend(events::read(&received_events)?);
                (seen, vec![("sender", sender), ("receiver", receiver), ("livekit-server", server.usage())])
            }
        };
        self.evaluate(&events::sent(&seen), &events::received(&seen), &usages)
    }

    fn evaluate(
        &self,
        sent: &[FrameEvent],
        received: &[FrameEvent],
        usages: &[(&'static str, Usage)],
    ) -> Result<Measurement> {
        let (first, last) =
            (received.first().context("no frame arrived")?, received.last().context("no frame arrived")?);
        let begin = sent.first().context("no frame was sent")?.t_us;
        let seconds = (last.t_us - begin) as f64 / 1e6;
        let arriving = (last.t_us - first.t_us) as f64 / 1e6;
        ensure!(arriving > 0.0, "too few frames arrived to measure");
        let fps = (received.len() - 1) as f64 / arriving;
        let mut delays = Vec::with_capacity(received.len());
        for frame in received {
            let same =
                |one: &&FrameEvent| (one.segment, one.number, one.crc32) == (frame.segment, frame.number, frame.crc32);
            let origin = sent.iter().find(same).context("a frame arrived that was not sent so")?;
            delays.push((frame.t_us - origin.t_us) as f64 / 1e3);
        }
        let processes = usages.iter().map(|(name, usage)| Process {
            name,
            cpu_percent: usage.cpu.as_secs_f64() / seconds * 100.0,
            peak_memory_megabytes: usage.peak_memory_bytes as f64 / 1e6,
        });
        Ok(Measurement {
            transport: self.transport,
            asked_fps: self.fps,
            frames_sent: sent.len(),
            frames_received: received.len(),
            fps,
            megabytes_per_second: fps * first.bytes as f64 / 1e6,
            latency_ms: Latency::of(delays),
            processes: processes.collect(),
        })
    }
}

impl Latency {
    /// Of at least one delay.
    fn of(mut delays: Vec<f64>) -> Self {
        delays.sort_by(f64::total_cmp);
        let at = |percent: usize| delays[(delays.len() - 1) * percent / 100];
        Self { p50: at(50), p99: at(99), max: at(100) }
    }
}

impl Machine {
    fn this() -> Self {
        let information = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = information.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        Self {
            processor: model.map_or(std::env::consts::ARCH, |(_, name)| name).to_owned(),
            cores: available_parallelism().map_or(1, usize::from),
            system: std::env::consts::OS,
        }
    }
}

impl Report {
    /// A table in Markdown, as the README shows it.
    fn print(&self) {
        let Machine { processor, cores, system } = &self.machine;
        println!("\n{SIZE} {TYPE}, lkvideo {}, {cores} cores of {processor}, {system}\n", self.version);
        println!(
            "| transport | asked | frames/s | MB/s | p50 ms | p99 ms | max ms | arrived | CPU, % of a core | peak MB |"
        );
        println!("|---|---|---|---|---|---|---|---|---|---|");
        for case in &self.cases {
            let transport = if case.transport == Transport::Loopback { "loopback" } else { "server" };
            let asked = if case.asked_fps == 0 { "max".to_owned() } else { case.asked_fps.to_string() };
            let each =
                |show: &dyn Fn(&Process) -> String| case.processes.iter().map(show).collect::<Vec<_>>().join(", ");
            println!(
                "| {transport} | {asked} | {:.1} | {:.1} | {:.1} | {:.1} | {:.1} | {}/{} | {} | {} |",
                case.fps,
                case.megabytes_per_second,
                case.latency_ms.p50,
                case.latency_ms.p99,
                case.latency_ms.max,
                case.frames_received,
                case.frames_sent,
                each(&|process| format!("{} {:.0}", process.name, process.cpu_percent)),
                each(&|process| format!("{:.0}", process.peak_memory_megabytes)),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_of_a_hundred_and_one_delays() {
        let latency = Latency::of((0..=100).rev().map(f64::from).collect());
        assert_eq!((latency.p50, latency.p99, latency.max), (50.0, 99.0, 100.0));
    }
}
