// SPDX-License-Identifier: Apache-2.0
//! Frames through the server, or through a room of one process: ours and the peers in turn, round by round.

use anyhow::{Context, Result};
use serde_json::{json, Map, Value};

use super::contender::{Contender, Pixels, Run, Video};
use super::measurement::{measure, Recording, Sides};
use super::statistics::{medians, Figures};
use super::Bench;
use crate::server::Server;

/// Peers reach two frames/s: a rate and a latency need a few frames.
const PEER_MIN_FRAMES: u32 = 5;

const SIZES: [(u32, u32); 3] = [(320, 240), (640, 480), (1280, 720)];

pub fn cases() -> Vec<Video> {
    let mut all = Vec::new();
    for (width, height) in SIZES {
        for pixels in [Pixels::Rgba, Pixels::I420] {
            for fps in [0, 30] {
                all.push(Video { width, height, pixels, fps });
            }
        }
    }
    all.extend([0, 30].map(|fps| Video { width: 640, height: 480, pixels: Pixels::Rgb24, fps }));
    all
}

pub fn loopback_cases() -> [Video; 2] {
    [0, 30].map(|fps| Video { width: 640, height: 480, pixels: Pixels::Rgba, fps })
}

/// One measurement through a server of its own, so that no contender finds what another left behind.
pub fn through_server(bench: &Bench, who: Contender, video: Video) -> Result<Recording> {
    let mut server = Server::start(bench.workspace)?;
    let (seconds, min_frames) = match who {
        Contender::Ours => (bench.options.seconds, 2),
        _ => (bench.options.peer_seconds, if bench.options.quick { 2 } else { PEER_MIN_FRAMES }),
    };
    between(bench, &mut server, [who, who], video, (seconds, min_frames))
}

/// One measurement in a fresh room of a server.
pub fn between(
    bench: &Bench,
    server: &mut Server,
    [sender, receiver]: [Contender; 2],
    video: Video,
    (seconds, min_frames): (f64, u32),
) -> Result<Recording> {
    let run = Run { video, room: bench.fresh_room(), seconds, min_frames, server: Some(server) };
    let missing = "the peers need their Python";
    let sides = Sides {
        sender: bench.tools.sender(sender, &run).context(missing)?,
        receiver: Some(bench.tools.receiver(receiver, &run).context(missing)?),
        knows_end: sender.ends_streams(),
        frame_bytes: sender.frame_bytes(&video),
        seconds,
        memory_every: bench.memory_every,
    };
    measure(sides, Some(server))
}

/// All rounds of one case.
pub fn compare(bench: &Bench, video: Video) -> Result<Value> {
    let contenders = Contender::ALL.into_iter().filter(|who| who.takes(&video) && bench.compares(*who));
    let mut rounds: Vec<(Contender, Vec<Figures>)> = contenders.map(|who| (who, Vec::new())).collect();
    for round in 1..=bench.options.rounds {
        for (who, figures) in &mut rounds {
            let measured = through_server(bench, *who, video).and_then(|recording| recording.figures());
            let measured = measured.with_context(|| format!("{}, {}, round {round}", video.name(), who.key()))?;
            bench.tell_round(&video.name(), who.key(), round, &measured);
            figures.push(measured);
        }
    }
    let mut case = Map::new();
    for (who, figures) in &rounds {
        case.insert(who.key().to_owned(), with_rounds(figures));
    }
    let ratio = ratios(&case);
    case.insert("ratio".to_owned(), ratio);
    Ok(Value::Object(case))
}

pub fn loopback(bench: &Bench, video: Video) -> Result<Value> {
    let mut rounds = Vec::new();
    for round in 1..=bench.options.rounds {
        let seconds = bench.options.seconds;
        let run = Run { video, room: bench.fresh_room(), seconds, min_frames: 2, server: None };
        let mut sender = bench.tools.program("frame_loopback");
        run.apply(&mut sender);
        let frame_bytes = Contender::Ours.frame_bytes(&video);
        let figures =
            measure(Sides { sender, receiver: None, knows_end: true, frame_bytes, seconds, memory_every: None }, None)?
                .figures()?;
        bench.tell_round(&format!("loopback-{}", video.name()), "ours", round, &figures);
        rounds.push(figures);
    }
    Ok(json!({ "ours": with_rounds(&rounds) }))
}

/// The medians, and beside them what they are made of.
fn with_rounds(rounds: &[Figures]) -> Value {
    let mut all = json!(medians(rounds));
    if let Value::Object(figures) = &mut all {
        figures.insert("rounds".to_owned(), json!(rounds));
    }
    all
}

/// How many times better ours is: frames/s of ours over theirs, latency of theirs over ours.
fn ratios(case: &Map<String, Value>) -> Value {
    let figure = |who: &str, name: &str| case.get(who)?.get(name)?.as_f64();
    let mut ratio = Map::new();
    for peer in ["official", "portal", "portal_mjpeg"] {
        let better = |name: &str, theirs_first: bool| {
            let (ours, theirs) = (figure("ours", name)?, figure(peer, name)?);
            Some(if theirs_first { theirs / ours } else { ours / theirs })
        };
        for (name, theirs_first) in [("frames_per_s", false), ("latency_p50_ms", true), ("latency_p99_ms", true)] {
            if let Some(times) = better(name, theirs_first).filter(|times| times.is_finite()) {
                ratio.insert(format!("{}_{peer}", name.trim_end_matches("_ms")), json!(times));
            }
        }
    }
    Value::Object(ratio)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_above_one_is_for_ours() {
        let case = json!({
            "ours": { "frames_per_s": 30.0, "latency_p50_ms": 20.0 },
            "official": { "frames_per_s": 2.0, "latency_p50_ms": 500.0, "latency_p99_ms": 900.0 },
        });
        let ratio = ratios(case.as_object().unwrap());
        assert_eq!(ratio, json!({ "frames_per_s_official": 15.0, "latency_p50_official": 25.0 }));
    }

    #[test]
    fn a_case_a_size_type_and_pace() {
        let names: Vec<String> = cases().iter().map(Video::name).collect();
        assert_eq!((names[0].as_str(), names[11].as_str()), ("320x240-rgba-max", "1280x720-i420-30"));
        assert_eq!(names[12..], ["640x480-rgb24-max", "640x480-rgb24-30"]);
    }
}
