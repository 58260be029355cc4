// SPDX-License-Identifier: Apache-2.0
//! Playback-finished of both sides together: each that the sender was told is one that the receiver sent, for the segment
//! that it was sent for, and one is made up only if the receiver could not answer.
//!
//! In version 1 a report names its segment. The receiver's library sends some of its own, interrupted and at the last
//! position that its application told: for segments that were cleared, and for those that are over and never began there.
//! In version 0 the oldest segment that waits gets it: also that of the output before, and of the process before.

use std::collections::{BTreeMap, BTreeSet};

use super::event::{How, OK};
use super::hearing::{Hearing, Notice};
use super::sending::{Finish, Output, Said, Sending};
use super::timeline::{Timeline, Trouble};
use super::verdict::Broken;

/// A sender that has a new receiver learns of it in this time, seconds.
const SOON: f64 = 10.0;
/// Nothing happened for so long before a segment that is undisturbed, seconds.
const QUIET: f64 = 6.0;
/// Its report comes so soon after the sender has ended it, seconds.
const REPORTED: f64 = 4.0;
/// An output waits for the finishes of cleared segments for 5 s.
const CLEARED_FINISH: f64 = 8.0;

/// What is broken, and how many flushed segments were undisturbed, so that their reports had to come.
pub fn compare(sending: &Sending, hearing: &Hearing, timeline: &Timeline) -> (Vec<Broken>, u64) {
    let mut reports = Reports { sending, hearing, timeline, own: BTreeMap::new(), broken: Vec::new() };
    for (index, output) in sending.outputs.iter().enumerate() {
        for finish in &output.finishes {
            let outcome = if finish.made_up { reports.made_up(output, finish) } else { reports.told(index, finish) };
            if let Err(what) = outcome {
                reports.broken.push(Broken { what, line: finish.line.clone() });
            }
        }
    }
    reports.order();
    reports.answers();
    let undisturbed = reports.undisturbed();
    (reports.broken, undisturbed)
}

struct Reports<'a> {
    sending: &'a Sending,
    hearing: &'a Hearing,
    timeline: &'a Timeline,
    /// By position: the output and its segment that got what the application told.
    own: BTreeMap<u64, (usize, u64)>,
    broken: Vec<Broken>,
}

impl Reports<'_> {
    fn told(&mut self, index: usize, finish: &Finish) -> Result<(), String> {
        let output = &self.sending.outputs[index];
        let notice = self.hearing.notices.get(&finish.position);
        if let Some(notice) = notice.filter(|notice| self.is_own(index, finish, notice)) {
            let again = self.own.insert(finish.position, (index, finish.segment));
            // Interrupted, it may as well be the library's for the next segment.
            return match again {
                Some(_) if !notice.interrupted => Err("reported again".into()),
                _ => Ok(()),
            };
        }
        let known = finish.position == 0 || notice.is_some();
        let cleared = output.clears_at.iter().any(|at| *at <= finish.at);
        let troubled = self.timeline.any(&Trouble::ABSENCES, output.opened_at - SOON, finish.at);
        match finish.interrupted && known && (cleared || troubled) {
            true => Ok(()),
            false => Err("the receiver did not report this of that segment".into()),
        }
    }

    /// Whether the application's own report may have come for this segment.
    fn is_own(&self, index: usize, finish: &Finish, notice: &Notice) -> bool {
        let of_output = |id: u64| self.sending.said.get(&id).is_some_and(|said| said.output == index);
        let fits = match notice.of {
            Some((id, 1..)) => of_output(id) && self.sending.outputs[index].may_be(id, finish.segment),
            Some((_, 0)) | None => true,
        };
        fits && notice.interrupted == finish.interrupted
    }

    fn made_up(&self, output: &Output, finish: &Finish) -> Result<(), String> {
        if output.closing_at.is_some_and(|at| at <= finish.at) {
            return Ok(());
        }
        // Each segment takes a part or more, so that it began at this time or later.
        let begun_at = output.parts_at.get(finish.segment.saturating_sub(1) as usize).copied().unwrap_or(finish.at);
        let cleared = output.clears_at.iter().any(|at| (finish.at - CLEARED_FINISH..=finish.at).contains(at));
        let troubled = self.timeline.any(&Trouble::ABSENCES, begun_at - SOON, finish.at);
        (cleared || troubled).then_some(()).ok_or_else(|| "made up although the receiver was there".into())
    }

    /// Numbers ascend together at both ends: a segment keeps its own, also if it went on in another stream.
    fn order(&mut self) {
        let mut last = BTreeMap::new();
        for (position, (index, segment)) in &self.own {
            let notice = &self.hearing.notices[position];
            if notice.interrupted || notice.of.is_none_or(|(_, version)| version == 0) {
                continue;
            }
            if last.insert((notice.receiver, *index), *segment).is_some_and(|before| before >= *segment) {
                let what = format!("the receiver's segment {} was reported as segment {segment}", notice.segment);
                self.broken.push(Broken { what, line: notice.line.clone() });
            }
        }
    }

    /// A report that was answered has come, unless its output had finished the segment before.
    fn answers(&mut self) {
        let mut missing: BTreeMap<usize, Vec<&Notice>> = BTreeMap::new();
        for (position, notice) in &self.hearing.notices {
            let Some((id, 1..)) = notice.of.filter(|_| notice.answer == Some(OK)) else { continue };
            let Some(said) = self.sending.said.get(&id).filter(|_| !self.own.contains_key(position)) else { continue };
            missing.entry(said.output).or_default().push(notice);
        }
        for (index, notices) in missing {
            let output = &self.sending.outputs[index];
            // The log of a process that was killed may lack its last lines.
            if output.totals.is_none() {
                continue;
            }
            let others = output.finishes.iter().filter(|finish| finish.made_up || finish.interrupted).count();
            if notices.len() > others {
                let what = format!("{} answered reports did not come, and {others} came otherwise", notices.len());
                self.broken.push(Broken { what, line: notices[0].line.clone() });
            }
        }
    }

    /// Flushed segments around which nothing happened: each has its report.
    fn undisturbed(&mut self) -> u64 {
        let reported: BTreeSet<u64> =
            self.own.keys().filter_map(|position| self.hearing.notices[position].of).map(|(id, _)| id).collect();
        let heard: BTreeMap<u64, bool> = self
            .hearing
            .heard
            .iter()
            .filter_map(|heard| {
                let (id, _) = heard.begins?;
                Some((id, heard.version == Some(1)))
            })
            .collect();
        let all = self.sending.said.iter();
        let calm: Vec<_> = all.filter(|(id, said)| self.is_undisturbed(said, heard.get(*id))).collect();
        for (id, said) in calm.iter().filter(|(id, _)| !reported.contains(id)) {
            let what = format!("segment {id} was flushed, nothing happened, and no report of it came");
            self.broken.push(Broken { what, line: format!("{said:?}") });
        }
        calm.len() as u64
    }

    fn is_undisturbed(&self, said: &Said, in_version_1: Option<&bool>) -> bool {
        let output = &self.sending.outputs[said.output];
        let (Some((1.., How::Flush, at)), Some(closing_at)) = (said.ended, output.closing_at) else { return false };
        // Where frames are dropped all of a segment's may be.
        let wanted = output.drops_nothing() || in_version_1.is_some();
        let cleared = output.clears_at.iter().any(|clear| (said.begun_at..=at + REPORTED).contains(clear));
        let wanted = wanted && in_version_1 != Some(&false) && !cleared;
        let quiet = !self.timeline.any(&Trouble::ABSENCES, said.begun_at - QUIET, at + REPORTED);
        wanted && quiet && closing_at > at + REPORTED
    }
}

#[cfg(test)]
mod tests {
    use super::super::event::{Event, Shape};
    use super::super::timeline::Moment;
    use super::*;

    const SHAPE: Shape = Shape { pixels: 0, width: 64, height: 48 };

    fn moment(at: f64) -> Moment<'static> {
        Moment { at, line: "" }
    }

    /// Two flushed segments, of which the receiver reports the first at position 5 and the second at position 6, and
    /// what the sender is told of them.
    fn count_broken(finishes: &[Event], timeline: &Timeline) -> usize {
        let (mut sending, mut hearing) = (Sending::default(), Hearing::default());
        let mut said = vec![Event::Output { output: 1, policy: 0 }];
        for id in [7, 8] {
            said.push(Event::Part { id, part: 0, first: 0, shape: SHAPE });
            said.push(Event::Ended { id, frames: 1, how: How::Flush });
            said.push(Event::Sent { id, segments: id - 6 });
        }
        said.iter().for_each(|event| sending.take(event, moment(100.0)).unwrap());
        for (segment, id) in [(1, 7), (2, 8)] {
            let frame = Event::Frame { segment, number: 0, lost: 0, id, picture: 0, part: 0, version: 1 };
            let end = Event::End { segment, cause: 1, frames: 1, lost: 0 };
            let notify = Event::Notify { segment, position: segment + 4, interrupted: false };
            for event in [Event::Start { segment, shape: SHAPE }, frame, end, notify] {
                hearing.take(&event, moment(101.0)).unwrap();
            }
        }
        finishes.iter().for_each(|event| drop(sending.take(event, moment(102.0))));
        sending.take(&Event::Closing, moment(150.0)).unwrap();
        compare(&sending, &hearing, timeline).0.len()
    }

    fn told(segment: u64, position: u64) -> Event {
        Event::Finished { segment, position, interrupted: false, made_up: false }
    }

    const MADE_UP: Event = Event::Finished { segment: 2, position: 5, interrupted: true, made_up: true };

    #[test]
    fn each_report_comes_once_for_its_segment() {
        let quiet = Timeline::default();
        assert_eq!(count_broken(&[told(1, 5), told(2, 6)], &quiet), 0);
        assert_eq!(count_broken(&[told(2, 6), told(1, 5)], &quiet), 0, "in any order");
        assert!(count_broken(&[told(1, 6), told(2, 5)], &quiet) > 0, "swapped");
        assert!(count_broken(&[told(1, 5), told(2, 9)], &quiet) > 0, "never sent");
    }

    #[test]
    fn a_report_that_is_missing_or_made_up_wants_a_reason() {
        let mut timeline = Timeline::default();
        assert!(count_broken(&[told(1, 5)], &timeline) > 0);
        assert_eq!(count_broken(&[told(1, 5), MADE_UP], &timeline), 2);
        timeline.add(Trouble::Receiver, 101.5);
        assert_eq!(count_broken(&[told(1, 5), MADE_UP], &timeline), 0);
    }
}
