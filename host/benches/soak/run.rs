//! The run as all of its threads see it: how long it goes on, what was counted, what was broken.

use std::{
    fmt::Arguments,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::{Duration, Instant},
};

/// Breaches that are printed; the others are counted alone.
const MOST_PRINTED: u64 = 50;

/// A run.
#[derive(Debug)]
pub struct Run {
    end: Instant,
    pub requests: AtomicU64,
    /// Requests that were sent again, since their connection was closed before an answer came.
    pub again: AtomicU64,
    pub updates: AtomicU64,
    pub upgrades: AtomicU64,
    broken: AtomicU64,
}

/// Numbers that were counted.
#[derive(Debug)]
pub struct Figures {
    pub requests: f64,
    pub again: f64,
    pub updates: f64,
    pub upgrades: f64,
}

impl Run {
    pub fn begin(length: Duration) -> Self {
        let [requests, again, updates, upgrades, broken] = [const { AtomicU64::new(0) }; 5];
        Self { end: Instant::now() + length, requests, again, updates, upgrades, broken }
    }

    pub fn is_over(&self) -> bool {
        Instant::now() >= self.end
    }

    /// Note that something that has to hold does not.
    pub fn broken(&self, what: Arguments<'_>) {
        if self.broken.fetch_add(1, Relaxed) < MOST_PRINTED {
            eprintln!("BROKEN: {what}");
        }
    }

    pub fn count_broken(&self) -> f64 {
        float(self.broken.load(Relaxed))
    }

    pub fn figures(&self) -> Figures {
        let [requests, again, updates, upgrades] =
            [&self.requests, &self.again, &self.updates, &self.upgrades].map(|count| float(count.load(Relaxed)));
        Figures { requests, again, updates, upgrades }
    }
}

/// A count as a figure.
pub fn float(count: u64) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}
