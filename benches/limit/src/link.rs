// SPDX-License-Identifier: Apache-2.0
//! One way over UDP on loopback, with offloads on both sides.
//!
//! Invariant: what is under way fits the receiving socket, so that nothing is lost and nothing need be repaired. The
//! receiver gives the room back through memory: a stack's acknowledgements cost more.

use crate::record::DATAGRAM;
use nix::poll::{poll, PollFd, PollFlags, PollTimeout};
use quinn_udp::{RecvMeta, Transmit, UdpSockRef, UdpSocketState, BATCH_SIZE};
use socket2::{Domain, Socket, Type};
use std::{
    io::{self, ErrorKind, IoSliceMut},
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    os::fd::AsFd,
    sync::{
        atomic::{AtomicUsize, Ordering::*},
        Arc,
    },
    thread::{self, Thread},
    time::{Duration, Instant},
};

const LIMIT: Duration = Duration::from_secs(10);
/// Longest payload of a UDP datagram over IPv4, which a train must not exceed.
const LONGEST: usize = 65_507;
/// What one receive may bring.
const RECEIVE: usize = 64 << 10;

/// Bytes that may still be sent; whoever returns some wakes the sender, the thread that made the pair.
struct Room {
    bytes: AtomicUsize,
    sender: Thread,
}

pub struct Outbound {
    socket: UdpSocket,
    state: UdpSocketState,
    to: SocketAddr,
    room: Arc<Room>,
}

pub struct Inbound {
    socket: UdpSocket,
    state: UdpSocketState,
    room: Arc<Room>,
    buffers: Vec<Vec<u8>>,
}

/// The two ends, with up to `outstanding` bytes under way, or as many as the receiving socket may hold.
pub fn pair(outstanding: usize) -> io::Result<(Outbound, Inbound)> {
    let (from, _) = bind(outstanding)?;
    let (to, holds) = bind(outstanding)?;
    let room = Arc::new(Room { bytes: AtomicUsize::new(outstanding.min(holds)), sender: thread::current() });
    let outbound = Outbound {
        state: UdpSocketState::new(UdpSockRef::from(&from))?,
        socket: from,
        to: to.local_addr()?,
        room: room.clone(),
    };
    let state = UdpSocketState::new(UdpSockRef::from(&to))?;
    Ok((outbound, Inbound { socket: to, state, room, buffers: vec![vec![0; RECEIVE]; BATCH_SIZE] }))
}

/// A socket, and the bytes that its receive buffer surely holds.
fn bind(outstanding: usize) -> io::Result<(UdpSocket, usize)> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, None)?;
    // Room for the kernel's own share, which is less than half.
    socket.set_recv_buffer_size(2 * outstanding)?;
    socket.set_send_buffer_size(2 * outstanding)?;
    let holds = socket.recv_buffer_size()? / 2;
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
    Ok((socket.into(), holds))
}

impl Outbound {
    /// Datagrams that one send may carry.
    pub fn segments(&self) -> usize {
        self.state.max_gso_segments().min(LONGEST / DATAGRAM)
    }

    /// Sends a train once there is room for it.
    pub fn send(&self, train: &[u8]) -> Result<(), String> {
        self.wait_for_room(train.len())?;
        let segment_size = (train.len() > DATAGRAM).then_some(DATAGRAM);
        let transmit = Transmit { destination: self.to, ecn: None, contents: train, segment_size, src_ip: None };
        loop {
            match self.state.try_send(UdpSockRef::from(&self.socket), &transmit) {
                Err(e) if e.kind() == ErrorKind::WouldBlock => wait(&self.socket, PollFlags::POLLOUT)?,
                done => return done.map_err(|e| e.to_string()),
            }
        }
    }

    /// Takes `length` bytes of the room. Nobody else takes any.
    fn wait_for_room(&self, length: usize) -> Result<(), String> {
        let end = Instant::now() + LIMIT;
        while self.room.bytes.load(Acquire) < length {
            if Instant::now() > end {
                return Err("the receiver takes nothing".into());
            }
            thread::park_timeout(LIMIT);
        }
        self.room.bytes.fetch_sub(length, AcqRel);
        Ok(())
    }
}

impl Inbound {
    /// Waits for datagrams and hands `each` on.
    pub fn receive(&mut self, mut each: impl FnMut(&mut [u8]) -> Result<(), String>) -> Result<(), String> {
        let mut meta = [RecvMeta::default(); BATCH_SIZE];
        let mut slices: Vec<_> = self.buffers.iter_mut().map(|buffer| IoSliceMut::new(buffer)).collect();
        let count = match self.state.recv(UdpSockRef::from(&self.socket), &mut slices, &mut meta) {
            Err(e) if e.kind() == ErrorKind::WouldBlock => return wait(&self.socket, PollFlags::POLLIN),
            received => received.map_err(|e| e.to_string())?,
        };
        for (buffer, meta) in self.buffers.iter_mut().zip(&meta).take(count) {
            buffer[..meta.len].chunks_mut(meta.stride.max(1)).try_for_each(&mut each)?;
            self.room.bytes.fetch_add(meta.len, AcqRel);
        }
        self.room.sender.unpark();
        Ok(())
    }
}

fn wait(socket: &UdpSocket, event: PollFlags) -> Result<(), String> {
    let limit = PollTimeout::try_from(LIMIT).map_err(|e| e.to_string())?;
    match poll(&mut [PollFd::new(socket.as_fd(), event)], limit) {
        Ok(0) => Err("nothing arrives".into()),
        Ok(_) | Err(nix::Error::EINTR) => Ok(()),
        Err(e) => Err(e.to_string()),
    }
}
