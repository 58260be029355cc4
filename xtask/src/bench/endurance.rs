// SPDX-License-Identifier: Apache-2.0
//! One long run of ours at 640x480 RGBA, 30 frames/s: lost and late frames, gaps, and whether memory stays flat.

use anyhow::{Context, Result};
use serde_json::{json, Value};

use super::contender::{Contender, Pixels, Video};
use super::streams::between;
use super::Bench;
use crate::server::Server;

const VIDEO: Video = Video { width: 640, height: 480, pixels: Pixels::Rgba, fps: 30 };

pub fn run(bench: &Bench) -> Result<Value> {
    let mut server = Server::start(bench.workspace)?;
    let ours = [Contender::Ours; 2];
    let recording =
        between(bench, &mut server, ours, VIDEO, (bench.options.endurance_seconds, 2)).context("endurance")?;
    let mut all = json!(recording.figures()?);
    if let Value::Object(figures) = &mut all {
        let rounded = |values: Vec<f64>| values.into_iter().map(|ms| (ms * 10.0).round() / 10.0).collect::<Vec<_>>();
        figures.insert("seconds".to_owned(), json!(bench.options.endurance_seconds));
        figures.insert("memory_mib".to_owned(), json!(recording.memory));
        figures.insert("latencies_ms".to_owned(), json!(rounded(recording.latencies_ms())));
        figures.insert("gaps_ms".to_owned(), json!(rounded(recording.gaps_ms())));
    }
    Ok(json!({ "ours": all }))
}
