//! Lookups of what a spawn needs, on threads of their own: the executable, and the socket that the processes of a group
//! share.
//!
//! A lookup in a file system may take for ever: a network mount whose server is gone. The main thread waits for it for
//! a moment, which is far more than a disk takes, and only while no other lookup is known to hang. After that the
//! result comes as a request, whenever it comes, and all other programs are looked after meanwhile. A process is looked
//! up once at a time, whoever wants to know: so one that lies on such a mount costs one thread, however often clients
//! ask for it.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use nix::sys::signal::SigSet;
use parking_lot::{Condvar, Mutex, MutexGuard};

use super::{
    descendants::{Descendants, Enclosure},
    status::ProcessId,
};
use crate::{
    logger::Logger,
    process::{
        command::{Command, CommandError},
        fcgi::{Listening, SharedSocket},
        launch::Launch,
    },
};

/// Time for which the main thread waits for a lookup, and a late result for one that should come before it.
const TIMEOUT: Duration = Duration::from_millis(20);
/// Time after which the log says that a lookup hangs.
const REPORT_AFTER: Duration = Duration::from_secs(5);
/// Time for which a thread without work stays.
const IDLE_TIMEOUT: Duration = Duration::from_secs(1);
const STACK_SIZE: usize = 256 * 1024;

/// Process that is to be looked up.
pub(super) struct LookupRequest {
    pub(super) id: ProcessId,
    pub(super) launch: Arc<Launch>,
    /// Socket that it shares with its group, if that is one of `[fcgi-program:x]`.
    pub(super) socket: Option<Arc<SharedSocket>>,
    /// Descendants of programs and the name of its group, if its own are to be ended with it.
    pub(super) descendants: Option<(Descendants, String)>,
}

/// Findings of a lookup, which a spawn needs.
pub(super) struct Findings {
    pub(super) command: Command,
    /// Socket of its group, open.
    pub(super) listening: Option<Arc<Listening>>,
    /// Way to its descendants, if they are to be ended with it.
    pub(super) enclosure: Option<Enclosure>,
}

/// Reason why a process cannot be spawned. The text is reported as `spawnerr`.
#[derive(Debug, thiserror::Error)]
pub(super) enum LookupError {
    /// The command cannot be executed.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// The socket of its group could not be opened.
    #[error("{0}")]
    Socket(String),
}

/// Result of a lookup.
pub(super) type LookupResult = Result<Findings, LookupError>;
/// Function that finds an executable; tests have their own.
pub(super) type FindCommand = Box<dyn Fn(&Launch) -> Result<Command, CommandError> + Send + Sync>;
/// Callback for a result that was not waited for.
type OnLate = Box<dyn Fn(ProcessId, LookupResult) + Send + Sync>;

/// Lookups that go on, and their threads. The main thread alone asks.
pub(super) struct Lookups(Arc<LookupPool>);

/// Results of a round of lookups that came while it was waited for. Those of the others come late.
#[derive(Default)]
pub(super) struct Round {
    pub(super) found: Vec<(ProcessId, LookupResult)>,
    /// Processes that cannot be looked up, since no thread is to be had.
    pub(super) hindered: Vec<ProcessId>,
}

/// Lookups as the main thread and the threads that make them share them.
struct LookupPool {
    find_command: FindCommand,
    on_late: OnLate,
    logger: Logger,
    /// State of all lookups; locked also while a late result is handed over, so that those come in order.
    state: Mutex<State>,
    /// Notified of each job.
    work: Condvar,
    /// Notified when all that is awaited was found.
    done: Condvar,
    /// Notified of each late result that was handed over.
    handed_over: Condvar,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<LookupRequest>,
    /// Number of threads that wait for a job.
    idle: usize,
    /// Processes that the main thread waits for, in its order and with their names.
    awaited: Vec<(ProcessId, String)>,
    /// Results for those.
    found: Vec<(ProcessId, LookupResult)>,
    /// Lookups whose results will come late. No process has two.
    late: HashMap<ProcessId, LateLookup>,
}

/// Lookup that the main thread does not wait for any more.
struct LateLookup {
    /// Moment when the main thread stopped waiting for it, and for others of its round.
    since: Instant,
    /// Position among those.
    position: usize,
    /// Name of the process.
    name: String,
    /// Set once the log says that it hangs.
    is_reported: bool,
}

impl Lookups {
    pub(super) fn new(find_command: FindCommand, on_late: OnLate, logger: Logger) -> Self {
        let (work, done, handed_over) = (Condvar::new(), Condvar::new(), Condvar::new());
        Self(Arc::new(LookupPool { find_command, on_late, logger, state: Mutex::default(), work, done, handed_over }))
    }

    /// Look up some processes.
    pub(super) fn find(&self, wanted: Vec<LookupRequest>) -> Round {
        let mut round = Round::default();
        let mut state = self.0.state.lock();
        let nothing_hangs = state.late.is_empty();
        for request in wanted {
            if !state.late.contains_key(&request.id) {
                state.awaited.push((request.id, request.launch.name().to_owned()));
                state.jobs.push_back(request);
            }
        }
        if nothing_hangs && !state.jobs.is_empty() {
            // One thread does them all, as long as none of them hangs.
            self.add_threads(&mut state, 1, &mut round);
            self.0.done.wait_while_for(&mut state, |state| !state.awaited.is_empty(), TIMEOUT);
        }
        round.found = std::mem::take(&mut state.found);
        // From here on each needs a thread that it may keep.
        let count = state.jobs.len();
        self.add_threads(&mut state, count, &mut round);
        let State { late, awaited, .. } = &mut *state;
        let since = Instant::now();
        late.extend(awaited.drain(..).enumerate().map(|(position, (id, name))| {
            let lookup = LateLookup { since, position, name, is_reported: false };
            (id, lookup)
        }));
        round
    }

    /// Log lookups that hang, each once. Return the time until the next call.
    pub(super) fn report(&self) -> Option<Duration> {
        let mut state = self.0.state.lock();
        let mut next = None;
        for lookup in state.late.values_mut().filter(|lookup| !lookup.is_reported) {
            let left = REPORT_AFTER.saturating_sub(lookup.since.elapsed());
            if left.is_zero() {
                lookup.is_reported = true;
                self.0.logger.warn(format_args!(
                    "the file system of the command of '{}' has not answered for {} seconds; others go on",
                    lookup.name,
                    REPORT_AFTER.as_secs()
                ));
            } else {
                next = Some(next.map_or(left, |next: Duration| next.min(left)));
            }
        }
        next
    }

    /// Have so many threads work at the jobs. Jobs that no thread is to be had for are given up.
    fn add_threads(&self, state: &mut State, count: usize, round: &mut Round) {
        for _ in 0..count.min(state.idle) {
            self.0.work.notify_one();
        }
        for threads in state.idle..count {
            let pool = Arc::clone(&self.0);
            let thread = std::thread::Builder::new().name("lookup".to_owned()).stack_size(STACK_SIZE);
            if thread.spawn(move || pool.work()).is_err() {
                // The threads that there are may hang.
                round.hindered.extend(state.jobs.drain(threads..).map(|request| request.id));
                state.awaited.retain(|(id, _)| !round.hindered.contains(id));
                return;
            }
        }
    }
}

impl LookupPool {
    fn look_up(&self, request: &LookupRequest) -> LookupResult {
        let command = (self.find_command)(&request.launch)?;
        // Only for a command that can be executed, as Supervisor does.
        let listening = request.socket.as_ref().map(|socket| socket.open(&self.logger)).transpose();
        let listening = listening.map_err(LookupError::Socket)?;
        let enclose = |(descendants, group): &(Descendants, String)| {
            descendants.enclose(request.id, group, request.launch.name())
        };
        Ok(Findings { command, listening, enclosure: request.descendants.as_ref().map(enclose) })
    }

    fn work(&self) {
        // Signals are the main thread's business.
        let _ = SigSet::all().thread_block();
        let mut state = self.state.lock();
        loop {
            let Some(request) = state.jobs.pop_front() else {
                state.idle += 1;
                let timed_out = self.work.wait_for(&mut state, IDLE_TIMEOUT).timed_out();
                state.idle -= 1;
                if timed_out && state.jobs.is_empty() {
                    return;
                }
                continue;
            };
            drop(state);
            let (id, result) = (request.id, self.look_up(&request));
            state = self.state.lock();
            if let Some(position) = state.awaited.iter().position(|(awaited, _)| *awaited == id) {
                state.awaited.remove(position);
                state.found.push((id, result));
                if state.awaited.is_empty() {
                    self.done.notify_one();
                }
            } else {
                self.hand_over(&mut state, id, result);
            }
        }
    }

    /// Hand over a result that comes late: after those that were wanted before it, if they come soon. On a busy machine
    /// all of them may be late, and programs are started in the order of the config all the same.
    fn hand_over(&self, state: &mut MutexGuard<'_, State>, id: ProcessId, result: LookupResult) {
        if let Some(&LateLookup { since, position, .. }) = state.late.get(&id) {
            let is_next =
                |state: &mut State| !state.late.values().any(|other| other.since == since && other.position < position);
            self.handed_over.wait_while_for(state, |state| !is_next(state), TIMEOUT.saturating_sub(since.elapsed()));
        }
        if let Some(LateLookup { since, name, is_reported: true, .. }) = state.late.remove(&id) {
            let seconds = since.elapsed().as_secs();
            self.logger
                .info(format_args!("the file system of the command of '{name}' answered after {seconds} seconds"));
        }
        (self.on_late)(id, result);
        self.handed_over.notify_all();
    }
}

#[cfg(test)]
#[path = "lookup_tests.rs"]
mod tests;
