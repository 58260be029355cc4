// SPDX-License-Identifier: Apache-2.0
//! The arrows of ARCHITECTURE.md: which room may use what. Read from the source itself: every `use` and every path.

#[path = "layering/source.rs"]
mod source;

use source::Source;

/// A folder under a crate's `src`, and what it may not touch.
struct Room {
    folder: &'static str,
    /// Beginnings of paths, segment by segment.
    forbidden: &'static [&'static str],
}

/// `ffi -> driver -> session -> wire`, all -> `frame`; nothing points back.
const ROOMS: &[Room] = &[
    Room {
        folder: "src/frame",
        forbidden: &["crate::wire", "crate::session", "crate::driver", "crate::ffi", "prost", "tokio", "livekit"],
    },
    Room { folder: "src/wire", forbidden: &["crate::session", "crate::driver", "crate::ffi"] },
    Room { folder: "src/session", forbidden: &["crate::driver", "crate::ffi", "prost"] },
    Room { folder: "src/driver", forbidden: &["crate::ffi", "prost", "libc", "std::ffi", "core::ffi", "std::os::raw"] },
    Room {
        folder: "src/ffi",
        forbidden: &["crate::session", "crate::wire", "tokio", "livekit", "livekit_protocol", "libwebrtc", "rtc_data"],
    },
    Room { folder: "crates/rtc-data/src", forbidden: &["livekit", "livekit_protocol", "lkvideo", "libwebrtc"] },
    Room {
        folder: "crates/rtc-data/src/core",
        forbidden: &[
            "crate::io",
            "mio",
            "socket2",
            "quinn_udp",
            "if_addrs",
            "tokio",
            "std::thread",
            "std::net::UdpSocket",
        ],
    },
    Room { folder: "crates/libwebrtc/src", forbidden: &["lkvideo", "rtc", "std::thread", "std::net"] },
];

/// What rooms on virtual time know nothing of.
const OUTSIDE_WORLD: &[&str] = &[
    "tokio",
    "livekit",
    "livekit_protocol",
    "libwebrtc",
    "rtc_data",
    "libc",
    "std::fs",
    "std::net",
    "std::process",
    "std::thread",
    "std::time::SystemTime",
];

const ON_VIRTUAL_TIME: &[&str] = &["src/wire", "src/session"];

#[test]
fn every_room_uses_only_what_lies_below_it() {
    let mut breaches = Vec::new();
    for room in ROOMS {
        let outside: &[&str] = if ON_VIRTUAL_TIME.contains(&room.folder) { OUTSIDE_WORLD } else { &[] };
        let sources = source::in_folder(room.folder, &["rs"]);
        assert!(!sources.is_empty(), "{} holds no source", room.folder);
        for source in sources {
            for path in source.paths() {
                if let Some(rule) = room.forbidden.iter().chain(outside).find(|rule| begins_with(&path, rule)) {
                    breaches.push(format!("{}: {path} (no {rule} in {})", source.name, room.folder));
                }
            }
        }
    }
    assert!(breaches.is_empty(), "\n{}", breaches.join("\n"));
}

#[test]
fn unsafe_stands_in_ffi_alone() {
    let elsewhere = |source: &Source| !source.name.starts_with("src/ffi/") && source.has_word("unsafe");
    let found: Vec<String> = rust_sources().into_iter().filter(elsewhere).map(|source| source.name).collect();
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn every_source_file_names_its_licence() {
    let mut sources = rust_sources();
    for folder in ["include", "examples", "benches", "tests", "crates", "xtask", "fuzz/src", "fuzz/fuzz_targets"] {
        sources.extend(source::in_folder(folder, &["rs", "c", "h", "cpp", "hpp", "cmake", "py", "sh"]));
    }
    let bare =
        |source: &Source| !source.text.lines().take(2).any(|line| line.contains("SPDX-License-Identifier: Apache-2.0"));
    let found: Vec<String> = sources.into_iter().filter(bare).map(|source| source.name).collect();
    assert!(found.is_empty(), "{found:?}");
}

fn rust_sources() -> Vec<Source> {
    ["src", "crates/rtc-data/src", "crates/libwebrtc/src"]
        .iter()
        .flat_map(|folder| source::in_folder(folder, &["rs"]))
        .collect()
}

fn begins_with(path: &str, rule: &str) -> bool {
    path.strip_prefix(rule).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

#[test]
fn groups_and_inline_paths_are_read() {
    let source = Source::new(
        "example.rs",
        "use crate::{driver::{room, Wait}, frame::Frame as F}; // use crate::ffi;\nfn f() -> std::io::Result<()> \
         { let s = \"crate::wire\"; let c = '\"'; tokio::spawn(async {}); unsafe_code() }",
    );
    let paths = source.paths();
    for path in ["crate::driver::room", "crate::driver::Wait", "crate::frame::Frame", "std::io::Result", "tokio::spawn"]
    {
        assert!(paths.iter().any(|found| found == path), "{path} in {paths:?}");
    }
    assert!(!paths.iter().any(|path| path.starts_with("crate::ffi") || path.starts_with("crate::wire")), "{paths:?}");
    assert!(!source.has_word("unsafe"));
    assert!(begins_with("crate::driver::room", "crate::driver") && !begins_with("livekit_net::x", "livekit"));
}
