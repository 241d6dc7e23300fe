//! Figures on how a namespace or a result handler has been used: what `plugins.getAllPluginInfo` answers.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::{Duration, Instant},
};

use crate::histogram::Histogram;

/// Counters of the calls of one object. They only ever grow, but for the calls that are under way.
#[derive(Debug, Default)]
pub(super) struct Usage {
    calls: AtomicU64,
    faults: AtomicU64,
    panics: AtomicU64,
    nanoseconds: AtomicU64,
    running: AtomicU64,
}

/// Figures of a [`Usage`] at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct UsageSnapshot {
    /// Number of calls that were begun, from clients and from plugins.
    pub(super) calls: u64,
    /// Number of calls that ended in a fault; panics too.
    pub(super) faults: u64,
    /// Number of calls that ended in a panic.
    pub(super) panics: u64,
    /// Time from each call to its answer, or until nobody waited for it any more, in all; also of calls that were under
    /// way at once.
    pub(super) time: Duration,
    /// Number of calls that are under way. Their time is not counted yet.
    pub(super) running: u64,
}

impl Usage {
    /// Count a call, and its time when the timer is dropped; among those of its method too, where these are counted.
    pub(super) fn begin<'a>(&'a self, of_method: Option<&'a Histogram>) -> CallTimer<'a> {
        self.calls.fetch_add(1, Relaxed);
        CallTimer { usage: self, of_method, begun: Instant::now(), is_pending: false }
    }

    /// Count a call that ended in a fault.
    pub(super) fn count_fault(&self, panicked: bool) {
        self.faults.fetch_add(1, Relaxed);
        self.panics.fetch_add(panicked.into(), Relaxed);
    }

    /// Count the time that a call took.
    fn count_time(&self, time: Duration) {
        self.nanoseconds.fetch_add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX), Relaxed);
    }

    /// Read all counters.
    pub(super) fn snapshot(&self) -> UsageSnapshot {
        UsageSnapshot {
            calls: self.calls.load(Relaxed),
            faults: self.faults.load(Relaxed),
            panics: self.panics.load(Relaxed),
            time: Duration::from_nanos(self.nanoseconds.load(Relaxed)),
            running: self.running.load(Relaxed),
        }
    }
}

/// A call that is under way.
#[derive(Debug)]
pub(super) struct CallTimer<'a> {
    usage: &'a Usage,
    /// Times of the calls of its method.
    of_method: Option<&'a Histogram>,
    begun: Instant,
    /// True once the call counts as under way. One that is answered at once never does: there is no time for it, and
    /// nobody who could ask meanwhile.
    is_pending: bool,
}

impl CallTimer<'_> {
    /// Time from when the call began until that moment.
    pub(super) fn until(&self, moment: Instant) -> Duration {
        moment - self.begun
    }

    /// Count the call as under way: it is not answered at once.
    pub(super) fn mark_pending(&mut self) {
        if !std::mem::replace(&mut self.is_pending, true) {
            self.usage.running.fetch_add(1, Relaxed);
        }
    }

    /// End a call that took so long, which spares a second look at the clock.
    pub(super) fn finish(self, took: Duration) {
        self.end(took);
        std::mem::forget(self);
    }

    fn end(&self, took: Duration) {
        if self.is_pending {
            self.usage.running.fetch_sub(1, Relaxed);
        }
        self.usage.count_time(took);
        if let Some(of_method) = self.of_method {
            of_method.count(took);
        }
    }
}

impl Drop for CallTimer<'_> {
    fn drop(&mut self) {
        self.end(self.begun.elapsed());
    }
}

impl std::ops::Add for UsageSnapshot {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            calls: self.calls + other.calls,
            faults: self.faults + other.faults,
            panics: self.panics + other.panics,
            time: self.time + other.time,
            running: self.running + other.running,
        }
    }
}
