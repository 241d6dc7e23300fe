//! Counts of durations: cheap to add to from any thread, and read as Prometheus has histograms.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// Upper bounds of the buckets but the last, which has none.
pub(crate) const BOUNDS: [Duration; 9] = [
    Duration::from_micros(100),
    Duration::from_micros(500),
    Duration::from_millis(1),
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_secs(1),
    Duration::from_secs(10),
];

const BUCKETS: usize = BOUNDS.len() + 1;

/// Durations by their size.
#[derive(Debug, Default)]
pub(crate) struct Histogram {
    counts: [AtomicU64; BUCKETS],
    nanoseconds: AtomicU64,
}

/// Durations of a [`Histogram`] at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct HistogramSnapshot {
    /// Number of durations of each bucket alone: up to its bound, and more than that of the one before.
    pub(crate) counts: [u64; BUCKETS],
    /// Sum of all durations.
    pub(crate) sum: Duration,
}

impl Histogram {
    /// Count a duration.
    pub(crate) fn count(&self, took: Duration) {
        let bucket = BOUNDS.iter().position(|bound| took <= *bound).unwrap_or(BOUNDS.len());
        self.counts[bucket].fetch_add(1, Relaxed);
        self.nanoseconds.fetch_add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), Relaxed);
    }

    /// Read all counts.
    pub(crate) fn snapshot(&self) -> HistogramSnapshot {
        let counts = std::array::from_fn(|bucket| self.counts[bucket].load(Relaxed));
        HistogramSnapshot { counts, sum: Duration::from_nanos(self.nanoseconds.load(Relaxed)) }
    }
}

impl HistogramSnapshot {
    /// Return the number of all durations.
    pub(crate) fn total(&self) -> u64 {
        self.counts.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_duration_is_in_one_bucket() {
        let histogram = Histogram::default();
        for micros in [0, 100, 101, 1_000, 10_000_000, 10_000_001] {
            histogram.count(Duration::from_micros(micros));
        }
        let snapshot = histogram.snapshot();
        assert_eq!(snapshot.counts, [2, 1, 1, 0, 0, 0, 0, 0, 1, 1]);
        assert_eq!((snapshot.total(), snapshot.sum), (6, Duration::from_micros(20_001_202)));
        assert!(BOUNDS.is_sorted());
    }
}
