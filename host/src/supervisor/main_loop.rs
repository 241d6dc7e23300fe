//! State of the main thread, which nobody else sees.

use std::{
    collections::{HashSet, VecDeque},
    io,
    mem::ManuallyDrop,
    os::fd::{OwnedFd, RawFd},
    sync::Arc,
    time::{Duration, Instant},
};

use mio::{Interest, Poll, Token, Waker, net::UnixStream};
use nix::time::{ClockId, clock_gettime};
use signal_hook::{
    consts::{SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR2},
    iterator::{backend::SignalDelivery, exfiltrator::SignalOnly},
};

use super::{
    descendants::Descendants,
    fd_budget::FdBudget,
    lookup::{FindCommand, Lookups},
    probe::ProbeSpawn,
    probe_tasks::ProbeTasks,
    requests::{Request, Requests},
    shared::Shared,
    snapshot::EndedRecord,
    spawn_queue::SpawnQueue,
    status::ProcessId,
    ticks::Ticks,
};
use crate::{
    logger::Logger,
    process::{
        fcgi::SharedSocket, fd_reserve::FdReserve, output::OutputState, spawn::Spawner, state::Time, stdin::StdinState,
    },
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

/// State that another supervisord has handed over, until the main loop runs.
pub(super) struct Adopted {
    pub(super) processes: Vec<AdoptedProcess>,
    pub(super) sockets: Vec<HandedSocket>,
    pub(super) ended_runs: Vec<EndedRecord>,
    pub(super) output: OutputState,
}

/// Socket that processes share, with the number of its descriptor.
pub(super) type HandedSocket = (Arc<SharedSocket>, RawFd);

/// Part of a process that is taken over when the main loop runs.
pub(super) struct AdoptedProcess {
    pub(super) id: ProcessId,
    /// Pid, 0 where it does not run.
    pub(super) pid: i32,
    /// Start of the process with that pid.
    pub(super) birth: Option<u64>,
    pub(super) stdin: Option<StdinState>,
    /// Socket that it keeps open.
    pub(super) socket: Option<Arc<SharedSocket>>,
    /// Number of the descriptor by which it says that it is ready.
    pub(super) ready_channel: Option<RawFd>,
}

/// The main loop: it alone spawns, signals and reaps, and it waits for nothing but its own poll.
///
/// Where it is dropped without having run, it removes the `AUTO` logs that were made: what does not begin leaves
/// nothing behind.
#[allow(clippy::struct_excessive_bools, reason = "each says of another thing whether it has happened")]
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
    /// Processes whose state has changed since dependencies were looked at.
    pub(super) changed: Vec<ProcessId>,
    /// Set once a program has come to an end of its own since the ends of all were looked at.
    pub(super) has_new_end: bool,
    /// Status to exit with.
    pub(super) exit_status: i32,
    /// Processes that were started, or wait for their start, with all that they depend on, since one has stopped last:
    /// there is nothing to do for them again.
    pub(super) wanted: HashSet<ProcessId>,
    /// Number of changes of groups up to which dependencies were looked at.
    pub(super) settled_at: u64,
    /// Tasks that ask whether programs are ready.
    pub(super) probe_tasks: Arc<ProbeTasks>,
    /// Children for probes that are yet to be made.
    pub(super) probe_spawns: VecDeque<ProbeSpawn>,
    /// Number of the last run of a process.
    pub(super) last_run: u64,
    /// Ticks, once it runs.
    pub(super) ticks: Option<Ticks>,
    /// State to begin with, if another supervisord has handed that over.
    adopted: Option<Adopted>,
    /// Processes that were taken over and of which nobody has looked yet whether they are still those: with the pid of
    /// each and its start.
    pub(super) unproved: Vec<(ProcessId, i32, Option<u64>)>,
    /// Set once it has taken that over.
    pub(super) has_taken_over: bool,
    /// Set where a child has ended and nobody has looked for it yet.
    pub(super) reaps_at_once: bool,
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
        let probe_tasks = Arc::new(ProbeTasks::new(Arc::clone(&shared.requests), shared.logger.clone()));
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
            changed: Vec::new(),
            has_new_end: false,
            exit_status: 0,
            wanted: HashSet::new(),
            settled_at: 0,
            probe_tasks,
            probe_spawns: VecDeque::new(),
            last_run: 0,
            ticks: None,
            adopted: None,
            unproved: Vec::new(),
            has_taken_over: false,
            reaps_at_once: false,
            has_run: false,
        }
    }

    /// Begin with what another supervisord has handed over.
    pub(super) fn adopt(&mut self, adopted: Adopted, origin: Duration, last_run: u64, ticks: Option<Ticks>) {
        // The clock of the one that handed over went on meanwhile.
        self.origin = Instant::now().checked_sub(monotonic().saturating_sub(origin)).unwrap_or_else(Instant::now);
        self.last_run = last_run;
        self.ticks = ticks;
        self.adopted = Some(adopted);
        self.has_run = true;
    }

    /// Take what another supervisord has handed over.
    pub(super) fn take_adopted(&mut self) -> Option<Adopted> {
        self.adopted.take()
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

/// Return the time of the system's monotonic clock, which goes on over an exec.
pub(super) fn monotonic() -> Duration {
    clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(Duration::ZERO, Duration::from)
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
        let Some(shared) = of_pids.upgrade() else { return HashSet::new() };
        let groups = shared.groups.lock();
        groups.by_pid.keys().chain(groups.probe_children.keys()).copied().collect()
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
