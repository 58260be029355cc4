// SPDX-License-Identifier: Apache-2.0
//! The way to a signalling server: names, TCP, TLS, and an HTTP proxy where the environment names one. A URL goes in,
//! a stream of bytes comes out, or the [`DriverError`] of the step that failed. And how long the way is.

use crate::driver::DriverError;
use bytes::Bytes;
use http_body_util::Empty;
use hyper_util::rt::TokioIo;
use rustls::{pki_types::ServerName, ClientConfig};
use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use url::{Host, Url};

/// A connection to the server.
pub(super) trait Way: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Way for T {}

/// Connects to the URL's host; `tls` is asked for `wss` and `https` only.
pub(super) async fn connect(
    url: &Url,
    tls: impl FnOnce() -> Result<Arc<ClientConfig>, DriverError>,
) -> Result<Box<dyn Way>, DriverError> {
    let host = url.host().ok_or_else(|| DriverError::Url(format!("{url}: no host")))?;
    let port = port(url)?;
    let secure = matches!(url.scheme(), "wss" | "https");
    let plain: Box<dyn Way> = match proxy(&host, secure)? {
        Some(proxy) => Box::new(tunnel(&proxy, &host, port).await?),
        None => Box::new(connect_tcp(&host, port).await?),
    };
    if secure {
        Ok(Box::new(connect_tls(plain, &host, tls()?).await?))
    } else {
        Ok(plain)
    }
}

/// What is further away than this counts as far, and is not waited for.
const FAR: Duration = Duration::from_millis(50);

/// The round trip to the URL's host, by a connect of TCP that nothing follows. Zero to this machine itself, where a connect
/// would only measure how busy it is; `None` to a host that is far, behind a proxy or not there.
pub(super) async fn round_trip(url: &Url) -> Option<Duration> {
    let host = url.host()?;
    if proxy(&host, matches!(url.scheme(), "wss" | "https")).ok()?.is_some() {
        return None;
    }
    let addresses = resolve(&host, port(url).ok()?).await.ok()?;
    if addresses.iter().any(is_here) {
        return Some(Duration::ZERO);
    }
    let began = Instant::now();
    tokio::time::timeout(FAR, connect_first(&host, addresses)).await.ok()?.ok()?;
    Some(began.elapsed())
}

/// Whether it is an address of this machine: those are their own sources. Nothing is sent for it.
fn is_here(address: &SocketAddr) -> bool {
    let any: IpAddr = if address.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let source = || {
        let socket = UdpSocket::bind((any, 0))?;
        socket.connect(address)?;
        socket.local_addr()
    };
    address.ip().is_loopback() || source().is_ok_and(|source| source.ip() == address.ip())
}

fn port(url: &Url) -> Result<u16, DriverError> {
    url.port_or_known_default().ok_or_else(|| DriverError::Url(format!("{url}: no port")))
}

/// The proxy of `HTTPS_PROXY` or `HTTP_PROXY`; never for this machine itself.
fn proxy(host: &Host<&str>, secure: bool) -> Result<Option<Url>, DriverError> {
    let here = match host {
        Host::Domain(name) => *name == "localhost",
        Host::Ipv4(ip) => ip.is_loopback(),
        Host::Ipv6(ip) => ip.is_loopback(),
    };
    if here {
        return Ok(None);
    }
    let names = if secure { ["HTTPS_PROXY", "https_proxy"] } else { ["HTTP_PROXY", "http_proxy"] };
    let Some(proxy) = names.iter().find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty())) else {
        return Ok(None);
    };
    Url::parse(&proxy).map(Some).map_err(|e| DriverError::Url(format!("the proxy {proxy:?}: {e}")))
}

async fn connect_tcp(host: &Host<&str>, port: u16) -> Result<TcpStream, DriverError> {
    connect_first(host, resolve(host, port).await?).await
}

async fn resolve(host: &Host<&str>, port: u16) -> Result<Vec<SocketAddr>, DriverError> {
    Ok(match host {
        Host::Domain(name) => tokio::net::lookup_host((*name, port))
            .await
            .map_err(|e| DriverError::Resolve(format!("{name}: {e}")))?
            .collect(),
        Host::Ipv4(ip) => vec![(IpAddr::V4(*ip), port).into()],
        Host::Ipv6(ip) => vec![(IpAddr::V6(*ip), port).into()],
    })
}

/// To the first address that answers.
async fn connect_first(host: &Host<&str>, addresses: Vec<SocketAddr>) -> Result<TcpStream, DriverError> {
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

/// Asks the proxy for a connection (`CONNECT`, RFC 9110 section 9.3.6).
async fn tunnel(proxy: &Url, host: &Host<&str>, port: u16) -> Result<impl Way, DriverError> {
    let failed = |what: &dyn std::fmt::Display| DriverError::Unreachable(format!("the proxy: {what}"));
    let proxy_host = proxy.host().ok_or_else(|| DriverError::Url("the proxy has no host".into()))?;
    let stream = connect_tcp(&proxy_host, self::port(proxy)?).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|e| failed(&e))?;
    tokio::spawn(connection.with_upgrades());
    let target = format!("{host}:{port}");
    let mut request = http::Request::connect(&target).header(http::header::HOST, &target);
    if let Some(password) = proxy.password() {
        use base64::Engine as _;
        let credentials = base64::engine::general_purpose::STANDARD.encode(format!("{}:{password}", proxy.username()));
        request = request.header(http::header::PROXY_AUTHORIZATION, format!("Basic {credentials}"));
    }
    let request = request.body(Empty::<Bytes>::new()).map_err(|e| failed(&e))?;
    let response = sender.send_request(request).await.map_err(|e| failed(&e))?;
    if !response.status().is_success() {
        return Err(failed(&response.status()));
    }
    hyper::upgrade::on(response).await.map(TokioIo::new).map_err(|e| failed(&e))
}

async fn connect_tls(
    plain: Box<dyn Way>,
    host: &Host<&str>,
    config: Arc<ClientConfig>,
) -> Result<impl Way, DriverError> {
    let failed = |what: &dyn std::fmt::Display| DriverError::Tls(format!("{host}: {what}"));
    let name = match host {
        Host::Domain(name) => ServerName::try_from((*name).to_owned()).map_err(|e| failed(&e))?,
        Host::Ipv4(ip) => ServerName::from(IpAddr::V4(*ip)),
        Host::Ipv6(ip) => ServerName::from(IpAddr::V6(*ip)),
    };
    tokio_rustls::TlsConnector::from(config).connect(name, plain).await.map_err(|e| failed(&e))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    /// A proxy that answers one `CONNECT` and gives back what it was asked; behind a 200 it sends `hello`.
    async fn proxied(answer: &'static str) -> (String, Result<Vec<u8>, DriverError>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = format!("http://user:word@{}", listener.local_addr().unwrap());
        let serving = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                request.push(stream.read_u8().await.unwrap());
            }
            stream.write_all(format!("HTTP/1.1 {answer}\r\n\r\nhello").as_bytes()).await.unwrap();
            String::from_utf8(request).unwrap()
        });
        let way = tunnel(&Url::parse(&proxy).unwrap(), &Host::Domain("far.invalid"), 443).await;
        let heard = match way {
            Ok(mut way) => {
                let mut heard = vec![0; 5];
                way.read_exact(&mut heard).await.unwrap();
                Ok(heard)
            }
            Err(e) => Err(e),
        };
        (serving.await.unwrap(), heard)
    }

    #[tokio::test]
    async fn a_proxy_is_asked_for_the_server_and_leads_there() {
        let (request, heard) = proxied("200 OK").await;
        assert!(request.starts_with("CONNECT far.invalid:443 HTTP/1.1\r\n"), "{request}");
        assert!(request.to_lowercase().contains("proxy-authorization: basic dxnlcjp3b3jk\r\n"), "{request}");
        assert_eq!(heard.unwrap(), b"hello");
    }

    #[tokio::test]
    async fn this_machine_is_no_distance_away() {
        let url = |url| Url::parse(url).unwrap();
        assert_eq!(round_trip(&url("ws://127.0.0.1:9")).await, Some(Duration::ZERO), "nothing listens there");
        assert_eq!(round_trip(&url("ws://[::1]:9")).await, Some(Duration::ZERO));
        assert!(!is_here(&"198.51.100.1:9".parse().unwrap()));
    }

    #[tokio::test]
    async fn a_proxy_that_refuses_is_a_clear_error() {
        let (_, heard) = proxied("407 Proxy Authentication Required\r\nContent-Length: 5").await;
        assert!(matches!(heard, Err(DriverError::Unreachable(text)) if text.contains("407")));
    }
}
