//! Operations on what they find: a pure function that tells the answer, and what is to change.

use std::time::Duration;

use plugin_api::{Fault, Value};

use super::{
    cached::{Cached, entry_size},
    clock::{Clock, Deadline},
    contract::Limits,
    faults::QUOTA_EXCEEDED,
    operation::{Change, Changes, Operation},
};

/// Entries as an operation finds them.
pub(super) trait View {
    /// The entry under a key, unless its time is over.
    fn get(&self, key: &str) -> Option<&Cached>;

    /// Number of entries.
    fn keys(&self) -> u64;

    /// Bytes that they count for.
    fn bytes(&self) -> u64;
}

/// Find the answer of an operation, and what is to change.
///
/// # Errors
///
/// `QUOTA_EXCEEDED`, and `BAD_ARGUMENTS` where a number is asked for and is none. Nothing changes then.
pub(super) fn evaluate(
    operation: Operation,
    view: &impl View,
    limits: &Limits,
    clock: &Clock,
) -> Result<(Value, Changes), Fault> {
    let deadline = |lifetime: Option<Duration>| lifetime.and_then(|lifetime| clock.after(lifetime));
    let unchanged = |answer: bool| Ok((answer.into(), Changes::None));
    let one = |change| Ok((true.into(), Changes::One(change)));
    match operation {
        Operation::Store { key, value, lifetime } => {
            put(key, Cached::new(value, deadline(lifetime)), view, limits).map(|change| (true.into(), change))
        }
        Operation::StoreMany(entries) => {
            let entries: Vec<_> = entries.into_iter().map(|(key, value)| (key, Cached::new(value, None))).collect();
            check(entries.iter().map(|(key, cached)| (&**key, cached)), view, limits)?;
            let changes = entries.into_iter().map(|(key, cached)| Change::Put { key, cached }).collect();
            Ok((true.into(), Changes::Many(changes)))
        }
        Operation::Add { key, value, lifetime } => match view.get(&key) {
            Some(_) => unchanged(false),
            None => put(key, Cached::new(value, deadline(lifetime)), view, limits).map(|change| (true.into(), change)),
        },
        Operation::ReplaceIf { key, expected, value } => match view.get(&key) {
            Some(found) if found.is(&expected) => {
                put(key, Cached::new(value, found.deadline()), view, limits).map(|change| (true.into(), change))
            }
            _ => unchanged(false),
        },
        Operation::Delete { key } => match view.get(&key) {
            Some(_) => one(Change::Remove { key }),
            None => unchanged(true),
        },
        Operation::DeleteIf { key, expected } => match view.get(&key) {
            Some(found) if found.is(&expected) => one(Change::Remove { key }),
            _ => unchanged(false),
        },
        Operation::Increment { key, by } => {
            let (number, deadline) = match view.get(&key) {
                Some(found) => {
                    (found.as_int().ok_or_else(|| no_integer(&key, found.value().kind_name()))?, found.deadline())
                }
                None => (0, None),
            };
            let sum = number.checked_add(by).ok_or_else(|| beyond_64_bits(&number, by))?;
            let change = put(key, Cached::new(sum.into(), deadline), view, limits)?;
            Ok((sum.into(), change))
        }
        Operation::Expire { key, lifetime } => match view.get(&key) {
            Some(_) => one(Change::Expire { key, deadline: deadline(lifetime) }),
            None => unchanged(false),
        },
        Operation::Clear => one(Change::Clear),
    }
}

/// The fault of who adds to what is no integer.
pub(super) fn no_integer(key: &str, kind: &str) -> Fault {
    Fault::bad_arguments_with(format_args!("what is cached under '{key}' is a {kind} and not an integer"))
}

/// The fault of who adds too much.
pub(super) fn beyond_64_bits(number: &dyn std::fmt::Display, by: i64) -> Fault {
    Fault::bad_arguments_with(format_args!("{number} and {by} make more than an integer of 64 bits holds"))
}

fn put(key: Box<str>, cached: Cached, view: &impl View, limits: &Limits) -> Result<Changes, Fault> {
    check([(&*key, &cached)], view, limits)?;
    Ok(Changes::One(Change::Put { key, cached }))
}

/// Refuse entries that would pass a limit. What makes the cache smaller, or leaves it as large as it is, is always
/// taken.
fn check<'a>(
    entries: impl IntoIterator<Item = (&'a str, &'a Cached)>,
    view: &impl View,
    limits: &Limits,
) -> Result<(), Fault> {
    if !limits.any() {
        return Ok(());
    }
    let (before, mut keys, mut bytes) = (view.bytes(), view.keys(), view.bytes());
    let mut more_keys = false;
    for (key, cached) in entries {
        let (size, old) = (cached.size(), view.get(key).map(Cached::size));
        if passes(limits.max_value_bytes, size) && old.is_none_or(|old| size > old) {
            return Err(exceeded(format_args!(
                "max_value_bytes is {}, and a value of {size} bytes was asked for",
                limits.max_value_bytes
            )));
        }
        keys += u64::from(old.is_none());
        more_keys |= old.is_none();
        bytes -= old.map_or(0, |old| entry_size(key, old));
        bytes = bytes.saturating_add(entry_size(key, size));
    }
    if more_keys && passes(limits.max_keys, keys) {
        return Err(exceeded(format_args!("max_keys is {}, and {keys} keys were asked for", limits.max_keys)));
    }
    if bytes > before && passes(limits.max_bytes, bytes) {
        return Err(exceeded(format_args!("max_bytes is {}, and {bytes} bytes were asked for", limits.max_bytes)));
    }
    Ok(())
}

fn passes(limit: u64, asked: u64) -> bool {
    limit > 0 && asked > limit
}

fn exceeded(what: std::fmt::Arguments<'_>) -> Fault {
    Fault::new(QUOTA_EXCEEDED, format!("QUOTA_EXCEEDED: {what}"))
}

/// Return true if the time of an entry is over. The clock is asked only where it matters.
pub(super) fn is_over(deadline: Option<Deadline>, clock: &Clock) -> bool {
    deadline.is_some_and(|deadline| deadline.get() <= clock.now())
}
