//! Keys that somebody waits for, with what was last seen under them. One look serves all who wait for a key.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use plugin_api::{Fault, Value};
use tokio::sync::watch;

/// Value that was seen under a key. The higher the number, the later the look.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) number: u64,
    pub(super) value: Result<Value, Fault>,
}

/// All keys that somebody waits for.
#[derive(Debug, Default)]
pub(super) struct Watched {
    /// Number of those who wait.
    number: AtomicUsize,
    keys: Mutex<HashMap<Box<str>, Watchers>>,
}

/// Those who wait for one key.
#[derive(Debug)]
struct Watchers {
    seen: watch::Sender<Option<Seen>>,
    number: usize,
}

/// One who waits. Dropping it is the end of that.
#[derive(Debug)]
pub(super) struct Watch {
    watched: Arc<Watched>,
    key: Box<str>,
    pub(super) seen: watch::Receiver<Option<Seen>>,
}

impl Watched {
    /// Begin to wait for a key.
    pub(super) fn watch(self: &Arc<Self>, key: Box<str>) -> Watch {
        self.number.fetch_add(1, Relaxed);
        let mut keys = self.keys();
        let watchers =
            keys.entry(key.clone()).or_insert_with(|| Watchers { seen: watch::Sender::new(None), number: 0 });
        watchers.number += 1;
        let seen = watchers.seen.subscribe();
        Watch { watched: Arc::clone(self), key, seen }
    }

    /// Return true if anybody waits for anything.
    pub(super) fn any(&self) -> bool {
        self.number.load(Relaxed) > 0
    }

    /// Return true if anybody waits for this key.
    pub(super) fn has(&self, key: &str) -> bool {
        self.any() && self.keys().contains_key(key)
    }

    /// The keys that somebody waits for.
    pub(super) fn all(&self) -> Vec<Box<str>> {
        if self.any() { self.keys().keys().cloned().collect() } else { Vec::new() }
    }

    /// Tell those who wait for a key what is there, unless they know of something later.
    pub(super) fn tell(&self, key: &str, news: Seen) {
        if let Some(watchers) = self.keys().get(key) {
            watchers.seen.send_if_modified(|seen| {
                let newer = seen.as_ref().is_none_or(|seen| seen.number < news.number);
                if newer {
                    *seen = Some(news);
                }
                newer
            });
        }
    }

    // A panic while the lock is held leaves the map whole, so poisoning has nothing to say.
    fn keys(&self) -> MutexGuard<'_, HashMap<Box<str>, Watchers>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.watched.number.fetch_sub(1, Relaxed);
        let mut keys = self.watched.keys();
        if let Some(watchers) = keys.get_mut(&self.key) {
            watchers.number -= 1;
            if watchers.number == 0 {
                keys.remove(&self.key);
            }
        }
    }
}
