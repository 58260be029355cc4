// SPDX-License-Identifier: Apache-2.0
//! The example programs, built (release) and laid out in `target/examples/c` and `target/examples/cpp` with the library
//! beside them, so that they run from there and from wherever the folder is taken; and running them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::cmake;
use crate::process::{self, Running, Usage};
use crate::server::Server;
use crate::workspace::Workspace;

const LANGUAGES: [&str; 2] = ["c", "cpp"];
const PROGRAMS: [&str; 3] = ["video_sender", "video_receiver", "loopback"];

/// Longer than any demo or measurement takes.
const LIMIT: Duration = Duration::from_secs(300);

/// A folder with the three programs of one language.
pub struct Programs {
    folder: PathBuf,
}

/// Builds all; returns the C programs.
pub fn build(workspace: &Workspace) -> Result<Programs> {
    let built = cmake::build_examples(workspace)?;
    let library = workspace.target.join("release/liblkvideo.so");
    for language in LANGUAGES {
        let folder = workspace.output_folder(&format!("examples/{language}"))?;
        for program in PROGRAMS {
            copy(&built.join("examples").join(language).join(program), &folder.join(program))?;
        }
        copy(&library, &folder.join(soname()))?;
        println!("{}: {}", folder.display(), PROGRAMS.join(", "));
    }
    Ok(Programs { folder: workspace.target.join("examples/c") })
}

/// The file that programs linked with the library ask for: minor versions of 0.Y are not compatible.
pub fn soname() -> String {
    match (env!("CARGO_PKG_VERSION_MAJOR"), env!("CARGO_PKG_VERSION_MINOR")) {
        ("0", minor) => format!("liblkvideo.so.0.{minor}"),
        (major, _) => format!("liblkvideo.so.{major}"),
    }
}

pub fn copy(from: &Path, to: &Path) -> Result<()> {
    // A running program cannot be written to, but its name can be given to another file.
    if to.exists() {
        fs::remove_file(to)?;
    }
    fs::copy(from, to).map(drop).with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))
}

/// The options of one program.
#[derive(Default)]
pub struct Arguments(Vec<String>);

impl Arguments {
    /// Adds `name value`.
    pub fn with(mut self, name: &str, value: impl std::fmt::Display) -> Self {
        self.0.extend([name.to_owned(), value.to_string()]);
        self
    }
}

impl Programs {
    fn command(&self, program: &str, arguments: &Arguments) -> Command {
        let mut command = Command::new(self.folder.join(program));
        command.args(&arguments.0);
        command
    }

    /// Sender and receiver in one process, without a server.
    pub fn run_loopback(&self, arguments: &Arguments) -> Result<Usage> {
        let both = Running::start("loopback", &mut self.command("loopback", arguments))?;
        let [usage] = process::finish([both], LIMIT)?;
        Ok(usage)
    }

    /// Sender and receiver as two processes in one room of the server. Returns what each of them used.
    pub fn run_pair(&self, server: &Server, sender: &Arguments, receiver: &Arguments) -> Result<[Usage; 2]> {
        let start = |name: &str, program: &str, arguments: &Arguments| {
            Running::start(name, self.command(program, arguments).envs(server.environment()))
        };
        let receiver = start("receiver", "video_receiver", receiver)?;
        let sender = start("sender", "video_sender", sender)?;
        process::finish([sender, receiver], LIMIT)
    }
}
