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
            // The global offset table is read-only from the start; see .cargo/config.toml.
            println!("cargo:rustc-cdylib-link-arg=-Wl,-z,now");
            fold_identical_code();
        }
        Ok("macos" | "ios") => {
            println!("cargo:rustc-cdylib-link-arg=-Wl,-install_name,@rpath/liblkvideo.{version}.dylib");
        }
        _ => {}
    }
}

/// A release keeps one copy of functions whose code is the same, which are many in Rust. The flag is lld's, which rustc
/// brings and uses on this target, unless it is told of another linker.
fn fold_identical_code() {
    println!("cargo:rerun-if-env-changed=RUSTC_LINKER");
    let release = env::var("PROFILE").is_ok_and(|profile| profile == "release");
    let lld = env::var("TARGET").is_ok_and(|target| target == "x86_64-unknown-linux-gnu");
    if release && lld && env::var_os("RUSTC_LINKER").is_none() {
        println!("cargo:rustc-cdylib-link-arg=-Wl,--icf=all");
    }
}
