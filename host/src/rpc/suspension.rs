//! Suspension of the calls of plugins, while supervisord is about to be upgraded: what a plugin has handed over is not
//! to change any more.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use tokio::sync::Notify;

/// Suspension of calls, which begins and ends. To ask whether there is one is a look at an atomic.
#[derive(Debug, Default)]
pub(crate) struct Suspension {
    is_on: AtomicBool,
    /// Notified of each end.
    ended: Notify,
}

impl Suspension {
    /// Suspend calls from now on.
    pub(crate) fn begin(&self) {
        self.is_on.store(true, SeqCst);
    }

    /// Let calls go on, with those that wait.
    pub(crate) fn end(&self) {
        self.is_on.store(false, SeqCst);
        self.ended.notify_waiters();
    }

    /// Return true while calls are suspended.
    #[inline]
    pub(crate) fn is_on(&self) -> bool {
        self.is_on.load(SeqCst)
    }

    /// Wait until calls are not suspended.
    pub(crate) async fn wait(&self) {
        loop {
            // Before the look, so that no end comes between the two.
            let ended = self.ended.notified();
            if !self.is_on() {
                return;
            }
            ended.await;
        }
    }
}
