//! A store whose entries all lie in this process's memory. How they are written is the [`Writer`]'s.

use std::{
    future::Future,
    ops::Bound,
    pin::Pin,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use plugin_api::{Fault, MaybeReady, Value};

use super::{
    cached::Cached,
    clock::Clock,
    contract::{Describe, Info, Limits, Page, Store, TimeLeft},
    evaluate::{View, is_over},
    events::Events,
    operation::{Changes, Operation},
    table::{Map, PAGE, Table, lives, range},
    usage::Usage,
    waiters::Waiters,
};

/// The entries, and who waits for them.
#[derive(Debug, Default)]
pub(super) struct Shared {
    table: RwLock<Table>,
    waiters: Arc<Waiters>,
    pub(super) limits: Limits,
    pub(super) clock: Clock,
    pub(super) events: Events,
    pub(super) usage: Arc<Usage>,
}

/// The way in which operations are carried out.
pub(super) trait Writer: Send + Sync + 'static {
    /// Carry an operation out.
    fn write(&self, shared: &Arc<Shared>, operation: Operation) -> MaybeReady<Value>;

    /// Name of the store, and what else `getInfo` shows of it.
    fn info(&self) -> (&'static str, Vec<(&'static str, Value)>);

    /// Write down all entries for an upgrade, where they would be lost otherwise.
    fn hand_over(&self, _shared: &Shared) -> Option<Vec<u8>> {
        None
    }

    /// Take in what was written down for an upgrade.
    fn take_in(&self, _shared: &Arc<Shared>, _entries: &[u8]) -> Result<(), &'static str> {
        Err("this store has its own")
    }
}

/// A store in memory with its writer.
#[derive(Debug)]
pub(super) struct Local<W> {
    pub(super) shared: Arc<Shared>,
    pub(super) writer: W,
}

impl Shared {
    pub(super) fn new(limits: Limits, clock: Clock, events: Events) -> Self {
        Self { limits, clock, events, ..Self::default() }
    }

    // A panic while a lock is held leaves the table whole, so poisoning has nothing to say.

    pub(super) fn read(&self) -> RwLockReadGuard<'_, Table> {
        self.table.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn lock(&self) -> RwLockWriteGuard<'_, Table> {
        self.table.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Make these steps in a table that is locked, give the lock back, and wake who waited for them.
    pub(super) fn apply(&self, mut table: RwLockWriteGuard<'_, Table>, changes: Changes) {
        let to_wake: Vec<Option<Box<str>>> = if self.waiters.any() {
            changes.as_slice().iter().map(|change| change.key().map(Box::from)).collect()
        } else {
            Vec::new()
        };
        let mut freed = Vec::new();
        table.apply(changes, &mut freed);
        drop(table);
        // Freed with the lock given back.
        drop(freed);
        for key in to_wake {
            self.waiters.wake(key.as_deref());
        }
    }

    /// The value under a key.
    pub(super) fn get(&self, key: &str) -> Option<Value> {
        let table = self.read();
        table.get(key).filter(|cached| !is_over(cached.deadline(), &self.clock)).map(Cached::value)
    }

    /// The description of the value under a key, made while it is locked.
    fn describe(&self, key: &str, describe: Describe) -> Option<Vec<Value>> {
        let table = self.read();
        let cached = table.get(key).filter(|cached| !is_over(cached.deadline(), &self.clock));
        cached.map(|cached| cached.peek(describe))
    }

    /// Number of entries.
    pub(super) fn len(&self) -> usize {
        self.read().len(|| self.clock.now())
    }

    /// The keys of a page, as of this moment.
    fn list(&self, page: &Page) -> Vec<String> {
        let limit = if page.limit == 0 { usize::MAX } else { page.limit };
        let moment = self.clock.now();
        if limit <= PAGE {
            let mut keys = Vec::new();
            let table = self.read();
            let entries = table.range(start(page)).take_while(|(key, _)| key.starts_with(&page.prefix));
            keys.extend(
                entries.filter(|(_, cached)| lives(cached, moment)).map(|(key, _)| key.to_string()).take(limit),
            );
            return keys;
        }
        let listing = Begun { shared: self, number: self.lock().begin_listing(moment) };
        listing.keys(page, limit, moment)
    }
}

/// A list of keys that is being made.
struct Begun<'a> {
    shared: &'a Shared,
    number: u64,
}

impl Begun<'_> {
    /// The keys, page after page, and put right by what has changed meanwhile.
    fn keys(&self, page: &Page, limit: usize, moment: u64) -> Vec<String> {
        let mut keys: Vec<String> = Vec::new();
        let mut last: Option<Box<str>> = None;
        let changed = loop {
            let table = self.shared.read();
            if let Some(map) = table.frozen(self.number) {
                let changed = table.changed_since(self.number).cloned();
                drop(table);
                while scan(&map, page, &mut last, moment, &mut keys) {}
                break changed.unwrap_or_default();
            }
            let from = last.clone();
            let from = from.as_deref().map_or_else(|| start(page), Bound::Excluded);
            let more = scan_range(table.range(from), page, &mut last, moment, &mut keys);
            // Keys that came after the list was begun are taken out again, so there have to be as many more.
            let changed = table.changed_since(self.number);
            let gone = || changed.map_or(0, |changed| changed.values().filter(|was_there| !**was_there).count());
            if !more || keys.len() >= limit && keys.len() - gone().min(keys.len()) >= limit {
                break changed.cloned().unwrap_or_default();
            }
        };
        if !changed.is_empty() {
            keys.retain(|key| changed.get(key.as_str()) != Some(&false));
            let from = start(page);
            let were_there = changed.into_iter().filter(|(key, was_there)| *was_there && in_page(key, from, page));
            let until = last.filter(|_| keys.len() >= limit);
            keys.extend(
                were_there
                    .map(|(key, _)| String::from(key))
                    .filter(|key| until.as_deref().is_none_or(|until| key.as_str() <= until)),
            );
            keys.sort_unstable();
            keys.dedup();
        }
        keys.truncate(limit);
        keys
    }
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        self.shared.lock().end_listing(self.number);
    }
}

/// The key from which a page begins.
fn start(page: &Page) -> Bound<&str> {
    match &page.after {
        Some(after) if after.as_str() >= page.prefix.as_str() => Bound::Excluded(after),
        _ => Bound::Included(&page.prefix),
    }
}

fn in_page(key: &str, from: Bound<&str>, page: &Page) -> bool {
    let begun = match from {
        Bound::Excluded(after) => key > after,
        Bound::Included(first) => key >= first,
        Bound::Unbounded => true,
    };
    begun && key.starts_with(&page.prefix)
}

fn scan(map: &Map, page: &Page, last: &mut Option<Box<str>>, moment: u64, keys: &mut Vec<String>) -> bool {
    let from = last.clone();
    let from = from.as_deref().map_or_else(|| start(page), Bound::Excluded);
    scan_range(range(map, from), page, last, moment, keys)
}

/// Add the keys of the next entries. Return true if there may be more.
fn scan_range<'a>(
    entries: impl Iterator<Item = (&'a Box<str>, &'a Cached)>,
    page: &Page,
    last: &mut Option<Box<str>>,
    moment: u64,
    keys: &mut Vec<String>,
) -> bool {
    let (mut number, mut end) = (0, None);
    for (key, cached) in entries.take_while(|(key, _)| key.starts_with(&page.prefix)).take(PAGE) {
        if lives(cached, moment) {
            keys.push(key.to_string());
        }
        (number, end) = (number + 1, Some(key));
    }
    if let Some(end) = end {
        *last = Some(end.clone());
    }
    number == PAGE
}

/// A table as an operation finds it.
#[derive(Debug)]
pub(super) struct TableView<'a> {
    pub(super) table: &'a Table,
    pub(super) clock: &'a Clock,
}

impl View for TableView<'_> {
    fn get(&self, key: &str) -> Option<&Cached> {
        self.table.get(key).filter(|cached| !is_over(cached.deadline(), self.clock))
    }

    fn keys(&self) -> u64 {
        self.table.len(|| self.clock.now()) as u64
    }

    fn bytes(&self) -> u64 {
        self.table.bytes()
    }
}

impl<W: Writer> Store for Local<W> {
    fn fetch(&self, key: &str) -> MaybeReady<Option<Value>> {
        Ok(self.shared.get(key)).into()
    }

    fn fetch_many(&self, keys: Vec<Box<str>>) -> MaybeReady<Vec<(Box<str>, Value)>> {
        let table = self.shared.read();
        let view = TableView { table: &table, clock: &self.shared.clock };
        let found = keys.into_iter().filter_map(|key| view.get(&key).map(Cached::value).map(|value| (key, value)));
        Ok(found.collect()).into()
    }

    fn describe_many(&self, keys: Vec<Box<str>>, describe: Describe) -> MaybeReady<Vec<(Box<str>, Vec<Value>)>> {
        // Who writes has his turn between any two of them.
        let described = keys.into_iter().filter_map(|key| Some((self.shared.describe(&key, describe)?, key)));
        Ok(described.map(|(description, key)| (key, description)).collect()).into()
    }

    fn count(&self) -> MaybeReady<usize> {
        Ok(self.shared.len()).into()
    }

    fn list(&self, page: Page) -> MaybeReady<Vec<String>> {
        Ok(self.shared.list(&page)).into()
    }

    fn time_left(&self, key: &str) -> MaybeReady<Option<TimeLeft>> {
        let table = self.shared.read();
        let clock = &self.shared.clock;
        let left = TableView { table: &table, clock }
            .get(key)
            .map(|cached| cached.deadline().map_or(TimeLeft::Unlimited, |at| TimeLeft::For(clock.until(at))));
        Ok(left).into()
    }

    fn write(&self, operation: Operation) -> MaybeReady<Value> {
        self.writer.write(&self.shared, operation)
    }

    fn wait(&self, key: Box<str>, known: Value) -> Pin<Box<dyn Future<Output = Result<Value, Fault>> + Send>> {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move {
            let watch = shared.waiters.watch(key.clone());
            loop {
                // Before the look at the value, so that no change comes between the two.
                let changed = watch.changed();
                let value = shared.get(&key).unwrap_or_default();
                if value != known {
                    return Ok(value);
                }
                changed.await;
            }
        })
    }

    fn usage(&self) -> &Arc<Usage> {
        &self.shared.usage
    }

    fn info(&self) -> MaybeReady<Info> {
        let (store, more) = self.writer.info();
        let table = self.shared.read();
        let now = self.shared.clock.now();
        let (keys, bytes) = (table.len(|| now) as u64, table.live_bytes(|| now));
        Ok(Info { store, keys, bytes, connection: "local".into(), more }).into()
    }

    fn hand_over(&self) -> Option<Vec<u8>> {
        self.writer.hand_over(&self.shared)
    }

    fn take_in(&self, entries: &[u8]) -> Result<(), &'static str> {
        self.writer.take_in(&self.shared, entries)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Barrier,
        atomic::{AtomicBool, Ordering::Relaxed},
    };

    use super::*;
    use crate::store::operation::Change;

    fn put(shared: &Shared, key: &str, value: impl Into<Value>) {
        let cached = Cached::new(value.into(), None);
        shared.apply(shared.lock(), Changes::One(Change::Put { key: key.into(), cached }));
    }

    fn remove(shared: &Shared, key: &str) {
        shared.apply(shared.lock(), Changes::One(Change::Remove { key: key.into() }));
    }

    fn keys(shared: &Shared, limit: usize) -> Vec<String> {
        shared.list(&Page { limit, ..Page::default() })
    }

    #[test]
    fn a_value_is_described_where_it_lies() {
        let address = |value: &Value| match value {
            Value::Base64(bytes) => vec![(bytes.as_ptr() as i64).into()],
            value => vec![value.clone()],
        };
        let shared = Shared::default();
        put(&shared, "short", "v");
        put(&shared, "bytes", Value::Base64(vec![1; 5000].into()));
        assert_eq!(shared.describe("no", address), None);
        assert_eq!(shared.describe("short", address), Some(vec!["v".into()]));
        let there = shared.read().get("bytes").map(|cached| cached.peek(address));
        assert_eq!(shared.describe("bytes", address), there);
        assert_ne!(shared.get("bytes").map(|copy| address(&copy)), there);
    }

    #[test]
    fn a_poisoned_lock_still_opens() {
        let shared = Arc::new(Shared::default());
        put(&shared, "k", "v");
        let poisoner = Arc::clone(&shared);
        let panicked = std::thread::spawn(move || {
            let _guard = poisoner.lock();
            panic!("with the lock held");
        });
        assert!(panicked.join().is_err());
        assert_eq!(shared.get("k"), Some("v".into()));
    }

    #[test]
    fn a_long_text_is_fetched_without_a_copy() {
        let shared = Shared::default();
        put(&shared, "k", "x".repeat(5000));
        let [one, other] = [(); 2].map(|()| shared.get("k").unwrap());
        assert_eq!(one.as_str().unwrap().as_ptr(), other.as_str().unwrap().as_ptr());
    }

    /// One entry moves about among many others: a list that is as of one moment has it once.
    #[test]
    fn a_list_is_as_of_one_moment() {
        let shared = Shared::default();
        for number in 0..5 * PAGE {
            put(&shared, &format!("k{number:05}"), 1);
        }
        put(&shared, "a", 1);
        let (begun, done) = (Barrier::new(2), AtomicBool::new(false));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                begun.wait();
                let mut at = "a".to_owned();
                for number in (0_usize..).take_while(|_| !done.load(Relaxed)) {
                    let next = format!("k{:05}-moved", number * 37 % (5 * PAGE));
                    let step = [
                        Change::Put { key: next.as_str().into(), cached: Cached::new(1.into(), None) },
                        Change::Remove { key: at.as_str().into() },
                    ];
                    shared.apply(shared.lock(), Changes::Many(step.into()));
                    at = next;
                }
            });
            begun.wait();
            for limit in [0, 2 * PAGE].repeat(20) {
                let keys = keys(&shared, limit);
                let moving = keys.iter().filter(|key| *key == "a" || key.ends_with("moved")).count();
                assert!(keys.is_sorted());
                if limit == 0 {
                    assert_eq!((keys.len(), moving), (5 * PAGE + 1, 1));
                } else {
                    assert!(keys.len() == limit && moving <= 1, "{} {moving}", keys.len());
                }
            }
            done.store(true, Relaxed);
        });
        assert!(shared.read().changed_since(0).is_none(), "nothing is noted when no list is made");
    }

    #[test]
    fn a_list_survives_that_the_cache_is_emptied() {
        let shared = Shared::default();
        for number in 0..3 * PAGE {
            put(&shared, &format!("{number:05}"), 1);
        }
        let number = shared.lock().begin_listing(shared.clock.now());
        let listing = Begun { shared: &shared, number };
        remove(&shared, "00000");
        put(&shared, "new", 1);
        shared.apply(shared.lock(), Changes::One(Change::Clear));
        put(&shared, "newer", 1);
        shared.apply(shared.lock(), Changes::One(Change::Clear));
        let listed = listing.keys(&Page::default(), usize::MAX, shared.clock.now());
        let expected: Vec<_> = (0..3 * PAGE).map(|number| format!("{number:05}")).collect();
        assert_eq!(listed, expected);
        drop(listing);
        assert!(keys(&shared, 0).is_empty());
    }
}
