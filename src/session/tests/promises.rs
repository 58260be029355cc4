// SPDX-License-Identifier: Apache-2.0
//! The receiver's promises: one test for each v0 row of the table in the wire's design, and for whom it listens to.

use super::*;

#[test]
fn trailer_with_all_frames_there_is_flushed() {
    let mut receiver = Receiver::new();
    receiver.segment(2);
    receiver.segment(1);
    let expected = ["start 1", "frame 1.0", "frame 1.1", "end 1 Flushed 2", "start 2", "frame 2.0", "end 2 Flushed 1"];
    assert_eq!(receiver.events(), expected);
}

#[test]
fn segment_without_frames_starts_and_ends() {
    let mut receiver = Receiver::new();
    receiver.segment(0);
    assert_eq!(receiver.events(), ["start 1", "end 1 Flushed 0"]);
}

#[test]
fn frames_are_cut_by_size_whatever_the_chunking() {
    let mut receiver = Receiver::new();
    receiver.open();
    let content: Vec<u8> = (0..3 * FRAME_BYTES as u8).collect();
    for part in [&content[..1], &content[1..18], &content[18..18], &content[18..]] {
        receiver.chunk(part);
    }
    receiver.trailer();
    let mut frames = Vec::new();
    while let Some(event) = receiver.session.next_event() {
        if let ReceiverEvent::Frame(frame) = event {
            frames.extend_from_slice(frame.data());
        }
    }
    assert_eq!(frames, content);
}

#[test]
fn missing_attributes_mean_640x480_rgba() {
    let config = receiver_config(Some("alice"), QueuePolicy::DropOldest, 1, 1);
    let mut session =
        ReceiverSession::new(ReceiverConfig { max_frame_bytes: 640 * 480 * 4, ..config }, FramePool::default());
    let opened = StreamOpened { stream: StreamKey(1), sender: "alice", attributes: &HashMap::new() };
    session.participant_joined("alice", false);
    assert!(matches!(session.next_event(), Some(ReceiverEvent::Sender(_))));
    assert!(session.stream_opened(opened, start()));
    let start = session.next_event();
    let expected = |event: &ReceiverEvent| {
        matches!(event, ReceiverEvent::SegmentStart { segment: 1, format: PixelFormat::Rgba, width: 640, height: 480 })
    };
    assert!(start.as_ref().is_some_and(expected), "{start:?}");
}

#[test]
fn lost_chunk_truncates_and_the_rest_is_ignored() {
    let mut receiver = Receiver::new();
    receiver.open();
    receiver.frames(1);
    receiver.chunk(&[0; 3]);
    receiver.next_chunk += 2;
    receiver.frames(5);
    receiver.trailer();
    assert_eq!(receiver.events(), ["start 1", "frame 1.0", "end 1 Truncated 1"]);
    let stats = receiver.session.stats();
    assert_eq!((stats.chunks_lost, stats.chunks_unknown, stats.dropped_truncated), (2, 4, 1));
    receiver.segment(1);
    assert_eq!(receiver.events(), ["start 2", "frame 2.0", "end 2 Flushed 1"]);
}

#[test]
fn repeated_chunk_is_ignored() {
    let mut receiver = Receiver::new();
    receiver.open();
    receiver.frames(2);
    receiver.session.chunk(receiver.stream, 0, &[1; 5], receiver.now);
    receiver.session.chunk(receiver.stream, 1, &[1; 5], receiver.now);
    receiver.frames(1);
    receiver.trailer();
    assert_eq!(receiver.events(), ["start 1", "frame 1.0", "frame 1.1", "frame 1.2", "end 1 Flushed 3"]);
    assert_eq!(receiver.session.stats().chunks_repeated, 2);
}

#[test]
fn lost_trailer_truncates_before_the_next_start() {
    let mut receiver = Receiver::new();
    receiver.open();
    receiver.frames(1);
    receiver.segment(1);
    let expected = ["start 1", "frame 1.0", "end 1 Truncated 1", "start 2", "frame 2.0", "end 2 Flushed 1"];
    assert_eq!(receiver.events(), expected);
}

#[test]
fn nothing_for_the_idle_timeout_is_timed_out() {
    let mut receiver = Receiver::new();
    assert_eq!(receiver.session.poll_timeout(), None);
    receiver.open();
    receiver.pass(IDLE - Duration::from_millis(1));
    receiver.frames(1);
    receiver.pass(IDLE - Duration::from_millis(1));
    assert_eq!(receiver.events(), ["start 1", "frame 1.0"]);
    receiver.pass(Duration::from_millis(1));
    assert_eq!(receiver.events(), ["end 1 TimedOut 1"]);
    receiver.frames(1);
    receiver.trailer();
    assert_eq!(receiver.events(), [""; 0]);
}

#[test]
fn idle_timer_stands_still_while_the_room_reconnects() {
    let mut receiver = Receiver::new();
    receiver.open();
    receiver.pass(Duration::from_secs(4));
    receiver.session.room_reconnecting(true, receiver.now);
    receiver.session.room_reconnecting(true, receiver.now);
    assert_eq!(receiver.session.poll_timeout(), None);
    receiver.pass(10 * IDLE);
    receiver.session.room_reconnecting(false, receiver.now);
    receiver.pass(Duration::from_millis(5_999));
    assert_eq!(receiver.events(), ["start 1"]);
    receiver.pass(Duration::from_millis(1));
    assert_eq!(receiver.events(), ["end 1 TimedOut 0"]);
}

#[test]
fn a_chunk_that_arrives_while_the_room_reconnects_counts() {
    let mut receiver = Receiver::new();
    receiver.open();
    receiver.session.room_reconnecting(true, receiver.now);
    receiver.pass(IDLE / 2);
    receiver.frames(1);
    receiver.pass(IDLE / 2);
    receiver.session.room_reconnecting(false, receiver.now);
    assert_eq!(receiver.session.poll_timeout(), Some(receiver.now + IDLE));
}

#[test]
fn idle_timer_stands_still_while_the_application_holds_the_sender_back() {
    let mut receiver = Receiver::with_queue(QueuePolicy::Block, 1, 1000);
    receiver.open();
    receiver.frames(1);
    assert!(receiver.session.is_full());
    receiver.pass(5 * IDLE);
    assert_eq!(receiver.events(), ["start 1", "frame 1.0"]);
    assert!(!receiver.session.is_full());
    receiver.pass(IDLE);
    assert_eq!(receiver.events(), [""; 0], "the whole time-out anew");
    receiver.pass(IDLE);
    assert_eq!(receiver.events(), ["end 1 TimedOut 1"]);
}

#[test]
fn sender_leaves() {
    let mut receiver = Receiver::new();
    receiver.open();
    receiver.frames(1);
    receiver.session.participant_left("bob", receiver.now);
    receiver.session.participant_left("alice", receiver.now);
    receiver.frames(1);
    assert_eq!(receiver.events(), ["start 1", "frame 1.0", "end 1 SenderLeft 1", "sender gone"]);
    receiver.session.participant_joined("alice", true);
    receiver.segment(0);
    assert_eq!(receiver.events(), ["sender alice", "start 2", "end 2 Flushed 0"]);
}

#[test]
fn header_lost_is_nothing_but_counted() {
    let mut receiver = Receiver::new();
    receiver.session.chunk(StreamKey(99), 7, &[0; 8], receiver.now);
    receiver.session.stream_closed(StreamKey(99), StreamEnd { reason: "", attributes: None }, receiver.now);
    assert_eq!(receiver.events(), [""; 0]);
    assert_eq!(receiver.session.stats().chunks_unknown, 1);
}

#[test]
fn stream_that_ends_inside_a_frame_is_truncated() {
    let mut receiver = Receiver::new();
    receiver.open();
    receiver.chunk(&[0; FRAME_BYTES + 1]);
    receiver.trailer();
    assert_eq!(receiver.events(), ["start 1", "frame 1.0", "end 1 Truncated 1"]);
    assert_eq!(receiver.session.stats().dropped_truncated, 1);
}

#[test]
fn stream_broken_off_by_its_sender_is_truncated() {
    let mut receiver = Receiver::new();
    receiver.open();
    receiver.frames(1);
    receiver.session.stream_closed(receiver.stream, StreamEnd { reason: "aborted", attributes: None }, receiver.now);
    assert_eq!(receiver.events(), ["start 1", "frame 1.0", "end 1 Truncated 1"]);
}

#[test]
fn full_reconnect_truncates() {
    let mut receiver = Receiver::new();
    receiver.open();
    receiver.session.room_restarted();
    receiver.session.room_restarted();
    assert_eq!(receiver.events(), ["start 1", "end 1 Truncated 0"]);
}

#[test]
fn closed_room_disconnects_and_closed_receiver_closes() {
    for (close, cause) in [(true, "Closed"), (false, "Disconnected")] {
        let mut receiver = Receiver::new();
        receiver.open();
        receiver.frames(1);
        if close {
            receiver.session.close();
        }
        receiver.session.room_closed();
        receiver.session.close();
        assert_eq!(receiver.session.clear_requested("alice"), Answer::Reject);
        assert!(!receiver.open_from("alice", &attributes(2)));
        assert_eq!(receiver.events(), ["start 1", "frame 1.0", &format!("end 1 {cause} 1")]);
    }
}

#[test]
fn bad_streams_are_refused_with_one_error_until_a_good_one_comes() {
    let mut receiver = Receiver::new();
    let nonsense = HashMap::from([("width".to_owned(), "-1".to_owned())]);
    let empty = HashMap::from([("width".to_owned(), "0".to_owned())]);
    let unknown_type = HashMap::from([("type".to_owned(), "11".to_owned())]);
    let large = attributes(251);
    for _ in 0..10 {
        for bad in [&nonsense, &empty, &unknown_type, &large] {
            assert!(!receiver.open_from("alice", bad));
        }
    }
    receiver.frames(1);
    assert_eq!(receiver.events(), ["error BadStream", "error FrameTooLarge"]);
    assert_eq!(receiver.session.stats().streams_refused, 40);
    receiver.segment(0);
    assert!(!receiver.open_from("alice", &large));
    assert_eq!(receiver.events(), ["start 1", "end 1 Flushed 0", "error FrameTooLarge"]);
}

#[test]
fn a_refused_stream_changes_nothing() {
    let mut receiver = Receiver::new();
    receiver.open();
    let open = StreamOpened { stream: StreamKey(50), sender: "alice", attributes: &attributes(9999) };
    assert!(!receiver.session.stream_opened(open, receiver.now));
    let foreign = StreamOpened { stream: StreamKey(51), sender: "mallory", attributes: &attributes(2) };
    assert!(!receiver.session.stream_opened(foreign, receiver.now));
    receiver.frames(1);
    receiver.trailer();
    assert_eq!(receiver.events(), ["start 1", "error FrameTooLarge", "frame 1.0", "end 1 Flushed 1"]);
}

#[test]
fn a_given_sender_is_there_with_its_first_stream_before_its_arrival_is_announced() {
    let mut receiver = Receiver::listening(Some("alice"), QueuePolicy::DropOldest, 9, 999);
    assert_eq!(receiver.session.sender(), None);
    receiver.segment(1);
    assert_eq!(receiver.session.sender(), Some("alice"));
    receiver.session.participant_joined("alice", false);
    assert_eq!(receiver.events(), ["sender alice", "start 1", "frame 1.0", "end 1 Flushed 1"]);
}

#[test]
fn without_an_identity_the_first_agent_is_the_sender() {
    let mut receiver = Receiver::listening(None, QueuePolicy::DropOldest, 9, 999);
    receiver.session.participant_joined("person", false);
    assert!(!receiver.open_from("person", &attributes(2)));
    assert_eq!(receiver.session.clear_requested("person"), Answer::Reject);
    for agent in ["first", "second", "first", "third"] {
        receiver.session.participant_joined(agent, true);
    }
    assert!(!receiver.open_from("second", &attributes(2)));
    assert!(receiver.open_from("first", &attributes(2)));
    assert_eq!(receiver.events(), ["sender first", "start 1"]);
    receiver.session.participant_left("second", receiver.now);
    receiver.session.participant_left("first", receiver.now);
    assert_eq!(receiver.session.sender(), Some("third"));
    assert!(receiver.open_from("third", &attributes(2)));
    receiver.session.participant_left("third", receiver.now);
    let expected = ["end 1 SenderLeft 0", "sender third", "start 2", "end 2 SenderLeft 0", "sender gone"];
    assert_eq!(receiver.events(), expected);
}
