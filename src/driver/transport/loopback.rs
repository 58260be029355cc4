// SPDX-License-Identifier: Apache-2.0
//! `loopback:NAME`: rooms of one process meet without a server. The same sessions and the same chunks as over a
//! server, handed over by a call; a writer waits while its receiver's queue is full, so nothing is lost for speed.
//!
//! The registry holds weak references only: a room that is gone is gone from its name.

use super::{OutgoingData, Transport};
use crate::{
    driver::{
        participant::{Participant, ParticipantKind},
        receiver::StreamSink,
        room::DisconnectReason,
        room_core::RoomCore,
        rpc::{RpcFailure, RECIPIENT_NOT_FOUND, RESPONSE_TIMEOUT},
        DriverError,
    },
    wire::{v0, v1::record::Record},
};
use bytes::Bytes;
use once_cell::sync::Lazy;
use parking_lot::Mutex;
use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        atomic::{AtomicU64, Ordering::Relaxed},
        Arc, Weak,
    },
    time::Duration,
};

/// How such a URL starts.
pub(super) const SCHEME: &str = "loopback:";

struct Member {
    participant: Participant,
    core: Weak<RoomCore>,
}

type Members = BTreeMap<String, Member>;

/// Who is in which room. News is given while it is locked, so that everyone hears them in one order; nothing that is
/// told here calls back.
static ROOMS: Lazy<Mutex<HashMap<String, Members>>> = Lazy::new(Mutex::default);
static GENERATED: AtomicU64 = AtomicU64::new(1);

pub(in crate::driver) struct Loopback {
    room: String,
    identity: String,
    core: Weak<RoomCore>,
}

/// Joins: connected at once.
pub(super) fn connect(core: &Arc<RoomCore>, name: &str) -> Result<(), DriverError> {
    let (room, participant) = parse(name)?;
    let identity = participant.identity.clone();
    let mut rooms = ROOMS.lock();
    let members = rooms.entry(room.clone()).or_default();
    members.retain(|_, member| member.core.strong_count() > 0);
    let old = members.insert(identity.clone(), Member { participant: participant.clone(), core: Arc::downgrade(core) });
    let others = |members: &Members| -> Vec<(Participant, Arc<RoomCore>)> {
        let others = members.values().filter(|m| m.participant.identity != identity);
        others.filter_map(|m| Some((m.participant.clone(), m.core.upgrade()?))).collect()
    };
    let others = others(members);
    for (_, other) in &others {
        if old.is_some() {
            other.participant_left(&identity);
        }
        other.participant_joined(participant.clone(), true);
    }
    let present = others.into_iter().map(|(participant, _)| (participant, true)).collect();
    let transport = Loopback { room: room.clone(), identity: identity.clone(), core: Arc::downgrade(core) };
    core.connected(Transport::Loopback(transport), identity, room, present);
    drop(rooms);
    if let Some(old) = old.and_then(|old| old.core.upgrade()) {
        old.disconnected(DisconnectReason::DuplicateIdentity, None);
    }
    Ok(())
}

/// `NAME[?identity=ALICE&kind=agent]`
fn parse(name: &str) -> Result<(String, Participant), DriverError> {
    let (room, query) = name.split_once('?').unwrap_or((name, ""));
    if room.is_empty() {
        return Err(DriverError::Url("loopback: needs a name".into()));
    }
    let mut identity = None;
    let mut kind = ParticipantKind::Standard;
    for (key, value) in url::form_urlencoded::parse(query.as_bytes()) {
        match &*key {
            "identity" if !value.is_empty() => identity = Some(value.into_owned()),
            "kind" => {
                kind = ParticipantKind::from_claim(&value)
                    .ok_or_else(|| DriverError::Url(format!("unknown kind {value:?}")))?;
            }
            _ => return Err(DriverError::Url(format!("loopback: does not know {key}={value}"))),
        }
    }
    let identity = identity.unwrap_or_else(|| format!("loopback-{}", GENERATED.fetch_add(1, Relaxed)));
    Ok((room.to_owned(), Participant { name: identity.clone(), identity, metadata: String::new(), kind }))
}

impl Loopback {
    fn member(&self, identity: &str) -> Option<Arc<RoomCore>> {
        ROOMS.lock().get(&self.room)?.get(identity)?.core.upgrade()
    }

    pub fn open_stream(
        &self,
        destination: &str,
        topic: &str,
        attributes: &HashMap<String, String>,
    ) -> Result<Writer, DriverError> {
        let core = self.member(destination).ok_or_else(|| DriverError::NoDestination(destination.to_owned()))?;
        // As over a server: a stream that nobody takes is written all the same.
        let sink = if topic == v0::TOPIC { core.open_stream(&self.identity, attributes) } else { None };
        Ok(Writer { sink, next_chunk: 0 })
    }

    pub async fn perform_rpc(
        &self,
        destination: &str,
        method: &str,
        payload: String,
        timeout: Duration,
    ) -> Result<String, RpcFailure> {
        let core = self
            .member(destination)
            .ok_or_else(|| RpcFailure::new(RECIPIENT_NOT_FOUND, format!("{destination} is not in the room")))?;
        let answered = tokio::time::timeout(timeout, core.invoke(method, &self.identity, payload)).await;
        answered.unwrap_or_else(|_| Err(RpcFailure::new(RESPONSE_TIMEOUT, "no answer in time")))
    }

    pub fn send_data(&self, message: &OutgoingData) {
        let targets: Vec<_> = {
            let rooms = ROOMS.lock();
            let members = rooms.get(&self.room).into_iter().flatten();
            let wanted = members.filter(|(identity, _)| match &message.destination {
                Some(destination) => *identity == destination,
                None => **identity != self.identity,
            });
            wanted.filter_map(|(_, member)| member.core.upgrade()).collect()
        };
        for target in targets {
            target.data_received(
                self.identity.clone(),
                message.topic.clone(),
                message.payload.clone(),
                message.reliable,
            );
        }
    }

    pub fn close(&self) {
        let mut rooms = ROOMS.lock();
        let Some(members) = rooms.get_mut(&self.room) else { return };
        // Another room may have taken the identity.
        if members.get(&self.identity).is_some_and(|m| m.core.ptr_eq(&self.core)) {
            members.remove(&self.identity);
            for other in members.values().filter_map(|m| m.core.upgrade()) {
                other.participant_left(&self.identity);
            }
        }
        if members.is_empty() {
            rooms.remove(&self.room);
        }
    }
}

/// A stream on its way to a receiver of this process.
pub(in crate::driver) struct Writer {
    sink: Option<StreamSink>,
    next_chunk: u64,
}

impl Writer {
    pub async fn write(&mut self, frame: &Bytes) {
        for chunk in v0::chunks(frame) {
            self.chunk(&[], &chunk).await;
        }
    }

    pub async fn write_record(&mut self, record: &Record) {
        for parts in record.chunks() {
            self.chunk(&parts.head, &parts.body).await;
        }
    }

    pub fn close(self, reason: &str, attributes: &HashMap<String, String>) {
        if let Some(sink) = self.sink {
            sink.close(reason, Some(attributes));
        }
    }

    async fn chunk(&mut self, head: &[u8], body: &[u8]) {
        if let Some(sink) = &self.sink {
            while !sink.offer(self.next_chunk, head, body) {
                sink.ready().await;
            }
        }
        self.next_chunk += 1;
    }
}
