// SPDX-License-Identifier: Apache-2.0
//! The C and C++ side: the root `CMakeLists.txt`, configured and built in `target/cmake-release` against the release
//! library, and its CTest suite.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{ensure, Result};

use crate::command::{cargo, line, require, run, run_watched};
use crate::server::{self, Server};
use crate::stage::Tally;
use crate::workspace::Workspace;

/// Longer than any test takes on a loaded machine under valgrind, seconds.
const TEST_LIMIT: &str = "600";

/// The release library, with the name that its build gives it.
pub fn build_library(workspace: &Workspace) -> Result<PathBuf> {
    run(cargo(workspace).args(["build", "--release", "--locked", "--package", "lkvideo"]))?;
    Ok(workspace.target.join("release/liblkvideo.so"))
}

/// Builds the examples, and the tests if they are wanted; returns the build folder.
pub fn build(workspace: &Workspace, with_tests: bool) -> Result<PathBuf> {
    ["cmake", "cc", "c++"].into_iter().try_for_each(require)?;
    build_library(workspace)?;
    let folder = workspace.target.join("cmake-release");
    let mut configure = Command::new("cmake");
    configure.arg("-S").arg(&workspace.root).arg("-B").arg(&folder).arg("-DCMAKE_BUILD_TYPE=Release");
    configure.arg(format!("-DLKVIDEO_TARGET_DIR={}", workspace.target.display()));
    run(configure.arg(format!("-DLKVIDEO_BUILD_TESTS={}", if with_tests { "ON" } else { "OFF" })))?;
    run(Command::new("cmake").arg("--build").arg(&folder).args(["--parallel", "2"]))?;
    Ok(folder)
}

/// Which part of the CTest suite.
pub enum Suite {
    /// Everything but what runs under valgrind: C and C++, on loopback and on a real server.
    Plain,
    Valgrind,
}

/// Builds, starts a server for the tests that want one, and runs CTest.
pub fn test(workspace: &Workspace, suite: Suite) -> Result<Tally> {
    let folder = build(workspace, true)?;
    let server = Server::start(workspace, false)?;
    let mut ctest = Command::new("ctest");
    ctest.arg("--test-dir").arg(folder).args(["--output-on-failure", "--no-tests=error", "--timeout", TEST_LIMIT]);
    match suite {
        Suite::Plain => ctest.args(["--label-exclude", "^valgrind$"]),
        Suite::Valgrind => {
            require("valgrind")?;
            ctest.args(["--label-regex", "^valgrind$"])
        }
    };
    ctest.envs(server.environment()).env("LIVEKIT_SERVER", server::locate(workspace)?);
    let mut tally = Tally::default();
    let succeeded = run_watched(&mut ctest, |line| tally += outcome(line))?;
    ensure!(tally.passed + tally.failed > 0, "`{}` ran no test", line(&ctest));
    ensure!(succeeded || tally.failed > 0, "`{}` failed", line(&ctest));
    Ok(tally)
}

/// ` 3/12 Test  #3: name ......   Passed    0.02 sec`. What CTest did not run has not passed.
fn outcome(line: &str) -> Tally {
    match line.split_once(" Test ") {
        Some((count, rest)) if count.trim_start().starts_with(|c: char| c.is_ascii_digit()) && rest.contains('#') => {
            let passed = rest.contains("   Passed ");
            Tally { passed: u64::from(passed), failed: u64::from(!passed) }
        }
        _ => Tally::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_what_ctest_says() {
        let lines = "\
      Start  1: header_c99
 1/3 Test  #1: header_c99 .......................   Passed    0.01 sec
10/12 Test #10: destroy_inside_callback ..........***Failed    0.02 sec
12/12 Test #12: on_server ........................***Not Run (Disabled)   0.00 sec
33% tests passed, 2 tests failed out of 3";
        let mut tally = Tally::default();
        lines.lines().for_each(|line| tally += outcome(line));
        assert_eq!((tally.passed, tally.failed), (1, 2));
    }
}
