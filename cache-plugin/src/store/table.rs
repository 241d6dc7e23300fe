//! All entries in memory.
//!
//! Whoever has the table's lock holds it for some microseconds, however many entries there are. What takes longer is
//! done in pages, with the lock given back in between; and a list of keys that is as of one moment all the same keeps
//! a note of what has changed since. What is taken out is handed to the caller, who frees it after the lock is given
//! back.

use std::{
    collections::{BTreeMap, BTreeSet, btree_map},
    ops::Bound,
    sync::Arc,
};

use super::{
    cached::{Cached, entry_size},
    clock::Deadline,
    operation::{Change, Changes},
};

/// Entries sorted as `getKeys` lists them: by code point, which is the order of UTF-8 bytes.
pub(super) type Map = BTreeMap<Box<str>, Cached>;

/// Most entries that are looked at before the lock is given back.
pub(super) const PAGE: usize = 256;

/// The entries, and what is known of all of them together.
#[derive(Debug, Default)]
pub(super) struct Table {
    map: Map,
    /// Bytes that the entries count for.
    bytes: u64,
    /// Entries that expire, by when they do.
    deadlines: BTreeSet<(Deadline, Box<str>)>,
    /// Lists of keys that are being made.
    listings: Vec<Listing>,
    /// Number of the next list.
    next_listing: u64,
}

/// A list of keys that is being made, as of the moment at which it was begun.
#[derive(Debug)]
struct Listing {
    number: u64,
    /// The moment, by the clock of deadlines.
    moment: u64,
    /// Keys that have come or gone since, and true for those that were there.
    changed: BTreeMap<Box<str>, bool>,
    /// The entries, from when all of them were taken out: they change no more.
    frozen: Option<Arc<Map>>,
}

/// Entries that a step took out of the table.
#[derive(Debug)]
pub(super) enum Removed {
    /// An entry.
    #[allow(dead_code, reason = "it is there to be dropped")]
    Entry(Cached),
    /// All entries.
    #[allow(dead_code, reason = "they are there to be dropped")]
    All(Arc<Map>, BTreeSet<(Deadline, Box<str>)>),
}

impl Table {
    /// The entry under a key, also one whose time is over.
    pub(super) fn get(&self, key: &str) -> Option<&Cached> {
        self.map.get(key)
    }

    /// Bytes that the entries count for, with those whose time is over.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Bytes that the entries count for whose time is not over.
    pub(super) fn live_bytes(&self, now: impl FnOnce() -> u64) -> u64 {
        let over = self.over(now).filter_map(|(_, key)| self.map.get_key_value(key));
        self.bytes - over.map(|(key, cached)| entry_size(key, cached.size())).sum::<u64>()
    }

    /// Number of entries whose time is not over.
    pub(super) fn len(&self, now: impl FnOnce() -> u64) -> usize {
        self.map.len() - self.over(now).count()
    }

    /// The first moment at which an entry expires.
    pub(super) fn next_deadline(&self) -> Option<Deadline> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    /// Up to `limit` entries whose time is over, as the steps that take them out.
    pub(super) fn expired(&self, now: impl FnOnce() -> u64, limit: usize) -> Changes {
        let keys: Vec<_> = self.over(now).take(limit).map(|(_, key)| Change::Remove { key: key.clone() }).collect();
        if keys.is_empty() { Changes::None } else { Changes::Many(keys) }
    }

    fn over(&self, now: impl FnOnce() -> u64) -> impl Iterator<Item = &(Deadline, Box<str>)> {
        // The clock is asked only where it matters.
        let now = if self.deadlines.is_empty() { 0 } else { now() };
        self.deadlines.iter().take_while(move |(deadline, _)| deadline.get() <= now)
    }

    /// Make these steps, one after the other, and hand what they took out to `freed`.
    pub(super) fn apply(&mut self, changes: Changes, freed: &mut Vec<Removed>) {
        changes.for_each(|change| freed.extend(self.step(change)));
    }

    fn step(&mut self, change: Change) -> Option<Removed> {
        match change {
            Change::Put { key, cached } => {
                if !self.listings.is_empty() && !self.map.contains_key(&key) {
                    self.note(&key);
                }
                self.bytes += entry_size(&key, cached.size());
                if let Some(deadline) = cached.deadline() {
                    self.deadlines.insert((deadline, key.clone()));
                }
                match self.map.entry(key) {
                    btree_map::Entry::Vacant(vacant) => {
                        vacant.insert(cached);
                        None
                    }
                    btree_map::Entry::Occupied(mut occupied) => {
                        self.bytes -= entry_size(occupied.key(), occupied.get().size());
                        let kept = cached.deadline();
                        let old = occupied.insert(cached);
                        if let Some(deadline) = old.deadline().filter(|old| Some(*old) != kept) {
                            self.deadlines.remove(&(deadline, occupied.key().clone()));
                        }
                        Some(Removed::Entry(old))
                    }
                }
            }
            Change::Expire { key, deadline } => {
                let cached = self.map.get_mut(&key)?;
                if let Some(old) = cached.deadline() {
                    self.deadlines.remove(&(old, key.clone()));
                }
                let taken = std::mem::replace(cached, Cached::Short("".into()));
                *cached = taken.with_deadline(deadline);
                self.deadlines.extend(deadline.map(|deadline| (deadline, key)));
                None
            }
            Change::Remove { key } => {
                if !self.listings.is_empty() {
                    self.note(&key);
                }
                let cached = self.map.remove(&key)?;
                self.bytes -= entry_size(&key, cached.size());
                if let Some(deadline) = cached.deadline() {
                    self.deadlines.remove(&(deadline, key));
                }
                Some(Removed::Entry(cached))
            }
            Change::Clear => {
                let map = Arc::new(std::mem::take(&mut self.map));
                for listing in &mut self.listings {
                    listing.frozen.get_or_insert_with(|| Arc::clone(&map));
                }
                self.bytes = 0;
                Some(Removed::All(map, std::mem::take(&mut self.deadlines)))
            }
        }
    }

    /// Note for the lists that are being made whether a key that is about to come or go was there.
    fn note(&mut self, key: &str) {
        let there = self.map.get(key);
        for listing in self.listings.iter_mut().filter(|listing| listing.frozen.is_none()) {
            if !listing.changed.contains_key(key) {
                let was_there = there.is_some_and(|cached| lives(cached, listing.moment));
                listing.changed.insert(key.into(), was_there);
            }
        }
    }

    /// Begin a list of keys as of this moment.
    pub(super) fn begin_listing(&mut self, moment: u64) -> u64 {
        let number = self.next_listing;
        self.next_listing += 1;
        self.listings.push(Listing { number, moment, changed: BTreeMap::new(), frozen: None });
        number
    }

    /// Keys that have come or gone since a list was begun, and true for those that were there then.
    pub(super) fn changed_since(&self, number: u64) -> Option<&BTreeMap<Box<str>, bool>> {
        self.listings.iter().find(|listing| listing.number == number).map(|listing| &listing.changed)
    }

    /// The entries of a list whose table has been emptied since it was begun.
    pub(super) fn frozen(&self, number: u64) -> Option<Arc<Map>> {
        self.listings.iter().find(|listing| listing.number == number)?.frozen.clone()
    }

    /// End a list.
    pub(super) fn end_listing(&mut self, number: u64) {
        self.listings.retain(|listing| listing.number != number);
    }

    /// The entries from there on, also those whose time is over.
    pub(super) fn range(&self, from: Bound<&str>) -> btree_map::Range<'_, Box<str>, Cached> {
        range(&self.map, from)
    }
}

/// The entries of a map from there on.
pub(super) fn range<'a>(map: &'a Map, from: Bound<&str>) -> btree_map::Range<'a, Box<str>, Cached> {
    map.range::<str, _>((from, Bound::Unbounded))
}

/// Return true if the time of an entry is not over at that moment.
pub(super) fn lives(cached: &Cached, moment: u64) -> bool {
    cached.deadline().is_none_or(|deadline| deadline.get() > moment)
}
