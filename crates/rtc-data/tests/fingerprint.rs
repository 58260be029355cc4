// SPDX-License-Identifier: Apache-2.0
//! The certificate of the far end must be the one that its description names.

mod common;

use common::{reliable, Pair};
use rtc_data::{ConnState, SdpKind};
use std::time::Duration;

#[test]
fn another_certificate_is_refused() {
    for forge_offer in [true, false] {
        let mut pair = Pair::new();
        pair.a.core.create_channel(1, reliable("x")).expect("a channel");
        let offer = pair.a.core.create_offer(false).expect("an offer");
        pair.a.core.set_local(pair.now, SdpKind::Offer, &offer).expect("our offer");
        let seen = if forge_offer { forged(&offer) } else { offer };
        pair.b.core.set_remote(pair.now, SdpKind::Offer, &seen).expect("well formed");
        let answer = pair.b.core.create_answer().expect("an answer");
        pair.b.core.set_local(pair.now, SdpKind::Answer, &answer).expect("our answer");
        let seen = if forge_offer { answer } else { forged(&answer) };
        pair.a.core.set_remote(pair.now, SdpKind::Answer, &seen).expect("well formed");
        pair.exchange_candidates();
        pair.run_for(Duration::from_secs(20));

        let cheated = if forge_offer { &pair.b } else { &pair.a };
        assert!(cheated.states.iter().all(|(_, s)| *s != ConnState::Connected), "{:?}", cheated.states);
        assert_eq!(cheated.state(), ConnState::Failed);
        assert!(!pair.a.opened(1) && pair.b.incoming().is_none());
    }
}

/// The description with one digit of the fingerprint changed.
fn forged(sdp: &str) -> String {
    let at = sdp.find("a=fingerprint:sha-256 ").expect("a fingerprint") + "a=fingerprint:sha-256 ".len();
    let digit = if sdp.as_bytes()[at] == b'0' { "1" } else { "0" };
    format!("{}{digit}{}", &sdp[..at], &sdp[at + 1..])
}
