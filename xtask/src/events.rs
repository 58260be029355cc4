// SPDX-License-Identifier: Apache-2.0
//! What the example programs write with `--events`: one JSON object a line.

use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::workspace;

#[derive(Deserialize, Debug)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    PlaybackFinished {
        /// Seconds.
        position: f64,
        interrupted: bool,
    },
    #[serde(other)]
    Other,
}

pub fn read(path: &Path) -> Result<Vec<Event>> {
    let text = workspace::read(path)?;
    let event = |line: &str| serde_json::from_str(line).with_context(|| format!("{}: {line}", path.display()));
    text.lines().map(event).collect()
}
