// SPDX-License-Identifier: Apache-2.0
//! The promises of version 1: one test for each row of the table in `docs/wire.md`, sender and receiver together.

use super::pair::{Packet, Pair, ALICE};
use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// Loses the chunk of this number, counting from 0 over all streams.
fn lose_chunk(which: u64) -> super::pair::Lose {
    let mut count = 0;
    Box::new(move |packet| {
        let chunk = matches!(packet, Packet::Chunk(..));
        count += u64::from(chunk);
        chunk && count == which + 1
    })
}

fn lose_trailers() -> super::pair::Lose {
    Box::new(|packet| matches!(packet, Packet::Trailer(..)))
}

#[test]
fn trailer_with_all_frames_there_is_flushed() {
    let mut pair = Pair::new();
    pair.send(2);
    pair.flush();
    pair.send(1);
    pair.flush();
    let expected = ["start 1", "frame 1.0", "frame 1.1", "end 1 Flushed 2", "start 2", "frame 2.0", "end 2 Flushed 1"];
    assert_eq!(pair.received(), expected);
    assert_eq!(pair.output.stats().version, Some(1));
}

#[test]
fn size_changes_inside_a_segment() {
    let mut pair = Pair::new();
    pair.send(1);
    pair.output.send_frame(frame(5, 0), pair.now).unwrap();
    pair.flush();
    let sizes: Vec<_> = std::iter::from_fn(|| pair.receiver.next_event())
        .filter_map(|event| match event {
            ReceiverEvent::Frame(frame) => Some((frame.info().segment, frame.info().width, frame.data().len())),
            _ => None,
        })
        .collect();
    assert_eq!(sizes, [(1, 2, 8), (1, 5, 20)]);
}

#[test]
fn presentation_times_arrive() {
    let mut pair = Pair::new();
    let info = FrameInfo { pts_us: Some(-5), ..FrameInfo::new(PixelFormat::Rgba, 2, 1) };
    pair.output.send_frame(Frame::new(info, Bytes::from(vec![0; 8])).unwrap(), pair.now).unwrap();
    pair.run();
    let frame = std::iter::from_fn(|| pair.receiver.next_event()).find_map(|event| match event {
        ReceiverEvent::Frame(frame) => Some(frame),
        _ => None,
    });
    assert_eq!(frame.unwrap().info().pts_us, Some(-5));
}

#[test]
fn clear_is_cleared_and_nothing_of_it_follows() {
    let mut pair = Pair::new();
    pair.send(3);
    pair.clear();
    pair.send(1);
    let expected = ["start 1", "cleared", "end 1 Cleared 3", "start 2", "frame 2.0"];
    assert_eq!(pair.received(), expected);
    assert_eq!(pair.receiver.stats().dropped_cleared, 3);
}

#[test]
fn lost_chunk_costs_its_frame_and_the_segment_goes_on() {
    let mut pair = Pair::new();
    pair.lose = lose_chunk(1);
    pair.send(4);
    pair.flush();
    let expected = ["start 1", "frame 1.0", "frame 1.2 lost 1", "frame 1.3", "end 1 Flushed 3 lost 1"];
    assert_eq!(pair.received(), expected);
    let stats = pair.receiver.stats();
    assert_eq!((stats.frames_lost, stats.chunks_lost), (1, 1));
}

#[test]
fn frames_lost_at_the_end_are_counted() {
    let mut pair = Pair::new();
    pair.lose = lose_chunk(2);
    pair.send(3);
    pair.flush();
    assert_eq!(pair.received(), ["start 1", "frame 1.0", "frame 1.1", "end 1 Flushed 2 lost 1"]);
}

#[test]
fn lost_trailer_truncates_before_the_next_start() {
    let mut pair = Pair::new();
    pair.lose = lose_trailers();
    pair.send(1);
    pair.flush();
    pair.send(1);
    assert_eq!(pair.received(), ["start 1", "frame 1.0", "end 1 Truncated 1", "start 2", "frame 2.0"]);
}

#[test]
fn trailer_without_its_attributes_truncates() {
    let mut pair = Pair::new();
    pair.send(1);
    let end = StreamEnd { reason: "", attributes: Some(&HashMap::new()) };
    pair.receiver.stream_closed(StreamKey(1), end, pair.now);
    assert_eq!(pair.received(), ["start 1", "frame 1.0", "end 1 Truncated 1"]);
}

#[test]
fn open_segment_is_kept_alive_and_times_out_when_nothing_comes() {
    let mut pair = Pair::new();
    pair.send(1);
    pair.pass(10 * IDLE);
    assert_eq!(pair.received(), ["start 1", "frame 1.0"], "the sender says that it goes on");
    pair.lose = Box::new(|_| true);
    pair.pass(IDLE + 2 * SECOND);
    assert_eq!(pair.received(), ["end 1 TimedOut 1"]);
}

#[test]
fn sender_that_leaves_and_does_not_return() {
    let mut pair = Pair::new();
    pair.send(1);
    pair.down = true;
    pair.receiver.participant_left(ALICE, pair.now);
    pair.pass(SECOND);
    assert_eq!(pair.received(), ["start 1", "frame 1.0"], "it may be connected anew");
    pair.pass(5 * SECOND);
    assert_eq!(pair.received(), ["end 1 SenderLeft 1", "sender gone"]);
}

#[test]
fn sender_that_leaves_between_segments_is_gone_at_once() {
    let mut pair = Pair::new();
    pair.send(1);
    pair.flush();
    pair.receiver.participant_left(ALICE, pair.now);
    assert_eq!(pair.received(), ["start 1", "frame 1.0", "end 1 Flushed 1", "sender gone"]);
}

#[test]
fn sender_that_starts_anew() {
    let mut pair = Pair::new();
    pair.send(1);
    pair.replace_sender(7);
    pair.run();
    pair.send(1);
    assert_eq!(pair.received(), ["start 1", "frame 1.0", "end 1 SenderRestarted 1", "start 2", "frame 2.0"]);
}

#[test]
fn header_lost_is_nothing_but_counted() {
    let mut pair = Pair::new();
    pair.lose = Box::new(|packet| matches!(packet, Packet::Header(..)));
    pair.send(2);
    pair.flush();
    assert_eq!(pair.received(), [""; 0]);
    assert_eq!(pair.receiver.stats().chunks_unknown, 2);
}

#[test]
fn full_reconnect_of_the_receiver_goes_on_with_what_is_lost() {
    let mut pair = Pair::new();
    pair.send(2);
    pair.delay = SECOND;
    pair.send(2);
    pair.restart_receiver();
    pair.delay = Duration::ZERO;
    pair.pass(Duration::ZERO);
    pair.send(1);
    pair.flush();
    let expected = ["start 1", "frame 1.0", "frame 1.1", "frame 1.4 lost 2", "end 1 Flushed 3 lost 2"];
    assert_eq!(pair.received(), expected);
    assert!(pair.said.contains(&"open 1 from 4".to_owned()), "{:?}", pair.said);
    assert_eq!((pair.receiver.stats().reconnects, pair.receiver.stats().segments_resumed), (1, 1));
}

#[test]
fn full_reconnect_of_the_sender_goes_on() {
    let mut pair = Pair::new();
    pair.send(2);
    pair.restart_sender();
    pair.run();
    pair.send(1);
    pair.flush();
    let expected = ["start 1", "frame 1.0", "frame 1.1", "frame 1.2", "end 1 Flushed 3"];
    assert_eq!(pair.received(), expected);
    assert_eq!(pair.told(), [""; 0]);
    assert_eq!((pair.output.stats().reconnects, pair.output.stats().segments_resumed), (1, 1));
}

#[test]
fn segment_flushed_while_its_stream_was_lost_ends_as_flushed() {
    let mut pair = Pair::new();
    pair.send(1);
    pair.restart_sender();
    pair.flush();
    pair.pass(Duration::ZERO);
    assert_eq!(pair.received(), ["start 1", "frame 1.0", "end 1 Flushed 1"]);
}

#[test]
fn trailer_lost_in_a_full_reconnect_is_told_by_the_hello() {
    let mut pair = Pair::new();
    pair.send(1);
    pair.delay = SECOND;
    pair.flush();
    pair.delay = Duration::ZERO;
    pair.restart_sender();
    pair.run();
    assert_eq!(pair.received(), ["start 1", "frame 1.0", "end 1 Flushed 1"]);
}

#[test]
fn segment_that_timed_out_in_a_long_reconnect_does_not_go_on() {
    let mut pair = Pair::new();
    pair.send(1);
    pair.down = true;
    pair.output.transport_ready(false);
    pair.pass(IDLE + SECOND);
    pair.output.transport_ready(true);
    pair.down = false;
    pair.restart_sender();
    pair.send(1);
    let expected = ["start 1", "frame 1.0", "end 1 TimedOut 1", "sender alice", "start 2", "frame 2.0"];
    assert_eq!(pair.received(), expected);
}

#[test]
fn closed_room_disconnects_and_closed_receiver_closes() {
    for (close, cause) in [(true, "Closed"), (false, "Disconnected")] {
        let mut pair = Pair::new();
        pair.send(1);
        if close {
            pair.receiver.close();
        }
        pair.receiver.room_closed();
        assert_eq!(pair.received(), ["start 1", "frame 1.0", &format!("end 1 {cause} 1")]);
        assert_eq!(pair.receiver.poll_timeout(), None);
    }
}

#[test]
fn bad_attributes_are_refused_with_one_error() {
    let mut pair = Pair::new();
    for (name, value) in [("segment", "0"), ("session", "x"), ("width", "0"), ("lkv", "2"), ("resume_from", "-1")] {
        let mut attributes = attributes(2);
        let of_v1 = [("lkv", "1"), ("session", super::pair::session(1).as_str()), ("segment", "1"), (name, value)]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        attributes.extend(of_v1);
        let opened = StreamOpened { stream: StreamKey(77), sender: ALICE, attributes: &attributes };
        assert!(!pair.receiver.stream_opened(opened, pair.now), "{name}");
    }
    assert_eq!(pair.received(), ["error BadStream"]);
    assert_eq!((pair.receiver.stats().streams_refused, pair.receiver.stats().refused_bad), (5, 5));
    pair.send(1);
    assert_eq!(pair.received(), ["start 1", "frame 1.0"]);
}

#[test]
fn output_closed_inside_a_segment_truncates_it() {
    let mut pair = Pair::new();
    pair.send(1);
    pair.output.close();
    pair.run();
    assert_eq!(pair.received(), ["start 1", "frame 1.0", "end 1 Truncated 1"]);
    assert_eq!(pair.told(), ["finished 1 0 interrupted made up"]);
}

#[test]
fn write_that_fails_costs_its_frame_and_the_segment_goes_on() {
    let mut pair = Pair::new();
    pair.send(1);
    pair.output.send_frame(frame(2, 0), pair.now).unwrap();
    assert!(matches!(pair.output.poll_action(pair.now), Some(OutputAction::WriteRecord { segment: 1, .. })));
    pair.output.write_done(Err("no way".to_owned()), pair.now);
    assert_eq!(pair.told(), ["error Transport no way"]);
    pair.pass(SECOND);
    pair.send(1);
    pair.flush();
    assert_eq!(pair.received(), ["start 1", "frame 1.0", "frame 1.2 lost 1", "end 1 Flushed 2 lost 1"]);
}
