// SPDX-License-Identifier: Apache-2.0
//! What the transport benches share, so that their figures compare: the options, what is counted at the receiver,
//! what the process spent meanwhile, and the one JSON line that says it.
//!
//! Invariant: a rate is of whole messages that arrived in order, from the first to the last of them; CPU is the whole
//! process's, user and system, of both peers.

use nix::sys::resource::{getrusage, Usage, UsageWho};
use nix::sys::time::TimeVal;
use std::{
    error::Error,
    str::FromStr,
    time::{Duration, Instant},
};

const USAGE: &str = "options: --seconds S (5)  --message BYTES (15000)  --outstanding BYTES (1048576)";

/// Bytes at the start of every message that hold its number.
pub const NUMBER: usize = 8;

/// How long the sender sends, and how much.
pub struct Options {
    /// How long the sender sends; what is under way then still arrives.
    pub time: Duration,
    /// Bytes of one message.
    pub message: usize,
    /// Bytes that the sender keeps buffered.
    pub outstanding: usize,
}

impl Options {
    /// Reads the command line.
    pub fn from_args() -> Result<Self, Box<dyn Error>> {
        let mut options = Self { time: Duration::from_secs(5), message: 15_000, outstanding: 1 << 20 };
        let mut args = std::env::args().skip(1);
        while let Some(name) = args.next() {
            let value = args.next().ok_or(USAGE)?;
            match name.as_str() {
                "--seconds" => options.time = Duration::try_from_secs_f64(parse(&value)?)?,
                "--message" => options.message = parse(&value)?,
                "--outstanding" => options.outstanding = parse(&value)?,
                _ => return Err(USAGE.into()),
            }
        }
        if options.message < NUMBER || options.outstanding < options.message {
            return Err(format!("a message takes at least {NUMBER} bytes, and outstanding a message").into());
        }
        Ok(options)
    }
}

fn parse<T: FromStr>(value: &str) -> Result<T, String> {
    value.parse().map_err(|_| format!("not a number: {value}; {USAGE}"))
}

/// The messages that arrived.
#[derive(Debug, Default, Clone, Copy)]
pub struct Received {
    messages: u64,
    bytes: u64,
    span: Option<Span>,
}

#[derive(Debug, Clone, Copy)]
struct Span {
    first: Instant,
    last: Instant,
    /// Of the first message: the clock starts at its end.
    first_bytes: u64,
}

impl Received {
    /// Counts a message; `Err` where it is not the next one.
    pub fn count(&mut self, message: &[u8]) -> Result<(), String> {
        let number = message.first_chunk::<NUMBER>().map(|bytes| u64::from_be_bytes(*bytes));
        if number != Some(self.messages) {
            return Err(format!("message {number:?} came where {} was due", self.messages));
        }
        let (now, bytes) = (Instant::now(), message.len() as u64);
        self.messages += 1;
        self.bytes += bytes;
        self.span.get_or_insert(Span { first: now, last: now, first_bytes: bytes }).last = now;
        Ok(())
    }
}

/// Numbers the messages of a sender.
pub struct Messages {
    bytes: Vec<u8>,
    next: u64,
}

impl Messages {
    /// All of one size.
    pub fn new(options: &Options) -> Self {
        Self { bytes: (0..options.message).map(|n| n as u8).collect(), next: 0 }
    }

    /// The next message.
    pub fn next_message(&mut self) -> &[u8] {
        self.bytes[..NUMBER].copy_from_slice(&self.next.to_be_bytes());
        self.next += 1;
        &self.bytes
    }

    /// How many were taken.
    pub fn count(&self) -> u64 {
        self.next
    }
}

/// What the process spends from here on.
pub struct Meter {
    start: Usage,
}

impl Meter {
    /// Starts the meter: connected, nothing sent.
    pub fn start() -> Result<Self, Box<dyn Error>> {
        Ok(Self { start: getrusage(UsageWho::RUSAGE_SELF)? })
    }

    /// Prints the result line, unless one of the `sent` messages is missing.
    pub fn report(
        self,
        stack: &str,
        version: &str,
        options: &Options,
        sent: u64,
        received: Received,
    ) -> Result<(), Box<dyn Error>> {
        let end = getrusage(UsageWho::RUSAGE_SELF)?;
        let span = received.span.filter(|span| span.last > span.first).ok_or("too few messages for a rate")?;
        if received.messages != sent {
            return Err(format!("{} of {sent} messages arrived", received.messages).into());
        }
        let seconds = (span.last - span.first).as_secs_f64();
        let cpu = cpu_seconds(&end) - cpu_seconds(&self.start);
        println!(
            "{{\"stack\":\"{stack}\",\"version\":\"{version}\",\"message_bytes\":{},\"outstanding_bytes\":{},\
             \"seconds\":{seconds:.3},\"mbit_s\":{:.1},\"cpu_s_per_gib\":{:.3},\"peak_rss_mib\":{:.1}}}",
            options.message,
            options.outstanding,
            (received.bytes - span.first_bytes) as f64 * 8.0 / seconds / 1e6,
            cpu / (received.bytes as f64 / f64::from(1 << 30)),
            end.max_rss() as f64 / 1024.0,
        );
        Ok(())
    }
}

fn cpu_seconds(usage: &Usage) -> f64 {
    let seconds = |time: TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    seconds(usage.user_time()) + seconds(usage.system_time())
}
