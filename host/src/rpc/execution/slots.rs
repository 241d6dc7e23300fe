//! Slots for calls that may block: how many calls of one namespace run at once, and what becomes of further ones.
//!
//! They wait, for that is all that a burst needs. But where no slot becomes free because the calls that have them hang,
//! the log says so once, and those who wait are told in the end.

use std::{sync::Arc, time::Duration};

use plugin_api::Fault;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use crate::rpc::watchdog::StuckNotice;

/// Number of slots of a namespace.
pub(crate) const NAMESPACE_SLOTS: usize = 32;

/// Number of slots of a result handler of a plugin.
pub(crate) const RESULT_HANDLER_SLOTS: usize = 4;

/// Number of result handlers for which there is always a thread. There is one for more where not all of them are at
/// work.
pub(crate) const RESULT_HANDLERS: usize = 64;

/// Number of calls that may wait at once.
pub(super) const MAX_WAITING: usize = 512;

/// Times that a call waits before something is done about it.
#[derive(Clone, Copy, Debug)]
pub(super) struct WaitTimeouts {
    /// Time before the log is told.
    pub(super) notice: Duration,
    /// Time from then on before the call fails.
    pub(super) rest: Duration,
}

impl WaitTimeouts {
    /// Time that a call waits in all.
    pub(super) fn all(self) -> Duration {
        self.notice + self.rest
    }
}

/// Times that calls of clients wait.
pub(super) const WAIT_TIMEOUTS: WaitTimeouts =
    WaitTimeouts { notice: Duration::from_secs(5), rest: Duration::from_secs(25) };

/// The slots that calls of clients take.
#[derive(Debug)]
pub(super) struct Slots {
    /// Name of their owner, for faults.
    name: String,
    /// Number of the slots and what fills them, for the log and for faults: `32 calls of x.*`.
    all: String,
    /// One permit for each slot that is free.
    free: Arc<Semaphore>,
    timeouts: WaitTimeouts,
    notice: StuckNotice,
}

impl Slots {
    /// So many free slots.
    pub(super) fn new(name: &str, all: String, count: usize, notice: StuckNotice) -> Self {
        let free = Arc::new(Semaphore::new(count));
        Self { name: name.to_owned(), all, free, timeouts: WAIT_TIMEOUTS, notice }
    }

    /// Take a slot, which is given back when it is dropped. Where none is free, wait; but neither for ever nor with
    /// more than [`MAX_WAITING`] others.
    pub(super) async fn take(&self) -> Result<OwnedSemaphorePermit, Fault> {
        if let Ok(slot) = self.free.clone().try_acquire_owned() {
            self.notice.report_end();
            return Ok(slot);
        }
        let _waiting = self.notice.wait();
        if self.notice.waiting() > MAX_WAITING {
            self.report_stuck();
            return Err(self.busy());
        }
        if let Ok(slot) = timeout(self.timeouts.notice, self.next()).await {
            return slot;
        }
        self.report_stuck();
        timeout(self.timeouts.rest, self.next()).await.unwrap_or_else(|_| Err(self.busy()))
    }

    /// Wait for the next free slot.
    async fn next(&self) -> Result<OwnedSemaphorePermit, Fault> {
        self.free.clone().acquire_owned().await.map_err(|_| self.busy())
    }

    /// Fault for a call that waits in vain.
    fn busy(&self) -> Fault {
        Fault::failed_with(format_args!("{} is busy: {} have not ended yet", self.name, self.all))
    }

    /// Tell the log that calls wait in vain.
    #[cold]
    fn report_stuck(&self) {
        self.notice.report(|| {
            let (all, seconds) = (&self.all, self.timeouts.all().as_secs());
            format!("{all} are being worked on and do not end; further ones wait, and fail after {seconds} seconds")
        });
    }
}

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;

    use super::*;
    use crate::logger::{Level, Logger};

    fn slots(timeouts: WaitTimeouts) -> (Arc<Slots>, Arc<Mutex<Vec<String>>>) {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let log = lines.clone();
        let logger = Logger::new(Level::Info, move |line| log.lock().push(line.message));
        let notice = StuckNotice::new("RPC interface 'sick'", "answers plain calls", logger);
        (
            Arc::new(Slots {
                timeouts,
                ..Slots::new("sick", "32 calls of sick.*".to_owned(), NAMESPACE_SLOTS, notice)
            }),
            lines,
        )
    }

    const SHORT: WaitTimeouts = WaitTimeouts { notice: Duration::from_millis(5), rest: Duration::from_millis(5) };

    /// Longer than any test takes.
    const LONG: WaitTimeouts = WaitTimeouts { notice: Duration::from_hours(1), rest: Duration::from_hours(1) };

    async fn take_all(slots: &Slots) -> Vec<OwnedSemaphorePermit> {
        let mut taken = Vec::new();
        for _ in 0..NAMESPACE_SLOTS {
            taken.push(slots.take().await.unwrap());
        }
        taken
    }

    #[tokio::test]
    async fn who_waits_for_calls_that_hang_is_told_and_so_is_the_log() {
        let (slots, lines) = slots(SHORT);
        let hanging = take_all(&slots).await;
        for _ in 0..2 {
            let fault = slots.take().await.unwrap_err();
            assert_eq!(fault.text, "FAILED: sick is busy: 32 calls of sick.* have not ended yet");
        }
        assert_eq!(lines.lock().len(), 1, "said once: {:?}", lines.lock());
        assert!(lines.lock()[0].starts_with("RPC interface 'sick' is stuck"), "{:?}", lines.lock());
        drop(hanging);
        for _ in 0..2 {
            drop(slots.take().await.unwrap());
        }
        assert_eq!(lines.lock()[1..], ["RPC interface 'sick' answers plain calls again"]);
    }

    #[tokio::test]
    async fn a_burst_waits_and_is_no_news() {
        let (slots, lines) = slots(LONG);
        let mut taken = take_all(&slots).await;
        let waiting = tokio::spawn({
            let slots = slots.clone();
            async move { slots.take().await.map(drop) }
        });
        while slots.notice.waiting() == 0 {
            tokio::task::yield_now().await;
        }
        taken.pop();
        assert_eq!(waiting.await.unwrap(), Ok(()));
        assert!(lines.lock().is_empty());
    }

    #[tokio::test]
    async fn a_full_queue_is_told_at_once() {
        let (slots, lines) = slots(LONG);
        let _hanging = take_all(&slots).await;
        let mut queue = tokio::task::JoinSet::new();
        for _ in 0..MAX_WAITING {
            let slots = slots.clone();
            queue.spawn(async move { slots.take().await.map(drop) });
        }
        while slots.notice.waiting() < MAX_WAITING {
            tokio::task::yield_now().await;
        }
        assert!(slots.take().await.is_err());
        assert_eq!(lines.lock().len(), 1);
        // Who gives up waiting makes room.
        queue.shutdown().await;
        assert_eq!(slots.notice.waiting(), 0);
    }
}
