//! The watchdog: it names in the log the method of a plugin that does not come to an end, or that holds a thread which
//! others wait for.
//!
//! The modules are floors; each imports only from those above it in this list.

mod in_flight;
mod server_thread;
mod slow;
mod stuck_notice;

#[cfg(test)]
mod tests;

use std::{
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use plugin_api::Fault;

use self::server_thread::CurrentCall;
pub(super) use self::{
    in_flight::{InFlight, Kind},
    server_thread::{await_or_refuse, is_in_method},
    slow::{warn_if_slow, warn_if_slow_poll},
    stuck_notice::StuckNotice,
};
use crate::logger::Logger;

/// Time from one look at the threads to the next.
const INTERVAL: Duration = Duration::from_secs(5);

/// Time that is longer than any `nonblocking` method takes that does what it promised.
const MOMENT: Duration = Duration::from_millis(50);

/// Full name of the method that has kept the server's thread at the end, once that is known. This thread holds all
/// plugins, and none of them can end before it does.
pub(super) type StuckMethod = Arc<OnceLock<Arc<str>>>;

/// Watch over the threads on which the methods of one registry run.
#[derive(Debug)]
pub(super) struct Watchdog {
    /// Full names of all methods, by their numbers.
    names: Vec<Arc<str>>,
    /// The call that the server's thread is in.
    current: CurrentCall,
    /// List of the calls and polls on all other threads.
    in_flight: InFlight,
    /// Found once the end has come.
    stuck: StuckMethod,
    logger: Logger,
    /// Set once there is a thread that looks.
    is_started: AtomicBool,
}

impl Watchdog {
    /// A watchdog that knows the methods by these names. It sees what runs, and says nothing before
    /// [`start`](Self::start).
    pub(super) fn new(names: Vec<Arc<str>>, in_flight: InFlight, logger: Logger) -> Self {
        let (current, stuck, is_started) = (CurrentCall::default(), StuckMethod::default(), AtomicBool::new(false));
        Self { names, current, in_flight, stuck, logger, is_started }
    }

    /// Look at the threads from now on, until this is dropped.
    pub(super) fn start(self: &Arc<Self>) {
        if !self.is_started.swap(true, Relaxed) {
            let watchdog = Arc::downgrade(self);
            // Without this thread a line in the log is missing, and nothing else.
            let _ = thread::Builder::new().name("watchdog".to_owned()).spawn(move || look(&watchdog, INTERVAL));
        }
    }

    /// Call a `nonblocking` method of a plugin, by its number, on the server's thread. Only that thread may.
    #[inline]
    pub(super) fn during<T>(&self, method: usize, call: impl FnOnce() -> T) -> T {
        self.current.during(method, call)
    }

    /// Fault for the method that has the server's thread and asks for `what`, which is not there at once.
    #[cold]
    pub(super) fn cannot_wait(&self, what: &str) -> Fault {
        let method = self.current.now().map_or("a method", |(_, method)| self.name_of(method));
        Fault::failed_with(format_args!(
            "{method} is declared nonblocking and cannot wait for {what}, which takes its time; it must be declared \
             without nonblocking, or be an async fn that awaits it"
        ))
    }

    /// Name of the method that has the server's thread and does not give it back, if there is one; as
    /// [`stuck_method`](Self::stuck_method) has it from now on, too.
    pub(super) fn find_stuck_method(&self) -> Option<&str> {
        let now = self.current.now()?;
        thread::sleep(MOMENT);
        let is_stuck = self.current.now() == Some(now);
        is_stuck.then(|| &**self.stuck.get_or_init(|| self.name_of(now.1).into()))
    }

    /// The method that was found to keep the server's thread, for who waits for the plugins to end.
    pub(super) fn stuck_method(&self) -> StuckMethod {
        self.stuck.clone()
    }

    /// Name what has run for too long at `now` on other threads than the server's, in words for the log; each but once.
    pub(super) fn late(&self, now: Instant) -> Vec<String> {
        self.in_flight.late(now)
    }

    /// Full name of the method of that number.
    fn name_of(&self, method: usize) -> &str {
        self.names.get(method).map_or("?", |name| name)
    }
}

/// Look now and then whether the server's thread has come back and whether anything else has run for too long, for as
/// long as there is a watchdog. Each call is named once.
fn look(watchdog: &Weak<Watchdog>, interval: Duration) {
    let (mut seen, mut reported) = (None, None);
    loop {
        thread::sleep(interval);
        let Some(watchdog) = watchdog.upgrade() else { return };
        let now = watchdog.current.now();
        if let Some((_, method)) = now.filter(|_| now == seen && now != reported) {
            reported = now;
            let (method, seconds) = (watchdog.name_of(method), interval.as_secs());
            watchdog.logger.warn(format_args!(
                "{method} is declared nonblocking and has not come back for {seconds} seconds; no client is answered \
                 until it does"
            ));
        }
        seen = now;
        for warning in watchdog.late(Instant::now()) {
            watchdog.logger.warn(warning);
        }
    }
}
