//! What is to be done by the supervisor thread, in the order in which it came.

use std::collections::VecDeque;

use mio::Waker;
use parking_lot::Mutex;

use super::drive::Request;

/// A queue into the supervisor thread, and the way to wake it.
pub(super) struct Requests {
    /// `None` once nobody looks any more.
    waiting: Mutex<Option<VecDeque<Request>>>,
    waker: Waker,
}

impl Requests {
    pub(super) fn new(waker: Waker) -> Self {
        Self { waiting: Mutex::new(Some(VecDeque::new())), waker }
    }

    /// Leaves a request. Where nobody looks any more it is dropped, and its channel with it.
    pub(super) fn push(&self, request: Request) {
        if let Some(waiting) = self.waiting.lock().as_mut() {
            waiting.push_back(request);
        }
        self.wake();
    }

    pub(super) fn pop(&self) -> Option<Request> {
        self.waiting.lock().as_mut()?.pop_front()
    }

    /// Whoever still waits for an answer learns that there is none.
    pub(super) fn close(&self) {
        let waiting = self.waiting.lock().take();
        drop(waiting);
    }

    pub(super) fn wake(&self) {
        // It fails only where the poll is gone, and then nobody needs to be woken.
        let _ = self.waker.wake();
    }
}
