// SPDX-License-Identifier: Apache-2.0
//! Both sides together: what the receiver heard has to be what the sender said, and each end has to have its cause, as the
//! tables of `docs/wire.md` say. Playback-finished are in [`super::reports`].

use std::collections::BTreeMap;

use super::actor::Side;
use super::event::{
    How, CAUSES, CLEARED, CLOSED, DISCONNECTED, FLUSHED, SENDER_LEFT, SENDER_RESTARTED, TIMED_OUT, TRUNCATED,
};
use super::hearing::{Heard, Hearing};
use super::sending::{Said, Sending};
use super::timeline::{Timeline, Trouble};

/// A promise that was broken, and the line of the log that shows it.
pub struct Broken {
    pub what: String,
    pub line: String,
}

/// Lines of two processes may come in another order than they were written in, and a busy process writes late, seconds.
const LATE: f64 = 2.0;
/// What a fault does may show so much later: a server takes its time to notice that a participant has vanished.
const AFTERMATH: f64 = 45.0;

/// Everything about segments that neither log shows alone. For the end of a run, when all lines are there.
pub fn compare(sending: &Sending, hearing: &Hearing, timeline: &Timeline) -> Vec<Broken> {
    let mut broken = Vec::new();
    for heard in &hearing.heard {
        let mut judge = |outcome: Result<(), String>| {
            broken.extend(outcome.err().map(|what| Broken { what, line: heard.line.clone() }));
        };
        let said = heard.begins.map(|(id, _)| (id, sending.said.get(&id)));
        match said {
            Some((_, None)) => judge(Err("nobody sent it".into())),
            Some((id, Some(said))) => {
                judge(compare_segment(said, heard, sending.outputs[said.output].drops_nothing()));
                judge(explain(heard, Some((id, said)), sending, timeline));
            }
            None => judge(explain(heard, None, sending, timeline)),
        }
    }
    broken.extend(compare_counts(sending, hearing));
    broken
}

fn compare_segment(said: &Said, heard: &Heard, drops_nothing: bool) -> Result<(), String> {
    let version = heard.version.unwrap_or(0);
    let first_part = heard.begins.map_or(0, |(_, part)| part as usize);
    // A frame in front of the first that was delivered may have been of an earlier part.
    let shapes = said.parts.get(if version == 0 { first_part } else { 0 }..=first_part).unwrap_or_default();
    if !shapes.iter().any(|(_, shape)| *shape == heard.shape) {
        return Err(format!("it came as {:?}, and was not sent as that", heard.shape));
    }
    if drops_nothing && heard.gaps > 0 {
        return Err(format!("{} pictures are missing inside", heard.gaps));
    }
    // In version 0 the next part is the next segment.
    let next_part = said.parts.get(first_part + 1).filter(|_| version == 0).map(|(first, _)| (*first, How::Flush));
    let ended = next_part.or(said.ended.map(|(frames, how, _)| (frames, how)));
    let flushed = heard.cause == FLUSHED;
    let Some((frames, how)) = ended else {
        return if flushed { Err("flushed, and its sender did not end it".into()) } else { Ok(()) };
    };
    let came = heard.base + heard.frames;
    if came > frames {
        return Err(format!("{frames} frames were sent, {} came from frame {} on", heard.frames, heard.base));
    }
    if flushed && how != How::Flush {
        return Err(format!("flushed, and its sender ended it as {how:?}"));
    }
    if flushed && drops_nothing && came + heard.lost != frames {
        return Err(format!("flushed, and of {frames} frames {came} came and {} are lost", heard.lost));
    }
    Ok(())
}

/// Whether something happened that ends a segment like this.
fn explain(heard: &Heard, said: Option<(u64, &Said)>, sending: &Sending, timeline: &Timeline) -> Result<(), String> {
    let until = heard.ended_at + LATE;
    let any = |kinds: &[Trouble], before: f64| timeline.any(kinds, heard.started_at - before, until);
    let ended = said.and_then(|(_, said)| said.ended).map(|(_, how, _)| how);
    // Of a segment without a delivered frame nobody knows which one it was.
    let unknown = said.is_none();
    let is_v0 = heard.version == Some(0);
    let explained = match heard.cause {
        FLUSHED => heard.lost == 0 || any(&Trouble::OUTAGES, LATE),
        CLEARED => match said {
            // Before the two have agreed a clear is that of version 0: about all that came from the participant, also
            // from the output or the process before; and one that is handled late hits the next segment.
            Some((id, said)) => said.cleared || is_v0 || sending.was_cleared_anew(id, heard.started_at, until),
            None => sending.outputs.iter().any(|output| !output.clears_at.is_empty()),
        },
        TRUNCATED => {
            let left_open = matches!(ended, Some(How::Open) | None);
            left_open || (is_v0 && ended == Some(How::Clear)) || any(&Trouble::OUTAGES, AFTERMATH)
        }
        TIMED_OUT => is_v0 || any(&Trouble::OUTAGES, AFTERMATH),
        SENDER_LEFT => any(&Trouble::OUTAGES, AFTERMATH),
        SENDER_RESTARTED => {
            let newer = |id| sending.outputs.iter().any(|output| output.opened_at <= until && output.begins_after(id));
            !is_v0 && (unknown || said.is_some_and(|(id, _)| newer(id)))
        }
        DISCONNECTED => any(&[Trouble::Room(Side::Receiver), Trouble::Receiver], 0.0),
        CLOSED => any(&[Trouble::Receiver], 0.0),
        _ => false,
    };
    let name = CAUSES.get(heard.cause as usize).copied().unwrap_or("none");
    explained.then_some(()).ok_or_else(|| format!("nothing happened that ends a segment as {name}"))
}

/// Frames of an output: those that it counts as sent are those that came.
fn compare_counts(sending: &Sending, hearing: &Hearing) -> Vec<Broken> {
    let mut of_output: BTreeMap<usize, Vec<&Heard>> = BTreeMap::new();
    for heard in &hearing.heard {
        if let Some(said) = heard.begins.and_then(|(id, _)| sending.said.get(&id)) {
            of_output.entry(said.output).or_default().push(heard);
        }
    }
    let judge = |(index, all): (usize, Vec<&Heard>)| {
        let totals = sending.outputs[index].totals?;
        let flushed: Vec<_> = all.iter().filter(|heard| heard.cause == FLUSHED).collect();
        let frames = flushed.iter().map(|heard| heard.frames + heard.lost).sum::<u64>();
        // Of others nobody knows how many were under way.
        let all_flushed = flushed.len() as u64 == totals.started;
        // One that was being written when its stream was lost may have come, and has a number all the same.
        let most = totals.sent + totals.disconnected;
        let wrong = frames > most || (all_flushed && frames < totals.sent);
        let line = flushed.last()?.line.clone();
        let sent = totals.sent;
        wrong.then(|| Broken { what: format!("{frames} frames of {sent} came or are lost: up to {most} may"), line })
    };
    of_output.into_iter().filter_map(judge).collect()
}

#[cfg(test)]
mod tests {
    use super::super::event::{Event, Shape};
    use super::super::timeline::Moment;
    use super::*;

    const SHAPE: Shape = Shape { pixels: 0, width: 64, height: 48 };
    const WIDE: Shape = Shape { pixels: 0, width: 96, height: 48 };
    const NOW: Moment<'static> = Moment { at: 100.0, line: "" };

    fn count_broken(said: &[Event], heard: &[Event], timeline: &Timeline) -> usize {
        let mut sending = Sending::default();
        let mut hearing = Hearing::default();
        let begin = [Event::Output { output: 1, policy: 0 }, Event::Part { id: 7, part: 0, first: 0, shape: SHAPE }];
        begin.iter().chain(said).for_each(|event| sending.take(event, NOW).unwrap());
        heard.iter().for_each(|event| hearing.take(event, NOW).unwrap());
        compare(&sending, &hearing, timeline).len()
    }

    fn ended(how: How, frames: u64) -> Event {
        Event::Ended { id: 7, frames, how }
    }

    fn segment(cause: i32) -> [Event; 4] {
        let frame =
            |number, lost| Event::Frame { segment: 1, number, lost, id: 7, picture: number, part: 0, version: 1 };
        let end = Event::End { segment: 1, cause, frames: 3, lost: 0 };
        [Event::Start { segment: 1, shape: SHAPE }, frame(0, 0), frame(2, 1), end]
    }

    #[test]
    fn a_flushed_segment_is_whole() {
        let quiet = Timeline::default();
        assert_eq!(count_broken(&[ended(How::Flush, 3)], &segment(FLUSHED), &quiet), 0);
        assert_eq!(count_broken(&[ended(How::Flush, 4)], &segment(FLUSHED), &quiet), 1);
        assert_eq!(count_broken(&[ended(How::Open, 3)], &segment(FLUSHED), &quiet), 1);
        assert_eq!(count_broken(&[], &segment(FLUSHED), &quiet), 1);
    }

    #[test]
    fn a_frame_that_is_lost_wants_a_reason() {
        let mut timeline = Timeline::default();
        let mut events = segment(FLUSHED);
        events[3] = Event::End { segment: 1, cause: FLUSHED, frames: 2, lost: 1 };
        assert_eq!(count_broken(&[ended(How::Flush, 3)], &events, &timeline), 1);
        timeline.add(Trouble::Fault, 100.0);
        assert_eq!(count_broken(&[ended(How::Flush, 3)], &events, &timeline), 0);
    }

    #[test]
    fn each_cause_wants_a_reason() {
        let mut timeline = Timeline::default();
        let broken = |said: &[Event], cause, timeline: &Timeline| count_broken(said, &segment(cause), timeline);
        for cause in [TRUNCATED, TIMED_OUT, SENDER_LEFT, SENDER_RESTARTED, DISCONNECTED, CLOSED] {
            assert_eq!(broken(&[ended(How::Flush, 3)], cause, &timeline), 1, "{cause}");
        }
        timeline.add(Trouble::Fault, 60.0);
        for cause in [TRUNCATED, TIMED_OUT, SENDER_LEFT] {
            assert_eq!(broken(&[ended(How::Flush, 3)], cause, &timeline), 0, "{cause}");
        }
        timeline.add(Trouble::Receiver, 100.0);
        for cause in [DISCONNECTED, CLOSED] {
            assert_eq!(broken(&[ended(How::Flush, 3)], cause, &timeline), 0, "{cause}");
        }
        let restarted = [ended(How::Flush, 3), Event::Output { output: 2, policy: 0 }];
        assert_eq!(broken(&restarted, SENDER_RESTARTED, &timeline), 0);
    }

    #[test]
    fn an_end_by_a_clear_wants_one() {
        let mut events = segment(CLEARED).to_vec();
        events.insert(3, Event::Cleared);
        let quiet = Timeline::default();
        assert_eq!(count_broken(&[ended(How::Flush, 3)], &events, &quiet), 1);
        assert_eq!(count_broken(&[ended(How::Clear, 3)], &events, &quiet), 0);
        assert_eq!(count_broken(&[ended(How::Flush, 3), Event::Clear], &events, &quiet), 0);
    }

    #[test]
    fn a_picture_that_is_missing_inside_is_found() {
        let mut events = segment(TRUNCATED);
        events[2] = Event::Frame { segment: 1, number: 2, lost: 1, id: 7, picture: 3, part: 0, version: 1 };
        assert_eq!(count_broken(&[ended(How::Open, 9)], &events, &Timeline::default()), 1);
    }

    #[test]
    fn a_segment_begins_with_a_shape_that_was_sent() {
        let mut events = segment(FLUSHED);
        events[0] = Event::Start { segment: 1, shape: WIDE };
        assert_eq!(count_broken(&[ended(How::Flush, 3)], &events, &Timeline::default()), 1);
    }

    #[test]
    fn a_part_of_version_0_is_a_segment() {
        let mut events = segment(FLUSHED);
        for event in &mut events[1..3] {
            let Event::Frame { version, .. } = event else { unreachable!() };
            *version = 0;
        }
        let said = |first| [Event::Part { id: 7, part: 1, first, shape: WIDE }, ended(How::Clear, 9)];
        assert_eq!(count_broken(&said(3), &events, &Timeline::default()), 0);
        assert_eq!(count_broken(&said(4), &events, &Timeline::default()), 1);
    }
}
