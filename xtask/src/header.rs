// SPDX-License-Identifier: Apache-2.0
//! `include/lkvideo.h`, made by cbindgen from `src/ffi`, and `tests/exports.txt`, the functions in it. Both are
//! committed, so that a C programmer needs no Rust to read them and a review shows every change of the ABI.

use anyhow::{bail, Context, Result};

use crate::exports;
use crate::workspace::{self, Workspace};

const HEADER: &str = "include/lkvideo.h";
const EXPORTS: &str = "tests/exports.txt";

pub fn write(workspace: &Workspace) -> Result<()> {
    for (path, text) in generate(workspace)? {
        workspace::write(&workspace.root.join(path), &text)?;
        println!("wrote {path}");
    }
    Ok(())
}

pub fn check(workspace: &Workspace) -> Result<()> {
    for (path, text) in generate(workspace)? {
        let committed = workspace::read(&workspace.root.join(path))?;
        if committed != text {
            let number = 1 + committed.lines().zip(text.lines()).take_while(|(a, b)| a == b).count();
            bail!("{path} is not what src/ffi says (first at line {number}): run `cargo xtask header` and commit it");
        }
    }
    Ok(())
}

fn generate(workspace: &Workspace) -> Result<[(&'static str, String); 2]> {
    let configuration = workspace.root.join("cbindgen.toml");
    let config = cbindgen::Config::from_file(&configuration).map_err(anyhow::Error::msg)?;
    let builder = cbindgen::Builder::new().with_src(workspace.root.join("src/ffi/mod.rs")).with_config(config);
    let bindings = builder.generate().context("cbindgen cannot read src/ffi")?;
    let mut header = Vec::new();
    bindings.write(&mut header);
    let header = String::from_utf8(header)?;
    let list = exports::to_list(&exports::declared(&header));
    Ok([(HEADER, header), (EXPORTS, list)])
}
