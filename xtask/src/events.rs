// SPDX-License-Identifier: Apache-2.0
//! What the example programs write with `--events`: one JSON object a line.

use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::workspace;

/// A frame, as it was sent or as it came.
#[derive(Deserialize, Clone, Copy, Debug)]
pub struct FrameEvent {
    pub segment: u64,
    pub number: u64,
    pub bytes: u64,
    pub crc32: u32,
    /// Unix time in microseconds: just before the send call, on entry of the callback.
    pub t_us: i64,
}

#[derive(Deserialize, Debug)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    Sent(FrameEvent),
    Frame(FrameEvent),
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

pub fn sent(events: &[Event]) -> Vec<FrameEvent> {
    events.iter().filter_map(|event| if let Event::Sent(frame) = event { Some(*frame) } else { None }).collect()
}

pub fn received(events: &[Event]) -> Vec<FrameEvent> {
    events.iter().filter_map(|event| if let Event::Frame(frame) = event { Some(*frame) } else { None }).collect()
}
