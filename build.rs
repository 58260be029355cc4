// SPDX-License-Identifier: Apache-2.0
//! Gives the shared library its name: the soname on Linux, the install name on macOS. It carries the part of the version
//! that programs must agree with: 0.Y while that is what breaks, X afterwards.

use std::env;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // cargo-c names what it installs itself, and turns this feature on.
    if env::var_os("CARGO_FEATURE_CAPI").is_some() {
        return;
    }
    let (major, minor) = (env!("CARGO_PKG_VERSION_MAJOR"), env!("CARGO_PKG_VERSION_MINOR"));
    let version = if major == "0" { format!("0.{minor}") } else { major.to_owned() };
    match env::var("CARGO_CFG_TARGET_OS").as_deref() {
        Ok("linux" | "android" | "freebsd") => {
            println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,liblkvideo.so.{version}");
        }
        Ok("macos" | "ios") => {
            println!("cargo:rustc-cdylib-link-arg=-Wl,-install_name,@rpath/liblkvideo.{version}.dylib");
        }
        _ => {}
    }
}
