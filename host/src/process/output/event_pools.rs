//! Pools of event listeners, and the events and pools that wait for their turn.
//!
//! A pool is added and removed in its turn, as events are delivered in theirs: it gets what comes after it and nothing
//! else.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use parking_lot::Mutex;

use crate::{
    config::{EventListenerPool, Level},
    events::Event,
    process::event_pool::{Pools, ResultHandler},
};

/// The pools, and what the lines about them need.
#[derive(Debug)]
pub(super) struct EventPools {
    /// Locked for a look at a few values only.
    pub(super) pools: Mutex<Pools>,
    /// Number of pools, those included whose turn has not come yet.
    pub(super) count: AtomicUsize,
    /// Number of events that wait for their turn.
    queued: Arc<AtomicUsize>,
    /// Level of the activity log.
    pub(super) level: Level,
    /// Name of this supervisord, for the header of an event.
    pub(super) identifier: String,
}

impl EventPools {
    pub(super) fn new(level: Level, identifier: &str) -> Self {
        let (count, queued) = (AtomicUsize::new(0), Arc::default());
        Self { pools: Mutex::default(), count, queued, level, identifier: identifier.to_owned() }
    }

    /// Count an event among those that wait for their turn.
    pub(super) fn queued(&self, event: Arc<Event>) -> QueuedEvent {
        self.queued.fetch_add(1, Ordering::Relaxed);
        QueuedEvent { event, count: Arc::clone(&self.queued) }
    }

    /// Return whether a pool has something that its listeners have not got, or not answered, although they listen.
    pub(super) fn is_behind(&self, name: &str) -> bool {
        self.queued.load(Ordering::Acquire) > 0 || self.pools.lock().is_behind(name)
    }
}

/// An event that waits for its turn, and is counted as long as it does.
pub(super) struct QueuedEvent {
    pub(super) event: Arc<Event>,
    count: Arc<AtomicUsize>,
}

impl Drop for QueuedEvent {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::Release);
    }
}

/// A pool that waits for its turn.
pub(super) struct NewPool {
    pub(super) name: String,
    pub(super) config: EventListenerPool,
    pub(super) processes: Vec<String>,
    pub(super) handler: Arc<dyn ResultHandler>,
}
