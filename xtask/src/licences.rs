// SPDX-License-Identifier: Apache-2.0
//! What may be depended on: `deny.toml`, in the form that cargo-deny reads, checked here without it. cargo-deny takes
//! longer to build than this whole project, and its advisory database is a git repository that a build must not need;
//! who has both runs `cargo deny check` on the same file.

use anyhow::{bail, Context, Result};
use serde::Deserialize;
use spdx::{Expression, ParseMode};

use crate::command::{cargo, output};
use crate::workspace::{self, Workspace};

/// Lock files of packages outside the workspace that are built with what the library is built with.
const OTHER_LOCKS: [&str; 2] = ["crates/libwebrtc/Cargo.lock", "fuzz/Cargo.lock"];

#[derive(Deserialize)]
struct Rules {
    licenses: Licences,
    bans: Bans,
}

#[derive(Deserialize)]
struct Licences {
    allow: Vec<String>,
    exceptions: Vec<Exception>,
}

#[derive(Deserialize)]
struct Exception {
    #[serde(rename = "crate")]
    name: String,
    allow: Vec<String>,
}

#[derive(Deserialize)]
struct Bans {
    deny: Vec<Ban>,
}

#[derive(Deserialize)]
struct Ban {
    #[serde(rename = "crate")]
    name: String,
    reason: String,
}

#[derive(Deserialize)]
struct Lock {
    package: Vec<Locked>,
    #[serde(default)]
    patch: Patch,
}

#[derive(Deserialize)]
struct Locked {
    name: String,
    version: String,
    source: Option<String>,
}

#[derive(Deserialize, Default)]
struct Patch {
    #[serde(default)]
    unused: Vec<Locked>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    license: Option<String>,
}

/// Cargo.lock: up to date, nothing that deny.toml bans, every patch in use, and nothing from outside crates.io. The
/// lock files of the adapter's tests and of the fuzz targets name the same versions.
pub fn check_lock(workspace: &Workspace) -> Result<()> {
    let rules = rules(workspace)?;
    let lock = read_lock(workspace, "Cargo.lock")?;
    for package in &lock.package {
        if let Some(ban) = rules.bans.deny.iter().find(|ban| ban.name == package.name) {
            bail!("Cargo.lock holds {}: {}", ban.name, ban.reason);
        }
        let source = package.source.as_deref().unwrap_or("registry+");
        if !source.starts_with("registry+") {
            bail!("{} comes from {source}; only crates.io is fetched from", package.name);
        }
    }
    if let Some(patch) = lock.patch.unused.first() {
        bail!("the patch of {} is not used: is its version the one that livekit asks for?", patch.name);
    }
    for path in OTHER_LOCKS {
        for package in &read_lock(workspace, path)?.package {
            let mut same = lock.package.iter().filter(|other| other.name == package.name).peekable();
            if same.peek().is_some() && !same.any(|other| other.version == package.version) {
                bail!("{path} has {} {}, which Cargo.lock has not", package.name, package.version);
            }
        }
    }
    metadata(workspace).map(drop)
}

/// The licence of every package that is built from, under any feature and on any system.
pub fn check_licences(workspace: &Workspace) -> Result<()> {
    let rules = rules(workspace)?.licenses;
    let mut refused = Vec::new();
    let packages = metadata(workspace)?.packages;
    for package in &packages {
        let exception = rules.exceptions.iter().filter(|exception| exception.name == package.name);
        let allowed: Vec<&String> =
            rules.allow.iter().chain(exception.flat_map(|exception| &exception.allow)).collect();
        let licence = package.license.as_deref().unwrap_or("no licence");
        let passes = Expression::parse_mode(licence, ParseMode::LAX)
            .is_ok_and(|terms| terms.evaluate(|term| allowed.iter().any(|name| **name == term.to_string())));
        if !passes {
            refused.push(format!("{} {} ({licence})", package.name, package.version));
        }
    }
    if !refused.is_empty() {
        bail!("deny.toml does not allow the licence of {}", refused.join(", "));
    }
    println!("{} packages", packages.len());
    Ok(())
}

fn read_lock(workspace: &Workspace, path: &str) -> Result<Lock> {
    toml::from_str(&workspace::read(&workspace.root.join(path))?).with_context(|| path.to_owned())
}

fn rules(workspace: &Workspace) -> Result<Rules> {
    toml::from_str(&workspace::read(&workspace.root.join("deny.toml"))?).context("deny.toml")
}

fn metadata(workspace: &Workspace) -> Result<Metadata> {
    let text = output(cargo(workspace).args(["metadata", "--locked", "--format-version", "1"]))?;
    Ok(serde_json::from_str(&text)?)
}
