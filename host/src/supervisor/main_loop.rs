//! State of the main thread, which nobody else sees.

use std::{
    collections::HashSet,
    io,
    mem::ManuallyDrop,
    os::fd::OwnedFd,
    sync::Arc,
    time::{Duration, Instant},
};

use mio::{Interest, Poll, Token, Waker, net::UnixStream};
use signal_hook::{
    consts::{SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR2},
    iterator::{backend::SignalDelivery, exfiltrator::SignalOnly},
};

use super::{
    descendants::Descendants,
    fd_budget::FdBudget,
    lookup::{FindCommand, Lookups},
    requests::{Request, Requests},
    shared::Shared,
    spawn_queue::SpawnQueue,
};
use crate::{
    logger::Logger,
    process::{fd_reserve::FdReserve, spawn::Spawner, state::Time},
};

const WAKER: Token = Token(0);
const SIGNALS: Token = Token(1);

/// Source of what the main thread waits for. Signals are caught from the moment this is made.
pub(super) struct Reactor {
    pub(super) poll: Poll,
    pub(super) signals: SignalDelivery<UnixStream, SignalOnly>,
}

impl Reactor {
    pub(super) fn new() -> io::Result<Self> {
        let poll = Poll::new()?;
        let (reading, writing) = UnixStream::pair()?;
        // signal-hook wants to own the writing end as a plain descriptor.
        let writing = OwnedFd::from(writing);
        let caught = [SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR2, SIGCHLD];
        let mut signals = SignalDelivery::with_pipe(reading, writing, SignalOnly, caught)?;
        poll.registry().register(signals.get_read_mut(), SIGNALS, Interest::READABLE)?;
        Ok(Self { poll, signals })
    }

    pub(super) fn waker(&self) -> io::Result<Waker> {
        Waker::new(self.poll.registry(), WAKER)
    }
}

/// The main loop: it alone spawns, signals and reaps, and it waits for nothing but its own poll.
///
/// Where it is dropped without having run, it removes the `AUTO` logs that were made: what does not begin leaves
/// nothing behind.
pub struct MainLoop {
    /// State that other threads see as well.
    pub(super) shared: Arc<Shared>,
    /// Source of what it waits for.
    pub(super) reactor: Reactor,
    /// Origin of its monotonic time.
    origin: Instant,
    /// Lookups of commands, on threads of their own.
    pub(super) lookups: Lookups,
    /// Descendants of programs, which end with them.
    pub(super) descendants: Descendants,
    /// Time for which a client waits for the file system on which a command lies.
    pub(super) start_timeout: Duration,
    /// Never dropped: a child that has not left our memory yet goes on to use what this keeps for it.
    pub(super) spawner: ManuallyDrop<Spawner>,
    /// Descriptors kept back for spawns.
    pub(super) fd_reserve: FdReserve,
    /// Processes that wait to be spawned.
    pub(super) spawn_queue: SpawnQueue,
    /// Number of the last run of a process.
    last_run: u64,
    /// Set once it runs.
    pub(super) has_run: bool,
}

impl std::fmt::Debug for MainLoop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MainLoop").finish_non_exhaustive()
    }
}

impl MainLoop {
    pub(super) fn new(
        shared: Arc<Shared>,
        reactor: Reactor,
        find_command: FindCommand,
        start_timeout: Duration,
    ) -> Self {
        let lookups = lookups(find_command, &shared.requests, &shared.logger);
        let descendants = descendants(&shared);
        Self {
            shared,
            reactor,
            origin: Instant::now(),
            lookups,
            descendants,
            start_timeout,
            spawner: ManuallyDrop::new(Spawner::new()),
            fd_reserve: FdReserve::new(FdBudget::new().left() / 4),
            spawn_queue: SpawnQueue::default(),
            last_run: 0,
            has_run: false,
        }
    }

    /// Return the present time of the monotonic clock.
    pub(super) fn now(&self) -> Time {
        self.origin.elapsed()
    }

    /// Return a number for the next run of a process.
    pub(super) fn next_run(&mut self) -> u64 {
        self.last_run += 1;
        self.last_run
    }
}

/// Make lookups whose late results come as requests.
fn lookups(find_command: FindCommand, requests: &Arc<Requests>, logger: &Logger) -> Lookups {
    let requests = Arc::clone(requests);
    let on_late = Box::new(move |id, result| requests.push(Request::Found(id, result)));
    Lookups::new(find_command, on_late, logger.clone())
}

/// Make the end of descendants, which wakes the main loop.
fn descendants(shared: &Arc<Shared>) -> Descendants {
    let (of_pids, requests) = (Arc::downgrade(shared), Arc::clone(&shared.requests));
    let running_pids = move || {
        of_pids.upgrade().map_or_else(HashSet::new, |shared| shared.groups.lock().by_pid.keys().copied().collect())
    };
    Descendants::new(shared.logger.clone(), Box::new(running_pids), Box::new(move || requests.wake()))
}

impl Drop for MainLoop {
    fn drop(&mut self) {
        if !self.has_run {
            for path in self.shared.groups.lock().auto_logs() {
                // The next supervisord cleans up what is left.
                let _ = std::fs::remove_file(path);
            }
        }
    }
}
