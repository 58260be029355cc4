// SPDX-License-Identifier: Apache-2.0
//! A receiver: the session of the video that one sender sends us, driven by the transport's threads from one side
//! and by the application from the other.
//!
//! Chunks come on the network thread and are assembled under the session's lock, which is held for one chunk's copy
//! at most. The application takes events by [`Receiver::next_event`] or on the dispatch thread. Tasks on the runtime
//! keep the session's timers and send its requests (`calls`).

mod calls;

use super::{
    dispatch::{Dispatcher, EventHandler},
    environment::{draw_id, Clock},
    participant::ParticipantKind,
    room::Room,
    room_core::RoomCore,
    wait::{Monitor, Wait},
    DriverError,
};
use crate::{
    frame::FramePool,
    session::{
        Answer, QueuePolicy, ReceiverConfig, ReceiverEvent, ReceiverSession, ReceiverStats, SessionError, StreamEnd,
        StreamKey, StreamOpened,
    },
    wire::v1::{
        control::Control,
        hello::{HelloAnswer, HelloRequest},
        rpc, Label,
    },
};
use calls::{send, Calls};
use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::Notify;

/// How to receive.
pub struct ReceiverOptions {
    /// The sender's identity; `None`: the first participant of kind agent.
    pub sender: Option<String>,
    /// Which of the sender's outputs to us: most have one, without a label. At most 64 bytes, no control characters.
    pub label: String,
    /// What happens when the queue is full. [`QueuePolicy::Block`] slows the sender where it can be slowed (in
    /// version 1, and on loopback) and acts as [`QueuePolicy::DropOldest`] where it cannot.
    pub policy: QueuePolicy,
    /// Frames that may wait for the application.
    pub queue_frames: usize,
    /// Bytes of such frames.
    pub queue_bytes: usize,
    /// A segment of which nothing comes for so long has ended.
    pub idle_timeout: Duration,
    /// Larger frames are refused.
    pub max_frame_bytes: usize,
    /// A cleared segment that the application does not finish in this time is finished for it, as interrupted; version 1
    /// only.
    pub finish_after_clear: Option<Duration>,
    /// Gets every event; without it events are pulled with [`Receiver::next_event`].
    pub on_event: Option<EventHandler<ReceiverEvent>>,
}

impl Default for ReceiverOptions {
    fn default() -> Self {
        Self {
            sender: None,
            label: String::new(),
            policy: QueuePolicy::Block,
            queue_frames: 120,
            queue_bytes: 64 << 20,
            idle_timeout: Duration::from_secs(10),
            max_frame_bytes: 64 << 20,
            finish_after_clear: Some(Duration::from_secs(1)),
            on_event: None,
        }
    }
}

/// Receives the video of one sender. Every method may be called from any thread.
#[derive(Clone)]
pub struct Receiver {
    owner: Arc<Owner>,
}

/// Closes the receiver with the last handle.
struct Owner {
    core: Arc<ReceiverCore>,
    room: Room,
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.core.close();
        self.room.core().remove_receiver(&self.core);
    }
}

impl Receiver {
    /// Adds a receiver to a room, which need not be connected yet: created before the connection it misses nothing.
    ///
    /// # Errors
    /// [`DriverError::Busy`] if the room has a receiver of that sender and label, [`DriverError::Closed`] or the room's
    /// error, [`DriverError::InvalidArgument`] for a policy that receivers do not have, an empty sender or no label.
    pub fn create(room: &Room, mut options: ReceiverOptions) -> Result<Self, DriverError> {
        if options.policy == QueuePolicy::Refuse {
            return Err(DriverError::InvalidArgument("a receiver cannot refuse frames: block or drop".into()));
        }
        if options.sender.as_deref() == Some("") {
            return Err(DriverError::InvalidArgument("an empty sender identity".into()));
        }
        let label = Label::new(&options.label).map_err(|e| DriverError::InvalidArgument(e.to_string()))?;
        let on_event = options.on_event.take();
        let (calls, queued) = Calls::new();
        let core = Arc::new(ReceiverCore {
            wanted_sender: options.sender.clone(),
            label: label.clone(),
            shared: Monitor::new(Shared {
                session: ReceiverSession::new(
                    ReceiverConfig {
                        sender: options.sender,
                        policy: options.policy,
                        queue_frames: options.queue_frames,
                        queue_bytes: options.queue_bytes,
                        idle_timeout: options.idle_timeout,
                        max_frame_bytes: options.max_frame_bytes,
                        label,
                        receiver: draw_id(),
                        finish_after_clear: options.finish_after_clear,
                    },
                    FramePool::default(),
                ),
                clock: Clock::default(),
                calls: Some(calls),
                last_stream: 0,
                ended: false,
            }),
            wake: Notify::new(),
            space: Notify::new(),
            dispatcher: Arc::default(),
            handles_events: on_event.is_some(),
        });
        room.core().add_receiver(&core)?;
        let receiver = Self { owner: Arc::new(Owner { core: core.clone(), room: room.clone() }) };
        let (this, of_room) = (core.clone(), room.core().clone());
        room.core().spawn(async move { this.run(&of_room).await });
        let (this, of_room) = (core.clone(), room.core().clone());
        room.core().spawn(async move { this.perform_calls(&of_room, queued).await });
        if let Some(handler) = on_event {
            let this = core.clone();
            core.dispatcher.start("lkv-receiver", move || this.take_event(Wait::Forever).ok(), handler)?;
        }
        Ok(receiver)
    }

    fn core(&self) -> &Arc<ReceiverCore> {
        &self.owner.core
    }

    /// Blocks until the sender is in the room.
    ///
    /// # Errors
    /// [`DriverError::Timeout`]; [`DriverError::Closed`] when the receiver or the room is closed.
    pub fn wait_sender(&self, wait: Wait) -> Result<(), DriverError> {
        let outcome = self.core().shared.wait(wait, |s| {
            if s.ended {
                return Some(Err(DriverError::Closed));
            }
            s.session.sender().map(|_| Ok(()))
        });
        outcome.unwrap_or(Err(DriverError::Timeout))
    }

    /// The next event, where no handler was given.
    ///
    /// # Errors
    /// [`DriverError::Timeout`]; [`DriverError::Closed`] after the last event of a closed receiver;
    /// [`DriverError::InvalidArgument`] if a handler takes the events.
    pub fn next_event(&self, wait: Wait) -> Result<ReceiverEvent, DriverError> {
        if self.core().handles_events {
            return Err(DriverError::InvalidArgument("the receiver's events go to its handler".into()));
        }
        self.core().take_event(wait)
    }

    /// Tells the sender that a segment was played up to `position_us` (microseconds, 0 or more, the application's own
    /// count). `segment` 0 is the oldest that was not told yet. Returns at once; [`ReceiverEvent::Notified`] follows.
    ///
    /// # Errors
    /// [`DriverError::NotFound`] for a segment that did not start or was told before,
    /// [`DriverError::InvalidArgument`] for a negative position, [`DriverError::Closed`].
    pub fn notify_playback_finished(
        &self,
        segment: u64,
        position_us: i64,
        interrupted: bool,
    ) -> Result<(), DriverError> {
        self.notify(|session| session.notify_playback_finished(segment, position_us, interrupted).map(drop))
    }

    /// Tells the sender that the application shows this segment, once; 0 is the one that the application is at. Senders
    /// of version 0 are not told. Returns at once.
    ///
    /// # Errors
    /// [`DriverError::NotFound`] for a segment that did not start or was finished, [`DriverError::Closed`].
    pub fn notify_playback_started(&self, segment: u64) -> Result<(), DriverError> {
        self.notify(|session| session.notify_playback_started(segment))
    }

    /// What the application tells is on its way when this returns: it may close the receiver next.
    fn notify(&self, tell: impl FnOnce(&mut ReceiverSession) -> Result<(), SessionError>) -> Result<(), DriverError> {
        let core = self.core();
        let messages = core.shared.update(|s| {
            tell(&mut s.session).map_err(|e| match e {
                SessionError::NotFound => DriverError::NotFound(e.to_string()),
                SessionError::InvalidPosition => DriverError::InvalidArgument(e.to_string()),
                SessionError::Closed => DriverError::Closed,
            })?;
            Ok::<_, DriverError>(s.requests(Instant::now()))
        })?;
        send(self.owner.room.core(), messages);
        // The session may have timers that it did not have before.
        core.wake.notify_one();
        Ok(())
    }

    /// Counters since creation.
    pub fn stats(&self) -> ReceiverStats {
        self.core().shared.lock().session.stats()
    }

    /// Stops receiving and wakes everyone who waits; what is queued can still be taken. May be called from anywhere
    /// and again.
    pub fn close(&self) {
        self.core().close();
        self.owner.room.core().remove_receiver(self.core());
    }

    /// Waits until the last callback of a closed receiver has ended; on its dispatch thread it returns at once.
    pub fn join(&self) {
        self.core().dispatcher.join();
    }
}

struct Shared {
    session: ReceiverSession,
    clock: Clock,
    /// Gone at the end, when what is in it is still sent.
    calls: Option<Calls>,
    /// The last stream that was taken.
    last_stream: u64,
    /// Nothing new will come.
    ended: bool,
}

pub(super) struct ReceiverCore {
    wanted_sender: Option<String>,
    label: Label,
    handles_events: bool,
    shared: Monitor<Shared>,
    /// For the task: there may be a request, or a new timer.
    wake: Notify,
    /// For a transport that can wait: the application has taken something.
    space: Notify,
    dispatcher: Arc<Dispatcher>,
}

impl ReceiverCore {
    pub fn wanted_sender(&self) -> Option<&str> {
        self.wanted_sender.as_deref()
    }

    pub fn label(&self) -> &Label {
        &self.label
    }

    /// Whether this participant is the one listened to.
    pub fn expects(&self, sender: &str) -> bool {
        self.shared.lock().session.sender() == Some(sender)
    }

    /// Whether this participant is the one listened to, there or not.
    pub fn listens_to(&self, identity: &str) -> bool {
        self.shared.lock().session.listens_to(identity)
    }

    pub fn participant_joined(&self, identity: &str, kind: ParticipantKind) {
        let is_agent = kind == ParticipantKind::Agent;
        self.tell(|session, _| session.participant_joined(identity, is_agent));
    }

    pub fn participant_left(&self, identity: &str) {
        self.tell(|session, now| session.participant_left(identity, now));
    }

    pub fn room_reconnecting(&self, reconnecting: bool) {
        self.tell(|session, now| session.room_reconnecting(reconnecting, now));
    }

    /// A new session of the room, with stream `first` or later ones.
    pub fn room_restarted(&self, first: u64) {
        self.update(|s| {
            if s.last_stream < first {
                s.session.room_restarted();
            }
        });
    }

    pub fn room_closed(&self) {
        self.end(ReceiverSession::room_closed);
    }

    pub fn close(&self) {
        self.end(ReceiverSession::close);
    }

    /// Whether the caller is the sender, who wants what it sent in version 0 to be dropped.
    pub fn clear_requested(&self, caller: &str) -> bool {
        self.tell(|session, _| session.clear_requested(caller)) == Answer::Ok
    }

    /// The same of version 1, up to a segment.
    pub fn segments_cleared(&self, caller: &str, message: &rpc::Clear) -> bool {
        self.tell(|session, now| session.segments_cleared(caller, message, now)) == Answer::Ok
    }

    /// A participant says hello to this label; `None` if only version 0 is spoken.
    pub fn hello(&self, caller: &str, hello: &HelloRequest) -> Option<HelloAnswer> {
        self.tell(|session, now| session.hello(caller, hello, now))
    }

    pub fn control(&self, caller: &str, message: &Control) {
        self.tell(|session, now| session.control(caller, message, now));
    }

    /// A call or a control message was refused.
    pub fn message_refused(&self) {
        self.shared.lock().session.message_refused();
    }

    /// A stream that no receiver has the label of.
    pub fn stream_of_other_label(&self, sender: &str) {
        self.tell(|session, _| session.stream_of_other_label(sender));
    }

    pub fn open_stream(
        self: &Arc<Self>,
        stream: u64,
        sender: &str,
        attributes: &HashMap<String, String>,
    ) -> Option<StreamSink> {
        let key = StreamKey(stream);
        let opened = StreamOpened { stream: key, sender, attributes };
        let taken = self.update(|s| {
            let taken = s.session.stream_opened(opened, Instant::now());
            if taken {
                s.last_stream = stream;
            }
            taken
        });
        taken.then(|| StreamSink { receiver: self.clone(), stream: key })
    }

    /// An event of the transport.
    fn tell<R>(&self, event: impl FnOnce(&mut ReceiverSession, Instant) -> R) -> R {
        self.update(|s| event(&mut s.session, Instant::now()))
    }

    /// Changes the state, then wakes whom it concerns.
    fn update<R>(&self, event: impl FnOnce(&mut Shared) -> R) -> R {
        let result = self.shared.update(event);
        self.wake.notify_one();
        self.space.notify_waiters(); // the event may have emptied the queue
        result
    }

    fn end(&self, how: impl FnOnce(&mut ReceiverSession)) {
        self.update(|s| {
            if !s.ended {
                s.ended = true;
                s.calls = None;
                how(&mut s.session);
            }
        });
    }

    fn take_event(&self, wait: Wait) -> Result<ReceiverEvent, DriverError> {
        let (mut was_full, mut wake) = (false, false);
        let outcome = self.shared.wait(wait, |s| {
            was_full = s.session.is_full();
            match s.session.next_event() {
                Some(event) => {
                    // Credit, for what was taken.
                    wake = s.session.has_request();
                    Some(Ok(event))
                }
                None => s.ended.then_some(Err(DriverError::Closed)),
            }
        });
        if was_full {
            self.space.notify_waiters();
        }
        if wake {
            self.wake.notify_one();
        }
        outcome.unwrap_or(Err(DriverError::Timeout))
    }

    /// Keeps the timers and has the session's requests sent until it has ended.
    async fn run(self: Arc<Self>, room: &Arc<RoomCore>) {
        loop {
            let (messages, deadline, ended) = {
                let mut s = self.shared.lock();
                let now = Instant::now();
                if let Some(unix_us) = s.clock.reading(now) {
                    s.session.set_clock(now, unix_us);
                }
                (s.requests(now), s.session.poll_timeout(), s.ended)
            };
            send(room, messages);
            if ended {
                return;
            }
            let timer = async {
                match deadline {
                    Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = self.wake.notified() => {}
                () = timer => self.shared.update(|s| s.session.timeout(Instant::now())),
            }
        }
    }
}

/// The way into a receiver for one stream.
#[derive(Clone)]
pub(super) struct StreamSink {
    receiver: Arc<ReceiverCore>,
    stream: StreamKey,
}

impl StreamSink {
    /// A chunk came. Copies it; wakes the application only when it brings the first event to take, and the task only if
    /// there is something to be said.
    pub fn chunk(&self, index: u64, content: &[u8]) {
        self.take(&mut self.receiver.shared.lock(), index, content, &[]);
    }

    /// For a transport that can wait: like [`StreamSink::chunk`], unless the receiver's queue is full and its policy is
    /// to block. The content is in two parts, of which in version 1 the first holds all but pixels. Whether it was taken;
    /// if not, [`StreamSink::ready`] says when to try again.
    pub fn offer(&self, index: u64, head: &[u8], body: &[u8]) -> bool {
        let mut s = self.receiver.shared.lock();
        let takes = s.ended || !s.session.is_full();
        if takes {
            self.take(&mut s, index, head, body);
        }
        takes
    }

    /// Who waits for an event waits because there is none: with one there already, nobody is to be woken.
    fn take(&self, s: &mut Shared, index: u64, head: &[u8], body: &[u8]) {
        let had_event = s.session.has_event();
        s.session.chunk_parts(self.stream, index, head, body, Instant::now());
        if !had_event && s.session.has_event() {
            self.receiver.shared.notify();
        }
        if s.session.has_request() {
            self.receiver.wake.notify_one();
        }
    }

    /// The trailer came.
    pub fn close(&self, reason: &str, attributes: Option<&HashMap<String, String>>) {
        let end = StreamEnd { reason, attributes };
        self.receiver.tell(|session, now| session.stream_closed(self.stream, end, now));
    }

    /// Completes when a chunk that was not taken can be offered again.
    pub async fn ready(&self) {
        loop {
            let mut space = std::pin::pin!(self.receiver.space.notified());
            // Registered before the look, so that a wake-up in between is not lost.
            space.as_mut().enable();
            {
                let s = self.receiver.shared.lock();
                if s.ended || !s.session.is_full() {
                    return;
                }
            }
            space.await;
        }
    }
}
