// SPDX-License-Identifier: Apache-2.0
//! An output's task: carries out the session's actions, one at a time, in order, and meanwhile has its requests sent,
//! which wait for nothing, not for an action either.

use super::{OutputCore, Shared};
use crate::{
    driver::{room_core::RoomCore, rpc::UNSUPPORTED_METHOD, transport::StreamWriter, DriverError},
    session::{
        HelloFailure, OutputAction, OutputRequest, OutputSession, CLEAR_ANSWER_TIMEOUT, CLEAR_CALL_TIMEOUT,
        HELLO_ANSWER_TIMEOUT,
    },
    wire::{
        v0,
        v1::hello::{HelloAnswer, METHOD_HELLO},
    },
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// What the task is to do.
struct Due {
    requests: Vec<OutputRequest>,
    /// When to look again at the latest.
    deadline: Option<Instant>,
}

impl Shared {
    /// After everything else that was asked of the session.
    fn due(&mut self, now: Instant) -> Due {
        let requests = std::iter::from_fn(|| self.session.poll_request(now)).collect();
        Due { requests, deadline: self.session.poll_timeout() }
    }

    fn tell_time(&mut self, now: Instant) {
        if let Some(unix_us) = self.clock.reading(now) {
            self.session.set_clock(now, unix_us);
        }
    }
}

impl OutputCore {
    /// Carries out the session's actions until it has ended and nothing is left to do.
    pub(super) async fn run(self: Arc<Self>, room: &Arc<RoomCore>) {
        let mut stream: Option<StreamWriter> = None;
        loop {
            let (action, due, ended) = self.look(|s| {
                let now = Instant::now();
                s.tell_time(now);
                (s.session.poll_action(now), s.due(now), s.ended)
            });
            self.send(room, due.requests);
            match action {
                Some(action) => {
                    let written = match &action {
                        OutputAction::Write(frame) => Some(frame.info().segment),
                        OutputAction::WriteRecord { segment, .. } => Some(*segment),
                        _ => None,
                    };
                    // The wake-ups taken here are not missed: after an action the task looks for the next anyway.
                    tokio::select! {
                        biased;
                        () = self.watch(room, written, due.deadline) => {
                            self.done(|session| session.write_done(Ok(()), Instant::now()));
                        }
                        () = self.carry_out(room, action, &mut stream) => {}
                    }
                }
                None if ended => break,
                None => self.woken_or_late(due.deadline).await,
            }
        }
        self.shared.update(|s| s.drained = true);
    }

    /// While an action is under way, however long it takes: drops the frames that grow too old, and sends what waits for
    /// nothing. Ends when the frame that is `written`, by its segment, is to be given up, by a clear or the end; other
    /// actions go on to their end.
    async fn watch(self: &Arc<Self>, room: &Arc<RoomCore>, written: Option<u64>, mut deadline: Option<Instant>) {
        loop {
            self.woken_or_late(deadline).await;
            let (given_up, due) = self.look(|s| {
                let now = Instant::now();
                s.session.timeout(now);
                (written.is_some_and(|segment| s.session.is_cancelled(segment)), s.due(now))
            });
            self.send(room, due.requests);
            if given_up {
                return;
            }
            deadline = due.deadline;
        }
    }

    /// Each call in a task of its own: none waits for another.
    fn send(self: &Arc<Self>, room: &Arc<RoomCore>, requests: Vec<OutputRequest>) {
        for request in requests {
            let (this, of_room) = (self.clone(), room.clone());
            match request {
                OutputRequest::Control { message, reliable } => {
                    room.send_control(&self.destination, &message, reliable);
                }
                OutputRequest::Hello { id, message } => room.spawn(async move {
                    let result = this.say_hello(&of_room, message.to_json()).await;
                    this.tell(|session| session.hello_answered(id, result, Instant::now()));
                }),
                OutputRequest::Clear { id, message } => room.spawn(async move {
                    let result = this.call_clear(&of_room, message.to_json(), CLEAR_CALL_TIMEOUT).await;
                    this.tell(|session| session.clear_call_answered(id, result, Instant::now()));
                }),
            }
        }
    }

    async fn say_hello(&self, room: &RoomCore, payload: String) -> Result<HelloAnswer, HelloFailure> {
        let answer = room.call(&self.destination, METHOD_HELLO, payload, HELLO_ANSWER_TIMEOUT).await;
        let answer = answer.map_err(|e| match e {
            DriverError::Rpc { code: UNSUPPORTED_METHOD, .. } => HelloFailure::Unsupported,
            e => HelloFailure::Failed(e.to_string()),
        })?;
        HelloAnswer::parse(&answer).map_err(|e| HelloFailure::Failed(e.to_string()))
    }

    async fn call_clear(&self, room: &RoomCore, payload: String, timeout: Duration) -> Result<(), String> {
        let call = room.call(&self.destination, v0::METHOD_CLEAR_BUFFER, payload, timeout);
        match tokio::time::timeout(timeout, call).await {
            Ok(Ok(answer)) if answer == v0::ANSWER_OK => Ok(()),
            Ok(Ok(answer)) => Err(format!("the receiver answered {answer:?} to a clear")),
            Ok(Err(e)) => Err(e.to_string()),
            Err(_) => Err("the receiver did not answer a clear in time".to_owned()),
        }
    }

    /// What became of an action. The task goes on by itself.
    fn done(&self, report: impl FnOnce(&mut OutputSession)) {
        self.update(|s| report(&mut s.session));
    }

    async fn woken_or_late(&self, deadline: Option<Instant>) {
        match deadline {
            Some(deadline) => drop(tokio::time::timeout_at(deadline.into(), self.wake.notified()).await),
            None => self.wake.notified().await,
        }
    }

    async fn carry_out(&self, room: &Arc<RoomCore>, action: OutputAction, stream: &mut Option<StreamWriter>) {
        match action {
            OutputAction::OpenStream { segment, attributes } => {
                let opened = match room.transport() {
                    Some(transport) => {
                        let name = v0::stream_name(&segment.to_string());
                        transport.open_stream(&self.destination, v0::TOPIC, name, attributes.to_map()).await
                    }
                    None => Err(DriverError::NotConnected),
                };
                let result = opened.map(|writer| *stream = Some(writer)).map_err(|e| e.to_string());
                self.done(|session| session.stream_opened(result, Instant::now()));
            }
            OutputAction::Write(frame) => {
                let result = match stream {
                    Some(stream) => stream.write(frame.data()).await.map_err(|e| e.to_string()),
                    None => Err("no stream is open".to_owned()),
                };
                self.done(|session| session.write_done(result, Instant::now()));
            }
            OutputAction::WriteRecord { record, .. } => {
                let result = match stream {
                    Some(stream) => stream.write_record(&record).await.map_err(|e| e.to_string()),
                    None => Err("no stream is open".to_owned()),
                };
                self.done(|session| session.write_done(result, Instant::now()));
            }
            OutputAction::CloseStream { reason, trailer, .. } => {
                let attributes = trailer.map(|trailer| trailer.to_map()).unwrap_or_default();
                let result = match stream.take() {
                    Some(stream) => stream.close(reason, attributes).await.map_err(|e| e.to_string()),
                    None => Ok(()),
                };
                self.done(|session| session.stream_closed(result, Instant::now()));
            }
            OutputAction::ClearBuffer => {
                let result = self.call_clear(room, String::new(), CLEAR_ANSWER_TIMEOUT).await;
                self.done(|session| session.clear_answered(result));
            }
        }
    }
}
