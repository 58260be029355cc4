// SPDX-License-Identifier: Apache-2.0
//! What waits for a room's application: events to be pulled, or tasks for the room's dispatch thread (events, calls of
//! others, outcomes of calls of ours), and the thread that takes them.
//!
//! Invariants: what waits is bounded; who brings too much loses the oldest event or is refused, and that is counted. The
//! room's lock is not held while a task runs, nor while a handler is dropped.

use super::{
    dispatch::EventHandler,
    room::{RoomEvent, RoomState},
    room_core::RoomCore,
    rpc::{RpcHandler, RpcInvocation},
    wait::Wait,
    DriverError,
};
use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

/// Messages and calls from others that wait for the application; what comes beyond is refused and counted.
const MAX_WAITING: usize = 1024;
/// Bytes of such messages.
const MAX_WAITING_BYTES: usize = 16 << 20;

/// Work for the room's dispatch thread.
pub(super) enum Task {
    Event(RoomEvent),
    Register(String, RpcHandler),
    Unregister(String),
    Invoke(String, RpcInvocation),
    Done(Box<dyn FnOnce() + Send>),
}

/// Part of the room's state, behind its lock.
#[derive(Default)]
pub(super) struct Waiting {
    /// For [`RoomCore::next_event`], where no handler takes them.
    events: VecDeque<RoomEvent>,
    /// For the dispatch thread.
    tasks: VecDeque<Task>,
    handles_events: bool,
    dispatching: bool,
    /// Of messages.
    bytes: usize,
    lost_events: u64,
}

impl Waiting {
    pub fn push_task(&mut self, task: Task) {
        self.tasks.push_back(task);
    }

    /// A call of another participant; whether there was room for it.
    pub fn push_call(&mut self, method: &str, invocation: RpcInvocation) -> bool {
        let room = self.tasks.len() < MAX_WAITING;
        if room {
            self.tasks.push_back(Task::Invoke(method.to_owned(), invocation));
        }
        room
    }

    /// A message of another participant, which is dropped if nobody took those before it.
    pub fn push_message(&mut self, message: RoomEvent) {
        let waiting = if self.handles_events { self.tasks.len() } else { self.events.len() };
        let size = message_bytes(&message);
        if waiting >= MAX_WAITING || self.bytes + size > MAX_WAITING_BYTES {
            self.lost_events += 1;
            tracing::warn!("a message of {size} bytes was dropped: nobody takes the room's events");
            return;
        }
        self.bytes += size;
        self.push_event(message);
    }

    /// An application that does not take its events loses the oldest: `participants` and `state` tell what they would.
    pub fn push_event(&mut self, event: RoomEvent) {
        if self.handles_events {
            if self.tasks.len() >= MAX_WAITING {
                let oldest = self.tasks.iter().position(|task| matches!(task, Task::Event(_)));
                if let Some(Task::Event(lost)) = oldest.and_then(|at| self.tasks.remove(at)) {
                    self.forget(&lost);
                }
            }
            self.tasks.push_back(Task::Event(event));
        } else {
            if self.events.len() >= MAX_WAITING {
                if let Some(lost) = self.events.pop_front() {
                    self.forget(&lost);
                }
            }
            self.events.push_back(event);
        }
    }

    fn next_task(&mut self) -> Option<Task> {
        let task = self.tasks.pop_front()?;
        if let Task::Event(event) = &task {
            self.bytes -= message_bytes(event);
        }
        Some(task)
    }

    fn next_event(&mut self) -> Option<RoomEvent> {
        let event = self.events.pop_front()?;
        self.bytes -= message_bytes(&event);
        Some(event)
    }

    pub fn lost_events(&self) -> u64 {
        self.lost_events
    }

    fn forget(&mut self, event: &RoomEvent) {
        self.bytes -= message_bytes(event);
        self.lost_events += 1;
        tracing::warn!("nobody takes the room's events: {} are lost", self.lost_events);
    }
}

fn message_bytes(event: &RoomEvent) -> usize {
    match event {
        RoomEvent::Data { payload, .. } => payload.len(),
        _ => 0,
    }
}

impl RoomCore {
    pub fn set_event_handler(self: &Arc<Self>, handler: EventHandler<RoomEvent>) -> Result<(), DriverError> {
        self.shared().update(|s| s.waiting.handles_events = true);
        self.start_dispatching(Some(handler))
    }

    pub fn register_method(self: &Arc<Self>, method: &str, handler: RpcHandler) -> Result<(), DriverError> {
        self.ensure_dispatching()?;
        // A handler that is refused is dropped after the lock: it is the user's, whose destructor may call us.
        let mut task = Some(Task::Register(method.to_owned(), handler));
        self.shared().update(|s| {
            s.check_open()?;
            if !s.methods.insert(method.to_owned()) {
                return Err(DriverError::Busy(format!("the method {method} has a handler")));
            }
            s.waiting.tasks.extend(task.take());
            Ok::<_, DriverError>(())
        })?;
        if let Some(transport) = self.transport() {
            // `livekit` starts a task with the first method; the caller is a thread of the application.
            let _inside = self.runtime().enter();
            transport.register_method(self, method);
        }
        Ok(())
    }

    pub fn unregister_method(&self, method: &str) -> Result<(), DriverError> {
        self.shared().update(|s| {
            if !s.methods.remove(method) {
                return Err(DriverError::NotFound(format!("the method {method}")));
            }
            s.waiting.push_task(Task::Unregister(method.to_owned()));
            Ok(())
        })?;
        if let Some(transport) = self.transport() {
            transport.unregister_method(method);
        }
        Ok(())
    }

    pub fn next_event(&self, wait: Wait) -> Result<RoomEvent, DriverError> {
        let outcome = self.shared().wait(wait, |s| {
            if s.waiting.handles_events {
                return Some(Err(DriverError::InvalidArgument("the room's events go to its handler".into())));
            }
            let event = s.waiting.next_event().map(Ok);
            event.or_else(|| (s.state == RoomState::Disconnected).then_some(Err(DriverError::Closed)))
        });
        outcome.unwrap_or(Err(DriverError::Timeout))
    }

    pub(super) fn ensure_dispatching(self: &Arc<Self>) -> Result<(), DriverError> {
        if self.shared().lock().waiting.dispatching {
            return Ok(());
        }
        self.start_dispatching(None)
    }

    fn start_dispatching(self: &Arc<Self>, mut on_event: Option<EventHandler<RoomEvent>>) -> Result<(), DriverError> {
        if self.shared().update(|s| std::mem::replace(&mut s.waiting.dispatching, true)) {
            return Ok(());
        }
        let this = self.clone();
        let mut methods: HashMap<String, RpcHandler> = HashMap::new();
        let run = move |task| match task {
            Task::Event(event) => {
                if let Some(on_event) = &mut on_event {
                    on_event(event);
                }
            }
            Task::Register(method, handler) => drop(methods.insert(method, handler)),
            Task::Unregister(method) => drop(methods.remove(&method)),
            // A call that the unregistering overtook is answered by being dropped.
            Task::Invoke(method, invocation) => {
                if let Some(handler) = methods.get_mut(&method) {
                    handler(invocation);
                }
            }
            Task::Done(done) => done(),
        };
        let started = self.dispatcher().start("lkv-room", move || this.next_task(), Box::new(run));
        started.inspect_err(|_| self.shared().update(|s| s.waiting.dispatching = false))
    }

    fn next_task(&self) -> Option<Task> {
        self.shared().wait(Wait::Forever, |s| match s.waiting.next_task() {
            Some(task) => Some(Some(task)),
            None => (s.state == RoomState::Disconnected && s.calls == 0).then_some(None),
        })?
    }
}
