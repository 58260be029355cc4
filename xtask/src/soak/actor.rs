// SPDX-License-Identifier: Apache-2.0
//! One process of the soak: started, killed, stopped, told to end; what it writes comes in by a channel, what it holds is
//! read from /proc.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::Sender;
use std::thread;

use anyhow::{Context, Result};

use crate::command::{cannot_start, run_quietly};
use crate::process::Usage;
use crate::server::Server;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    Sender,
    Receiver,
}

impl Side {
    pub const BOTH: [Side; 2] = [Side::Sender, Side::Receiver];

    pub fn name(self) -> &'static str {
        match self {
            Side::Sender => "sender",
            Side::Receiver => "receiver",
        }
    }
}

/// A line that a process wrote.
pub struct Line {
    pub side: Side,
    pub life: u64,
    pub text: Text,
}

pub enum Text {
    /// An event.
    Output(String),
    /// For people: the library writes nothing there but what panics say.
    Error(String),
}

/// What a process holds at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Holdings {
    pub memory_bytes: u64,
    pub files: u64,
    pub threads: u64,
}

pub struct Actor {
    /// Counts the processes of this side, from 1.
    pub life: u64,
    child: Child,
    input: Option<ChildStdin>,
    /// Taken when all went well.
    pub holdings: Vec<Holdings>,
}

impl Actor {
    pub fn start(
        side: Side,
        life: u64,
        seed: u64,
        programs: &Path,
        server: &Server,
        lines: &Sender<Line>,
    ) -> Result<Self> {
        let mut command = Command::new(programs.join(format!("soak_{}", side.name())));
        command.args([(seed ^ (life << 32)).to_string(), life.to_string()]).envs(server.environment());
        // Where each thread has memory of its own, what is resident says little about what is held.
        command.env("MALLOC_ARENA_MAX", "1");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| cannot_start(&command, error))?;
        let input = child.stdin.take();
        read(child.stdout.take().context("no pipe from the child")?, lines, move |text| Line {
            side,
            life,
            text: Text::Output(text),
        });
        read(child.stderr.take().context("no pipe from the child")?, lines, move |text| Line {
            side,
            life,
            text: Text::Error(text),
        });
        Ok(Self { life, child, input, holdings: Vec::new() })
    }

    /// Some once it has ended.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    pub fn tell_to_end(&mut self) {
        drop(self.input.take());
    }

    pub fn is_told_to_end(&self) -> bool {
        self.input.is_none()
    }

    pub fn kill(&mut self) {
        // Both fail only if it has ended and been waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    pub fn stop(&self) -> Result<()> {
        self.signal("STOP")
    }

    pub fn go_on(&self) -> Result<()> {
        self.signal("CONT")
    }

    fn signal(&self, name: &str) -> Result<()> {
        // The shell has `kill` built in; a program of that name may be missing.
        run_quietly(Command::new("sh").args(["-c", &format!("kill -{name} {}", self.child.id())]))
    }

    /// Where there is no /proc, nothing is held.
    pub fn look(&mut self) {
        let process = format!("/proc/{}", self.child.id());
        let count = |what: &str| fs::read_dir(format!("{process}/{what}")).map_or(0, |entries| entries.count() as u64);
        let memory_bytes = Usage::of(self.child.id()).map_or(0, |usage| usage.memory_bytes);
        self.holdings.push(Holdings { memory_bytes, files: count("fd"), threads: count("task") });
    }
}

impl Drop for Actor {
    fn drop(&mut self) {
        self.kill();
    }
}

fn read(pipe: impl Read + Send + 'static, lines: &Sender<Line>, line: impl Fn(String) -> Line + Send + 'static) {
    let lines = lines.clone();
    thread::spawn(move || {
        // A line that was cut off by a kill is none.
        let mut pipe = BufReader::new(pipe);
        let mut bytes = Vec::new();
        while matches!(pipe.read_until(b'\n', &mut bytes), Ok(1..)) && bytes.ends_with(b"\n") {
            let text = String::from_utf8_lossy(&bytes).trim_end().to_owned();
            bytes.clear();
            if lines.send(line(text)).is_err() {
                return;
            }
        }
    });
}
