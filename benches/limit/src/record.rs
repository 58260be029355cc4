// SPDX-License-Identifier: Apache-2.0
//! One datagram: a DTLS 1.2 record (13 bytes of header, 8 of nonce, 16 of tag; AES-128-GCM) around an SCTP packet with
//! one DATA chunk (28 bytes), whose own fields nobody reads here and which stand for their room.
//!
//! Invariant: records are opened in the order in which they were sealed, none missing; any other is an error.

use ring::{
    aead::{Aad, LessSafeKey, Nonce, UnboundKey, AES_128_GCM},
    error::Unspecified,
    rand::{SecureRandom, SystemRandom},
};

/// Bytes of a whole datagram.
pub const DATAGRAM: usize = 1200;
/// Where a message's bytes begin in it.
pub const PAYLOAD: usize = SEALED + 28;
/// Bytes of the tag that ends it.
pub const TAG: usize = 16;

/// Type and version, epoch and number, length.
const HEADER: usize = 3 + 8 + 2;
/// Where the sealed part begins: after the header comes the explicit half of the nonce, the number again.
const SEALED: usize = HEADER + 8;
/// Application data, DTLS 1.2.
const KIND: [u8; 3] = [23, 0xfe, 0xfd];
const SALT: usize = 4;

pub struct Key {
    secret: [u8; 16],
    salt: [u8; SALT],
}

impl Key {
    pub fn random() -> Result<Self, Unspecified> {
        let (random, mut key) = (SystemRandom::new(), Self { secret: [0; 16], salt: [0; SALT] });
        random.fill(&mut key.secret)?;
        random.fill(&mut key.salt)?;
        Ok(key)
    }
}

pub struct Sealer(Sequence);

impl Sealer {
    pub fn new(key: &Key) -> Result<Self, Unspecified> {
        Sequence::new(key).map(Self)
    }

    /// Seals `datagram`, whose payload stands in its place.
    pub fn seal(&mut self, datagram: &mut [u8]) -> Result<(), Unspecified> {
        let number = self.0.next.to_be_bytes();
        let (head, rest) = datagram.split_at_mut(SEALED);
        let (body, tag) = rest.split_at_mut(rest.len() - TAG);
        head[..3].copy_from_slice(&KIND);
        head[3..11].copy_from_slice(&number);
        head[11..HEADER].copy_from_slice(&((8 + body.len() + TAG) as u16).to_be_bytes());
        head[HEADER..].copy_from_slice(&number);
        let (nonce, data) = self.0.step(body.len());
        let sealed = self.0.key.seal_in_place_separate_tag(nonce, data, body)?;
        tag.copy_from_slice(sealed.as_ref());
        Ok(())
    }
}

pub struct Opener(Sequence);

impl Opener {
    pub fn new(key: &Key) -> Result<Self, Unspecified> {
        Sequence::new(key).map(Self)
    }

    /// The payload of the next datagram.
    pub fn open<'a>(&mut self, datagram: &'a mut [u8]) -> Result<&'a [u8], String> {
        if datagram.len() < PAYLOAD + TAG || datagram[3..11] != self.0.next.to_be_bytes() {
            return Err("a datagram was lost or came out of order".into());
        }
        let (nonce, data) = self.0.step(datagram.len() - SEALED - TAG);
        let opened = self.0.key.open_in_place(nonce, data, &mut datagram[SEALED..]).map_err(|e| e.to_string())?;
        Ok(&opened[PAYLOAD - SEALED..])
    }
}

/// One direction's key and the number of its next record.
struct Sequence {
    key: LessSafeKey,
    salt: [u8; SALT],
    next: u64,
}

impl Sequence {
    fn new(key: &Key) -> Result<Self, Unspecified> {
        let epoch = 1 << 48;
        Ok(Self { key: LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key.secret)?), salt: key.salt, next: epoch })
    }

    /// Nonce and authenticated data of the next record, which has `length` bytes in clear.
    fn step(&mut self, length: usize) -> (Nonce, Aad<[u8; HEADER]>) {
        let number = self.next.to_be_bytes();
        self.next += 1;
        let mut nonce = [0; SALT + 8];
        nonce[..SALT].copy_from_slice(&self.salt);
        nonce[SALT..].copy_from_slice(&number);
        let mut data = [0; HEADER];
        data[..8].copy_from_slice(&number);
        data[8..11].copy_from_slice(&KIND);
        data[11..].copy_from_slice(&(length as u16).to_be_bytes());
        (Nonce::assume_unique_for_key(nonce), Aad::from(data))
    }
}
