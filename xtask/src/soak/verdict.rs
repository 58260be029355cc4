// SPDX-License-Identifier: Apache-2.0
//! Both sides together: what the receiver heard has to be what the sender said, and the playback-finished that the sender
//! was told have to be those that the receiver sent.

use super::event::How;
use super::hearing::{Heard, Hearing};
use super::sending::{Said, Sending};

/// A promise that was broken, and the line of the log that shows it.
pub struct Broken {
    pub what: String,
    pub line: String,
}

/// Everything that neither log shows alone. For the end of a run, when all lines are there.
pub fn compare(sending: &Sending, hearing: &Hearing) -> Vec<Broken> {
    let segments = hearing.heard.iter().filter_map(|heard| {
        let what = match sending.said.get(&heard.id?) {
            Some(said) => compare_segment(said, heard)?,
            None => "nobody sent it".to_owned(),
        };
        Some(Broken { what, line: heard.line.clone() })
    });
    let mut left = hearing.notified.clone();
    let reports = sending.reports.iter().filter_map(|report| {
        let left = left.entry((report.position, report.interrupted)).or_default();
        match left.checked_sub(1) {
            Some(fewer) => {
                *left = fewer;
                None
            }
            None => Some(Broken { what: "the receiver did not report this".to_owned(), line: report.line.clone() }),
        }
    });
    segments.chain(reports).collect()
}

fn compare_segment(said: &Said, heard: &Heard) -> Option<String> {
    if said.shape != heard.shape {
        return Some(format!("it was sent as {:?}, and came as {:?}", said.shape, heard.shape));
    }
    if said.all_sent && heard.gaps > 0 {
        return Some(format!("{} pictures are missing inside", heard.gaps));
    }
    let Some((frames, how)) = said.ended else {
        return heard.flushed.then(|| "flushed, and its sender did not end it".to_owned());
    };
    if heard.base + heard.frames > frames {
        return Some(format!("{frames} frames were sent, {} came from frame {} on", heard.frames, heard.base));
    }
    if heard.flushed && how == How::Clear {
        return Some("flushed, and its sender cleared it".to_owned());
    }
    if heard.flushed && said.all_sent && heard.base + heard.frames < frames {
        return Some(format!("flushed, and {} of {frames} frames came", heard.base + heard.frames));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::event::{Event, Shape};
    use super::super::wire::PROMISES;
    use super::*;

    const SHAPE: Shape = Shape { pixels: 0, width: 64, height: 48 };

    fn count_broken(how: How, frames_sent: u64, heard_events: &[Event]) -> usize {
        let mut sending = Sending::new(PROMISES);
        let mut hearing = Hearing::default();
        let said = [
            Event::Output { output: 1, policy: 0 },
            Event::Begin { id: 7, shape: SHAPE },
            Event::Ended { id: 7, frames: frames_sent, how },
        ];
        said.iter().for_each(|event| sending.take(event, "").unwrap());
        heard_events.iter().for_each(|event| hearing.take(event, "").unwrap());
        compare(&sending, &hearing).len()
    }

    fn segment(cause: i32) -> [Event; 4] {
        [
            Event::Start { segment: 1, shape: SHAPE },
            Event::Frame { segment: 1, number: 0, lost: 0, id: 7, picture: 0 },
            Event::Frame { segment: 1, number: 2, lost: 1, id: 7, picture: 2 },
            Event::End { segment: 1, cause, frames: 3 },
        ]
    }

    #[test]
    fn a_flushed_segment_is_whole() {
        assert_eq!(count_broken(How::Flush, 3, &segment(1)), 0);
        assert_eq!(count_broken(How::Flush, 4, &segment(1)), 1);
        assert_eq!(count_broken(How::Flush, 4, &segment(3)), 0);
    }

    #[test]
    fn a_cleared_segment_is_not_flushed() {
        assert_eq!(count_broken(How::Clear, 3, &segment(1)), 1);
        assert_eq!(count_broken(How::Clear, 3, &segment(3)), 0);
    }

    #[test]
    fn a_picture_that_is_missing_inside_is_found() {
        let mut events = segment(3);
        events[2] = Event::Frame { segment: 1, number: 2, lost: 1, id: 7, picture: 3 };
        assert_eq!(count_broken(How::Flush, 9, &events), 1);
    }

    #[test]
    fn a_report_that_was_never_sent_is_found() {
        let mut sending = Sending::new(PROMISES);
        let finished = Event::Finished { segment: 1, position: 7, interrupted: false, made_up: false };
        sending.take(&finished, "").unwrap();
        let mut hearing = Hearing::default();
        assert_eq!(compare(&sending, &hearing).len(), 1);
        hearing.take(&Event::Notify { position: 7, interrupted: false }, "").unwrap();
        assert_eq!(compare(&sending, &hearing).len(), 0);
    }
}
