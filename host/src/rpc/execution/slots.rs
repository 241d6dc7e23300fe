//! The places of one namespace: how many of its calls that may block run at once, and what becomes of further ones.
//!
//! They wait, for that is all that a burst needs. But where no place becomes free because the calls that have them
//! hang, the log says so once, and those who wait are told in the end. [`Trouble`] remembers what the log was told.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use plugin_api::Fault;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use crate::logger::Logger;

/// How many there are.
pub(crate) const PLACES: usize = 32;

/// How many a result handler of a plugin has.
pub(crate) const HANDLER_PLACES: usize = 4;

/// How many calls may wait for one.
pub(crate) const QUEUE: usize = 512;

/// How long a call waits for a place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// Before the log speaks of it.
    pub(crate) notice: Duration,
    /// From then on, before it fails.
    pub(crate) rest: Duration,
}

impl Patience {
    pub(crate) fn all(self) -> Duration {
        self.notice + self.rest
    }
}

pub(crate) const PATIENCE: Patience = Patience { notice: Duration::from_secs(5), rest: Duration::from_secs(25) };

/// The places that calls of clients take.
#[derive(Debug)]
pub(crate) struct Places {
    /// Whose they are, for faults.
    name: String,
    /// How many there are, and of what: `32 calls of x.*`.
    all: String,
    free: Arc<Semaphore>,
    patience: Patience,
    trouble: Trouble,
}

impl Places {
    pub(crate) fn new(name: &str, all: String, count: usize, trouble: Trouble) -> Self {
        Self { name: name.to_owned(), all, free: Arc::new(Semaphore::new(count)), patience: PATIENCE, trouble }
    }

    /// A place, given back when dropped. It is waited for, but not for ever and not by everybody.
    pub(crate) async fn take(&self) -> Result<OwnedSemaphorePermit, Fault> {
        if let Ok(place) = self.free.clone().try_acquire_owned() {
            self.trouble.note_end();
            return Ok(place);
        }
        let _waiting = self.trouble.wait();
        if self.trouble.waiting() > QUEUE {
            self.note_stuck();
            return Err(self.busy());
        }
        if let Ok(place) = timeout(self.patience.notice, self.next()).await {
            return place;
        }
        self.note_stuck();
        timeout(self.patience.rest, self.next()).await.unwrap_or_else(|_| Err(self.busy()))
    }

    async fn next(&self) -> Result<OwnedSemaphorePermit, Fault> {
        self.free.clone().acquire_owned().await.map_err(|_| self.busy())
    }

    fn busy(&self) -> Fault {
        Fault::failed_with(format_args!("{} is busy: {} have not ended yet", self.name, self.all))
    }

    #[cold]
    fn note_stuck(&self) {
        self.trouble.note(|| {
            let (all, seconds) = (&self.all, self.patience.all().as_secs());
            format!("{all} are being worked on and do not end; further ones wait, and fail after {seconds} seconds")
        });
    }
}

/// Who waits, and whether the log knows why.
#[derive(Debug)]
pub(crate) struct Trouble {
    /// What stands first in lines of the log: `RPC interface 'x'`.
    who: String,
    /// What it does when it is over: `answers plain calls`.
    does: &'static str,
    waiting: AtomicUsize,
    /// The log was told that nothing goes on, and not yet that it does.
    known: AtomicBool,
    logger: Logger,
}

impl Trouble {
    pub(crate) fn new(who: impl Into<String>, does: &'static str, logger: Logger) -> Self {
        Self { who: who.into(), does, waiting: AtomicUsize::new(0), known: AtomicBool::new(false), logger }
    }

    /// One waits until this is dropped.
    pub(crate) fn wait(&self) -> Waiting<'_> {
        self.waiting.fetch_add(1, Relaxed);
        Waiting(&self.waiting)
    }

    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Relaxed)
    }

    pub(crate) fn is_known(&self) -> bool {
        self.known.load(Relaxed)
    }

    /// Tells the log once.
    pub(crate) fn note(&self, why: impl FnOnce() -> String) {
        if !self.known.swap(true, Relaxed) {
            self.logger.warn(format_args!("{} is stuck: {}", self.who, why()));
        }
    }

    /// Tells the log that it is over, if it knows.
    pub(crate) fn note_end(&self) {
        if self.is_known() && self.known.swap(false, Relaxed) {
            self.logger.info(format_args!("{} {} again", self.who, self.does));
        }
    }
}

/// One that waits.
pub(crate) struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;

    use super::*;
    use crate::logger::Level;

    fn places(patience: Patience) -> (Arc<Places>, Arc<Mutex<Vec<String>>>) {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let log = lines.clone();
        let logger = Logger::new(Level::Info, move |line| log.lock().push(line.message));
        let trouble = Trouble::new("RPC interface 'sick'", "answers plain calls", logger);
        (Arc::new(Places { patience, ..Places::new("sick", "32 calls of sick.*".to_owned(), PLACES, trouble) }), lines)
    }

    const SHORT: Patience = Patience { notice: Duration::from_millis(5), rest: Duration::from_millis(5) };

    /// Longer than any test takes.
    const LONG: Patience = Patience { notice: Duration::from_hours(1), rest: Duration::from_hours(1) };

    async fn take_all(places: &Places) -> Vec<OwnedSemaphorePermit> {
        let mut taken = Vec::new();
        for _ in 0..PLACES {
            taken.push(places.take().await.unwrap());
        }
        taken
    }

    #[tokio::test]
    async fn who_waits_for_calls_that_hang_is_told_and_so_is_the_log() {
        let (places, lines) = places(SHORT);
        let hanging = take_all(&places).await;
        for _ in 0..2 {
            let fault = places.take().await.unwrap_err();
            assert_eq!(fault.text, "FAILED: sick is busy: 32 calls of sick.* have not ended yet");
        }
        assert_eq!(lines.lock().len(), 1, "said once: {:?}", lines.lock());
        assert!(lines.lock()[0].starts_with("RPC interface 'sick' is stuck"), "{:?}", lines.lock());
        drop(hanging);
        for _ in 0..2 {
            drop(places.take().await.unwrap());
        }
        assert_eq!(lines.lock()[1..], ["RPC interface 'sick' answers plain calls again"]);
    }

    #[tokio::test]
    async fn a_burst_waits_and_is_no_news() {
        let (places, lines) = places(LONG);
        let mut taken = take_all(&places).await;
        let waiting = tokio::spawn({
            let places = places.clone();
            async move { places.take().await.map(drop) }
        });
        while places.trouble.waiting() == 0 {
            tokio::task::yield_now().await;
        }
        taken.pop();
        assert_eq!(waiting.await.unwrap(), Ok(()));
        assert!(lines.lock().is_empty());
    }

    #[tokio::test]
    async fn a_full_queue_is_told_at_once() {
        let (places, lines) = places(LONG);
        let _hanging = take_all(&places).await;
        let mut queue = tokio::task::JoinSet::new();
        for _ in 0..QUEUE {
            let places = places.clone();
            queue.spawn(async move { places.take().await.map(drop) });
        }
        while places.trouble.waiting() < QUEUE {
            tokio::task::yield_now().await;
        }
        assert!(places.take().await.is_err());
        assert_eq!(lines.lock().len(), 1);
        // Who gives up waiting makes room.
        queue.shutdown().await;
        assert_eq!(places.trouble.waiting(), 0);
    }
}
