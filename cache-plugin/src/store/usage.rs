//! Numbers of what a store was asked for.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use plugin_api::{Fault, Value};

use super::faults::QUOTA_EXCEEDED;

/// Numbers of what was asked for since the start.
#[derive(Debug, Default)]
pub(crate) struct Usage {
    pub(crate) hits: AtomicU64,
    pub(crate) misses: AtomicU64,
    pub(crate) refused: AtomicU64,
}

impl Usage {
    /// Count a value that was there, or was not.
    pub(crate) fn note_fetch(&self, found: bool) {
        let count = if found { &self.hits } else { &self.misses };
        count.fetch_add(1, Relaxed);
    }

    /// Count a change that a limit did not let through, if this is one.
    pub(super) fn note_refused<T>(&self, answer: &Result<T, Fault>) {
        if answer.as_ref().is_err_and(|fault| fault.code == QUOTA_EXCEEDED) {
            self.refused.fetch_add(1, Relaxed);
        }
    }

    /// The numbers under their names.
    pub(crate) fn values(&self) -> [(&'static str, Value); 3] {
        self.counts().map(|(name, count)| {
            let number = i64::try_from(count.load(Relaxed)).unwrap_or(i64::MAX);
            (name, number.into())
        })
    }

    /// Go on from these numbers; one that is missing is 0.
    pub(crate) fn take_in(&self, values: &Value) {
        for (name, count) in self.counts() {
            let number = values.get(name).and_then(Value::as_i64).and_then(|number| u64::try_from(number).ok());
            count.store(number.unwrap_or(0), Relaxed);
        }
    }

    fn counts(&self) -> [(&'static str, &AtomicU64); 3] {
        [("hits", &self.hits), ("misses", &self.misses), ("refused", &self.refused)]
    }
}
