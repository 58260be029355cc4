// SPDX-License-Identifier: Apache-2.0
//! The physical limit of a data channel on this machine: what is left once SCTP, DTLS's state, ICE and every queue cost
//! nothing. One thread seals records and sends them, another receives and opens them; each byte is copied once on
//! either side, as it must be from a message into datagrams and back.
//!
//! A datagram carries as much as a data channel's could: see `record`. Messages follow each other without a gap, and
//! datagrams leave and arrive in trains as long as the kernel takes.

mod link;
mod record;
mod train;

use figures::{Messages, Meter, Options, Received};
use link::{Inbound, Outbound};
use record::{Key, Opener};
use std::{error::Error, thread, time::Instant};
use train::Train;

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::from_args()?;
    let (outbound, inbound) = link::pair(options.outstanding)?;
    let key = Key::random()?;
    let (train, opener) = (Train::new(outbound.segments(), &key)?, Opener::new(&key)?);
    let length = options.message;

    let meter = Meter::start()?;
    let receiver = thread::spawn(move || receive(inbound, opener, length));
    let sent = send(outbound, train, &options)?;
    let received = receiver.join().map_err(|_| "the receiver panicked")??;
    meter.report("limit", "UDP with GSO and GRO, AES-128-GCM", &options, sent, received)
}

/// Sends messages for the time given, and the number of them back.
fn send(link: Outbound, mut train: Train, options: &Options) -> Result<u64, Box<dyn Error>> {
    let end = Instant::now() + options.time;
    let mut messages = Messages::new(options);
    while Instant::now() < end {
        let mut rest = messages.next_message();
        while !rest.is_empty() {
            rest = train.fill(rest)?;
            if train.is_full() {
                link.send(train.depart())?;
            }
        }
    }
    train.seal()?;
    link.send(train.depart())?;
    // An empty record ends the stream.
    train.seal()?;
    link.send(train.depart())?;
    Ok(messages.count())
}

/// Puts messages of `length` bytes together until the stream ends.
fn receive(mut link: Inbound, mut opener: Opener, length: usize) -> Result<Received, String> {
    let mut received = Received::default();
    let mut message = Vec::with_capacity(length);
    let mut ended = false;
    while !ended {
        link.receive(|datagram| {
            let mut payload = opener.open(datagram)?;
            ended = payload.is_empty();
            while !payload.is_empty() {
                let (taken, rest) = payload.split_at(payload.len().min(length - message.len()));
                message.extend_from_slice(taken);
                payload = rest;
                if message.len() == length {
                    received.count(&message)?;
                    message.clear();
                }
            }
            Ok(())
        })?;
    }
    Ok(received)
}
