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
    /// The last steps, which nobody has had to look at so far.
    unseen: Vec<Change>,
}

impl<'a> Overlay<'a> {
    /// No changes yet, and memory for so many.
    pub(super) fn new(table: &'a Table, clock: &'a Clock, expected: usize) -> Self {
        let (keys, bytes) = (table.len(|| 0) as u64, table.bytes());
        let unseen = Vec::with_capacity(expected);
        Self { table, clock, cleared: false, changed: HashMap::new(), keys, bytes, unseen }
    }

    /// The entry under a key, also one whose time is over.
    fn raw(&self, key: &str) -> Option<&Cached> {
        match self.changed.get(key) {
            Some(changed) => changed.as_ref(),
            None if self.cleared => None,
            None => self.table.get(key),
        }
    }

    /// Make a step, which is to be [seen](Self::see) before anybody looks.
    pub(super) fn make(&mut self, change: Change) {
        self.unseen.push(change);
    }

    /// See to it that a look finds all steps that have been made.
    pub(super) fn see(&mut self) {
        let mut unseen = std::mem::take(&mut self.unseen);
        unseen.drain(..).for_each(|change| self.see_one(change));
        self.unseen = unseen;
    }

    fn see_one(&mut self, change: Change) {
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
        if !self.cleared && self.changed.is_empty() {
            return Changes::Many(self.unseen);
        }
        let clear = self.cleared.then_some(Change::Clear);
        let others = self.changed.into_iter().map(|(key, cached)| match cached {
            Some(cached) => Change::Put { key, cached },
            None => Change::Remove { key },
        });
        Changes::Many(clear.into_iter().chain(others).chain(self.unseen).collect())
    }
}

impl View for Overlay<'_> {
    fn get(&self, key: &str) -> Option<&Cached> {
        debug_assert!(self.unseen.is_empty(), "`see` comes before a look");
        self.raw(key).filter(|cached| !is_over(cached.deadline(), self.clock))
    }

    fn keys(&self) -> u64 {
        self.keys
    }

    fn bytes(&self) -> u64 {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use std::ops::Bound;

    use plugin_api::Value;

    use super::*;
    use crate::store::clock::Deadline;

    fn put(key: &str, value: &str) -> Change {
        Change::Put { key: key.into(), cached: Cached::new(value.into(), None) }
    }

    /// Entries of a table, and their number and bytes.
    fn entries(table: &Table) -> (Vec<(Box<str>, Value)>, u64, u64) {
        let entries = table.range(Bound::Unbounded).map(|(key, cached)| (key.clone(), cached.value())).collect();
        (entries, table.len(|| 0) as u64, table.bytes())
    }

    /// Steps with looks between them: any looks find the same, and leave the same.
    #[test]
    fn steps_that_nobody_looks_at_are_made_too() {
        let remove = |key: &str| Change::Remove { key: key.into() };
        let deadline = Deadline::new(u64::MAX);
        let expire = |key: &str| Change::Expire { key: key.into(), deadline };
        let steps =
            [put("b", "22"), remove("a"), expire("b"), Change::Clear, put("c", "3"), put("d", "44"), put("c", "55")];
        let old = || {
            let mut table = Table::default();
            table.apply(Changes::Many(vec![put("a", "1"), put("z", "old")]), &mut Vec::new());
            table
        };
        let clock = Clock::default();
        for number in 0..=steps.len() {
            let steps = &steps[..number];
            let mut expected = old();
            expected.apply(Changes::Many(steps.to_vec()), &mut Vec::new());
            for looks in 0..1 << number {
                let mut table = old();
                let changes = {
                    let mut overlay = Overlay::new(&table, &clock, 0);
                    for (index, step) in steps.iter().enumerate() {
                        overlay.make(step.clone());
                        if looks & (1 << index) != 0 {
                            overlay.see();
                            let mut seen = old();
                            seen.apply(Changes::Many(steps[..=index].to_vec()), &mut Vec::new());
                            let found = |key| (overlay.get(key).map(Cached::value), seen.get(key).map(Cached::value));
                            assert!(
                                ["a", "b", "c", "d", "z"].map(found).iter().all(|(found, expected)| found == expected)
                            );
                            assert_eq!((overlay.keys(), overlay.bytes()), (seen.len(|| 0) as u64, seen.bytes()));
                        }
                    }
                    overlay.into_changes()
                };
                table.apply(changes, &mut Vec::new());
                assert_eq!(entries(&table), entries(&expected));
            }
        }
    }
}
