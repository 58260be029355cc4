// SPDX-License-Identifier: Apache-2.0
//! A program running beside others: its output goes to the terminal with its name before each line, its use of CPU and
//! memory is watched (where /proc tells), and it never outlives its `Running`.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{bail, Result};

use crate::command::cannot_start;

/// How often /proc is read: what a process used after the last reading is not counted.
const SAMPLE_EVERY: Duration = Duration::from_millis(20);

/// What a process used until it was last looked at; zero where there is no /proc.
#[derive(Clone, Copy, Default, Debug)]
pub struct Usage {
    pub cpu: Duration,
    pub memory_bytes: u64,
    pub peak_memory_bytes: u64,
}

impl Usage {
    pub fn of(pid: u32) -> Option<Self> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name before the last parenthesis may hold anything; after it, utime and stime are fields 12 and 13.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let ticks: u64 = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
        // USER_HZ is 100 on every Linux that Rust's standard library runs on.
        let cpu = Duration::from_millis(ticks * 10);
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let bytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)?.trim().strip_suffix(" kB"));
            line.and_then(|count| count.parse::<u64>().ok()).unwrap_or(0) * 1024
        };
        Some(Self { cpu, memory_bytes: bytes("VmRSS:"), peak_memory_bytes: bytes("VmHWM:") })
    }

    /// The later reading, but no count goes back: a process that is ending has given its memory up already.
    pub fn then(self, later: Self) -> Self {
        Self {
            cpu: self.cpu.max(later.cpu),
            memory_bytes: later.memory_bytes,
            peak_memory_bytes: self.peak_memory_bytes.max(later.peak_memory_bytes),
        }
    }
}

pub struct Running {
    name: String,
    child: Child,
    usage: Usage,
    ended: Option<ExitStatus>,
}

impl Running {
    pub fn start(name: &str, command: &mut Command) -> Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| cannot_start(command, error))?;
        if let Some(pipe) = child.stdout.take() {
            relay(name, pipe);
        }
        if let Some(pipe) = child.stderr.take() {
            relay(name, pipe);
        }
        Ok(Self { name: name.to_owned(), child, usage: Usage::default(), ended: None })
    }

    /// What it used so far.
    pub fn usage(&mut self) -> Usage {
        // Once it has been waited for, its number may be another's.
        if let (None, Some(now)) = (self.ended, Usage::of(self.child.id())) {
            self.usage = self.usage.then(now);
        }
        self.usage
    }

    /// Some once it has ended.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.usage();
        self.ended = self.child.try_wait()?;
        Ok(self.ended)
    }

    /// Kills it, and waits until it is gone.
    pub fn end(&mut self) {
        // Both fail only if it has ended and been waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until all have ended well; the first that does not, or takes too long, is an error. Returns what each used.
pub fn finish<const N: usize>(mut all: [Running; N], limit: Duration) -> Result<[Usage; N]> {
    let deadline = Instant::now() + limit;
    loop {
        let mut under_way = None;
        for running in &mut all {
            match running.ended()? {
                Some(status) if status.success() => {}
                Some(status) => bail!("the {} ended with {status}", running.name),
                None => under_way = Some(&running.name),
            }
        }
        match under_way {
            None => return Ok(all.map(|mut running| running.usage())),
            Some(name) if Instant::now() > deadline => bail!("the {name} did not end in {} s", limit.as_secs()),
            Some(_) => thread::sleep(SAMPLE_EVERY),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}

/// Copies lines to the terminal until the other end closes.
pub fn relay(name: &str, pipe: impl Read + Send + 'static) {
    let name = name.to_owned();
    thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            println!("{name:>8} | {line}");
        }
    });
}
