// SPDX-License-Identifier: Apache-2.0
//! The two STUN messages that gathering needs (RFC 8489): a binding request out, its success response
//! in. Connectivity checks are the stack's own. Anything that does not parse is `None`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

pub(super) type TransactionId = [u8; 12];

const MAGIC: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const BINDING_REQUEST: u16 = 0x0001;
const BINDING_SUCCESS: u16 = 0x0101;
const XOR_MAPPED_ADDRESS: u16 = 0x0020;
const HEADER: usize = 20;

pub(super) fn binding_request(id: TransactionId) -> [u8; HEADER] {
    let mut m = [0; HEADER];
    m[..2].copy_from_slice(&BINDING_REQUEST.to_be_bytes());
    m[4..8].copy_from_slice(&MAGIC);
    m[8..].copy_from_slice(&id);
    m
}

/// The transaction of a binding success response and the address that the server saw.
pub(super) fn binding_success(m: &[u8]) -> Option<(TransactionId, SocketAddr)> {
    if u16_at(m, 0)? != BINDING_SUCCESS || m.get(4..8)? != MAGIC {
        return None;
    }
    let id: TransactionId = m.get(8..HEADER)?.try_into().ok()?;
    let mut rest = m.get(HEADER..HEADER + usize::from(u16_at(m, 2)?))?;
    while let (Some(kind), Some(len)) = (u16_at(rest, 0), u16_at(rest, 2)) {
        let len = usize::from(len);
        let value = rest.get(4..4 + len)?;
        if kind == XOR_MAPPED_ADDRESS {
            return Some((id, xor_address(value, &id)?));
        }
        rest = rest.get(4 + len.next_multiple_of(4)..)?;
    }
    None
}

fn xor_address(value: &[u8], id: &TransactionId) -> Option<SocketAddr> {
    let port = u16_at(value, 2)? ^ u16::from_be_bytes([MAGIC[0], MAGIC[1]]);
    let mut key = [0; 16];
    key[..4].copy_from_slice(&MAGIC);
    key[4..].copy_from_slice(id);
    let ip = match value.get(1)? {
        1 => {
            let mut ip: [u8; 4] = value.get(4..8)?.try_into().ok()?;
            ip.iter_mut().zip(key).for_each(|(b, k)| *b ^= k);
            IpAddr::V4(Ipv4Addr::from(ip))
        }
        2 => {
            let mut ip: [u8; 16] = value.get(4..20)?.try_into().ok()?;
            ip.iter_mut().zip(key).for_each(|(b, k)| *b ^= k);
            IpAddr::V6(Ipv6Addr::from(ip))
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

fn u16_at(m: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(m.get(at..at + 2)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The IPv4 response of RFC 5769, section 2.2.
    const SAMPLE: [u8; 80] = [
        0x01, 0x01, 0x00, 0x3c, 0x21, 0x12, 0xa4, 0x42, 0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87,
        0xdf, 0xae, 0x80, 0x22, 0x00, 0x0b, 0x74, 0x65, 0x73, 0x74, 0x20, 0x76, 0x65, 0x63, 0x74, 0x6f, 0x72, 0x20,
        0x00, 0x20, 0x00, 0x08, 0x00, 0x01, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43, 0x00, 0x08, 0x00, 0x14, 0x2b, 0x91,
        0xf5, 0x99, 0xfd, 0x9e, 0x90, 0xc3, 0x8c, 0x74, 0x89, 0xf9, 0x2a, 0xf9, 0xba, 0x53, 0xf0, 0x6b, 0xe7, 0xd7,
        0x80, 0x28, 0x00, 0x04, 0xc0, 0x7d, 0x4c, 0x96,
    ];

    #[test]
    fn reads_the_sample_of_rfc_5769() {
        let (id, address) = binding_success(&SAMPLE).expect("a valid response");
        assert_eq!(id, SAMPLE[8..20]);
        assert_eq!(address.to_string(), "192.0.2.1:32853");
    }

    #[test]
    fn every_truncation_and_every_flipped_byte_is_survived() {
        for n in 0..SAMPLE.len() {
            let _ = binding_success(&SAMPLE[..n]);
            let mut m = SAMPLE;
            m[n] ^= 0xff;
            let _ = binding_success(&m);
        }
    }

    #[test]
    fn a_request_is_not_a_response() {
        assert_eq!(binding_success(&binding_request([7; 12])), None);
    }
}
