// SPDX-License-Identifier: Apache-2.0
//! The C and C++ side: the root `CMakeLists.txt`, configured and built against the library that cargo built, and its
//! CTest suite.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{ensure, Context, Result};

use crate::command::{cargo, host, line, output, require, run, run_watched};
use crate::server::Server;
use crate::stage::Tally;
use crate::workspace::Workspace;

/// Longer than any test takes on a loaded machine under valgrind, seconds.
const TEST_LIMIT: &str = "600";

/// A build of the C side: against which library, and how much of it.
struct Build {
    folder: &'static str,
    definitions: &'static [&'static str],
}

const EXAMPLES: Build =
    Build { folder: "cmake-release", definitions: &["-DCMAKE_BUILD_TYPE=Release", "-DLKVIDEO_BUILD_TESTS=OFF"] };

/// In a folder of its own, so that a measurement does not build the examples and tests as well.
const BENCHES: Build = Build {
    folder: "cmake-bench",
    definitions: &[
        "-DCMAKE_BUILD_TYPE=Release",
        "-DLKVIDEO_BUILD_TESTS=OFF",
        "-DLKVIDEO_BUILD_EXAMPLES=OFF",
        "-DLKVIDEO_BUILD_BENCHES=ON",
    ],
};

/// A debug build, whose library watches its own invariants.
const SOAK: Build = Build {
    folder: "cmake-soak",
    definitions: &[
        "-DCMAKE_BUILD_TYPE=Debug",
        "-DLKVIDEO_BUILD_TESTS=OFF",
        "-DLKVIDEO_BUILD_EXAMPLES=OFF",
        "-DLKVIDEO_BUILD_SOAK=ON",
    ],
};

const TESTS: Build =
    Build { folder: "cmake-release", definitions: &["-DCMAKE_BUILD_TYPE=Release", "-DLKVIDEO_BUILD_TESTS=ON"] };

/// A library that panics on demand is never the release one.
const PANIC: Build = Build {
    folder: "cmake-panic",
    definitions: &["-DCMAKE_BUILD_TYPE=Debug", "-DLKVIDEO_BUILD_EXAMPLES=OFF", "-DLKVIDEO_TEST_PANIC=ON"],
};

/// With a library that ThreadSanitizer instruments, in a target folder of its own.
const TSAN: Build = Build {
    folder: "cmake-tsan",
    definitions: &["-DCMAKE_BUILD_TYPE=Debug", "-DLKVIDEO_BUILD_TESTS=OFF", "-DLKVIDEO_BUILD_EXAMPLES=OFF"],
};

/// Stable rustc has the pass and its runtime; only the flag is called unstable. The standard library comes without the
/// pass, which rustc wants to be told is known: tests/tsan/std.c makes up for it.
const TSAN_FLAGS: &str = "-Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer";

/// Which part of the CTest suite.
pub enum Suite {
    /// C and C++, on loopback and on a real server, plainly and under the sanitizers.
    Plain,
    /// The same programs under memcheck.
    Valgrind,
    /// The panic guard, with a debug library that has functions which panic.
    Panic,
    /// The same programs as in `Plain`, and the library, under ThreadSanitizer.
    Tsan,
}

/// Builds the release library and returns its path, with the name that cargo gives it.
pub fn build_library(workspace: &Workspace) -> Result<PathBuf> {
    run(cargo(workspace).args(["build", "--release", "--locked", "--package", "lkvideo"]))?;
    Ok(workspace.target.join("release/liblkvideo.so"))
}

/// Builds the examples; returns the build folder.
pub fn build_examples(workspace: &Workspace) -> Result<PathBuf> {
    build_library(workspace)?;
    EXAMPLES.run(workspace)
}

/// Builds the programs of `benches/c`; returns the build folder.
pub fn build_benches(workspace: &Workspace) -> Result<PathBuf> {
    build_library(workspace)?;
    BENCHES.run(workspace)
}

/// Builds the programs of `tests/soak` with a debug library; returns their folder.
pub fn build_soak(workspace: &Workspace) -> Result<PathBuf> {
    run(cargo(workspace).args(["build", "--locked", "--package", "lkvideo"]))?;
    Ok(SOAK.run(workspace)?.join("tests/soak"))
}

fn build_tests(workspace: &Workspace) -> Result<PathBuf> {
    build_library(workspace)?;
    TESTS.run(workspace)
}

fn build_panic(workspace: &Workspace) -> Result<PathBuf> {
    run(cargo(workspace).args(["build", "--locked", "--package", "lkvideo", "--features", "test-panic"]))?;
    PANIC.run(workspace)
}

fn build_tsan(workspace: &Workspace) -> Result<PathBuf> {
    let (host, target) = (host()?, workspace.output_folder("tsan")?);
    let mut build = cargo(workspace);
    build.env("CARGO_TARGET_DIR", &target).env("RUSTFLAGS", TSAN_FLAGS).env("RUSTC_BOOTSTRAP", "1");
    run(build.args(["build", "--locked", "--package", "lkvideo", "--target", &host]))?;
    let sysroot = output(Command::new("rustc").args(["--print", "sysroot"]))?;
    let libraries = Path::new(sysroot.trim_end()).join("lib/rustlib").join(&host).join("lib");
    let runtime = ["stable", "nightly"].map(|channel| libraries.join(format!("librustc-{channel}_rt.tsan.a")));
    let runtime = runtime.iter().find(|path| path.exists()).context("rustc brings no runtime of ThreadSanitizer")?;
    TSAN.with(workspace, &[("LKVIDEO_TARGET_DIR", &target.join(host)), ("LKVIDEO_TSAN_RUNTIME", runtime)])
}

/// Builds what is tested, starts a server for the tests that want one, and runs CTest.
pub fn test(workspace: &Workspace, suite: Suite) -> Result<Tally> {
    // CMake leaves out the tests of a tool that it does not find, or fails late.
    require("valgrind")?;
    require("pkg-config")?;
    let (folder, selection) = match suite {
        Suite::Plain => (build_tests(workspace)?, ["--label-exclude", "^valgrind$"]),
        Suite::Valgrind => (build_tests(workspace)?, ["--label-regex", "^valgrind$"]),
        Suite::Panic => (build_panic(workspace)?, ["--tests-regex", "^panic"]),
        Suite::Tsan => (build_tsan(workspace)?, ["--tests-regex", "_tsan$"]),
    };
    let server = Server::start(workspace)?;
    let mut ctest = Command::new("ctest");
    ctest.arg("--test-dir").arg(folder).args(["--output-on-failure", "--no-tests=error", "--timeout", TEST_LIMIT]);
    ctest.args(selection).envs(server.environment());
    let mut tally = Tally::default();
    let succeeded = run_watched(&mut ctest, |line| tally += outcome(line))?;
    ensure!(tally.passed + tally.failed > 0, "`{}` ran no test", line(&ctest));
    ensure!(succeeded || tally.failed > 0, "`{}` failed", line(&ctest));
    Ok(tally)
}

impl Build {
    /// Configures and builds; returns the folder.
    fn run(&self, workspace: &Workspace) -> Result<PathBuf> {
        self.with(workspace, &[("LKVIDEO_TARGET_DIR", &workspace.target)])
    }

    fn with(&self, workspace: &Workspace, paths: &[(&str, &Path)]) -> Result<PathBuf> {
        ["cmake", "cc", "c++"].into_iter().try_for_each(require)?;
        let folder = workspace.target.join(self.folder);
        let mut configure = Command::new("cmake");
        configure.arg("-S").arg(&workspace.root).arg("-B").arg(&folder).args(self.definitions);
        run(configure.args(paths.iter().map(|(name, path)| format!("-D{name}={}", path.display()))))?;
        run(Command::new("cmake").arg("--build").arg(&folder).args(["--parallel", "2"]))?;
        Ok(folder)
    }
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
