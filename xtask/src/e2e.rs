// SPDX-License-Identifier: Apache-2.0
//! The end-to-end suite in `tests/e2e`: Python with the official LiveKit SDK.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{ensure, Context, Result};

use crate::command::{cargo, require, run, run_watched};
use crate::python;
use crate::server;
use crate::stage::Tally;
use crate::workspace::Workspace;

/// Which situations run.
#[derive(Clone, Copy, PartialEq)]
pub enum Scope {
    /// All but the long faults.
    Short,
    /// Faults only, all of them.
    Faults,
}

/// Runs situations against the examples that stand in `target/examples`.
pub fn run_suite(workspace: &Workspace, scope: Scope) -> Result<Tally> {
    require("openssl")?;
    let relay = build_relay(workspace)?;
    let requirements = workspace.root.join("tests/e2e/requirements.txt");
    let python = python::environment(workspace, "e2e-venv", &requirements, "python3")?;
    let mut tally = None;
    let mut command = Command::new(python);
    command.arg(workspace.root.join("tests/e2e/run.py")).env("PYTHONUNBUFFERED", "1");
    command.env("LKV_EXAMPLES", workspace.target.join("examples")).env("LIVEKIT_SERVER", server::locate(workspace)?);
    command.env("LKV_RELAY", relay).args((scope == Scope::Faults).then_some("--faults"));
    let succeeded = run_watched(&mut command, |line| tally = closing_line(line).or(tally))?;
    let mut tally = tally.context("the suite ended before its closing line")?;
    if !succeeded && tally.failed == 0 {
        tally.failed = 1;
    }
    ensure!(tally.passed + tally.failed > 0, "the suite ran no situation");
    Ok(tally)
}

/// The link that faults of the network go over.
fn build_relay(workspace: &Workspace) -> Result<PathBuf> {
    run(cargo(workspace).args(["build", "--locked", "--release", "--manifest-path", "tests/relay/Cargo.toml"]))?;
    Ok(workspace.target.join("release/relay"))
}

/// `N passed, N failed`
fn closing_line(line: &str) -> Option<Tally> {
    let (passed, failed) = line.strip_suffix(" failed")?.split_once(" passed, ")?;
    Some(Tally { passed: passed.parse().ok()?, failed: failed.parse().ok()? })
}
