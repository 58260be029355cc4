// SPDX-License-Identifier: Apache-2.0
//! A named part of `test` or `check`: runs, says PASS or FAIL, how long it took and what it may take. All stages run,
//! whatever the earlier ones said; at the end of a run stands a table of them, as Markdown, and a last line that counts
//! everything that passed and failed. Taking longer than the budget is said, but is no failure.

use std::fmt::{self, Display, Formatter};
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

    fn verdict(self) -> &'static str {
        match self.failed {
            0 => "PASS",
            _ => "FAIL",
        }
    }
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
    /// Seconds on two cores when the stages before it have run and nothing was built before those.
    pub budget: u64,
    /// `Err` is a failure that has no cases: a missing tool, a broken build.
    pub run: fn(&Workspace) -> Result<Tally>,
}

/// How the stages of a run went.
pub struct Summary {
    outcomes: Vec<Outcome>,
    /// Of all together, seconds.
    budget: u64,
}

struct Outcome {
    name: &'static str,
    tally: Tally,
    took: Duration,
    budget: u64,
    error: Option<String>,
}

impl Summary {
    /// Of no stage, so far.
    pub fn within(budget: u64) -> Self {
        Self { outcomes: Vec::new(), budget }
    }

    /// What somebody else did before the stages, and how long it took: it has no cases.
    pub fn add(&mut self, name: &'static str, took: Duration, budget: u64) {
        let outcome = Outcome { name, tally: Tally::default(), took, budget, error: None };
        println!("{outcome}");
        self.outcomes.push(outcome);
    }

    /// Runs the stages in order and says how they went.
    pub fn run(mut self, workspace: &Workspace, stages: &[&Stage]) -> Self {
        self.outcomes.extend(stages.iter().map(|stage| run_one(workspace, stage)));
        println!("\n{}", self.table());
        self.outcomes.iter().filter(|outcome| outcome.error.is_some()).for_each(|outcome| println!("{outcome}"));
        let total = self.total().tally;
        println!("\n{} passed, {} failed", total.passed, total.failed);
        self
    }

    pub fn passed(&self) -> bool {
        self.total().tally.failed == 0
    }

    /// A row for each stage and one for all, in Markdown.
    pub fn table(&self) -> String {
        let mut table = format!("{}{}", row("stage", "result", "cases", "seconds", "budget"), RULE);
        self.outcomes.iter().chain([&self.total()]).for_each(|outcome| table += &outcome.row());
        table
    }

    fn total(&self) -> Outcome {
        let mut total = Outcome::nothing_of("all", self.budget);
        for outcome in &self.outcomes {
            total.tally += outcome.tally;
            total.took += outcome.took;
        }
        total
    }
}

fn run_one(workspace: &Workspace, stage: &Stage) -> Outcome {
    println!("\n== {}: {} (budget {} s)", stage.name, stage.about, stage.budget);
    let begin = Instant::now();
    let mut outcome = Outcome::nothing_of(stage.name, stage.budget);
    match (stage.run)(workspace) {
        Ok(tally) => outcome.tally = tally,
        Err(error) => {
            outcome.tally.failed = 1;
            outcome.error = Some(format!("{error:#}"));
        }
    }
    outcome.took = begin.elapsed();
    println!("{outcome}");
    outcome
}

impl Outcome {
    fn nothing_of(name: &'static str, budget: u64) -> Self {
        Self { name, tally: Tally::default(), took: Duration::ZERO, budget, error: None }
    }

    fn is_over(&self) -> bool {
        self.took > Duration::from_secs(self.budget)
    }

    fn row(&self) -> String {
        let Tally { passed, failed } = self.tally;
        let cases = match (passed, failed) {
            (0, 0) => String::new(),
            (_, 0) => passed.to_string(),
            _ => format!("{passed} of {}", passed + failed),
        };
        let seconds = format!("{:.1}", self.took.as_secs_f64());
        let budget = format!("{}{}", if self.is_over() { "over " } else { "" }, self.budget);
        row(self.name, self.tally.verdict(), &cases, &seconds, &budget)
    }
}

const RULE: &str = "|:---------|:-------|-----------:|--------:|----------:|\n";

fn row(name: &str, result: &str, cases: &str, seconds: &str, budget: &str) -> String {
    format!("| {name:<8} | {result:<6} | {cases:>10} | {seconds:>7} | {budget:>9} |\n")
}

impl Display for Outcome {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (seconds, over) = (self.took.as_secs_f64(), if self.is_over() { ", OVER BUDGET" } else { "" });
        write!(f, "{} {:<8} {seconds:>7.1} s of {} s{over}", self.tally.verdict(), self.name, self.budget)?;
        match (&self.error, self.tally) {
            (Some(error), _) => write!(f, "  {error}"),
            (None, Tally { passed: 0, failed: 0 }) => Ok(()),
            (None, Tally { passed, failed }) => write!(f, "  {passed} passed, {failed} failed"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_says_what_failed_and_what_took_too_long() {
        let mut summary = Summary::within(60);
        summary.add("prepare", Duration::from_millis(4_200), 10);
        let tally = Tally { passed: 301, failed: 1 };
        summary.outcomes.push(Outcome { tally, took: Duration::from_secs(41), ..Outcome::nothing_of("rust", 40) });
        let expected = "\
| stage    | result |      cases | seconds |    budget |
|:---------|:-------|-----------:|--------:|----------:|
| prepare  | PASS   |            |     4.2 |        10 |
| rust     | FAIL   | 301 of 302 |    41.0 |   over 40 |
| all      | FAIL   | 301 of 302 |    45.2 |        60 |
";
        assert_eq!(summary.table(), expected);
        assert!(!summary.passed());
    }
}
