// SPDX-License-Identifier: Apache-2.0
//! A named part of `test` or `check`: runs, says PASS or FAIL and how long it took. All stages run, whatever the
//! earlier ones said; the last line of a run counts everything that passed and failed.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::workspace::Workspace;

/// What a stage counted. A stage without cases of its own counts as one.
#[derive(Clone, Copy, Default)]
pub struct Tally {
    pub passed: u64,
    pub failed: u64,
}

impl Tally {
    pub const ONE: Tally = Tally { passed: 1, failed: 0 };
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

pub struct Stage {
    pub name: &'static str,
    /// For `test --list`.
    pub about: &'static str,
    /// `Err` is a failure that has no cases: a missing tool, a broken build.
    pub run: fn(&Workspace) -> Result<Tally>,
}

/// Runs the stages in order; true if all passed.
pub fn run_all(workspace: &Workspace, stages: &[&Stage]) -> bool {
    let outcomes: Vec<Outcome> = stages.iter().map(|stage| run_one(workspace, stage)).collect();
    println!("\n{:-<64}", "");
    for outcome in &outcomes {
        println!("{outcome}");
    }
    let mut total = Tally::default();
    outcomes.iter().for_each(|outcome| total += outcome.tally);
    println!("\n{} passed, {} failed", total.passed, total.failed);
    total.failed == 0
}

struct Outcome {
    name: &'static str,
    tally: Tally,
    took: Duration,
    error: Option<String>,
}

fn run_one(workspace: &Workspace, stage: &Stage) -> Outcome {
    println!("\n== {}: {}", stage.name, stage.about);
    let begin = Instant::now();
    let (tally, error) = match (stage.run)(workspace) {
        Ok(tally) => (tally, None),
        Err(error) => (Tally { passed: 0, failed: 1 }, Some(format!("{error:#}"))),
    };
    let outcome = Outcome { name: stage.name, tally, took: begin.elapsed(), error };
    println!("{outcome}");
    outcome
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let verdict = if self.tally.failed == 0 { "PASS" } else { "FAIL" };
        write!(f, "{verdict} {:<10} {:>7.1} s", self.name, self.took.as_secs_f64())?;
        match &self.error {
            Some(error) => write!(f, "  {error}"),
            None => write!(f, "  {} passed, {} failed", self.tally.passed, self.tally.failed),
        }
    }
}
