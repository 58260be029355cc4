// SPDX-License-Identifier: Apache-2.0
//! The end-to-end suite in `tests/e2e`: Python with the official LiveKit SDK, in an environment of its own that is
//! made once and kept in the cache.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{ensure, Context, Result};

use crate::command::{require, run, run_watched};
use crate::server;
use crate::stage::Tally;
use crate::workspace::{self, Workspace};

/// Runs every situation against the examples that stand in `target/examples`.
pub fn run_suite(workspace: &Workspace) -> Result<Tally> {
    let python = environment(workspace)?;
    let mut tally = None;
    let mut command = Command::new(python);
    command.arg(workspace.root.join("tests/e2e/run.py")).env("PYTHONUNBUFFERED", "1");
    command.env("LKV_EXAMPLES", workspace.target.join("examples")).env("LIVEKIT_SERVER", server::locate(workspace)?);
    let succeeded = run_watched(&mut command, |line| tally = closing_line(line).or(tally))?;
    let mut tally = tally.context("the suite ended before its closing line")?;
    if !succeeded && tally.failed == 0 {
        tally.failed = 1;
    }
    ensure!(tally.passed + tally.failed > 0, "the suite ran no situation");
    Ok(tally)
}

/// `N passed, N failed`
fn closing_line(line: &str) -> Option<Tally> {
    let (passed, failed) = line.strip_suffix(" failed")?.split_once(" passed, ")?;
    Some(Tally { passed: passed.parse().ok()?, failed: failed.parse().ok()? })
}

/// The Python of an environment with the packages that requirements.txt pins.
fn environment(workspace: &Workspace) -> Result<PathBuf> {
    let requirements = workspace.root.join("tests/e2e/requirements.txt");
    let folder = workspace.cache_folder()?.join("e2e-venv");
    let installed = folder.join("requirements.txt");
    let python = folder.join("bin/python");
    let wanted = workspace::read(&requirements)?;
    if std::fs::read_to_string(&installed).is_ok_and(|found| found == wanted) {
        return Ok(python);
    }
    require("python3")?;
    println!("making a Python environment once, to be kept as {}", folder.display());
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))
        .context("Python has no venv; get it with: apt-get install python3-venv")?;
    run(Command::new(&python).args(["-m", "pip", "install", "--quiet", "--requirement"]).arg(&requirements))?;
    workspace::write(&installed, &wanted)?;
    Ok(python)
}
