//! How a namespace has been used: what `plugins.getAllPluginInfo` tells of it.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::{Duration, Instant},
};

/// Counts the calls of one namespace. All of it is only ever added to, but for those that are under way.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    calls: AtomicU64,
    faults: AtomicU64,
    panics: AtomicU64,
    nanoseconds: AtomicU64,
    running: AtomicU64,
}

/// What was counted until now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    /// Calls that were begun, from clients and from plugins.
    pub(crate) calls: u64,
    /// Those that ended in a fault; panics too.
    pub(crate) faults: u64,
    /// Those that ended in a panic.
    pub(crate) panics: u64,
    /// From the call to its answer, or until nobody waited for it any more; together, of calls that were at once too.
    pub(crate) time: Duration,
    /// Calls that are under way. Their time is not counted yet.
    pub(crate) running: u64,
}

impl Tally {
    /// Counts a call; its time, when the answer is dropped.
    pub(crate) fn begin(&self) -> Call<'_> {
        self.calls.fetch_add(1, Relaxed);
        Call { tally: self, begun: Instant::now(), lasts: false }
    }

    /// Counts a call that ended in a fault.
    pub(crate) fn fault(&self, panicked: bool) {
        self.faults.fetch_add(1, Relaxed);
        self.panics.fetch_add(panicked.into(), Relaxed);
    }

    fn spent(&self, time: Duration) {
        self.nanoseconds.fetch_add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX), Relaxed);
    }

    pub(crate) fn count(&self) -> Count {
        Count {
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
pub(crate) struct Call<'a> {
    tally: &'a Tally,
    begun: Instant,
    /// Whether it counts as under way. One that is answered at once never does: there is no time for it, and nobody who
    /// could ask meanwhile.
    lasts: bool,
}

impl Call<'_> {
    /// For how long it has been under way.
    pub(crate) fn so_far(&self) -> Duration {
        self.begun.elapsed()
    }

    /// It is not answered at once.
    pub(crate) fn lasts(&mut self) {
        if !std::mem::replace(&mut self.lasts, true) {
            self.tally.running.fetch_add(1, Relaxed);
        }
    }

    /// It was answered at once, and took so long.
    pub(crate) fn end(self, took: Duration) {
        self.tally.spent(took);
        std::mem::forget(self);
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        if self.lasts {
            self.tally.running.fetch_sub(1, Relaxed);
        }
        self.tally.spent(self.so_far());
    }
}

impl std::ops::Add for Count {
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
