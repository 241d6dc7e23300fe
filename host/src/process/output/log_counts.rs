//! Counts of what came of the output of a process: bytes that its logs have taken, and bytes that were lost.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use serde::{Deserialize, Serialize};

/// Bytes of one output of a process, over all its runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LogBytes {
    /// Bytes that were written to its log file, as they stand there.
    pub written: u64,
    /// Bytes that its log file could not take, or not fast enough.
    pub lost: u64,
}

/// Counter of one output, which whoever writes its log adds to.
#[derive(Debug, Default)]
pub struct LogCounter {
    written: AtomicU64,
    lost: AtomicU64,
}

/// Counters of both outputs of a process, stdout first.
pub type LogCounters = [Arc<LogCounter>; 2];

impl LogCounter {
    /// Make one that goes on from there.
    pub fn from(bytes: LogBytes) -> Arc<Self> {
        Arc::new(Self { written: bytes.written.into(), lost: bytes.lost.into() })
    }

    /// Read it. Takes no lock.
    pub fn read(&self) -> LogBytes {
        LogBytes { written: self.written.load(Ordering::Relaxed), lost: self.lost.load(Ordering::Relaxed) }
    }

    pub(super) fn add(&self, written: u64, lost: u64) {
        self.written.fetch_add(written, Ordering::Relaxed);
        if lost > 0 {
            self.lost.fetch_add(lost, Ordering::Relaxed);
        }
    }
}
