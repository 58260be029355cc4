// SPDX-License-Identifier: Apache-2.0
//! What the fuzz targets share: bytes of the fuzzer read as choices, numbers and texts, one after the other; and the
//! applications at both ends of a stream pair, which check what they see.
//!
//! The encoding is as plain as can be, so that `corpus.py` can write it: numbers are little-endian, lengths one byte.
//! Invariant: where the bytes end zeros follow, so that every input means something.

pub mod receiving;
pub mod sending;

use std::borrow::Cow;
use std::collections::HashMap;

use lkvideo::session::QueuePolicy;
use lkvideo::wire::v1::{Id, MAX_NUMBER};

/// Every policy of a queue.
pub const POLICIES: [QueuePolicy; 4] =
    [QueuePolicy::Block, QueuePolicy::Refuse, QueuePolicy::DropOldest, QueuePolicy::DropNewest];

/// The rest of an input.
#[derive(Clone, Copy)]
pub struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    /// A whole input.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Whether all of it has been read.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As many bytes as there are, at most `count`.
    pub fn bytes(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// All that remains.
    pub fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }

    fn little_endian<const N: usize>(&mut self) -> [u8; N] {
        let mut number = [0; N];
        let taken = self.bytes(N);
        number[..taken.len()].copy_from_slice(taken);
        number
    }

    /// One byte.
    pub fn u8(&mut self) -> u8 {
        u8::from_le_bytes(self.little_endian())
    }

    /// Two bytes.
    pub fn u16(&mut self) -> u16 {
        u16::from_le_bytes(self.little_endian())
    }

    /// Four bytes.
    pub fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.little_endian())
    }

    /// Eight bytes.
    pub fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.little_endian())
    }

    /// A number of version 1: one byte, or 255 and eight bytes.
    pub fn count(&mut self) -> u64 {
        match self.u8() {
            0xff => self.u64() & MAX_NUMBER,
            small => small.into(),
        }
    }

    /// One of four ids, by one byte.
    pub fn id(&mut self) -> Id {
        Id::from_random(self.below(4) as u128)
    }

    /// One byte, at most `bound - 1`.
    pub fn below(&mut self, bound: u8) -> usize {
        usize::from(self.u8() % bound)
    }

    /// One byte: even or odd.
    pub fn bool(&mut self) -> bool {
        self.u8() % 2 == 1
    }

    /// One of these, by one byte.
    pub fn pick<T: Copy>(&mut self, all: &[T]) -> T {
        all[usize::from(self.u8()) % all.len()]
    }

    /// One byte of length and as many bytes.
    pub fn short(&mut self) -> &'a [u8] {
        let length = self.u8();
        self.bytes(length.into())
    }

    /// One byte of length and as many bytes of text.
    pub fn text(&mut self) -> Cow<'a, str> {
        String::from_utf8_lossy(self.short())
    }

    /// All that remains as lines `name=value`.
    pub fn attributes(&mut self) -> HashMap<String, String> {
        let text = String::from_utf8_lossy(self.rest());
        let pairs = text.lines().map(|line| line.split_once('=').unwrap_or((line, "")));
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }
}
