// SPDX-License-Identifier: Apache-2.0
//! Makes whole frames of a stream's content, however it is cut into chunks.
//!
//! Chunk contents enter in order, each byte is copied once, into the pooled buffer of its frame, and complete
//! frames leave. Invariant: at most one unfinished frame is held. A missing chunk shifts every boundary behind
//! it; who notices one must not push more.

use bytes::Bytes;

use crate::frame::{FramePool, Layout, PooledBuffer};

/// Cuts one stream into frames of one size.
pub struct Assembler {
    frame_size: usize,
    pool: FramePool,
    unfinished: Option<Unfinished>,
}

struct Unfinished {
    buffer: PooledBuffer,
    filled: usize,
}

impl Assembler {
    /// An assembler of frames of this layout.
    pub fn new(layout: &Layout, pool: FramePool) -> Self {
        Self { frame_size: layout.size(), pool, unfinished: None }
    }

    /// Takes the next content of the stream and hands on each frame that is complete with it.
    pub fn push(&mut self, mut content: &[u8], mut each: impl FnMut(Bytes)) {
        while !content.is_empty() {
            // Filled where it lies: moving it would wait for the stores of the copy before.
            let frame = self.unfinished.get_or_insert_with(|| Unfinished::new(&self.pool, self.frame_size));
            content = frame.fill(content);
            if frame.filled == self.frame_size {
                if let Some(whole) = self.unfinished.take() {
                    each(whole.buffer.freeze());
                }
            }
        }
    }

    /// Bytes of the frame that is not complete yet; 0 between frames.
    pub fn partial(&self) -> usize {
        self.unfinished.as_ref().map_or(0, |frame| frame.filled)
    }
}

impl Unfinished {
    fn new(pool: &FramePool, size: usize) -> Self {
        Self { buffer: pool.take(size), filled: 0 }
    }

    /// Copies as much as there is room for and gives back the rest.
    fn fill<'a>(&mut self, content: &'a [u8]) -> &'a [u8] {
        let room = &mut self.buffer[self.filled..];
        let (mine, rest) = content.split_at(content.len().min(room.len()));
        room[..mine.len()].copy_from_slice(mine);
        self.filled += mine.len();
        rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::PixelFormat;

    /// Random numbers by xorshift, the same ones each time.
    struct Random(u64);

    impl Random {
        fn below(&mut self, bound: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            (self.0 % bound as u64) as usize
        }
    }

    #[test]
    fn any_chunking_gives_the_same_frames() {
        let mut random = Random(0x1234_5678_9abc_def1);
        let pool = FramePool::default();
        for round in 0..300 {
            let format = PixelFormat::ALL[random.below(PixelFormat::ALL.len())];
            let (width, height) = (1 + random.below(40) as u32, 1 + random.below(40) as u32);
            let layout = format.layout(width, height).unwrap();
            let length = random.below(6 * layout.size());
            let content: Vec<u8> = (0..length).map(|_| random.below(256) as u8).collect();
            let longest = 1 + random.below(2 * layout.size() + 2);

            let mut assembler = Assembler::new(&layout, pool.clone());
            let (mut frames, mut rest) = (Vec::new(), &content[..]);
            while !rest.is_empty() {
                let (chunk, behind) = rest.split_at(random.below(longest + 1).min(rest.len()));
                assembler.push(chunk, |frame| frames.push(frame));
                rest = behind;
                assert_eq!(assembler.partial(), (content.len() - rest.len()) % layout.size(), "round {round}");
            }
            let whole = content.chunks_exact(layout.size());
            assert_eq!(assembler.partial(), whole.remainder().len(), "round {round}");
            assert!(whole.eq(frames.iter().map(|frame| &frame[..])), "round {round} {format} {width}x{height}");
        }
    }

    #[test]
    fn an_unfinished_frame_gives_its_memory_back() {
        let pool = FramePool::default();
        let layout = PixelFormat::Rgba.layout(10, 10).unwrap();
        let mut assembler = Assembler::new(&layout, pool.clone());
        assembler.push(&[], |_| unreachable!("no content, no frame"));
        assert_eq!(assembler.partial(), 0);
        assembler.push(&[1; 399], |_| unreachable!("one byte is missing"));
        assert_eq!((assembler.partial(), pool.idle_bytes()), (399, 0));
        drop(assembler);
        assert_eq!(pool.idle_bytes(), 400);
    }
}
