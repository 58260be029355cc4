// SPDX-License-Identifier: Apache-2.0
//! Clears as the output performs them: the RPC, then the trailer, then what comes next.

use super::*;

#[test]
fn clear_with_an_open_stream() {
    let mut output = Output::new();
    output.send(2);
    assert_eq!(output.run(), ["open 1 2px", "write 1.0", "write 1.1"]);
    output.session.clear(output.now);
    assert_eq!(output.poll().as_deref(), Some("clear"));
    output.send(1);
    assert_eq!(output.poll(), None, "nothing before the answer");
    output.answer(Ok(()));
    assert_eq!(output.run(), ["close 1", "open 2 2px", "write 2.0"]);
}

#[test]
fn clear_inside_a_frame_stops_writing() {
    let mut output = Output::new();
    output.send(3);
    assert_eq!(output.poll().as_deref(), Some("open 1 2px"));
    output.answer(Ok(()));
    assert_eq!(output.poll().as_deref(), Some("write 1.0"));
    assert!(!output.session.is_cancelled(1));
    output.session.clear(output.now);
    assert!(output.session.is_cancelled(1));
    output.send(1);
    assert_eq!(output.run(), ["clear", "close 1", "open 2 2px", "write 2.0"]);
    let stats = output.session.stats();
    assert_eq!((stats.dropped_cleared, stats.frames_sent, stats.frames_accepted), (3, 1, 4));
    assert_eq!(output.events(), [""; 0], "a cancelled write is no error");
}

#[test]
fn clear_while_the_stream_is_being_opened() {
    let mut output = Output::new();
    output.send(1);
    assert_eq!(output.poll().as_deref(), Some("open 1 2px"));
    output.session.clear(output.now);
    output.send(1);
    assert_eq!(output.run(), ["clear", "close 1", "open 2 2px", "write 2.0"]);
}

#[test]
fn clear_while_the_stream_is_being_closed() {
    let mut output = Output::new();
    output.send(1);
    output.session.flush();
    for _ in 0..2 {
        output.poll();
        output.answer(Ok(()));
    }
    assert_eq!(output.poll().as_deref(), Some("close 1"));
    output.session.clear(output.now);
    output.send(1);
    assert_eq!(output.run(), ["clear", "open 2 2px", "write 2.0"]);
}

#[test]
fn clear_with_a_closed_stream_still_tells_the_receiver() {
    let mut output = Output::new();
    output.send(1);
    output.session.flush();
    output.run();
    output.session.clear(output.now);
    assert!(!output.session.is_idle());
    assert_eq!(output.run(), ["clear"]);
    assert!(output.session.is_idle());
}

#[test]
fn double_clear_is_one_rpc() {
    let mut output = Output::new();
    output.send(1);
    output.run();
    output.session.clear(output.now);
    output.session.clear(output.now);
    assert_eq!(output.poll().as_deref(), Some("clear"));
    output.send(2);
    output.session.clear(output.now);
    assert_eq!(output.run(), ["close 1"]);
    assert_eq!(output.session.stats().dropped_cleared, 2);
    output.session.clear(output.now);
    assert_eq!(output.run(), ["clear"]);
}

#[test]
fn clear_drops_queued_flushes_too() {
    let mut output = Output::new();
    output.send(1);
    output.run();
    output.session.flush();
    output.send(1);
    output.session.flush();
    output.session.clear(output.now);
    output.session.flush();
    assert_eq!(output.run(), ["clear", "close 1"]);
    assert!(output.session.is_idle());
}

#[test]
fn failed_clear_is_told_and_the_stream_ends_all_the_same() {
    let mut output = Output::new();
    output.send(1);
    output.run();
    output.session.clear(output.now);
    output.poll();
    output.answer(Err("no answer".to_owned()));
    assert_eq!(output.run(), ["close 1 cleared"]);
    assert_eq!(output.events(), ["error Rpc no answer"]);
}

#[test]
fn clear_waits_for_the_room_and_not_for_an_absent_destination() {
    let mut output = Output::new();
    output.session.transport_ready(false);
    output.session.clear(output.now);
    assert_eq!(output.run(), [""; 0]);
    output.session.transport_ready(true);
    assert_eq!(output.run(), ["clear"]);

    output.session.clear(output.now);
    output.session.destination_present(false, output.now);
    output.session.clear(output.now);
    output.session.destination_present(true, output.now);
    assert_eq!(output.run(), [""; 0]);
}

#[test]
fn a_segment_whose_clear_never_went_out_does_not_end_as_whole() {
    let mut output = Output::new();
    output.send(1);
    output.run();
    output.session.clear(output.now);
    output.session.close();
    assert_eq!(output.run(), ["close 1 cleared"]);

    let mut output = Output::new();
    output.send(1);
    output.run();
    output.session.clear(output.now);
    output.session.destination_present(false, output.now);
    assert_eq!(output.run(), ["close 1 cleared"]);
}
