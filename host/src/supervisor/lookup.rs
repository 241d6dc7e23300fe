//! Looks for executables on threads of its own.
//!
//! A look at a file system may take for ever: a network mount whose server is gone. The supervisor thread waits for it
//! for a moment, which is far more than a disk takes, and only while no other look is known to hang. After that the
//! answer comes as a request, whenever it comes, and all other programs are looked after meanwhile.

use std::{
    collections::{HashSet, VecDeque},
    io,
    sync::Arc,
    time::Duration,
};

use nix::sys::signal::SigSet;
use parking_lot::{Condvar, Mutex};

use super::groups::ProcessId;
use crate::process::{
    command::{Command, CommandError},
    launch::Launch,
};

/// How long the supervisor thread waits for a look.
const PATIENCE: Duration = Duration::from_millis(20);
/// How long a thread without work stays.
const IDLE: Duration = Duration::from_secs(1);
const STACK_SIZE: usize = 256 * 1024;

/// What a look found.
pub(super) type Found = Result<Command, CommandError>;
/// How to look; tests have ways of their own.
pub(super) type Look = Box<dyn Fn(&Launch) -> Found + Send + Sync>;
/// Takes an answer that was not waited for.
type Late = Box<dyn Fn(ProcessId, Found) + Send + Sync>;

pub(super) struct Lookups(Arc<Shared>);

struct Shared {
    look: Look,
    late: Late,
    state: Mutex<State>,
    work: Condvar,
    done: Condvar,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<(ProcessId, Arc<Launch>)>,
    /// Threads that wait for a job.
    idle: usize,
    /// The one that the supervisor thread waits for.
    awaited: Option<ProcessId>,
    answer: Option<Found>,
    /// Those whose answers will come late. No process has two.
    late: HashSet<ProcessId>,
}

impl Lookups {
    pub(super) fn new(look: Look, late: Late) -> Self {
        let (work, done) = (Condvar::new(), Condvar::new());
        Self(Arc::new(Shared { look, late, state: Mutex::default(), work, done }))
    }

    /// Looks for the executable of a process. `None`: the answer comes late. Fails where no thread can be had.
    ///
    /// Only the supervisor thread asks.
    pub(super) fn find(&self, id: ProcessId, launch: Arc<Launch>) -> io::Result<Option<Found>> {
        let shared = &*self.0;
        let mut state = shared.state.lock();
        if state.late.contains(&id) {
            return Ok(None);
        }
        state.jobs.push_back((id, launch));
        if state.jobs.len() <= state.idle {
            shared.work.notify_one();
        } else if let Err(error) = self.add_thread() {
            // Those that there are may hang.
            state.jobs.pop_back();
            return Err(error);
        }
        let nothing_hangs = state.late.is_empty();
        if nothing_hangs {
            state.awaited = Some(id);
            shared.done.wait_while_for(&mut state, |state| state.answer.is_none(), PATIENCE);
            state.awaited = None;
            if let Some(answer) = state.answer.take() {
                return Ok(Some(answer));
            }
        }
        state.late.insert(id);
        Ok(None)
    }

    fn add_thread(&self) -> io::Result<()> {
        let shared = Arc::clone(&self.0);
        let thread = std::thread::Builder::new().name("lookup".to_owned()).stack_size(STACK_SIZE);
        thread.spawn(move || shared.work()).map(drop)
    }
}

impl Shared {
    fn work(&self) {
        // Signals are the supervisor thread's business.
        let _ = SigSet::all().thread_block();
        let mut state = self.state.lock();
        loop {
            let Some((id, launch)) = state.jobs.pop_front() else {
                state.idle += 1;
                let timed_out = self.work.wait_for(&mut state, IDLE).timed_out();
                state.idle -= 1;
                if timed_out && state.jobs.is_empty() {
                    return;
                }
                continue;
            };
            drop(state);
            let found = (self.look)(&launch);
            state = self.state.lock();
            if state.awaited == Some(id) {
                state.answer = Some(found);
                self.done.notify_one();
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
