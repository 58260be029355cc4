// SPDX-License-Identifier: Apache-2.0
//! What a run comes to: whether what processes hold stayed flat, and the summary in JSON.

use std::collections::BTreeMap;

use serde_json::{json, Value};

use super::actor::{Actor, Holdings};
use super::record::Record;

/// Looks after the first ones are compared with them: caches and pools have filled by then.
const WARM_UP: usize = 4;
/// Of the survivors' resident memory.
const MOST_GROWTH_BYTES: u64 = 16 << 20;
/// What the same number of rooms and connections holds at most beyond the warm-up's.
const MOST_MORE_FILES: u64 = 2;
const MOST_MORE_THREADS: u64 = 1;

/// What a process that lived long held after its warm-up, and at its end: the most and the least of a few looks.
pub struct Survivor {
    side: &'static str,
    life: u64,
    looks: usize,
    begin: Holdings,
    end: Holdings,
}

impl Survivor {
    /// None of a process that did not live long enough.
    pub fn of(actor: &Actor) -> Option<Self> {
        let all = &actor.holdings;
        if all.len() < 2 * WARM_UP {
            return None;
        }
        let fold = |looks: &[Holdings], pick: fn(u64, u64) -> u64| {
            let merge = |a: Holdings, b: &Holdings| Holdings {
                memory_bytes: pick(a.memory_bytes, b.memory_bytes),
                files: pick(a.files, b.files),
                threads: pick(a.threads, b.threads),
            };
            looks.iter().fold(looks[0], merge)
        };
        let begin = fold(&all[..WARM_UP], u64::max);
        let end = fold(&all[all.len() - WARM_UP..], u64::min);
        Some(Self { side: actor.side.name(), life: actor.life, looks: all.len(), begin, end })
    }

    /// What it lost.
    pub fn leak(&self) -> Option<String> {
        let (begin, end) = (self.begin, self.end);
        let grew = end.memory_bytes > begin.memory_bytes + MOST_GROWTH_BYTES
            || end.files > begin.files + MOST_MORE_FILES
            || end.threads > begin.threads + MOST_MORE_THREADS;
        grew.then(|| format!("{} {} held {begin:?}, and {end:?} at its end", self.side, self.life))
    }

    fn json(&self) -> Value {
        let holdings = |held: Holdings| {
            json!({
                "rss_mib": (held.memory_bytes as f64 / f64::from(1 << 20) * 10.0).round() / 10.0,
                "files": held.files,
                "threads": held.threads,
            })
        };
        json!({
            "side": self.side,
            "life": self.life,
            "looks": self.looks,
            "begin": holdings(self.begin),
            "end": holdings(self.end),
        })
    }
}

/// What the driver of the run counts itself.
#[derive(Default)]
pub struct Tallies {
    pub faults: BTreeMap<&'static str, u64>,
    pub survivors: Vec<Survivor>,
    /// From the end of a fault until video and reports flow again, the longest by kind, seconds.
    pub recovery_s: BTreeMap<&'static str, f64>,
    pub kills: usize,
}

pub fn summary(seed: u64, seconds: f64, tallies: &Tallies, record: &Record) -> Value {
    let (sending, hearing) = (&record.sending, &record.hearing);
    let round = |value: f64| (value * 10.0).round() / 10.0;
    let recovery: BTreeMap<_, _> = tallies.recovery_s.iter().map(|(kind, longest)| (kind, round(*longest))).collect();
    json!({
        "seed": seed,
        "seconds": round(seconds),
        "kills": tallies.kills,
        "faults": tallies.faults,
        "longest_recovery_s": recovery,
        "connected": { "sender": record.connected[0], "receiver": record.connected[1] },
        "outputs": sending.outputs,
        "receivers": hearing.receivers,
        "sender": {
            "flushed": sending.flushed,
            "cleared": sending.cleared,
            "segments_started": sending.started,
            "finished": sending.reports.len(),
            "made_up": sending.made_up,
            "unmatched": sending.unmatched,
            "frames": sending.sent,
        },
        "receiver": {
            "segments_started": hearing.started,
            "segments_ended": hearing.causes,
            "killed_in_a_segment": hearing.killed,
            "frames": hearing.frames,
            "chunks_lost": hearing.chunks_lost,
        },
        "survivors": tallies.survivors.iter().map(Survivor::json).collect::<Vec<_>>(),
        "broken": record.broken.iter().map(|broken| json!({ "what": broken.what, "line": broken.line })).collect::<Vec<_>>(),
    })
}
