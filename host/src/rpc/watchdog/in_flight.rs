//! Which code of plugins runs at the moment on the threads that are there for it, so that the log can name what does
//! not come to an end: it holds up nobody else yet, but whoever waits for it would look for the reason elsewhere.
//!
//! The server's thread has no time for this; who holds that one, `held` knows.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;

/// What runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A call that may take as long as it likes, on a thread that it has to itself.
    Call,
    /// One poll of an `async fn`, on the thread of all futures of its plugin. Waiting is none.
    Poll,
}

impl Kind {
    /// How long it may run before that is news.
    fn limit(self) -> Duration {
        match self {
            Self::Call => Duration::from_secs(30),
            Self::Poll => Duration::from_secs(5),
        }
    }

    fn news(self, name: &str, time: Duration) -> String {
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

/// All that runs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Running(Arc<Mutex<List>>);

#[derive(Debug, Default)]
struct List {
    begun: u64,
    /// By the order of their begin.
    entries: BTreeMap<u64, Entry>,
}

#[derive(Debug)]
struct Entry {
    kind: Kind,
    name: Arc<str>,
    begun: Instant,
    said: bool,
}

impl Running {
    /// That runs until the answer is dropped.
    pub(crate) fn begin(&self, kind: Kind, name: Arc<str>) -> Run<'_> {
        let entry = Entry { kind, name, begun: Instant::now(), said: false };
        let mut list = self.0.lock();
        list.begun += 1;
        let number = list.begun;
        list.entries.insert(number, entry);
        Run { all: self, number }
    }

    /// What has run for too long at `now`, in words; each but once.
    pub(crate) fn news(&self, now: Instant) -> Vec<String> {
        let mut list = self.0.lock();
        let late = list.entries.values_mut().filter_map(|entry| {
            let time = now.saturating_duration_since(entry.begun);
            let news = !entry.said && time >= entry.kind.limit();
            entry.said |= news;
            news.then(|| entry.kind.news(&entry.name, time))
        });
        late.collect()
    }
}

/// Something that runs.
pub(crate) struct Run<'a> {
    all: &'a Running,
    number: u64,
}

impl Drop for Run<'_> {
    fn drop(&mut self) {
        self.all.0.lock().entries.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runs_for_too_long_is_named_once() {
        let running = Running::default();
        let after = |seconds| running.news(Instant::now() + Duration::from_secs(seconds));
        let slow = running.begin(Kind::Call, "lantern.slow".into());
        let spin = running.begin(Kind::Poll, "lantern.spin".into());
        drop(running.begin(Kind::Call, "lantern.quick".into()));
        assert_eq!(after(4), [""; 0]);
        let [line] = &after(5)[..] else { panic!("of the poll alone") };
        assert!(
            line.starts_with("lantern.spin is an async fn and has blocked its thread for 5 seconds; until"),
            "{line}"
        );
        assert_eq!(after(30), ["lantern.slow has been running for 30 seconds"]);
        assert_eq!(after(60), [""; 0]);
        drop((slow, spin));
        assert!(running.0.lock().entries.is_empty());
    }
}
