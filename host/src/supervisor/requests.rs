//! Requests to the main thread, in the order in which they came.

use std::collections::VecDeque;

use mio::Waker;
use parking_lot::Mutex;

use super::{
    lookup::LookupResult,
    probe::ProbeSpawn,
    snapshot::HandOver,
    status::{ProcessId, StatusSender},
};
use crate::process::state::Input;

/// Work for the main thread, which does it between two of its own duties.
pub(super) enum Request {
    Start {
        id: ProcessId,
        answer: StatusSender,
    },
    Stop {
        id: ProcessId,
        /// Log every two seconds that somebody waits.
        waited_for: bool,
        /// Stop those first that depend on it and are about to stop as well.
        in_order: bool,
        answer: StatusSender,
    },
    Signal {
        id: ProcessId,
        signal: i32,
        answer: StatusSender,
    },
    /// Spawn a process, or not: a late lookup has ended.
    Found(ProcessId, LookupResult),
    /// Tell the machine of that process something that was seen of that run.
    Observed {
        id: ProcessId,
        run: u64,
        input: Input,
    },
    /// Make a child for a probe.
    SpawnProbe(ProbeSpawn),
    /// End children of probes that nobody waits for any more.
    EndProbes,
    /// Have something done with a snapshot, while all stands still.
    HandOver(HandOver),
}

/// Queue of requests, and the way to wake the main thread.
pub(super) struct Requests {
    /// `None` once the main loop has ended.
    waiting: Mutex<Option<VecDeque<Request>>>,
    waker: Waker,
}

impl Requests {
    pub(super) fn new(waker: Waker) -> Self {
        Self { waiting: Mutex::new(Some(VecDeque::new())), waker }
    }

    /// Add a request. Once the main loop has ended it is dropped, and the way of its answer with it.
    pub(super) fn push(&self, request: Request) {
        if let Some(waiting) = self.waiting.lock().as_mut() {
            waiting.push_back(request);
        }
        self.wake();
    }

    /// Take the next one.
    pub(super) fn pop(&self) -> Option<Request> {
        self.waiting.lock().as_mut()?.pop_front()
    }

    /// Take all that was seen of runs, which nobody will see again.
    pub(super) fn take_observed(&self) -> VecDeque<Request> {
        let mut waiting = self.waiting.lock();
        let Some(all) = waiting.as_mut() else { return VecDeque::new() };
        let is_observed = |request: &Request| matches!(request, Request::Observed { .. });
        let (observed, others): (VecDeque<_>, VecDeque<_>) = std::mem::take(all).into_iter().partition(is_observed);
        *all = others;
        observed
    }

    /// Take no more requests: whoever still waits for an answer learns that there is none.
    pub(super) fn close(&self) {
        let waiting = self.waiting.lock().take();
        drop(waiting);
    }

    /// Wake the main thread.
    pub(super) fn wake(&self) {
        // It fails only where the poll is gone, and then nobody needs to be woken.
        let _ = self.waker.wake();
    }
}
