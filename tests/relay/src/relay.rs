// SPDX-License-Identifier: Apache-2.0
//! The loop: packets of both ports into their lanes, packets whose time has come out of them, commands from stdin. One
//! thread; the only place that reads the clock.
#![allow(clippy::disallowed_methods, reason = "the lanes are on virtual time, and this is where it comes from")]

use std::fs::File;
use std::io::{stdin, stdout, Read, Write};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::poll::{ppoll, PollFd, PollFlags};
use nix::sys::time::TimeSpec;
use serde_json::json;

use crate::command::{Command, Way};
use crate::lane::Lane;
use crate::port::{packet_bytes, Packet, Port};

/// Packets due within so long go together: a wake-up for each would cost more than it tells apart.
const GRANULARITY: Duration = Duration::from_micros(250);
/// Trains read from a port before the others have their turn.
const TRAINS_AT_ONCE: usize = 64;

/// Two ports and the link between them.
pub struct Relay {
    began: Instant,
    near: Port,
    far: Port,
    to_far: Lane<Packet>,
    to_near: Lane<Packet>,
    /// Of stdin, up to a line that is not whole yet.
    input: Vec<u8>,
    due: Vec<Packet>,
}

impl Relay {
    /// A link without conditions. Each way has dice of its own.
    pub fn new(near: Port, far: Port, seed: u64) -> Self {
        let (to_far, to_near) = (Lane::new(seed), Lane::new(!seed));
        Self { began: Instant::now(), near, far, to_far, to_near, input: Vec::new(), due: Vec::new() }
    }

    /// Runs until stdin ends.
    pub fn run(mut self) -> Result<()> {
        // Unbuffered: what a buffer held would not wake the poll.
        let mut commands = File::from(stdin().as_fd().try_clone_to_owned()?);
        say(&json!({ "ready": true }))?;
        loop {
            if self.wait(&commands)? && !self.obey(&mut commands)? {
                return Ok(());
            }
            carry(&mut self.near, &mut self.to_far, self.began)?;
            carry(&mut self.far, &mut self.to_near, self.began)?;
            let now = self.began.elapsed();
            deliver(&mut self.to_far, &mut self.far, &mut self.due, now);
            deliver(&mut self.to_near, &mut self.near, &mut self.due, now);
        }
    }

    /// Waits for packets, commands, or the next arrival; true if there is something on stdin.
    fn wait(&self, commands: &File) -> Result<bool> {
        let arrivals = [self.to_far.next_arrival(), self.to_near.next_arrival()];
        let wait = arrivals.into_iter().flatten().min().map(|at| at.saturating_sub(self.began.elapsed()));
        let timeout = wait.map(|wait| TimeSpec::from_duration(wait.max(GRANULARITY)));
        let mut waiting =
            [commands.as_fd(), self.near.as_fd(), self.far.as_fd()].map(|fd| PollFd::new(fd, PollFlags::POLLIN));
        match ppoll(&mut waiting, timeout, None) {
            Ok(_) => Ok(waiting[0].any().unwrap_or(true)),
            Err(Errno::EINTR) => Ok(false),
            Err(error) => Err(error).context("cannot wait for packets"),
        }
    }

    /// Carries out the commands that have come; false if no more will.
    fn obey(&mut self, commands: &mut File) -> Result<bool> {
        let mut some = [0; 4096];
        let count = commands.read(&mut some).context("cannot read commands")?;
        self.input.extend_from_slice(&some[..count]);
        while let Some(end) = self.input.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.input.drain(..=end).collect();
            match self.carry_out(String::from_utf8_lossy(&line).trim()) {
                Ok(()) => say(&json!({ "to_far": self.to_far.counters(), "to_near": self.to_near.counters() }))?,
                Err(error) => say(&json!({ "error": format!("{error:#}") }))?,
            }
        }
        Ok(count > 0)
    }

    fn carry_out(&mut self, line: &str) -> Result<()> {
        let command = Command::parse(line)?;
        let lanes = match command.way {
            Way::ToFar => vec![&mut self.to_far],
            Way::ToNear => vec![&mut self.to_near],
            Way::Both => vec![&mut self.to_far, &mut self.to_near],
        };
        for lane in lanes {
            let conditions = command.apply(lane.conditions())?;
            lane.set_conditions(conditions);
            lane.lose(command.lose);
        }
        Ok(())
    }
}

/// From a port into its lane.
fn carry(from: &mut Port, lane: &mut Lane<Packet>, began: Instant) -> Result<()> {
    for _ in 0..TRAINS_AT_ONCE {
        let now = began.elapsed();
        let any = from.read(|port, packet| {
            let bytes = packet_bytes(&packet);
            if let Some(dropped) = lane.accept(packet, bytes, now) {
                port.recycle(dropped);
            }
        })?;
        if !any {
            break;
        }
    }
    Ok(())
}

/// From a lane to its port.
fn deliver(lane: &mut Lane<Packet>, to: &mut Port, due: &mut Vec<Packet>, now: Duration) {
    due.extend(std::iter::from_fn(|| lane.take_due(now)));
    to.write(due);
}

fn say(line: &serde_json::Value) -> Result<()> {
    let mut out = stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).context("cannot answer")
}
