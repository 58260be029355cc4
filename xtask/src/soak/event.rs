// SPDX-License-Identifier: Apache-2.0
//! The lines that `tests/soak` writes.

use serde::Deserialize;

#[derive(Deserialize, Clone, Debug, PartialEq)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    // The sender.
    Output {
        output: u64,
        policy: i32,
    },
    /// A segment of the application's: `id` is in each of its pictures.
    Begin {
        id: u64,
        #[serde(flatten)]
        shape: Shape,
    },
    /// It is about to be ended.
    Ended {
        id: u64,
        frames: u64,
        how: How,
    },
    Finished {
        segment: u64,
        position: u64,
        interrupted: bool,
        made_up: bool,
    },
    OutputClosed {
        started: u64,
        ended: u64,
        accepted: u64,
        accounted: u64,
        sent: u64,
        unmatched: u64,
        events_dropped: u64,
        lent: u64,
        returned: u64,
    },
    // The receiver.
    Receiver {
        receiver: u64,
    },
    Start {
        segment: u64,
        #[serde(flatten)]
        shape: Shape,
    },
    Frame {
        segment: u64,
        number: u64,
        lost: u64,
        id: u64,
        picture: u64,
    },
    Damaged,
    Cleared,
    End {
        segment: u64,
        cause: i32,
        frames: u64,
    },
    Notify {
        position: u64,
        interrupted: bool,
    },
    Notified {
        answer: i32,
    },
    ReceiverClosed {
        started: u64,
        ended: u64,
        received: u64,
        accounted: u64,
        chunks_lost: u64,
    },
    // Both.
    Room {
        state: i32,
    },
    /// A call failed.
    Failed {
        error: String,
    },
    /// The library says that something went wrong.
    Error {
        error: String,
    },
    /// The process ends by itself.
    Bye,
    #[serde(other)]
    Other,
}

/// How the application ended a segment.
#[derive(Deserialize, Clone, Copy, Debug, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum How {
    Flush,
    Clear,
    /// The next one has another shape.
    Change,
}

#[derive(Deserialize, Clone, Copy, Debug, PartialEq)]
pub struct Shape {
    pub pixels: i32,
    pub width: u32,
    pub height: u32,
}

/// `LKV_CAUSE_*`, by number.
pub const CAUSES: [&str; 9] = [
    "none",
    "flushed",
    "cleared",
    "truncated",
    "timed_out",
    "sender_left",
    "sender_restarted",
    "disconnected",
    "closed",
];
pub const FLUSHED: i32 = 1;
pub const CLEARED: i32 = 2;
/// `LKV_POLICY_BLOCK`.
pub const BLOCK: i32 = 0;
/// `LKV_ROOM_CONNECTED`.
pub const CONNECTED: i32 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_whatever_else_it_says() {
        let line = r#"{"t":1.5,"life":2,"event":"start","segment":4,"pixels":9,"width":64,"height":48}"#;
        let shape = Shape { pixels: 9, width: 64, height: 48 };
        assert_eq!(serde_json::from_str::<Event>(line).unwrap(), Event::Start { segment: 4, shape });
        assert_eq!(serde_json::from_str::<Event>(r#"{"event":"alive"}"#).unwrap(), Event::Other);
        let line = r#"{"event":"damaged","what":"kept"}"#;
        assert_eq!(serde_json::from_str::<Event>(line).unwrap(), Event::Damaged);
    }
}
