// SPDX-License-Identifier: Apache-2.0
//! Transports: how a room reaches others. A LiveKit server ([`livekit`]), or the rooms of the same process
//! ([`loopback`]); same sessions, same bytes.
//!
//! A transport carries, in order: streams of chunks to one destination, calls, messages; and brings news to the
//! [`RoomCore`]. It decides nothing.

mod livekit;
mod loopback;
mod publisher;
mod readers;

use super::{room::RoomOptions, room_core::RoomCore, rpc::RpcFailure, DriverError};
use crate::wire::v1::record::Record;
use bytes::Bytes;
use std::{collections::HashMap, sync::Arc, time::Duration};

/// A message of the application's own on its way out.
#[derive(Debug)]
pub(super) struct OutgoingData {
    pub payload: Bytes,
    /// Empty: none.
    pub topic: String,
    /// `None`: everybody.
    pub destination: Option<String>,
    pub reliable: bool,
}

/// The way to the others.
pub(super) enum Transport {
    LiveKit(livekit::LiveKit),
    Loopback(loopback::Loopback),
}

/// Starts to connect; the core learns how it goes.
pub(super) fn connect(core: &Arc<RoomCore>, url: &str, token: &str, options: RoomOptions) -> Result<(), DriverError> {
    match url.strip_prefix(loopback::SCHEME) {
        Some(name) => loopback::connect(core, name),
        None => livekit::connect(core, url, token, options),
    }
}

impl Transport {
    /// Opens a stream to one destination.
    pub async fn open_stream(
        &self,
        destination: &str,
        topic: &str,
        name: String,
        attributes: HashMap<String, String>,
    ) -> Result<StreamWriter, DriverError> {
        match self {
            Self::LiveKit(t) => {
                let writer = t.open_stream(destination, topic, name, attributes).await?;
                Ok(StreamWriter::LiveKit(Box::new(writer)))
            }
            Self::Loopback(t) => t.open_stream(destination, topic, &attributes).map(StreamWriter::Loopback),
        }
    }

    /// Calls a method and waits for the answer.
    pub async fn perform_rpc(
        &self,
        destination: &str,
        method: &str,
        payload: String,
        timeout: Duration,
    ) -> Result<String, RpcFailure> {
        match self {
            Self::LiveKit(t) => t.perform_rpc(destination, method, payload, timeout).await,
            Self::Loopback(t) => t.perform_rpc(destination, method, payload, timeout).await,
        }
    }

    /// Sends a message of the application's own.
    pub async fn send_data(&self, message: OutgoingData) -> Result<(), DriverError> {
        match self {
            Self::LiveKit(t) => t.send_data(message).await,
            Self::Loopback(t) => {
                t.send_data(&message);
                Ok(())
            }
        }
    }

    /// Sends a message that waits for nothing and of whose failure nobody needs to know.
    pub fn post(self: &Arc<Self>, core: &Arc<RoomCore>, message: OutgoingData) {
        if let Self::Loopback(t) = &**self {
            return t.send_data(&message);
        }
        let this = self.clone();
        core.spawn(async move {
            if let Err(e) = this.send_data(message).await {
                tracing::debug!("a control message was not sent: {e}");
            }
        });
    }

    /// Makes a method known; its calls go to [`RoomCore::invoke`].
    pub fn register_method(&self, core: &Arc<RoomCore>, method: &str) {
        match self {
            Self::LiveKit(t) => t.register_method(core, method),
            // Loopback asks the core itself.
            Self::Loopback(_) => {}
        }
    }

    /// Takes a method back.
    pub fn unregister_method(&self, method: &str) {
        match self {
            Self::LiveKit(t) => t.unregister_method(method),
            Self::Loopback(_) => {}
        }
    }

    /// Leaves the room.
    pub async fn close(&self) {
        match self {
            Self::LiveKit(t) => t.close().await,
            Self::Loopback(t) => t.close(),
        }
    }
}

/// A stream that is being written.
pub(super) enum StreamWriter {
    LiveKit(Box<publisher::Writer>),
    Loopback(loopback::Writer),
}

impl StreamWriter {
    /// Writes one frame; waits while the way is full. It may be dropped half-way; then only the end may follow.
    pub async fn write(&mut self, frame: &Bytes) -> Result<(), DriverError> {
        match self {
            Self::LiveKit(writer) => writer.write(frame).await,
            Self::Loopback(writer) => {
                writer.write(frame).await;
                Ok(())
            }
        }
    }

    /// Writes one frame of version 1, likewise.
    pub async fn write_record(&mut self, record: &Record) -> Result<(), DriverError> {
        match self {
            Self::LiveKit(writer) => writer.write_record(record).await,
            Self::Loopback(writer) => {
                writer.write_record(record).await;
                Ok(())
            }
        }
    }

    /// Sends the trailer; `reason` is empty when the stream is whole.
    pub async fn close(self, reason: &str, attributes: HashMap<String, String>) -> Result<(), DriverError> {
        match self {
            Self::LiveKit(writer) => writer.close(reason, attributes).await,
            Self::Loopback(writer) => {
                writer.close(reason, &attributes);
                Ok(())
            }
        }
    }
}
