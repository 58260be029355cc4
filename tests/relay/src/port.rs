// SPDX-License-Identifier: Apache-2.0
//! An end of the link: a TUN device. Reads and writes whole IP packets, many at a time: the kernel hands over and takes
//! whole trains of one flow's packets (segmentation offload), which are single packets in between.
//!
//! Buffers go round: a packet has its room for the device's header in front, and is given back by `recycle`.

use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, BorrowedFd};

use anyhow::{Context, Result};
use tun_rs::{DeviceBuilder, GROTable, SyncDevice, IDEAL_BATCH_SIZE, VIRTIO_NET_HDR_LEN};

/// An IP packet behind room for the device's header.
pub type Packet = Vec<u8>;

/// Also the device's own default.
const MTU: u16 = 1500;
const PACKET_BYTES: usize = VIRTIO_NET_HDR_LEN + MTU as usize;
const TRAIN_BYTES: usize = VIRTIO_NET_HDR_LEN + 65535;
/// Buffers kept for reuse.
const MOST_SPARE: usize = 4096;

/// A TUN device and what reading and writing need.
pub struct Port {
    device: SyncDevice,
    train: Vec<u8>,
    slots: Vec<Packet>,
    sizes: Vec<usize>,
    trains: GROTable,
    spare: Vec<Packet>,
}

impl Port {
    /// Makes the device.
    pub fn open(name: &str) -> Result<Self> {
        let open = || {
            let device = DeviceBuilder::new().name(name).mtu(MTU).offload(true).enable(false).build_sync()?;
            device.set_nonblocking(true)?;
            io::Result::Ok(device)
        };
        Ok(Self {
            device: open().with_context(|| format!("cannot make the device {name}"))?,
            train: vec![0; TRAIN_BYTES],
            slots: vec![vec![0; PACKET_BYTES]; IDEAL_BATCH_SIZE],
            sizes: vec![0; IDEAL_BATCH_SIZE],
            trains: GROTable::new(),
            spare: Vec::new(),
        })
    }

    /// Reads one train and hands over its packets; false if there is none.
    pub fn read(&mut self, mut take: impl FnMut(&mut Self, Packet)) -> Result<bool> {
        let read = self.device.recv_multiple(&mut self.train, &mut self.slots, &mut self.sizes, VIRTIO_NET_HDR_LEN);
        let count = match read {
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            // The device is not up yet.
            Err(error) if error.raw_os_error() == Some(nix::errno::Errno::EIO as i32) => return Ok(false),
            Err(error) => return Err(error).context("cannot read from a device"),
        };
        for index in 0..count {
            let fresh = self.spare.pop().unwrap_or_else(|| vec![0; PACKET_BYTES]);
            let mut packet = std::mem::replace(&mut self.slots[index], fresh);
            packet.truncate(VIRTIO_NET_HDR_LEN + self.sizes[index]);
            take(self, packet);
        }
        Ok(true)
    }

    /// Writes packets in order and takes their buffers back. What the device does not take (it is not up, or memory is
    /// short) is lost, as on any link.
    pub fn write(&mut self, packets: &mut Vec<Packet>) {
        for batch in packets.chunks_mut(IDEAL_BATCH_SIZE) {
            // An error says that some of them did not go.
            let _ = self.device.send_multiple(&mut self.trains, batch, VIRTIO_NET_HDR_LEN);
        }
        packets.drain(..).for_each(|packet| self.recycle(packet));
    }

    /// Takes a buffer back.
    pub fn recycle(&mut self, mut packet: Packet) {
        if self.spare.len() < MOST_SPARE {
            packet.resize(PACKET_BYTES, 0);
            self.spare.push(packet);
        }
    }
}

impl AsFd for Port {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.device.as_fd()
    }
}

/// The bytes of the IP packet.
pub fn packet_bytes(packet: &Packet) -> u64 {
    (packet.len() - VIRTIO_NET_HDR_LEN) as u64
}
