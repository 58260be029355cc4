// SPDX-License-Identifier: Apache-2.0
//! The streams that `livekit` reads itself, by their senders. Each costs a task and a place in `livekit` until its
//! trailer comes. Invariant: of a sender at most [`MAX_OPEN_STREAMS`] are read; the oldest is forgotten for one more.

use std::collections::{HashMap, VecDeque};
use tokio::sync::oneshot;

/// Streams of one sender that are read at once: as many as the tap keeps of those that it reads.
const MAX_OPEN_STREAMS: usize = 16;

#[derive(Debug, Default)]
pub(super) struct Readers {
    /// Oldest first. One that is read to its end is closed; dropped, it ends the reading.
    of_sender: HashMap<String, VecDeque<oneshot::Sender<()>>>,
}

impl Readers {
    /// A stream of this sender is read from now on, until what is returned completes.
    pub(super) fn add(&mut self, sender: &str) -> oneshot::Receiver<()> {
        self.of_sender.retain(|_, streams| {
            streams.retain(|stream| !stream.is_closed());
            !streams.is_empty()
        });
        let streams = self.of_sender.entry(sender.to_owned()).or_default();
        if streams.len() == MAX_OPEN_STREAMS {
            tracing::debug!("{sender} left {MAX_OPEN_STREAMS} streams open: the oldest is forgotten");
            streams.pop_front();
        }
        let (stream, until) = oneshot::channel();
        streams.push_back(stream);
        until
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::oneshot::error::TryRecvError;

    fn is_read(until: &mut oneshot::Receiver<()>) -> bool {
        until.try_recv() == Err(TryRecvError::Empty)
    }

    #[test]
    fn oldest_stream_of_a_sender_is_forgotten_for_one_too_many() {
        let mut readers = Readers::default();
        let mut other = readers.add("bob");
        let mut streams: Vec<_> = (0..MAX_OPEN_STREAMS).map(|_| readers.add("alice")).collect();
        assert!(streams.iter_mut().all(is_read));
        streams.push(readers.add("alice"));
        assert!(!is_read(&mut streams[0]));
        assert!(streams[1..].iter_mut().all(is_read) && is_read(&mut other));
    }

    #[test]
    fn streams_that_have_ended_are_not_counted() {
        let mut readers = Readers::default();
        let mut first = readers.add("alice");
        (0..2 * MAX_OPEN_STREAMS).for_each(|_| drop(readers.add("alice")));
        assert!(is_read(&mut first));
        drop(first);
        readers.add("bob");
        assert_eq!(readers.of_sender.keys().collect::<Vec<_>>(), ["bob"]);
    }
}
