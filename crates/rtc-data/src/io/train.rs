// SPDX-License-Identifier: Apache-2.0
//! A train: datagrams of one socket and destination, collected into one segmented send. All are as long
//! as the first; only the last may be shorter.

use super::socket::Socket;
use std::net::SocketAddr;

/// Longest payload of a segmented send.
const MAX_BYTES: usize = 65_000;

#[derive(Default)]
pub(super) struct Train {
    /// Index of the socket, and the destination.
    way: Option<(usize, SocketAddr)>,
    data: Vec<u8>,
    segment: usize,
    count: usize,
}

impl Train {
    /// The socket that the train waits for, if there is a train.
    pub(super) fn socket(&self) -> Option<usize> {
        self.way.map(|(socket, _)| socket)
    }

    /// Takes a datagram on, or refuses: then [`flush`](Self::flush) comes first.
    pub(super) fn push(&mut self, socket: usize, to: SocketAddr, datagram: &[u8], max: usize) -> bool {
        if self.way.is_none() {
            self.way = Some((socket, to));
            self.segment = datagram.len();
        }
        let ended = self.data.len() < self.segment * self.count;
        let fits = !ended
            && self.way == Some((socket, to))
            && datagram.len() <= self.segment
            && self.count < max.max(1)
            && self.data.len() + datagram.len() <= MAX_BYTES;
        if self.count == 0 || fits {
            self.data.extend_from_slice(datagram);
            self.count += 1;
            return true;
        }
        false
    }

    /// Sends what there is. `false`: the socket is full, the train waits.
    pub(super) fn flush(&mut self, sockets: &mut [Socket]) -> bool {
        if let Some((socket, to)) = self.way {
            if let Some(socket) = sockets.get_mut(socket) {
                if !socket.send(to, &self.data, self.segment) {
                    return false;
                }
            }
        }
        self.way = None;
        self.data.clear();
        self.count = 0;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_datagram_may_be_short() {
        let to: SocketAddr = "192.0.2.1:1".parse().expect("an address");
        let mut train = Train::default();
        assert!(train.push(0, to, &[0; 100], 3));
        assert!(!train.push(1, to, &[0; 100], 3), "another socket");
        assert!(!train.push(0, to, &[0; 101], 3), "longer");
        assert!(train.push(0, to, &[0; 50], 3));
        assert!(!train.push(0, to, &[0; 50], 3), "after a short one");
        assert!(train.flush(&mut []));
        for _ in 0..3 {
            assert!(train.push(0, to, &[0; 100], 3));
        }
        assert!(!train.push(0, to, &[0; 100], 3), "full");
        assert_eq!(train.socket(), Some(0));
    }
}
