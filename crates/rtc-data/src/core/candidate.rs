// SPDX-License-Identifier: Apache-2.0
//! Candidate lines (RFC 8839, section 5.1), both ways. A remote line that we have no use for is
//! `None`, never an error: mDNS names, TCP, other components, the empty end-of-candidates, garbage.

use std::net::{IpAddr, SocketAddr};

/// Type preferences of RFC 8445, section 5.1.2.2.
const HOST: u32 = 126;
const SERVER_REFLEXIVE: u32 = 100;

/// The line in the form that the stack reads: no prefix, no extensions.
pub(super) fn usable(line: &str) -> Option<String> {
    let line = line.trim();
    let line = line.strip_prefix("a=").unwrap_or(line);
    let words: Vec<&str> = line.strip_prefix("candidate:").unwrap_or(line).split_whitespace().collect();
    let [foundation, component, transport, priority, address, port, typ, kind, rest @ ..] = words.as_slice() else {
        return None;
    };
    let ip: IpAddr = address.parse().ok()?;
    let priority: u32 = priority.parse().ok()?;
    let port: u16 = port.parse().ok()?;
    // Anything else could be taken for a prefix by who reads the line next.
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/';
    let usable = foundation.bytes().all(is_name)
        && *component == "1"
        && transport.eq_ignore_ascii_case("udp")
        && *typ == "typ"
        && ["host", "srflx", "prflx", "relay"].contains(kind)
        && port != 0
        && !ip.is_unspecified()
        && !ip.is_multicast();
    if !usable {
        return None;
    }
    let mut out = format!("{foundation} 1 udp {priority} {ip} {port} typ {kind}");
    if let ["raddr", raddr, "rport", rport, ..] = rest {
        if raddr.parse::<IpAddr>().is_ok() && rport.parse::<u16>().is_ok() {
            out += &format!(" raddr {raddr} rport {rport}");
        }
    }
    Some(out)
}

/// A host candidate; `rank` counts the addresses in order of preference.
pub(super) fn host(address: SocketAddr, rank: usize) -> String {
    let (ip, port) = (address.ip(), address.port());
    format!("candidate:{} 1 udp {} {ip} {port} typ host", rank + 1, priority(HOST, rank))
}

/// A server-reflexive candidate: `base` is seen as `mapped` by the `server`-th server.
pub(super) fn server_reflexive(mapped: SocketAddr, base: SocketAddr, rank: usize, server: usize) -> String {
    format!(
        "candidate:{}{server:02} 1 udp {} {} {} typ srflx raddr {} rport {}",
        rank + 1,
        priority(SERVER_REFLEXIVE, rank),
        mapped.ip(),
        mapped.port(),
        base.ip(),
        base.port()
    )
}

fn priority(typ: u32, rank: usize) -> u32 {
    let local = u32::from(u16::MAX).saturating_sub(u32::try_from(rank).unwrap_or(u32::MAX));
    (typ << 24) | (local << 8) | 255
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_and_extensions_are_optional() {
        let plain = "1 1 udp 2130706431 192.0.2.1 4000 typ host";
        for line in [
            "candidate:1 1 UDP 2130706431 192.0.2.1 4000 typ host generation 0 ufrag abcd network-id 1",
            "a=candidate:1 1 udp 2130706431 192.0.2.1 4000 typ host\r\n",
            plain,
        ] {
            assert_eq!(usable(line).as_deref(), Some(plain));
        }
        let srflx = "7 1 udp 5 2001:db8::1 9 typ srflx raddr :: rport 0";
        assert_eq!(usable(srflx).as_deref(), Some(srflx));
    }

    #[test]
    fn what_is_of_no_use_is_left_out() {
        for line in [
            "",
            "candidate:",
            "\u{0}\u{fffd} ünicode",
            "candidate:1 1 udp 1 1a2b3c4d-0000-4000-8000-000000000000.local 4000 typ host",
            "candidate:1 1 tcp 1 192.0.2.1 9 typ host tcptype active",
            "candidate:1 2 udp 1 192.0.2.1 4000 typ host",
            "candidate:1 1 udp 99999999999 192.0.2.1 4000 typ host",
            "candidate:1 1 udp 1 192.0.2.1 70000 typ host",
            "candidate:1 1 udp 1 192.0.2.1 0 typ host",
            "candidate:1 1 udp 1 0.0.0.0 4000 typ host",
            "candidate:1 1 udp 1 192.0.2.1 4000 typ alien",
            "candidate:1 1 udp 1 192.0.2.1 4000 typ",
        ] {
            assert_eq!(usable(line), None, "{line}");
        }
    }

    #[test]
    fn a_foundation_that_looks_like_a_prefix_is_refused() {
        for foundation in ["a=1", "candidate:1", "a=candidate:1"] {
            assert_eq!(usable(&format!("a=candidate:{foundation} 1 udp 1 192.0.2.1 4000 typ host")), None);
        }
    }

    #[test]
    fn our_own_lines_are_usable() {
        let base: SocketAddr = "192.0.2.1:4000".parse().expect("an address");
        let mapped: SocketAddr = "198.51.100.1:5000".parse().expect("an address");
        assert!(usable(&host(base, 3)).is_some());
        assert!(usable(&server_reflexive(mapped, base, 0, 1)).is_some());
    }
}
