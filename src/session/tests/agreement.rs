// SPDX-License-Identifier: Apache-2.0
//! Who speaks which version: hellos, their answers and their absence.

use super::pair::{configs, session, Packet, Pair, ALICE};
use super::*;
use crate::session::agreement::REPEAT;
use crate::wire::v1::control::{Body, Control};
use crate::wire::v1::hello::{HelloAnswer, HelloRequest};
use crate::wire::v1::{Codec, Label};

fn apart() -> Pair {
    let (output, receiver) = configs();
    Pair::apart(output, receiver)
}

fn count(pair: &Pair, what: &str) -> usize {
    pair.said.iter().filter(|said| *said == what).count()
}

#[test]
fn frames_wait_for_the_answer() {
    let mut pair = apart();
    pair.delay = Duration::from_millis(100);
    pair.join();
    pair.send(2);
    assert_eq!(pair.output.stats().version, None);
    assert!(!pair.said.contains(&"open 1".to_owned()));
    pair.pass(Duration::from_millis(400));
    assert_eq!(pair.received(), ["sender alice", "start 1", "frame 1.0", "frame 1.1"]);
    assert_eq!(pair.output.stats().version, Some(1));
    assert_eq!(count(&pair, "hello"), 1, "{:?}", pair.said);
}

#[test]
fn unknown_method_means_version_0_at_once() {
    let mut pair = apart();
    pair.knows_hello = false;
    pair.lose = Box::new(|packet| matches!(packet, Packet::ToSender(_)));
    pair.join();
    pair.send(1);
    pair.flush();
    pair.pass(IDLE * 2);
    pair.send(1);
    pair.flush();
    let expected =
        ["sender alice", "start 1", "frame 1.0", "end 1 Flushed 1", "start 2", "frame 2.0", "end 2 Flushed 1"];
    assert_eq!(pair.received(), expected);
    assert_eq!((count(&pair, "hello"), pair.output.stats().version), (1, Some(0)));
    assert_eq!(pair.told(), [""; 0], "in silence");
}

#[test]
fn ready_heals_a_hello_that_came_too_early() {
    let mut pair = apart();
    pair.knows_hello = false;
    pair.output.transport_ready(true);
    pair.output.destination_present(true, pair.now);
    pair.run();
    assert_eq!(pair.output.stats().version, Some(0));
    pair.knows_hello = true;
    pair.receiver.participant_joined(ALICE, false);
    pair.run();
    assert_eq!(pair.output.stats().version, Some(1));
    assert_eq!(count(&pair, "ready"), 1);
}

#[test]
fn ready_inside_a_segment_of_version_0_counts_for_the_next() {
    let mut pair = apart();
    pair.knows_hello = false;
    pair.output.transport_ready(true);
    pair.output.destination_present(true, pair.now);
    pair.send(1);
    pair.knows_hello = true;
    pair.receiver.participant_joined(ALICE, false);
    pair.send(1);
    assert_eq!(pair.output.stats().version, Some(0));
    pair.flush();
    pair.send(1);
    assert_eq!(pair.output.stats().version, Some(1));
    pair.flush();
    let expected = ["sender alice", "start 1", "frame 1.0", "frame 1.1", "end 1 Flushed 2"];
    assert_eq!(pair.received(), [&expected[..], &["start 2", "frame 2.0", "end 2 Flushed 1"]].concat());
    // Each segment is finished in the version in which it was sent.
    for segment in [1, 2] {
        pair.receiver.notify_playback_finished(segment, 5, false).unwrap();
    }
    pair.run();
    assert_eq!(pair.told(), ["finished 1 5", "finished 2 5"]);
}

#[test]
fn ready_that_crosses_the_hello_costs_no_frame() {
    let mut pair = Pair::new();
    pair.send(1);
    let ready = Control { label: Label::default(), body: Body::Ready { receiver: session(9) } };
    pair.output.control(true, &ready, pair.now);
    pair.send(1);
    assert_eq!((count(&pair, "hello"), pair.output.stats().segments_resumed), (0, 0), "{:?}", pair.said);
    pair.pass(Duration::from_secs(1));
    pair.output.control(true, &ready, pair.now);
    pair.send(1);
    assert_eq!((count(&pair, "hello"), pair.output.stats().segments_resumed), (1, 1), "{:?}", pair.said);
    assert_eq!(pair.received(), ["start 1", "frame 1.0", "frame 1.1", "frame 1.2"]);
}

#[test]
fn ready_is_repeated_until_hello_comes() {
    let mut pair = apart();
    pair.lose = Box::new(|packet| matches!(packet, Packet::ToSender(_)));
    pair.receiver.participant_joined(ALICE, false);
    pair.pass(IDLE);
    assert_eq!(count(&pair, "ready"), 3);
}

#[test]
fn three_hellos_of_two_seconds_then_version_0_for_a_segment() {
    let mut pair = apart();
    pair.calls_fail = true;
    pair.lose = Box::new(|packet| matches!(packet, Packet::ToSender(_)));
    pair.join();
    pair.send(1);
    pair.pass(Duration::from_millis(3999));
    assert_eq!((count(&pair, "hello"), pair.output.stats().version), (2, None));
    pair.pass(Duration::from_millis(1));
    assert_eq!((count(&pair, "hello"), pair.output.stats().version), (3, Some(0)));
    assert_eq!(pair.received(), ["sender alice", "start 1", "frame 1.0"]);
    pair.calls_fail = false;
    pair.pass(IDLE / 2);
    assert_eq!(count(&pair, "hello"), 3, "not inside a segment");
    pair.flush();
    assert_eq!((count(&pair, "hello"), pair.output.stats().version), (4, Some(1)));
}

/// The hello that is due now.
fn hello(pair: &mut Pair) -> (CallId, HelloRequest) {
    let request = std::iter::from_fn(|| pair.output.poll_request(pair.now));
    let hello = request.last().expect("a hello is due");
    let OutputRequest::Hello { id, message } = hello else { panic!("{hello:?}") };
    (id, message)
}

#[test]
fn hello_that_is_lost_in_silence_is_said_again_soon_and_any_answer_will_do() {
    for answered in [0, 1] {
        let mut pair = apart();
        pair.output.transport_ready(true);
        pair.output.destination_present(true, pair.now);
        let first = hello(&mut pair);
        assert_eq!(pair.output.poll_timeout(), Some(pair.now + REPEAT));
        pair.now += REPEAT;
        let second = hello(&mut pair);
        assert_eq!(pair.output.poll_timeout(), None, "once");
        let (id, message) = if answered == 0 { &first } else { &second };
        let answer = pair.receiver.hello(ALICE, message, pair.now).unwrap();
        pair.output.hello_answered(*id, Ok(answer), pair.now);
        assert_eq!(pair.output.stats().version, Some(1));
        for (id, _) in [first, second] {
            pair.output.hello_answered(id, Err(HelloFailure::Unsupported), pair.now);
        }
        assert_eq!(pair.output.stats().version, Some(1), "what comes late changes nothing");
    }
}

#[test]
fn repeated_hello_does_not_lengthen_the_wait_for_who_never_answers() {
    let mut pair = apart();
    pair.output.transport_ready(true);
    pair.output.destination_present(true, pair.now);
    let begin = pair.now;
    for _ in 0..3 {
        let (first, _) = hello(&mut pair);
        pair.now += REPEAT;
        let (second, _) = hello(&mut pair);
        assert_eq!(pair.output.stats().version, None);
        pair.now += HELLO_ANSWER_TIMEOUT - REPEAT;
        pair.output.hello_answered(first, Err(HelloFailure::Failed("late".to_owned())), pair.now);
        pair.output.hello_answered(second, Err(HelloFailure::Failed("late".to_owned())), pair.now);
    }
    assert_eq!((pair.output.stats().version, pair.now - begin), (Some(0), 3 * HELLO_ANSWER_TIMEOUT));
}

#[test]
fn ready_while_a_hello_is_on_its_way_has_it_said_again() {
    let mut pair = apart();
    pair.output.transport_ready(true);
    pair.output.destination_present(true, pair.now);
    hello(&mut pair);
    pair.now += REPEAT;
    hello(&mut pair);
    let ready = Control { label: Label::default(), body: Body::Ready { receiver: session(2) } };
    (0..100).for_each(|_| pair.output.control(true, &ready, pair.now));
    assert_eq!(pair.output.poll_request(pair.now), None, "a flood of them is one");
    pair.now += REPEAT;
    hello(&mut pair);
    assert_eq!(pair.output.poll_request(pair.now), None);
}

#[test]
fn hellos_of_another_connection_do_not_count() {
    let mut pair = apart();
    pair.calls_fail = true;
    pair.lose = Box::new(|packet| matches!(packet, Packet::ToSender(_)));
    pair.join();
    pair.pass(HELLO_ANSWER_TIMEOUT);
    assert_eq!(count(&pair, "hello"), 2);
    pair.output.room_restarted(pair.now);
    pair.pass(2 * HELLO_ANSWER_TIMEOUT - Duration::from_millis(1));
    assert_eq!((count(&pair, "hello"), pair.output.stats().version), (4, None));
}

#[test]
fn sender_that_sends_is_not_told_that_we_are_here() {
    let mut pair = Pair::new();
    pair.send(1);
    pair.output.room_restarted(pair.now);
    pair.run();
    // Its hello was sooner than the news of its return.
    pair.receiver.participant_left(ALICE, pair.now);
    pair.receiver.participant_joined(ALICE, false);
    pair.run();
    pair.send(1);
    pair.pass(IDLE);
    pair.send(1);
    assert_eq!((count(&pair, "ready"), count(&pair, "hello")), (1, 1), "{:?}", pair.said);
    assert_eq!(pair.receiver.stats().segments_resumed, 1);
    assert_eq!(pair.received(), ["start 1", "frame 1.0", "frame 1.1", "frame 1.2"]);
}

#[test]
fn destination_that_never_answers_is_asked_less() {
    let mut pair = apart();
    pair.calls_fail = true;
    pair.lose = Box::new(|packet| matches!(packet, Packet::ToSender(_)));
    pair.join();
    for _ in 0..6 {
        pair.send(1);
        pair.flush();
        pair.pass(IDLE);
    }
    assert_eq!(count(&pair, "hello"), 5);
    assert_eq!(pair.output.stats().version, Some(0));
    assert_eq!(pair.receiver.stats().segments_ended, 6);
}

#[test]
fn receiver_that_is_not_ready_is_asked_again() {
    let mut pair = apart();
    let config = ReceiverConfig { sender: None, ..configs().1 };
    pair.receiver = ReceiverSession::new(config, FramePool::default());
    pair.output.transport_ready(true);
    pair.output.destination_present(true, pair.now);
    pair.send(1);
    assert!(pair.said.contains(&"hello answered not_ready".to_owned()));
    pair.receiver.participant_joined(ALICE, true);
    pair.run();
    assert_eq!(pair.received(), ["sender alice", "start 1", "frame 1.0"]);
}

#[test]
fn lost_ready_is_made_up_for() {
    let mut pair = apart();
    let config = ReceiverConfig { sender: None, ..configs().1 };
    pair.receiver = ReceiverSession::new(config, FramePool::default());
    pair.lose = Box::new(|packet| matches!(packet, Packet::ToSender(_)));
    pair.output.transport_ready(true);
    pair.output.destination_present(true, pair.now);
    pair.send(1);
    pair.receiver.participant_joined(ALICE, true);
    pair.pass(IDLE);
    assert_eq!(pair.received(), ["sender alice", "start 1", "frame 1.0"]);
}

#[test]
fn who_listens_to_others_rejects() {
    let mut pair = apart();
    let config = ReceiverConfig { sender: Some("carol".to_owned()), ..configs().1 };
    pair.receiver = ReceiverSession::new(config, FramePool::default());
    pair.join();
    pair.send(1);
    assert_eq!(pair.told(), ["error Refused the destination listens to somebody else"]);
    assert_eq!(pair.received(), [""; 0]);
}

#[test]
fn label_needs_version_1() {
    let mut pair = apart();
    pair.output = OutputSession::new(OutputConfig { label: Label::new("left").unwrap(), ..configs().0 });
    pair.knows_hello = false;
    pair.join();
    pair.send(1);
    assert_eq!(pair.told(), ["error Unsupported the destination does not know labels"]);
    assert_eq!(pair.received(), ["sender alice"]);
}

#[test]
fn receiver_of_version_0_does_not_answer_hellos() {
    let config = ReceiverConfig { receiver: None, ..configs().1 };
    let mut receiver = ReceiverSession::new(config, FramePool::default());
    let hello = HelloRequest {
        version: 1,
        label: Label::default(),
        session: session(1),
        codecs: vec![Codec::Raw],
        features: Vec::new(),
        ended: Vec::new(),
    };
    assert_eq!(receiver.hello(ALICE, &hello, start()), None);
}

#[test]
fn peer_without_our_codec_is_told_and_asked_again() {
    let mut pair = apart();
    pair.output.transport_ready(true);
    pair.output.destination_present(true, pair.now);
    let Some(OutputRequest::Hello { id, message }) = pair.output.poll_request(pair.now) else { panic!("no hello") };
    let Some(HelloAnswer::Ok(accepted)) = pair.receiver.hello(ALICE, &message, pair.now) else { panic!("no answer") };
    let accepted = crate::wire::v1::hello::Accepted { codecs: Vec::new(), ..accepted };
    pair.output.hello_answered(id, Ok(HelloAnswer::Ok(accepted)), pair.now);
    assert_eq!(pair.told(), ["error Unsupported the destination does not take raw frames"]);
    assert_eq!(pair.output.poll_timeout(), Some(pair.now + IDLE));
}

#[test]
fn frames_that_the_receiver_does_not_take_are_dropped_and_told_once() {
    let mut pair = apart();
    let config = ReceiverConfig { max_frame_bytes: 8, ..configs().1 };
    pair.receiver = ReceiverSession::new(config, FramePool::default());
    pair.join();
    pair.run();
    (0..2).for_each(|_| pair.output.send_frame(frame(3, 0), pair.now).unwrap());
    pair.send(1);
    assert_eq!(pair.received(), ["sender alice", "start 1", "frame 1.0"]);
    assert_eq!(pair.told(), ["error Unsupported the receiver takes no frames of this type or size"]);
    assert_eq!(pair.output.stats().dropped_unsupported, 2);
}

#[test]
fn replaced_receiver_starts_with_the_next_segment() {
    let mut pair = Pair::new();
    pair.send(1);
    pair.replace_receiver(9);
    pair.run();
    assert_eq!(pair.told(), ["finished 1 0 interrupted made up"]);
    pair.send(1);
    assert_eq!(pair.received(), ["sender alice", "start 1", "frame 1.0"]);
    assert!(pair.said.contains(&"open 2".to_owned()));
    assert_eq!(count(&pair, "hello"), 1, "it need not hear of the segment that is over");
}

#[test]
fn receiver_that_does_not_return_is_given_up() {
    let mut pair = Pair::new();
    pair.send(1);
    pair.output.destination_present(false, pair.now);
    pair.pass(Duration::from_secs(4));
    assert_eq!(pair.told(), [""; 0]);
    pair.pass(Duration::from_secs(1));
    assert_eq!(pair.told(), ["finished 1 0 interrupted made up"]);
}

#[test]
fn receiver_that_returns_and_is_silent_is_given_up() {
    let mut pair = Pair::new();
    pair.send(1);
    pair.restart_receiver();
    pair.calls_fail = true;
    pair.pass(Duration::from_secs(29));
    assert_eq!(pair.told(), [""; 0]);
    pair.pass(Duration::from_secs(10));
    assert_eq!(pair.told(), ["finished 1 0 interrupted made up"]);
    assert_eq!(pair.output.stats().version, Some(0));
}

#[test]
fn nothing_is_due_for_a_sender_that_has_left() {
    let mut pair = apart();
    pair.lose = Box::new(|packet| matches!(packet, Packet::ToSender(_)));
    pair.receiver.participant_joined(ALICE, false);
    pair.run();
    pair.receiver.participant_left(ALICE, pair.now);
    assert_eq!(pair.receiver.poll_timeout(), None);
    pair.pass(IDLE);
    assert_eq!(count(&pair, "ready"), 1);
}

#[test]
fn stream_that_is_lost_while_it_is_being_opened_is_opened_again() {
    let mut pair = Pair::new();
    pair.output.send_frame(frame(2, 0), pair.now).unwrap();
    assert!(matches!(pair.output.poll_action(pair.now), Some(OutputAction::OpenStream { .. })));
    pair.restart_sender();
    pair.run();
    pair.output.stream_opened(Ok(()), pair.now);
    pair.pass(IDLE);
    assert_eq!(pair.received(), ["sender alice", "start 1", "frame 1.0"]);
    assert_eq!(pair.told(), ["finished 1 0 interrupted"]);
}

#[test]
fn nothing_is_asked_while_the_room_reconnects() {
    let mut pair = apart();
    pair.output.room_reconnecting(true, pair.now);
    pair.join();
    pair.send(1);
    pair.pass(IDLE * 2);
    assert_eq!((count(&pair, "hello"), pair.output.stats().version), (0, None), "silence would say nothing");
    pair.output.room_reconnecting(false, pair.now);
    pair.run();
    assert_eq!((count(&pair, "hello"), pair.output.stats().version), (1, Some(1)));
}

#[test]
fn receiver_is_not_given_up_while_our_own_room_reconnects() {
    for answers in [true, false] {
        let mut pair = Pair::new();
        pair.send(1);
        pair.flush();
        pair.restart_receiver();
        pair.calls_fail = true;
        pair.pass(Duration::from_secs(4));
        pair.output.room_reconnecting(true, pair.now);
        pair.pass(Duration::from_secs(60));
        assert_eq!(pair.told(), [""; 0], "our silence says nothing about it");
        pair.calls_fail = !answers;
        pair.output.room_restarted(pair.now);
        pair.output.room_reconnecting(false, pair.now);
        pair.pass(Duration::from_secs(29));
        assert_eq!(pair.told(), [""; 0], "it has its time anew");
        pair.pass(Duration::from_secs(10));
        let given_up: &[&str] = if answers { &[] } else { &["finished 1 0 interrupted made up"] };
        assert_eq!(pair.told(), given_up);
        assert_eq!(pair.output.stats().version, Some(u32::from(answers)));
    }
}

#[test]
fn refusal_of_a_hello_does_not_settle_one_that_was_said_after_it() {
    let lost = || Err(HelloFailure::Failed("lost".to_owned()));
    for (refused_first, heard) in [(true, true), (true, false), (false, false)] {
        let mut pair = apart();
        pair.output.transport_ready(true);
        pair.output.destination_present(true, pair.now);
        let (first, _) = hello(&mut pair);
        pair.now += REPEAT;
        let (second, message) = hello(&mut pair);
        let ok = pair.receiver.hello(ALICE, &message, pair.now).unwrap();
        let answer = if heard { Ok(ok) } else { lost() };
        let mut answers = [(first, Ok(HelloAnswer::NotReady)), (second, answer)];
        if !refused_first {
            answers.reverse();
        }
        for (id, answer) in answers {
            assert_eq!((pair.output.stats().version, pair.output.poll_timeout()), (None, None), "one is on its way");
            pair.output.hello_answered(id, answer, pair.now);
        }
        assert_eq!(pair.output.stats().version, heard.then_some(1));
        assert_eq!(pair.output.poll_timeout().is_some(), !heard, "it is asked again");
    }
}

#[test]
fn version_0_in_between_is_not_finished_in_version_1() {
    let mut pair = Pair::new();
    pair.send(1);
    pair.flush();
    pair.knows_hello = false;
    pair.output.room_restarted(pair.now);
    pair.send(1);
    pair.flush();
    pair.knows_hello = true;
    let ready = Control { label: Label::default(), body: Body::Ready { receiver: session(2) } };
    pair.output.control(true, &ready, pair.now);
    pair.send(1);
    pair.flush();
    assert!(pair.spoke_v0 && pair.said.contains(&"open 3".to_owned()));
    assert_eq!(pair.told(), ["finished 1 0 interrupted made up"]);
    assert_eq!(pair.output.stats().playback_unmatched, 0);
}
