// SPDX-License-Identifier: Apache-2.0
//! The WebSocket that carries the signalling of one room: binary frames both ways.

use super::way::{self, Way};
use crate::driver::DriverError;
use futures_util::{
    stream::{SplitSink, SplitStream},
    SinkExt as _, StreamExt as _,
};
use livekit_net::{Header, TransportError, WsConnection};
use rustls::ClientConfig;
use std::sync::Arc;
use tokio_tungstenite::{
    tungstenite::{client::IntoClientRequest as _, Error as WsError, Message},
    WebSocketStream,
};

/// Why there is no WebSocket.
pub(super) enum Failure {
    /// The server answered the upgrade with this status.
    Http(u16),
    /// It did not come that far.
    Below(DriverError),
}

impl From<DriverError> for Failure {
    fn from(error: DriverError) -> Self {
        Self::Below(error)
    }
}

pub(super) async fn open(
    url: &str,
    headers: &[Header],
    tls: impl FnOnce() -> Result<Arc<ClientConfig>, DriverError>,
) -> Result<Connection, Failure> {
    let url = url::Url::parse(url).map_err(|e| DriverError::Url(e.to_string()))?;
    let way = way::connect(&url, tls).await?;
    let mut request = url.as_str().into_client_request().map_err(|e| DriverError::Url(e.to_string()))?;
    for header in headers {
        let invalid = |e: &dyn std::fmt::Display| DriverError::InvalidArgument(format!("{}: {e}", header.name));
        let name = http::HeaderName::try_from(&header.name).map_err(|e| invalid(&e))?;
        let value = http::HeaderValue::try_from(&header.value).map_err(|e| invalid(&e))?;
        request.headers_mut().insert(name, value);
    }
    match tokio_tungstenite::client_async(request, way).await {
        Ok((socket, _)) => {
            let (writer, reader) = socket.split();
            Ok(Connection { writer: writer.into(), reader: reader.into() })
        }
        Err(WsError::Http(response)) => Err(Failure::Http(response.status().as_u16())),
        Err(e) => Err(DriverError::Unreachable(e.to_string()).into()),
    }
}

type Socket = WebSocketStream<Box<dyn Way>>;

pub(super) struct Connection {
    writer: tokio::sync::Mutex<SplitSink<Socket, Message>>,
    reader: tokio::sync::Mutex<SplitStream<Socket>>,
}

#[async_trait::async_trait]
impl WsConnection for Connection {
    async fn send(&self, frame: Vec<u8>) -> Result<(), TransportError> {
        let sent = self.writer.lock().await.send(Message::Binary(frame.into())).await;
        sent.map_err(|e| TransportError::Connection(e.to_string()))
    }

    async fn recv(&self) -> Result<Option<Vec<u8>>, TransportError> {
        let mut reader = self.reader.lock().await;
        loop {
            match reader.next().await {
                Some(Ok(Message::Binary(frame))) => return Ok(Some(frame.into())),
                // The answer that tungstenite has queued leaves with the next flush.
                Some(Ok(Message::Ping(_))) => {
                    self.writer.lock().await.flush().await.map_err(|e| TransportError::Connection(e.to_string()))?;
                }
                Some(Ok(Message::Text(_) | Message::Pong(_) | Message::Frame(_))) => {}
                Some(Ok(Message::Close(_)) | Err(WsError::ConnectionClosed | WsError::AlreadyClosed)) | None => {
                    return Ok(None);
                }
                Some(Err(e)) => return Err(TransportError::Connection(e.to_string())),
            }
        }
    }

    async fn close(&self) {
        if let Err(e) = self.writer.lock().await.close().await {
            tracing::debug!("closing the signalling connection: {e}");
        }
    }
}
