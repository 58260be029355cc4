// SPDX-License-Identifier: Apache-2.0
//! A LiveKit server, through the `livekit` crate: connect, translate its events into news for the [`RoomCore`], and
//! our streams, calls and messages into its own.

use super::{
    publisher::{Publisher, Writer},
    readers::Readers,
    OutgoingData, Transport,
};
use crate::{
    driver::{
        own_calls,
        participant::{Participant, ParticipantKind},
        receiver::StreamSink,
        room::{DisconnectReason, RoomOptions},
        room_core::RoomCore,
        rpc::{RpcFailure, APPLICATION_ERROR, RESPONSE_TIMEOUT},
        signalling::{round_trip, Registration},
        tap::Tap,
        DriverError,
    },
    wire::v0,
};
use futures_util::StreamExt as _;
use libwebrtc::{peer_connection_factory::RtcConfiguration, rtc_data::Backlog};
use livekit::{
    participant::{ParticipantKind as LiveKitKind, ParticipantState},
    prelude::{
        DataPacket, DataPacketKind, LocalParticipant, ParticipantSid, PerformRpcData, RemoteParticipant, Room,
        RoomError, RoomEvent, RoomOptions as LiveKitOptions, RpcError, RpcInvocationData,
    },
    rtc_engine::EngineError,
    ByteStreamReader, ConnectionState, DisconnectReason as LiveKitReason, StreamReader as _,
};
use livekit_signaling::SignalError;
use parking_lot::Mutex;
use std::{collections::HashMap, sync::Arc, time::Duration};
use tokio::{
    sync::{mpsc::UnboundedReceiver, oneshot},
    time::Instant,
};

/// Most bytes of a stream that `livekit` reads itself: calls, and compressed video.
const MAX_STREAM_BYTES: usize = 64 << 20;
/// Name of the data track that makes us known.
const PRESENCE: &str = "lk.video";

/// `livekit` forgets its participants just before it says that it reconnects.
const RECONNECT_NOTICE: Duration = Duration::from_millis(500);

/// What is on its way when we leave is waited for so long at most.
const LINGER: Duration = Duration::from_secs(1);
/// How often it is looked at.
const LINGER_STEP: Duration = Duration::from_millis(5);
/// `livekit` sends the answer to a call in a task of its own: so long after the last one it is on its way.
const ANSWER_GRACE: Duration = Duration::from_millis(50);

pub(in crate::driver) struct LiveKit {
    room: Arc<Room>,
    publisher: Publisher,
    /// Bytes that the server has not acknowledged.
    backlog: Backlog,
    /// When a call of another participant was answered last.
    last_answer: Arc<Mutex<Option<Instant>>>,
}

/// Checks the URL and starts to connect in the background.
pub(super) fn connect(core: &Arc<RoomCore>, url: &str, token: &str, options: RoomOptions) -> Result<(), DriverError> {
    let parsed = url::Url::parse(url).map_err(|e| DriverError::Url(format!("{url:?}: {e}")))?;
    if !matches!(parsed.scheme(), "ws" | "wss" | "http" | "https") {
        return Err(DriverError::Url(format!("{url:?}: ws, wss, http, https or loopback is expected")));
    }
    if parsed.host_str().is_none_or(str::is_empty) {
        return Err(DriverError::Url(format!("{url:?}: no host")));
    }
    if token.is_empty() {
        return Err(DriverError::InvalidArgument("a LiveKit server wants an access token".into()));
    }
    let registration = Registration::new(token, &options.roots)?;
    let session = Session {
        core: core.clone(),
        registration,
        tap: Tap::new(core),
        sid: None,
        absent: Vec::new(),
        decide: None,
        readers: Readers::default(),
    };
    let (url, token) = (url.to_owned(), token.to_owned());
    let core = core.clone();
    core.clone().spawn(async move {
        tokio::select! {
            () = session.run(&url, &token, options.connect_timeout, options.dual_peer_connection) => {}
            // The room was closed while it connected; later on `run` itself sees the end.
            () = core.closing() => {}
        }
    });
    Ok(())
}

/// One connection from its first attempt to its end.
struct Session {
    core: Arc<RoomCore>,
    registration: Registration,
    tap: Arc<Tap>,
    /// Ours; another one after a reconnection means a new session.
    sid: Option<ParticipantSid>,
    /// Who vanished without the server's saying so. A full reconnect starts so: they may be back when it is done.
    absent: Vec<(String, ParticipantSid)>,
    /// When they have left, unless the room reconnects.
    decide: Option<Instant>,
    /// Streams that the tap cannot read.
    readers: Readers,
}

impl Session {
    async fn run(mut self, url: &str, token: &str, timeout: Duration, dual_peer_connection: bool) {
        let mut rtc = RtcConfiguration::default();
        rtc.data_tap = Some(self.tap.clone());
        let (backlog, distance) = (rtc.transport.backlog.clone(), rtc.transport.distance.clone());
        let mut wanted = LiveKitOptions::default();
        wanted.auto_subscribe = false;
        wanted.single_peer_connection = !dual_peer_connection;
        wanted.connect_timeout = timeout;
        wanted.join_retries = 0;
        wanted.rtc_config = rtc;
        wanted.data_stream = wanted.data_stream.with_max_payload_byte_length(MAX_STREAM_BYTES);
        let joined = async {
            // Before `join`: it makes a peer connection first of all.
            distance.set(round_trip(url).await);
            join(url.to_owned(), token.to_owned(), wanted).await
        };
        let joined = tokio::time::timeout(timeout, joined).await;
        let error = match joined {
            Ok(Ok(Ok((room, events)))) => return self.joined(Arc::new(room), backlog, events).await,
            Ok(Ok(Err(e))) => connect_error(e, self.registration.take_failure()),
            Ok(Err(_)) => DriverError::Internal("connecting panicked".into()),
            Err(_) => self.registration.take_failure().unwrap_or(DriverError::Timeout),
        };
        self.core.disconnected(DisconnectReason::ConnectFailed, Some(error));
    }

    async fn joined(&mut self, room: Arc<Room>, backlog: Backlog, mut events: UnboundedReceiver<RoomEvent>) {
        let publisher = Publisher::new(room.local_participant(), backlog.clone());
        let transport = LiveKit { room: room.clone(), publisher, backlog, last_answer: Arc::default() };
        // The library's own methods, known as soon as the room is joined.
        for method in own_calls::METHODS {
            match method {
                v0::METHOD_CLEAR_BUFFER => transport.register_clear(&self.core, &self.tap),
                _ => transport.register_method(&self.core, method),
            }
        }
        let me = room.local_participant();
        self.sid = Some(me.sid());
        let present: Vec<_> = room.remote_participants().into_values().collect();
        present.iter().for_each(|p| self.tap.participant_joined(p.identity().as_str(), p.sid().as_str()));
        let present = present.iter().map(|p| (participant(p), is_active(p))).collect();
        self.core.connected(Transport::LiveKit(transport), me.identity().into(), room.name(), present);
        self.tap.participants_changed();
        self.core.spawn(make_known(me));
        loop {
            let event = match self.decide {
                Some(deadline) => tokio::time::timeout_at(deadline, events.recv()).await,
                None => Ok(events.recv().await),
            };
            match event {
                Ok(Some(event)) => self.handle(&room, event),
                Ok(None) => break,
                Err(_) => self.absent_left(),
            }
        }
        self.core.disconnected(DisconnectReason::Other, None);
    }

    fn handle(&mut self, room: &Room, event: RoomEvent) {
        match event {
            RoomEvent::ParticipantConnected(p) => self.arrived(&p),
            RoomEvent::ParticipantActive(p) => self.core.participant_active(p.identity().as_str()),
            RoomEvent::ParticipantDisconnected(p) if p.state() == ParticipantState::Disconnected => {
                self.left(p.identity().as_str(), &p.sid());
            }
            RoomEvent::ParticipantDisconnected(p) => {
                self.absent.push((p.identity().into(), p.sid()));
                if room.connection_state() != ConnectionState::Reconnecting {
                    self.decide.get_or_insert_with(|| Instant::now() + RECONNECT_NOTICE);
                }
            }
            RoomEvent::Reconnecting => {
                self.decide = None;
                self.tap.reconnecting();
                self.core.reconnecting();
            }
            RoomEvent::Reconnected => self.reconnected(room),
            RoomEvent::TokenRefreshed { token } => self.registration.token_refreshed(&token),
            RoomEvent::Disconnected { reason } => self.core.disconnected(disconnect_reason(reason), None),
            RoomEvent::DataReceived { payload, topic, kind, participant } => {
                let payload = Arc::try_unwrap(payload).unwrap_or_else(|shared| (*shared).clone());
                let sender = participant.map(|p| p.identity().into()).unwrap_or_default();
                let reliable = kind == DataPacketKind::Reliable;
                self.core.data_received(sender, topic.unwrap_or_default(), payload.into(), reliable);
            }
            RoomEvent::ByteStreamOpened { reader, topic, participant_identity } if topic == v0::TOPIC => {
                if let Some(reader) = reader.take() {
                    let attributes = reader.info().attributes();
                    if let Some(sink) = self.core.open_stream(participant_identity.as_str(), &attributes) {
                        let until = self.readers.add(participant_identity.as_str());
                        self.core.spawn(async move {
                            tokio::select! {
                                () = read(reader, sink) => {}
                                _ = until => {}
                            }
                        });
                    }
                }
            }
            _ => {}
        }
    }

    /// Somebody came, or came back: with another SID it is another session of the same participant.
    fn arrived(&mut self, p: &RemoteParticipant) {
        let identity: String = p.identity().into();
        if let Some(at) = self.absent.iter().position(|(absent, _)| *absent == identity) {
            let (_, sid) = self.absent.remove(at);
            if sid != p.sid() {
                self.left(&identity, &sid);
            }
        }
        self.tap.participant_joined(&identity, p.sid().as_str());
        self.core.participant_joined(participant(p), is_active(p));
        self.tap.participants_changed();
    }

    fn left(&self, identity: &str, sid: &ParticipantSid) {
        self.tap.participant_left(sid.as_str());
        self.core.participant_left(identity);
    }

    /// Who is absent has left.
    fn absent_left(&mut self) {
        self.decide = None;
        for (identity, sid) in std::mem::take(&mut self.absent) {
            self.left(&identity, &sid);
        }
    }

    /// In a new session everything under way was lost; who did not come along has left.
    fn reconnected(&mut self, room: &Room) {
        let sid = Some(room.local_participant().sid());
        let restarted = sid != self.sid;
        self.sid = sid;
        if restarted {
            self.tap.restarted();
            self.core.spawn(make_known(room.local_participant()));
        }
        for p in room.remote_participants().into_values() {
            self.arrived(&p);
        }
        self.absent_left();
        self.core.reconnected(restarted);
        self.tap.participants_changed();
    }
}

/// Has the others told of us at once. A server tells of those who have published nothing every 3 s only
/// (livekit-server's `subscriberUpdateInterval`), and a receiver that does not know its sender yet has to keep what comes
/// until then. One data track, taken back at once, makes us a publisher.
async fn make_known(me: LocalParticipant) {
    match me.publish_data_track(PRESENCE).await {
        Ok(track) => track.unpublish(),
        Err(e) => tracing::debug!("the others may hear of us late: {e}"),
    }
}

type Joined = Result<(Room, UnboundedReceiver<RoomEvent>), RoomError>;

/// Connects in a task of its own: a connection that is dropped half-way would stay open, and its participant in the
/// room. When nobody waits for it any more it is closed.
fn join(url: String, token: String, options: LiveKitOptions) -> oneshot::Receiver<Joined> {
    let (done, joined) = oneshot::channel();
    tokio::spawn(async move {
        let outcome = Room::connect(&url, &token, options).await;
        if let Err(Ok((room, _))) = done.send(outcome) {
            if let Err(e) = room.close().await {
                tracing::debug!("leaving: {e}");
            }
        }
    });
    joined
}

/// Streams that the tap cannot read (compressed or encrypted) come through livekit's own reader, chunk by chunk in
/// order.
async fn read(mut reader: ByteStreamReader, sink: StreamSink) {
    let mut index = 0;
    let mut reason = String::new();
    while let Some(chunk) = reader.next().await {
        match chunk {
            Ok(content) => sink.chunk(index, &content),
            Err(e) => {
                reason = e.to_string();
                break;
            }
        }
        index += 1;
    }
    sink.close(&reason, None);
}

impl LiveKit {
    pub async fn open_stream(
        &self,
        destination: &str,
        topic: &str,
        name: String,
        attributes: HashMap<String, String>,
    ) -> Result<Writer, DriverError> {
        self.publisher.open(destination, topic, name, attributes).await
    }

    pub async fn perform_rpc(
        &self,
        destination: &str,
        method: &str,
        payload: String,
        timeout: Duration,
    ) -> Result<String, RpcFailure> {
        let call = PerformRpcData::new(destination, method).with_payload(payload).with_response_timeout(timeout);
        // livekit counts its time-outs from the moment at which the call was sent, which may take as long. Given up by being
        // dropped, a call that was not sent yet never is: a late clear would hit what it is not about. What was sent leaves
        // about half a kilobyte at livekit.
        let answer = tokio::time::timeout(timeout, self.room.local_participant().perform_rpc(call)).await;
        let answer = answer.map_err(|_| RpcFailure::new(RESPONSE_TIMEOUT, "no answer in time"))?;
        answer.map_err(|e| RpcFailure::new(e.code, e.message))
    }

    pub async fn send_data(&self, message: OutgoingData) -> Result<(), DriverError> {
        let packet = DataPacket {
            payload: message.payload.to_vec(),
            topic: Some(message.topic).filter(|topic| !topic.is_empty()),
            reliable: message.reliable,
            destination_identities: message.destination.into_iter().map(Into::into).collect(),
        };
        self.room.local_participant().publish_data(packet).await.map_err(|e| DriverError::Io(e.to_string()))
    }

    pub fn register_method(&self, core: &Arc<RoomCore>, method: &str) {
        self.register(core, method, |_| None);
    }

    /// Calls go to [`RoomCore::invoke`] but those that `answered` has the answer to.
    fn register(
        &self,
        core: &Arc<RoomCore>,
        method: &str,
        answered: impl Fn(&RpcInvocationData) -> Option<String> + Send + Sync + 'static,
    ) {
        let core = Arc::downgrade(core);
        let name = method.to_owned();
        let last_answer = self.last_answer.clone();
        self.room.local_participant().register_rpc_method(name.clone(), move |call: RpcInvocationData| {
            let (core, name, last_answer) = (core.clone(), name.clone(), last_answer.clone());
            let answered = answered(&call);
            Box::pin(async move {
                let gone = || RpcFailure::new(APPLICATION_ERROR, "the room is gone");
                let core = core.upgrade().ok_or_else(gone).map_err(rpc_error)?;
                let answer = match answered {
                    Some(answer) => Ok(answer),
                    None => core.invoke(&name, call.caller_identity.as_str(), call.payload).await,
                };
                *last_answer.lock() = Some(Instant::now());
                answer.map_err(rpc_error)
            })
        });
    }

    /// A clear of version 0 was carried out by the tap, in its order among the packets, and is only answered here, unless
    /// it came in a packet that the tap cannot read.
    fn register_clear(&self, core: &Arc<RoomCore>, tap: &Arc<Tap>) {
        let tap = tap.clone();
        self.register(core, v0::METHOD_CLEAR_BUFFER, move |call| {
            tap.clear_answer(call.caller_identity.as_str(), &call.request_id).map(own_calls::answer)
        });
    }

    /// Until what was handed over has come to the server, answers to calls included.
    async fn settle(&self) {
        let answered = self.last_answer.lock().map(|at| at.elapsed());
        if let Some(rest) = answered.and_then(|ago| ANSWER_GRACE.checked_sub(ago)) {
            tokio::time::sleep(rest).await;
        }
        while self.backlog.bytes() > 0 && self.room.connection_state() == ConnectionState::Connected {
            tokio::time::sleep(LINGER_STEP).await;
        }
    }

    pub fn unregister_method(&self, method: &str) {
        self.room.local_participant().unregister_rpc_method(method.to_owned());
    }

    pub async fn close(&self) {
        if tokio::time::timeout(LINGER, self.settle()).await.is_err() {
            tracing::info!("left with {} bytes on their way", self.backlog.bytes());
        }
        if let Err(e) = self.room.close().await {
            tracing::debug!("leaving: {e}");
        }
    }
}

fn rpc_error(failure: RpcFailure) -> RpcError {
    RpcError::new(failure.code, failure.message, None)
}

fn participant(p: &RemoteParticipant) -> Participant {
    let kind = match p.kind() {
        LiveKitKind::Standard => ParticipantKind::Standard,
        LiveKitKind::Ingress => ParticipantKind::Ingress,
        LiveKitKind::Egress => ParticipantKind::Egress,
        LiveKitKind::Sip => ParticipantKind::Sip,
        LiveKitKind::Agent => ParticipantKind::Agent,
        LiveKitKind::Connector => ParticipantKind::Connector,
        LiveKitKind::Bridge => ParticipantKind::Bridge,
    };
    Participant { identity: p.identity().into(), name: p.name(), metadata: p.metadata(), kind }
}

fn is_active(p: &RemoteParticipant) -> bool {
    p.state() == ParticipantState::Active
}

fn disconnect_reason(reason: LiveKitReason) -> DisconnectReason {
    match reason {
        LiveKitReason::ClientInitiated => DisconnectReason::Client,
        LiveKitReason::DuplicateIdentity => DisconnectReason::DuplicateIdentity,
        LiveKitReason::ServerShutdown => DisconnectReason::ServerShutdown,
        LiveKitReason::ParticipantRemoved => DisconnectReason::ParticipantRemoved,
        LiveKitReason::RoomDeleted | LiveKitReason::RoomClosed => DisconnectReason::RoomClosed,
        LiveKitReason::UnknownReason
        | LiveKitReason::SignalClose
        | LiveKitReason::ConnectionTimeout
        | LiveKitReason::JoinFailure => DisconnectReason::ReconnectFailed,
        _ => DisconnectReason::Other,
    }
}

/// `failure` is what our signalling client saw, which `livekit` has only as text.
fn connect_error(e: RoomError, failure: Option<DriverError>) -> DriverError {
    let RoomError::Engine(engine) = e else { return DriverError::Internal(e.to_string()) };
    match engine {
        EngineError::Signal(signal) => match signal {
            SignalError::Client(status, text) if matches!(status.as_u16(), 401 | 403) => {
                DriverError::Unauthorized(format!("{status}: {}", text.trim()))
            }
            SignalError::Handshake { status } if matches!(status.as_u16(), 401 | 403) => {
                DriverError::Unauthorized(status.to_string())
            }
            SignalError::TokenFormat => DriverError::Unauthorized("the token has invalid characters".into()),
            SignalError::UrlParse(text) => DriverError::Url(text),
            SignalError::Timeout(text) => failure.unwrap_or(DriverError::Unreachable(text)),
            other => failure.unwrap_or_else(|| DriverError::Server(other.to_string())),
        },
        EngineError::Connection(text) => DriverError::Unreachable(text.into_owned()),
        other => DriverError::Internal(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_signalling_saw_comes_before_what_livekit_says() {
        let signal = || RoomError::Engine(SignalError::Closed.into());
        let failure = DriverError::Tls("untrusted".into());
        assert_eq!(connect_error(signal(), Some(failure.clone())), failure);
        assert!(matches!(connect_error(signal(), None), DriverError::Server(_)));
    }
}
