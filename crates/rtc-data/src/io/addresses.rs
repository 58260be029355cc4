// SPDX-License-Identifier: Apache-2.0
//! Local addresses to gather on, and the addresses of STUN servers.

use crate::types::IceServer;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};

const STUN_PORT: u16 = 3478;
/// Addresses bound at most: a host with hundreds of container bridges has no use for all of them.
const MAX_ADDRESSES: usize = 32;

/// Addresses of every interface, in order of preference. Link-local ones are of no use without a scope.
pub(super) fn host_addresses(loopback: bool) -> Vec<IpAddr> {
    let all = if_addrs::get_if_addrs().unwrap_or_else(|e| {
        log::warn!("cannot list the network interfaces: {e}");
        Vec::new()
    });
    let usable = all.iter().filter(|i| (loopback || !i.is_loopback()) && !i.is_link_local());
    let mut addresses: Vec<IpAddr> = usable.map(|i| i.ip()).collect();
    addresses.sort_by_key(|ip| (ip.is_loopback(), ip.is_ipv6(), *ip));
    addresses.dedup();
    addresses.truncate(MAX_ADDRESSES);
    addresses
}

/// `host:port` of each STUN server, and the URLs that are of no use here, with the reason.
pub(super) fn stun_servers(servers: &[IceServer]) -> (Vec<String>, Vec<(String, &'static str)>) {
    let (mut stun, mut unusable) = (Vec::new(), Vec::new());
    for url in servers.iter().flat_map(|s| &s.urls) {
        let (scheme, rest) = url.split_once(':').unwrap_or((url, ""));
        match scheme.to_ascii_lowercase().as_str() {
            "stun" if !rest.is_empty() => stun.push(with_port(rest.split('?').next().unwrap_or(rest))),
            "stuns" => unusable.push((url.clone(), "STUN over TLS is not supported")),
            "turn" | "turns" => unusable.push((url.clone(), "TURN is not supported")),
            _ => unusable.push((url.clone(), "not the URL of a STUN server")),
        }
    }
    (stun, unusable)
}

fn with_port(host: &str) -> String {
    let after_brackets = host.rsplit(']').next().unwrap_or(host);
    if after_brackets.contains(':') && after_brackets.matches(':').count() == 1 {
        host.to_owned()
    } else {
        format!("{host}:{STUN_PORT}")
    }
}

/// Blocks on the resolver. One address a family and server.
pub(super) fn resolve(hosts: &[String]) -> Vec<SocketAddr> {
    let mut found = Vec::new();
    for host in hosts {
        match host.to_socket_addrs() {
            Ok(addresses) => {
                let addresses: Vec<SocketAddr> = addresses.collect();
                found.extend(addresses.iter().find(|a| a.is_ipv4()));
                found.extend(addresses.iter().find(|a| a.is_ipv6()));
            }
            Err(e) => log::warn!("STUN server {host}: {e}"),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_sorted_out() {
        let urls =
            ["stun:a.example", "STUN:b.example:99?transport=udp", "stun:[::1]", "stun:[::1]:5", "turn:c", "", "x:"];
        let servers = [IceServer { urls: urls.map(str::to_owned).into(), ..Default::default() }];
        let (stun, unusable) = stun_servers(&servers);
        assert_eq!(stun, ["a.example:3478", "b.example:99", "[::1]:3478", "[::1]:5"]);
        assert_eq!(unusable.len(), 3);
        assert_eq!(resolve(&["127.0.0.1:7".into()])[0].to_string(), "127.0.0.1:7");
    }
}
