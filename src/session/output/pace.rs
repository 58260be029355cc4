// SPDX-License-Identifier: Apache-2.0
//! How fast the transport takes frames, over the last of them.

use std::time::Duration;

#[derive(Debug, Default)]
pub(super) struct Pace {
    bytes: u64,
    /// In which they were written.
    time: Duration,
}

impl Pace {
    /// Writing that is looked back on: beyond it the older half counts half.
    const MEMORY: Duration = Duration::from_millis(250);

    pub(super) fn wrote(&mut self, bytes: usize, time: Duration) {
        self.bytes += bytes as u64;
        self.time += time;
        if self.time > Self::MEMORY {
            self.bytes /= 2;
            self.time /= 2;
        }
    }

    /// What can be written in this time.
    pub(super) fn bytes_in(&self, time: Duration) -> usize {
        let bytes = u128::from(self.bytes) * time.as_micros() / self.time.as_micros().max(1);
        usize::try_from(bytes).unwrap_or(usize::MAX)
    }
}
