//! Looks for what a spawn needs, on threads of its own: the executable, and the socket that the processes of a group
//! share.
//!
//! A look at a file system may take for ever: a network mount whose server is gone. The supervisor thread waits for it
//! for a moment, which is far more than a disk takes, and only while no other look is known to hang. After that the
//! answer comes as a request, whenever it comes, and all other programs are looked after meanwhile.

use std::{
    collections::{HashSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use nix::sys::signal::SigSet;
use parking_lot::{Condvar, Mutex};

use super::groups::ProcessId;
use crate::{
    logger::Logger,
    process::{
        command::{Command, CommandError},
        fcgi::{Listening, SharedSocket},
        launch::Launch,
    },
};

/// How long the supervisor thread waits for a look.
const PATIENCE: Duration = Duration::from_millis(20);
/// How long a thread without work stays.
const IDLE: Duration = Duration::from_secs(1);
const STACK_SIZE: usize = 256 * 1024;

/// How to start a process.
#[derive(Clone)]
pub(super) struct Start {
    pub(super) launch: Arc<Launch>,
    /// What it shares with its group, if that is one of `[fcgi-program:x]`.
    pub(super) socket: Option<Arc<SharedSocket>>,
    /// How many of ours it takes while it runs.
    pub(super) descriptors: u64,
}

/// What a spawn needs besides.
pub(super) struct Ready {
    pub(super) command: Command,
    /// The socket of its group, open.
    pub(super) listening: Option<Arc<Listening>>,
}

/// What a look found, or what is reported as `spawnerr`.
pub(super) type Found = Result<Ready, String>;
/// How to look for an executable; tests have ways of their own.
pub(super) type Look = Box<dyn Fn(&Launch) -> Result<Command, CommandError> + Send + Sync>;
/// Takes an answer that was not waited for.
type Late = Box<dyn Fn(ProcessId, Found) + Send + Sync>;

pub(super) struct Lookups(Arc<Shared>);

/// What came of a round of looks while it was waited for. The answers of the others come late.
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
}

#[derive(Default)]
struct State {
    jobs: VecDeque<(ProcessId, Start)>,
    /// Threads that wait for a job.
    idle: usize,
    /// Those that the supervisor thread waits for, and what was found of them.
    awaited: HashSet<ProcessId>,
    found: Vec<(ProcessId, Found)>,
    /// Those whose answers will come late. No process has two.
    late: HashSet<ProcessId>,
}

impl Lookups {
    pub(super) fn new(look: Look, late: Late, logger: Logger) -> Self {
        let (work, done) = (Condvar::new(), Condvar::new());
        Self(Arc::new(Shared { look, late, logger, state: Mutex::default(), work, done }))
    }

    /// Looks for what some processes need.
    ///
    /// Only the supervisor thread asks.
    pub(super) fn find(&self, wanted: Vec<(ProcessId, Start)>) -> Round {
        let mut round = Round::default();
        let mut state = self.0.state.lock();
        let nothing_hangs = state.late.is_empty();
        for (id, start) in wanted {
            if !state.late.contains(&id) {
                state.awaited.insert(id);
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
        late.extend(awaited.drain());
        round
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
                state.awaited.retain(|id| !round.hindered.contains(id));
                return;
            }
        }
    }
}

impl Shared {
    fn look(&self, start: &Start) -> Found {
        let command = (self.look)(&start.launch).map_err(|error| error.to_string())?;
        // Only for a command that can be executed, as Supervisor does.
        let listening = start.socket.as_ref().map(|socket| socket.open(&self.logger)).transpose()?;
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
            if state.awaited.remove(&id) {
                state.found.push((id, found));
                if state.awaited.is_empty() {
                    self.done.notify_one();
                }
            } else {
                state.late.remove(&id);
                drop(state);
                (self.late)(id, found);
                state = self.state.lock();
            }
        }
    }
}

#[cfg(test)]
#[path = "lookup_tests.rs"]
mod tests;
