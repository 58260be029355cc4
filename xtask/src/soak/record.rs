// SPDX-License-Identifier: Apache-2.0
//! The logs of both sides and what is read from them: every line is written with its time and the process that it is
//! from, and goes to the check of its side. Faults stand in both logs.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::actor::{Line, Side, Text};
use super::event::{Event, CONNECTED};
use super::hearing::Hearing;
use super::reports;
use super::sending::Sending;
use super::timeline::{Moment, Timeline, Trouble};
use super::verdict::{self, Broken};

/// What calls and events may say when peers and servers come and go; anything else is a mistake of the library's.
const EXPECTED_ERRORS: [&str; 8] = [
    "LKV_ERROR_CLOSED",
    "LKV_ERROR_TIMEOUT",
    "LKV_ERROR_UNREACHABLE",
    "LKV_ERROR_SERVER",
    "LKV_ERROR_NOT_CONNECTED",
    "LKV_ERROR_NO_DESTINATION",
    "LKV_ERROR_RPC",
    "LKV_ERROR_REJECTED",
];

pub struct Record {
    begin: Instant,
    logs: [BufWriter<File>; 2],
    /// When each side wrote its last line.
    heard_at: [Instant; 2],
    /// How often each side was connected.
    pub connected: [u64; 2],
    pub said_bye: [bool; 2],
    pub sending: Sending,
    pub hearing: Hearing,
    timeline: Timeline,
    /// The newest segment of which a report reached the sender.
    pub newest_report: u64,
    /// Flushed segments around which nothing happened.
    pub undisturbed: u64,
    pub broken: Vec<Broken>,
}

impl Record {
    pub fn new(folder: &Path) -> Result<Self> {
        let log = |side: Side| {
            let path = folder.join(format!("{}.jsonl", side.name()));
            File::create(&path).map(BufWriter::new).with_context(|| format!("cannot write {}", path.display()))
        };
        let now = Instant::now();
        Ok(Self {
            begin: now,
            logs: [log(Side::Sender)?, log(Side::Receiver)?],
            heard_at: [now; 2],
            connected: [0; 2],
            said_bye: [false; 2],
            sending: Sending::default(),
            hearing: Hearing::default(),
            timeline: Timeline::default(),
            newest_report: 0,
            undisturbed: 0,
            broken: Vec::new(),
        })
    }

    pub fn silence(&self, side: Side) -> Duration {
        self.heard_at[side as usize].elapsed()
    }

    /// It was stopped until now, or is another process: its silence counts from here.
    pub fn excuse(&mut self, side: Side) {
        self.heard_at[side as usize] = Instant::now();
    }

    /// Something that is done to both.
    pub fn fault(&mut self, what: &str) -> Result<()> {
        let at = self.begin.elapsed().as_secs_f64();
        self.timeline.add(Trouble::Fault, at);
        let line = format!("{{\"t\":{at:.3},\"event\":\"fault\",\"what\":\"{what}\"}}");
        for log in &mut self.logs {
            writeln!(log, "{line}")?;
        }
        Ok(())
    }

    pub fn fault_is_over(&mut self) {
        self.timeline.lasts_until(Trouble::Fault, self.begin.elapsed().as_secs_f64());
    }

    pub fn break_promise(&mut self, what: impl Into<String>, line: &str) {
        let broken = Broken { what: what.into(), line: line.to_owned() };
        println!("BROKEN {}: {}", broken.what, broken.line);
        self.broken.push(broken);
    }

    pub fn take(&mut self, Line { side, life, text }: Line) -> Result<()> {
        let (text, is_event) = match text {
            Text::Output(text) => (text, true),
            Text::Error(text) => (text, false),
        };
        let time = self.begin.elapsed().as_secs_f64();
        self.heard_at[side as usize] = Instant::now();
        if !is_event {
            println!("{:>8} | {text}", side.name());
            let line = serde_json::json!({ "t": time, "life": life, "event": "stderr", "text": text }).to_string();
            writeln!(self.logs[side as usize], "{line}")?;
            if text.contains("panicked at") {
                self.break_promise("a panic", &line);
            }
            return Ok(());
        }
        let event: Event = serde_json::from_str(&text).with_context(|| format!("{}: {text}", side.name()))?;
        let line = format!("{{\"t\":{time:.3},\"side\":\"{}\",\"life\":{life},{}", side.name(), &text[1..]);
        writeln!(self.logs[side as usize], "{line}")?;
        self.judge(side, &event, Moment { at: time, line: &line });
        Ok(())
    }

    fn judge(&mut self, side: Side, event: &Event, moment: Moment<'_>) {
        let Moment { at, line } = moment;
        match event {
            Event::Room { state: CONNECTED } => self.connected[side as usize] += 1,
            Event::Bye => self.said_bye[side as usize] = true,
            Event::Finished { position, made_up: false, .. } => {
                let of = self.hearing.notices.get(position).and_then(|notice| notice.of);
                self.newest_report = self.newest_report.max(of.map_or(0, |(id, _)| id));
            }
            Event::Failed { error } | Event::Error { error } if !EXPECTED_ERRORS.contains(&error.as_str()) => {
                self.break_promise(format!("{error} is not what calls may say here"), line);
            }
            _ => {}
        }
        let trouble = match (event, side) {
            (Event::Room { .. }, side) => Some(Trouble::Room(side)),
            (Event::Receiver { .. }, _) | (Event::Closing, Side::Receiver) => Some(Trouble::Receiver),
            (Event::Output { .. }, _) | (Event::Closing, Side::Sender) => Some(Trouble::Output),
            _ => None,
        };
        trouble.into_iter().for_each(|trouble| self.timeline.add(trouble, at));
        let outcome = match side {
            Side::Sender => self.sending.take(event, moment),
            Side::Receiver => self.hearing.take(event, moment),
        };
        if let Err(what) = outcome {
            self.break_promise(what, line);
        }
    }

    /// When all lines are there.
    pub fn finish(&mut self) -> Result<()> {
        self.logs.iter_mut().try_for_each(Write::flush)?;
        let segments = verdict::compare(&self.sending, &self.hearing, &self.timeline);
        let (reports, undisturbed) = reports::compare(&self.sending, &self.hearing, &self.timeline);
        self.undisturbed = undisturbed;
        for Broken { what, line } in segments.into_iter().chain(reports) {
            self.break_promise(what, &line);
        }
        Ok(())
    }
}
