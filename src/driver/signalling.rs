// SPDX-License-Identifier: Apache-2.0
//! Signalling connections: the WebSocket and HTTP clients that `livekit` uses, ours so that a room can bring
//! its own root certificates and so that a failure keeps its kind (name, address, certificate, token).
//!
//! `livekit-net` has one client for the process; a room is told apart by its access token, which every request
//! carries as `Authorization: Bearer`. A room's [`Registration`] is its entry in that table. Where the
//! environment names an HTTP proxy and the system's roots are used, the stock client does the work.

use super::DriverError;
use futures_util::{
    stream::{SplitSink, SplitStream},
    SinkExt as _, StreamExt as _,
};
use livekit_net::{
    Header, HttpClient, HttpMethod, HttpResponse, TransportError, WsClient, WsConnectResult, WsConnection,
};
use once_cell::sync::Lazy;
use parking_lot::Mutex;
use rustls::{pki_types::ServerName, ClientConfig, RootCertStore};
use rustls_pki_types::{pem::PemObject as _, CertificateDer};
use std::{collections::HashMap, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_tungstenite::{
    tungstenite::{client::IntoClientRequest as _, http, Error as WsError, Message},
    WebSocketStream,
};

/// Which certificates `wss://` and `https://` trust.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Roots {
    /// The operating system's.
    #[default]
    System,
    /// These and no others, in PEM.
    Pem(Vec<u8>),
}

/// One room's signalling: what it trusts, and why its last attempt failed.
struct Policy {
    /// `None`: the system's roots.
    tls: Option<Arc<ClientConfig>>,
    failure: Mutex<Option<DriverError>>,
}

static POLICIES: Lazy<Mutex<HashMap<String, Arc<Policy>>>> = Lazy::new(Mutex::default);
static SYSTEM_TLS: Lazy<Result<Arc<ClientConfig>, DriverError>> = Lazy::new(system_tls);

/// A room's entry; gone with the value.
pub(super) struct Registration {
    tokens: Mutex<Vec<String>>,
    policy: Arc<Policy>,
}

impl Registration {
    /// # Errors
    /// [`DriverError::Tls`] if the given roots are no certificates.
    pub fn new(token: &str, roots: &Roots) -> Result<Self, DriverError> {
        let client = Arc::new(Client { stock: livekit_net::testing::native_ws_client() });
        livekit_net::set_ws_client(client.clone());
        livekit_net::set_http_client(client);
        let tls = match roots {
            Roots::System => None,
            Roots::Pem(pem) => Some(client_config(given_roots(pem)?)),
        };
        let policy = Arc::new(Policy { tls, failure: Mutex::new(None) });
        let this = Self { tokens: Mutex::default(), policy };
        this.token_refreshed(token);
        Ok(this)
    }

    /// The server has replaced the token: later requests carry the new one, those under way the old one.
    pub fn token_refreshed(&self, token: &str) {
        POLICIES.lock().insert(token.to_owned(), self.policy.clone());
        let mut tokens = self.tokens.lock();
        tokens.push(token.to_owned());
        while tokens.len() > 2 {
            self.forget(&tokens.remove(0));
        }
    }

    fn forget(&self, token: &str) {
        let mut policies = POLICIES.lock();
        // A room of the same token that came later keeps its entry.
        if policies.get(token).is_some_and(|p| Arc::ptr_eq(p, &self.policy)) {
            policies.remove(token);
        }
    }

    /// Why the last attempt failed, if it failed below HTTP.
    pub fn take_failure(&self) -> Option<DriverError> {
        self.policy.failure.lock().take()
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        for token in self.tokens.lock().drain(..) {
            self.forget(&token);
        }
    }
}

fn given_roots(pem: &[u8]) -> Result<RootCertStore, DriverError> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|e| DriverError::Tls(format!("the given roots: {e}")))?;
        roots.add(certificate).map_err(|e| DriverError::Tls(format!("the given roots: {e}")))?;
    }
    if roots.is_empty() {
        return Err(DriverError::Tls("the given roots hold no certificate".into()));
    }
    Ok(roots)
}

fn system_tls() -> Result<Arc<ClientConfig>, DriverError> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        return Err(DriverError::Tls("the system has no root certificates (package ca-certificates)".into()));
    }
    Ok(client_config(roots))
}

fn client_config(roots: RootCertStore) -> Arc<ClientConfig> {
    Arc::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth())
}

fn policy_of(headers: &[Header]) -> Option<Arc<Policy>> {
    let authorization = headers.iter().find(|h| h.name.eq_ignore_ascii_case("authorization"))?;
    POLICIES.lock().get(authorization.value.strip_prefix("Bearer ")?).cloned()
}

fn tls_of(policy: Option<&Policy>) -> Result<Arc<ClientConfig>, DriverError> {
    policy.and_then(|p| p.tls.clone()).map_or_else(|| SYSTEM_TLS.clone(), Ok)
}

fn proxied(secure: bool) -> bool {
    let names = if secure { ["HTTPS_PROXY", "https_proxy"] } else { ["HTTP_PROXY", "http_proxy"] };
    names.iter().any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}

/// The process-wide client that `livekit-net` calls.
struct Client {
    stock: Arc<dyn WsClient>,
}

#[async_trait::async_trait]
impl WsClient for Client {
    async fn connect(
        &self,
        url: String,
        headers: Vec<Header>,
        timeout_ms: u64,
    ) -> Result<WsConnectResult, TransportError> {
        let policy = policy_of(&headers);
        if policy.as_ref().is_none_or(|p| p.tls.is_none()) && proxied(url.starts_with("wss:")) {
            return self.stock.connect(url, headers, timeout_ms).await;
        }
        let attempt = open(&url, &headers, policy.as_deref());
        let outcome = match tokio::time::timeout(Duration::from_millis(timeout_ms), attempt).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Failure::Below(DriverError::Unreachable("no answer in time".into()))),
        };
        outcome.map_err(|failure| match failure {
            Failure::Http(status) => TransportError::Http { status },
            Failure::Below(error) => {
                let text = error.to_string();
                if let Some(policy) = policy {
                    *policy.failure.lock() = Some(error);
                }
                TransportError::Connection(text)
            }
        })
    }
}

enum Failure {
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

trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

async fn open(url: &str, headers: &[Header], policy: Option<&Policy>) -> Result<WsConnectResult, Failure> {
    let url = url::Url::parse(url).map_err(|e| DriverError::Url(e.to_string()))?;
    let host = url.host_str().ok_or_else(|| DriverError::Url("no host".into()))?;
    let port = url.port_or_known_default().ok_or_else(|| DriverError::Url("no port".into()))?;
    let tcp = connect_tcp(host.trim_matches(['[', ']']), port).await?;
    let stream: Box<dyn Io> = match url.scheme() {
        "wss" => Box::new(connect_tls(tcp, host, tls_of(policy)?).await?),
        _ => Box::new(tcp),
    };
    let mut request = url.as_str().into_client_request().map_err(|e| DriverError::Url(e.to_string()))?;
    for header in headers {
        let name = http::HeaderName::try_from(&header.name).map_err(|e| DriverError::InvalidArgument(e.to_string()))?;
        let value =
            http::HeaderValue::try_from(&header.value).map_err(|e| DriverError::InvalidArgument(e.to_string()))?;
        request.headers_mut().insert(name, value);
    }
    match tokio_tungstenite::client_async(request, stream).await {
        Ok((socket, _)) => {
            let (writer, reader) = socket.split();
            let connection = Connection { writer: writer.into(), reader: reader.into() };
            Ok(WsConnectResult { connection: Arc::new(connection) })
        }
        Err(WsError::Http(response)) => Err(Failure::Http(response.status().as_u16())),
        Err(e) => Err(DriverError::Unreachable(e.to_string()).into()),
    }
}

async fn connect_tcp(host: &str, port: u16) -> Result<TcpStream, DriverError> {
    let addresses: Vec<_> = tokio::net::lookup_host((host, port))
        .await
        .map_err(|e| DriverError::Resolve(format!("{host}: {e}")))?
        .collect();
    let mut last = DriverError::Resolve(format!("{host}: no address"));
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(e) => last = DriverError::Unreachable(format!("{address}: {e}")),
        }
    }
    Err(last)
}

async fn connect_tls(tcp: TcpStream, host: &str, config: Arc<ClientConfig>) -> Result<impl Io, DriverError> {
    let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned())
        .map_err(|e| DriverError::Tls(format!("{host}: {e}")))?;
    let connector = tokio_rustls::TlsConnector::from(config);
    connector.connect(name, tcp).await.map_err(|e| DriverError::Tls(format!("{host}: {e}")))
}

type Socket = WebSocketStream<Box<dyn Io>>;

struct Connection {
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

#[async_trait::async_trait]
impl HttpClient for Client {
    async fn request(
        &self,
        method: HttpMethod,
        url: String,
        headers: Vec<Header>,
        body: Option<Vec<u8>>,
    ) -> Result<HttpResponse, TransportError> {
        let policy = policy_of(&headers);
        let failed = |e: &dyn std::error::Error| TransportError::Connection(e.to_string());
        let tls = tls_of(policy.as_deref()).map_err(|e| failed(&e))?;
        let client =
            reqwest::Client::builder().use_preconfigured_tls((*tls).clone()).build().map_err(|e| failed(&e))?;
        let mut request = match method {
            HttpMethod::Get => client.get(&url),
            HttpMethod::Post => client.post(&url),
        };
        for header in &headers {
            request = request.header(&header.name, &header.value);
        }
        if let Some(body) = body {
            request = request.body(body);
        }
        let response = request.send().await.map_err(|e| failed(&e))?;
        let status = response.status().as_u16();
        let headers = response
            .headers()
            .iter()
            .filter_map(|(name, value)| {
                Some(Header { name: name.as_str().to_owned(), value: value.to_str().ok()?.to_owned() })
            })
            .collect();
        let body = response.bytes().await.map_err(|e| failed(&e))?.to_vec();
        Ok(HttpResponse { status, headers, body })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_newest_tokens_of_a_room_are_kept() {
        let known = |token: &str| POLICIES.lock().contains_key(token);
        let registration = Registration::new("token-1", &Roots::System).unwrap();
        registration.token_refreshed("token-2");
        registration.token_refreshed("token-3");
        assert!(!known("token-1") && known("token-2") && known("token-3"));
        drop(registration);
        assert!(!known("token-2") && !known("token-3"));
    }
}
