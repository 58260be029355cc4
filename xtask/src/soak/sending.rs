// SPDX-License-Identifier: Apache-2.0
//! What the sending side did and was told, checked as it comes: each segment that an output started gets exactly one
//! playback-finished. What only the receiver can confirm is collected in [`Said`] and [`Output`].

use std::collections::{BTreeMap, BTreeSet};

use super::event::{Event, How, OutputTotals, Shape, BLOCK, REFUSE};
use super::hearing::equal_counts;
use super::timeline::Moment;

/// Until then an output may not have agreed on a version, seconds.
const AGREED: f64 = 10.0;

/// A segment of the sending application's.
#[derive(Debug)]
pub struct Said {
    /// Of each part: its first picture and its shape.
    pub parts: Vec<(u64, Shape)>,
    pub begun_at: f64,
    /// Where its output is in [`Sending::outputs`].
    pub output: usize,
    /// How many frames were sent, how it ended and when. None: the process was killed before.
    pub ended: Option<(u64, How, f64)>,
    /// It ended by a clear, or a later clear was about it as well.
    pub cleared: bool,
}

/// A playback-finished that an output told.
#[derive(Debug)]
pub struct Finish {
    /// The output's number.
    pub segment: u64,
    pub position: u64,
    pub interrupted: bool,
    pub made_up: bool,
    pub at: f64,
    pub line: String,
}

#[derive(Debug, Default)]
pub struct Output {
    policy: i32,
    first_id: u64,
    pub opened_at: f64,
    /// None: the process was killed before, or the output is in use.
    pub closing_at: Option<f64>,
    pub totals: Option<OutputTotals>,
    pub finishes: Vec<Finish>,
    /// When each part of a segment began.
    pub parts_at: Vec<f64>,
    pub clears_at: Vec<f64>,
    /// Segments of the application up to the first are in segments of the output up to the second, and no later one is.
    pub sent: Vec<(u64, u64)>,
    finished: BTreeSet<u64>,
    playing: BTreeSet<u64>,
    last_position: u64,
}

impl Output {
    /// Whether it was made after this segment.
    pub fn begins_after(&self, id: u64) -> bool {
        self.first_id > id
    }

    /// It drops nothing by its policy.
    pub fn drops_nothing(&self) -> bool {
        self.policy == BLOCK
    }

    /// Whether this segment of the application may be that one of the output.
    pub fn may_be(&self, id: u64, segment: u64) -> bool {
        self.sent.iter().all(|(sent, segments)| (id <= *sent) == (segment <= *segments))
    }
}

#[derive(Debug, Default)]
pub struct Sending {
    pub newest_id: u64,
    pub said: BTreeMap<u64, Said>,
    pub outputs: Vec<Output>,
    pub flushed: u64,
    pub cleared: u64,
    pub started: u64,
    pub resumed: u64,
    pub reported: u64,
    pub made_up: u64,
    pub unmatched: u64,
    pub sent: u64,
}

impl Sending {
    /// Says what promise the event breaks.
    pub fn take(&mut self, event: &Event, moment: Moment<'_>) -> Result<(), String> {
        if let Event::Output { policy, .. } = event {
            let first_id = self.newest_id + 1;
            self.outputs.push(Output { policy: *policy, first_id, opened_at: moment.at, ..Output::default() });
            return Ok(());
        }
        let index = self.outputs.len().saturating_sub(1);
        let Some(output) = self.outputs.last_mut() else { return Ok(()) };
        match event {
            Event::Part { id, part, first, shape } => {
                output.parts_at.push(moment.at);
                self.newest_id = *id;
                let new =
                    || Said { parts: Vec::new(), begun_at: moment.at, output: index, ended: None, cleared: false };
                let said = self.said.entry(*id).or_insert_with(new);
                said.parts.push((*first, *shape));
                (said.parts.len() as u64 == part + 1).then_some(()).ok_or_else(|| "a part is missing".into())
            }
            Event::Ended { id, frames, how } => {
                if *how == How::Clear {
                    self.clear(index, moment.at);
                }
                self.flushed += u64::from(*how == How::Flush);
                if let Some(said) = self.said.get_mut(id) {
                    said.ended = Some((*frames, *how, moment.at));
                }
                Ok(())
            }
            Event::Clear => {
                self.clear(index, moment.at);
                Ok(())
            }
            Event::Sent { id, segments } => {
                output.sent.push((*id, *segments));
                Ok(())
            }
            Event::Playing { segment } => {
                let wrong = output.finished.contains(segment) || !output.playing.insert(*segment);
                (!wrong).then_some(()).ok_or_else(|| format!("segment {segment} plays again, or after its finish"))
            }
            Event::Finished { segment, position, interrupted, made_up } => {
                let (position, interrupted, made_up) = (*position, *interrupted, *made_up);
                *(if made_up { &mut self.made_up } else { &mut self.reported }) += 1;
                let line = moment.line.to_owned();
                output.finish(Finish { segment: *segment, position, interrupted, made_up, at: moment.at, line })
            }
            Event::Closing => {
                output.closing_at = Some(moment.at);
                Ok(())
            }
            Event::OutputClosed(totals) => {
                output.totals = Some(*totals);
                let outcome = output.check(totals);
                self.started += totals.started;
                self.resumed += totals.resumed;
                self.unmatched += totals.unmatched;
                self.sent += totals.sent;
                outcome
            }
            _ => Ok(()),
        }
    }

    /// Whether an output that was made after this segment has begun with a clear in this time.
    pub fn was_cleared_anew(&self, id: u64, from: f64, to: f64) -> bool {
        self.outputs.iter().filter(|output| output.begins_after(id)).any(|output| {
            let at = output.clears_at.first().copied();
            at.is_some_and(|at| at >= from && at <= to && at <= output.opened_at + AGREED)
        })
    }

    /// Everything of this output until now.
    fn clear(&mut self, index: usize, at: f64) {
        self.cleared += 1;
        let output = &mut self.outputs[index];
        output.clears_at.push(at);
        self.said.range_mut(output.first_id..).for_each(|(_, said)| said.cleared = true);
    }
}

impl Output {
    fn finish(&mut self, finish: Finish) -> Result<(), String> {
        let Finish { segment, position, interrupted, made_up, .. } = finish;
        self.finishes.push(finish);
        if !self.finished.insert(segment) {
            return Err(format!("segment {segment} is finished again"));
        }
        // The last position that was told; that of a destination that left is forgotten.
        if made_up && (!interrupted || (position != 0 && position != self.last_position)) {
            return Err("made up, but not interrupted at the last position".into());
        }
        if !made_up {
            self.last_position = position;
        }
        Ok(())
    }

    fn check(&self, totals: &OutputTotals) -> Result<(), String> {
        let told = self.finished.len() as u64;
        let refused = if self.policy == REFUSE { totals.turned_away } else { 0 };
        equal_counts(&[
            ("segments started and ended", totals.started, totals.ended),
            ("segments started and finished", totals.started, totals.finished),
            ("segments finished and told", totals.finished, told),
            ("the last segment and the last finished", totals.started, self.finished.last().copied().unwrap_or(0)),
            ("frames taken as the calls say and as is counted", totals.taken, totals.accepted),
            ("frames taken and accounted for", totals.accepted, totals.sent + totals.dropped + totals.queued),
            ("frames refused as the calls say and as is counted", refused, totals.refused),
            ("frames refused and their causes", totals.refused, totals.refused_causes),
            ("events dropped and none", totals.events_dropped, 0),
            ("pictures lent and given back", totals.lent, totals.returned),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Moment<'static> = Moment { at: 1.0, line: "" };
    const OUTPUT: Event = Event::Output { output: 1, policy: 0 };

    fn finished(segment: u64, position: u64, made_up: bool) -> Event {
        Event::Finished { segment, position, interrupted: made_up, made_up }
    }

    fn closed(started: u64, sent: u64) -> Event {
        let (ended, finished, lent, returned) = (started, started, 4, 4);
        let totals = OutputTotals { started, ended, finished, taken: 9, accepted: 9, sent, ..OutputTotals::default() };
        Event::OutputClosed(OutputTotals { lent, returned, ..totals })
    }

    /// What is broken, event by event.
    fn broken(events: &[Event]) -> Vec<String> {
        let mut sending = Sending::default();
        events.iter().filter_map(|event| sending.take(event, NOW).err()).collect()
    }

    #[test]
    fn one_finish_for_each_segment_breaks_nothing() {
        let events = [OUTPUT, finished(2, 5, false), finished(1, 4, false), finished(3, 4, true), closed(3, 9), OUTPUT];
        assert_eq!(broken(&events), [""; 0]);
    }

    #[test]
    fn a_missing_and_a_second_finish_are_found() {
        assert_eq!(broken(&[OUTPUT, finished(1, 5, false), closed(2, 9)]).len(), 1);
        assert_eq!(broken(&[OUTPUT, finished(1, 5, false), finished(1, 5, true)]).len(), 1);
        assert_eq!(broken(&[OUTPUT, finished(2, 5, false), closed(1, 9)]).len(), 1);
    }

    #[test]
    fn frames_that_nothing_accounts_for_are_found() {
        assert_eq!(broken(&[OUTPUT, closed(0, 8)]).len(), 1);
    }

    #[test]
    fn a_segment_plays_once_and_before_its_finish() {
        let playing = Event::Playing { segment: 1 };
        assert_eq!(broken(&[OUTPUT, playing.clone(), finished(1, 5, false)]).len(), 0);
        assert_eq!(broken(&[OUTPUT, playing.clone(), playing.clone()]).len(), 1);
        assert_eq!(broken(&[OUTPUT, finished(1, 5, false), playing]).len(), 1);
    }

    #[test]
    fn a_clear_is_about_all_of_its_output() {
        let shape = Shape { pixels: 0, width: 64, height: 48 };
        let part = |id| Event::Part { id, part: 0, first: 0, shape };
        let mut sending = Sending::default();
        for event in [OUTPUT, part(1), OUTPUT, part(2), part(3), Event::Clear, part(4)] {
            sending.take(&event, NOW).unwrap();
        }
        assert_eq!(sending.said.values().map(|said| said.cleared).collect::<Vec<_>>(), [false, true, true, false]);
    }
}
