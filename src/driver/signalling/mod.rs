// SPDX-License-Identifier: Apache-2.0
//! Signalling connections: the WebSocket and HTTP clients that `livekit` uses, ours so that a room can bring
//! its own root certificates and so that a failure keeps its kind (name, address, certificate, token).
//!
//! `livekit-net` has one client for the process; a room is told apart by its access token, which every request
//! carries as `Authorization: Bearer`. A room's [`Registration`] is its entry in that table.

mod request;
mod way;
mod web_socket;

use super::DriverError;
use livekit_net::{Header, HttpClient, HttpMethod, HttpResponse, TransportError, WsClient, WsConnectResult};
use once_cell::sync::Lazy;
use parking_lot::Mutex;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{pem::PemObject as _, CertificateDer};
use std::{collections::HashMap, sync::Arc, time::Duration};
use web_socket::Failure;

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
        livekit_net::set_ws_client(Arc::new(Client));
        livekit_net::set_http_client(Arc::new(Client));
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

/// To the server of the URL: zero if it is this machine, `None` if it is far or that cannot be known.
pub(super) async fn round_trip(url: &str) -> Option<Duration> {
    way::round_trip(&url::Url::parse(url).ok()?).await
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

/// The process-wide client that `livekit-net` calls.
struct Client;

#[async_trait::async_trait]
impl WsClient for Client {
    async fn connect(
        &self,
        url: String,
        headers: Vec<Header>,
        timeout_ms: u64,
    ) -> Result<WsConnectResult, TransportError> {
        let policy = policy_of(&headers);
        let attempt = web_socket::open(&url, &headers, || tls_of(policy.as_deref()));
        let outcome = match tokio::time::timeout(Duration::from_millis(timeout_ms), attempt).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Failure::Below(DriverError::Unreachable("no answer in time".into()))),
        };
        match outcome {
            Ok(connection) => Ok(WsConnectResult { connection: Arc::new(connection) }),
            Err(Failure::Http(status)) => Err(TransportError::Http { status }),
            Err(Failure::Below(error)) => {
                let text = error.to_string();
                if let Some(policy) = policy {
                    *policy.failure.lock() = Some(error);
                }
                Err(TransportError::Connection(text))
            }
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
        request::send(method, &url, &headers, body, || tls_of(policy.as_deref())).await
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
