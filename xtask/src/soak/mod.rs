// SPDX-License-Identifier: Apache-2.0
//! `cargo xtask soak`: sender and receiver (`tests/soak`) through a real server for a long time, while both of them and
//! the server are killed, stopped and started again at random. Every line that they write is checked as it comes and, at
//! the end, with the other side's; after each fault video and reports must flow again within a bound; what the survivors
//! hold must stay flat. Nothing here waits without a bound.

mod actor;
mod event;
mod faults;
mod hearing;
mod options;
mod record;
mod reports;
mod sending;
mod summary;
mod timeline;
mod verdict;

use std::path::PathBuf;
use std::sync::mpsc::{channel, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use anyhow::{bail, Result};

use crate::cmake;
use crate::server::Server;
use crate::stage::Tally;
use crate::workspace::{self, Workspace};
use actor::{Actor, Line, Side};
use faults::{Fault, Faults};
use options::Options;
use record::Record;
use summary::{Survivor, Tallies};

/// A server takes 20 s or so to notice that a participant has vanished.
const RECOVERY_LIMIT: Duration = Duration::from_secs(90);
/// Programs write a line each second, but for waits of at most 10 s.
const SILENCE_LIMIT: Duration = Duration::from_secs(40);
const END_LIMIT: Duration = Duration::from_secs(40);
/// How often it is looked whether the processes run.
const TICK: Duration = Duration::from_millis(100);
/// Of a run that is a part of `test --full`.
const STAGE: Options = Options { time: Duration::from_secs(40), kills: 5, seed: 1, only: None };

/// The command; whether every promise was kept.
pub fn run(workspace: &Workspace, words: &[&str]) -> Result<bool> {
    if let ["--help" | "-h"] = words {
        print!("{}", options::HELP);
        return Ok(true);
    }
    soak(workspace, &Options::parse(words)?)
}

/// A short run.
pub fn stage(workspace: &Workspace) -> Result<Tally> {
    let passed = soak(workspace, &STAGE)?;
    Ok(Tally { passed: passed.into(), failed: (!passed).into() })
}

fn soak(workspace: &Workspace, options: &Options) -> Result<bool> {
    let programs = cmake::build_soak(workspace)?;
    let folder = workspace.output_folder("soak")?;
    println!("seed {}, logs and summary in {}", options.seed, folder.display());
    let mut soak = Soak::start(workspace, options, programs, Record::new(&folder)?)?;
    let begin = Instant::now();
    let outcome = soak.last(options);
    if let Err(error) = &outcome {
        soak.record.break_promise(format!("{error:#}"), "the run ended here");
    }
    soak.record.finish()?;
    let summary = summary::summary(options.seed, begin.elapsed().as_secs_f64(), &soak.tallies, &soak.record);
    let text = serde_json::to_string_pretty(&summary)?;
    workspace::write(&folder.join("summary.json"), &format!("{text}\n"))?;
    println!("{text}");
    Ok(soak.record.broken.is_empty())
}

struct Soak {
    seed: u64,
    programs: PathBuf,
    server: Server,
    actors: [Actor; 2],
    lines: (Sender<Line>, Receiver<Line>),
    record: Record,
    tallies: Tallies,
}

impl Soak {
    fn start(workspace: &Workspace, options: &Options, programs: PathBuf, record: Record) -> Result<Self> {
        let server = Server::start(workspace)?;
        let (seed, lines) = (options.seed, channel());
        let start = |side| Actor::start(side, 1, seed, &programs, &server, &lines.0);
        let actors = [start(Side::Sender)?, start(Side::Receiver)?];
        Ok(Self { seed, programs, server, actors, lines, record, tallies: Tallies::default() })
    }

    /// Goes on until the time is over and enough was killed.
    fn last(&mut self, options: &Options) -> Result<()> {
        let mut faults = Faults::new(options.seed, options.only);
        let begin = Instant::now();
        self.recover("start")?;
        while begin.elapsed() < options.time || self.tallies.kills < options.kills {
            self.listen(faults.pause())?;
            self.actors.iter_mut().for_each(Actor::look);
            let fault = faults.next();
            println!("{:>7.1} s  {fault}", begin.elapsed().as_secs_f64());
            self.record.fault(&fault.to_string())?;
            *self.tallies.faults.entry(fault.kind()).or_default() += 1;
            self.tallies.kills += usize::from(fault.is_kill());
            self.commit(fault)?;
            self.record.fault_is_over();
            self.recover(fault.kind())?;
        }
        self.listen(Duration::from_secs(1))?;
        self.actors.iter_mut().for_each(Actor::look);
        // The receiver outlives the sender, so that the last reports arrive.
        for side in Side::BOTH {
            self.weigh(side);
        }
        self.end(Side::Sender)?;
        self.end(Side::Receiver)
    }

    fn commit(&mut self, fault: Fault) -> Result<()> {
        match fault {
            Fault::Kill(side, absent) => {
                self.actors[side as usize].kill();
                self.replace(side, absent)
            }
            Fault::Replace(side) => {
                self.end(side)?;
                self.replace(side, Duration::ZERO)
            }
            Fault::Stop(side, time) => {
                self.actors[side as usize].stop()?;
                let listened = self.listen_without(side, time);
                self.actors[side as usize].go_on()?;
                self.record.excuse(side);
                listened
            }
            Fault::CrashServer(absent) => self.server.crash(absent),
        }
    }

    /// Another process for one that has ended.
    fn replace(&mut self, side: Side, absent: Duration) -> Result<()> {
        // What it wrote before it ended comes first.
        let wait = absent.max(Duration::from_millis(50));
        self.listen_without(side, wait)?;
        if side == Side::Receiver {
            self.record.hearing.new_process();
        }
        self.weigh(side);
        let life = self.actors[side as usize].life + 1;
        self.actors[side as usize] = Actor::start(side, life, self.seed, &self.programs, &self.server, &self.lines.0)?;
        self.record.excuse(side);
        Ok(())
    }

    /// Tells a process to end, which it has to do by itself.
    fn end(&mut self, side: Side) -> Result<()> {
        self.record.said_bye[side as usize] = false;
        self.actors[side as usize].tell_to_end();
        let limit = Instant::now() + END_LIMIT;
        let status = loop {
            self.listen_without(side, Duration::from_millis(20))?;
            match self.actors[side as usize].ended()? {
                Some(status) => break status,
                None if Instant::now() > limit => bail!("the {} does not end", side.name()),
                None => {}
            }
        };
        let drained = Instant::now() + Duration::from_secs(1);
        while !self.record.said_bye[side as usize] && Instant::now() < drained {
            self.listen_without(side, Duration::from_millis(20))?;
        }
        if !status.success() || !self.record.said_bye[side as usize] {
            bail!("the {} ended with {status}", side.name());
        }
        Ok(())
    }

    /// Looks at what a process that is over, or about to be, has lost.
    fn weigh(&mut self, side: Side) {
        let actor = &self.actors[side as usize];
        let Some(survivor) = Survivor::of(side, actor.life, &actor.holdings) else { return };
        if let Some(leak) = survivor.leak() {
            self.record.break_promise(leak, "see survivors in the summary");
        }
        self.tallies.survivors.push(survivor);
    }

    /// Waits until a segment that was begun from here on is seen at the receiver, and its report at the sender.
    fn recover(&mut self, after: &'static str) -> Result<()> {
        let (begin, id) = (Instant::now(), self.record.sending.newest_id);
        let seen = |record: &Record| record.hearing.newest.is_some_and(|(newest, _)| newest > id);
        while !seen(&self.record) || self.record.newest_report <= id {
            if begin.elapsed() > RECOVERY_LIMIT {
                let what = if seen(&self.record) { "report" } else { "frame" };
                bail!("no {what} comes {} s after {after}", RECOVERY_LIMIT.as_secs());
            }
            self.listen(Duration::from_millis(20))?;
        }
        let longest = self.tallies.recovery_s.entry(after).or_default();
        *longest = longest.max(begin.elapsed().as_secs_f64());
        Ok(())
    }

    /// Takes lines for so long, while both processes run.
    fn listen(&mut self, time: Duration) -> Result<()> {
        self.listen_to(&Side::BOTH, time)
    }

    /// The same while one of them may be silent, or over.
    fn listen_without(&mut self, side: Side, time: Duration) -> Result<()> {
        self.listen_to(&[Side::BOTH[1 - side as usize]], time)
    }

    fn listen_to(&mut self, sides: &[Side], time: Duration) -> Result<()> {
        let end = Instant::now() + time;
        loop {
            match self.lines.1.recv_timeout(end.saturating_duration_since(Instant::now()).min(TICK)) {
                Ok(line) => self.record.take(line)?,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => bail!("nobody writes lines"),
            }
            for &side in sides {
                if self.actors[side as usize].is_told_to_end() {
                    continue;
                }
                if let Some(status) = self.actors[side as usize].ended()? {
                    bail!("the {} ended by itself with {status}", side.name());
                }
                if self.record.silence(side) > SILENCE_LIMIT {
                    bail!("the {} hangs: no line for {} s", side.name(), SILENCE_LIMIT.as_secs());
                }
            }
            if Instant::now() >= end {
                return Ok(());
            }
        }
    }
}
