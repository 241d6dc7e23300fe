//! Code of plugins that runs at the moment on the threads that are there for it. It holds up nobody else yet, but
//! whoever waits for it would look for the reason elsewhere.
//!
//! The server's thread has no time to keep such a list; see [`server_thread`](super::server_thread).

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;

/// Kind of work that a thread does for a plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A call that may take as long as it likes, on a thread that it has to itself.
    Call,
    /// One poll of an `async fn`, on the thread of all futures of its plugin. Waiting is none.
    Poll,
}

impl Kind {
    /// Time that it may take before the log is told.
    fn limit(self) -> Duration {
        match self {
            Self::Call => Duration::from_secs(30),
            Self::Poll => Duration::from_secs(5),
        }
    }

    /// Line of the log about one that has run for so long.
    fn warning(self, name: &str, time: Duration) -> String {
        let seconds = time.as_secs();
        match self {
            Self::Call => format!("{name} has been running for {seconds} seconds"),
            Self::Poll => format!(
                "{name} is an async fn and has blocked its thread for {seconds} seconds; until it gives it back no other \
                 async fn of its plugin goes on"
            ),
        }
    }
}

/// List of all that runs. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct InFlight(Arc<Mutex<List>>);

/// Entries in the order of their numbers.
#[derive(Debug, Default)]
struct List {
    /// Number of entries that there ever were, which numbers the next one.
    begun: u64,
    /// Entries by the order of their begin.
    entries: BTreeMap<u64, RunningCall>,
}

/// Call or poll that runs.
#[derive(Debug)]
struct RunningCall {
    kind: Kind,
    name: Arc<str>,
    begun: Instant,
    /// Set once the log was told, since each entry is worth one line.
    is_reported: bool,
}

impl InFlight {
    /// Add what begins to run. It is taken out when the answer is dropped.
    pub(crate) fn begin(&self, kind: Kind, name: Arc<str>) -> Entered<'_> {
        let entry = RunningCall { kind, name, begun: Instant::now(), is_reported: false };
        let mut list = self.0.lock();
        list.begun += 1;
        let number = list.begun;
        list.entries.insert(number, entry);
        Entered { list: self, number }
    }

    /// Name what has run for too long at `now`, in words for the log; each but once.
    pub(super) fn late(&self, now: Instant) -> Vec<String> {
        let mut list = self.0.lock();
        let late = list.entries.values_mut().filter_map(|entry| {
            let time = now.saturating_duration_since(entry.begun);
            let is_news = !entry.is_reported && time >= entry.kind.limit();
            entry.is_reported |= is_news;
            is_news.then(|| entry.kind.warning(&entry.name, time))
        });
        late.collect()
    }
}

/// Place of one entry in the list, for as long as it runs.
pub(crate) struct Entered<'a> {
    list: &'a InFlight,
    number: u64,
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.list.0.lock().entries.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runs_for_too_long_is_named_once() {
        let in_flight = InFlight::default();
        let after = |seconds| in_flight.late(Instant::now() + Duration::from_secs(seconds));
        let slow = in_flight.begin(Kind::Call, "lantern.slow".into());
        let spin = in_flight.begin(Kind::Poll, "lantern.spin".into());
        drop(in_flight.begin(Kind::Call, "lantern.quick".into()));
        assert_eq!(after(4), [""; 0]);
        let [line] = &after(5)[..] else { panic!("of the poll alone") };
        assert!(
            line.starts_with("lantern.spin is an async fn and has blocked its thread for 5 seconds; until"),
            "{line}"
        );
        assert_eq!(after(30), ["lantern.slow has been running for 30 seconds"]);
        assert_eq!(after(60), [""; 0]);
        drop((slow, spin));
        assert!(in_flight.0.lock().entries.is_empty());
    }
}
