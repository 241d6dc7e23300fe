//! Entries as bytes, for the store that takes this one's place when supervisord is upgraded.
//!
//! They are the steps that bring them, as in the cache's file, and each has its deadline by the machine's clock: that of
//! the cache shows the time of day as of its start, and the next one starts later.

use std::ops::Bound;

use super::{
    local::Shared,
    operation::{Change, Changes},
    record,
};

/// Write down all entries, also those whose time is over: the next store says so.
pub(super) fn entries(shared: &Shared) -> Vec<u8> {
    // For as long as it takes, so that it is as of one moment. Calls wait in an upgrade anyway.
    let table = shared.read();
    let mut out = Vec::with_capacity(usize::try_from(table.bytes()).unwrap_or(0));
    for (key, cached) in table.range(Bound::Unbounded) {
        let deadline = cached.deadline().map(|deadline| shared.clock.on_machine(deadline));
        record::put_entry_until(&mut out, key, cached, deadline);
    }
    out
}

/// Take entries in.
///
/// # Errors
///
/// What is wrong with the bytes, in which case nothing has changed.
pub(super) fn take_in(shared: &Shared, entries: &[u8]) -> Result<(), &'static str> {
    let changes = record::read(entries).ok_or("its entries make no sense")?;
    if !changes.iter().all(|change| matches!(change, Change::Put { .. })) {
        return Err("there are others than entries among its entries");
    }
    shared.apply(shared.lock(), Changes::Many(changes));
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use plugin_api::Value;

    use super::*;
    use crate::store::{cached::Cached, clock::Clock, contract::Limits, events::Events};

    fn shared(clock: &Clock) -> Shared {
        Shared::new(Limits::default(), clock.clone(), Events::default())
    }

    fn put(shared: &Shared, key: &str, value: impl Into<Value>, lifetime: Option<Duration>) {
        let cached = Cached::new(value.into(), lifetime.and_then(|lifetime| shared.clock.after(lifetime)));
        shared.apply(shared.lock(), Changes::One(Change::Put { key: key.into(), cached }));
    }

    #[test]
    fn deadlines_go_on_though_the_next_clock_shows_another_time() {
        let (minute, hour) = (Duration::from_mins(1), Duration::from_hours(1));
        let (before, after) = (Clock::standing(), Clock::standing());
        // As where somebody has set the machine's clock back by an hour since the start.
        before.skip(hour);
        let first = shared(&before);
        put(&first, "for ever", "v", None);
        put(&first, "for a minute", 7, Some(minute));
        put(&first, "over", 8, Some(Duration::ZERO));
        before.skip(Duration::from_secs(1));
        let second = shared(&after);
        take_in(&second, &entries(&first)).unwrap();
        assert_eq!(second.read().bytes(), first.read().bytes());
        let left = second.read().get("for a minute").and_then(Cached::deadline).map(|deadline| after.until(deadline));
        // The machine's clock goes on meanwhile, and the other two stand.
        let expected = Duration::from_secs(59);
        let left = left.expect("it is there and has a deadline");
        assert!(left.abs_diff(expected) < Duration::from_secs(20), "{left:?}");
        assert_eq!(second.get("for ever"), Some("v".into()));
        assert_eq!(second.get("over"), None);
        after.skip(2 * minute);
        assert_eq!((second.get("for a minute"), second.len()), (None, 1));
    }

    #[test]
    fn what_is_damaged_changes_nothing() {
        let first = shared(&Clock::default());
        put(&first, "k", Value::array([1.into(), "x".repeat(5000).into()]), None);
        let whole = entries(&first);
        let second = shared(&Clock::default());
        put(&second, "own", 1, None);
        for end in (1..40).chain([whole.len() - 1]) {
            assert_eq!(take_in(&second, &whole[..end]), Err("its entries make no sense"));
        }
        let clear = record_of(&Change::Clear);
        assert_eq!(
            take_in(&second, &[whole.clone(), clear].concat()),
            Err("there are others than entries among its entries")
        );
        assert_eq!((second.get("own"), second.len()), (Some(1.into()), 1));
        take_in(&second, &whole).unwrap();
        assert_eq!((second.get("k"), second.len()), (first.get("k"), 2));
    }

    fn record_of(change: &Change) -> Vec<u8> {
        let mut out = Vec::new();
        record::put(&mut out, change);
        out
    }
}
