//! Those who wait for the value under a key to change.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use tokio::sync::{Notify, futures::Notified};

/// Everybody who waits, by the key. Who waits for one key sleeps while others change.
#[derive(Debug, Default)]
pub(super) struct Waiters {
    /// Number of all of them, so that a change that nobody waits for costs nothing.
    number: AtomicUsize,
    keys: Mutex<HashMap<Box<str>, Waiting>>,
}

/// Those who wait for one key.
#[derive(Debug, Default)]
struct Waiting {
    notify: Arc<Notify>,
    number: usize,
}

impl Waiters {
    /// Begin to look at a key.
    pub(super) fn watch(self: &Arc<Self>, key: Box<str>) -> Watch {
        self.number.fetch_add(1, Relaxed);
        let mut keys = self.keys();
        let waiting = keys.entry(key.clone()).or_default();
        waiting.number += 1;
        Watch { waiters: Arc::clone(self), key, notify: Arc::clone(&waiting.notify) }
    }

    /// Return true if anybody waits for anything. Who asks has the lock of the table: who comes later sees what it has
    /// become.
    pub(super) fn any(&self) -> bool {
        self.number.load(Relaxed) > 0
    }

    /// Wake those who wait for a key, or for any.
    pub(super) fn wake(&self, key: Option<&str>) {
        let keys = self.keys();
        match key {
            Some(key) => {
                if let Some(waiting) = keys.get(key) {
                    waiting.notify.notify_waiters();
                }
            }
            None => keys.values().for_each(|waiting| waiting.notify.notify_waiters()),
        }
    }

    // A panic while the lock is held leaves the map whole, so poisoning has nothing to say.
    fn keys(&self) -> std::sync::MutexGuard<'_, HashMap<Box<str>, Waiting>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One who waits. Dropping it is the end of that.
#[derive(Debug)]
pub(super) struct Watch {
    waiters: Arc<Waiters>,
    key: Box<str>,
    notify: Arc<Notify>,
}

impl Watch {
    /// A future that ends with the first change after this call.
    pub(super) fn changed(&self) -> Notified<'_> {
        self.notify.notified()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.waiters.number.fetch_sub(1, Relaxed);
        let mut keys = self.waiters.keys();
        if let Some(waiting) = keys.get_mut(&self.key) {
            waiting.number -= 1;
            if waiting.number == 0 {
                keys.remove(&self.key);
            }
        }
    }
}
