//! Events that tell event listeners and plugins of changes. They name the key, and never the value.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use plugin_api::Host;

use super::operation::Change;

/// Type of the event of a value that was stored, by whatever operation.
pub(super) const STORE: &str = "CACHE_STORE";

/// Type of the event of an entry that was deleted.
pub(super) const DELETE: &str = "CACHE_DELETE";

/// Type of the event of a cache that was emptied.
pub(super) const CLEAR: &str = "CACHE_CLEAR";

/// Type of the event of an entry that is gone since its time was over.
pub(super) const EXPIRE: &str = "CACHE_EXPIRE";

/// Bytes of a key that are escaped, as by Python's `quote(key, safe='')`: a payload is words between blanks, with a
/// colon in each.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// An event to be published: its type and its payload.
pub(super) type Event = (&'static str, String);

/// The events of one cache, which cost nothing but the question where nobody listens.
#[derive(Debug, Default)]
pub(super) struct Events(Option<Host>);

impl Events {
    /// Events that are published through this host.
    pub(super) fn new(host: &Host) -> Self {
        Self(Some(host.clone()))
    }

    /// The events of the steps of an operation, in their order.
    pub(super) fn of(&self, changes: &[Change]) -> Vec<Event> {
        self.listened_to(changes, DELETE)
    }

    /// The events of steps that take out what has expired.
    pub(super) fn of_expired(&self, expired: &[Change]) -> Vec<Event> {
        self.listened_to(expired, EXPIRE)
    }

    /// Return true if anybody listens to any of them.
    pub(super) fn has_listeners(&self) -> bool {
        self.0.as_ref().is_some_and(Host::has_listeners)
    }

    /// Publish events, in their order.
    pub(super) fn publish(&self, events: Vec<Event>) {
        let Some(host) = &self.0 else { return };
        for (name, payload) in events {
            // The types are listed with the factory, so there is nothing to fail.
            let _ = host.emit(name, payload);
        }
    }

    /// Publish the event of a change that another process tells of; `key` is none if it is that of all entries.
    #[cfg(feature = "engine")]
    pub(super) fn tell(&self, name: &'static str, key: Option<&str>) {
        self.publish(vec![(name, payload(key))]);
    }

    /// The events of these steps, if somebody listens. `removed` is the type for an entry that goes.
    fn listened_to(&self, changes: &[Change], removed: &'static str) -> Vec<Event> {
        if changes.is_empty() || !self.has_listeners() {
            return Vec::new();
        }
        let event = |change: &Change| {
            let name = match change {
                Change::Put { .. } => STORE,
                Change::Remove { .. } => removed,
                Change::Clear => CLEAR,
                // The value is there as before.
                Change::Expire { .. } => return None,
            };
            Some((name, payload(change.key())))
        };
        changes.iter().filter_map(event).collect()
    }
}

/// The first line of an event, which names the key; an empty one if it is of all entries.
fn payload(key: Option<&str>) -> String {
    key.map(|key| format!("key:{}", utf8_percent_encode(key, ESCAPED))).unwrap_or_default()
}
