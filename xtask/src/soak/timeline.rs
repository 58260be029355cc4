// SPDX-License-Identifier: Apache-2.0
//! When something happened that excuses what else would be a mistake: faults, rooms that were lost, receivers and outputs
//! that changed. Times are seconds since the run began.

use super::actor::Side;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// A process was killed, stopped or replaced, or the server was killed.
    Fault,
    /// A room of this side changed its state.
    Room(Side),
    /// The receiver was closed, or another one made.
    Receiver,
    /// The output was closed, or another one made.
    Output,
}

impl Trouble {
    /// Whatever may keep the two sides from hearing each other.
    pub const OUTAGES: [Trouble; 3] = [Trouble::Fault, Trouble::Room(Side::Sender), Trouble::Room(Side::Receiver)];
    /// Whatever may keep a receiver from answering for a segment.
    pub const ABSENCES: [Trouble; 4] =
        [Trouble::Fault, Trouble::Room(Side::Sender), Trouble::Room(Side::Receiver), Trouble::Receiver];
}

/// Where a line stands in the logs.
#[derive(Clone, Copy, Debug)]
pub struct Moment<'a> {
    pub at: f64,
    pub line: &'a str,
}

#[derive(Debug, Default)]
pub struct Timeline {
    troubles: Vec<(Trouble, f64, f64)>,
}

impl Timeline {
    pub fn add(&mut self, trouble: Trouble, at: f64) {
        self.troubles.push((trouble, at, at));
    }

    /// The last trouble of this kind has lasted until now.
    pub fn lasts_until(&mut self, trouble: Trouble, at: f64) {
        if let Some((_, _, to)) = self.troubles.iter_mut().rev().find(|(kind, ..)| *kind == trouble) {
            *to = at;
        }
    }

    /// Whether one of these happened in this time.
    pub fn any(&self, kinds: &[Trouble], from: f64, to: f64) -> bool {
        self.troubles.iter().any(|(kind, begin, end)| kinds.contains(kind) && *begin <= to && *end >= from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_excuses_the_time_that_it_lasts() {
        let mut timeline = Timeline::default();
        timeline.add(Trouble::Fault, 5.0);
        timeline.add(Trouble::Receiver, 6.0);
        timeline.lasts_until(Trouble::Fault, 8.0);
        assert!(timeline.any(&Trouble::OUTAGES, 7.0, 9.0) && timeline.any(&Trouble::OUTAGES, 1.0, 5.0));
        assert!(!timeline.any(&Trouble::OUTAGES, 8.5, 9.0) && !timeline.any(&Trouble::OUTAGES, 1.0, 4.0));
        assert!(!timeline.any(&[Trouble::Output], 0.0, 9.0));
    }
}
