// SPDX-License-Identifier: Apache-2.0
//! Payloads of all our calls and of their answers: JSON of anybody.
//!
//! What is taken survives being written and read again.
#![no_main]

use std::fmt::Debug;

use libfuzzer_sys::fuzz_target;
use lkvideo::wire::v1::hello::{HelloAnswer, HelloRequest};
use lkvideo::wire::v1::rpc::{Clear, PlaybackFinished, PlaybackStarted};
use lkvideo::wire::{v0, WireError};

fuzz_target!(|payload: &str| {
    check(payload, v0::PlaybackFinished::parse, v0::PlaybackFinished::to_json);
    check(payload, Clear::parse, Clear::to_json);
    check(payload, PlaybackStarted::parse, PlaybackStarted::to_json);
    check(payload, PlaybackFinished::parse, PlaybackFinished::to_json);
    check(payload, HelloRequest::parse, HelloRequest::to_json);
    check(payload, HelloAnswer::parse, HelloAnswer::to_json);
});

fn check<T: Debug + PartialEq>(payload: &str, parse: fn(&str) -> Result<T, WireError>, write: fn(&T) -> String) {
    if let Ok(value) = parse(payload) {
        assert_eq!(parse(&write(&value)), Ok(value));
    }
}
