// SPDX-License-Identifier: Apache-2.0
//! What is done to the processes and to the server, chosen from a seed.

use std::time::Duration;

use super::actor::Side;

/// What [`Fault::kind`] says.
pub const KINDS: [&str; 7] = [
    "kill_sender",
    "kill_receiver",
    "stop_sender",
    "stop_receiver",
    "replace_sender",
    "replace_receiver",
    "crash_server",
];

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fault {
    /// SIGKILL, and another process in its place after a while.
    Kill(Side, Duration),
    /// SIGSTOP, and SIGCONT after a while.
    Stop(Side, Duration),
    /// It is told to end, and another takes its place.
    Replace(Side),
    /// SIGKILL, and a new one on the same ports after a while, with no memory of the room.
    CrashServer(Duration),
}

impl Fault {
    /// For counting.
    pub fn kind(self) -> &'static str {
        match self {
            Fault::Kill(Side::Sender, _) => "kill_sender",
            Fault::Kill(Side::Receiver, _) => "kill_receiver",
            Fault::Stop(Side::Sender, _) => "stop_sender",
            Fault::Stop(Side::Receiver, _) => "stop_receiver",
            Fault::Replace(Side::Sender) => "replace_sender",
            Fault::Replace(Side::Receiver) => "replace_receiver",
            Fault::CrashServer(_) => "crash_server",
        }
    }

    pub fn is_kill(self) -> bool {
        matches!(self, Fault::Kill(..))
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Fault::Kill(_, time) | Fault::Stop(_, time) | Fault::CrashServer(time) => {
                write!(f, "{} for {} ms", self.kind(), time.as_millis())
            }
            Fault::Replace(_) => write!(f, "{}", self.kind()),
        }
    }
}

/// Choices from a seed (splitmix64).
pub struct Choices(u64);

impl Choices {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// 0 to `bound` - 1.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }

    pub fn millis(&mut self, least: u64, most: u64) -> Duration {
        Duration::from_millis(least + self.below(most - least + 1))
    }
}

/// Faults until the other side is the victim for the first time; later it takes up to three times as many.
const FIRST_BOUT: u64 = 12;

/// Which side is killed and replaced changes from bout to bout only, so that the other lives long enough to show what it
/// loses.
pub struct Faults {
    choices: Choices,
    victim: Side,
    left_in_bout: u64,
    only: Option<&'static str>,
}

impl Faults {
    /// `only`: of this kind.
    pub fn new(seed: u64, only: Option<&'static str>) -> Self {
        let mut choices = Choices::new(seed);
        let victim = Side::BOTH[choices.below(2) as usize];
        Self { choices, victim, left_in_bout: FIRST_BOUT, only }
    }

    /// How long all goes well before the next one: now and then so long that nothing excuses what goes wrong.
    pub fn pause(&mut self) -> Duration {
        match self.choices.below(15) {
            0 => self.choices.millis(25_000, 35_000),
            _ => self.choices.millis(200, 2500),
        }
    }

    pub fn next(&mut self) -> Fault {
        loop {
            let fault = self.any();
            if self.only.is_none_or(|kind| kind == fault.kind()) {
                return fault;
            }
        }
    }

    fn any(&mut self) -> Fault {
        if self.left_in_bout == 0 {
            self.victim = Side::BOTH[1 - self.victim as usize];
            self.left_in_bout = FIRST_BOUT + self.choices.below(2 * FIRST_BOUT);
        }
        self.left_in_bout -= 1;
        let side = Side::BOTH[self.choices.below(2) as usize];
        match self.choices.below(100) {
            0..65 => Fault::Kill(self.victim, self.choices.millis(0, 1500)),
            65..72 => Fault::Replace(self.victim),
            72..86 => Fault::Stop(side, self.choices.millis(100, 4000)),
            // Longer than servers and peers wait for an answer.
            86..88 => Fault::Stop(side, self.choices.millis(12_000, 25_000)),
            _ => Fault::CrashServer(self.choices.millis(0, 2000)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_makes_the_same_faults_again() {
        let faults = |seed| {
            let mut faults = Faults::new(seed, None);
            (0..50).map(|_| (faults.pause(), faults.next())).collect::<Vec<_>>()
        };
        assert_eq!(faults(7), faults(7));
        assert_ne!(faults(7), faults(8));
    }

    #[test]
    fn both_sides_are_killed() {
        let mut faults = Faults::new(1, None);
        let kinds: Vec<_> = (0..200).map(|_| faults.next().kind()).collect();
        assert!(KINDS.into_iter().all(|kind| kinds.contains(&kind)));
    }

    #[test]
    fn a_run_may_be_of_one_kind() {
        let mut faults = Faults::new(1, Some("crash_server"));
        assert!((0..9).all(|_| matches!(faults.next(), Fault::CrashServer(_))));
    }
}
