// SPDX-License-Identifier: Apache-2.0
//! `cargo xtask`: the project's own commands. Each module is one noun; the commands that a developer types are
//! `demo`, `test`, `check`, `examples`, `header`, `server`, `soak` and `bench`.
//!
//! Nothing here installs anything on the machine: what is missing is named, with the command that gets it. What is
//! built or fetched once is kept in `${XDG_CACHE_HOME:-~/.cache}/lkvideo`.
#![allow(clippy::disallowed_methods, reason = "xtask times its stages, starts threads to read pipes and waits")]

mod bench;
mod clip;
mod cmake;
mod command;
mod contact_sheet;
mod demo;
mod e2e;
mod events;
mod examples;
mod exports;
mod fuzz;
mod header;
mod licences;
mod process;
mod python;
mod server;
mod soak;
mod stage;
mod stages;
mod workspace;
mod y4m;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{bail, Result};

use workspace::Workspace;

const HELP: &str = "\
cargo xtask COMMAND

  demo              play real video through the library on loopback:, leave target/demo/contact-sheet.png
  demo --server     the same through a real livekit-server, sender and receiver as two processes
  test              everything CI does
  test --only NAME  one stage of it; `test --list` names them, with the seconds that each may take
  test --only fuzz --fuzz-seconds N
                    fuzz each target for so long, with other choices each time (`test`: 10 s)
  test --faults     faults of the network, the server and peers, all of them (`test` has a short set)
  test --full       everything: `test` and what takes longer than CI has; leaves its table in target/full.md
  test --prepared N `test` after N seconds of preparation, which stand in its table (.ci/run)
  check             format, lints, unit tests, layering, header: the quick look before a commit
  examples          build the C and C++ examples (release) into target/examples/c and target/examples/cpp
  header            write include/lkvideo.h and tests/exports.txt from src/ffi
  header --check    fail if they are not what src/ffi says
  server            find or build livekit-server and print its path
  server --run      run it on free ports until Ctrl-C, and print how to join
  soak --minutes N  kill, stop and restart sender, receiver and server at random, with every promise checked
  soak --help       its options
  bench             ours against the official SDK and livekit-portal, one table, JSON and plots in target/bench
  bench --help      its cases and options
  help              this text

Needs Rust, a C and a C++ compiler and CMake; everything with a server also Go (or livekit-server in $LIVEKIT_SERVER
or on the PATH); `test` also binutils, pkg-config, openssl, Python 3 with venv, valgrind, root and iproute2.
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match dispatch(&words) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs one command. `Ok(false)` means that it ran and said itself what failed.
fn dispatch(words: &[&str]) -> Result<bool> {
    let workspace = Workspace::find()?;
    match words {
        [] | ["help" | "--help" | "-h"] => print!("{HELP}"),
        ["demo"] => demo::on_loopback(&workspace)?,
        ["demo", "--server"] => demo::through_server(&workspace)?,
        ["test"] => return Ok(stages::test(&workspace, None)),
        ["test", "--prepared", seconds] => {
            return Ok(stages::test(&workspace, Some(Duration::from_secs(seconds.parse()?))))
        }
        ["test", "--only", "fuzz", "--fuzz-seconds", seconds] => return stages::fuzz(&workspace, seconds.parse()?),
        ["test", "--only", name] => return stages::test_one(&workspace, name),
        ["test", "--faults"] => return stages::test_one(&workspace, "faults"),
        ["test", "--full"] => return stages::test_all(&workspace),
        ["test", "--list"] => stages::list(),
        ["check"] => return stages::check(&workspace),
        ["examples"] => drop(examples::build(&workspace)?),
        ["header"] => header::write(&workspace)?,
        ["header", "--check"] => header::check(&workspace)?,
        ["server"] => println!("{}", server::locate(&workspace)?.display()),
        ["server", "--run"] => server::run(&workspace)?,
        ["soak", options @ ..] => return soak::run(&workspace, options),
        ["bench", options @ ..] => bench::run(&workspace, options)?,
        other => bail!("`cargo xtask {}` is not a command\n\n{HELP}", other.join(" ")),
    }
    Ok(true)
}
