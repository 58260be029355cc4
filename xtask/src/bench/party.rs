// SPDX-License-Identifier: Apache-2.0
//! A process that takes part in a measurement: its event lines come in by a channel, its errors go to the terminal, and
//! it leaves when its standard input is closed.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::Sender;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::command::cannot_start;
use crate::process::{relay, Usage};

/// How long a process may take to leave its room.
const LEAVE_LIMIT: Duration = Duration::from_secs(10);

/// A line of `benches/c` or `benches/python`; times are microseconds of the monotonic clock.
#[derive(Deserialize, Clone, Copy, Debug, PartialEq)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum Event {
    Connecting {
        t_us: i64,
    },
    Connected {
        t_us: i64,
    },
    /// A frame came: when it was stamped, and when the callback was entered.
    Frame {
        sent_us: i64,
        t_us: i64,
    },
    /// Frames that the sender's library did not take.
    Dropped {
        frames: u64,
    },
    /// All is sent.
    Done {
        t_us: i64,
        frames: u64,
    },
    /// The stream ended at the receiver. `broken`: not what was sent, twice, out of order, or a stream cut off.
    End {
        t_us: i64,
        broken: u64,
    },
    /// A clear is called; `busy`: while video saturates the connection.
    Clear {
        t_us: i64,
        busy: bool,
    },
    /// The receiver's application sees a clear.
    Cleared {
        t_us: i64,
    },
    /// The sender hears that a segment was played, so long after the receiver said so.
    Finished {
        t_us: i64,
        took_us: i64,
        busy: bool,
    },
    /// An application's call was answered.
    Call {
        took_us: i64,
        busy: bool,
    },
    /// The version of the wire, and the round trip that the library has measured.
    Agreed {
        wire_version: i32,
        round_trip_us: i64,
    },
    /// All is sent, and nothing more will be measured.
    Sent {
        t_us: i64,
    },
    /// Standard output was closed: the process is ending.
    Closed,
    #[serde(other)]
    Other,
}

pub struct Party {
    pub name: &'static str,
    child: Child,
    input: Option<ChildStdin>,
    usage: Usage,
}

impl Party {
    /// Its events come with `index`.
    pub fn start(
        name: &'static str,
        mut command: Command,
        index: usize,
        events: &Sender<(usize, Event)>,
    ) -> Result<Self> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| cannot_start(&command, error))?;
        let input = child.stdin.take();
        let output = child.stdout.take().context("no pipe from the child")?;
        if let Some(errors) = child.stderr.take() {
            relay(name, errors);
        }
        let events = events.clone();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                match serde_json::from_str(&line) {
                    Ok(event) => drop(events.send((index, event))),
                    Err(_) => println!("{name:>8} | {line}"),
                }
            }
            // Nobody listens once the measurement is over.
            let _ = events.send((index, Event::Closed));
        });
        Ok(Self { name, child, input, usage: Usage::default() })
    }

    /// What it used so far.
    pub fn usage(&mut self) -> Usage {
        if let Some(now) = Usage::of(self.child.id()) {
            self.usage = self.usage.then(now);
        }
        self.usage
    }

    /// Asks it to leave, and ends it if it does not.
    pub fn leave(mut self) -> Result<()> {
        drop(self.input.take());
        let deadline = Instant::now() + LEAVE_LIMIT;
        while self.child.try_wait()?.is_none() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }
}

impl Drop for Party {
    fn drop(&mut self) {
        // Both fail only if it has ended and been waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_may_say_more_than_is_read() {
        let read = |line| serde_json::from_str::<Event>(line).unwrap();
        assert_eq!(
            read(r#"{"event": "end", "t_us": 7, "frames": 9, "broken": 1, "cause": 2}"#),
            Event::End { t_us: 7, broken: 1 }
        );
        assert_eq!(read(r#"{"event": "sending", "t_us": 7}"#), Event::Other);
    }
}
