// SPDX-License-Identifier: Apache-2.0
//! Offer and answer (RFC 8829), rollback, ICE restart, and the remote candidates around them.
//!
//! The stack sees one section only (see `sdp`); the texts that the application sees are kept here. What
//! counts of a local description is the one that was created: a copy that comes back edited is
//! recognised and the original applied.

use super::{
    candidate,
    connection::Connection,
    sdp::{self, Rejected},
};
use crate::{
    types::{ConnState, SdpKind, Signaling},
    Error,
};
use rtc::peer_connection::{
    configuration::RTCOfferOptions,
    sdp::{RTCSdpType, RTCSessionDescription},
    transport::RTCIceCandidateInit,
};
use std::time::Instant;

/// Remote candidates kept before a remote description, and used of one description.
const MAX_CANDIDATES: usize = 64;

/// A description of ours, as the stack made it.
#[derive(Clone)]
struct Own {
    description: RTCSessionDescription,
    restarts_ice: bool,
    version: u64,
}

#[derive(Default)]
pub(super) struct Negotiation {
    /// The last one created.
    offer: Option<Own>,
    answer: Option<Own>,
    /// Descriptions created so far; and of those, the offer that waits and the one in force.
    versions: u64,
    pending_version: u64,
    current_version: u64,
    /// The exchange under way restarts ICE.
    restarting: bool,
    /// As it stands in the remote description in force.
    remote_ufrag: Option<String>,
    /// Sections of the far end that stay rejected, in every description from now on.
    rejected: Vec<Rejected>,
    pending_remote: Option<(SdpKind, String)>,
    current_remote: Option<(SdpKind, String)>,
    early_candidates: Vec<String>,
    gathering_due: bool,
}

impl Connection {
    /// An offer. No side effect until it is set; always valid, with or without channels.
    pub fn create_offer(&mut self, ice_restart: bool) -> Result<String, Error> {
        self.not_closed()?;
        let description = self.pc.create_offer(Some(RTCOfferOptions { ice_restart }))?;
        let (own, text) = self.negotiation.created(description, ice_restart);
        self.negotiation.offer = Some(own);
        Ok(text)
    }

    /// The answer to the offer that was set.
    pub fn create_answer(&mut self) -> Result<String, Error> {
        self.not_closed()?;
        let description = self.pc.create_answer(None)?;
        let (own, text) = self.negotiation.created(description, self.negotiation.restarting);
        self.negotiation.answer = Some(own);
        Ok(text)
    }

    /// Puts the offer or answer that was created into force, or takes the pending offer back.
    pub fn set_local(&mut self, now: Instant, kind: SdpKind, text: &str) -> Result<(), Error> {
        self.not_closed()?;
        self.observe(now);
        let own = match kind {
            SdpKind::Rollback => return self.roll_back(),
            SdpKind::Offer => &self.negotiation.offer,
            SdpKind::Answer => &self.negotiation.answer,
        };
        let own = own.clone().ok_or_else(|| Error::Sdp(format!("no {kind:?} was created")))?;
        check_own(&own.description.sdp, text)?;
        self.pc.set_local_description(self.stack_now(), own.description)?;
        let n = &mut self.negotiation;
        n.gathering_due = true;
        if kind == SdpKind::Offer {
            n.restarting = own.restarts_ice;
            n.pending_version = own.version;
        } else {
            n.answer = None;
            n.restarting = false;
            n.current_version = own.version;
            n.current_remote = n.pending_remote.take();
        }
        if own.restarts_ice {
            self.path.changed();
            for line in self.gather.restart(now) {
                self.announce(line);
            }
        }
        Ok(())
    }

    /// Takes a description of the far end in.
    ///
    /// An answer to a restart offer that brings the ICE credentials already in force is the old answer
    /// once more: applications apply it to get out of a stale offer, and it takes that offer back.
    pub fn set_remote(&mut self, now: Instant, kind: SdpKind, text: &str) -> Result<(), Error> {
        self.not_closed()?;
        self.observe(now);
        if kind == SdpKind::Rollback {
            return self.roll_back();
        }
        log::trace!("remote {kind:?}:\n{text}");
        let reduced = sdp::reduce(text)?;
        let new_credentials = self.negotiation.remote_ufrag.as_ref() != Some(&reduced.ufrag);
        if kind == SdpKind::Answer && self.negotiation.restarting && !new_credentials {
            log::debug!("old answer to a restart offer: taking the offer back");
            return self.roll_back();
        }
        let description = match kind {
            SdpKind::Offer => RTCSessionDescription::offer(reduced.sdp)?,
            _ => RTCSessionDescription::answer(reduced.sdp)?,
        };
        self.pc.set_remote_description(self.stack_now(), description)?;
        let n = &mut self.negotiation;
        let described = Some((kind, text.to_owned()));
        if kind == SdpKind::Offer {
            n.restarting = n.remote_ufrag.is_some() && new_credentials;
            n.rejected = reduced.rejected;
            n.pending_remote = described;
        } else {
            n.restarting = false;
            n.current_version = n.pending_version;
            n.current_remote = described;
        }
        n.remote_ufrag = Some(reduced.ufrag);
        let early = std::mem::take(&mut n.early_candidates);
        for line in reduced.candidates.iter().take(MAX_CANDIDATES).chain(&early) {
            self.add_usable_candidate(line);
        }
        Ok(())
    }

    fn roll_back(&mut self) -> Result<(), Error> {
        let mut nothing = RTCSessionDescription::default();
        nothing.sdp_type = RTCSdpType::Rollback;
        match self.signaling() {
            Signaling::HaveLocalOffer => self.pc.set_local_description(self.stack_now(), nothing)?,
            Signaling::HaveRemoteOffer => self.pc.set_remote_description(self.stack_now(), nothing)?,
            Signaling::Stable | Signaling::Closed => {}
        }
        self.negotiation.restarting = false;
        self.negotiation.pending_remote = None;
        self.negotiation.answer = None;
        Ok(())
    }

    /// Takes a candidate of the far end in. One that is of no use here is logged and left out.
    pub fn add_remote_candidate(&mut self, line: &str) {
        if self.pc.remote_description().is_some() {
            self.add_usable_candidate(line);
        } else if self.negotiation.early_candidates.len() < MAX_CANDIDATES {
            self.negotiation.early_candidates.push(line.to_owned());
        }
    }

    fn add_usable_candidate(&mut self, line: &str) {
        let Some(candidate) = candidate::usable(line) else {
            log::debug!("remote candidate left out: {line:?}");
            return;
        };
        log::debug!("remote candidate {candidate}");
        if let Err(e) = self.pc.add_remote_candidate(RTCIceCandidateInit { candidate, ..Default::default() }) {
            log::debug!("remote candidate left out: {line:?}: {e}");
        }
    }

    /// Whether local addresses are to be (re-)enumerated; asking clears it.
    pub fn take_gathering_due(&mut self) -> bool {
        std::mem::take(&mut self.negotiation.gathering_due)
    }

    /// Where the exchange stands. The stack keeps that to itself; the pending descriptions say the same.
    pub fn signaling(&self) -> Signaling {
        if self.state() == ConnState::Closed {
            Signaling::Closed
        } else if self.pc.pending_local_description().is_some() {
            Signaling::HaveLocalOffer
        } else if self.pc.pending_remote_description().is_some() {
            Signaling::HaveRemoteOffer
        } else {
            Signaling::Stable
        }
    }

    /// Our description in force, with the candidates found so far.
    pub fn current_local(&self) -> Option<(SdpKind, String)> {
        let d = self.pc.current_local_description()?;
        let kind = if d.sdp_type == RTCSdpType::Offer { SdpKind::Offer } else { SdpKind::Answer };
        let n = &self.negotiation;
        Some((kind, sdp::present(&d.sdp, n.current_version, &n.rejected)))
    }

    /// The far end's description in force, as it came.
    pub fn current_remote(&self) -> Option<(SdpKind, String)> {
        self.negotiation.current_remote.clone()
    }

    /// Media id of the data section.
    pub(super) fn mid(&self) -> String {
        let local = self.pc.local_description();
        local.as_ref().and_then(|d| sdp::attribute(&d.sdp, "mid")).unwrap_or("0").to_owned()
    }

    pub(super) fn not_closed(&self) -> Result<(), Error> {
        if self.state() == ConnState::Closed {
            return Err(Error::Closed);
        }
        Ok(())
    }
}

impl Negotiation {
    fn created(&mut self, description: RTCSessionDescription, restarts_ice: bool) -> (Own, String) {
        self.versions += 1;
        let text = sdp::present(&description.sdp, self.versions, &self.rejected);
        (Own { description, restarts_ice, version: self.versions }, text)
    }
}

/// Whether `text` is a copy of our description, edited or not. An empty one stands for the original.
fn check_own(ours: &str, text: &str) -> Result<(), Error> {
    let same_ice = sdp::attribute(ours, "ice-ufrag") == sdp::attribute(text, "ice-ufrag");
    if same_ice || text.trim().is_empty() {
        return Ok(());
    }
    Err(Error::Sdp("is not the one that was created last".into()))
}
