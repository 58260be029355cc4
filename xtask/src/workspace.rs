// SPDX-License-Identifier: Apache-2.0
//! Where things are: the source tree, the build folder, and the cache that outlives `cargo clean`.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

pub struct Workspace {
    /// The folder of the root `Cargo.toml`.
    pub root: PathBuf,
    /// Cargo's target folder; everything that is built lies under it.
    pub target: PathBuf,
    /// `${XDG_CACHE_HOME:-~/.cache}/lkvideo`: what is built or fetched once.
    pub cache: PathBuf,
}

impl Workspace {
    pub fn find() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask lies in no workspace")?.to_path_buf();
        let target = match env::var_os("CARGO_TARGET_DIR") {
            Some(folder) => env::current_dir()?.join(folder),
            None => root.join("target"),
        };
        let caches = match env::var_os("XDG_CACHE_HOME").filter(|folder| !folder.is_empty()) {
            Some(folder) => PathBuf::from(folder),
            None => {
                PathBuf::from(env::var_os("HOME").context("neither XDG_CACHE_HOME nor HOME is set")?).join(".cache")
            }
        };
        Ok(Self { root, target, cache: caches.join("lkvideo") })
    }

    /// `target/NAME`, made if it is not there.
    pub fn output_folder(&self, name: &str) -> Result<PathBuf> {
        make_folder(self.target.join(name))
    }

    /// The cache folder, made if it is not there.
    pub fn cache_folder(&self) -> Result<PathBuf> {
        make_folder(self.cache.clone())
    }
}

fn make_folder(folder: PathBuf) -> Result<PathBuf> {
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder)
}

/// Reads a whole text file; the error names it.
pub fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Writes a whole text file; the error names it.
pub fn write(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// A short name for the content of files, to key what was made from them in the cache.
pub fn fingerprint(files: &[PathBuf]) -> Result<String> {
    let mut sum = crc32fast::Hasher::new();
    for file in files {
        sum.update(read(file)?.as_bytes());
    }
    Ok(format!("{:08x}", sum.finalize()))
}
