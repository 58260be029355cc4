// SPDX-License-Identifier: Apache-2.0
//! The library's own calls and messages, of both versions: which receiver or output each is for, and what is answered.
//!
//! LiveKit has one handler for each method, and a room has many receivers and outputs: they are told apart by the
//! caller, and in version 1 by the label. Nothing that comes in here is ever shown to the application. What is refused is
//! counted by the receivers and outputs whose counterpart the caller is, or if it is nobody's, by all.

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
        let taken = match method {
            METHOD_HELLO => return Some(self.hello(caller, payload)),
            v0::METHOD_CLEAR_BUFFER if payload.is_empty() => return Some(Ok(answer(self.clear_requested(caller)))),
            v0::METHOD_CLEAR_BUFFER => self.clear(caller, payload),
            METHOD_PLAYBACK_STARTED => self.playback_started(caller, payload),
            v0::METHOD_PLAYBACK_FINISHED => self.playback_finished(caller, payload),
            _ => return None,
        };
        if !matches!(taken, Ok(true)) {
            self.count_refused(caller);
        }
        Some(taken.map(answer).map_err(refused))
    }

    /// Another participant wants what it sent in version 0 to be dropped; whether a receiver listens to it.
    pub fn clear_requested(&self, caller: &str) -> bool {
        let receivers = self.receivers_of(&Label::default());
        let taken = receivers.iter().any(|receiver| receiver.clear_requested(caller));
        if !taken {
            self.count_refused(caller);
        }
        taken
    }

    /// A control message came. It may be for an output and for a receiver of ours.
    pub fn control(&self, caller: &str, payload: &[u8]) {
        let message = match Control::decode(payload) {
            Ok(Some(message)) => message,
            Ok(None) => return,
            Err(e) => {
                tracing::debug!("a control message of {caller} was refused: {e}");
                return self.count_refused(caller);
            }
        };
        let (mut receivers, mut outputs) = (self.receivers_of(&message.label), self.outputs_to(caller, &message.label));
        receivers.retain(|receiver| message.body.is_for_receivers() && receiver.listens_to(caller));
        outputs.retain(|_| message.body.is_for_senders());
        if receivers.is_empty() && outputs.is_empty() {
            return self.count_refused(caller);
        }
        receivers.iter().for_each(|receiver| receiver.control(caller, &message));
        outputs.iter().for_each(|output| output.control(&message));
    }

    /// A call or a control message of this participant was refused.
    pub fn count_refused(&self, caller: &str) {
        let (mut receivers, mut outputs) = (self.receivers(), self.outputs());
        let listens = |receiver: &Arc<ReceiverCore>| receiver.listens_to(caller);
        if receivers.iter().any(listens) || outputs.iter().any(|output| output.destination() == caller) {
            receivers.retain(listens);
            outputs.retain(|output| output.destination() == caller);
        }
        receivers.iter().for_each(|receiver| receiver.message_refused());
        outputs.iter().for_each(|output| output.message_refused());
    }

    fn hello(&self, caller: &str, payload: &str) -> Result<String, RpcFailure> {
        let hello = HelloRequest::parse(payload).inspect_err(|_| self.count_refused(caller)).map_err(refused)?;
        let receivers = self.receivers_of(&hello.label);
        let of_caller = receivers.iter().find(|receiver| receiver.wanted_sender() == Some(caller));
        let of_any = receivers.iter().find(|receiver| receiver.wanted_sender().is_none());
        let answer = match of_caller.or(of_any) {
            Some(receiver) => receiver.hello(caller, &hello),
            None if receivers.is_empty() => Some(HelloAnswer::NotReady),
            None => Some(HelloAnswer::Rejected),
        };
        if matches!(answer, Some(HelloAnswer::Rejected)) {
            self.count_refused(caller);
        }
        let unsupported = || RpcFailure::new(UNSUPPORTED_METHOD, "only version 0 is spoken here");
        answer.map(|answer| answer.to_json()).ok_or_else(unsupported)
    }

    fn clear(&self, caller: &str, payload: &str) -> Result<bool, WireError> {
        let message = rpc::Clear::parse(payload)?;
        let receivers = self.receivers_of(&message.label);
        // Each is told, whoever takes it.
        Ok(receivers.iter().filter(|receiver| receiver.segments_cleared(caller, &message)).count() > 0)
    }

    fn playback_started(&self, caller: &str, payload: &str) -> Result<bool, WireError> {
        let message = rpc::PlaybackStarted::parse(payload)?;
        let outputs = self.outputs_to(caller, &message.label);
        Ok(outputs.iter().any(|output| output.segment_playing(&message)))
    }

    /// A receiver of version 1 may still have segments of version 0 to finish.
    fn playback_finished(&self, caller: &str, payload: &str) -> Result<bool, WireError> {
        if rpc::PlaybackFinished::is_meant(payload) {
            let message = rpc::PlaybackFinished::parse(payload)?;
            let outputs = self.outputs_to(caller, &message.label);
            return Ok(outputs.iter().any(|output| output.segment_finished(&message)));
        }
        let message = v0::PlaybackFinished::parse(payload)?;
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
