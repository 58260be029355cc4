// SPDX-License-Identifier: Apache-2.0
//! Datagrams that one system call sends: all of one length but the last, which may be shorter.

use crate::record::{Key, Sealer, DATAGRAM, PAYLOAD, TAG};
use ring::error::Unspecified;

pub struct Train {
    bytes: Vec<u8>,
    sealer: Sealer,
    /// End of what is sealed; the record under way begins here.
    sealed: usize,
    /// Bytes of the record under way, without its tag.
    open: usize,
}

impl Train {
    /// For `datagrams` of them.
    pub fn new(datagrams: usize, key: &Key) -> Result<Self, Unspecified> {
        Ok(Self { bytes: vec![0; datagrams * DATAGRAM], sealer: Sealer::new(key)?, sealed: 0, open: PAYLOAD })
    }

    /// Copies what the record under way takes, seals it once full, and gives back the rest.
    pub fn fill<'a>(&mut self, payload: &'a [u8]) -> Result<&'a [u8], Unspecified> {
        let (taken, rest) = payload.split_at(payload.len().min(DATAGRAM - TAG - self.open));
        let at = self.sealed + self.open;
        self.bytes[at..at + taken.len()].copy_from_slice(taken);
        self.open += taken.len();
        if self.open == DATAGRAM - TAG {
            self.seal()?;
        }
        Ok(rest)
    }

    /// Seals the record under way, full or not.
    pub fn seal(&mut self) -> Result<(), Unspecified> {
        let end = self.sealed + self.open + TAG;
        self.sealer.seal(&mut self.bytes[self.sealed..end])?;
        (self.sealed, self.open) = (end, PAYLOAD);
        Ok(())
    }

    /// Whether no further record finds room.
    pub fn is_full(&self) -> bool {
        self.sealed == self.bytes.len()
    }

    /// The sealed datagrams; the train is empty after that.
    pub fn depart(&mut self) -> &[u8] {
        &self.bytes[..std::mem::take(&mut self.sealed)]
    }
}
