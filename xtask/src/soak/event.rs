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
    /// A segment of the application's begins, or goes on in another shape: `id` and `part` are in each of its pictures.
    Part {
        id: u64,
        part: u64,
        /// The number of its first picture.
        first: u64,
        #[serde(flatten)]
        shape: Shape,
    },
    /// It is about to be ended.
    Ended {
        id: u64,
        frames: u64,
        how: How,
    },
    /// What was sent is about to be cleared.
    Clear,
    /// Everything up to this one has gone out, in so many segments of the output.
    Sent {
        id: u64,
        segments: u64,
    },
    Playing {
        segment: u64,
    },
    Finished {
        segment: u64,
        position: u64,
        interrupted: bool,
        made_up: bool,
    },
    OutputClosed(OutputTotals),
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
        part: u64,
        /// Of the wire.
        version: u8,
    },
    Damaged,
    Cleared,
    End {
        segment: u64,
        cause: i32,
        frames: u64,
        lost: u64,
    },
    Notify {
        segment: u64,
        position: u64,
        interrupted: bool,
    },
    Notified {
        position: u64,
        answer: i32,
    },
    ReceiverClosed(ReceiverTotals),
    // Both.
    /// The output or the receiver is about to be closed.
    Closing,
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
    /// Not at all: the output is closed next.
    Open,
}

/// The counters of an output at its end, and what the application counted.
#[derive(Deserialize, Clone, Copy, Debug, Default, PartialEq)]
pub struct OutputTotals {
    pub started: u64,
    pub ended: u64,
    pub resumed: u64,
    pub finished: u64,
    /// Frames for which the call said yes.
    pub taken: u64,
    pub accepted: u64,
    pub sent: u64,
    /// For any cause.
    pub dropped: u64,
    /// Those of them that were lost with their stream or the room.
    pub disconnected: u64,
    pub queued: u64,
    /// Frames for which the call said no.
    pub turned_away: u64,
    pub refused: u64,
    /// The sum of its causes.
    pub refused_causes: u64,
    pub unmatched: u64,
    pub events_dropped: u64,
    /// Pictures.
    pub lent: u64,
    pub returned: u64,
}

/// The counters of a receiver at its end, and what the application counted.
#[derive(Deserialize, Clone, Copy, Debug, Default, PartialEq)]
pub struct ReceiverTotals {
    pub started: u64,
    pub ended: u64,
    pub resumed: u64,
    pub received: u64,
    pub delivered: u64,
    /// Frames that the application took.
    pub told: u64,
    /// For any cause.
    pub dropped: u64,
    pub queued: u64,
    pub frames_lost: u64,
    /// Streams.
    pub refused: u64,
    /// The sum of its causes.
    pub refused_causes: u64,
    /// Streams and chunks that are not as a sender of ours sends them.
    pub misread: u64,
    pub chunks_lost: u64,
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
pub const TRUNCATED: i32 = 3;
pub const TIMED_OUT: i32 = 4;
pub const SENDER_LEFT: i32 = 5;
pub const SENDER_RESTARTED: i32 = 6;
pub const DISCONNECTED: i32 = 7;
pub const CLOSED: i32 = 8;
/// `LKV_POLICY_BLOCK`.
pub const BLOCK: i32 = 0;
/// `LKV_POLICY_REFUSE`.
pub const REFUSE: i32 = 1;
/// `LKV_ANSWER_OK`.
pub const OK: i32 = 1;
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
