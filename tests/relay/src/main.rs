// SPDX-License-Identifier: Apache-2.0
//! `relay NEAR FAR [--seed N]`: makes two TUN devices of these names and carries IP packets between them over a link
//! whose conditions are set while it runs. Needs the right to make devices (root). Who starts it gives the devices
//! their addresses, and may move one into another network namespace: it stays connected.
//!
//! The first line on stdout is `{"ready":true}`; then each line on stdin is a command (see `command`), answered by
//! one line: the counters of both ways, or `{"error":...}` and nothing has changed. Ends with stdin.

mod command;
mod conditions;
mod counters;
mod lane;
mod port;
mod relay;

use anyhow::{bail, Context, Result};

use port::Port;
use relay::Relay;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (near, far, seed) = match words[..] {
        [near, far] => (near, far, 1),
        [near, far, "--seed", seed] => (near, far, seed.parse().context("--seed takes a number")?),
        _ => bail!("usage: relay NEAR_DEVICE FAR_DEVICE [--seed N]"),
    };
    Relay::new(Port::open(near)?, Port::open(far)?, seed).run()
}
