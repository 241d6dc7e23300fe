//! The cache that all of its methods share.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use plugin_api::{Fault, Host, Level, MaybeReady, Metrics, Value};

use crate::store::{Info, Limits, Store, Usage};

/// Version of what a cache hands over in an upgrade.
const HANDOVER_VERSION: i64 = 1;

/// A store, and how it has been used.
pub(crate) struct Cache {
    pub(crate) store: Arc<dyn Store>,
    limits: Limits,
}

impl Cache {
    pub(crate) fn new(store: Arc<dyn Store>, limits: Limits) -> Self {
        Self { store, limits }
    }

    /// Numbers of what was asked for.
    pub(crate) fn usage(&self) -> Arc<Usage> {
        Arc::clone(self.store.usage())
    }

    /// The answer of `getInfo`.
    pub(crate) fn info(&self) -> MaybeReady<Value> {
        let (limits, usage) = (self.limits, self.usage());
        self.store.info().map(move |info| described(info, limits, &usage))
    }

    /// The figures of `getInfo` as metrics; without those of the store, where it has not told them.
    pub(crate) fn metrics(&self, info: Option<Info>) -> Metrics {
        let mut metrics = Metrics::new();
        let known = info.filter(|info| !info.connection.starts_with("lost"));
        metrics.gauge("store_up", "1 if the store of the cache answers.").set(known.is_some());
        if let Some(info) = known {
            metrics.gauge("keys", "Keys that are cached.").set(info.keys);
            metrics.gauge("size_bytes", "Bytes that the entries of the cache count for.").set(info.bytes);
        }
        let Limits { max_keys, max_bytes, max_value_bytes } = self.limits;
        for (name, help, limit) in [
            ("max_keys", "Most keys that the cache may have.", max_keys),
            ("max_size_bytes", "Most bytes that its entries may count for.", max_bytes),
            ("max_value_bytes", "Most bytes that one value may count for.", max_value_bytes),
        ] {
            if limit > 0 {
                metrics.gauge(name, help).set(limit);
            }
        }
        let usage = self.store.usage();
        for (name, help, count) in [
            ("hits", "Keys that were asked for and were there.", &usage.hits),
            ("misses", "Keys that were asked for and were not there.", &usage.misses),
            ("refused", "Changes that a limit did not let through.", &usage.refused),
        ] {
            metrics.counter(name, help).set(count.load(Relaxed));
        }
        metrics
    }

    /// The value for the cache that takes this one's place when supervisord is upgraded; nil where the store outlives
    /// this process anyway.
    pub(crate) fn hand_over(&self) -> Value {
        let Some(entries) = self.store.hand_over() else { return Value::Nil };
        let known = [("version", Value::from(HANDOVER_VERSION)), ("entries", Value::Base64(entries.into()))];
        Value::structure(known.into_iter().chain(self.store.usage().values()))
    }

    /// Take in what the cache before an upgrade has handed over, if one has. The log says why, where that cannot be.
    pub(crate) fn take_over(&self, supervisord: &Host) {
        let Some(handed_over) = supervisord.handed_over() else { return };
        if let Err(why) = self.take_in(&handed_over) {
            let message = format_args!("cache: what was cached before the upgrade is not taken over: {why}");
            supervisord.log(Level::Critical, message);
        }
    }

    fn take_in(&self, handed_over: &Value) -> Result<(), String> {
        match handed_over.get("version").and_then(Value::as_i64) {
            Some(HANDOVER_VERSION) => {}
            Some(other) => return Err(format!("it is of version {other}, and this library knows {HANDOVER_VERSION}")),
            None => return Err("it is no cache's".to_owned()),
        }
        let Some(Value::Base64(entries)) = handed_over.get("entries") else {
            return Err("it has no entries".to_owned());
        };
        self.store.take_in(entries)?;
        self.store.usage().take_in(handed_over);
        Ok(())
    }
}

fn described(info: Info, limits: Limits, usage: &Usage) -> Value {
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
    ];
    let connection = ("connection", info.connection.into_owned().into());
    Value::structure(known.into_iter().chain(usage.values()).chain([connection]).chain(info.more))
}

fn number(number: u64) -> Value {
    i64::try_from(number).unwrap_or(i64::MAX).into()
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
