// SPDX-License-Identifier: Apache-2.0
//! The fuzz targets of `fuzz/`, each run for a bounded time: no crash, no leak, no input that takes long.
//!
//! cargo-fuzz, which wants a nightly toolchain, is not needed: coverage is an LLVM pass that the stable compiler has, and
//! the sanitizer's runtime comes with it; only its flag is called unstable. The targets, their profile and the committed
//! corpus are the same for both. What a run finds goes to `target/fuzz`.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::thread;

use anyhow::{anyhow, ensure, Context, Result};

use crate::command::{cannot_start, cargo, host, run};
use crate::stage::Tally;
use crate::workspace::Workspace;

/// As cargo-fuzz sets them. `fuzzing` is what crates go by that know of fuzzing.
const INSTRUMENTED: &str = "--cfg fuzzing -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares \
    -Cllvm-args=-simplifycfg-branch-fold-threshold=0 -Zsanitizer=address";

/// An input that takes longer has hung, also on a machine that is busy.
const INPUT_LIMIT_SECONDS: u32 = 30;
const MEMORY_LIMIT_MB: u32 = 2048;
/// Lines of a log that say why a target failed.
const TAIL: usize = 60;

/// Which mutations are tried.
#[derive(Clone, Copy)]
pub enum Choices {
    /// The same in each run, so that one that fails does so for what was changed.
    Same,
    /// Others in each run.
    Fresh,
}

/// How each target is run.
#[derive(Clone, Copy)]
struct Plan {
    seconds: u64,
    choices: Choices,
}

/// Builds all targets and runs each for so many seconds, as many at once as there are cores.
pub fn run_all(workspace: &Workspace, seconds: u64, choices: Choices) -> Result<Tally> {
    run(Command::new("python3").current_dir(&workspace.root).args(["fuzz/corpus.py", "--check"]))
        .context("run fuzz/corpus.py and commit what it writes")?;
    let folder = workspace.output_folder("fuzz")?;
    let programs = build(workspace, &folder)?;
    let waiting = Mutex::new(targets(workspace)?.into_iter());
    let next = || waiting.lock().ok()?.next();
    let one_by_one = || -> Result<Tally> {
        let mut tally = Tally::default();
        while let Some(target) = next() {
            let passed = fuzz(workspace, &folder, &programs.join(target), Plan { seconds, choices })?;
            tally += Tally { passed: passed.into(), failed: (!passed).into() };
        }
        Ok(tally)
    };
    let cores = thread::available_parallelism()?.get();
    thread::scope(|scope| {
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(one_by_one)).collect();
        let mut tally = Tally::default();
        for worker in workers {
            tally += worker.join().map_err(|_| anyhow!("a thread that ran targets has panicked"))??;
        }
        Ok(tally)
    })
}

/// The names of the targets: a file each.
fn targets(workspace: &Workspace) -> Result<Vec<String>> {
    let files = fs::read_dir(workspace.root.join("fuzz/fuzz_targets")).context("fuzz/fuzz_targets")?;
    let paths = files.map(|file| Ok(file?.path())).collect::<Result<Vec<_>>>()?;
    let name = |path: &PathBuf| path.file_name()?.to_str()?.strip_suffix(".rs").map(str::to_owned);
    let mut names: Vec<String> = paths.iter().filter_map(name).collect();
    names.sort();
    ensure!(!names.is_empty(), "fuzz/fuzz_targets is empty");
    Ok(names)
}

/// Builds the targets, in a folder of their own, as everything is instrumented; returns where the programs are.
fn build(workspace: &Workspace, folder: &Path) -> Result<PathBuf> {
    let host = host()?;
    let arguments = ["build", "--release", "--locked", "--manifest-path", "fuzz/Cargo.toml", "--target", &host];
    let mut build = cargo(workspace);
    build.env("CARGO_TARGET_DIR", folder).env("RUSTFLAGS", INSTRUMENTED).env("RUSTC_BOOTSTRAP", "1");
    run(build.args(arguments))?;
    Ok(folder.join(host).join("release"))
}

/// Runs one target; whether it found nothing.
fn fuzz(workspace: &Workspace, folder: &Path, program: &Path, plan: Plan) -> Result<bool> {
    let target = program.file_name().and_then(|name| name.to_str()).context("a target without a name")?;
    let (found, artifacts) = (folder.join("corpus").join(target), folder.join("artifacts").join(target));
    [&found, &artifacts].into_iter().try_for_each(fs::create_dir_all)?;
    let log = folder.join(format!("{target}.log"));
    let mut command = Command::new(program);
    command
        .arg(format!("-max_total_time={}", plan.seconds))
        .arg(format!("-timeout={INPUT_LIMIT_SECONDS}"))
        .arg(format!("-rss_limit_mb={MEMORY_LIMIT_MB}"))
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        // New inputs go to the first folder.
        .args([&found, &workspace.root.join("fuzz/corpus").join(target)])
        .stdin(Stdio::null())
        .stderr(File::create(&log)?);
    if let Choices::Same = plan.choices {
        command.arg("-seed=1");
    }
    let status = command.status().map_err(|error| cannot_start(&command, error))?;
    let text = String::from_utf8_lossy(&fs::read(&log)?).into_owned();
    if status.success() {
        let summary = text.lines().rfind(|line| line.contains("DONE")).unwrap_or_default();
        println!("PASS {target:<19} {summary}");
        return Ok(true);
    }
    let lines: Vec<&str> = text.lines().collect();
    let tail: String =
        lines[lines.len().saturating_sub(TAIL)..].iter().map(|line| format!("{target} | {line}\n")).collect();
    println!(
        "{tail}FAIL {target}: {status}; the input is in {}, all it said in {}\n     again: {} INPUT",
        artifacts.display(),
        log.display(),
        program.display()
    );
    Ok(false)
}
