// SPDX-License-Identifier: Apache-2.0
//! `cargo xtask bench`: how fast frames go from the send call in one process to the callback in another, how late they
//! come and what it costs, for ours and for those it is compared with, in one run and taking turns.
//!
//! A case is run by its module and gives a JSON object for `results`; `table` and `benches/python/plot.py` show them.

mod contender;
mod endurance;
mod interrupts;
mod measurement;
mod options;
mod party;
mod programs;
mod results;
mod stalls;
mod statistics;
mod streams;
mod table;

use std::cell::Cell;
use std::process::Command;
use std::time::Duration;

use anyhow::{ensure, Result};
use serde_json::Value;

use crate::command::run as run_command;
use crate::workspace::Workspace;
use contender::{Contender, Tools, Video};
use options::{Options, HELP};
use results::Results;
use statistics::Figures;

/// Five seconds between two readings of memory, and more often where a run is shorter.
const MEMORY_READINGS: f64 = 12.0;
const MEMORY_EVERY: Duration = Duration::from_secs(5);

/// What every case needs.
struct Bench<'a> {
    workspace: &'a Workspace,
    options: &'a Options,
    tools: Tools,
    rooms: Cell<u32>,
    memory_every: Option<Duration>,
}

/// What is measured under one name of results.json.
enum Case {
    Server(Video),
    Loopback(Video),
    Endurance,
    Stalls,
    Interrupts,
    /// A program of `benches/c` that measures by itself.
    Program(&'static str),
    Transport,
}

/// Case and program of the same matter.
const PROGRAMS: [(&str, &str); 3] = [("calls", "call_cost"), ("sizes", "frame_sizes"), ("rooms", "many_rooms")];

pub fn run(workspace: &Workspace, words: &[&str]) -> Result<()> {
    let options = Options::parse(words)?;
    if options.help {
        print!("{HELP}");
        return Ok(());
    }
    let cases: Vec<(String, Case)> = cases().into_iter().filter(|(name, _)| options.wants(name)).collect();
    ensure!(!cases.is_empty(), "no case has such a name; `cargo xtask bench --list` names them");
    if options.list {
        cases.iter().for_each(|(name, _)| println!("{name}"));
        return Ok(());
    }
    let with_peers = !options.ours_alone;
    let tools = Tools::prepare(workspace, options.built, with_peers)?;
    if !options.built && cases.iter().any(|(_, case)| matches!(case, Case::Transport)) {
        programs::build_transport(workspace)?;
    }
    if options.build {
        return Ok(());
    }
    let mut bench = Bench { workspace, options: &options, tools, rooms: Cell::new(0), memory_every: None };
    let mut results = Results::open(workspace, &options)?;
    // One that fails does not cost the others their results.
    let mut failed = Vec::new();
    for (name, case) in &cases {
        println!("\n---- {name}");
        match bench.run(case) {
            Ok(result) => results.add(name, result)?,
            Err(error) => {
                println!("error: {error:#}");
                failed.push(name.as_str());
            }
        }
    }
    let failures = failed.join(", ");
    let names: Vec<String> = cases.iter().map(|(name, _)| name.clone()).collect();
    println!("\n{}", table::markdown(&results.all, &names));
    println!("{}", results.path.display());
    bench.plot(&results)?;
    ensure!(failures.is_empty(), "these cases failed: {failures}");
    Ok(())
}

fn cases() -> Vec<(String, Case)> {
    let mut all: Vec<(String, Case)> = Vec::new();
    all.extend(streams::cases().into_iter().map(|video| (video.name(), Case::Server(video))));
    all.extend(streams::loopback_cases().map(|video| (format!("loopback-{}", video.name()), Case::Loopback(video))));
    all.push(("endurance".to_owned(), Case::Endurance));
    all.push(("stalls".to_owned(), Case::Stalls));
    all.push(("interrupts".to_owned(), Case::Interrupts));
    all.extend(PROGRAMS.map(|(name, program)| (name.to_owned(), Case::Program(program))));
    all.push(("transport".to_owned(), Case::Transport));
    all
}

impl Bench<'_> {
    fn run(&mut self, case: &Case) -> Result<Value> {
        match case {
            Case::Server(video) => streams::compare(self, *video),
            Case::Loopback(video) => streams::loopback(self, *video),
            Case::Endurance => {
                let every = Duration::from_secs_f64(self.options.endurance_seconds / MEMORY_READINGS).min(MEMORY_EVERY);
                self.memory_every = Some(every);
                let result = endurance::run(self);
                self.memory_every = None;
                result
            }
            Case::Stalls => stalls::run(self),
            Case::Interrupts => interrupts::run(self),
            Case::Program(program) => programs::of_ours(self, program),
            Case::Transport => programs::transport(self),
        }
    }

    fn compares(&self, who: Contender) -> bool {
        who == Contender::Ours || !self.options.ours_alone
    }

    fn fresh_room(&self) -> String {
        self.rooms.set(self.rooms.get() + 1);
        format!("bench-{}", self.rooms.get())
    }

    fn tell_round(&self, case: &str, who: &str, round: usize, figures: &Figures) {
        println!(
            "{case}, {who}, round {round}: {:.1} frames/s, p50 {:.1} ms, p99 {:.1} ms",
            figures["frames_per_s"], figures["latency_p50_ms"], figures["latency_p99_ms"]
        );
    }

    /// The plots are drawn by the Python that the peers need; without them there is none.
    fn plot(&self, results: &Results) -> Result<()> {
        let Some(python) = &self.tools.python else { return Ok(()) };
        run_command(Command::new(python).arg(self.tools.script("plot.py")).arg(&results.path))
    }
}
