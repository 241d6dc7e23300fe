//! Turns of the main thread's loop, by which others see that it goes on.

use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::histogram::{Histogram, HistogramSnapshot};

/// Turns of the loop.
#[derive(Debug)]
pub(super) struct Turns {
    /// Number of turns that have begun.
    begun: watch::Sender<u64>,
    /// Time that each took, without its wait for something to do.
    took: Histogram,
}

impl Turns {
    pub(super) fn new() -> Self {
        Self { begun: watch::Sender::new(0), took: Histogram::default() }
    }

    /// Note the begin of a turn. To be called by the main thread alone.
    pub(super) fn begin(&self) {
        self.begun.send_modify(|begun| *begun += 1);
    }

    /// Note the end of a turn that took so long.
    pub(super) fn end(&self, took: Duration) {
        self.took.count(took);
    }

    pub(super) fn snapshot(&self) -> HistogramSnapshot {
        self.took.snapshot()
    }

    /// Wait for the begin of the next turn, which `wake` brings about, and return how long that took; `None` where it
    /// takes longer than `timeout`.
    pub(super) async fn next(&self, wake: impl FnOnce(), timeout: Duration) -> Option<Duration> {
        let asked = Instant::now();
        let mut begun = self.begun.subscribe();
        wake();
        tokio::time::timeout(timeout, begun.changed()).await.ok()?.ok()?;
        Some(asked.elapsed())
    }
}
