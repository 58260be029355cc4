// SPDX-License-Identifier: Apache-2.0
//! Situation: a room ends while remote calls are under way. Every call has exactly one outcome and nobody hangs.
#![allow(clippy::unwrap_used, clippy::panic)] // Helpers fail their tests.

use lkvideo::driver::{DriverError, Room, RoomOptions, RpcInvocation, Wait};
use std::{sync::mpsc, time::Duration};

const LIMIT: Duration = Duration::from_secs(20);
const SOON: Wait = Wait::For(LIMIT);

fn join(room: &str, identity: &str) -> Room {
    Room::connect(&format!("loopback:{room}?identity={identity}"), "", RoomOptions::default()).unwrap()
}

type Outcome = Result<String, DriverError>;

/// A caller and a callee whose method keeps its calls unanswered.
fn unanswered(room: &str) -> (Room, mpsc::Receiver<Outcome>, Room, RpcInvocation) {
    let (caller, callee) = (join(room, "caller"), join(room, "callee"));
    let (keep, kept) = mpsc::channel();
    callee.register_rpc_method("wait", Box::new(move |call| keep.send(call).unwrap())).unwrap();
    let (tell, told) = mpsc::channel();
    let done = Box::new(move |outcome| tell.send(outcome).unwrap());
    caller.perform_rpc("callee", "wait", String::new(), SOON, done).unwrap();
    (caller, told, callee, kept.recv_timeout(LIMIT).unwrap())
}

#[test]
fn a_caller_hears_at_once_that_its_callee_has_left() {
    let (_caller, told, callee, call) = unanswered("callee-leaves");
    callee.close();
    assert!(matches!(told.recv_timeout(LIMIT).unwrap(), Err(DriverError::NoDestination(_))));
    callee.join();
    assert_eq!(call.answer("late".into()), Err(DriverError::Closed));
}

#[test]
fn a_call_of_a_room_that_closes_ends_before_its_last_callback() {
    let (caller, told, _callee, _call) = unanswered("caller-leaves");
    caller.close();
    caller.join();
    assert_eq!(told.try_recv().unwrap(), Err(DriverError::Closed));
    assert!(told.try_recv().is_err(), "once");
}

#[test]
fn a_closed_room_refuses_calls_and_methods() {
    let room = join("calls-closed", "caller");
    room.close();
    let refused = room.perform_rpc("callee", "wait", String::new(), SOON, Box::new(|_| panic!("it was refused")));
    assert_eq!(refused, Err(DriverError::Closed));
    assert_eq!(room.register_rpc_method("wait", Box::new(drop)), Err(DriverError::Closed));
    room.join();
}
