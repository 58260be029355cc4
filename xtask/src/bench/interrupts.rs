// SPDX-License-Identifier: Apache-2.0
//! Interrupts: how long a clear takes from its call to the receiver's event, and a playback-finished from the receiver's
//! call to the sender's event, on a connection that 640x480 RGBA saturates and on one that is idle otherwise; beside the
//! time of a frame and a round trip of the same run.

use std::process::Command;
use std::sync::mpsc::{channel, Receiver};
use std::time::{Duration, Instant};

use anyhow::{bail, ensure, Context, Result};
use serde_json::{json, Map, Value};

use super::contender::{Pixels, Run, Video};
use super::measurement::wait_connected;
use super::party::{Event, Party};
use super::statistics::percentile;
use super::Bench;
use crate::server::Server;

const VIDEO: Video = Video { width: 640, height: 480, pixels: Pixels::Rgba, fps: 0 };
/// A frame's time at the rate that an application would send at.
const NOMINAL_INTERVAL_MS: f64 = 1000.0 / 30.0;
/// For connecting, and for each interrupt and finish, which take a third of a second.
const LIMIT: Duration = Duration::from_secs(30);
const LIMIT_EACH: Duration = Duration::from_secs(2);
/// Of the application, there and back: a round trip, and behind the video where there is some.
const CALL: &str = "call and answer";
/// Upper ends of the histogram's bars, ms.
const BARS: [f64; 11] = [1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 60.0, 100.0, f64::INFINITY];

pub fn run(bench: &Bench) -> Result<Value> {
    let server = Server::start(bench.workspace)?;
    let room = bench.fresh_room();
    let run = Run { video: VIDEO, room, seconds: 0.0, min_frames: 0, server: Some(&server) };
    let count = bench.options.interrupts;
    let side = |name: &str| {
        let mut command = bench.tools.program(name);
        run.apply(&mut command);
        command.args(["--count", &count.to_string()]);
        command
    };
    let heard = listen([side("interrupt_receiver"), side("interrupt_sender")], count)?;
    let figures = heard.figures()?;
    println!("{}", histograms(&heard.rows()?));
    Ok(json!({ "ours": figures }))
}

/// Receiver and sender, until the sender has sent all.
fn listen([receiver, sender]: [Command; 2], count: u32) -> Result<Heard> {
    let (channel, events) = channel();
    let mut parties = vec![Party::start("receiver", receiver, 0, &channel)?];
    wait_connected(&events).context("the receiver")?;
    parties.push(Party::start("sender", sender, 1, &channel)?);
    let heard = until_sent(&events, Instant::now() + LIMIT + LIMIT_EACH * count);
    parties.into_iter().rev().try_for_each(Party::leave)?;
    heard
}

fn until_sent(events: &Receiver<(usize, Event)>, deadline: Instant) -> Result<Heard> {
    let mut heard = Heard::default();
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        match events.recv_timeout(left).context("it was not over in time")?.1 {
            Event::Clear { t_us, busy } => heard.clears.push((t_us, busy)),
            Event::Cleared { t_us } => heard.cleared.push(t_us),
            Event::Frame { t_us, .. } => heard.frames.push(t_us),
            Event::Finished { t_us, took_us, busy } => heard.finishes.push((t_us, took_us, busy)),
            Event::Call { took_us, busy } => heard.calls.push((took_us, busy)),
            Event::Agreed { wire_version, round_trip_us } => heard.agreed = Some((wire_version, round_trip_us)),
            Event::Sent { .. } => return Ok(heard),
            Event::Closed => bail!("one of them ended before its time"),
            _ => {}
        }
    }
}

/// What both said, times in microseconds.
#[derive(Default)]
struct Heard {
    clears: Vec<(i64, bool)>,
    cleared: Vec<i64>,
    frames: Vec<i64>,
    /// When, after how long, and whether the connection was busy.
    finishes: Vec<(i64, i64, bool)>,
    calls: Vec<(i64, bool)>,
    agreed: Option<(i32, i64)>,
}

/// One distribution: what took so long, on which connection, and each time in ms.
struct Row {
    what: &'static str,
    connection: &'static str,
    ms: Vec<f64>,
}

impl Heard {
    fn figures(&self) -> Result<Value> {
        let (wire_version, round_trip_us) = self.agreed.context("the sender did not say what was agreed on")?;
        ensure!(wire_version == 1, "version {wire_version} of the wire was spoken");
        let rows = self.rows()?;
        let round_trip = rows.iter().find(|row| (row.what, row.connection) == (CALL, "idle"));
        let round_trip_ms = round_trip.and_then(|row| percentile(&row.ms, 50.0)).context("no call was answered")?;
        let interval_ms = self.frame_interval_ms().context("no frames beside the finishes")?;
        let limit_ms = interval_ms + round_trip_ms;
        let mut lines = vec![json!({
            "frames_per_s": 1000.0 / interval_ms,
            "frame_interval_ms": interval_ms,
            "round_trip_idle_ms": round_trip_ms,
            "round_trip_of_stats_ms": round_trip_us as f64 / 1e3,
            "limit_ms": limit_ms,
            "limit_at_30_fps_ms": NOMINAL_INTERVAL_MS + round_trip_ms,
        })];
        lines.extend(rows.iter().map(|row| row.figures(limit_ms)));
        let of = |connection: &str| -> Map<String, Value> {
            let those = rows.iter().filter(|row| row.connection == connection);
            those.map(|row| (row.what.to_owned(), json!(row.ms))).collect()
        };
        Ok(json!({ "lines": lines, "saturated_ms": of("saturated"), "idle_ms": of("idle") }))
    }

    fn rows(&self) -> Result<Vec<Row>> {
        let clears = pairs(&self.clears, &self.cleared)?;
        let mut rows = Vec::new();
        for (connection, wanted) in [("saturated", true), ("idle", false)] {
            let ms = |took_us: i64| took_us as f64 / 1e3;
            let of = |all: &[(i64, bool)]| {
                all.iter().filter(|(_, busy)| *busy == wanted).map(|(took_us, _)| ms(*took_us)).collect()
            };
            let finishes: Vec<_> = self.finishes.iter().map(|(_, took_us, busy)| (*took_us, *busy)).collect();
            rows.push(Row { what: "clear", connection, ms: of(&clears) });
            rows.push(Row { what: "playback finished", connection, ms: of(&finishes) });
            rows.push(Row { what: CALL, connection, ms: of(&self.calls) });
        }
        Ok(rows)
    }

    /// While nothing was cleared: from frame to frame, between the finishes.
    fn frame_interval_ms(&self) -> Option<f64> {
        let mut busy = self.finishes.iter().filter(|(_, _, busy)| *busy).map(|(t_us, _, _)| *t_us);
        let first = busy.next()?;
        let last = busy.next_back()?;
        let mut frames = self.frames.iter().filter(|t_us| (first..=last).contains(*t_us));
        let (begin, count) = (frames.next()?, frames.clone().count());
        let end = frames.next_back()?;
        Some((end - begin) as f64 / 1e3 / count as f64)
    }
}

/// Each clear with the time that it took: each is seen once, before the next.
fn pairs(clears: &[(i64, bool)], cleared: &[i64]) -> Result<Vec<(i64, bool)>> {
    ensure!(clears.len() == cleared.len(), "{} clears were seen {} times", clears.len(), cleared.len());
    let mut all = Vec::new();
    for (index, ((called, busy), seen)) in clears.iter().zip(cleared).enumerate() {
        let next = clears.get(index + 1).map_or(i64::MAX, |(next, _)| *next);
        ensure!((called..&next).contains(&seen), "clear {index} was seen at another's time");
        all.push((seen - called, *busy));
    }
    Ok(all)
}

impl Row {
    fn figures(&self, limit_ms: f64) -> Value {
        let at = |percent| percentile(&self.ms, percent);
        let limited = at(99.0).filter(|_| self.what != CALL);
        json!({
            "action": self.what,
            "connection": self.connection,
            "count": self.ms.len(),
            "p50_ms": at(50.0),
            "p90_ms": at(90.0),
            "p99_ms": at(99.0),
            "max_ms": at(100.0),
            "p99_within_limit": limited.map_or("-", |p99| if p99 <= limit_ms { "yes" } else { "no" }),
        })
    }
}

/// How many took up to so many milliseconds.
fn histograms(rows: &[Row]) -> String {
    let mut text = format!("\n{:>34}", "up to ms:");
    BARS.iter().for_each(|bar| text += &format!("{bar:>6}"));
    for row in rows {
        text += &format!("\n{:>34}", format!("{}, {}:", row.what, row.connection));
        let mut below = 0;
        for bar in BARS {
            let all = row.ms.iter().filter(|ms| **ms <= bar).count();
            text += &format!("{:>6}", all - below);
            below = all;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clear_is_paired_with_the_event_before_the_next() {
        let clears = [(1000, false), (5000, true)];
        assert_eq!(pairs(&clears, &[3000, 5500]).unwrap(), [(2000, false), (500, true)]);
        assert!(pairs(&clears, &[3000]).is_err(), "one was not seen");
        assert!(pairs(&clears, &[900, 5500]).is_err(), "before it was called");
        assert!(pairs(&clears, &[5200, 5500]).is_err(), "after the next");
    }

    #[test]
    fn the_limit_is_a_frame_and_a_round_trip_of_the_run() {
        let heard = Heard {
            clears: vec![(0, true)],
            cleared: vec![35_000],
            frames: (0..10).map(|frame| frame * 25_000).collect(),
            finishes: vec![(20_000, 900, true), (200_000, 1100, true)],
            calls: vec![(2000, false)],
            agreed: Some((1, 3000)),
        };
        let figures = heard.figures().unwrap();
        assert_eq!(figures["lines"][0]["limit_ms"], json!(27.0));
        assert_eq!(figures["lines"][1]["p99_within_limit"], json!("no"));
        assert_eq!(figures["lines"][2]["p99_within_limit"], json!("yes"));
    }
}
