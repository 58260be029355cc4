// SPDX-License-Identifier: Apache-2.0
//! What a run comes to: whether what processes hold stayed flat, and the summary in JSON.

use std::collections::BTreeMap;

use serde_json::{json, Value};

use super::actor::{Holdings, Side};
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
    /// Its memory at each look, in bytes.
    memory: Vec<u64>,
    begin: Holdings,
    end: Holdings,
}

impl Survivor {
    /// None of a process that did not live long enough.
    pub fn of(side: Side, life: u64, all: &[Holdings]) -> Option<Self> {
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
        let memory = all.iter().map(|look| look.memory_bytes).collect();
        Some(Self { side: side.name(), life, memory, begin, end })
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
        let mib = |bytes: u64| (bytes as f64 / f64::from(1 << 20) * 10.0).round() / 10.0;
        let holdings = |held: Holdings| {
            json!({
                "rss_mib": mib(held.memory_bytes),
                "files": held.files,
                "threads": held.threads,
            })
        };
        json!({
            "side": self.side,
            "life": self.life,
            "rss_mib": self.memory.iter().map(|bytes| mib(*bytes)).collect::<Vec<_>>(),
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
    let versions = |version| hearing.heard.iter().filter(|heard| heard.version == Some(version)).count();
    let round = |value: f64| (value * 10.0).round() / 10.0;
    let recovery: BTreeMap<_, _> = tallies.recovery_s.iter().map(|(kind, longest)| (kind, round(*longest))).collect();
    json!({
        "seed": seed,
        "seconds": round(seconds),
        "kills": tallies.kills,
        "faults": tallies.faults,
        "longest_recovery_s": recovery,
        "connected": { "sender": record.connected[0], "receiver": record.connected[1] },
        "outputs": sending.outputs.len(),
        "receivers": hearing.receivers,
        "sender": {
            "flushed": sending.flushed,
            "cleared": sending.cleared,
            "segments_started": sending.started,
            "segments_resumed": sending.resumed,
            "finished": sending.reported,
            "made_up": sending.made_up,
            "unmatched": sending.unmatched,
            "flushed_undisturbed": record.undisturbed,
            "frames": sending.sent,
        },
        "receiver": {
            "segments_started": hearing.started,
            "segments_ended": hearing.causes,
            "segments_resumed": hearing.resumed,
            "segments_by_version": { "0": versions(0), "1": versions(1) },
            "killed_in_a_segment": hearing.killed,
            "frames": hearing.frames,
            "frames_lost": hearing.frames_lost,
            "chunks_lost": hearing.chunks_lost,
        },
        "survivors": tallies.survivors.iter().map(Survivor::json).collect::<Vec<_>>(),
        "broken": record.broken.iter().map(|broken| json!({ "what": broken.what, "line": broken.line })).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a process leaks whose memory is this, in MiB, look by look.
    fn leak(memory_mib: &[u64]) -> Option<String> {
        let look = |mib: &u64| Holdings { memory_bytes: mib << 20, files: 18, threads: 6 };
        let looks: Vec<_> = memory_mib.iter().map(look).collect();
        Survivor::of(Side::Sender, 1, &looks)?.leak()
    }

    #[test]
    fn memory_that_grows_and_stays_is_a_leak() {
        assert_eq!(leak(&[15, 18, 20, 21, 30, 22, 23, 40, 22, 41]), None, "a peak is none");
        assert!(leak(&[15, 18, 20, 21, 30, 36, 38, 39, 40, 41]).is_some());
        assert_eq!(leak(&[15, 60, 90]), None, "too short a life");
    }

    #[test]
    fn files_that_stay_open_are_a_leak() {
        let late = |files| {
            let look = |at| Holdings { memory_bytes: 1, files: if at < 4 { 18 } else { files }, threads: 6 };
            let looks: Vec<_> = (0..9).map(look).collect();
            Survivor::of(Side::Receiver, 1, &looks).unwrap().leak()
        };
        assert!(late(18 + MOST_MORE_FILES).is_none());
        assert!(late(19 + MOST_MORE_FILES).is_some());
    }
}
