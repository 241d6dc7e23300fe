//! The cache that all of its methods share.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use plugin_api::{Fault, MaybeReady, Value};

use crate::store::{Info, Limits, Operation, QUOTA_EXCEEDED, Store};

/// A store, and how it has been used.
pub(crate) struct Cache {
    pub(crate) store: Arc<dyn Store>,
    limits: Limits,
    usage: Arc<Usage>,
}

/// Numbers of what was asked for since the start.
#[derive(Debug, Default)]
pub(crate) struct Usage {
    hits: AtomicU64,
    misses: AtomicU64,
    refused: AtomicU64,
}

impl Cache {
    pub(crate) fn new(store: Arc<dyn Store>, limits: Limits) -> Self {
        Self { store, limits, usage: Arc::default() }
    }

    /// Numbers of what was asked for.
    pub(crate) fn usage(&self) -> Arc<Usage> {
        Arc::clone(&self.usage)
    }

    /// Carry an operation out.
    pub(crate) fn write(&self, operation: Operation) -> MaybeReady<Value> {
        match self.store.write(operation) {
            MaybeReady::Ready(answer) => self.usage.note_refused(answer).into(),
            MaybeReady::Pending(answer) => {
                let usage = self.usage();
                MaybeReady::later(async move { usage.note_refused(answer.await) })
            }
        }
    }

    /// The answer of `getInfo`.
    pub(crate) fn info(&self) -> MaybeReady<Value> {
        let (limits, usage) = (self.limits, self.usage());
        self.store.info().map(move |info| described(info, limits, &usage))
    }
}

impl Usage {
    /// Count a value that was there, or was not.
    pub(crate) fn note_fetch(&self, found: bool) {
        let count = if found { &self.hits } else { &self.misses };
        count.fetch_add(1, Relaxed);
    }

    fn note_refused(&self, answer: Result<Value, Fault>) -> Result<Value, Fault> {
        if answer.as_ref().is_err_and(|fault| fault.code == QUOTA_EXCEEDED) {
            self.refused.fetch_add(1, Relaxed);
        }
        answer
    }
}

fn described(info: Info, limits: Limits, usage: &Usage) -> Value {
    let number = |number: u64| Value::from(i64::try_from(number).unwrap_or(i64::MAX));
    let count = |count: &AtomicU64| number(count.load(Relaxed));
    let limits = [
        ("max_keys", number(limits.max_keys)),
        ("max_bytes", number(limits.max_bytes)),
        ("max_value_bytes", number(limits.max_value_bytes)),
    ];
    let known = [
        ("store", info.store.into()),
        ("keys", number(info.keys)),
        ("bytes", number(info.bytes)),
        ("limits", Value::structure(limits)),
        ("hits", count(&usage.hits)),
        ("misses", count(&usage.misses)),
        ("refused", count(&usage.refused)),
        ("connection", info.connection.into_owned().into()),
    ];
    Value::structure(known.into_iter().chain(info.more))
}

/// The text of a key that can be used.
pub(crate) fn validate_key(key: &Value) -> Result<&str, Fault> {
    match key {
        Value::Base64(bytes) => std::str::from_utf8(bytes).ok(),
        key => key.as_str(),
    }
    .filter(|key| !key.is_empty())
    .ok_or_else(|| Fault::bad_name_with("Cache key must be a non-empty string"))
}
