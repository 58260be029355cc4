// SPDX-License-Identifier: Apache-2.0
//! One line of stdin: a JSON object whose keys change conditions; what is not named stays. `{}` changes nothing and is
//! answered by the counters like any other.
//!
//! `{"delay_ms":40,"loss":0.01}`, `{"rate_mbit":60,"queue_bytes":100000}`, `{"rate_mbit":0}` (no limit),
//! `{"down":true}`, `{"lose":20}` (the next 20 packets), each for both ways or with `"way":"to_far"`, `"to_near"`.

use std::time::Duration;

use anyhow::{ensure, Result};
use serde::Deserialize;

use crate::conditions::Conditions;

/// The size of the largest packet: a queue that has no room for it would let nothing through.
const SMALLEST_QUEUE_BYTES: u64 = 1500;
const LONGEST_DELAY_MS: f64 = 60_000.0;

/// A direction of the link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// Near to far.
    ToFar,
    /// Far to near.
    ToNear,
    /// Both directions.
    #[default]
    Both,
}

/// A change of conditions.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Command {
    /// The directions that it is for.
    pub way: Way,
    delay_ms: Option<f64>,
    jitter_ms: Option<f64>,
    jitter_reorders: Option<bool>,
    loss: Option<f64>,
    loss_burst: Option<u32>,
    reorder: Option<f64>,
    reorder_by_ms: Option<f64>,
    rate_mbit: Option<f64>,
    queue_bytes: Option<u64>,
    down: Option<bool>,
    /// So many packets from now on are lost, whatever the dice say.
    pub lose: u32,
}

impl Command {
    /// Reads a line.
    pub fn parse(line: &str) -> Result<Self> {
        Ok(serde_json::from_str(line)?)
    }

    /// The conditions that hold after this command, or why it makes no sense.
    pub fn apply(&self, before: &Conditions) -> Result<Conditions> {
        Ok(Conditions {
            delay: duration(self.delay_ms, before.delay)?,
            jitter: duration(self.jitter_ms, before.jitter)?,
            jitter_reorders: self.jitter_reorders.unwrap_or(before.jitter_reorders),
            loss: probability(self.loss, before.loss)?,
            loss_burst: self.loss_burst.unwrap_or(before.loss_burst).max(1),
            reorder: probability(self.reorder, before.reorder)?,
            reorder_by: duration(self.reorder_by_ms, before.reorder_by)?,
            rate: rate(self.rate_mbit, before.rate)?,
            queue_bytes: self.queue_bytes.unwrap_or(before.queue_bytes).max(SMALLEST_QUEUE_BYTES),
            down: self.down.unwrap_or(before.down),
        })
    }
}

fn duration(milliseconds: Option<f64>, before: Duration) -> Result<Duration> {
    let Some(milliseconds) = milliseconds else { return Ok(before) };
    ensure!((0.0..=LONGEST_DELAY_MS).contains(&milliseconds), "{milliseconds} ms is no delay");
    Ok(Duration::from_secs_f64(milliseconds / 1e3))
}

fn probability(value: Option<f64>, before: f64) -> Result<f64> {
    let value = value.unwrap_or(before);
    ensure!((0.0..=1.0).contains(&value), "{value} is no probability");
    Ok(value)
}

fn rate(megabits: Option<f64>, before: Option<u64>) -> Result<Option<u64>> {
    let Some(megabits) = megabits else { return Ok(before) };
    ensure!((0.0..=1e6).contains(&megabits), "{megabits} Mbit/s is no rate");
    Ok(Some((megabits * 1e6) as u64).filter(|rate| *rate > 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_named_stays() {
        let before = Conditions { loss: 0.5, ..Conditions::default() };
        let after = Command::parse(r#"{"delay_ms":40,"rate_mbit":60}"#).and_then(|command| command.apply(&before));
        let expected = Conditions { delay: Duration::from_millis(40), rate: Some(60_000_000), ..before };
        assert_eq!(after.unwrap(), expected);
    }

    #[test]
    fn no_rate_is_no_limit() {
        let before = Conditions { rate: Some(1), ..Conditions::default() };
        let after = Command::parse(r#"{"rate_mbit":0}"#).and_then(|command| command.apply(&before));
        assert_eq!(after.unwrap().rate, None);
    }

    #[test]
    fn nonsense_is_refused() {
        for line in [r#"{"loss":1.5}"#, r#"{"delay_ms":-1}"#, r#"{"rate_mbit":-1}"#, r#"{"colour":1}"#, "", "7"] {
            let outcome = Command::parse(line).and_then(|command| command.apply(&Conditions::default()));
            assert!(outcome.is_err(), "{line}");
        }
    }

    #[test]
    fn a_way_is_named() {
        assert_eq!(Command::parse(r#"{"way":"to_near","lose":3}"#).unwrap().way, Way::ToNear);
        assert_eq!(Command::parse("{}").unwrap().way, Way::Both);
    }
}
