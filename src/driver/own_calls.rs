// SPDX-License-Identifier: Apache-2.0
//! The library's own calls and messages, of both versions: which receiver or output each is for, and what is answered.
//!
//! LiveKit has one handler for each method, and a room has many receivers and outputs: they are told apart by the
//! caller, and in version 1 by the label. Nothing that comes in here is ever shown to the application.

use super::{
    output::OutputCore,
    receiver::ReceiverCore,
    room_core::RoomCore,
    rpc::{RpcFailure, APPLICATION_ERROR, UNSUPPORTED_METHOD},
};
use crate::wire::{
    v0,
    v1::{
        control::{Control, TOPIC_CONTROL},
        hello::{HelloAnswer, HelloRequest, METHOD_HELLO},
        rpc::{self, METHOD_PLAYBACK_STARTED},
        Label,
    },
    WireError,
};
use std::sync::Arc;

/// The methods that every room answers.
pub(super) const METHODS: [&str; 4] =
    [METHOD_HELLO, v0::METHOD_CLEAR_BUFFER, METHOD_PLAYBACK_STARTED, v0::METHOD_PLAYBACK_FINISHED];

/// Whether messages on this topic are ours.
pub(super) fn is_control(topic: &str) -> bool {
    topic == TOPIC_CONTROL
}

impl RoomCore {
    /// Another participant calls one of [`METHODS`]; `None`: it is another method.
    pub fn invoke_own(&self, method: &str, caller: &str, payload: &str) -> Option<Result<String, RpcFailure>> {
        let answered = match method {
            METHOD_HELLO => self.hello(caller, payload),
            v0::METHOD_CLEAR_BUFFER => self.clear(caller, payload).map(answer),
            METHOD_PLAYBACK_STARTED => self.playback_started(caller, payload).map(answer),
            v0::METHOD_PLAYBACK_FINISHED => self.playback_finished(caller, payload).map(answer),
            _ => return None,
        };
        Some(answered)
    }

    /// Another participant wants what it sent in version 0 to be dropped; whether a receiver listens to it.
    pub fn clear_requested(&self, caller: &str) -> bool {
        let receivers = self.receivers_of(&Label::default());
        receivers.iter().any(|receiver| receiver.clear_requested(caller))
    }

    /// A control message came. It may be for an output and for a receiver of ours: each takes what it is to know.
    pub fn control(&self, caller: &str, payload: &[u8]) {
        match Control::decode(payload) {
            Ok(Some(message)) => {
                for receiver in self.receivers_of(&message.label) {
                    receiver.control(caller, &message);
                }
                for output in self.outputs_to(caller, &message.label) {
                    output.control(&message);
                }
            }
            Ok(None) => {}
            Err(e) => tracing::info!("a control message of {caller} was refused: {e}"),
        }
    }

    fn hello(&self, caller: &str, payload: &str) -> Result<String, RpcFailure> {
        let hello = HelloRequest::parse(payload).map_err(refused)?;
        let receivers = self.receivers_of(&hello.label);
        let of_caller = receivers.iter().find(|receiver| receiver.wanted_sender() == Some(caller));
        let of_any = receivers.iter().find(|receiver| receiver.wanted_sender().is_none());
        let answer = match of_caller.or(of_any) {
            Some(receiver) => receiver.hello(caller, &hello),
            None if receivers.is_empty() => Some(HelloAnswer::NotReady),
            None => Some(HelloAnswer::Rejected),
        };
        let unsupported = || RpcFailure::new(UNSUPPORTED_METHOD, "only version 0 is spoken here");
        answer.map(|answer| answer.to_json()).ok_or_else(unsupported)
    }

    fn clear(&self, caller: &str, payload: &str) -> Result<bool, RpcFailure> {
        if payload.is_empty() {
            return Ok(self.clear_requested(caller));
        }
        let message = rpc::Clear::parse(payload).map_err(refused)?;
        let receivers = self.receivers_of(&message.label);
        // Each is told, whoever takes it.
        Ok(receivers.iter().filter(|receiver| receiver.segments_cleared(caller, &message)).count() > 0)
    }

    fn playback_started(&self, caller: &str, payload: &str) -> Result<bool, RpcFailure> {
        let message = rpc::PlaybackStarted::parse(payload).map_err(refused)?;
        let outputs = self.outputs_to(caller, &message.label);
        Ok(outputs.iter().any(|output| output.segment_playing(&message)))
    }

    /// A receiver of version 1 may still have segments of version 0 to finish.
    fn playback_finished(&self, caller: &str, payload: &str) -> Result<bool, RpcFailure> {
        if let Ok(message) = rpc::PlaybackFinished::parse(payload) {
            let outputs = self.outputs_to(caller, &message.label);
            return Ok(outputs.iter().any(|output| output.segment_finished(&message)));
        }
        let message = v0::PlaybackFinished::parse(payload).map_err(refused)?;
        let outputs = self.outputs_to(caller, &Label::default());
        Ok(outputs.iter().any(|output| output.playback_finished(&message)))
    }

    fn receivers_of(&self, label: &Label) -> Vec<Arc<ReceiverCore>> {
        let mut receivers = self.receivers();
        receivers.retain(|receiver| receiver.label() == label);
        receivers
    }

    fn outputs_to(&self, destination: &str, label: &Label) -> Vec<Arc<OutputCore>> {
        let mut outputs = self.outputs();
        outputs.retain(|output| output.destination() == destination && output.label() == label);
        outputs
    }
}

fn refused(e: WireError) -> RpcFailure {
    RpcFailure::new(APPLICATION_ERROR, e.to_string())
}

/// The answer to all calls but the hello: whether the caller is our counterpart.
pub(super) fn answer(taken: bool) -> String {
    if taken { v0::ANSWER_OK } else { v0::ANSWER_REJECT }.to_owned()
}
