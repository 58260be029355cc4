// SPDX-License-Identifier: Apache-2.0
//! Random sequences of everything that can happen, and what must hold whatever happens: for a receiver with a
//! hostile network, for an output with a failing one, and for the two joined by a good one.

use super::*;
use crate::wire::v0::PlaybackFinished;

const ROUNDS: u64 = 400;
const STEPS: u64 = 400;
const POLICIES: [QueuePolicy; 4] =
    [QueuePolicy::Block, QueuePolicy::Refuse, QueuePolicy::DropOldest, QueuePolicy::DropNewest];
const QUEUE_FRAMES: usize = 4;
const QUEUE_BYTES: usize = 3 * FRAME_BYTES;

pub(super) fn seeds() -> impl Iterator<Item = (u64, Random)> {
    (1..=ROUNDS).map(|round| (round, Random(round.wrapping_mul(0x9e37_79b9_7f4a_7c15))))
}

/// What a well-meaning application may assume about the events it takes.
#[derive(Default)]
pub(super) struct Witness {
    pub(super) open: Option<u64>,
    started: u64,
    next_number: u64,
    frames: u64,
    /// `Cleared` came after the last frame.
    cleared: bool,
    /// No frame of these and earlier segments may come any more.
    cleared_through: u64,
    /// What the frames hold: counts up over all of them, or else is the frame's number, in each byte.
    pub(super) counts: Option<u64>,
}

impl Witness {
    pub(super) fn see(&mut self, event: &ReceiverEvent) {
        match event {
            ReceiverEvent::SegmentStart { segment, .. } => {
                assert_eq!(self.open, None, "segments overlap");
                assert_eq!(*segment, self.started + 1);
                self.started = *segment;
                self.open = Some(*segment);
                self.next_number = 0;
            }
            ReceiverEvent::Frame(frame) => {
                let FrameInfo { segment, number, lost_before, .. } = *frame.info();
                assert_eq!(self.open, Some(segment), "a frame outside its segment");
                assert!(segment > self.cleared_through, "a frame of a cleared segment");
                assert_eq!(number, self.next_number + u64::from(lost_before), "every loss is told");
                match &mut self.counts {
                    None => assert!(frame.data().iter().all(|byte| *byte == number as u8), "a frame mixed of two"),
                    Some(last) => {
                        let count = u64::from_le_bytes(frame.data()[..8].try_into().unwrap());
                        assert!(count > *last, "a frame twice, or out of order");
                        *last = count;
                    }
                }
                self.next_number = number + 1;
                self.frames += 1;
                self.cleared = false;
            }
            ReceiverEvent::SegmentEnd { segment, frames, lost, cause } => {
                assert_eq!(self.open.take(), Some(*segment), "an end without its start");
                assert!(*frames + *lost >= self.next_number);
                assert!(*cause != SegmentCause::Cleared || self.cleared, "an end as cleared before `Cleared`");
            }
            ReceiverEvent::Cleared => self.cleared = true,
            _ => {}
        }
    }
}

fn check_receiver_stats(receiver: &Receiver) {
    let stats = receiver.session.stats();
    assert!(stats.queue_frames <= QUEUE_FRAMES as u64);
    assert!(stats.queue_bytes <= QUEUE_BYTES as u64 || stats.queue_frames == 1);
    let dropped = stats.dropped_oldest + stats.dropped_newest + stats.dropped_cleared;
    assert_eq!(stats.frames_received, stats.frames_delivered + dropped + stats.queue_frames);
}

/// What a stream carries, cut anyhow: all bytes of its frame n are n.
#[derive(Default)]
struct Content {
    chunks: Vec<Vec<u8>>,
    bytes: usize,
}

impl Content {
    fn chunk(&mut self, index: usize, random: &mut Random) -> &[u8] {
        while self.chunks.len() <= index {
            let end = self.bytes + random.below(3 * FRAME_BYTES as u64) as usize;
            self.chunks.push((self.bytes..end).map(|at| (at / FRAME_BYTES) as u8).collect());
            self.bytes = end;
        }
        &self.chunks[index]
    }
}

#[test]
fn a_receiver_keeps_its_promises_whatever_the_network_does() {
    for (round, mut random) in seeds() {
        let policy = POLICIES[random.below(4) as usize];
        let sender = if random.one_in(2) { Some("alice") } else { None };
        let mut receiver = Receiver::listening(sender, policy, QUEUE_FRAMES, QUEUE_BYTES);
        let mut witness = Witness::default();
        let mut content = Content::default();
        let identities = ["alice", "alice", "alice", "mallory"];
        for _ in 0..STEPS {
            let identity = identities[random.below(4) as usize];
            match random.below(30) {
                0 | 1 => {
                    let width = if random.one_in(5) { 9999 } else { 2 };
                    receiver.open_from(identity, &attributes(width));
                    content = Content::default();
                }
                2..=14 => {
                    let index = receiver.next_chunk as usize;
                    receiver.chunk(content.chunk(index, &mut random));
                }
                15 => receiver.next_chunk += 1 + random.below(3),
                16 => receiver.next_chunk = receiver.next_chunk.saturating_sub(1 + random.below(3)),
                17 => receiver.trailer(),
                18 => {
                    if receiver.session.clear_requested(identity) == Answer::Ok {
                        witness.cleared_through = receiver.session.stats().segments_started;
                    }
                }
                19 => receiver.session.participant_joined(identity, true),
                20 if random.one_in(3) => receiver.session.participant_left(identity, receiver.now),
                21 if random.one_in(3) => receiver.session.room_restarted(),
                22 => receiver.session.room_reconnecting(random.one_in(2), receiver.now),
                23 => receiver.pass(IDLE * random.below(15) as u32 / 10),
                _ => {
                    for _ in 0..random.below(6) {
                        receiver.session.next_event().iter().for_each(|event| witness.see(event));
                    }
                }
            }
            check_receiver_stats(&receiver);
        }
        receiver.session.close();
        while let Some(event) = receiver.session.next_event() {
            witness.see(&event);
        }
        check_receiver_stats(&receiver);
        let stats = receiver.session.stats();
        assert_eq!(witness.open, None, "round {round}: a segment without an end");
        assert_eq!((witness.started, witness.frames), (stats.segments_started, stats.frames_delivered));
        assert_eq!(stats.segments_started, stats.segments_ended);
    }
}

/// The destination and the transport as the output uses them.
#[derive(Default)]
struct Wire {
    open: Option<(u64, StreamAttributes)>,
    next_number: u64,
    opened: u64,
    closed: u64,
    /// A clear came after the last write of the open stream: nothing more may be written to it.
    cleared: bool,
}

impl Wire {
    fn see(&mut self, action: &OutputAction, ok: bool) {
        match action {
            OutputAction::OpenStream { segment, attributes } => {
                assert_eq!(self.open, None, "streams overlap");
                assert_eq!(*segment, self.opened + 1);
                self.open = ok.then_some((*segment, *attributes.video()));
                self.opened += u64::from(ok);
                self.next_number = 0;
                self.cleared = false;
            }
            OutputAction::Write(frame) => {
                let FrameInfo { format, width, height, segment, number, .. } = *frame.info();
                assert_eq!(self.open, Some((segment, StreamAttributes { format, width, height })));
                assert_eq!(number, self.next_number);
                assert!(!self.cleared, "a write to a cleared stream");
                self.next_number += 1;
            }
            OutputAction::CloseStream { segment, .. } => {
                assert_eq!(self.open.take().map(|(open, _)| open), Some(*segment));
                self.closed += 1;
            }
            OutputAction::ClearBuffer => self.cleared = true,
            OutputAction::WriteRecord { .. } => panic!("a record in version 0"),
        }
    }
}

/// Takes the events: the segments that were finished, each once.
pub(super) fn take_finishes(output: &mut OutputSession, finishes: &mut Vec<u64>) {
    while let Some(event) = output.next_event() {
        if let OutputEvent::PlaybackFinished { segment, .. } = event {
            finishes.push(segment);
        }
    }
}

fn check_output_stats(session: &OutputSession, writing: bool) {
    let stats = session.stats();
    assert!(stats.queue_frames <= QUEUE_FRAMES as u64);
    assert!(stats.queue_bytes <= QUEUE_BYTES as u64 || stats.queue_frames == 1);
    let dropped = stats.dropped_cleared + stats.dropped_oldest + stats.dropped_newest + stats.dropped_disconnected;
    let dropped = dropped + stats.dropped_late;
    assert_eq!(stats.frames_accepted, stats.frames_sent + dropped + stats.queue_frames + u64::from(writing));
}

#[test]
fn an_output_keeps_its_promises_whatever_the_transport_does() {
    for (round, mut random) in seeds() {
        let policy = POLICIES[random.below(4) as usize];
        let mut config = output_config(policy, QUEUE_FRAMES, QUEUE_BYTES);
        config.max_age = random.one_in(2).then_some(Duration::from_millis(20));
        config.queue_time = random.one_in(2).then_some(Duration::from_millis(100));
        let mut output = Output::with_config(config);
        let (mut wire, mut finishes) = (Wire::default(), Vec::new());
        for step in 0..STEPS {
            let session = &mut output.session;
            match random.below(21) {
                20 => output.pass(Duration::from_millis(random.below(10))),
                0..=4 => {
                    let width = if random.one_in(8) { 1 } else { 2 };
                    let _ = session.send_frame(frame(width, 0), output.now);
                }
                5 => session.flush(),
                6 if random.one_in(2) => session.clear(output.now),
                7 => session.destination_present(!random.one_in(3), output.now),
                8 => session.transport_ready(!random.one_in(3)),
                9 if random.one_in(3) => session.room_restarted(output.now),
                10 => {
                    let message = PlaybackFinished { position_us: step as i64, interrupted: false };
                    session.playback_finished(!random.one_in(3), message);
                }
                11 if random.one_in(100) => session.close(),
                12 => take_finishes(session, &mut finishes),
                13..=15 if output.action.is_some() => {
                    let ok = !random.one_in(5);
                    wire.see(output.action.as_ref().unwrap(), ok);
                    output.answer(if ok { Ok(()) } else { Err("failed".to_owned()) });
                }
                _ => {
                    output.poll();
                }
            }
            check_output_stats(&output.session, matches!(output.action, Some(OutputAction::Write(_))));
        }

        // Whatever happened, it goes on once everything is well.
        output.session.destination_present(true, output.now);
        output.session.transport_ready(true);
        loop {
            if let Some(action) = &output.action {
                wire.see(action, true);
                output.answer(Ok(()));
            }
            if output.poll().is_none() {
                break;
            }
        }
        assert!(output.session.is_idle(), "round {round}: it is stuck");
        output.session.close();
        while output.poll().is_some() {
            wire.see(output.action.as_ref().unwrap(), true);
            output.answer(Ok(()));
        }
        assert!(output.session.is_idle());
        take_finishes(&mut output.session, &mut finishes);
        assert!(finishes.iter().copied().eq(1..=wire.opened), "round {round}: {finishes:?}");
        check_output_stats(&output.session, false);
        let stats = output.session.stats();
        assert_eq!((stats.segments_started, stats.segments_finished), (wire.opened, wire.closed));
        assert_eq!(wire.open, None);
        assert_eq!(stats.playback_finished, wire.opened);
    }
}

#[test]
fn a_pair_delivers_what_was_sent_and_not_cleared() {
    for (round, mut random) in seeds() {
        let mut output = Output::with_queue(QueuePolicy::Block, QUEUE_FRAMES, QUEUE_BYTES);
        let mut receiver = Receiver::with_queue(QueuePolicy::Block, QUEUE_FRAMES, QUEUE_BYTES);
        let mut witness = Witness::default();
        let (mut accepted, mut cleared, mut finishes) = (0, false, Vec::new());
        // Frames of the segment being sent; the witness wants frame n of a segment to be all n.
        let mut number = 0;
        let mut left = STEPS;
        while left > 0 || !output.session.is_idle() || receiver.session.has_event() {
            left = left.saturating_sub(1);
            match random.below(10) {
                0..=3 if left > 0 => {
                    if output.session.send_frame(frame(2, number), output.now).is_ok() {
                        accepted += 1;
                        number = number.wrapping_add(1);
                    }
                }
                4 if random.one_in(3) => {
                    output.session.flush();
                    number = 0;
                }
                5 if left > 0 && random.one_in(10) => {
                    output.session.clear(output.now);
                    cleared = true;
                    number = 0;
                }
                6..=8 if !receiver.session.is_full() => {
                    output.poll();
                    match &output.action {
                        Some(OutputAction::OpenStream { attributes, .. }) => {
                            assert!(receiver.open_from("alice", &attributes.to_map()));
                        }
                        Some(OutputAction::Write(frame)) => {
                            for chunk in frame.data().chunks(5) {
                                if !output.session.is_cancelled(frame.info().segment) {
                                    receiver.session.chunk(receiver.stream, receiver.next_chunk, chunk, receiver.now);
                                    receiver.next_chunk += 1;
                                }
                            }
                        }
                        Some(OutputAction::CloseStream { reason, .. }) => {
                            receiver.session.stream_closed(
                                receiver.stream,
                                StreamEnd { reason, attributes: None },
                                receiver.now,
                            );
                        }
                        Some(OutputAction::ClearBuffer) => {
                            assert_eq!(receiver.session.clear_requested("alice"), Answer::Ok);
                            witness.cleared_through = receiver.session.stats().segments_started;
                        }
                        Some(OutputAction::WriteRecord { .. }) => panic!("a record in version 0"),
                        None => continue,
                    }
                    output.answer(Ok(()));
                }
                _ => {
                    let Some(event) = receiver.session.next_event() else { continue };
                    witness.see(&event);
                    if let ReceiverEvent::SegmentEnd { segment, .. } = event {
                        receiver.session.notify_playback_finished(segment, 0, false).unwrap();
                    }
                    while let Some(request) = receiver.session.poll_request(receiver.now) {
                        let ReceiverRequest::PlaybackFinished { id, message, .. } = request else {
                            panic!("{request:?}")
                        };
                        output.session.playback_finished(true, message);
                        receiver.session.notify_answered(id, NotifyAnswer::Ok, receiver.now);
                    }
                }
            }
        }
        output.session.flush();
        output.session.close();
        take_finishes(&mut output.session, &mut finishes);
        assert!(finishes.iter().copied().eq(1..=output.session.stats().segments_started), "round {round}");
        let lost = receiver.session.stats().dropped_cleared + output.session.stats().dropped_cleared;
        assert_eq!(witness.frames + lost, accepted, "round {round}");
        assert!(cleared || lost == 0);
    }
}
