//! The trait that every store has.

use std::{borrow::Cow, future::Future, pin::Pin, sync::Arc, time::Duration};

use plugin_api::{Fault, MaybeReady, Value};

use super::{operation::Operation, usage::Usage};

/// The place where the cache keeps what it is given.
///
/// An answer that is in memory is there at once; one that a disk or another machine gives comes later. Keys are never
/// empty. Entries whose time is over are there no more, for every method. Operations are carried out one after the
/// other, each as a whole; what was answered before an operation was asked for has happened before it.
pub(crate) trait Store: Send + Sync + 'static {
    /// Get the value under a key.
    fn fetch(&self, key: &str) -> MaybeReady<Option<Value>>;

    /// Get the values of those keys that have one, all as of one moment. In a cluster it is one moment for each of its
    /// slots.
    fn fetch_many(&self, keys: Vec<Box<str>>) -> MaybeReady<Vec<(Box<str>, Value)>>;

    /// Describe the values of those keys that have one, each as of a moment of its own: a store that has them in memory
    /// copies none of them for that.
    fn describe_many(&self, keys: Vec<Box<str>>, describe: Describe) -> MaybeReady<Vec<(Box<str>, Vec<Value>)>> {
        let describe_all = move |found: Vec<(Box<str>, Value)>| {
            found.into_iter().map(|(key, value)| (key, describe(&value))).collect::<Vec<_>>()
        };
        match self.fetch_many(keys) {
            MaybeReady::Ready(found) => found.map(describe_all).into(),
            MaybeReady::Pending(found) => MaybeReady::later(async move { found.await.map(describe_all) }),
        }
    }

    /// Count the entries.
    fn count(&self) -> MaybeReady<usize>;

    /// List keys in order, all as of one moment.
    fn list(&self, page: Page) -> MaybeReady<Vec<String>>;

    /// Get the time that an entry has left; none if there is no such entry.
    fn time_left(&self, key: &str) -> MaybeReady<Option<TimeLeft>>;

    /// Carry out an operation.
    ///
    /// # Errors
    ///
    /// `BAD_ARGUMENTS` for what is no integer; `QUOTA_EXCEEDED`; `STORE_FAILED` if nothing has changed because the
    /// store is not what it should be. An engine that does not answer may have carried the operation out all the same.
    fn write(&self, operation: Operation) -> MaybeReady<Value>;

    /// Wait until the value under a key is another than `known`, where nil is that of a key without an entry, and get
    /// it. Dropping the future is the end of that.
    fn wait(&self, key: Box<str>, known: Value) -> Pin<Box<dyn Future<Output = Result<Value, Fault>> + Send>>;

    /// Numbers of what was asked for. The store counts what it refuses, and who fetches what was found.
    fn usage(&self) -> &Arc<Usage>;

    /// Say how the store is.
    fn info(&self) -> MaybeReady<Info>;

    /// Write down all entries for the store that takes this one's place when supervisord is upgraded, and keep them;
    /// none where they outlive this process anyway.
    fn hand_over(&self) -> Option<Vec<u8>> {
        None
    }

    /// Take in entries that such a store has written down.
    ///
    /// # Errors
    ///
    /// The reason why they cannot be, in which case nothing has changed.
    fn take_in(&self, _entries: &[u8]) -> Result<(), &'static str> {
        Err("this store has its own")
    }
}

/// Function that describes a value in a few others.
pub(crate) type Describe = fn(&Value) -> Vec<Value>;

/// The time that an entry has left.
#[derive(Clone, Copy, Debug)]
pub(crate) enum TimeLeft {
    /// No end: the entry stays.
    Unlimited,
    /// The entry expires after that time.
    For(Duration),
}

/// A part of the list of keys.
#[derive(Clone, Debug, Default)]
pub(crate) struct Page {
    /// Text that each key begins with.
    pub(crate) prefix: String,
    /// The most keys that are asked for; 0 for all.
    pub(crate) limit: usize,
    /// Key after which the page begins, if not at the first.
    pub(crate) after: Option<String>,
}

/// A store as `getInfo` shows it.
#[derive(Clone, Debug)]
pub(crate) struct Info {
    /// `memory`, `file`, or the scheme of an engine's URL.
    pub(crate) store: &'static str,
    /// Number of entries.
    pub(crate) keys: u64,
    /// Bytes that they count for.
    pub(crate) bytes: u64,
    /// State of the connection to the store: `local` where there is none to another process, `connected`, or `lost: `
    /// and why.
    pub(crate) connection: Cow<'static, str>,
    /// All else, under its names.
    pub(crate) more: Vec<(&'static str, Value)>,
}

/// Limits that nothing is stored beyond; 0 for none.
#[derive(Clone, Copy, Debug, Default)]
#[allow(clippy::struct_field_names, reason = "the options' own names")]
pub(crate) struct Limits {
    /// Most entries.
    pub(crate) max_keys: u64,
    /// Most bytes that all entries count for.
    pub(crate) max_bytes: u64,
    /// Most bytes that one value counts for.
    pub(crate) max_value_bytes: u64,
}

impl Limits {
    /// Return true if there is any limit.
    pub(crate) fn any(&self) -> bool {
        self.max_keys > 0 || self.max_bytes > 0 || self.max_value_bytes > 0
    }
}
