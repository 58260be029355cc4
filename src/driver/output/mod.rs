// SPDX-License-Identifier: Apache-2.0
//! An output: the session of the video that we send to one destination.
//!
//! The application queues frames, flushes and clears; a task on the runtime (`task`) carries out what the session
//! wants. Events (playback started and finished) go to the listeners on the output's dispatch thread, or are pulled where
//! there is no listener.

mod task;

use super::{
    dispatch::{self, on_dispatch_thread, Dispatcher, EventHandler},
    environment::{draw_id, Clock},
    room::Room,
    wait::{Monitor, Wait},
    DriverError,
};
use crate::{
    frame::{Frame, FramePool},
    session::{Answer, OutputConfig, OutputEvent, OutputSession, OutputStats, QueuePolicy, SendError},
    wire::{
        v0,
        v1::{
            control::{Body, Control},
            rpc, Label,
        },
    },
};
use std::{
    sync::{
        atomic::{AtomicU64, Ordering::Relaxed},
        Arc,
    },
    time::{Duration, Instant},
};
use tokio::sync::Notify;

/// A closed output whose transport does not take the last trailer is not waited for longer.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

/// How to send.
#[derive(Debug, Clone)]
pub struct OutputOptions {
    /// Which of our outputs to the destination it is: most have one, without a label. At most 64 bytes, no control
    /// characters.
    pub label: String,
    /// What happens when the queue is full.
    pub policy: QueuePolicy,
    /// Frames that may wait for the transport.
    pub queue_frames: usize,
    /// Bytes of such frames.
    pub queue_bytes: usize,
    /// No more of them than the transport takes in this time, going by the frames before. One frame may always wait.
    pub queue_time: Option<Duration>,
    /// A frame that has waited so long for the transport is dropped whole.
    pub max_age: Option<Duration>,
    /// Larger frames are refused.
    pub max_frame_bytes: usize,
}

impl OutputOptions {
    /// The defaults under this policy. Frames grow too old only where the newest matter most: nobody who waits for room
    /// or is told that there is none expects to lose one.
    pub fn with_policy(policy: QueuePolicy) -> Self {
        Self {
            label: String::new(),
            policy,
            queue_frames: 8,
            queue_bytes: 64 << 20,
            queue_time: Some(Duration::from_millis(50)),
            max_age: (policy == QueuePolicy::DropOldest).then_some(Duration::from_millis(500)),
            max_frame_bytes: 64 << 20,
        }
    }
}

impl Default for OutputOptions {
    fn default() -> Self {
        Self::with_policy(QueuePolicy::default())
    }
}

/// Sends video to one destination. Every method may be called from any thread.
#[derive(Clone)]
pub struct Output {
    owner: Arc<Owner>,
}

/// Closes the output with the last handle.
struct Owner {
    core: Arc<OutputCore>,
    room: Room,
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.core.close();
        self.room.core().remove_output(&self.core);
    }
}

impl Output {
    /// Adds an output to a room. Neither need the room be connected nor the destination be there yet: frames wait in
    /// the queue, under its policy.
    ///
    /// # Errors
    /// [`DriverError::Busy`] if the room has an output to that destination with that label,
    /// [`DriverError::InvalidArgument`] for an empty destination or no label, [`DriverError::Closed`] or the room's error.
    pub fn create(room: &Room, destination: &str, options: OutputOptions) -> Result<Self, DriverError> {
        if destination.is_empty() {
            return Err(DriverError::InvalidArgument("an empty destination identity".into()));
        }
        let label = Label::new(&options.label).map_err(|e| DriverError::InvalidArgument(e.to_string()))?;
        let config = OutputConfig {
            policy: options.policy,
            queue_frames: options.queue_frames,
            queue_bytes: options.queue_bytes,
            queue_time: options.queue_time,
            max_age: options.max_age,
            max_frame_bytes: options.max_frame_bytes,
            label: label.clone(),
            session: draw_id(),
        };
        let core = Arc::new(OutputCore {
            destination: destination.to_owned(),
            label,
            pool: FramePool::default(),
            shared: Monitor::new(Shared {
                session: OutputSession::new(config),
                clock: Clock::default(),
                ended: false,
                drained: false,
                listened_to: false,
            }),
            wake: Notify::new(),
            dispatcher: Arc::default(),
            listeners: Monitor::default(),
            next_listener: AtomicU64::new(1),
        });
        room.core().add_output(&core)?;
        let output = Self { owner: Arc::new(Owner { core: core.clone(), room: room.clone() }) };
        let room = room.core().clone();
        room.clone().spawn(async move { core.run(&room).await });
        Ok(output)
    }

    fn core(&self) -> &Arc<OutputCore> {
        &self.owner.core
    }

    /// Buffers for frames to send; returned by themselves.
    pub fn pool(&self) -> &FramePool {
        &self.core().pool
    }

    /// Queues a frame; its segment and number are set here. A size or type other than the open segment's starts the
    /// next segment.
    ///
    /// # Errors
    /// [`DriverError::Timeout`]: the queue stayed full (policy block) or is full (policy refuse);
    /// [`DriverError::TooLarge`]; [`DriverError::Closed`].
    pub fn send_frame(&self, frame: Frame, wait: Wait) -> Result<(), DriverError> {
        let core = self.core();
        let mut wake = false;
        let mut dropped = Vec::new();
        let outcome = core.shared.wait(wait, |s| {
            let timer = s.session.poll_timeout();
            let sent = match s.session.send_frame(frame.clone(), Instant::now()) {
                Ok(()) => Ok(()),
                Err(SendError::Full) => return None,
                Err(SendError::Refused) => Err(DriverError::Timeout),
                Err(SendError::Closed) => Err(DriverError::Closed),
                Err(e @ SendError::TooLarge) => Err(DriverError::TooLarge(e.to_string())),
            };
            wake = s.session.has_action() || is_sooner(s.session.poll_timeout(), timer);
            dropped = s.session.take_dropped();
            Some(sent)
        });
        // To wake a task costs the caller more than all the rest of this call.
        if wake {
            core.wake.notify_one();
        }
        drop(dropped);
        outcome.unwrap_or(Err(DriverError::Timeout))
    }

    /// Ends the segment after what is queued. Returns at once; without an open segment nothing happens.
    ///
    /// # Errors
    /// [`DriverError::Closed`].
    pub fn flush(&self) -> Result<(), DriverError> {
        self.core().command(OutputSession::flush)
    }

    /// Interrupts: drops what is queued, ends the open segment and tells the receiver to drop what it has. Returns at
    /// once.
    ///
    /// # Errors
    /// [`DriverError::Closed`].
    pub fn clear_buffer(&self) -> Result<(), DriverError> {
        self.core().command(|session| session.clear(Instant::now()))
    }

    /// Blocks until everything queued, ends of segments included, was handed to the transport.
    ///
    /// # Errors
    /// [`DriverError::Timeout`], [`DriverError::Closed`].
    pub fn wait_sent(&self, wait: Wait) -> Result<(), DriverError> {
        let outcome = self.core().shared.wait(wait, |s| {
            if s.session.is_idle() {
                return Some(if s.ended { Err(DriverError::Closed) } else { Ok(()) });
            }
            s.ended.then_some(Err(DriverError::Closed))
        });
        outcome.unwrap_or(Err(DriverError::Timeout))
    }

    /// Adds a listener of the output's events; all listeners see every event, in the order in which they were added.
    /// Returns its number for [`Output::remove_listener`].
    ///
    /// # Errors
    /// [`DriverError::Closed`], [`DriverError::Io`] if no thread can be started.
    pub fn add_listener(&self, listener: EventHandler<OutputEvent>) -> Result<u64, DriverError> {
        let core = self.core();
        let id = core.next_listener.fetch_add(1, Relaxed);
        let mut entry = Some(Listener { id, handler: Some(listener) });
        let start = core.listeners.update(|l| {
            let mut shared = core.shared.lock();
            if shared.ended {
                return Err(DriverError::Closed);
            }
            shared.listened_to = true;
            l.entries.extend(entry.take());
            Ok(!std::mem::replace(&mut l.dispatching, true))
        })?;
        core.shared.update(|_| ());
        if start {
            let (source, target) = (core.clone(), core.clone());
            let next = move || source.next_dispatched();
            let started =
                core.dispatcher.start("lkv-output", next, Box::new(move |event| target.tell_listeners(&event)));
            started.inspect_err(|_| {
                core.listeners.update(|l| l.dispatching = false);
                drop(core.take_listener(id));
            })?;
        }
        Ok(id)
    }

    /// Removes a listener. After it returned the listener is not called any more; if a call is under way it waits for
    /// its end, unless it is called from inside it.
    ///
    /// # Errors
    /// [`DriverError::NotFound`].
    pub fn remove_listener(&self, id: u64) -> Result<(), DriverError> {
        let core = self.core();
        let removed = core.take_listener(id).ok_or_else(|| DriverError::NotFound(format!("the listener {id}")))?;
        if !core.dispatcher.is_current() {
            core.listeners.wait(Wait::Forever, |l| (l.calling != Some(id)).then_some(()));
        }
        drop(removed);
        Ok(())
    }

    /// The next event, where there is no listener.
    ///
    /// # Errors
    /// [`DriverError::Timeout`]; [`DriverError::Closed`] after the last event of a closed output;
    /// [`DriverError::InvalidArgument`] if a listener takes the events.
    pub fn next_event(&self, wait: Wait) -> Result<OutputEvent, DriverError> {
        let outcome = self.core().shared.wait(wait, |s| {
            if s.listened_to {
                return Some(Err(DriverError::InvalidArgument("the output's events go to its listeners".into())));
            }
            let event = s.session.next_event().map(Ok);
            event.or_else(|| s.ended.then_some(Err(DriverError::Closed)))
        });
        outcome.unwrap_or(Err(DriverError::Timeout))
    }

    /// Counters since creation.
    pub fn stats(&self) -> OutputStats {
        self.core().shared.lock().session.stats()
    }

    /// Stops sending: what is queued is dropped, the open segment ends, everyone who waits wakes. May be called from
    /// anywhere and again.
    pub fn close(&self) {
        self.core().close();
        self.owner.room.core().remove_output(self.core());
    }

    /// Waits until a closed output has handed its last trailer to the transport and its last callback has ended; on a
    /// dispatch thread it returns at once.
    pub fn join(&self) {
        if !on_dispatch_thread() {
            self.core().shared.wait(Wait::For(CLOSE_TIMEOUT), |s| s.drained.then_some(()));
            self.core().dispatcher.join();
        }
    }
}

/// Whether a deadline comes before another; `None` never comes.
fn is_sooner(deadline: Option<Instant>, other: Option<Instant>) -> bool {
    deadline.is_some_and(|deadline| other.is_none_or(|other| deadline < other))
}

struct Shared {
    session: OutputSession,
    clock: Clock,
    /// Nothing more can be queued.
    ended: bool,
    /// The task has carried out the last action.
    drained: bool,
    /// Whether events go to listeners; else they are pulled.
    listened_to: bool,
}

impl Shared {
    /// What they wait for who wait: as long as this stays the same, none of them would find anything new.
    fn noticed(&self) -> (usize, usize, bool) {
        (self.session.queued_frames(), self.session.queued_events(), self.session.is_idle())
    }
}

#[derive(Default)]
struct Listeners {
    entries: Vec<Listener>,
    /// Whose handler is out for a call.
    calling: Option<u64>,
    dispatching: bool,
}

struct Listener {
    id: u64,
    /// Away while it is called.
    handler: Option<EventHandler<OutputEvent>>,
}

pub(super) struct OutputCore {
    destination: String,
    label: Label,
    pool: FramePool,
    shared: Monitor<Shared>,
    /// For the task: there may be an action or a request.
    wake: Notify,
    dispatcher: Arc<Dispatcher>,
    listeners: Monitor<Listeners>,
    next_listener: AtomicU64,
}

impl OutputCore {
    pub fn destination(&self) -> &str {
        &self.destination
    }

    pub fn label(&self) -> &Label {
        &self.label
    }

    pub fn transport_ready(&self, ready: bool) {
        self.tell(|session| session.transport_ready(ready));
    }

    pub fn destination_present(&self, identity: &str, present: bool) {
        if identity == self.destination {
            self.tell(|session| session.destination_present(present, Instant::now()));
        }
    }

    pub fn room_reconnecting(&self, reconnecting: bool) {
        self.tell(|session| session.room_reconnecting(reconnecting, Instant::now()));
    }

    pub fn room_restarted(&self) {
        self.tell(|session| session.room_restarted(Instant::now()));
    }

    pub fn room_closed(&self) {
        self.end(OutputSession::room_closed);
    }

    pub fn close(&self) {
        self.end(OutputSession::close);
    }

    /// Our destination says in version 0 that it has played a segment. Whether that was taken.
    pub fn playback_finished(&self, message: &v0::PlaybackFinished) -> bool {
        self.tell(|session| session.playback_finished(true, *message)) == Answer::Ok
    }

    /// The same in version 1, of our label.
    pub fn segment_finished(&self, message: &rpc::PlaybackFinished) -> bool {
        self.tell(|session| session.segment_finished(true, message)) == Answer::Ok
    }

    /// Our destination shows a segment of our label. Whether that was taken.
    pub fn segment_playing(&self, message: &rpc::PlaybackStarted) -> bool {
        self.tell(|session| session.segment_playing(true, message)) == Answer::Ok
    }

    /// A control message of our destination for our label. Wakes the task only if that may have something to do.
    pub fn control(&self, message: &Control) {
        let mut s = self.shared.lock();
        let concerns_task = s.session.is_blocked() || !matches!(message.body, Body::Credit { .. });
        s.session.control(true, message, Instant::now());
        drop(s);
        if concerns_task {
            self.tell(|_| ());
        }
    }

    /// A call or a control message was refused. Nobody waits for that: a hostile peer wakes nobody.
    pub fn message_refused(&self) {
        self.shared.lock().session.message_refused();
    }

    fn command(&self, command: impl FnOnce(&mut OutputSession)) -> Result<(), DriverError> {
        let done = self.update(|s| {
            if s.ended {
                return Err(DriverError::Closed);
            }
            command(&mut s.session);
            Ok(())
        });
        self.wake.notify_one();
        done
    }

    fn tell<R>(&self, event: impl FnOnce(&mut OutputSession) -> R) -> R {
        let result = self.update(|s| event(&mut s.session));
        self.wake.notify_one();
        result
    }

    fn end(&self, how: impl FnOnce(&mut OutputSession)) {
        self.update(|s| {
            if !s.ended {
                s.ended = true;
                how(&mut s.session);
            }
        });
        self.wake.notify_one();
    }

    /// Changes the state and wakes everyone who waits for it; what was dropped is freed after the lock.
    fn update<R>(&self, change: impl FnOnce(&mut Shared) -> R) -> R {
        let (result, dropped) = self.shared.update(|s| (change(s), s.session.take_dropped()));
        drop(dropped);
        result
    }

    /// Looks for what is to be done: the same as [`OutputCore::update`], but who waits is woken only for what concerns it,
    /// which is room in the queue, its end, an event. Most looks find nothing.
    fn look<R>(&self, look: impl FnOnce(&mut Shared) -> R) -> R {
        let mut s = self.shared.lock();
        let before = s.noticed();
        let result = look(&mut s);
        let dropped = s.session.take_dropped();
        let concerns = s.noticed() != before;
        drop(s);
        if concerns {
            self.shared.notify();
        }
        drop(dropped);
        result
    }

    /// The next event for the listeners. At the end, on the dispatch thread, it drops them.
    fn next_dispatched(&self) -> Option<OutputEvent> {
        let event = self.shared.wait(Wait::Forever, |s| {
            let event = if s.listened_to { s.session.next_event() } else { None };
            (event.is_some() || s.ended).then_some(event)
        })?;
        if event.is_none() {
            // None follows: who adds one looks at `ended` under the same lock.
            let listeners = self.listeners.update(|l| std::mem::take(&mut l.entries));
            drop(listeners);
        }
        event
    }

    fn take_listener(&self, id: u64) -> Option<Listener> {
        self.listeners.update(|l| {
            let at = l.entries.iter().position(|entry| entry.id == id)?;
            let taken = l.entries.remove(at);
            self.shared.lock().listened_to = !l.entries.is_empty();
            Some(taken)
        })
    }

    fn tell_listeners(&self, event: &OutputEvent) {
        let ids: Vec<u64> = self.listeners.lock().entries.iter().map(|entry| entry.id).collect();
        for id in ids {
            let handler = self.listeners.update(|l| {
                let handler = l.entries.iter_mut().find(|entry| entry.id == id)?.handler.take();
                l.calling = handler.is_some().then_some(id);
                handler
            });
            let Some(mut handler) = handler else { continue };
            dispatch::call(&mut handler, event.clone());
            let removed = self.listeners.update(|l| match l.entries.iter_mut().find(|entry| entry.id == id) {
                Some(entry) => {
                    entry.handler = Some(handler);
                    l.calling = None;
                    None
                }
                None => Some(handler),
            });
            if let Some(handler) = removed {
                drop(handler);
                self.listeners.update(|l| l.calling = None);
            }
        }
    }
}
