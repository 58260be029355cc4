// SPDX-License-Identifier: Apache-2.0
//! What a room knows and what happens to it: one place where the transport's news come in and are handed on to
//! the application, the receivers and the outputs.
//!
//! Invariants: news of one transport come in order, from one task; the room's lock is never held while a receiver
//! or an output is called with news, nor while user code runs; after [`RoomCore::disconnected`] nothing follows
//! but what is still queued.

use super::{
    dispatch::Dispatcher,
    output::OutputCore,
    own_calls::is_control,
    participant::Participant,
    receiver::{ReceiverCore, StreamSink},
    room::{DisconnectReason, RoomEvent, RoomState},
    room_tasks::{Task, Waiting},
    rpc::{RpcFailure, RpcInvocation, APPLICATION_ERROR, RECIPIENT_DISCONNECTED, UNSUPPORTED_METHOD},
    runtime::Runtime,
    transport::{OutgoingData, Transport},
    wait::{Monitor, Wait},
    DriverError,
};
use crate::wire::v1::{
    attributes,
    control::{Control, TOPIC_CONTROL},
    Label,
};
use bytes::Bytes;
use parking_lot::RwLock;
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{
        atomic::{AtomicU64, Ordering::Relaxed},
        Arc,
    },
    time::Duration,
};
use tokio::sync::{mpsc, watch};

/// Messages of ours that wait for the transport.
const MAX_OUTGOING_DATA: usize = 256;
/// Leaving takes a round trip; a server that does not answer is not waited for longer.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(3);

/// A participant and whether it can receive data yet.
pub(super) struct Presence {
    pub participant: Participant,
    pub active: bool,
}

pub(super) struct Shared {
    pub state: RoomState,
    pub reason: DisconnectReason,
    pub error: Option<DriverError>,
    pub identity: String,
    pub name: String,
    pub participants: BTreeMap<String, Presence>,
    receivers: Vec<Arc<ReceiverCore>>,
    outputs: Vec<Arc<OutputCore>>,
    /// What waits for the application.
    pub waiting: Waiting,
    /// The application's methods.
    pub methods: HashSet<String>,
    /// Calls of ours whose outcome is still to be told.
    pub calls: usize,
    /// The transport has left.
    left: bool,
}

pub(super) struct RoomCore {
    shared: Monitor<Shared>,
    runtime: Arc<Runtime>,
    dispatcher: Arc<Dispatcher>,
    transport: RwLock<Option<Arc<Transport>>>,
    outgoing: mpsc::Sender<OutgoingData>,
    /// Says `true` once the room is to end.
    closing: watch::Sender<bool>,
    next_stream: AtomicU64,
    /// The first stream since the room last began to reconnect.
    first_since: AtomicU64,
    foreign_streams: AtomicU64,
}

impl RoomCore {
    pub fn new(runtime: Arc<Runtime>) -> Arc<Self> {
        let (outgoing, queue) = mpsc::channel(MAX_OUTGOING_DATA);
        let core = Arc::new(Self {
            shared: Monitor::new(Shared {
                state: RoomState::Connecting,
                reason: DisconnectReason::None,
                error: None,
                identity: String::new(),
                name: String::new(),
                participants: BTreeMap::new(),
                receivers: Vec::new(),
                outputs: Vec::new(),
                waiting: Waiting::default(),
                methods: HashSet::new(),
                calls: 0,
                left: true,
            }),
            runtime,
            dispatcher: Arc::default(),
            transport: RwLock::new(None),
            outgoing,
            closing: watch::Sender::new(false),
            next_stream: AtomicU64::new(1),
            first_since: AtomicU64::new(1),
            foreign_streams: AtomicU64::new(0),
        });
        let this = core.clone();
        core.spawn(async move { this.send_outgoing(queue).await });
        core
    }

    pub fn shared(&self) -> &Monitor<Shared> {
        &self.shared
    }

    pub fn dispatcher(&self) -> &Arc<Dispatcher> {
        &self.dispatcher
    }

    pub fn runtime(&self) -> &Arc<Runtime> {
        &self.runtime
    }

    /// Runs a task of this room; its panic ends the room with an error instead of leaving it half alive.
    pub fn spawn(self: &Arc<Self>, task: impl std::future::Future<Output = ()> + Send + 'static) {
        let this = self.clone();
        self.runtime.spawn(task, move |panic| {
            tracing::error!("a task of the room panicked: {panic}");
            this.disconnected(DisconnectReason::Other, Some(DriverError::Internal(panic)));
        });
    }

    /// Completes when the room is to end.
    pub async fn closing(&self) {
        // The sender lives in `self`: there is no other way for this to end.
        let _ = self.closing.subscribe().wait_for(|closing| *closing).await;
    }

    /// The way to the others, once connected.
    pub fn transport(&self) -> Option<Arc<Transport>> {
        self.transport.read().clone()
    }

    // ---- news from the transport ----

    /// Connected for the first time.
    pub fn connected(
        self: &Arc<Self>,
        transport: Transport,
        identity: String,
        name: String,
        present: Vec<(Participant, bool)>,
    ) {
        let transport = Arc::new(transport);
        let mut registered = Vec::new();
        let closed = self.shared.update(|s| {
            // Together, since a close in between would leave.
            *self.transport.write() = Some(transport.clone());
            s.left = false;
            if s.state == RoomState::Disconnected {
                return true;
            }
            s.identity = identity;
            s.name = name;
            registered.extend(s.methods.iter().cloned());
            s.set_state(RoomState::Connected, DisconnectReason::None, None);
            false
        });
        if closed {
            self.leave();
            return;
        }
        for method in registered {
            transport.register_method(self, &method);
        }
        for (participant, active) in present {
            self.participant_joined(participant, active);
        }
        self.for_each_output(|output| output.transport_ready(true));
    }

    pub fn participant_joined(&self, participant: Participant, active: bool) {
        let identity = participant.identity.clone();
        let kind = participant.kind;
        let known = self.shared.update(|s| {
            let known = s.participants.insert(identity.clone(), Presence { participant: participant.clone(), active });
            if known.is_none() {
                s.waiting.push_event(RoomEvent::ParticipantJoined(participant));
            }
            known.is_some()
        });
        if !known {
            self.for_each_receiver(|receiver| receiver.participant_joined(&identity, kind));
        }
        if active {
            self.for_each_output(|output| output.destination_present(&identity, true));
        }
    }

    /// The participant can receive data from now on.
    pub fn participant_active(&self, identity: &str) {
        self.shared.update(|s| {
            if let Some(presence) = s.participants.get_mut(identity) {
                presence.active = true;
            }
        });
        self.for_each_output(|output| output.destination_present(identity, true));
    }

    pub fn participant_left(&self, identity: &str) {
        let known = self.shared.update(|s| {
            let presence = s.participants.remove(identity)?;
            s.waiting.push_event(RoomEvent::ParticipantLeft(presence.participant));
            Some(())
        });
        if known.is_some() {
            self.for_each_receiver(|receiver| receiver.participant_left(identity));
            self.for_each_output(|output| output.destination_present(identity, false));
        }
    }

    pub fn reconnecting(&self) {
        self.first_since.store(self.next_stream.load(Relaxed), Relaxed);
        self.shared.update(|s| s.set_state(RoomState::Reconnecting, DisconnectReason::None, None));
        self.for_each_receiver(|receiver| receiver.room_reconnecting(true));
        self.for_each_output(|output| output.room_reconnecting(true));
    }

    /// Connected again; `restarted`: in a new session, in which everything under way was lost. What came since the room
    /// began to reconnect came in the new one.
    pub fn reconnected(&self, restarted: bool) {
        if restarted {
            let first = self.first_since.load(Relaxed);
            self.for_each_receiver(|receiver| receiver.room_restarted(first));
            self.for_each_output(|output| output.room_restarted());
        }
        self.shared.update(|s| s.set_state(RoomState::Connected, DisconnectReason::None, None));
        // After the state, by which one that is being added goes.
        self.for_each_receiver(|receiver| receiver.room_reconnecting(false));
        self.for_each_output(|output| output.room_reconnecting(false));
    }

    /// Over for good: everything ends, everyone wakes.
    pub fn disconnected(&self, reason: DisconnectReason, error: Option<DriverError>) {
        let (receivers, outputs) = self.shared.update(|s| {
            s.set_state(RoomState::Disconnected, reason, error);
            (std::mem::take(&mut s.receivers), std::mem::take(&mut s.outputs))
        });
        for receiver in receivers {
            receiver.room_closed();
        }
        for output in outputs {
            output.room_closed();
        }
        self.closing.send_replace(true);
    }

    /// A message of another participant's application; or one of ours that came by a way which nobody taps.
    pub fn data_received(&self, sender: String, topic: String, payload: Bytes, reliable: bool) {
        if is_control(&topic) {
            return self.control(&sender, &payload);
        }
        let message = RoomEvent::Data { sender, topic, payload, reliable };
        self.shared.update(|s| s.waiting.push_message(message));
    }

    /// A stream of video begins: the receiver that wants it, if there is one. Streams of version 0 have no label.
    pub fn open_stream(&self, sender: &str, header: &HashMap<String, String>) -> Option<StreamSink> {
        let label = attributes::label(header);
        let mut receivers = self.receivers();
        if !receivers.iter().any(|receiver| receiver.label().as_str() == label) {
            let of_sender = receivers.iter().any(|receiver| receiver.listens_to(sender));
            let counting = receivers.iter().filter(|receiver| !of_sender || receiver.listens_to(sender));
            counting.for_each(|receiver| receiver.stream_of_other_label(sender));
        }
        receivers.retain(|receiver| receiver.label().as_str() == label);
        let stream = self.next_stream.fetch_add(1, Relaxed);
        let expected: Vec<_> = receivers.iter().filter(|r| r.expects(sender)).collect();
        let sink = if expected.is_empty() {
            receivers.iter().find_map(|r| r.open_stream(stream, sender, header))
        } else {
            expected.into_iter().find_map(|r| r.open_stream(stream, sender, header))
        };
        if sink.is_none() {
            let count = self.foreign_streams.fetch_add(1, Relaxed) + 1;
            tracing::debug!("no receiver takes the stream of {sender} ({count} so far)");
        }
        sink
    }

    /// Another participant calls one of our methods.
    pub async fn invoke(&self, method: &str, caller: &str, payload: String) -> Result<String, RpcFailure> {
        if let Some(answered) = self.invoke_own(method, caller, &payload) {
            return answered;
        }
        let (invocation, answered) = RpcInvocation::new(caller.to_owned(), payload);
        self.shared.update(|s| {
            // Nobody takes it then.
            if s.state == RoomState::Disconnected {
                return Err(gone());
            }
            if !s.methods.contains(method) {
                return Err(RpcFailure::new(UNSUPPORTED_METHOD, "method not supported"));
            }
            if !s.waiting.push_call(method, invocation) {
                return Err(RpcFailure::new(APPLICATION_ERROR, "too many calls wait"));
            }
            Ok(())
        })?;
        let no_answer = |_| Err(RpcFailure::new(APPLICATION_ERROR, "the handler gave no answer"));
        tokio::select! {
            answered = answered => answered.unwrap_or_else(no_answer),
            () = self.closing() => Err(gone()),
        }
    }

    // ---- receivers and outputs ----

    /// Whether a stream of this participant can be judged: the room has heard of it, or a receiver names it.
    pub fn expects(&self, identity: &str) -> bool {
        let s = self.shared.lock();
        s.participants.contains_key(identity) || s.receivers.iter().any(|r| r.wanted_sender() == Some(identity))
    }

    /// Adds a receiver, which then knows who is in the room.
    pub fn add_receiver(&self, receiver: &Arc<ReceiverCore>) -> Result<(), DriverError> {
        self.shared.update(|s| {
            s.check_open()?;
            let (sender, label) = (receiver.wanted_sender(), receiver.label());
            if s.receivers.iter().any(|r| r.wanted_sender() == sender && r.label() == label) {
                let whom = sender.unwrap_or("the first agent");
                return Err(DriverError::Busy(format!("the room has a receiver of {whom}{}", labelled(label))));
            }
            for presence in s.participants.values() {
                receiver.participant_joined(&presence.participant.identity, presence.participant.kind);
            }
            receiver.room_reconnecting(s.state == RoomState::Reconnecting);
            s.receivers.push(receiver.clone());
            Ok(())
        })
    }

    pub fn remove_receiver(&self, receiver: &ReceiverCore) {
        self.shared.lock().receivers.retain(|r| !std::ptr::eq(&**r, receiver));
    }

    /// Adds an output, which then knows whether its destination is there.
    pub fn add_output(&self, output: &Arc<OutputCore>) -> Result<(), DriverError> {
        self.shared.update(|s| {
            s.check_open()?;
            let (destination, label) = (output.destination(), output.label());
            if s.outputs.iter().any(|o| o.destination() == destination && o.label() == label) {
                return Err(DriverError::Busy(format!("the room has an output to {destination}{}", labelled(label))));
            }
            if s.participants.get(destination).is_some_and(|p| p.active) {
                output.destination_present(destination, true);
            }
            output.transport_ready(s.state != RoomState::Connecting);
            output.room_reconnecting(s.state == RoomState::Reconnecting);
            s.outputs.push(output.clone());
            Ok(())
        })
    }

    pub fn remove_output(&self, output: &OutputCore) {
        self.shared.lock().outputs.retain(|o| !std::ptr::eq(&**o, output));
    }

    pub fn receivers(&self) -> Vec<Arc<ReceiverCore>> {
        self.shared.lock().receivers.clone()
    }

    pub fn outputs(&self) -> Vec<Arc<OutputCore>> {
        self.shared.lock().outputs.clone()
    }

    fn for_each_receiver(&self, each: impl Fn(&ReceiverCore)) {
        self.receivers().iter().for_each(|receiver| each(receiver));
    }

    fn for_each_output(&self, each: impl Fn(&OutputCore)) {
        self.outputs().iter().for_each(|output| each(output));
    }

    // ---- calls and messages of ours ----

    /// Calls a method of another participant.
    pub async fn call(
        &self,
        destination: &str,
        method: &str,
        payload: String,
        timeout: Duration,
    ) -> Result<String, DriverError> {
        let transport = self.transport().ok_or(DriverError::NotConnected)?;
        tokio::select! {
            outcome = transport.perform_rpc(destination, method, payload, timeout) => outcome.map_err(DriverError::from),
            () = self.closing() => Err(DriverError::Closed),
        }
    }

    /// Announces a call whose outcome will be told on the dispatch thread.
    pub fn begin_call(self: &Arc<Self>) -> Result<(), DriverError> {
        self.shared.update(|s| {
            s.check_connected()?;
            s.calls += 1;
            Ok::<_, DriverError>(())
        })?;
        self.ensure_dispatching().inspect_err(|_| self.shared.update(|s| s.calls -= 1))
    }

    pub fn end_call(&self, task: Task) {
        self.shared.update(|s| {
            s.calls -= 1;
            s.waiting.push_task(task);
        });
    }

    pub fn send_data(
        &self,
        payload: Bytes,
        topic: String,
        destination: Option<String>,
        reliable: bool,
    ) -> Result<(), DriverError> {
        self.shared.lock().check_connected()?;
        let message = OutgoingData { payload, topic, destination, reliable };
        self.outgoing.try_send(message).map_err(|e| match e {
            mpsc::error::TrySendError::Full(_) => DriverError::Busy("too many messages wait to be sent".into()),
            mpsc::error::TrySendError::Closed(_) => DriverError::Closed,
        })
    }

    /// Sends a control message, which waits for nothing: the transport's errors are made up for by the next one.
    pub fn send_control(self: &Arc<Self>, destination: &str, message: &Control, reliable: bool) {
        let Some(transport) = self.transport() else { return };
        let message = OutgoingData {
            payload: message.encode().into(),
            topic: TOPIC_CONTROL.to_owned(),
            destination: Some(destination.to_owned()),
            reliable,
        };
        transport.post(self, message);
    }

    async fn send_outgoing(&self, mut queue: mpsc::Receiver<OutgoingData>) {
        loop {
            let message = tokio::select! {
                message = queue.recv() => message,
                () = self.closing() => None,
            };
            let (Some(message), Some(transport)) = (message, self.transport()) else { return };
            if let Err(e) = transport.send_data(message).await {
                tracing::warn!("a message was not sent: {e}");
            }
        }
    }

    // ---- the end ----

    pub fn close(self: &Arc<Self>) {
        self.disconnected(DisconnectReason::Client, None);
        self.leave();
    }

    /// Leaves in the background; `join` waits for it.
    fn leave(self: &Arc<Self>) {
        let Some(transport) = self.transport.write().take() else { return };
        let this = self.clone();
        self.spawn(async move {
            if tokio::time::timeout(LEAVE_TIMEOUT, transport.close()).await.is_err() {
                tracing::warn!("leaving took longer than {LEAVE_TIMEOUT:?}");
            }
            drop(transport);
            this.shared.update(|s| s.left = true);
        });
    }

    pub fn join(&self) {
        if super::dispatch::on_dispatch_thread() {
            return;
        }
        self.shared.wait(Wait::For(LEAVE_TIMEOUT * 2), |s| s.left.then_some(()));
        self.dispatcher.join();
    }
}

impl Shared {
    pub fn check_open(&self) -> Result<(), DriverError> {
        match self.state {
            RoomState::Disconnected => Err(self.error.clone().unwrap_or(DriverError::Closed)),
            _ => Ok(()),
        }
    }

    fn check_connected(&self) -> Result<(), DriverError> {
        self.check_open()?;
        match self.state {
            RoomState::Connecting => Err(DriverError::NotConnected),
            _ => Ok(()),
        }
    }

    /// `Disconnected` is final; repeats say nothing.
    fn set_state(&mut self, state: RoomState, reason: DisconnectReason, error: Option<DriverError>) {
        if self.state == RoomState::Disconnected || self.state == state && state == RoomState::Reconnecting {
            return;
        }
        self.state = state;
        self.reason = reason;
        self.error.clone_from(&error);
        self.waiting.push_event(RoomEvent::State { state, reason, error });
    }
}

/// What a caller hears after the end.
fn gone() -> RpcFailure {
    RpcFailure::new(RECIPIENT_DISCONNECTED, "the participant has left")
}

/// For a message to the application: nothing for the label that most have.
fn labelled(label: &Label) -> String {
    match label.as_str() {
        "" => String::new(),
        label => format!(" with the label {label:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Output, OutputOptions, Receiver, ReceiverEvent, ReceiverOptions, Room, RoomOptions};
    use super::*;
    use crate::frame::{Frame, FrameInfo, PixelFormat};

    fn join(identity: &str) -> Room {
        let url = format!("loopback:reconnecting?identity={identity}");
        Room::connect(&url, "", RoomOptions::default()).unwrap()
    }

    #[test]
    fn what_is_added_while_the_room_reconnects_begins_when_it_has() {
        let (sending, receiving) = (join("camera"), join("screen"));
        let options = ReceiverOptions { sender: Some("camera".into()), ..Default::default() };
        let receiver = Receiver::create(&receiving, options).unwrap();
        sending.core().reconnecting();
        let output = Output::create(&sending, "screen", OutputOptions::default()).unwrap();
        let frame = Frame::new(FrameInfo::new(PixelFormat::Rgba, 1, 1), vec![0; 4].into()).unwrap();
        output.send_frame(frame, Wait::Forever).unwrap();
        assert_eq!(output.stats().version, None);
        sending.core().reconnected(false);
        while !matches!(receiver.next_event(Wait::Forever).unwrap(), ReceiverEvent::Frame(_)) {}
        assert_eq!(output.stats().version, Some(1));
    }
}
