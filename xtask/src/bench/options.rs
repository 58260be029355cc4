// SPDX-License-Identifier: Apache-2.0
//! The command line of `cargo xtask bench`.

use std::str::FromStr;

use anyhow::{anyhow, bail, Context, Result};

pub const HELP: &str = "\
cargo xtask bench [OPTIONS]

Sends frames through a livekit-server on this machine, sender and receiver in processes of their own, and prints one
table; leaves target/bench/results.json and plots. Ours (benches/c), the official Python SDK and livekit-portal
(benches/python) take turns, round by round; a figure is the median of its rounds, but frames lost, broken or late are
those of the worst. Results of cases that are not run are kept from before.

  --only NAME            cases whose name contains NAME; may be given several times. Without it, all of:
                           320x240-rgba-max ... 1280x720-i420-30   frames as fast as they go, and 30 a second
                           640x480-rgb24-max, -30                  the same bytes for all, as livekit-portal sends them
                           loopback-640x480-rgba-max, -30          one process, no server
                           endurance                               640x480 RGBA, 30 frames/s for a minute
                           stalls                                  many short runs, the longest gap of each
                           interrupts                              clears and playback-finished beside video, ours
                           calls, sizes, rooms                     cost of a call, size of a frame, rooms in a process
                           transport                               rtc-data alone, libdatachannel, pion
  --ours                 without the peers
  --rounds N             (3)
  --seconds S            of sending in a measurement (5); the peers take at least 8, and 5 frames
  --minutes M            endurance for M minutes instead of one
  --stall-runs N         stalls: runs of ours to ours (200)
  --stall-official-runs N  and of the official SDK to ours (20)
  --stall-seconds S      of sending in each of them (5)
  --interrupts N         clears, and finishes, on either connection (100)
  --quick                everything once, short: shows that it works, not how fast
  --build                only build what the chosen cases need
  --built                measure the programs that stand in target/bench/programs
  --list                 name the cases

Needs Python 3.12 with venv, and Go and cargo for `transport`; $LKV_BENCH_PYTHON may name the Python.
";

#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    pub only: Vec<String>,
    pub ours_alone: bool,
    pub rounds: usize,
    pub seconds: f64,
    /// The least that peers send: they reach two frames/s.
    pub peer_seconds: f64,
    pub endurance_seconds: f64,
    pub stall_runs: usize,
    pub stall_official_runs: usize,
    pub stall_seconds: f64,
    pub interrupts: u32,
    pub build: bool,
    pub built: bool,
    pub list: bool,
    pub help: bool,
    pub quick: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            only: Vec::new(),
            ours_alone: false,
            rounds: 3,
            seconds: 5.0,
            peer_seconds: 8.0,
            endurance_seconds: 60.0,
            stall_runs: 200,
            stall_official_runs: 20,
            stall_seconds: 5.0,
            interrupts: 100,
            build: false,
            built: false,
            list: false,
            help: false,
            quick: false,
        }
    }
}

impl Options {
    pub fn parse(words: &[&str]) -> Result<Self> {
        let mut options = Self::default();
        if words.contains(&"--quick") {
            options.shorten();
        }
        let mut words = words.iter();
        while let Some(&word) = words.next() {
            match word {
                "--only" => options.only.push(value(word, words.next())?),
                "--ours" => options.ours_alone = true,
                "--rounds" => options.rounds = value::<usize>(word, words.next())?.max(1),
                "--seconds" => options.seconds = value(word, words.next())?,
                "--minutes" => options.endurance_seconds = value::<f64>(word, words.next())? * 60.0,
                "--stall-runs" => options.stall_runs = value(word, words.next())?,
                "--stall-official-runs" => options.stall_official_runs = value(word, words.next())?,
                "--stall-seconds" => options.stall_seconds = value(word, words.next())?,
                "--interrupts" => options.interrupts = value::<u32>(word, words.next())?.max(2),
                "--quick" => options.quick = true,
                "--build" => options.build = true,
                "--built" => options.built = true,
                "--list" => options.list = true,
                "--help" => options.help = true,
                other => bail!("`{other}` is not an option\n\n{HELP}"),
            }
        }
        options.peer_seconds = options.peer_seconds.max(options.seconds);
        Ok(options)
    }

    /// What `--quick` means; options beside it still count.
    fn shorten(&mut self) {
        self.rounds = 1;
        self.seconds = 1.0;
        self.peer_seconds = 1.0;
        self.endurance_seconds = 4.0;
        self.stall_runs = 2;
        self.stall_official_runs = 1;
        self.stall_seconds = 1.0;
        self.interrupts = 5;
    }

    pub fn wants(&self, case: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|part| case.contains(part))
    }
}

fn value<T: FromStr>(name: &str, word: Option<&&str>) -> Result<T> {
    let word = word.with_context(|| format!("{name} wants a value"))?;
    word.parse().map_err(|_| anyhow!("{name}: `{word}` is not a value of it"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_beside_quick_counts_wherever_it_stands() {
        let options = Options::parse(&["--rounds", "2", "--quick", "--only", "vga", "--minutes", "10"]).unwrap();
        assert_eq!((options.rounds, options.seconds, options.endurance_seconds), (2, 1.0, 600.0));
        assert!(options.wants("a vga case") && !options.wants("stalls"));
    }

    #[test]
    fn peers_send_for_as_long_as_we_do() {
        assert_eq!(Options::parse(&["--seconds", "20"]).unwrap().peer_seconds, 20.0);
        assert_eq!(Options::parse(&[]).unwrap().peer_seconds, 8.0);
    }

    #[test]
    fn mistakes_are_told() {
        for words in [&["--rounds"][..], &["--rounds", "x"], &["--fast"]] {
            assert!(Options::parse(words).is_err(), "{words:?}");
        }
    }
}
