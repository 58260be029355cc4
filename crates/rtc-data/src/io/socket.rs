// SPDX-License-Identifier: Apache-2.0
//! A UDP socket with segmentation offload both ways; `quinn-udp` falls back to plain sends and receives
//! where the system has none. Datagrams that cannot be sent are lost: the protocols above repair that.

use crate::core::buffer;
use bytes::BytesMut;
use quinn_udp::{RecvMeta, Transmit, UdpSockRef, UdpSocketState, BATCH_SIZE};
use std::{
    io::{self, IoSliceMut},
    net::{IpAddr, SocketAddr},
    sync::Once,
    time::Duration,
};

/// Longest receive of one buffer: a whole train of datagrams, as the kernel joins them.
const RECEIVE: usize = 64 << 10;

pub(super) struct Socket {
    pub(super) io: mio::net::UdpSocket,
    pub(super) local: SocketAddr,
    /// Set by the poller, cleared when the kernel has no more for us.
    pub(super) readable: bool,
    /// Set by the poller, cleared when the kernel takes no more.
    pub(super) writable: bool,
    state: UdpSocketState,
}

impl Socket {
    pub(super) fn bind(ip: IpAddr, buffer: usize) -> io::Result<Self> {
        let address = SocketAddr::new(ip, 0);
        let socket = open(socket2::Domain::for_address(address), buffer)?;
        warn_if_small(&socket, buffer);
        socket.bind(&address.into())?;
        socket.set_nonblocking(true)?;
        let socket: std::net::UdpSocket = socket.into();
        let local = socket.local_addr()?;
        let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
        Ok(Self { io: mio::net::UdpSocket::from_std(socket), local, readable: true, writable: true, state })
    }

    /// Datagrams that one send may carry.
    pub(super) fn max_segments(&self) -> usize {
        self.state.max_gso_segments()
    }

    /// One batch of datagrams, in order. How many; 0: nothing there.
    pub(super) fn receive(&mut self, buffers: &mut Buffers, mut each: impl FnMut(SocketAddr, BytesMut)) -> usize {
        let mut meta = [RecvMeta::default(); BATCH_SIZE];
        let mut slots = buffers.slots.chunks_exact_mut(RECEIVE);
        let mut slices: [IoSliceMut<'_>; BATCH_SIZE] =
            std::array::from_fn(|_| IoSliceMut::new(slots.next().unwrap_or_default()));
        let received = match self.state.recv(UdpSockRef::from(&self.io), &mut slices, &mut meta) {
            Ok(n) => n,
            Err(e) => {
                // The others are about earlier sends (port unreachable, say).
                self.readable = e.kind() != io::ErrorKind::WouldBlock && is_transient(&e);
                return 0;
            }
        };
        // Here a batch is cut short by nothing but the end of the queue; elsewhere a receive may be of one datagram.
        if cfg!(any(target_os = "linux", target_os = "android")) && received < BATCH_SIZE {
            self.readable = false;
        }
        let mut datagrams = 0;
        for (meta, slot) in meta.iter().zip(buffers.slots.chunks_exact(RECEIVE)).take(received) {
            for datagram in slot[..meta.len.min(RECEIVE)].chunks(meta.stride.max(1)) {
                each(meta.addr, buffers.block.carve(datagram));
                datagrams += 1;
            }
        }
        datagrams
    }

    /// Sends `data`, cut into datagrams of `segment` bytes. `false`: full, try again once writable.
    pub(super) fn send(&mut self, to: SocketAddr, data: &[u8], segment: usize) -> bool {
        let transmit = Transmit {
            destination: to,
            ecn: None,
            contents: data,
            segment_size: (data.len() > segment).then_some(segment),
            src_ip: None,
        };
        match self.state.try_send(UdpSockRef::from(&self.io), &transmit) {
            Ok(()) => {}
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                self.writable = false;
                return false;
            }
            // No offload on this path, which is known by now: the same once more, one by one.
            Err(_) if data.len() > segment && self.max_segments() == 1 => {
                for one in data.chunks(segment) {
                    let _ = self.state.try_send(
                        UdpSockRef::from(&self.io),
                        &Transmit { contents: one, segment_size: None, ..transmit.clone() },
                    );
                }
            }
            Err(e) => log::trace!("datagram to {to} lost: {e}"),
        }
        true
    }
}

fn open(domain: socket2::Domain, buffer: usize) -> io::Result<socket2::Socket> {
    let socket = socket2::Socket::new(domain, socket2::Type::DGRAM, None)?;
    let _ = socket.set_recv_buffer_size(buffer);
    let _ = socket.set_send_buffer_size(buffer);
    Ok(socket)
}

/// The receive buffer that the system gives a socket that asks for `buffer` bytes, as the system counts: the same for
/// all of them, so that it is known before there is one.
pub(super) fn granted(buffer: usize) -> Option<usize> {
    let domains = [socket2::Domain::IPV4, socket2::Domain::IPV6];
    domains.into_iter().find_map(|domain| open(domain, buffer).ok()?.recv_buffer_size().ok())
}

fn is_transient(e: &io::Error) -> bool {
    use io::ErrorKind::*;
    matches!(e.kind(), Interrupted | ConnectionReset | ConnectionRefused)
}

/// The system may give less than was asked for, silently; a burst is then lost in the kernel.
fn warn_if_small(socket: &socket2::Socket, wanted: usize) {
    static WARNED: Once = Once::new();
    // Linux reports twice what may be used.
    let share = if cfg!(target_os = "linux") { 2 } else { 1 };
    let usable = |size: io::Result<usize>| size.map_or(0, |n| n / share);
    let (receive, send) = (usable(socket.recv_buffer_size()), usable(socket.send_buffer_size()));
    if receive < wanted || send < wanted {
        let window = buffer::window(u32::MAX, Some(Duration::ZERO), Some(receive * share));
        WARNED.call_once(|| log::warn!("{}", advice(receive, send, wanted, window)));
    }
}

fn advice(receive: usize, send: usize, wanted: usize, window: u32) -> String {
    let cure = if cfg!(target_os = "linux") {
        format!("sysctl -w net.core.rmem_max={wanted} net.core.wmem_max={wanted}")
    } else {
        format!("sysctl -w kern.ipc.maxsockbuf={}", wanted * 2)
    };
    format!("the system gives UDP sockets {receive} bytes to receive and {send} to send where {wanted} are wanted: where the far end is near, the receive window is {window} bytes at most; further away nothing changes, but bursts may be lost; to raise the limit: {cure}")
}

/// Receive buffers of a batch, reused.
pub(super) struct Buffers {
    slots: Vec<u8>,
    block: Block,
}

impl Default for Buffers {
    fn default() -> Self {
        Self { slots: vec![0; BATCH_SIZE * RECEIVE], block: Block::default() }
    }
}

/// Memory that received datagrams are handed on in. The stack decrypts into memory of its own, so that a block is free
/// again by the time it is used up, and nothing is allocated.
#[derive(Default)]
struct Block(BytesMut);

impl Block {
    const SIZE: usize = 16 << 10;

    fn carve(&mut self, datagram: &[u8]) -> BytesMut {
        if self.0.capacity() < datagram.len() {
            self.0.reserve(datagram.len().max(Self::SIZE));
        }
        self.0.extend_from_slice(datagram);
        self.0.split()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_warning_names_the_setting() {
        let advice = advice(212_992, 212_992, 4 << 20, 160_080);
        assert!(advice.contains("160080 bytes"), "{advice}");
        assert!(advice.contains("sysctl -w"), "{advice}");
        if cfg!(target_os = "linux") {
            assert!(advice.contains("net.core.rmem_max=4194304"), "{advice}");
        }
    }

    #[test]
    fn a_block_is_used_again() {
        let mut block = Block::default();
        let first = block.carve(&[1; 1200]).as_ptr();
        let round = Block::SIZE / 1200;
        for n in 1..10 * round {
            let datagram = block.carve(&[n as u8; 1200]);
            assert_eq!((datagram.len(), datagram[0]), (1200, n as u8));
            assert_eq!(datagram.as_ptr() as usize, first as usize + n % round * 1200);
        }
        let (kept, long) = (block.carve(&[7; 1200]), block.carve(&[8; RECEIVE]));
        assert!(kept.iter().all(|&b| b == 7) && long.iter().all(|&b| b == 8), "memory in use is left alone");
    }
}
