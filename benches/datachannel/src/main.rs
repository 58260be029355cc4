// SPDX-License-Identifier: Apache-2.0
//! Two libdatachannel peers of one process over UDP on loopback, one reliable ordered channel: signalling by hand,
//! host candidates of 127.0.0.1 only, and libdatachannel's own defaults (usrsctp with 1 MiB for each direction,
//! path MTU 1,280).
//!
//! What a peer's threads report comes to this one through a channel; an empty mark ends the stream.

use datachannel::{
    ConnectionState, DataChannelHandler, DataChannelInfo, IceCandidate, PeerConnectionHandler, RtcConfig,
    RtcDataChannel, RtcPeerConnection, SessionDescription,
};
use figures::{Messages, Meter, Options, Received};
use std::{
    error::Error,
    mem,
    sync::mpsc::{self, Receiver, Sender},
    time::{Duration, Instant},
};

const LIMIT: Duration = Duration::from_secs(20);
const MARK: &[u8] = b".";

enum Event {
    Description(Side, Box<SessionDescription>),
    Candidate(Side, IceCandidate),
    /// An end of the channel, of either side.
    Open,
    /// The sender's buffer is half empty.
    Low,
    /// The mark came.
    End(Received),
    Failed(String),
}

#[derive(Clone, Copy)]
enum Side {
    Sending,
    Receiving,
}

/// One peer's callbacks.
struct Peer {
    side: Side,
    events: Sender<Event>,
    /// The other side's channel, which lives as long as the peer.
    incoming: Option<Box<RtcDataChannel<Channel>>>,
}

/// One channel end's callbacks. Nobody listens once the program ends.
struct Channel {
    events: Sender<Event>,
    received: Received,
}

impl Channel {
    fn new(events: &Sender<Event>) -> Self {
        Self { events: events.clone(), received: Received::default() }
    }
}

impl DataChannelHandler for Channel {
    fn on_open(&mut self) {
        let _ = self.events.send(Event::Open);
    }

    fn on_error(&mut self, error: &str) {
        let _ = self.events.send(Event::Failed(error.into()));
    }

    fn on_message(&mut self, message: &[u8]) {
        let event = match message {
            MARK => Event::End(mem::take(&mut self.received)),
            _ => match self.received.count(message) {
                Ok(()) => return,
                Err(error) => Event::Failed(error),
            },
        };
        let _ = self.events.send(event);
    }

    fn on_buffered_amount_low(&mut self) {
        let _ = self.events.send(Event::Low);
    }
}

impl PeerConnectionHandler for Peer {
    type DCH = Channel;

    fn data_channel_handler(&mut self, _: DataChannelInfo) -> Channel {
        Channel::new(&self.events)
    }

    fn on_description(&mut self, description: SessionDescription) {
        let _ = self.events.send(Event::Description(self.side, Box::new(description)));
    }

    fn on_candidate(&mut self, candidate: IceCandidate) {
        let _ = self.events.send(Event::Candidate(self.side, candidate));
    }

    fn on_connection_state_change(&mut self, state: ConnectionState) {
        if state == ConnectionState::Failed {
            let _ = self.events.send(Event::Failed("no connection".into()));
        }
    }

    fn on_data_channel(&mut self, channel: Box<RtcDataChannel<Channel>>) {
        self.incoming = Some(channel);
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::from_args()?;
    let (events, reports) = mpsc::channel();
    let config = RtcConfig::new::<&str>(&[]).bind_address(&"127.0.0.1");
    let peer = |side| RtcPeerConnection::new(&config, Peer { side, events: events.clone(), incoming: None });
    let (mut sending, mut receiving) = (peer(Side::Sending)?, peer(Side::Receiving)?);
    let mut channel = sending.create_data_channel("bench", Channel::new(&events))?;
    let mut open = 0;
    while open < 2 {
        match reports.recv_timeout(LIMIT)? {
            Event::Description(Side::Sending, description) => receiving.set_remote_description(&description)?,
            Event::Description(Side::Receiving, description) => sending.set_remote_description(&description)?,
            Event::Candidate(Side::Sending, candidate) => receiving.add_remote_candidate(&candidate)?,
            Event::Candidate(Side::Receiving, candidate) => sending.add_remote_candidate(&candidate)?,
            Event::Open => open += 1,
            Event::Failed(error) => return Err(error.into()),
            Event::Low | Event::End(_) => {}
        }
    }

    let meter = Meter::start()?;
    let sent = send(&mut channel, &reports, &options)?;
    let received = loop {
        match reports.recv_timeout(LIMIT)? {
            Event::End(received) => break received,
            Event::Failed(error) => return Err(error.into()),
            _ => {}
        }
    };
    let version = str::from_utf8(datachannel_sys::RTC_VERSION)?.trim_end_matches('\0');
    meter.report("libdatachannel", version, &options, sent, received)
}

/// Keeps the buffer between half full and full for the time given, and gives the number of messages back.
fn send(
    channel: &mut RtcDataChannel<Channel>,
    reports: &Receiver<Event>,
    options: &Options,
) -> Result<u64, Box<dyn Error>> {
    let end = Instant::now() + options.time;
    let mut messages = Messages::new(options);
    channel.set_buffered_amount_low_threshold(options.outstanding / 2)?;
    while Instant::now() < end {
        if channel.buffered_amount() + options.message <= options.outstanding {
            channel.send(messages.next_message())?;
            continue;
        }
        match reports.recv_timeout(LIMIT)? {
            Event::Failed(error) => return Err(error.into()),
            _ => continue,
        }
    }
    channel.send(MARK)?;
    Ok(messages.count())
}
