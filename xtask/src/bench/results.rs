// SPDX-License-Identifier: Apache-2.0
//! `target/bench/results.json`: `{"about": {...}, CASE: {"ours": {...}, "official": {...}, "portal": {...}, "ratio":
//! {...}}}`. Cases of earlier runs are kept until they are run again; each says when it was run, on which build.

use std::fs;
use std::path::PathBuf;
use std::thread::available_parallelism;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use serde_json::{json, Map, Value};

use super::options::Options;
use crate::command;
use crate::server;
use crate::workspace::{self, Workspace};

pub const ABOUT: &str = "about";

pub struct Results {
    pub path: PathBuf,
    pub all: Map<String, Value>,
    run: Value,
}

impl Results {
    pub fn open(workspace: &Workspace, options: &Options) -> Result<Self> {
        let path = workspace.output_folder("bench")?.join("results.json");
        let earlier = fs::read_to_string(&path).ok().and_then(|text| serde_json::from_str(&text).ok());
        let mut all: Map<String, Value> = earlier.unwrap_or_default();
        // What is not of this format is of an older one.
        all.retain(|name, case| name != ABOUT && case.get("run").is_some());
        let run = json!({
            "unix_time": SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs()),
            "commit": commit(workspace),
            "rounds": options.rounds,
            "seconds": options.seconds,
            "quick": options.quick,
        });
        all.insert(ABOUT.to_owned(), about(workspace)?);
        Ok(Self { path, all, run })
    }

    /// Keeps one case's results, in the file at once.
    pub fn add(&mut self, name: &str, mut case: Value) -> Result<()> {
        case["run"] = self.run.clone();
        self.all.insert(name.to_owned(), case);
        workspace::write(&self.path, &serde_json::to_string_pretty(&self.all)?)
    }
}

fn about(workspace: &Workspace) -> Result<Value> {
    let requirements = workspace::read(&workspace.root.join("benches/python/requirements.txt"))?;
    let pinned = |package: &str| {
        requirements
            .lines()
            .find_map(|line| Some(line.split_once("==")?.1).filter(|_| line.starts_with(&format!("{package}=="))))
    };
    let server = command::output(std::process::Command::new(server::locate(workspace)?).arg("--version"));
    let server = server.context("livekit-server does not tell its version")?;
    let information = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = information.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let bytes = |name: &str| fs::read_to_string(format!("/proc/sys/net/core/{name}")).ok()?.trim().parse::<u64>().ok();
    Ok(json!({
        "processor": model.map_or(std::env::consts::ARCH, |(_, name)| name),
        "cores": available_parallelism().map_or(1, usize::from),
        "system": format!("{} {}", std::env::consts::OS, kernel.trim()),
        "net_core_rmem_max": bytes("rmem_max"),
        "net_core_wmem_max": bytes("wmem_max"),
        "lkvideo": env!("CARGO_PKG_VERSION"),
        "livekit_server": server.trim().rsplit(' ').next(),
        "official": format!("livekit {} (PyPI)", pinned("livekit").unwrap_or("?")),
        "portal": format!("livekit-portal {} (PyPI)", pinned("livekit-portal").unwrap_or("?")),
    }))
}

/// The commit, with a + if something differs from it; None without git.
fn commit(workspace: &Workspace) -> Option<String> {
    let git = |arguments: &[&str]| {
        let output = std::process::Command::new("git").current_dir(&workspace.root).args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let clean = git(&["status", "--porcelain", "--untracked-files=no"])?.is_empty();
    Some(format!("{}{}", git(&["rev-parse", "--short=12", "HEAD"])?, if clean { "" } else { "+" }))
}
