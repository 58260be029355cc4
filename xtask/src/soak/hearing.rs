// SPDX-License-Identifier: Apache-2.0
//! What the receiving side heard, checked as it comes: segments one after the other, each with one start and one end, and
//! in between whole frames in order. What only the sender can confirm is collected in [`Heard`] and [`Notice`].

use std::collections::BTreeMap;

use super::event::{Event, ReceiverTotals, Shape, CAUSES, CLEARED};
use super::timeline::Moment;

/// A segment that ended at the receiver.
#[derive(Debug)]
pub struct Heard {
    /// The sending application's segment and the part of it that came first; none if no frame was delivered.
    pub begins: Option<(u64, u64)>,
    /// Of the wire, if a frame was delivered.
    pub version: Option<u8>,
    /// As its start says.
    pub shape: Shape,
    pub cause: i32,
    /// The picture that is frame 0 of this segment: not the first one, if the segment went on after a loss.
    pub base: u64,
    /// Frames that arrived.
    pub frames: u64,
    /// Frames that were sent and did not arrive.
    pub lost: u64,
    /// Pictures that are missing between its frames.
    pub gaps: u64,
    pub started_at: f64,
    pub ended_at: f64,
    /// The line of its end.
    pub line: String,
}

/// A playback-finished that the receiving application sent.
#[derive(Clone, Debug)]
pub struct Notice {
    /// Counts receivers over all processes.
    pub receiver: u64,
    /// The receiver's number.
    pub segment: u64,
    /// The sending application's segment, and the version of the wire; none if no frame was delivered.
    pub of: Option<(u64, u8)>,
    pub interrupted: bool,
    /// `LKV_ANSWER_*`.
    pub answer: Option<i32>,
    pub line: String,
}

#[derive(Debug)]
struct Open {
    segment: u64,
    shape: Shape,
    begins: Option<(u64, u64)>,
    version: Option<u8>,
    base: u64,
    next_number: u64,
    next_picture: u64,
    gaps: u64,
    started_at: f64,
    /// The application was told that it is void.
    cleared: bool,
}

#[derive(Debug, Default)]
pub struct Hearing {
    /// Of the receiver in use.
    last_segment: u64,
    told: u64,
    lost: u64,
    closing: bool,
    open: Option<Open>,
    /// A clear was told, and no segment has ended otherwise since.
    clear_told: bool,
    /// Segment id and number of the newest picture of all.
    pub newest: Option<(u64, u64)>,
    pub heard: Vec<Heard>,
    /// By position, of which none is told twice.
    pub notices: BTreeMap<u64, Notice>,
    pub started: u64,
    pub frames: u64,
    /// Ends by cause.
    pub causes: BTreeMap<&'static str, u64>,
    /// Segments whose process was killed before they ended.
    pub killed: u64,
    pub receivers: u64,
    pub resumed: u64,
    pub chunks_lost: u64,
    pub frames_lost: u64,
}

impl Hearing {
    /// The process before was killed, or has ended by itself.
    pub fn new_process(&mut self) {
        self.killed += u64::from(self.open.take().is_some());
        self.last_segment = 0;
        self.clear_told = false;
    }

    /// Says what promise the event breaks.
    pub fn take(&mut self, event: &Event, moment: Moment<'_>) -> Result<(), String> {
        match event {
            Event::Receiver { .. } => self.receiver(),
            Event::Start { segment, shape } => self.start(*segment, *shape, moment.at),
            Event::Frame { segment, number, lost, id, picture, part, version } => {
                self.frame((*segment, *number, *lost), (*id, *picture, *part), *version)
            }
            Event::Cleared => {
                self.clear_told = true;
                if let Some(open) = &mut self.open {
                    open.cleared = true;
                }
                Ok(())
            }
            Event::End { segment, cause, frames, lost } => self.end((*segment, *cause, *frames, *lost), moment),
            Event::Notify { segment, position, interrupted } => self.notify(*segment, *position, *interrupted, moment),
            Event::Notified { position, answer } => {
                let notice = self.notices.get_mut(position).ok_or("the answer to what was not told")?;
                let again = notice.answer.replace(*answer).is_some();
                (!again).then_some(()).ok_or_else(|| "a second answer".into())
            }
            Event::Closing => {
                self.closing = true;
                Ok(())
            }
            Event::ReceiverClosed(totals) => self.closed(totals),
            Event::Damaged => Err("a frame is not what was sent".into()),
            _ => Ok(()),
        }
    }

    fn receiver(&mut self) -> Result<(), String> {
        self.receivers += 1;
        (self.last_segment, self.told, self.lost) = (0, 0, 0);
        (self.clear_told, self.closing) = (false, false);
        match self.open.take() {
            Some(open) => Err(format!("segment {} has no end, and the next receiver is there", open.segment)),
            None => Ok(()),
        }
    }

    fn start(&mut self, segment: u64, shape: Shape, started_at: f64) -> Result<(), String> {
        self.started += 1;
        let (before, expected) = (self.open.take(), self.last_segment + 1);
        self.last_segment = segment;
        self.open = Some(Open {
            segment,
            shape,
            begins: None,
            version: None,
            base: 0,
            next_number: 0,
            next_picture: 0,
            gaps: 0,
            started_at,
            cleared: false,
        });
        match before {
            Some(open) => Err(format!("segment {} has no end, and the next one starts", open.segment)),
            None if segment != expected => Err(format!("segment {segment} starts where {expected} is next")),
            None => Ok(()),
        }
    }

    fn frame(&mut self, place: (u64, u64, u64), picture: (u64, u64, u64), version: u8) -> Result<(), String> {
        let (segment, number, lost) = place;
        let (id, picture, part) = picture;
        self.frames += 1;
        self.told += 1;
        let newer = self.newest.is_none_or(|newest| (id, picture) > newest);
        self.newest = Some((id, picture));
        let Some(open) = self.open.as_mut().filter(|open| open.segment == segment) else {
            return Err(format!("a frame of segment {segment}, which is not open"));
        };
        let expected = open.next_number + lost;
        open.next_number = number + 1;
        let (first_id, first_part) = *open.begins.get_or_insert((id, part));
        let first_version = *open.version.get_or_insert(version);
        if number == lost {
            open.base = picture.saturating_sub(number);
        } else {
            open.gaps += picture.saturating_sub(open.next_picture + lost);
        }
        open.next_picture = picture + 1;
        if open.cleared {
            return Err("a frame after the clear".into());
        }
        if number != expected {
            return Err(format!("frame {number} where {expected} is next"));
        }
        if id != first_id || (version == 0 && part != first_part) {
            return Err(format!("a picture of segment {id}, part {part}, in one of {first_id}, part {first_part}"));
        }
        if version != first_version {
            return Err(format!("a frame of version {version} in a segment of version {first_version}"));
        }
        newer.then_some(()).ok_or_else(|| "a picture again, or an old one after a newer".into())
    }

    fn end(&mut self, end: (u64, i32, u64, u64), moment: Moment<'_>) -> Result<(), String> {
        let (segment, cause, frames, lost) = end;
        let name = usize::try_from(cause).ok().and_then(|cause| CAUSES.get(cause)).copied();
        let Some(name) = name.filter(|_| cause > 0) else { return Err(format!("cause {cause} is none")) };
        *self.causes.entry(name).or_default() += 1;
        self.lost += lost;
        let Some(open) = self.open.take().filter(|open| open.segment == segment) else {
            return Err(format!("segment {segment} ends, which is not open"));
        };
        let clear_told = self.clear_told;
        self.clear_told &= cause == CLEARED;
        self.heard.push(Heard {
            begins: open.begins,
            version: open.version,
            shape: open.shape,
            cause,
            base: open.base,
            frames,
            lost,
            gaps: open.gaps,
            started_at: open.started_at,
            ended_at: moment.at,
            line: moment.line.to_owned(),
        });
        if cause == CLEARED && !clear_told {
            return Err("an end by a clear that was not told".into());
        }
        if open.cleared && cause != CLEARED {
            return Err(format!("a cleared segment ends as {name}"));
        }
        if frames + lost < open.next_number {
            return Err(format!("frame {} came, the end says {frames} and {lost} lost", open.next_number - 1));
        }
        Ok(())
    }

    /// It follows the segment's end.
    fn notify(&mut self, segment: u64, position: u64, interrupted: bool, moment: Moment<'_>) -> Result<(), String> {
        let of = self.heard.last().and_then(|heard| Some((heard.begins?.0, heard.version?)));
        let (receiver, line) = (self.receivers, moment.line.to_owned());
        let notice = Notice { receiver, segment, of, interrupted, answer: None, line };
        let again = self.notices.insert(position, notice).is_some();
        (!again).then_some(()).ok_or_else(|| format!("position {position} is told again"))
    }

    fn closed(&mut self, totals: &ReceiverTotals) -> Result<(), String> {
        self.resumed += totals.resumed;
        self.chunks_lost += totals.chunks_lost;
        self.frames_lost += totals.frames_lost;
        if let Some(open) = self.open.take() {
            return Err(format!("segment {} has no end, and its receiver is closed", open.segment));
        }
        let kept = totals.delivered + totals.dropped + totals.queued;
        let equal = [
            ("segments started and ended", totals.started, totals.ended),
            ("segments started and told", totals.started, self.last_segment),
            ("frames that arrived and that are accounted for", totals.received, kept),
            ("frames delivered and told", totals.delivered, totals.told),
            ("frames delivered and seen here", totals.delivered, self.told),
            ("lost frames in all and at the ends", totals.frames_lost, self.lost),
            ("streams refused and their causes", totals.refused, totals.refused_causes),
            ("streams and chunks that nobody of ours sends, and none", totals.misread, 0),
        ];
        equal_counts(&equal)
    }
}

/// Says which of these do not agree.
pub fn equal_counts(counts: &[(&str, u64, u64)]) -> Result<(), String> {
    let wrong: Vec<_> = counts.iter().filter(|(_, a, b)| a != b).collect();
    let text = wrong.iter().map(|(what, a, b)| format!("{what}: {a}, {b}")).collect::<Vec<_>>().join("; ");
    wrong.is_empty().then_some(()).ok_or(text)
}

#[cfg(test)]
mod tests {
    use super::super::event::FLUSHED;
    use super::*;

    const SHAPE: Shape = Shape { pixels: 0, width: 64, height: 48 };
    const NOW: Moment<'static> = Moment { at: 1.0, line: "" };

    fn start(segment: u64) -> Event {
        Event::Start { segment, shape: SHAPE }
    }

    fn frame(segment: u64, number: u64, lost: u64, picture: (u64, u64)) -> Event {
        Event::Frame { segment, number, lost, id: picture.0, picture: picture.1, part: 0, version: 1 }
    }

    fn end(segment: u64, cause: i32, frames: u64) -> Event {
        Event::End { segment, cause, frames, lost: 0 }
    }

    /// What is broken, event by event.
    fn broken(events: &[Event]) -> Vec<String> {
        let mut hearing = Hearing::default();
        events.iter().filter_map(|event| hearing.take(event, NOW).err()).collect()
    }

    #[test]
    fn segments_in_order_break_nothing() {
        let events = [
            start(1),
            frame(1, 0, 0, (7, 0)),
            frame(1, 2, 1, (7, 2)),
            end(1, FLUSHED, 3),
            start(2),
            frame(2, 0, 0, (8, 0)),
            Event::Cleared,
            end(2, CLEARED, 4),
        ];
        assert_eq!(broken(&events), [""; 0]);
    }

    #[test]
    fn a_start_without_an_end_is_found() {
        assert_eq!(broken(&[start(1), start(2)]).len(), 1);
        assert_eq!(broken(&[start(1), Event::Receiver { receiver: 2 }]).len(), 1);
        let closed = Event::ReceiverClosed(ReceiverTotals { started: 1, ended: 1, ..Default::default() });
        assert_eq!(broken(&[start(1), closed]).len(), 1);
    }

    #[test]
    fn a_second_end_and_an_end_without_a_cause_are_found() {
        assert_eq!(broken(&[start(1), end(1, FLUSHED, 0), end(1, FLUSHED, 0)]).len(), 1);
        assert_eq!(broken(&[start(1), end(1, 0, 0)]).len(), 1);
    }

    #[test]
    fn frames_out_of_order_twice_or_of_another_segment_are_found() {
        let first = [start(1), frame(1, 0, 0, (7, 3))];
        for wrong in [frame(1, 0, 0, (7, 4)), frame(1, 1, 0, (7, 3)), frame(1, 1, 0, (8, 0)), frame(2, 0, 0, (8, 0))] {
            assert_eq!(broken(&[first.as_slice(), &[wrong]].concat()).len(), 1);
        }
    }

    #[test]
    fn a_shape_changes_within_a_segment_of_version_1_only() {
        let changes = |version| {
            let frame =
                |number, part| Event::Frame { segment: 1, number, lost: 0, id: 7, picture: number, part, version };
            broken(&[start(1), frame(0, 0), frame(1, 1)]).len()
        };
        assert_eq!((changes(1), changes(0)), (0, 1));
    }

    #[test]
    fn a_frame_after_a_clear_and_another_end_than_cleared_are_found() {
        assert_eq!(broken(&[start(1), Event::Cleared, frame(1, 0, 0, (7, 0))]).len(), 1);
        assert_eq!(broken(&[start(1), Event::Cleared, end(1, FLUSHED, 0)]).len(), 1);
        assert_eq!(broken(&[start(1), end(1, CLEARED, 0)]).len(), 1);
    }

    #[test]
    fn counters_that_do_not_agree_are_found() {
        let frames = ReceiverTotals { received: 5, delivered: 3, told: 3, dropped: 1, ..Default::default() };
        assert_eq!(broken(&[Event::ReceiverClosed(frames)]).len(), 1);
        let refused = ReceiverTotals { misread: 1, ..Default::default() };
        assert_eq!(broken(&[Event::ReceiverClosed(refused)]).len(), 1);
    }
}
