// SPDX-License-Identifier: Apache-2.0
//! Local candidates: one host candidate for each bound address, and what STUN servers see it as.
//!
//! Addresses and servers may come in any order and at any time. A server that does not answer is
//! asked seven times (RFC 8489, section 6.2.1) and then left alone.

use super::{candidate, stun, Transmit};
use bytes::BytesMut;
use std::{
    hash::{BuildHasher, RandomState},
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};

const FIRST_RETRY: Duration = Duration::from_millis(250);
const ATTEMPTS: u32 = 7;
/// Servers asked at most; every one costs a request from each address.
const MAX_SERVERS: usize = 8;

#[derive(Default)]
pub(super) struct Gather {
    bases: Vec<SocketAddr>,
    servers: Vec<SocketAddr>,
    queries: Vec<Query>,
    /// Everything found so far, for an ICE restart to announce again.
    lines: Vec<String>,
}

struct Query {
    base: SocketAddr,
    server: SocketAddr,
    id: stun::TransactionId,
    sent: u32,
    due: Instant,
}

impl Gather {
    /// Takes a bound address in. Its host candidate, or `None` if it is known.
    pub(super) fn add_base(&mut self, base: SocketAddr, now: Instant) -> Option<String> {
        if self.bases.contains(&base) {
            return None;
        }
        self.bases.push(base);
        for server in self.servers.clone() {
            self.ask(base, server, now);
        }
        let line = candidate::host(base, self.bases.len() - 1);
        self.lines.push(line.clone());
        Some(line)
    }

    pub(super) fn add_servers(&mut self, servers: &[SocketAddr], now: Instant) {
        for &server in servers {
            if self.servers.len() < MAX_SERVERS && !self.servers.contains(&server) {
                self.servers.push(server);
                for base in self.bases.clone() {
                    self.ask(base, server, now);
                }
            }
        }
    }

    /// All candidates known by now; the servers are asked again, as the network may have changed.
    pub(super) fn restart(&mut self, now: Instant) -> Vec<String> {
        self.queries.clear();
        for server in self.servers.clone() {
            for base in self.bases.clone() {
                self.ask(base, server, now);
            }
        }
        self.lines.clone()
    }

    fn ask(&mut self, base: SocketAddr, server: SocketAddr, now: Instant) {
        if base.is_ipv4() == server.is_ipv4() && (!base.ip().is_loopback() || server.ip().is_loopback()) {
            self.queries.push(Query { base, server, id: transaction_id(), sent: 0, due: now });
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.queries.iter().map(|q| q.due).min()
    }

    /// A request that is due.
    pub(super) fn poll_transmit(&mut self, now: Instant) -> Option<Transmit> {
        self.queries.retain(|q| {
            let silent = q.sent == ATTEMPTS && q.due <= now;
            if silent {
                log::debug!("STUN server {} does not answer on {}", q.server, q.base);
            }
            !silent
        });
        let q = self.queries.iter_mut().find(|q| q.due <= now)?;
        q.due = now + FIRST_RETRY * 2u32.pow(q.sent);
        q.sent += 1;
        Some(Transmit { local: q.base, remote: q.server, data: BytesMut::from(&stun::binding_request(q.id)[..]) })
    }

    /// `None`: not an answer to us. Else the candidate found, if it is a new one.
    pub(super) fn handle(&mut self, local: SocketAddr, remote: SocketAddr, data: &[u8]) -> Option<Option<String>> {
        if self.queries.is_empty() || !self.servers.contains(&remote) {
            return None;
        }
        let (id, mapped) = stun::binding_success(data)?;
        let found = self.queries.iter().position(|q| q.id == id && q.base == local && q.server == remote)?;
        self.queries.swap_remove(found);
        let plausible = mapped.port() != 0 && mapped.is_ipv4() == local.is_ipv4() && !is_useless(mapped.ip());
        if !plausible || self.bases.contains(&mapped) {
            return Some(None);
        }
        let rank = self.bases.iter().position(|b| *b == local)?;
        let server = self.servers.iter().position(|s| *s == remote)?;
        let line = candidate::server_reflexive(mapped, local, rank, server);
        if self.lines.contains(&line) {
            return Some(None);
        }
        self.lines.push(line.clone());
        Some(Some(line))
    }
}

fn is_useless(ip: IpAddr) -> bool {
    ip.is_unspecified() || ip.is_multicast()
}

/// Unpredictable, so that nobody off the path can answer for the server.
fn transaction_id() -> stun::TransactionId {
    let mut id = [0; 12];
    let random = || RandomState::new().hash_one(0u8).to_be_bytes();
    id[..8].copy_from_slice(&random());
    id[8..].copy_from_slice(&random()[..4]);
    id
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a base for virtual time")]
mod tests {
    use super::*;

    fn address(s: &str) -> SocketAddr {
        s.parse().expect("an address")
    }

    #[test]
    fn a_silent_server_is_asked_seven_times() {
        let t0 = Instant::now();
        let mut gather = Gather::default();
        gather.add_servers(&[address("198.51.100.1:3478")], t0);
        assert!(gather.add_base(address("192.0.2.1:1000"), t0).is_some());
        assert!(gather.add_base(address("192.0.2.1:1000"), t0).is_none());
        assert!(gather.add_base(address("[2001:db8::1]:1000"), t0).is_some(), "another family is not asked");
        let mut asked = 0;
        while let Some(due) = gather.poll_timeout() {
            while gather.poll_transmit(due).is_some() {
                asked += 1;
            }
        }
        assert_eq!(asked, 7);
    }

    #[test]
    fn only_the_server_asked_may_answer() {
        let t0 = Instant::now();
        let (base, server) = (address("192.0.2.1:1000"), address("198.51.100.1:3478"));
        let mut gather = Gather::default();
        gather.add_base(base, t0);
        gather.add_servers(&[server, server], t0);
        let request = gather.poll_transmit(t0).expect("a request");
        let mut answer = vec![1, 1, 0, 12];
        answer.extend(&request.data[4..20]);
        answer.extend([0, 0x20, 0, 8, 0, 1, 0x12 ^ 0x21, 0x34 ^ 0x12, 203 ^ 0x21, 0x12, 113 ^ 0xa4, 9 ^ 0x42]);
        assert_eq!(gather.handle(base, address("198.51.100.2:3478"), &answer), None);
        assert_eq!(gather.handle(base, server, &answer[..20]), None);
        let line = gather.handle(base, server, &answer).flatten().expect("a candidate");
        assert!(line.ends_with("203.0.113.9 4660 typ srflx raddr 192.0.2.1 rport 1000"), "{line}");
        assert_eq!(gather.handle(base, server, &answer), None, "answered once");
    }
}
