// SPDX-License-Identifier: Apache-2.0
//! Single HTTP requests: `livekit` asks why a WebSocket was refused, and a cloud for its regions. One connection each,
//! no redirects.

use super::way;
use crate::driver::DriverError;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::rt::TokioIo;
use livekit_net::{Header, HttpMethod, HttpResponse, TransportError};
use rustls::ClientConfig;
use std::{fmt::Display, sync::Arc};

/// Longest answer, in bytes: what is asked for here is short.
const MAX_ANSWER: usize = 1 << 20;

pub(super) async fn send(
    method: HttpMethod,
    url: &str,
    headers: &[Header],
    body: Option<Vec<u8>>,
    tls: impl FnOnce() -> Result<Arc<ClientConfig>, DriverError>,
) -> Result<HttpResponse, TransportError> {
    let url = url::Url::parse(url).map_err(failed)?;
    let way = way::connect(&url, tls).await.map_err(failed)?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(way)).await.map_err(failed)?;
    tokio::spawn(connection);
    let method = match method {
        HttpMethod::Get => http::Method::GET,
        HttpMethod::Post => http::Method::POST,
    };
    let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
    let authority = &url[url::Position::BeforeHost..url::Position::AfterPort];
    let mut request = http::Request::builder().method(method).uri(target).header(http::header::HOST, authority);
    for header in headers {
        request = request.header(&header.name, &header.value);
    }
    let request = request.body(Full::<Bytes>::from(body.unwrap_or_default())).map_err(failed)?;
    let (parts, body) = sender.send_request(request).await.map_err(failed)?.into_parts();
    let body = Limited::new(body, MAX_ANSWER).collect().await.map_err(failed)?.to_bytes().to_vec();
    let headers = parts.headers.iter().filter_map(|(name, value)| {
        Some(Header { name: name.as_str().to_owned(), value: value.to_str().ok()?.to_owned() })
    });
    Ok(HttpResponse { status: parts.status.as_u16(), headers: headers.collect(), body })
}

fn failed(e: impl Display) -> TransportError {
    TransportError::Connection(e.to_string())
}
