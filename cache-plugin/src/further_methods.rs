//! `cache.*`: the methods that the original does not have. They are the same for every store, and each is carried out
//! in one step that no other client sees a part of.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use plugin_api::{Fault, Host, MaybeReady, Metrics, Panel, PanelQuery, Value, rpc_interface};

use crate::{
    cache::{Cache, validate_key},
    panel,
    store::{Operation, Page, TimeLeft},
};

/// Most seconds that can be asked for: about three hundred years.
const MOST_SECONDS: f64 = 1e10;

/// Time that a store has to tell its figures for metrics: supervisord does not wait much longer.
const METRICS_TIMEOUT: Duration = Duration::from_millis(250);

/// Methods for entries that expire, for steps that depend on what is there, for many entries at once, and for waiting.
pub struct FurtherMethods {
    supervisord: Host,
    cache: Arc<Cache>,
}

#[rpc_interface(refuse_in_shutdown)]
impl FurtherMethods {
    /// Cache a value under a key, unless something is cached there.
    ///
    /// # Returns
    /// true if it is cached now, false if something was there
    #[rpc(nonblocking, returns = "boolean")]
    pub fn add(
        &self,
        /// any string but the empty one
        #[rpc(kind = "string")]
        key: Value,
        /// any value
        data: Value,
        /// the time after which it is forgotten; 0 for never
        seconds: Option<f64>,
    ) -> Result<MaybeReady<Value>, Fault> {
        let (key, lifetime) = (validate_key(&key)?.into(), lifetime(seconds.unwrap_or(0.0))?);
        Ok(self.cache.store.write(Operation::Add { key, value: data, lifetime }))
    }

    /// Cache a value under a key for a time. What was there before is replaced.
    ///
    /// # Returns
    /// true
    #[rpc(nonblocking, returns = "boolean")]
    pub fn store_for(
        &self,
        /// any string but the empty one
        #[rpc(kind = "string")]
        key: Value,
        /// any value
        data: Value,
        /// the time after which it is forgotten; 0 for never
        seconds: f64,
    ) -> Result<MaybeReady<Value>, Fault> {
        let (key, lifetime) = (validate_key(&key)?.into(), lifetime(seconds)?);
        Ok(self.cache.store.write(Operation::Store { key, value: data, lifetime }))
    }

    /// Replace what is cached under a key, if it is the expected value. The time that it has left stays.
    ///
    /// # Returns
    /// true if it was replaced, false if there is another value or none
    #[rpc(nonblocking, returns = "boolean")]
    pub fn replace_if(
        &self,
        /// the key it was stored under
        #[rpc(kind = "string")]
        key: Value,
        /// the value that has to be there, of the same type
        expected: Value,
        /// any value
        data: Value,
    ) -> Result<MaybeReady<Value>, Fault> {
        let key = validate_key(&key)?.into();
        Ok(self.cache.store.write(Operation::ReplaceIf { key, expected, value: data }))
    }

    /// Forget what is cached under a key, if it is the expected value.
    ///
    /// # Returns
    /// true if it was forgotten, false if there is another value or none
    #[rpc(nonblocking, returns = "boolean")]
    pub fn delete_if(
        &self,
        /// the key it was stored under
        #[rpc(kind = "string")]
        key: Value,
        /// the value that has to be there, of the same type
        expected: Value,
    ) -> Result<MaybeReady<Value>, Fault> {
        let key = validate_key(&key)?.into();
        Ok(self.cache.store.write(Operation::DeleteIf { key, expected }))
    }

    /// Add to the integer that is cached under a key. Where nothing is cached it is 0. The time that it has left stays.
    ///
    /// # Returns
    /// the sum
    #[rpc(nonblocking, returns = "int")]
    pub fn increment(
        &self,
        /// any string but the empty one
        #[rpc(kind = "string")]
        key: Value,
        /// how much to add; 1 if it is left out
        by: Option<i64>,
    ) -> Result<MaybeReady<Value>, Fault> {
        let key = validate_key(&key)?.into();
        Ok(self.cache.store.write(Operation::Increment { key, by: by.unwrap_or(1) }))
    }

    /// Say when what is cached under a key is to be forgotten.
    ///
    /// # Returns
    /// true, or false if nothing is cached there
    #[rpc(nonblocking, returns = "boolean")]
    pub fn expire(
        &self,
        /// the key it was stored under
        #[rpc(kind = "string")]
        key: Value,
        /// the time from now; 0 for never
        seconds: f64,
    ) -> Result<MaybeReady<Value>, Fault> {
        let (key, lifetime) = (validate_key(&key)?.into(), lifetime(seconds)?);
        Ok(self.cache.store.write(Operation::Expire { key, lifetime }))
    }

    /// Tell how long what is cached under a key has left.
    ///
    /// # Returns
    /// the seconds; 0 if it is never forgotten
    #[rpc(nonblocking)]
    pub fn get_seconds_left(
        &self,
        /// the key it was stored under
        #[rpc(kind = "string")]
        key: Value,
    ) -> Result<MaybeReady<f64>, Fault> {
        let left = self.cache.store.time_left(validate_key(&key)?);
        Ok(left.and_then(|left| match left {
            Some(TimeLeft::For(left)) => Ok(left.as_secs_f64()),
            Some(TimeLeft::Unlimited) => Ok(0.0),
            None => Err(Fault::bad_name()),
        }))
    }

    /// Get what is cached under several keys, all as of one moment.
    ///
    /// # Returns
    /// a struct with the values; a key under which nothing is cached is not in it
    #[rpc(returns = "struct")]
    pub fn fetch_many(
        &self,
        /// the keys
        keys: Vec<Value>,
    ) -> Result<MaybeReady<Value>, Fault> {
        let keys =
            keys.iter().map(|key| validate_key(key).map(Box::from)).collect::<Result<BTreeSet<Box<str>>, _>>()?;
        let (asked, usage) = (keys.len(), self.cache.usage());
        Ok(self.cache.store.fetch_many(keys.into_iter().collect()).map(move |found| {
            (0..asked).for_each(|number| usage.note_fetch(number < found.len()));
            Value::structure(found.into_iter().map(|(key, value)| (String::from(key), value)))
        }))
    }

    /// Cache several values, all of them or, where one cannot be, none.
    ///
    /// # Returns
    /// true
    #[rpc(returns = "boolean")]
    pub fn store_many(
        &self,
        /// the values, each under its key
        entries: BTreeMap<String, Value>,
    ) -> Result<MaybeReady<Value>, Fault> {
        if entries.contains_key("") {
            return Err(validate_key(&"".into()).expect_err("an empty key is none"));
        }
        let entries = entries.into_iter().map(|(key, value)| (key.into(), value)).collect();
        Ok(self.cache.store.write(Operation::StoreMany(entries)))
    }

    /// List the keys that begin with a text, in order and in pages.
    ///
    /// # Returns
    /// the keys, sorted; there are no more if it is fewer than `limit`
    pub fn list_keys(
        &self,
        /// the text; an empty one for all keys
        prefix: String,
        /// the most keys of this page; 0 for all
        limit: Option<usize>,
        /// the key after which the page begins: the last one of the page before
        after: Option<String>,
    ) -> Result<MaybeReady<Vec<String>>, Fault> {
        Ok(self.cache.store.list(Page { prefix, limit: limit.unwrap_or(0), after }))
    }

    /// Wait until another value is cached under a key than the one that is known.
    ///
    /// # Returns
    /// a struct: `changed`, false if the time is over, and `value`, which is nil if nothing is cached there
    #[rpc(returns = "struct")]
    pub async fn wait(
        &self,
        /// the key
        #[rpc(kind = "string")]
        key: Value,
        /// the value that is known; nil for nothing, from which a stored nil cannot be told
        known: Value,
        /// the longest time to wait
        seconds: f64,
    ) -> Result<Value, Fault> {
        let key = validate_key(&key)?;
        let limit = lifetime(seconds)?.unwrap_or_default();
        let change = self.cache.store.wait(key.into(), known.clone());
        let value = match self.supervisord.timeout(limit, change).await? {
            Some(value) => value?,
            None => known.clone(),
        };
        Ok(Value::structure([("changed", (value != known).into()), ("value", value)]))
    }

    /// Tell how large the cache is, what its limits are, and how it has been used.
    ///
    /// # Returns
    /// a struct: `store`, `keys`, `bytes`, `limits`, `hits`, `misses`, `refused`, `connection`, and more of some stores
    #[rpc(nonblocking, returns = "struct")]
    pub fn get_info(&self) -> Result<MaybeReady<Value>, Fault> {
        Ok(self.cache.info())
    }

    /// Show the keys on supervisord's page.
    #[rpc(panel = "Cache")]
    async fn panel(&self, query: PanelQuery) -> Result<Panel, Fault> {
        panel::look(&*self.cache.store, query).await
    }

    /// Tell the figures of `getInfo` among supervisord's metrics.
    #[rpc(on_metrics)]
    async fn metrics(&self) -> Metrics {
        // An engine that does not answer leaves the others to be told.
        let asked = self.supervisord.timeout(METRICS_TIMEOUT, self.cache.store.info().result()).await;
        self.cache.metrics(asked.ok().flatten().and_then(Result::ok))
    }
}

impl FurtherMethods {
    pub(crate) fn new(supervisord: Host, cache: Arc<Cache>) -> Self {
        Self { supervisord, cache }
    }
}

/// The time of that many seconds; none for 0.
fn lifetime(seconds: f64) -> Result<Option<Duration>, Fault> {
    if !(0.0..=MOST_SECONDS).contains(&seconds) {
        return Err(Fault::bad_arguments_with(format_args!("{seconds} is no number of seconds to wait for")));
    }
    Ok((seconds > 0.0).then(|| Duration::from_secs_f64(seconds)))
}
