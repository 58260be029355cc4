// SPDX-License-Identifier: Apache-2.0
//! What the sending side did and was told, checked as it comes: each segment that an output started gets exactly one
//! playback-finished. What only the receiver can confirm is collected in [`Said`] and in the reports.

use std::collections::BTreeMap;

use super::event::{Event, How, Shape};
use super::wire::Promises;

/// A segment of the sending application's.
#[derive(Debug)]
pub struct Said {
    pub shape: Shape,
    /// The output drops nothing by its policy.
    pub all_sent: bool,
    /// How many frames were sent and how it ended. None: the process was killed before.
    pub ended: Option<(u64, How)>,
}

/// A playback-finished that the receiver sent.
#[derive(Debug)]
pub struct Report {
    pub position: u64,
    pub interrupted: bool,
    pub line: String,
}

#[derive(Debug)]
pub struct Sending {
    promises: Promises,
    policy: i32,
    /// Of the output in use.
    finished: u64,
    first_id: u64,
    last_position: u64,
    pub newest_id: u64,
    pub said: BTreeMap<u64, Said>,
    pub reports: Vec<Report>,
    pub outputs: u64,
    pub flushed: u64,
    pub cleared: u64,
    pub started: u64,
    pub made_up: u64,
    pub unmatched: u64,
    pub sent: u64,
}

impl Sending {
    pub fn new(promises: Promises) -> Self {
        Self {
            promises,
            policy: 0,
            finished: 0,
            first_id: 0,
            last_position: 0,
            newest_id: 0,
            said: BTreeMap::new(),
            reports: Vec::new(),
            outputs: 0,
            flushed: 0,
            cleared: 0,
            started: 0,
            made_up: 0,
            unmatched: 0,
            sent: 0,
        }
    }

    /// Says what promise the event breaks.
    pub fn take(&mut self, event: &Event, line: &str) -> Result<(), String> {
        match event {
            Event::Output { policy, .. } => {
                self.outputs += 1;
                self.policy = *policy;
                (self.finished, self.first_id) = (0, self.newest_id + 1);
                Ok(())
            }
            Event::Begin { id, shape } => {
                let all_sent = self.policy == super::event::BLOCK;
                self.newest_id = *id;
                self.said.insert(*id, Said { shape: *shape, all_sent, ended: None });
                Ok(())
            }
            Event::Ended { id, frames, how } => {
                self.flushed += u64::from(*how == How::Flush);
                self.cleared += u64::from(*how == How::Clear);
                if let Some(said) = self.said.get_mut(id) {
                    said.ended = Some((*frames, *how));
                }
                Ok(())
            }
            Event::Finished { segment, position, interrupted, made_up } => self.finished(
                *segment,
                *made_up,
                Report { position: *position, interrupted: *interrupted, line: line.to_owned() },
            ),
            Event::OutputClosed { .. } => self.closed(event),
            _ => Ok(()),
        }
    }

    fn finished(&mut self, segment: u64, made_up: bool, report: Report) -> Result<(), String> {
        let expected = self.finished + 1;
        self.finished = segment;
        let (position, interrupted) = (report.position, report.interrupted);
        let mut wrong = None;
        if segment != expected {
            wrong = Some(format!("segment {segment} is finished where {expected} is next"));
        }
        if made_up {
            self.made_up += 1;
            // The last position that was told; that of a destination that left is forgotten.
            if !interrupted || (position != 0 && position != self.last_position) {
                wrong = Some("made up, but not interrupted at the last position".into());
            }
        } else {
            if position < self.last_position {
                wrong = Some(format!("position {position} after {}", self.last_position));
            }
            if self.promises.finishes_name_their_segment && position < self.first_id {
                wrong = Some(format!("the report of another output, whose segments ended before {}", self.first_id));
            }
            self.last_position = position;
            self.reports.push(report);
        }
        wrong.map_or(Ok(()), Err)
    }

    fn closed(&mut self, event: &Event) -> Result<(), String> {
        let Event::OutputClosed {
            started,
            ended,
            accepted,
            accounted,
            sent,
            unmatched,
            events_dropped,
            lent,
            returned,
        } = *event
        else {
            return Ok(());
        };
        self.started += started;
        self.unmatched += unmatched;
        self.sent += sent;
        let check = |holds: bool, what: String| holds.then_some(()).ok_or(what);
        check(started == self.finished, format!("{started} segments started, {} were finished", self.finished))?;
        check(started == ended, format!("{started} segments started, {ended} ended"))?;
        check(accepted == accounted, format!("{accepted} frames were taken, {accounted} are accounted for"))?;
        check(events_dropped == 0, format!("{events_dropped} events were dropped"))?;
        check(lent == returned, format!("{lent} pictures were lent, {returned} came back"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::wire::PROMISES;
    use super::*;

    fn finished(segment: u64, position: u64, made_up: bool) -> Event {
        Event::Finished { segment, position, interrupted: made_up, made_up }
    }

    fn closed(started: u64, accounted: u64) -> Event {
        Event::OutputClosed {
            started,
            ended: started,
            accepted: 9,
            accounted,
            sent: 9,
            unmatched: 0,
            events_dropped: 0,
            lent: 4,
            returned: 4,
        }
    }

    /// What is broken, event by event.
    fn broken(events: &[Event]) -> Vec<String> {
        let mut sending = Sending::new(PROMISES);
        events.iter().filter_map(|event| sending.take(event, "").err()).collect()
    }

    #[test]
    fn one_finish_for_each_segment_breaks_nothing() {
        let output = Event::Output { output: 1, policy: 0 };
        let events = [finished(1, 5, false), finished(2, 5, true), finished(3, 0, true), closed(3, 9), output];
        assert_eq!(broken(&events), [""; 0]);
    }

    #[test]
    fn a_missing_and_a_second_finish_are_found() {
        assert_eq!(broken(&[finished(1, 5, false), closed(2, 9)]).len(), 1);
        assert_eq!(broken(&[finished(1, 5, false), finished(1, 5, true)]).len(), 1);
    }

    #[test]
    fn frames_that_nothing_accounts_for_are_found() {
        assert_eq!(broken(&[closed(0, 8)]).len(), 1);
    }
}
