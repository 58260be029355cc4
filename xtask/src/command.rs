// SPDX-License-Identifier: Apache-2.0
//! Running other programs in the foreground. Each command is shown before it runs; a failure names it; a program that
//! is not installed is named with the command that gets it.

use std::env;
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{anyhow, bail, Context, Error, Result};

use crate::workspace::Workspace;

/// What gets a program that may be missing (Debian's package names; other systems have them under like names).
const REMEDIES: &[(&str, &str)] = &[
    ("cmake", "apt-get install cmake"),
    ("ctest", "apt-get install cmake"),
    ("cc", "apt-get install gcc libc6-dev"),
    ("c++", "apt-get install g++"),
    ("nm", "apt-get install binutils"),
    ("strip", "apt-get install binutils"),
    ("openssl", "apt-get install openssl"),
    ("pkg-config", "apt-get install pkg-config"),
    ("valgrind", "apt-get install valgrind libc6-dbg"),
    ("python3", "apt-get install python3 python3-venv"),
    ("python3.12", "apt-get install python3.12 python3.12-venv, or pyenv install 3.12"),
    ("go", "apt-get install golang-go, or https://go.dev/dl/ (tests/livekit-server/go.mod says which version)"),
    ("rustfmt", "rustup component add rustfmt"),
    ("cargo-clippy", "rustup component add clippy"),
];

/// Cargo, in the root of the workspace and with its target folder whatever package is built.
pub fn cargo(workspace: &Workspace) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(&workspace.root).env("CARGO_TARGET_DIR", &workspace.target);
    // What cargo tells xtask about the xtask package would make build scripts of others run again.
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")) {
            command.env_remove(name);
        }
    }
    command
}

/// What rustc compiles for by itself. With it as `--target`, flags are not for build scripts and macros.
pub fn host() -> Result<String> {
    let version = output(Command::new("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).context("rustc does not name its host")
}

/// A program on the PATH.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    let found = env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file());
    found
}

/// Says what is wrong if a program cannot be found, before anything long begins.
pub fn require(program: &str) -> Result<()> {
    match find(program) {
        Some(_) => Ok(()),
        None => bail!(missing(program)),
    }
}

/// Runs to the end, output to the terminal.
pub fn run(command: &mut Command) -> Result<()> {
    show(command);
    run_quietly(command)
}

/// The same without showing the command.
pub fn run_quietly(command: &mut Command) -> Result<()> {
    let status = command.status().map_err(|error| cannot_start(command, error))?;
    if !status.success() {
        bail!("`{}` ended with {status}", line(command));
    }
    Ok(())
}

/// Runs to the end and returns its standard output; errors still go to the terminal.
pub fn output(command: &mut Command) -> Result<String> {
    let output = command.stderr(Stdio::inherit()).output().map_err(|error| cannot_start(command, error))?;
    if !output.status.success() {
        bail!("`{}` ended with {}", line(command), output.status);
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{}` did not print UTF-8", line(command)))
}

/// Runs to the end, shows standard output as it comes and hands each line to `look`. Returns whether it succeeded.
pub fn run_watched(command: &mut Command, mut look: impl FnMut(&str)) -> Result<bool> {
    show(command);
    let mut child = command.stdout(Stdio::piped()).spawn().map_err(|error| cannot_start(command, error))?;
    let pipe = child.stdout.take().context("no pipe from the child")?;
    for bytes in BufReader::new(pipe).split(b'\n') {
        let bytes = bytes?;
        let text = String::from_utf8_lossy(&bytes);
        println!("{text}");
        look(&text);
    }
    Ok(child.wait()?.success())
}

/// The command as one would type it.
pub fn line(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let words = std::iter::once(program.file_name().unwrap_or_default()).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

pub fn cannot_start(command: &Command, error: std::io::Error) -> Error {
    match (error.kind(), command.get_program().to_str()) {
        (ErrorKind::NotFound, Some(program)) => anyhow!(missing(program)),
        _ => Error::new(error).context(format!("cannot start `{}`", line(command))),
    }
}

fn show(command: &Command) {
    println!("$ {}", line(command));
    // The child writes to the same terminal.
    let _ = std::io::stdout().flush();
}

fn missing(program: &str) -> String {
    match REMEDIES.iter().find(|(name, _)| *name == program) {
        Some((_, remedy)) => format!("`{program}` is not installed; get it with: {remedy}"),
        None => format!("`{program}` was not found"),
    }
}
