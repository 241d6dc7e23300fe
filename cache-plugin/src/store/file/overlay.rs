//! Entries as they will be when a frame is written.

use std::collections::HashMap;

use crate::store::{
    cached::{Cached, entry_size},
    clock::Clock,
    evaluate::{View, is_over},
    operation::{Change, Changes},
    table::Table,
};

/// Changes on top of a table.
#[derive(Debug)]
pub(super) struct Overlay<'a> {
    table: &'a Table,
    clock: &'a Clock,
    /// Set when nothing of the table is left.
    cleared: bool,
    /// Entries that are others now, and none for those that are gone.
    changed: HashMap<Box<str>, Option<Cached>>,
    keys: u64,
    bytes: u64,
}

impl<'a> Overlay<'a> {
    /// No changes yet, and memory for so many.
    pub(super) fn new(table: &'a Table, clock: &'a Clock, expected: usize) -> Self {
        let (keys, bytes) = (table.len(|| 0) as u64, table.bytes());
        let changed = HashMap::with_capacity(expected);
        Self { table, clock, cleared: false, changed, keys, bytes }
    }

    /// The entry under a key, also one whose time is over.
    fn raw(&self, key: &str) -> Option<&Cached> {
        match self.changed.get(key) {
            Some(changed) => changed.as_ref(),
            None if self.cleared => None,
            None => self.table.get(key),
        }
    }

    /// Make a step.
    pub(super) fn make(&mut self, change: Change) {
        let (key, cached) = match change {
            Change::Put { key, cached } => (key, Some(cached)),
            Change::Remove { key } => (key, None),
            Change::Expire { key, deadline } => {
                let cached = self.raw(&key).map(|cached| cached.clone().with_deadline(deadline));
                (key, cached)
            }
            Change::Clear => {
                self.changed.clear();
                (self.cleared, self.keys, self.bytes) = (true, 0, 0);
                return;
            }
        };
        if let Some(old) = self.raw(&key) {
            let size = entry_size(&key, old.size());
            self.keys -= 1;
            self.bytes -= size;
        }
        if let Some(new) = &cached {
            self.keys += 1;
            self.bytes += entry_size(&key, new.size());
        }
        self.changed.insert(key, cached);
    }

    /// The steps that make the table what this is.
    pub(super) fn into_changes(self) -> Changes {
        let clear = self.cleared.then_some(Change::Clear);
        let others = self.changed.into_iter().map(|(key, cached)| match cached {
            Some(cached) => Change::Put { key, cached },
            None => Change::Remove { key },
        });
        Changes::Many(clear.into_iter().chain(others).collect())
    }
}

impl View for Overlay<'_> {
    fn get(&self, key: &str) -> Option<&Cached> {
        self.raw(key).filter(|cached| !is_over(cached.deadline(), self.clock))
    }

    fn keys(&self) -> u64 {
        self.keys
    }

    fn bytes(&self) -> u64 {
        self.bytes
    }
}
