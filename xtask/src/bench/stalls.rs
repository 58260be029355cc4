// SPDX-License-Identifier: Apache-2.0
//! Many short runs as fast as they go, each with connections of its own in a fresh room of one server: the longest gap
//! of each. A gap of more than a second is a stall, and so is a run that does not come to its end.

use anyhow::Result;
use serde_json::{json, Map, Value};

use super::contender::{Contender, Pixels, Video};
use super::statistics::{median, percentile};
use super::streams::between;
use super::Bench;
use crate::server::Server;

const VIDEO: Video = Video { width: 640, height: 480, pixels: Pixels::Rgba, fps: 0 };
const STALL_MS: f64 = 1000.0;

pub fn run(bench: &Bench) -> Result<Value> {
    let mut case = Map::new();
    case.insert("ours".to_owned(), many(bench, "ours", Contender::Ours, bench.options.stall_runs)?);
    if bench.compares(Contender::Official) {
        let runs = bench.options.stall_official_runs;
        case.insert("official_sender".to_owned(), many(bench, "official_sender", Contender::Official, runs)?);
    }
    Ok(Value::Object(case))
}

/// Ours receives.
fn many(bench: &Bench, name: &str, sender: Contender, runs: usize) -> Result<Value> {
    let mut server = Server::start(bench.workspace)?;
    let (mut gaps, mut rates, mut failures) = (Vec::new(), Vec::new(), Vec::new());
    let mut damaged = 0;
    for run in 1..=runs {
        let sides = [sender, Contender::Ours];
        let recorded = between(bench, &mut server, sides, VIDEO, (bench.options.stall_seconds, 2));
        match recorded.and_then(|recording| Ok((recording.figures()?, recording.gaps_ms()))) {
            Ok((figures, of_run)) => {
                let longest = percentile(&of_run, 100.0).unwrap_or(f64::NAN);
                damaged += usize::from(figures["frames_lost"] + figures["frames_broken"] > 0.0);
                println!(
                    "stalls, {name}, run {run}/{runs}: longest gap {longest:.0} ms, {:.1} frames/s",
                    figures["frames_per_s"]
                );
                gaps.push(longest);
                rates.push(figures["frames_per_s"]);
            }
            Err(error) => {
                println!("stalls, {name}, run {run}/{runs}: {error:#}");
                failures.push(format!("run {run}: {error:#}"));
            }
        }
    }
    Ok(summary(runs, &gaps, &rates, damaged, &failures))
}

fn summary(runs: usize, gaps: &[f64], rates: &[f64], damaged: usize, failures: &[String]) -> Value {
    let stalled = gaps.iter().filter(|gap| **gap > STALL_MS).count() + failures.len();
    json!({
        "runs": runs,
        "runs_stalled": stalled,
        "runs_with_lost_frames": damaged,
        "gap_longest_ms": percentile(gaps, 100.0),
        "gap_longest_p99_ms": percentile(gaps, 99.0),
        "gap_longest_median_ms": median(gaps),
        "frames_per_s": median(rates),
        "gaps_longest_ms": gaps,
        "failures": failures,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_without_an_end_is_a_stall() {
        let summary = summary(4, &[80.0, 1000.0, 1001.0], &[30.0, 31.0, 32.0], 0, &["run 4: it hung".to_owned()]);
        assert_eq!((&summary["runs_stalled"], &summary["gap_longest_ms"]), (&json!(2), &json!(1001.0)));
        assert_eq!(summary["frames_per_s"], json!(31.0));
    }
}
