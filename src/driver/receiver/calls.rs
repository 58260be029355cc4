// SPDX-License-Identifier: Apache-2.0
//! What a receiver says to its sender: the session's requests, as control messages, which are the room's to send, and as
//! calls about playback, which a task performs.
//!
//! Invariant: calls of version 0, which are known by their place only, wait each for the answer to the one before. Those of
//! version 1 begin in their order; a finish waits for the start of its segment.

use super::{ReceiverCore, Shared};
use crate::{
    driver::room_core::RoomCore,
    session::{NotifyAnswer, NotifyId, ReceiverRequest},
    wire::{
        v0,
        v1::{control::Control, rpc::METHOD_PLAYBACK_STARTED},
    },
};
use futures_util::{stream::FuturesUnordered, StreamExt as _};
use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::mpsc;

/// A playback-finished of version 0 that is not answered in this time has failed.
const NOTIFY_TIMEOUT: Duration = Duration::from_secs(10);
/// A call about playback in version 1, which is repeated. The answer waits at the sender behind the video that it has given
/// to the transport: seconds on a path that loses much. One that was given up too soon is answered `ok` in vain, and its
/// repetition finds a sender that has left.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);

/// Calls about playback on their way to the task that performs them.
pub(super) struct Calls {
    /// Of version 0, which knows them by their place only: each waits for the answer to the one before.
    one_by_one: mpsc::UnboundedSender<Call>,
    /// Of version 1: begun in their order, and at once but for what one says to wait for.
    at_once: mpsc::UnboundedSender<Call>,
}

/// The other end of [`Calls`].
pub(super) struct Queued {
    one_by_one: mpsc::UnboundedReceiver<Call>,
    at_once: mpsc::UnboundedReceiver<Call>,
}

impl Calls {
    pub(super) fn new() -> (Self, Queued) {
        let (one_by_one, in_turn) = mpsc::unbounded_channel();
        let (at_once, calls) = mpsc::unbounded_channel();
        (Self { one_by_one, at_once }, Queued { one_by_one: in_turn, at_once: calls })
    }
}

struct Call {
    id: NotifyId,
    /// It waits until that one was answered.
    after: Option<NotifyId>,
    destination: String,
    method: &'static str,
    payload: String,
    timeout: Duration,
}

/// A control message to send.
pub(super) struct Message {
    destination: String,
    message: Control,
    reliable: bool,
}

impl Shared {
    /// Passes on the calls that the session wants, and gives the messages.
    pub(super) fn requests(&mut self, now: Instant) -> Vec<Message> {
        let mut messages = Vec::new();
        while let Some(request) = self.session.poll_request(now) {
            let (in_turn, call) = match request {
                ReceiverRequest::Control { destination, message, reliable } => {
                    messages.push(Message { destination, message, reliable });
                    continue;
                }
                ReceiverRequest::PlaybackFinished { id, destination, message } => {
                    let (method, payload) = (v0::METHOD_PLAYBACK_FINISHED, message.to_json());
                    (true, Call { id, after: None, destination, method, payload, timeout: NOTIFY_TIMEOUT })
                }
                ReceiverRequest::SegmentFinished { id, after, destination, message } => {
                    let (method, payload) = (v0::METHOD_PLAYBACK_FINISHED, message.to_json());
                    (false, Call { id, after, destination, method, payload, timeout: CALL_TIMEOUT })
                }
                ReceiverRequest::SegmentStarted { id, destination, message } => {
                    let (method, payload) = (METHOD_PLAYBACK_STARTED, message.to_json());
                    (false, Call { id, after: None, destination, method, payload, timeout: CALL_TIMEOUT })
                }
            };
            if let Some(Calls { one_by_one, at_once }) = &self.calls {
                // It fails only if the task panicked, which has ended the room.
                let _ = if in_turn { one_by_one } else { at_once }.send(call);
            }
        }
        messages
    }
}

pub(super) fn send(room: &Arc<RoomCore>, messages: Vec<Message>) {
    for Message { destination, message, reliable } in messages {
        room.send_control(&destination, &message, reliable);
    }
}

impl ReceiverCore {
    /// Until the receiver has ended and the last call was answered or has failed.
    pub(super) async fn perform_calls(&self, room: &RoomCore, queued: Queued) {
        tokio::join!(self.call_in_turn(room, queued.one_by_one), self.call_at_once(room, queued.at_once));
    }

    async fn call_in_turn(&self, room: &RoomCore, mut calls: mpsc::UnboundedReceiver<Call>) {
        while let Some(call) = calls.recv().await {
            self.perform(room, call).await;
        }
    }

    async fn call_at_once(&self, room: &RoomCore, mut calls: mpsc::UnboundedReceiver<Call>) {
        let (mut under_way, mut ids) = (FuturesUnordered::new(), HashSet::new());
        let (mut held, mut closed) = (Vec::<Call>::new(), false);
        loop {
            tokio::select! {
                biased;
                call = calls.recv(), if !closed => match call {
                    Some(call) if call.after.is_some_and(|id| ids.contains(&id)) => held.push(call),
                    Some(call) => {
                        ids.insert(call.id);
                        under_way.push(self.perform(room, call));
                    }
                    None => closed = true,
                },
                Some(id) = under_way.next() => {
                    ids.remove(&id);
                    for call in held.extract_if(.., |call| call.after == Some(id)) {
                        ids.insert(call.id);
                        under_way.push(self.perform(room, call));
                    }
                }
                else => return,
            }
        }
    }

    /// Performs a call and reports its answer; gives its id back.
    async fn perform(&self, room: &RoomCore, call: Call) -> NotifyId {
        let Call { id, destination, method, payload, timeout, .. } = call;
        let outcome = room.call(&destination, method, payload, timeout).await;
        let answer = match outcome.as_deref() {
            Ok(v0::ANSWER_OK) => NotifyAnswer::Ok,
            Ok(v0::ANSWER_REJECT) => NotifyAnswer::Reject,
            Ok(other) => NotifyAnswer::Failed(format!("the sender answered {other:?}")),
            Err(e) => NotifyAnswer::Failed(e.to_string()),
        };
        self.tell(|session, now| session.notify_answered(id, answer, now));
        id
    }
}
