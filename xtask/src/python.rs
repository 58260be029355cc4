// SPDX-License-Identifier: Apache-2.0
//! Python environments with pinned packages, made once each and kept in the cache.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::command::{require, run};
use crate::workspace::{self, Workspace};

/// The Python of the environment `name`, with the packages that the requirements pin. `interpreter` makes it.
pub fn environment(workspace: &Workspace, name: &str, requirements: &Path, interpreter: &str) -> Result<PathBuf> {
    let folder = workspace.cache_folder()?.join(name);
    let installed = folder.join("requirements.txt");
    let python = folder.join("bin/python");
    let wanted = workspace::read(requirements)?;
    if std::fs::read_to_string(&installed).is_ok_and(|found| found == wanted) {
        return Ok(python);
    }
    require(interpreter)?;
    println!("making a Python environment once, to be kept as {}", folder.display());
    let mut venv = Command::new(interpreter);
    // Where pyenv manages Pythons, a name with a version is a shim that wants to be told the version.
    if let Some(version) = interpreter.strip_prefix("python").filter(|version| version.contains('.')) {
        venv.env("PYENV_VERSION", version);
    }
    run(venv.args(["-m", "venv", "--clear"]).arg(&folder))
        .context("Python has no venv; get it with: apt-get install python3-venv")?;
    run(Command::new(&python).args(["-m", "pip", "install", "--quiet", "--requirement"]).arg(requirements))?;
    workspace::write(&installed, &wanted)?;
    Ok(python)
}
