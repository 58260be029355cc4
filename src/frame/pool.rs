// SPDX-License-Identifier: Apache-2.0
//! Memory of frames, used again and again: a video allocates a few frames at its start and none later.
//!
//! A [`PooledBuffer`] leaves the pool by [`FramePool::take`] and comes back by itself when it, or the last
//! [`Bytes`] made of it, is dropped, on any thread. Invariant: the pool keeps at most its limit of bytes idle; what
//! is in use is not its affair (queues bound that). Memory that is used again still holds old pixels.

use std::collections::VecDeque;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;

/// Bytes a pool keeps idle if nothing else is said: 54 frames of 640x480 RGBA, or one of 3840x2160.
pub const DEFAULT_IDLE_BYTES: usize = 64 << 20;

/// Bounds the search for a fitting buffer where frames are tiny.
const MAX_IDLE_BUFFERS: usize = 256;

/// Source of frame memory. A clone is the same pool.
#[derive(Clone)]
pub struct FramePool {
    shared: Arc<Shared>,
}

struct Shared {
    max_idle_bytes: usize,
    idle: Mutex<Idle>,
}

/// Oldest first, so that the sizes of a past video go before those of the present one.
#[derive(Default)]
struct Idle {
    buffers: VecDeque<Vec<u8>>,
    bytes: usize,
}

impl FramePool {
    /// A pool that keeps at most this many bytes idle; 0 keeps none.
    pub fn new(max_idle_bytes: usize) -> Self {
        Self { shared: Arc::new(Shared { max_idle_bytes, idle: Mutex::default() }) }
    }

    /// A buffer of exactly `size` bytes: zeros if it is fresh, anything if it was used before.
    pub fn take(&self, size: usize) -> PooledBuffer {
        let used = self.shared.idle.lock().take(size);
        let memory = used.unwrap_or_else(|| vec![0; size]);
        PooledBuffer { memory, size, pool: Arc::clone(&self.shared) }
    }

    /// Bytes that wait to be used again.
    pub fn idle_bytes(&self) -> usize {
        self.shared.idle.lock().bytes
    }
}

impl Default for FramePool {
    fn default() -> Self {
        Self::new(DEFAULT_IDLE_BYTES)
    }
}

impl Shared {
    fn put_back(&self, memory: Vec<u8>) {
        if memory.is_empty() || memory.len() > self.max_idle_bytes {
            return;
        }
        let mut idle = self.idle.lock();
        idle.bytes += memory.len();
        idle.buffers.push_back(memory);
        let mut surplus = Vec::new();
        while idle.bytes > self.max_idle_bytes || idle.buffers.len() > MAX_IDLE_BUFFERS {
            surplus.extend(idle.remove(0));
        }
        // Giving megabytes back to the system takes long: not under the lock.
        drop(idle);
        drop(surplus);
    }
}

impl Idle {
    /// The buffer that came back last (its memory is warm) of those that fit without wasting half of it.
    fn take(&mut self, size: usize) -> Option<Vec<u8>> {
        let fits = |memory: &Vec<u8>| memory.len() >= size && memory.len() / 2 <= size;
        let index = self.buffers.iter().rposition(fits)?;
        self.remove(index)
    }

    fn remove(&mut self, index: usize) -> Option<Vec<u8>> {
        let memory = self.buffers.remove(index)?;
        self.bytes -= memory.len();
        Some(memory)
    }
}

/// Writable memory of one frame.
pub struct PooledBuffer {
    /// At least `size` bytes: a larger frame may have left it behind.
    memory: Vec<u8>,
    size: usize,
    pool: Arc<Shared>,
}

impl PooledBuffer {
    /// Ends writing. The memory returns to the pool with the last clone or slice of the result.
    pub fn freeze(self) -> Bytes {
        Bytes::from_owner(self)
    }
}

impl Deref for PooledBuffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.memory[..self.size]
    }
}

impl DerefMut for PooledBuffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.memory[..self.size]
    }
}

impl AsRef<[u8]> for PooledBuffer {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl Drop for PooledBuffer {
    fn drop(&mut self) {
        self.pool.put_back(std::mem::take(&mut self.memory));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fresh_memory_is_zero_and_used_memory_comes_back_as_it_was() {
        let pool = FramePool::default();
        let mut buffer = pool.take(1000);
        assert!(buffer.iter().all(|&byte| byte == 0));
        buffer.fill(7);
        let address = buffer.as_ptr();
        drop(buffer);
        let buffer = pool.take(800);
        assert_eq!((buffer.as_ptr(), buffer.len()), (address, 800));
        assert!(buffer.iter().all(|&byte| byte == 7));
        drop(buffer);
        assert_eq!(pool.take(1000).as_ptr(), address, "the whole of it can be used again");
    }

    #[test]
    fn memory_returns_with_the_last_slice() {
        let pool = FramePool::default();
        let bytes = pool.take(100).freeze();
        let slice = bytes.slice(90..);
        drop(bytes);
        assert_eq!(pool.idle_bytes(), 0);
        drop(slice);
        assert_eq!(pool.idle_bytes(), 100);
    }

    #[test]
    fn idle_memory_is_bounded_and_the_oldest_goes_first() {
        let pool = FramePool::new(1000);
        let (old, new, huge) = (pool.take(600), pool.take(700), pool.take(1001));
        let kept = new.as_ptr();
        drop(old);
        drop(new);
        drop(huge);
        assert_eq!(pool.idle_bytes(), 700);
        assert_eq!(pool.take(700).as_ptr(), kept);

        let tiny: Vec<_> = (0..2 * MAX_IDLE_BUFFERS).map(|_| pool.take(1)).collect();
        drop(tiny);
        assert_eq!(pool.idle_bytes(), MAX_IDLE_BUFFERS);
        assert_eq!(pool.shared.idle.lock().buffers.len(), MAX_IDLE_BUFFERS);
    }

    #[test]
    fn a_small_frame_does_not_take_a_large_buffer() {
        let pool = FramePool::default();
        drop(pool.take(1000));
        assert_eq!(pool.take(10).memory.len(), 10);
        assert_eq!(pool.take(500).memory.len(), 1000);
        assert_eq!(pool.take(1001).memory.len(), 1001);
        assert!(pool.take(0).is_empty());
    }

    #[test]
    fn threads_share_a_pool() {
        let pool = FramePool::new(4 * 4096);
        std::thread::scope(|scope| {
            for mark in 0..4u8 {
                let pool = pool.clone();
                scope.spawn(move || {
                    for _ in 0..500 {
                        let mut buffer = pool.take(4096);
                        buffer.fill(mark);
                        assert!(buffer.freeze().iter().all(|&byte| byte == mark));
                    }
                });
            }
        });
        assert!(pool.idle_bytes() <= 4 * 4096);
    }
}
