//! Looks for what a spawn needs, on threads of its own: the executable, and the socket that the processes of a group
//! share.
//!
//! A look at a file system may take for ever: a network mount whose server is gone. The supervisor thread waits for it
//! for a moment, which is far more than a disk takes, and only while no other look is known to hang. After that the
//! answer comes as a request, whenever it comes, and all other programs are looked after meanwhile. A process is looked
//! for once at a time, whoever wants to know: so one that lies on such a mount costs one thread, however often clients
//! ask for it.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use nix::sys::signal::SigSet;
use parking_lot::{Condvar, Mutex, MutexGuard};

use super::groups::ProcessId;
use crate::{
    logger::Logger,
    process::{
        command::{Command, CommandError},
        fcgi::{Listening, SharedSocket},
        launch::Launch,
    },
};

/// Time for which the supervisor thread waits for a look, and a late answer for one that should come before it.
const PATIENCE: Duration = Duration::from_millis(20);
/// Time after which the log says that a look hangs.
const NOTICE: Duration = Duration::from_secs(5);
/// Time for which a thread without work stays.
const IDLE: Duration = Duration::from_secs(1);
const STACK_SIZE: usize = 256 * 1024;

/// Recipe for the start of a process.
#[derive(Clone)]
pub(super) struct Start {
    pub(super) launch: Arc<Launch>,
    /// The socket that it shares with its group, if that is one of `[fcgi-program:x]`.
    pub(super) socket: Option<Arc<SharedSocket>>,
    /// Number of ours that it takes while it runs.
    pub(super) descriptors: u64,
}

/// Findings of a look, which a spawn needs besides.
pub(super) struct Ready {
    pub(super) command: Command,
    /// The socket of its group, open.
    pub(super) listening: Option<Arc<Listening>>,
}

/// Reason why a process cannot be spawned. The text is what is reported as `spawnerr`.
#[derive(Debug, thiserror::Error)]
pub(super) enum Missing {
    #[error(transparent)]
    Command(#[from] CommandError),
    /// The socket of its group could not be opened.
    #[error("{0}")]
    Socket(String),
}

/// Result of a look.
pub(super) type Found = Result<Ready, Missing>;
/// Way to look for an executable; tests have ways of their own.
pub(super) type Look = Box<dyn Fn(&Launch) -> Result<Command, CommandError> + Send + Sync>;
/// Takes an answer that was not waited for.
type Late = Box<dyn Fn(ProcessId, Found) + Send + Sync>;

pub(super) struct Lookups(Arc<Shared>);

/// Results of a round of looks that came while it was waited for. The answers of the others come late.
#[derive(Default)]
pub(super) struct Round {
    pub(super) found: Vec<(ProcessId, Found)>,
    /// Those that cannot be looked for, since no thread is to be had.
    pub(super) hindered: Vec<ProcessId>,
}

struct Shared {
    look: Look,
    late: Late,
    /// Told of sockets.
    logger: Logger,
    state: Mutex<State>,
    work: Condvar,
    done: Condvar,
    /// One more late answer was given.
    told: Condvar,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<(ProcessId, Start)>,
    /// Threads that wait for a job.
    idle: usize,
    /// Those that the supervisor thread waits for, in its order and with their names, and what was found of them.
    awaited: Vec<(ProcessId, String)>,
    found: Vec<(ProcessId, Found)>,
    /// Those whose answers will come late. No process has two.
    late: HashMap<ProcessId, Hanging>,
}

/// A look that hangs.
struct Hanging {
    /// Moment when the supervisor thread no longer waited for it, nor for others of its round.
    since: Instant,
    /// Its place among those.
    place: usize,
    name: String,
    /// The log was told.
    is_known: bool,
}

impl Lookups {
    pub(super) fn new(look: Look, late: Late, logger: Logger) -> Self {
        let (work, done, told) = (Condvar::new(), Condvar::new(), Condvar::new());
        Self(Arc::new(Shared { look, late, logger, state: Mutex::default(), work, done, told }))
    }

    /// Looks for what some processes need.
    ///
    /// Only the supervisor thread asks.
    pub(super) fn find(&self, wanted: Vec<(ProcessId, Start)>) -> Round {
        let mut round = Round::default();
        let mut state = self.0.state.lock();
        let nothing_hangs = state.late.is_empty();
        for (id, start) in wanted {
            if !state.late.contains_key(&id) {
                state.awaited.push((id, start.launch.name().to_owned()));
                state.jobs.push_back((id, start));
            }
        }
        if nothing_hangs && !state.jobs.is_empty() {
            // One thread does them all, as long as none of them hangs.
            self.add_threads(&mut state, 1, &mut round);
            self.0.done.wait_while_for(&mut state, |state| !state.awaited.is_empty(), PATIENCE);
        }
        round.found = std::mem::take(&mut state.found);
        // From here on each needs a thread that it may keep.
        let count = state.jobs.len();
        self.add_threads(&mut state, count, &mut round);
        let State { late, awaited, .. } = &mut *state;
        let since = Instant::now();
        late.extend(awaited.drain(..).enumerate().map(|(place, (id, name))| {
            let hanging = Hanging { since, place, name, is_known: false };
            (id, hanging)
        }));
        round
    }

    /// Tells the log of looks that hang, once for each. Answers when to be called again.
    pub(super) fn report(&self) -> Option<Duration> {
        let mut state = self.0.state.lock();
        let mut next = None;
        for hanging in state.late.values_mut().filter(|hanging| !hanging.is_known) {
            let left = NOTICE.saturating_sub(hanging.since.elapsed());
            if left.is_zero() {
                hanging.is_known = true;
                self.0.logger.warn(format_args!(
                    "the file system of the command of '{}' has not answered for {} seconds; others go on",
                    hanging.name,
                    NOTICE.as_secs()
                ));
            } else {
                next = Some(next.map_or(left, |next: Duration| next.min(left)));
            }
        }
        next
    }

    /// Sees to it that so many threads look at the jobs. Jobs that find none are given up.
    fn add_threads(&self, state: &mut State, count: usize, round: &mut Round) {
        for _ in 0..count.min(state.idle) {
            self.0.work.notify_one();
        }
        for threads in state.idle..count {
            let shared = Arc::clone(&self.0);
            let thread = std::thread::Builder::new().name("lookup".to_owned()).stack_size(STACK_SIZE);
            if thread.spawn(move || shared.work()).is_err() {
                // The threads that there are may hang.
                round.hindered.extend(state.jobs.drain(threads..).map(|(id, _)| id));
                state.awaited.retain(|(id, _)| !round.hindered.contains(id));
                return;
            }
        }
    }
}

impl Shared {
    fn look(&self, start: &Start) -> Found {
        let command = (self.look)(&start.launch)?;
        // Only for a command that can be executed, as Supervisor does.
        let listening = start.socket.as_ref().map(|socket| socket.open(&self.logger)).transpose();
        let listening = listening.map_err(Missing::Socket)?;
        Ok(Ready { command, listening })
    }

    fn work(&self) {
        // Signals are the supervisor thread's business.
        let _ = SigSet::all().thread_block();
        let mut state = self.state.lock();
        loop {
            let Some((id, start)) = state.jobs.pop_front() else {
                state.idle += 1;
                let timed_out = self.work.wait_for(&mut state, IDLE).timed_out();
                state.idle -= 1;
                if timed_out && state.jobs.is_empty() {
                    return;
                }
                continue;
            };
            drop(state);
            let found = self.look(&start);
            state = self.state.lock();
            if let Some(place) = state.awaited.iter().position(|(awaited, _)| *awaited == id) {
                state.awaited.remove(place);
                state.found.push((id, found));
                if state.awaited.is_empty() {
                    self.done.notify_one();
                }
            } else {
                self.tell_late(&mut state, id, found);
            }
        }
    }

    /// Gives an answer that comes late: after those that were wanted before it, if they come soon. On a busy machine
    /// all of them may be late, and programs are started in the order of the config all the same.
    fn tell_late(&self, state: &mut MutexGuard<'_, State>, id: ProcessId, found: Found) {
        if let Some(&Hanging { since, place, .. }) = state.late.get(&id) {
            let is_next =
                |state: &mut State| !state.late.values().any(|other| other.since == since && other.place < place);
            self.told.wait_while_for(state, |state| !is_next(state), PATIENCE.saturating_sub(since.elapsed()));
        }
        let hung = state.late.remove(&id);
        if let Some(Hanging { since, name, is_known: true, .. }) = hung {
            let seconds = since.elapsed().as_secs();
            self.logger
                .info(format_args!("the file system of the command of '{name}' answered after {seconds} seconds"));
        }
        (self.late)(id, found);
        self.told.notify_all();
    }
}

#[cfg(test)]
#[path = "lookup_tests.rs"]
mod tests;
