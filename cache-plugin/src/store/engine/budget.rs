//! A bound of what is under way to an engine: one that hangs does not make memory grow.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

use tokio::sync::Notify;

/// Bytes that all requests under way may count for.
const MOST: usize = 64 << 20;

/// Bytes that a request counts for beside what is in it.
const REQUEST: usize = 1024;

/// The requests that are under way, in bytes.
#[derive(Debug, Default)]
pub(super) struct Budget {
    used: AtomicUsize,
    emptied: Notify,
}

/// A request that is under way. Dropping it is its end.
#[derive(Debug)]
pub(super) struct Permit {
    budget: Arc<Budget>,
    cost: usize,
}

impl Budget {
    /// Begin a request with so many bytes in it; none if too many are under way. One that is too large by itself has to
    /// be the only one.
    pub(super) fn begin(self: &Arc<Self>, bytes: usize) -> Option<Permit> {
        let cost = bytes.saturating_add(REQUEST);
        let more = |used: usize| (used == 0 || used.saturating_add(cost) <= MOST).then(|| used.saturating_add(cost));
        self.used.fetch_update(SeqCst, SeqCst, more).ok()?;
        Some(Permit { budget: Arc::clone(self), cost })
    }

    /// Wait until no request is under way.
    pub(super) async fn emptied(&self) {
        loop {
            let emptied = self.emptied.notified();
            if self.used.load(SeqCst) == 0 {
                return;
            }
            emptied.await;
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if self.budget.used.fetch_sub(self.cost, SeqCst) == self.cost {
            self.budget.emptied.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_than_the_bound_is_under_way() {
        let budget = Arc::new(Budget::default());
        let huge = budget.begin(MOST * 2).expect("the only one");
        assert!(budget.begin(0).is_none());
        drop(huge);
        let all: Vec<_> = std::iter::from_fn(|| budget.begin(0)).collect();
        assert_eq!(all.len(), MOST / REQUEST);
        drop(all);
        assert!(budget.begin(MOST - REQUEST).is_some());
    }
}
