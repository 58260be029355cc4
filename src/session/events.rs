// SPDX-License-Identifier: Apache-2.0
//! The vocabulary between a session, its driver and the application. Values only: no behaviour but small conversions.

use crate::frame::{Frame, PixelFormat};
use crate::wire::v0::{self, PlaybackFinished};
use crate::wire::v1::attributes::StreamAttributes;
use crate::wire::v1::control::Control;
use crate::wire::v1::hello::HelloRequest;
use crate::wire::v1::record::Record;
use crate::wire::v1::rpc;
use crate::wire::v1::trailer::Trailer;
use std::collections::HashMap;

/// Names one inbound stream. The driver chooses it and never uses one twice in a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StreamKey(pub u64);

/// The header of an inbound stream.
#[derive(Debug, Clone, Copy)]
pub struct StreamOpened<'a> {
    /// The name under which its chunks and its end will come.
    pub stream: StreamKey,
    /// Identity of the participant that opened it.
    pub sender: &'a str,
    /// The header's attributes, unchecked.
    pub attributes: &'a HashMap<String, String>,
}

/// The trailer of an inbound stream.
#[derive(Debug, Clone, Copy)]
pub struct StreamEnd<'a> {
    /// Empty when the sender finished the stream; else why it was broken off.
    pub reason: &'a str,
    /// The trailer's attributes, unchecked; `None` from a transport that does not have them.
    pub attributes: Option<&'a HashMap<String, String>>,
}

/// The answer to an RPC of a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It was taken.
    Ok,
    /// The caller is not the expected peer.
    Reject,
}

/// Why a segment ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SegmentCause {
    /// The sender flushed it. Every frame arrived, but for those that version 1 knows to be lost.
    Flushed,
    /// The sender cleared it.
    Cleared,
    /// It was broken off, overtaken by the next one, or nobody knows how it ended. In version 0 also: its stream lost a chunk
    /// or ended inside a frame.
    Truncated,
    /// Nothing came for the idle time-out.
    TimedOut,
    /// The sender left the room, in version 1 for longer than it may return.
    SenderLeft,
    /// The sender started anew (version 1 only: version 0 cannot tell).
    SenderRestarted,
    /// The room was closed or lost for good.
    Disconnected,
    /// The application closed the receiver.
    Closed,
}

/// What a session reports as `Error`. A kind is reported once until its cause is over; the counters go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// A stream of the sender carried attributes that are no video; it was refused.
    BadStream,
    /// A stream of the sender announced frames over the limit; it was refused.
    FrameTooLarge,
    /// The sender opens segments faster than the application takes them; a stream was refused.
    TooManySegments,
    /// The transport refused to open, write or close a stream.
    Transport,
    /// A clear or a playback-started did not reach the peer, or was rejected.
    Rpc,
    /// The destination cannot take what is sent: a frame's type or size, or a label with a peer of version 0.
    Unsupported,
    /// The destination listens to somebody else, or has another output of this label.
    Refused,
}

/// How the sender answered a playback-finished.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotifyAnswer {
    /// It took it.
    Ok,
    /// It does not regard us as its destination.
    Reject,
    /// No answer: why.
    Failed(String),
}

/// Names one call about playback on its way; ascending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NotifyId(pub u64);

/// What a receiver's session wants from the driver.
#[derive(Debug, Clone, PartialEq)]
pub enum ReceiverRequest {
    /// Perform the playback-finished RPC and report with `notify_answered`.
    PlaybackFinished {
        /// To be handed back with the answer.
        id: NotifyId,
        /// Identity of the segment's sender.
        destination: String,
        /// The payload.
        message: PlaybackFinished,
    },
    /// Perform the playback-finished RPC of version 1 and report with `notify_answered`. The message says which segment it
    /// is about.
    SegmentFinished {
        /// To be handed back with the answer.
        id: NotifyId,
        /// That call is to be answered, or to have failed, before this one is made: the sender could hear it the other way
        /// round.
        after: Option<NotifyId>,
        /// Identity of the segment's sender.
        destination: String,
        /// The payload.
        message: rpc::PlaybackFinished,
    },
    /// Perform the playback-started RPC and report with `notify_answered`.
    SegmentStarted {
        /// To be handed back with the answer.
        id: NotifyId,
        /// Identity of the segment's sender.
        destination: String,
        /// The payload.
        message: rpc::PlaybackStarted,
    },
    /// Send a control message. Nothing is to be reported.
    Control {
        /// Identity of the sender.
        destination: String,
        /// The message.
        message: Control,
        /// On which channel.
        reliable: bool,
    },
}

/// What the application of a receiver sees, in order.
#[derive(Debug, Clone)]
#[allow(clippy::large_enum_variant, reason = "a frame is moved a few times, its pixels never")]
pub enum ReceiverEvent {
    /// The sender listened to is now this participant; `None`: nobody in the room.
    Sender(Option<String>),
    /// A segment starts.
    SegmentStart {
        /// Counts from 1 in this receiver.
        segment: u64,
        /// Of every frame of the segment; in version 1 of the first.
        format: PixelFormat,
        /// Pixels.
        width: u32,
        /// Pixels.
        height: u32,
    },
    /// A whole frame of the segment that started last.
    Frame(Frame),
    /// The segment that started last is over.
    SegmentEnd {
        /// Its number.
        segment: u64,
        /// Whole frames that arrived, delivered or dropped.
        frames: u64,
        /// Frames known to have been sent that did not arrive (version 1 only).
        lost: u64,
        /// Why it ended.
        cause: SegmentCause,
    },
    /// The sender cleared its buffer: what is on show is void.
    Cleared,
    /// A playback-finished of ours was answered.
    Notified {
        /// The segment it was for.
        segment: u64,
        /// The position it told, microseconds.
        position_us: i64,
        /// The answer.
        answer: NotifyAnswer,
    },
    /// Something went wrong; the receiver goes on.
    Error {
        /// What.
        kind: ErrorKind,
        /// For humans.
        message: String,
    },
}

/// What an output's session wants from the driver: one at a time, in order.
#[derive(Debug, Clone)]
#[allow(clippy::large_enum_variant, reason = "a frame is moved a few times, its pixels never")]
pub enum OutputAction {
    /// Open a stream to the destination; answer with `stream_opened`.
    OpenStream {
        /// Counts from 1 in this output.
        segment: u64,
        /// For the header.
        attributes: SegmentAttributes,
    },
    /// Write one frame to the open stream in fresh chunks, asking `is_cancelled` between them; answer with `write_done`.
    Write(Frame),
    /// Write one record to the open stream, chunk for chunk, asking `is_cancelled` between them; answer with
    /// `write_done`.
    WriteRecord {
        /// The stream's.
        segment: u64,
        /// A frame of version 1.
        record: Record,
    },
    /// Send the trailer of the open stream; answer with `stream_closed`.
    CloseStream {
        /// Its number.
        segment: u64,
        /// For the trailer: empty when the segment is whole, else why it was broken off. In version 1 always empty.
        reason: &'static str,
        /// For the trailer's attributes, in version 1.
        trailer: Option<Trailer>,
    },
    /// Perform the clear RPC; answer with `clear_answered`, after [`CLEAR_ANSWER_TIMEOUT`](super::CLEAR_ANSWER_TIMEOUT)
    /// at the latest.
    ClearBuffer,
}

/// With which attributes a segment's stream begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SegmentAttributes {
    /// Of version 0.
    V0(v0::StreamAttributes),
    /// Of version 1.
    V1(StreamAttributes),
}

impl SegmentAttributes {
    /// Of the first frame.
    pub fn video(&self) -> &v0::StreamAttributes {
        match self {
            Self::V0(video) => video,
            Self::V1(attributes) => &attributes.video,
        }
    }

    /// For the header.
    pub fn to_map(&self) -> HashMap<String, String> {
        match self {
            Self::V0(video) => video.to_map(),
            Self::V1(attributes) => attributes.to_map(),
        }
    }
}

/// Names one call of an output on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CallId(pub u64);

/// What an output's session wants from the driver beside its actions: any time, any number at once.
#[derive(Debug, Clone, PartialEq)]
pub enum OutputRequest {
    /// Perform the hello and report with `hello_answered`, after [`HELLO_ANSWER_TIMEOUT`](super::HELLO_ANSWER_TIMEOUT)
    /// at the latest.
    Hello {
        /// To be handed back with the answer.
        id: CallId,
        /// The payload.
        message: HelloRequest,
    },
    /// Perform the clear RPC of version 1 and report with `clear_call_answered`, after
    /// [`CLEAR_CALL_TIMEOUT`](super::CLEAR_CALL_TIMEOUT) at the latest. Frames do not wait for it.
    Clear {
        /// To be handed back with the answer.
        id: CallId,
        /// The payload.
        message: rpc::Clear,
    },
    /// Send a control message. Nothing is to be reported.
    Control {
        /// The message.
        message: Control,
        /// On which channel.
        reliable: bool,
    },
}

/// Why a hello has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HelloFailure {
    /// The destination does not know the method (RPC error 1400): it speaks version 0.
    Unsupported,
    /// The call failed, was not answered in time, or the answer cannot be read: why.
    Failed(String),
}

/// What the application of an output sees, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OutputEvent {
    /// The receiving application shows the segment. Version 1 only; at most once, and before its finish.
    PlaybackStarted {
        /// Counts from 1 in this output.
        segment: u64,
    },
    /// A segment was played, or no answer about it can come any more.
    PlaybackFinished {
        /// Counts from 1 in this output.
        segment: u64,
        /// The receiving application's own count, microseconds.
        position_us: i64,
        /// Playback stopped before the segment's end.
        interrupted: bool,
        /// The library's, because the receiver's can no longer come; the position is the last one known.
        made_up: bool,
    },
    /// Something went wrong; the output goes on.
    Error {
        /// What.
        kind: ErrorKind,
        /// For humans.
        message: String,
    },
}

/// How the driver's attempt at an [`OutputAction`] went; the error is for humans.
pub type TransportResult = Result<(), String>;

/// Why a playback-finished cannot be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// No segment of this number has started, or it was notified before.
    #[error("no such segment, or its playback-finished was sent already")]
    NotFound,
    /// The position is negative or out of the wire's range.
    #[error("the playback position is out of range")]
    InvalidPosition,
    /// The receiver or its room is closed.
    #[error("closed")]
    Closed,
}

/// Why a frame was not queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The queue is full and its policy is to wait: try again after the next `poll_action` or `timeout`.
    #[error("the queue is full")]
    Full,
    /// The queue is full and its policy is to refuse.
    #[error("the queue is full, the frame was refused")]
    Refused,
    /// The output or its room is closed.
    #[error("closed")]
    Closed,
    /// The frame is larger than the output allows.
    #[error("the frame is larger than the output allows")]
    TooLarge,
}

/// Reports each kind of error once until the cause is over, so that a bad peer cannot fill a queue with errors.
#[derive(Debug, Default)]
pub(super) struct ErrorGate(Vec<ErrorKind>);

impl ErrorGate {
    /// Whether this kind is to be reported now.
    pub(super) fn report(&mut self, kind: ErrorKind) -> bool {
        let first = !self.0.contains(&kind);
        if first {
            self.0.push(kind);
        }
        first
    }

    /// Something good happened: the next error of any kind is news again.
    pub(super) fn reset(&mut self) {
        self.0.clear();
    }
}
