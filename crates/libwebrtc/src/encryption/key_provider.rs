// SPDX-License-Identifier: Apache-2.0
//! The keys of a room: a ring for each participant, or one shared secret from which each participant's
//! ring starts (and ratchets on its own).

use super::key::{Derivation, Key, KeyDerivationAlgorithm};
use parking_lot::Mutex;
use std::{collections::HashMap, fmt, sync::Arc};

const DEFAULT_RING_SIZE: usize = 16;
const MAX_RING_SIZE: usize = 256;

/// How keys are shared, derived and kept.
#[derive(Debug, Clone)]
pub struct KeyProviderOptions {
    /// One secret for all participants.
    pub shared_key: bool,
    /// How many times a packet that does not decrypt is tried with the next ratcheted key.
    pub ratchet_window_size: i32,
    /// Salt of every derivation.
    pub ratchet_salt: Vec<u8>,
    /// Concerns media frames: without effect.
    pub failure_tolerance: i32,
    /// Keys a participant can have at a time: 1 to 256; 0 or less is 16.
    pub key_ring_size: i32,
    /// How a secret becomes a key.
    pub key_derivation_algorithm: KeyDerivationAlgorithm,
}

/// Keys by participant and index; clones share them. An index of -1 is the one last set.
#[derive(Clone)]
pub struct KeyProvider(Arc<Shared>);

struct Shared {
    shared_key: bool,
    ratchet_window: usize,
    ring_size: usize,
    derivation: Derivation,
    rings: Mutex<Rings>,
}

#[derive(Default)]
struct Rings {
    shared: Option<Ring>,
    participants: HashMap<String, Ring>,
}

#[derive(Clone)]
struct Ring {
    keys: Vec<Option<Arc<Key>>>,
    current: usize,
}

impl Ring {
    fn new(size: usize) -> Self {
        Self { keys: vec![None; size], current: 0 }
    }

    fn get(&self, index: i32) -> Option<&Arc<Key>> {
        let index = if index == -1 { self.current } else { usize::try_from(index).ok()? };
        self.keys.get(index)?.as_ref()
    }

    fn set(&mut self, index: i32, key: Arc<Key>) {
        if let Ok(index) = usize::try_from(index) {
            self.current = index % self.keys.len();
        }
        self.keys[self.current] = Some(key);
    }
}

impl KeyProvider {
    /// No keys yet.
    pub fn new(options: KeyProviderOptions) -> Self {
        let ring_size = match usize::try_from(options.key_ring_size) {
            Ok(0) | Err(_) => DEFAULT_RING_SIZE,
            Ok(size) => size.min(MAX_RING_SIZE),
        };
        Self(Arc::new(Shared {
            shared_key: options.shared_key,
            ratchet_window: usize::try_from(options.ratchet_window_size).unwrap_or(0),
            ring_size,
            derivation: Derivation { algorithm: options.key_derivation_algorithm, salt: options.ratchet_salt },
            rings: Mutex::default(),
        }))
    }

    /// Sets everybody's key. `false`: this provider does not share keys.
    pub fn set_shared_key(&self, key_index: i32, secret: Vec<u8>) -> bool {
        if !self.0.shared_key {
            return false;
        }
        let key = Key::new(secret, &self.0.derivation);
        let mut rings = self.0.rings.lock();
        rings.shared.get_or_insert_with(|| Ring::new(self.0.ring_size));
        rings.set_all(key_index, key);
        true
    }

    /// Moves everybody's key on by one; the new secret, if there was a key.
    pub fn ratchet_shared_key(&self, key_index: i32) -> Option<Vec<u8>> {
        let key = self.0.rings.lock().shared.as_ref()?.get(key_index)?.clone();
        let next = key.ratcheted(&self.0.derivation).clone();
        self.0.rings.lock().set_all(key_index, next.clone());
        Some(next.secret().to_vec())
    }

    /// The shared secret.
    pub fn get_shared_key(&self, key_index: i32) -> Option<Vec<u8>> {
        Some(self.0.rings.lock().shared.as_ref()?.get(key_index)?.secret().to_vec())
    }

    /// Sets one participant's key.
    pub fn set_key(&self, participant_id: String, key_index: i32, secret: Vec<u8>) -> bool {
        let key = Key::new(secret, &self.0.derivation);
        self.set(participant_id, key_index, key);
        true
    }

    /// Moves one participant's key on by one; the new secret, if there was a key.
    pub fn ratchet_key(&self, participant_id: String, key_index: i32) -> Option<Vec<u8>> {
        let key = self.0.rings.lock().participants.get(&participant_id)?.get(key_index)?.clone();
        let next = key.ratcheted(&self.0.derivation).clone();
        self.set(participant_id, key_index, next.clone());
        Some(next.secret().to_vec())
    }

    /// One participant's secret.
    pub fn get_key(&self, participant_id: String, key_index: i32) -> Option<Vec<u8>> {
        Some(self.0.rings.lock().participants.get(&participant_id)?.get(key_index)?.secret().to_vec())
    }

    /// Concerns media frames that the server injects: without effect.
    pub fn set_sif_trailer(&self, _trailer: Vec<u8>) {}

    /// The key for a participant's packets; of a shared secret each participant gets a ring of its own.
    pub(super) fn key_for(&self, participant_id: &str, key_index: u32) -> Option<Arc<Key>> {
        let index = i32::try_from(key_index).ok()?;
        let mut rings = self.0.rings.lock();
        if !self.0.shared_key {
            return rings.participants.get(participant_id)?.get(index).cloned();
        }
        let shared = rings.shared.clone()?;
        rings.participants.entry(participant_id.to_owned()).or_insert(shared).get(index).cloned()
    }

    /// The keys that `key` ratchets to, as far as the window goes, each derived only when asked for.
    pub(super) fn ratchet_window<'a>(&'a self, key: &'a Arc<Key>) -> impl Iterator<Item = &'a Arc<Key>> {
        let next = |key: &&'a Arc<Key>| Some(key.ratcheted(&self.0.derivation));
        std::iter::successors(Some(key), next).skip(1).take(self.0.ratchet_window)
    }

    /// The participant turned out to have moved on to `key`.
    pub(super) fn follow(&self, participant_id: &str, key_index: u32, key: &Arc<Key>) {
        if let Ok(index) = i32::try_from(key_index) {
            self.set(participant_id.to_owned(), index, key.clone());
        }
    }

    fn set(&self, participant_id: String, key_index: i32, key: Arc<Key>) {
        let mut rings = self.0.rings.lock();
        rings.participants.entry(participant_id).or_insert_with(|| Ring::new(self.0.ring_size)).set(key_index, key);
    }
}

impl Rings {
    fn set_all(&mut self, key_index: i32, key: Arc<Key>) {
        for ring in self.shared.iter_mut().chain(self.participants.values_mut()) {
            ring.set(key_index, key.clone());
        }
    }
}

impl fmt::Debug for KeyProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyProvider").field("shared_key", &self.0.shared_key).finish_non_exhaustive()
    }
}
