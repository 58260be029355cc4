// SPDX-License-Identifier: Apache-2.0
//! Bookkeeping of the data channels: their queues in front of SCTP, and the bytes in each.
//!
//! Invariant of each channel, in bytes: `reported <= handed <= given`. `given` counts everything that
//! the application passed to `send`, refused messages included; `handed` what has left our queue;
//! `reported` what the application was told is out of the way: on a path that has failed all of it,
//! before it is handed on. All three are equal when a channel is idle or closed: whoever waits for its
//! bytes to drain never waits for ever.

use super::watchdog::Totals;
use crate::{
    types::{ChannelInit, ChannelState},
    Error, MAX_MESSAGE,
};
use bytes::BytesMut;
use rtc::{
    data_channel::{RTCDataChannel, RTCDataChannelId, RTCDataChannelInit},
    peer_connection::RTCPeerConnection,
};
use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    time::{Duration, Instant},
};

/// Names a channel of one connection, for as long as the connection lives.
pub type ChannelKey = u64;

/// Keys of channels that the far end opened start here; those of our own are the caller's, below.
pub const FIRST_INCOMING: ChannelKey = 1 << 32;

/// Drained bytes are reported once this many have come together, or none are left.
const REPORT_STEP: u64 = 100 << 10;

/// Bytes of a channel that go into SCTP at a time: a train of datagrams.
const PORTION: usize = 60_000;

/// A stream id that was closed is not used again for this long. The stack gives it away at once, but the
/// far end's half of the reset (RFC 6525) is still on its way, and the stream does not open before.
const QUARANTINE: Duration = Duration::from_secs(1);

struct Entry {
    /// `Err`: not made yet, see [`QUARANTINE`].
    id: Result<RTCDataChannelId, ChannelInit>,
    state: ChannelState,
    queue: VecDeque<(BytesMut, bool)>,
    given: u64,
    handed: u64,
    reported: u64,
}

/// Bytes of one channel, see the module's head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counters {
    /// Passed to `send`.
    pub given: u64,
    /// Out of our queue: inside SCTP, delivered or given up.
    pub handed: u64,
    /// Told to the application as drained.
    pub reported: u64,
}

pub(super) enum Opened {
    Local(ChannelKey),
    Incoming(ChannelKey),
}

pub(super) struct Channels {
    entries: BTreeMap<ChannelKey, Entry>,
    by_id: HashMap<RTCDataChannelId, ChannelKey>,
    next_incoming: ChannelKey,
    pub(super) max_in_flight: usize,
    /// Of channels that are forgotten.
    before: Totals,
    quarantine_ends: Option<Instant>,
}

impl Channels {
    pub(super) fn new(max_in_flight: usize) -> Self {
        Self {
            entries: BTreeMap::new(),
            by_id: HashMap::new(),
            next_incoming: FIRST_INCOMING,
            max_in_flight,
            before: Totals::default(),
            quarantine_ends: None,
        }
    }

    pub(super) fn create(
        &mut self,
        pc: &mut RTCPeerConnection,
        key: ChannelKey,
        init: ChannelInit,
    ) -> Result<(), Error> {
        let id = match self.quarantine_ends {
            Some(_) if init.negotiated.is_none() => Err(init),
            _ => Ok(make(pc, init)?),
        };
        self.insert(key, id, ChannelState::Connecting);
        Ok(())
    }

    fn insert(&mut self, key: ChannelKey, id: Result<RTCDataChannelId, ChannelInit>, state: ChannelState) {
        if let Ok(id) = id {
            self.by_id.insert(id, key);
        }
        self.entries.insert(key, Entry { id, state, queue: VecDeque::new(), given: 0, handed: 0, reported: 0 });
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.quarantine_ends
    }

    /// Makes the channels that waited. Those that the stack refuses.
    pub(super) fn handle_timeout(&mut self, pc: &mut RTCPeerConnection, now: Instant) -> Vec<ChannelKey> {
        if self.quarantine_ends.is_none_or(|end| now < end) {
            return Vec::new();
        }
        self.quarantine_ends = None;
        let mut refused = Vec::new();
        for (&key, e) in &mut self.entries {
            let Err(init) = &mut e.id else { continue };
            match make(pc, std::mem::take(init)) {
                Ok(id) => {
                    e.id = Ok(id);
                    self.by_id.insert(id, key);
                }
                Err(error) => {
                    log::warn!("channel: {error}");
                    refused.push(key);
                }
            }
        }
        refused
    }

    /// Queues a message. A refused one counts as given and handed.
    pub(super) fn send(&mut self, key: ChannelKey, data: BytesMut, binary: bool) -> Result<(), Error> {
        let e = self.entries.get_mut(&key).ok_or(Error::NotOpen)?;
        let refused = match data.len() {
            _ if e.state > ChannelState::Open => Some(Error::NotOpen),
            len if len > MAX_MESSAGE => Some(Error::TooLong(len)),
            _ => None,
        };
        e.given += data.len() as u64;
        if let Some(error) = refused {
            e.handed += data.len() as u64;
            return Err(error);
        }
        e.queue.push_back((data, binary));
        Ok(())
    }

    /// An open channel closes once its messages are through; one that never opened at once (`true`),
    /// and is then never announced to the far end.
    pub(super) fn close(&mut self, pc: &mut RTCPeerConnection, key: ChannelKey) -> bool {
        match self.entries.get_mut(&key) {
            Some(e) if e.state == ChannelState::Connecting => {
                if let Ok(id) = e.id {
                    self.by_id.remove(&id);
                    if let Some(mut dc) = pc.data_channel(id) {
                        let _ = dc.close();
                    }
                }
                e.end();
                true
            }
            Some(e) if e.state == ChannelState::Open => {
                e.state = ChannelState::Closing;
                false
            }
            _ => false,
        }
    }

    /// The stack says that a channel is open. `None`: it was closed here in the meantime.
    pub(super) fn opened(&mut self, id: RTCDataChannelId) -> Option<Opened> {
        let Some(&key) = self.by_id.get(&id) else {
            let key = self.next_incoming;
            self.next_incoming += 1;
            self.insert(key, Ok(id), ChannelState::Open);
            return Some(Opened::Incoming(key));
        };
        let e = self.entries.get_mut(&key)?;
        if e.state != ChannelState::Connecting {
            return None;
        }
        e.state = ChannelState::Open;
        Some(Opened::Local(key))
    }

    /// The stack says that a channel is over. `None`: that is known.
    pub(super) fn closed(&mut self, id: RTCDataChannelId, now: Instant) -> Option<ChannelKey> {
        self.quarantine_ends = Some(now + QUARANTINE);
        let key = self.by_id.remove(&id)?;
        self.entries.get_mut(&key)?.end();
        Some(key)
    }

    /// Ends every channel; those that were not over.
    pub(super) fn end_all(&mut self) -> Vec<ChannelKey> {
        self.by_id.clear();
        let live = self.entries.iter_mut().filter(|(_, e)| e.state != ChannelState::Closed);
        live.map(|(key, e)| {
            e.end();
            *key
        })
        .collect()
    }

    /// Forgets a channel that is over. The bytes that were never reported.
    pub(super) fn remove(&mut self, key: ChannelKey) -> u64 {
        let Some(e) = self.entries.remove(&key) else { return 0 };
        self.before.given += e.given;
        self.before.handed += e.handed;
        e.given - e.reported
    }

    pub(super) fn key_of(&self, id: RTCDataChannelId) -> Option<ChannelKey> {
        self.by_id.get(&id).copied()
    }

    pub(super) fn counters(&self, key: ChannelKey) -> Option<Counters> {
        self.entries.get(&key).map(|e| Counters { given: e.given, handed: e.handed, reported: e.reported })
    }

    /// Feeds SCTP from the queues, as far as the cap of each channel lets it and with no more than [`PORTION`], and
    /// closes those that are to be closed and have nothing left. Whether there may be more to feed.
    pub(super) fn pump(&mut self, pc: &mut RTCPeerConnection, now: Instant) -> bool {
        let mut fed = false;
        for e in self.entries.values_mut() {
            if matches!(e.state, ChannelState::Open | ChannelState::Closing) {
                fed |= e.pump(pc, self.max_in_flight, now);
            }
        }
        fed
    }

    /// The byte counts of all channels there ever were.
    pub(super) fn totals(&self, pc: &mut RTCPeerConnection) -> Totals {
        let (mut totals, mut in_flight) = (self.before, 0);
        for e in self.entries.values() {
            totals.given += e.given;
            totals.handed += e.handed;
            in_flight += e.in_flight(pc) as u64;
        }
        totals.released = totals.handed.saturating_sub(in_flight);
        totals
    }

    /// The next channel with drained bytes that are due to be told, and how many. On a path that has `failed` all
    /// bytes count as drained, though SCTP still has them: livekit's publisher keeps its reconnection locked out for as
    /// long as it waits for bytes to drain. They are not told again should the path come back.
    pub(super) fn report(&mut self, pc: &mut RTCPeerConnection, failed: bool) -> Option<(ChannelKey, u64)> {
        self.entries.iter_mut().find_map(|(key, e)| {
            if e.reported >= if failed { e.given } else { e.handed } {
                return None;
            }
            let drained = if failed { e.given } else { e.handed.saturating_sub(e.in_flight(pc) as u64) };
            let step = drained.saturating_sub(e.reported);
            let due = step >= REPORT_STEP || (step > 0 && drained == e.given);
            due.then(|| {
                e.reported = drained;
                (*key, step)
            })
        })
    }
}

impl Entry {
    fn made<'a>(&self, pc: &'a mut RTCPeerConnection) -> Option<RTCDataChannel<'a>> {
        pc.data_channel(*self.id.as_ref().ok()?)
    }

    fn in_flight(&self, pc: &mut RTCPeerConnection) -> usize {
        if self.state == ChannelState::Closed {
            return 0;
        }
        self.made(pc).map_or(0, |dc| dc.outstanding_bytes())
    }

    fn pump(&mut self, pc: &mut RTCPeerConnection, cap: usize, now: Instant) -> bool {
        let mut fed = 0;
        while let Some((data, _)) = self.queue.front().filter(|_| fed < PORTION) {
            let held = self.in_flight(pc);
            if held > 0 && held + data.len() > cap {
                break;
            }
            let Some((data, binary)) = self.queue.pop_front() else { break };
            fed += data.len().max(1);
            self.handed += data.len() as u64;
            let Some(mut dc) = self.made(pc) else { continue };
            let sent = if binary {
                dc.send(now, data)
            } else {
                dc.send_text(now, String::from_utf8_lossy(&data).into_owned())
            };
            if let Err(e) = sent {
                log::warn!("message on {} given up: {e}", dc.label());
            }
        }
        if self.state == ChannelState::Closing && fed == 0 && self.in_flight(pc) == 0 {
            if let Some(mut dc) = self.made(pc) {
                let _ = dc.close();
            }
        }
        fed > 0
    }

    /// What was not delivered is given up.
    fn end(&mut self) {
        self.state = ChannelState::Closed;
        self.queue.clear();
        self.handed = self.given;
    }
}

fn make(pc: &mut RTCPeerConnection, init: ChannelInit) -> Result<RTCDataChannelId, Error> {
    let options = RTCDataChannelInit {
        ordered: init.ordered,
        max_packet_life_time: init.max_lifetime_ms,
        max_retransmits: init.max_retransmits,
        protocol: init.protocol,
        negotiated: init.negotiated,
    };
    Ok(pc.create_data_channel(&init.label, Some(options))?.id())
}
