//! One line of the log when the calls of a plugin stop moving, and one when they move again.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

use crate::logger::Logger;

/// Count of the calls that wait for something, and whether the log knows that they wait in vain.
#[derive(Debug)]
pub(crate) struct StuckNotice {
    /// Begin of both lines: `RPC interface 'x'`.
    subject: String,
    /// Activity that goes on again in the second line: `answers plain calls`.
    activity: &'static str,
    waiting: AtomicUsize,
    /// True from the first line to the second.
    is_reported: AtomicBool,
    logger: Logger,
}

impl StuckNotice {
    /// A notice about `subject`, of which nothing waits yet.
    pub(crate) fn new(subject: impl Into<String>, activity: &'static str, logger: Logger) -> Self {
        let (waiting, is_reported) = (AtomicUsize::new(0), AtomicBool::new(false));
        Self { subject: subject.into(), activity, waiting, is_reported, logger }
    }

    /// Count one that waits, until the answer is dropped.
    pub(crate) fn wait(&self) -> WaitingCall<'_> {
        self.waiting.fetch_add(1, Relaxed);
        WaitingCall(&self.waiting)
    }

    /// Number of those that wait.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Relaxed)
    }

    /// Return true while the log knows that nothing moves.
    pub(crate) fn is_reported(&self) -> bool {
        self.is_reported.load(Relaxed)
    }

    /// Tell the log that nothing moves, unless it knows.
    pub(crate) fn report(&self, why: impl FnOnce() -> String) {
        if !self.is_reported.swap(true, Relaxed) {
            self.logger.warn(format_args!("{} is stuck: {}", self.subject, why()));
        }
    }

    /// Tell the log that it moves again, if the log knows that it did not.
    pub(crate) fn report_end(&self) {
        if self.is_reported() && self.is_reported.swap(false, Relaxed) {
            self.logger.info(format_args!("{} {} again", self.subject, self.activity));
        }
    }
}

/// Call that is counted as one that waits, until this is dropped.
pub(crate) struct WaitingCall<'a>(&'a AtomicUsize);

impl Drop for WaitingCall<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}
