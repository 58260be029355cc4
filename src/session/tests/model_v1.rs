// SPDX-License-Identifier: Apache-2.0
//! Random sequences of everything that can happen to a pair of version 1: sends, clears, losses, reconnects, programs
//! that start anew, applications that stop; and what must hold whatever happens, and once all is well again.

use super::model::{seeds, take_finishes, Witness};
use super::pair::{configs, Packet, Pair};
use super::*;

const STEPS: u64 = 150;
const SECOND: Duration = Duration::from_secs(1);
const QUEUE_BYTES: usize = 30 * FRAME_BYTES;

/// The two applications.
struct Applications {
    witness: Witness,
    /// Frames sent so far: what the next one holds.
    count: u64,
    /// Of the output's present life.
    finishes: Vec<u64>,
    lives: u128,
}

impl Applications {
    fn send(&mut self, pair: &mut Pair) {
        self.count += 1;
        let info = FrameInfo::new(PixelFormat::Rgba, 2, 1);
        let frame = Frame::new(info, Bytes::from(self.count.to_le_bytes().to_vec())).unwrap();
        let _ = pair.output.send_frame(frame, pair.now);
    }

    /// Takes events and finishes the segments that end, now and then.
    fn take(&mut self, pair: &mut Pair, events: u64, finish: bool) {
        for _ in 0..events {
            let Some(event) = pair.receiver.next_event() else { break };
            self.witness.see(&event);
            match event {
                ReceiverEvent::SegmentStart { segment, .. } => {
                    let _ = pair.receiver.notify_playback_started(segment);
                }
                ReceiverEvent::SegmentEnd { segment, .. } if finish => {
                    let _ = pair.receiver.notify_playback_finished(segment, 1, false);
                }
                _ => {}
            }
        }
    }

    /// The output is gone: every segment that it started was finished, once.
    fn check_finishes(&mut self, output: &mut OutputSession) {
        output.close();
        take_finishes(output, &mut self.finishes);
        let mut finishes = std::mem::take(&mut self.finishes);
        finishes.sort_unstable();
        assert!(finishes.iter().copied().eq(1..=output.stats().segments_started), "{finishes:?} {:?}", output.stats());
    }
}

fn check(pair: &Pair) {
    let (sent, received) = (pair.output.stats(), pair.receiver.stats());
    let dropped = sent.dropped_cleared + sent.dropped_disconnected + sent.dropped_late + sent.dropped_unsupported;
    assert_eq!(sent.frames_accepted, sent.frames_sent + dropped + sent.queue_frames);
    let dropped = received.dropped_oldest + received.dropped_newest + received.dropped_cleared;
    assert_eq!(received.frames_received, received.frames_delivered + dropped + received.queue_frames);
    assert!(received.dropped_oldest == 0 || pair.spoke_v0, "the sender waits");
    assert!(received.queue_bytes <= 2 * QUEUE_BYTES as u64 + 60, "{}", received.queue_bytes);
    assert!(received.segments_started - received.segments_ended <= 1);
}

fn hurt(pair: &mut Pair, random: &mut Random) {
    match random.below(5) {
        0 => pair.lose_lossy = random.one_in(2),
        1 => pair.calls_fail = random.one_in(3),
        2 => pair.delay = Duration::from_millis(random.below(300)),
        3 => {
            let mut losses = Random(random.below(1 << 40) + 1);
            pair.lose = Box::new(move |packet| {
                let answer =
                    matches!(packet, Packet::HelloAnswer(..) | Packet::ClearAnswer(_) | Packet::NotifyAnswer(_));
                losses.one_in(if answer { 3 } else { 20 })
            });
        }
        _ => {
            pair.down = random.one_in(4);
            pair.receiver.room_reconnecting(pair.down, pair.now);
        }
    }
}

fn heal(pair: &mut Pair) {
    (pair.lose_lossy, pair.calls_fail, pair.down) = (false, false, false);
    pair.lose = Box::new(|_| false);
    pair.receiver.room_reconnecting(false, pair.now);
}

#[test]
fn a_pair_keeps_its_promises_whatever_happens() {
    let (mut resumed, mut blocked, mut v0) = (0, 0, 0);
    for (round, mut random) in seeds() {
        let (output, receiver) = configs();
        let receiver = ReceiverConfig { queue_bytes: QUEUE_BYTES, ..receiver };
        let mut pair = Pair::apart(output, receiver);
        pair.calls_fail = random.one_in(5);
        pair.join();
        let mut witness = Witness::default();
        witness.counts = Some(0);
        let mut applications = Applications { witness, count: 0, finishes: Vec::new(), lives: 10 };
        for _ in 0..STEPS {
            match random.below(24) {
                0..=8 => (0..random.below(8)).for_each(|_| applications.send(&mut pair)),
                9 | 10 => pair.output.flush(),
                11 if random.one_in(2) => pair.output.clear(pair.now),
                12 if random.one_in(4) => pair.restart_sender(),
                13 if random.one_in(4) => pair.restart_receiver(),
                14 if random.one_in(20) => {
                    applications.lives += 1;
                    let old = pair.replace_sender(applications.lives);
                    applications.check_finishes(&mut { old });
                }
                15 | 16 => hurt(&mut pair, &mut random),
                17 if random.one_in(8) => heal(&mut pair),
                18..=20 => applications.take(&mut pair, random.below(20), !random.one_in(4)),
                21 => take_finishes(&mut pair.output, &mut applications.finishes),
                22 if random.one_in(5) => pair.pass(SECOND * random.below(15) as u32),
                _ => pair.pass(Duration::from_millis(random.below(500))),
            }
            if random.one_in(2) {
                pair.run();
            }
            check(&pair);
        }

        // Whatever happened, it goes on once everything is well.
        heal(&mut pair);
        for _ in 0..60 {
            pair.pass(SECOND);
            applications.take(&mut pair, u64::MAX, true);
        }
        let before = applications.count;
        pair.output.flush();
        (0..5).for_each(|_| applications.send(&mut pair));
        pair.output.flush();
        pair.pass(SECOND);
        applications.take(&mut pair, u64::MAX, true);
        pair.pass(SECOND);
        assert!(pair.output.is_idle(), "round {round}: it is stuck");
        assert_eq!(applications.witness.counts, Some(before + 5), "round {round}: frames are missing");
        assert_eq!(applications.witness.open, None, "round {round}: a segment has no end");
        applications.check_finishes(&mut pair.output);
        resumed += pair.receiver.stats().segments_resumed;
        blocked += u64::from(!pair.output.stats().blocked.is_zero());
        v0 += u64::from(pair.spoke_v0);
    }
    assert!(resumed > 100 && blocked > 100 && v0 > 10, "too little happens: {resumed} {blocked} {v0}");
}

#[test]
fn a_pair_without_losses_delivers_what_was_sent_and_not_cleared() {
    for (round, mut random) in seeds() {
        let mut pair = Pair::new();
        let (mut sent, mut received, mut finishes) = (0, 0, Vec::new());
        pair.delay = Duration::from_millis(random.below(50));
        for _ in 0..STEPS {
            match random.below(8) {
                0..=3 => {
                    let frames = random.below(5) as usize;
                    (0..frames).for_each(|_| sent += u64::from(pair.output.send_frame(frame(2, 0), pair.now).is_ok()));
                }
                4 => pair.output.flush(),
                5 if random.one_in(10) => pair.output.clear(pair.now),
                _ => {
                    pair.pass(Duration::from_millis(random.below(100)));
                    received += pair.received().iter().filter(|event| event.starts_with("frame")).count() as u64;
                }
            }
        }
        pair.output.flush();
        pair.pass(IDLE);
        received += pair.received().iter().filter(|event| event.starts_with("frame")).count() as u64;
        let (here, there) = (pair.output.stats(), pair.receiver.stats());
        // What a clear overtook never became frames there.
        assert!(received + here.dropped_cleared + there.dropped_cleared <= sent);
        if here.dropped_cleared + there.dropped_cleared + there.refused_stale + there.chunks_unknown == 0 {
            assert_eq!(received, sent, "round {round}");
        }
        assert_eq!(there.frames_lost, 0);
        pair.output.close();
        take_finishes(&mut pair.output, &mut finishes);
        finishes.sort_unstable();
        assert!(finishes.iter().copied().eq(1..=here.segments_started));
    }
}
