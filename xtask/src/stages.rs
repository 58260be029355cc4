// SPDX-License-Identifier: Apache-2.0
//! What `test` and `check` consist of, in order: quick and local first. Nothing is optional and nothing is skipped.

use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{bail, ensure, Result};

use crate::cmake::{self, Suite};
use crate::command::{cargo, line, output, require, run, run_watched};
use crate::e2e::{self, Scope};
use crate::fuzz::{self, Choices};
use crate::stage::{Stage, Summary, Tally};
use crate::workspace::{self, Workspace};
use crate::{examples, exports, header, licences, soak};

/// Of the release library, stripped, in bytes.
const LARGEST_LIBRARY: u64 = 8_000_000;

/// How long each target is fuzzed as a part of `test`.
const FUZZ_SECONDS: u64 = 10;

/// Packages that are no members of the workspace (their manifests say why): cargo is told of each.
const STANDALONE: [&str; 3] = ["crates/libwebrtc/Cargo.toml", "tests/model/Cargo.toml", "tests/relay/Cargo.toml"];

/// Standalone, too, but it has no tests of its own.
const FUZZ_TARGETS: &str = "fuzz/Cargo.toml";

const FORMAT: Stage =
    Stage { name: "format", about: "rustfmt has nothing to change", budget: 10, run: |ws| single(format(ws)) };
const CLIPPY: Stage =
    Stage { name: "clippy", about: "no lint in any target", budget: 300, run: |ws| single(clippy(ws)) };
const LOCK: Stage = Stage {
    name: "lock",
    about: "Cargo.lock is up to date, patched, and free of what deny.toml bans",
    budget: 10,
    run: |ws| single(licences::check_lock(ws)),
};
const LICENCES: Stage = Stage {
    name: "licences",
    about: "deny.toml allows the licence of every dependency",
    budget: 20,
    run: |ws| single(licences::check_licences(ws)),
};
const HEADER: Stage = Stage {
    name: "header",
    about: "include/lkvideo.h and tests/exports.txt are what src/ffi says",
    budget: 5,
    run: |ws| single(header::check(ws)),
};
const UNIT: Stage = Stage { name: "unit", about: "unit tests and layering", budget: 300, run: unit_tests };
const RUST: Stage = Stage { name: "rust", about: "all Rust tests", budget: 450, run: rust_tests };
const EXPORTS: Stage = Stage {
    name: "exports",
    about: "the release library exports exactly the header's functions",
    budget: 5,
    run: |ws| single(exports_agree(ws)),
};
const SIZE: Stage =
    Stage { name: "size", about: "the release library is small", budget: 5, run: |ws| single(size(ws)) };
const EXAMPLES: Stage = Stage {
    name: "examples",
    about: "the examples build, in C and in C++, and stand in target/examples",
    budget: 330,
    run: |ws| single(examples::build(ws).map(drop)),
};
const CTEST: Stage = Stage {
    name: "ctest",
    about: "the C and C++ tests, on loopback and on a real server",
    budget: 330,
    run: |ws| cmake::test(ws, Suite::Plain),
};
const E2E: Stage = Stage {
    name: "e2e",
    about: "end to end, with official SDK peers, and a short set of faults",
    budget: 1020,
    run: |ws| e2e::run_suite(ws, Scope::Short),
};
const FAULTS: Stage = Stage {
    name: "faults",
    about: "end to end: every fault of the network, the server and peers (only with --full or --faults)",
    budget: 3600,
    run: |ws| e2e::run_suite(ws, Scope::Faults),
};
const FUZZ: Stage = Stage {
    name: "fuzz",
    about: "every fuzz target for 10 s (or --fuzz-seconds N), from the committed corpus",
    budget: 360,
    run: |ws| fuzz::run_all(ws, FUZZ_SECONDS, Choices::Same),
};
const PANIC: Stage = Stage {
    name: "panic",
    about: "a panic inside the library stays inside, in a build that has functions which panic",
    budget: 210,
    run: |ws| cmake::test(ws, Suite::Panic),
};
const SOAK: Stage = Stage {
    name: "soak",
    about: "40 s of random kills with every promise checked (only with --full; `cargo xtask soak` for longer)",
    budget: 120,
    run: soak::stage,
};
const VALGRIND: Stage = Stage {
    name: "valgrind",
    about: "the C programs under memcheck",
    budget: 120,
    run: |ws| cmake::test(ws, Suite::Valgrind),
};

const TSAN: Stage = Stage {
    name: "tsan",
    about: "C programs and the library under ThreadSanitizer (only with --full)",
    budget: 300,
    run: |ws| cmake::test(ws, Suite::Tsan),
};

const TEST: [&Stage; 14] = [
    &FORMAT, &LOCK, &LICENCES, &HEADER, &CLIPPY, &RUST, &FUZZ, &EXAMPLES, &EXPORTS, &SIZE, &CTEST, &PANIC, &E2E,
    &VALGRIND,
];
/// What `test --full` adds: it takes longer than CI has.
const LONG: [&Stage; 3] = [&TSAN, &FAULTS, &SOAK];
const CHECK: [&Stage; 4] = [&FORMAT, &HEADER, &CLIPPY, &UNIT];

/// Minutes that CI may take: what `.ci/run` does itself and the stages of `test`.
const CI_MINUTES: u64 = 60;
/// Seconds of `.ci/run` before the stages: what a fresh machine lacks is installed, and xtask is built.
const PREPARE: u64 = 240;

/// `cargo xtask test`: everything that CI runs. `.ci/run` says how long it took itself until here.
pub fn test(workspace: &Workspace, prepared: Option<Duration>) -> bool {
    let mut summary = Summary::within(CI_MINUTES * 60);
    if let Some(took) = prepared {
        summary.add("prepare", took, PREPARE);
    }
    summary.run(workspace, &TEST).passed()
}

/// `cargo xtask test --only NAME`
pub fn test_one(workspace: &Workspace, name: &str) -> Result<bool> {
    match TEST.iter().chain(&LONG).find(|stage| stage.name == name) {
        Some(stage) => Ok(Summary::within(stage.budget).run(workspace, &[stage]).passed()),
        None => bail!("there is no stage {name}; `cargo xtask test --list` names them"),
    }
}

/// `cargo xtask test --full`: its table, for docs/testing.md, is left in `target`.
pub fn test_all(workspace: &Workspace) -> Result<bool> {
    let stages = [TEST.as_slice(), &LONG].concat();
    let summary = Summary::within(budget(&stages)).run(workspace, &stages);
    let commit = output(Command::new("git").current_dir(&workspace.root).args(["log", "-1", "--format=%h of %cs"]))?;
    let cores = std::thread::available_parallelism()?;
    let path = workspace.target.join("full.md");
    workspace::write(&path, &format!("Commit {}, {cores} cores.\n\n{}", commit.trim_end(), summary.table()))?;
    Ok(summary.passed())
}

/// `cargo xtask test --only fuzz --fuzz-seconds N`
pub fn fuzz(workspace: &Workspace, seconds: u64) -> Result<bool> {
    let tally = fuzz::run_all(workspace, seconds, Choices::Fresh)?;
    println!("\n{} passed, {} failed", tally.passed, tally.failed);
    Ok(tally.failed == 0)
}

/// `cargo xtask check`
pub fn check(workspace: &Workspace) -> Result<bool> {
    Ok(Summary::within(budget(&CHECK)).run(workspace, &CHECK).passed())
}

/// `cargo xtask test --list`
pub fn list() {
    TEST.iter().chain(&LONG).for_each(|stage| println!("{:<8} {:>4} s  {}", stage.name, stage.budget, stage.about));
}

/// Of stages together, seconds.
fn budget(stages: &[&Stage]) -> u64 {
    stages.iter().map(|stage| stage.budget).sum()
}

/// The count of a stage that has no cases of its own.
fn single(outcome: Result<()>) -> Result<Tally> {
    outcome.map(|()| Tally::ONE)
}

fn format(workspace: &Workspace) -> Result<()> {
    require("rustfmt")?;
    run(cargo(workspace).args(["fmt", "--all", "--check"]))?;
    STANDALONE
        .iter()
        .chain([&FUZZ_TARGETS])
        .try_for_each(|path| run(cargo(workspace).args(["fmt", "--check", "--manifest-path", path])))
}

fn clippy(workspace: &Workspace) -> Result<()> {
    require("cargo-clippy")?;
    let lint = |what: &[&str]| {
        run(cargo(workspace).args(["clippy", "--locked", "--all-targets"]).args(what).args(["--", "-D", "warnings"]))
    };
    lint(&["--workspace", "--all-features"])?;
    STANDALONE.iter().chain([&FUZZ_TARGETS]).try_for_each(|path| lint(&["--manifest-path", path]))
}

fn unit_tests(workspace: &Workspace) -> Result<Tally> {
    let mut tally = cargo_test(workspace, &["--workspace", "--lib", "--bins"])?;
    tally += cargo_test(workspace, &["--package", "lkvideo", "--test", "layering"])?;
    Ok(tally)
}

fn rust_tests(workspace: &Workspace) -> Result<Tally> {
    let mut tally = cargo_test(workspace, &["--workspace"])?;
    for path in STANDALONE {
        tally += cargo_test(workspace, &["--manifest-path", path])?;
    }
    Ok(tally)
}

fn cargo_test(workspace: &Workspace, what: &[&str]) -> Result<Tally> {
    let mut tally = Tally::default();
    let mut test = cargo(workspace);
    test.args(["test", "--locked", "--no-fail-fast"]).args(what);
    let succeeded = run_watched(&mut test, |line| tally += libtest_outcome(line))?;
    ensure!(tally.passed + tally.failed > 0, "`{}` ran no test", line(&test));
    ensure!(succeeded || tally.failed > 0, "`{}` failed", line(&test));
    Ok(tally)
}

/// `test result: ok. 12 passed; 0 failed; 1 ignored; ...`. An ignored test has not passed.
fn libtest_outcome(line: &str) -> Tally {
    let count = |what: &str| {
        let before = line.split_once(what).map_or("", |(before, _)| before);
        before.rsplit(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0)
    };
    if !line.starts_with("test result: ") {
        return Tally::default();
    }
    Tally { passed: count(" passed;"), failed: count(" failed;") + count(" ignored;") }
}

fn exports_agree(workspace: &Workspace) -> Result<()> {
    let library = cmake::build_library(workspace)?;
    let declared = exports::declared(&workspace::read(&workspace.root.join("include/lkvideo.h"))?);
    let committed = exports::committed(&workspace.root)?;
    exports::compare(("include/lkvideo.h", &declared), ("tests/exports.txt", &committed))?;
    exports::compare(("tests/exports.txt", &committed), ("the library", &exports::exported(&library)?))?;
    println!("{} functions", committed.len());
    Ok(())
}

fn size(workspace: &Workspace) -> Result<()> {
    let library = cmake::build_library(workspace)?;
    let stripped = workspace.target.join("release/liblkvideo-stripped.so");
    run(Command::new("strip").arg("-o").arg(&stripped).arg(&library))?;
    let bytes = fs::metadata(&stripped)?.len();
    println!("{bytes} bytes stripped, at most {LARGEST_LIBRARY}");
    ensure!(bytes < LARGEST_LIBRARY, "the library has {bytes} bytes");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `.ci/run` ends itself then, so that a stage that hangs leaves its log.
    const CI_ENDS_ITSELF: u64 = 57 * 60;

    #[test]
    fn the_budgets_of_ci_fit_into_its_time() {
        assert!(PREPARE + budget(&TEST) <= CI_ENDS_ITSELF, "{} s", PREPARE + budget(&TEST));
    }

    #[test]
    fn counts_what_libtest_says() {
        let line = "test result: FAILED. 12 passed; 1 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.4s";
        let tally = libtest_outcome(line);
        assert_eq!((tally.passed, tally.failed), (12, 3));
    }
}
