//! UDP sockets with segmentation offload both ways (quinn-udp falls back to plain sends by itself).

use bytes::BytesMut;
use quinn_udp::{RecvMeta, Transmit, UdpSockRef, UdpSocketState, BATCH_SIZE};
use std::{
    io::{self, IoSliceMut},
    net::{IpAddr, SocketAddr},
};

/// Addresses to gather host candidates on.
pub(crate) fn host_addresses(loopback: bool) -> Vec<IpAddr> {
    let mut v: Vec<IpAddr> = if_addrs::get_if_addrs()
        .unwrap_or_default()
        .into_iter()
        .filter(|i| (loopback || !i.is_loopback()) && !i.is_link_local())
        .map(|i| i.ip())
        .collect();
    v.sort();
    v.dedup();
    v
}

pub(crate) struct Socket {
    pub io: mio::net::UdpSocket,
    state: UdpSocketState,
    pub local: SocketAddr,
    /// Set by the poller, cleared when the kernel has no more for us.
    pub readable: bool,
    pub writable: bool,
}

impl Socket {
    pub fn bind(ip: IpAddr, buffer: usize) -> io::Result<Self> {
        let s = socket2::Socket::new(socket2::Domain::for_address(SocketAddr::new(ip, 0)), socket2::Type::DGRAM, None)?;
        let _ = s.set_recv_buffer_size(buffer);
        let _ = s.set_send_buffer_size(buffer);
        s.bind(&SocketAddr::new(ip, 0).into())?;
        s.set_nonblocking(true)?;
        let std: std::net::UdpSocket = s.into();
        let local = std.local_addr()?;
        let state = UdpSocketState::new(UdpSockRef::from(&std))?;
        Ok(Self { io: mio::net::UdpSocket::from_std(std), state, local, readable: true, writable: true })
    }

    pub fn max_gso(&self) -> usize {
        self.state.max_gso_segments()
    }

    /// One batch of datagrams, in order. `false`: nothing there.
    pub fn recv(&mut self, scratch: &mut Scratch, mut each: impl FnMut(SocketAddr, BytesMut)) -> bool {
        let mut meta = [RecvMeta::default(); BATCH_SIZE];
        let n = {
            let mut bufs: Vec<IoSliceMut> = scratch.0.iter_mut().map(|b| IoSliceMut::new(b)).collect();
            match self.state.recv(UdpSockRef::from(&self.io), &mut bufs, &mut meta) {
                Ok(n) => n,
                Err(e) => {
                    if e.kind() == io::ErrorKind::WouldBlock {
                        self.readable = false;
                    }
                    return e.kind() == io::ErrorKind::Interrupted || e.kind() == io::ErrorKind::ConnectionReset;
                }
            }
        };
        for (m, b) in meta[..n].iter().zip(&scratch.0) {
            for datagram in b[..m.len].chunks(m.stride.max(1)) {
                each(m.addr, BytesMut::from(datagram));
            }
        }
        n > 0
    }

    /// `false`: the socket is full, try again once writable.
    fn send(&mut self, to: SocketAddr, data: &[u8], segment: usize) -> bool {
        let t = Transmit {
            destination: to,
            ecn: None,
            contents: data,
            segment_size: (data.len() > segment).then_some(segment),
            src_ip: None,
        };
        match self.state.try_send(UdpSockRef::from(&self.io), &t) {
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                self.writable = false;
                false
            }
            // Anything else is a lost datagram, which the protocols above repair.
            _ => true,
        }
    }
}

/// Receive buffers, one per datagram of a batch, each large enough for a whole GRO train.
pub(crate) struct Scratch(Vec<Vec<u8>>);

impl Default for Scratch {
    fn default() -> Self {
        Self((0..BATCH_SIZE).map(|_| vec![0; 65536]).collect())
    }
}

/// Datagrams of one socket and destination, collected into one GSO send.
#[derive(Default)]
pub(crate) struct Train {
    pub socket: usize,
    to: Option<SocketAddr>,
    data: Vec<u8>,
    segment: usize,
    count: usize,
    closed: bool,
}

impl Train {
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Whether the datagram may ride along: same way, not longer than the first, nothing after a short one.
    pub fn fits(&self, socket: usize, to: SocketAddr, len: usize, max: usize) -> bool {
        self.count == 0
            || (!self.closed
                && self.socket == socket
                && self.to == Some(to)
                && len <= self.segment
                && self.count < max
                && self.data.len() + len <= 65000)
    }

    pub fn push(&mut self, socket: usize, to: SocketAddr, datagram: &[u8]) {
        if self.count == 0 {
            self.socket = socket;
            self.to = Some(to);
            self.segment = datagram.len();
            self.closed = false;
        }
        self.closed |= datagram.len() < self.segment;
        self.data.extend_from_slice(datagram);
        self.count += 1;
    }

    /// `false`: not sent, keep it.
    pub fn flush(&mut self, sockets: &mut [Socket]) -> bool {
        if let (Some(to), false) = (self.to, self.count == 0) {
            if !sockets[self.socket].send(to, &self.data, self.segment) {
                return false;
            }
        }
        self.data.clear();
        self.count = 0;
        true
    }
}
