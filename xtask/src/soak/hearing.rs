// SPDX-License-Identifier: Apache-2.0
//! What the receiving side heard, checked as it comes: segments one after the other, each with one start and one end, and
//! in between whole frames in order. What only the sender can confirm is collected in [`Heard`].

use std::collections::BTreeMap;

use super::event::{Event, Shape, CAUSES, CLEARED, FLUSHED};

/// A segment that ended at the receiver.
#[derive(Debug)]
pub struct Heard {
    /// The sending application's; none if no frame was delivered.
    pub id: Option<u64>,
    pub shape: Shape,
    pub flushed: bool,
    /// The picture that is frame 0 of this segment: not the first one, if the segment went on after a loss.
    pub base: u64,
    /// Frames that arrived.
    pub frames: u64,
    /// Pictures that are missing between its frames.
    pub gaps: u64,
    /// The line of its end.
    pub line: String,
}

#[derive(Debug)]
struct Open {
    segment: u64,
    shape: Shape,
    id: Option<u64>,
    base: u64,
    next_number: u64,
    next_picture: u64,
    gaps: u64,
    /// The application was told that it is void.
    cleared: bool,
}

#[derive(Debug, Default)]
pub struct Hearing {
    /// Of the receiver in use.
    last_segment: u64,
    open: Option<Open>,
    /// A clear was told, and no segment has ended otherwise since.
    clear_told: bool,
    /// Segment id and number of the newest picture of all.
    pub newest: Option<(u64, u64)>,
    pub heard: Vec<Heard>,
    /// Playback-finished, by position and whether interrupted: how often it was told.
    pub notified: BTreeMap<(u64, bool), u64>,
    pub started: u64,
    pub frames: u64,
    /// Ends by cause.
    pub causes: BTreeMap<&'static str, u64>,
    /// Segments whose process was killed before they ended.
    pub killed: u64,
    pub receivers: u64,
    pub chunks_lost: u64,
}

impl Hearing {
    /// The process before was killed, or has ended by itself.
    pub fn new_process(&mut self) {
        self.killed += u64::from(self.open.take().is_some());
        self.last_segment = 0;
        self.clear_told = false;
    }

    /// Says what promise the event breaks.
    pub fn take(&mut self, event: &Event, line: &str) -> Result<(), String> {
        match event {
            Event::Receiver { .. } => self.receiver(),
            Event::Start { segment, shape } => self.start(*segment, *shape),
            Event::Frame { segment, number, lost, id, picture } => {
                self.frame((*segment, *number, *lost), (*id, *picture))
            }
            Event::Cleared => {
                self.clear_told = true;
                if let Some(open) = &mut self.open {
                    open.cleared = true;
                }
                Ok(())
            }
            Event::End { segment, cause, frames } => self.end((*segment, *cause, *frames), line),
            Event::Notify { position, interrupted } => {
                *self.notified.entry((*position, *interrupted)).or_default() += 1;
                Ok(())
            }
            Event::ReceiverClosed { started, ended, received, accounted, chunks_lost } => {
                self.chunks_lost += chunks_lost;
                self.closed((*started, *ended), (*received, *accounted))
            }
            Event::Damaged => Err("a frame is not what was sent".into()),
            _ => Ok(()),
        }
    }

    fn receiver(&mut self) -> Result<(), String> {
        self.receivers += 1;
        self.last_segment = 0;
        self.clear_told = false;
        match self.open.take() {
            Some(open) => Err(format!("segment {} has no end, and the next receiver is there", open.segment)),
            None => Ok(()),
        }
    }

    fn start(&mut self, segment: u64, shape: Shape) -> Result<(), String> {
        self.started += 1;
        let (before, expected) = (self.open.take(), self.last_segment + 1);
        self.last_segment = segment;
        self.open =
            Some(Open { segment, shape, id: None, base: 0, next_number: 0, next_picture: 0, gaps: 0, cleared: false });
        match before {
            Some(open) => Err(format!("segment {} has no end, and the next one starts", open.segment)),
            None if segment != expected => Err(format!("segment {segment} starts where {expected} is next")),
            None => Ok(()),
        }
    }

    fn frame(&mut self, place: (u64, u64, u64), picture: (u64, u64)) -> Result<(), String> {
        let (segment, number, lost) = place;
        self.frames += 1;
        let newer = self.newest.is_none_or(|newest| picture > newest);
        self.newest = Some(picture);
        let Some(open) = self.open.as_mut().filter(|open| open.segment == segment) else {
            return Err(format!("a frame of segment {segment}, which is not open"));
        };
        let expected = open.next_number + lost;
        open.next_number = number + 1;
        let id = *open.id.get_or_insert(picture.0);
        if number == lost {
            open.base = picture.1.saturating_sub(number);
        } else {
            open.gaps += picture.1.saturating_sub(open.next_picture + lost);
        }
        open.next_picture = picture.1 + 1;
        if open.cleared {
            return Err("a frame after the clear".into());
        }
        if number != expected {
            return Err(format!("frame {number} where {expected} is next"));
        }
        if id != picture.0 {
            return Err(format!("a picture of segment {} in one of {id}", picture.0));
        }
        newer.then_some(()).ok_or_else(|| "a picture again, or an old one after a newer".into())
    }

    fn end(&mut self, end: (u64, i32, u64), line: &str) -> Result<(), String> {
        let (segment, cause, frames) = end;
        let name = usize::try_from(cause).ok().and_then(|cause| CAUSES.get(cause)).copied();
        let Some(name) = name.filter(|_| cause > 0) else { return Err(format!("cause {cause} is none")) };
        *self.causes.entry(name).or_default() += 1;
        let Some(open) = self.open.take().filter(|open| open.segment == segment) else {
            return Err(format!("segment {segment} ends, which is not open"));
        };
        let clear_told = self.clear_told;
        self.clear_told &= cause == CLEARED;
        self.heard.push(Heard {
            id: open.id,
            shape: open.shape,
            flushed: cause == FLUSHED,
            base: open.base,
            frames,
            gaps: open.gaps,
            line: line.to_owned(),
        });
        if cause == CLEARED && !clear_told {
            return Err("an end by a clear that was not told".into());
        }
        if open.cleared && cause != CLEARED {
            return Err(format!("a cleared segment ends as {name}"));
        }
        if frames < open.next_number {
            return Err(format!("{} frames came, the end says {frames}", open.next_number));
        }
        Ok(())
    }

    fn closed(&mut self, segments: (u64, u64), frames: (u64, u64)) -> Result<(), String> {
        if let Some(open) = self.open.take() {
            return Err(format!("segment {} has no end, and its receiver is closed", open.segment));
        }
        if segments.0 != segments.1 || segments.0 != self.last_segment {
            let told = self.last_segment;
            return Err(format!("{} segments started, {} ended, {told} were told", segments.0, segments.1));
        }
        if frames.0 != frames.1 {
            return Err(format!("{} frames arrived, {} are accounted for", frames.0, frames.1));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape { pixels: 0, width: 64, height: 48 };

    fn start(segment: u64) -> Event {
        Event::Start { segment, shape: SHAPE }
    }

    fn frame(segment: u64, number: u64, lost: u64, picture: (u64, u64)) -> Event {
        Event::Frame { segment, number, lost, id: picture.0, picture: picture.1 }
    }

    fn end(segment: u64, cause: i32, frames: u64) -> Event {
        Event::End { segment, cause, frames }
    }

    /// What is broken, event by event.
    fn broken(events: &[Event]) -> Vec<String> {
        let mut hearing = Hearing::default();
        events.iter().filter_map(|event| hearing.take(event, "").err()).collect()
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
        let closed = Event::ReceiverClosed { started: 1, ended: 1, received: 0, accounted: 0, chunks_lost: 0 };
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
    fn a_frame_after_a_clear_and_another_end_than_cleared_are_found() {
        assert_eq!(broken(&[start(1), Event::Cleared, frame(1, 0, 0, (7, 0))]).len(), 1);
        assert_eq!(broken(&[start(1), Event::Cleared, end(1, FLUSHED, 0)]).len(), 1);
        assert_eq!(broken(&[start(1), end(1, CLEARED, 0)]).len(), 1);
    }
}
