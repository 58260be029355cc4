// SPDX-License-Identifier: Apache-2.0
//! The tap: offered the messages of `_reliable` and `_lossy` channels alone, before `livekit` sees them.

mod common;

use bytes::Bytes;
use common::*;
use libwebrtc::{peer_connection_factory::RtcConfiguration, tap::DataTap};
use std::sync::Arc;
use tokio::sync::mpsc::{unbounded_channel, UnboundedReceiver, UnboundedSender};

/// Takes what begins with "take"; notes everything it was offered.
struct TakesSome(UnboundedSender<Bytes>);

impl DataTap for TakesSome {
    fn on_packet(&self, raw: &Bytes, reliable: bool) -> bool {
        let _ = self.0.send(raw.clone());
        raw.starts_with(if reliable { b"take" } else { b"lose" })
    }
}

fn tapped() -> (RtcConfiguration, UnboundedReceiver<Bytes>) {
    let (tx, offered) = unbounded_channel();
    let mut config = RtcConfiguration::default();
    config.data_tap = Some(Arc::new(TakesSome(tx)));
    (config, offered)
}

#[tokio::test]
async fn what_the_tap_takes_is_gone_and_what_it_refuses_goes_on() {
    let (config, mut offered) = tapped();
    let (mut client, mut server) = (End::with(config), End::new());
    let [reliable, lossy, track] = client.open_channels(true);
    let [from_reliable, from_lossy, from_track] = server.open_channels(true);
    let (mut reliable_inbox, mut lossy_inbox, mut track_inbox) = (inbox(&reliable), inbox(&lossy), inbox(&track));
    connect(&mut client, &mut server).await;

    for message in ["take 1", "leave 1", "take 2", "leave 2"] {
        from_reliable.send(message.as_bytes(), true).unwrap();
    }
    for expected in ["take 1", "leave 1", "take 2", "leave 2"] {
        assert_eq!(next("an offered message", &mut offered).await, expected);
    }
    assert_eq!(next("a message left to livekit", &mut reliable_inbox).await, b"leave 1");
    assert_eq!(next("a message left to livekit", &mut reliable_inbox).await, b"leave 2");

    for message in ["take from lossy?", "lose this", "leave this"] {
        from_lossy.send(message.as_bytes(), true).unwrap();
        assert_eq!(next("an offered message", &mut offered).await, message);
    }
    assert_eq!(next("a lossy message", &mut lossy_inbox).await, b"take from lossy?");
    assert_eq!(next("a lossy message", &mut lossy_inbox).await, b"leave this");

    from_track.send(b"take from data track?", true).unwrap();
    assert_eq!(next("a data track message", &mut track_inbox).await, b"take from data track?");
    assert!(offered.try_recv().is_err(), "data tracks are not offered");
}

#[tokio::test]
async fn channels_that_the_server_opens_are_tapped_on_each_connection_of_the_configuration() {
    let (config, mut offered) = tapped();
    for _ in 0..2 {
        let (mut server, mut client) = (End::new(), End::with(config.clone()));
        let [from_reliable, ..] = server.open_channels(false);
        from_reliable.send(b"take this", true).unwrap();
        from_reliable.send(b"leave this", true).unwrap();
        connect(&mut server, &mut client).await;
        let [reliable, ..] = client.accept(CHANNELS.map(|(label, _)| label)).await;
        assert_eq!(next("an offered message", &mut offered).await, "take this");
        assert_eq!(next("an offered message", &mut offered).await, "leave this");
        assert_eq!(next("a message left to livekit", &mut inbox(&reliable)).await, b"leave this");
    }
}
