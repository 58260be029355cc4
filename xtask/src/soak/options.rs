// SPDX-License-Identifier: Apache-2.0
//! The command line of `cargo xtask soak`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{bail, Context, Result};

use super::faults::KINDS;

pub const HELP: &str = "\
cargo xtask soak --minutes N [--kills N] [--seed S] [--only FAULT]

Sender and receiver through a real server, killed, stopped and cut off at random; every promise is checked from what both
of them tell. Ends when the minutes are over and so many processes were killed. target/soak has the summary and the logs.
  --minutes N  may be a fraction
  --kills N    at least so many (0)
  --seed S     of what happens; printed, so that a run can be made again
  --only FAULT nothing else is done: kill_sender, kill_receiver, replace_sender, replace_receiver, stop_sender,
               stop_receiver or crash_server
";

pub struct Options {
    pub time: Duration,
    pub kills: usize,
    pub seed: u64,
    /// A kind of fault.
    pub only: Option<&'static str>,
}

impl Options {
    pub fn parse(mut words: &[&str]) -> Result<Self> {
        let (mut minutes, mut kills, mut only) = (None, 0, None);
        // Any number will do, and another each time.
        let mut seed = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        while let [name, rest @ ..] = words {
            let [value, rest @ ..] = rest else { bail!("{name} wants a value\n\n{HELP}") };
            words = rest;
            match *name {
                "--minutes" => minutes = Some(value.parse::<f64>()?),
                "--kills" => kills = value.parse()?,
                "--seed" => seed = value.parse()?,
                "--only" => only = Some(kind(value)?),
                other => bail!("there is no option {other}\n\n{HELP}"),
            }
        }
        let time = Duration::try_from_secs_f64(minutes.with_context(|| format!("for how long?\n\n{HELP}"))? * 60.0)?;
        Ok(Self { time, kills, seed, only })
    }
}

fn kind(name: &str) -> Result<&'static str> {
    KINDS.into_iter().find(|kind| *kind == name).with_context(|| format!("there is no fault {name}\n\n{HELP}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minutes_are_wanted_and_may_be_a_fraction() {
        let options = Options::parse(&["--minutes", "0.5", "--kills", "7", "--seed", "3"]).unwrap();
        assert_eq!((options.time, options.kills, options.seed), (Duration::from_secs(30), 7, 3));
        assert!(Options::parse(&["--kills", "7"]).is_err());
        assert!(Options::parse(&["--minutes"]).is_err());
        assert!(Options::parse(&["--minutes", "1", "--only", "crash"]).is_err());
        assert_eq!(Options::parse(&["--minutes", "1", "--only", "crash_server"]).unwrap().only, Some("crash_server"));
        assert!(Options::parse(&["--minutes", "-1"]).is_err());
    }
}
