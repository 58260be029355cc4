// SPDX-License-Identifier: Apache-2.0
//! Cases that a program measures by itself: it runs to its end and prints one JSON object a line. Contenders take turns,
//! round by round; a figure is the median of its line over the rounds.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{channel, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{bail, ensure, Context, Result};
use serde_json::{json, Map, Value};

use super::statistics::median;
use super::Bench;
use crate::command::{cannot_start, cargo, line, require, run};
use crate::server::Server;
use crate::workspace::Workspace;

/// Under the target folder: the transports' programs.
const TRANSPORT: &str = "bench/transport";

/// Longer than any of them takes.
const LIMIT: Duration = Duration::from_secs(300);

/// A program with its arguments, and who it stands for.
pub struct Program {
    pub contender: &'static str,
    pub command: Command,
}

/// Programs of `benches/c` alone; each gets a server to use if it likes.
pub fn of_ours(bench: &Bench, program: &str) -> Result<Value> {
    let mut command = bench.tools.program(program);
    if bench.options.quick {
        command.arg("--quick");
    }
    compare(bench, program, vec![Program { contender: "ours", command }], true)
}

/// Builds what `transport` runs.
pub fn build_transport(workspace: &Workspace) -> Result<()> {
    let built = workspace.output_folder(TRANSPORT)?;
    run(cargo(workspace).args(["build", "--release", "--locked", "-p", "rtc-data", "--example", "pair"]))?;
    for name in ["datachannel", "limit"] {
        let manifest = workspace.root.join("benches").join(name).join("Cargo.toml");
        let mut build = cargo(workspace);
        build.env("CARGO_TARGET_DIR", &built).args(["build", "--release", "--locked", "--manifest-path"]);
        run(build.arg(manifest))?;
    }
    require("go")?;
    let mut go = Command::new("go");
    go.current_dir(workspace.root.join("benches/pion")).args(["build", "-trimpath", "-o"]).arg(built.join("pion"));
    run(go.arg("."))
}

/// The transports alone, two peers in one process: rtc-data, libdatachannel, pion, and UDP with AES-GCM as the limit.
pub fn transport(bench: &Bench) -> Result<Value> {
    let built = bench.workspace.output_folder(TRANSPORT)?;
    let seconds = bench.options.seconds.to_string();
    let program = |contender, path| {
        let mut command = Command::new(path);
        command.args(["--seconds", &seconds]);
        Program { contender, command }
    };
    let of_crate = |name: &str| built.join("release").join(format!("bench-{name}"));
    let mut contenders = vec![program("ours", bench.workspace.target.join("release/examples/pair"))];
    if !bench.options.ours_alone {
        contenders.push(program("libdatachannel", of_crate("datachannel")));
        contenders.push(program("pion", built.join("pion")));
        contenders.push(program("limit", of_crate("limit")));
    }
    let mut case = compare(bench, "transport", contenders, false)?;
    if let Some(ratio) = throughput_ratios(&case) {
        case["ratio"] = ratio;
    }
    Ok(case)
}

/// Throughput of ours over each other's.
fn throughput_ratios(case: &Value) -> Option<Value> {
    let rate = |who: &Value| who["lines"][0]["mbit_s"].as_f64();
    let ours = rate(&case["ours"])?;
    let others = case.as_object()?.iter().filter(|(name, _)| *name != "ours");
    let ratios: Map<String, Value> =
        others.filter_map(|(name, who)| Some((format!("mbit_s_{name}"), json!(ours / rate(who)?)))).collect();
    (!ratios.is_empty()).then_some(Value::Object(ratios))
}

fn compare(bench: &Bench, case: &str, mut contenders: Vec<Program>, with_server: bool) -> Result<Value> {
    let mut rounds: Vec<Vec<Vec<Value>>> = contenders.iter().map(|_| Vec::new()).collect();
    for round in 1..=bench.options.rounds {
        for (Program { contender, command }, rounds) in contenders.iter_mut().zip(&mut rounds) {
            let server = with_server.then(|| Server::start(bench.workspace)).transpose()?;
            if let Some(server) = &server {
                command.envs(server.environment());
            }
            let turn = format!("{case}, {contender}, round {round}");
            rounds.push(run_to_end(command, |line| println!("{turn}: {line}")).with_context(|| turn.clone())?);
        }
    }
    let results = contenders.iter().zip(rounds);
    Ok(Value::Object(
        results.map(|(program, rounds)| (program.contender.to_owned(), json!({ "lines": merged(&rounds) }))).collect(),
    ))
}

/// Lines are shown as they come.
fn run_to_end(command: &mut Command, mut show: impl FnMut(&str)) -> Result<Vec<Value>> {
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
    let mut child = Guard(child.map_err(|error| cannot_start(command, error))?);
    let output = child.0.stdout.take().context("no pipe from the child")?;
    let (sender, lines) = channel();
    thread::spawn(move || BufReader::new(output).lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
    let deadline = Instant::now() + LIMIT;
    let mut values = Vec::new();
    loop {
        match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(text) => {
                show(&text);
                values.push(serde_json::from_str(&text).context(text)?);
            }
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => bail!("`{}` did not end in {} s", line(command), LIMIT.as_secs()),
        }
    }
    let status = child.0.wait()?;
    ensure!(status.success(), "`{}` ended with {status}", line(command));
    Ok(values)
}

/// Ends its process if that is still running.
struct Guard(Child);

impl Drop for Guard {
    fn drop(&mut self) {
        // Both fail only if it has ended and been waited for.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Line by line: numbers that differ are medians over the rounds, everything else is that of the first round.
fn merged(rounds: &[Vec<Value>]) -> Vec<Value> {
    let Some((first, _)) = rounds.split_first() else { return Vec::new() };
    let merge = |(index, line): (usize, &Value)| {
        let mut line = line.clone();
        for (name, value) in line.as_object_mut().into_iter().flatten() {
            let values: Vec<f64> = rounds.iter().filter_map(|round| round.get(index)?.get(name)?.as_f64()).collect();
            if values.iter().any(|other| value.as_f64() != Some(*other)) {
                *value = json!(median(&values));
            }
        }
        line
    };
    first.iter().enumerate().map(merge).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_stay_and_measured_numbers_are_medians() {
        let round = |rate: f64| vec![json!({ "bytes": 4096, "path": "loopback", "mbit_s": rate })];
        assert_eq!(merged(&[round(1.0), round(9.0), round(2.0)]), round(2.0));
    }

    #[test]
    fn throughput_is_compared_with_each_other() {
        let lines = |rate: f64| json!({ "lines": [{ "mbit_s": rate }] });
        let case = json!({ "ours": lines(2000.0), "pion": lines(500.0) });
        assert_eq!(throughput_ratios(&case), Some(json!({ "mbit_s_pion": 4.0 })));
    }
}
