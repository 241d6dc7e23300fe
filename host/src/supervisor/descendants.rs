//! Ends of what programs leave behind, where `kill_descendants` asks for it.
//!
//! Each run of such a program has a cgroup of its own; where none may be made, supervisord becomes the subreaper of all
//! and looks for orphans. Both are done on other threads than the main one: the cgroup is made as part of the lookup
//! before a spawn, and one thread ends what was left behind by all runs that have ended, for no longer than three
//! seconds each. The next run of a program waits for that.

use std::{
    collections::HashSet,
    path::PathBuf,
    sync::{Arc, OnceLock},
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{SigSet, Signal, kill},
    unistd::Pid,
};
use parking_lot::{Condvar, Mutex};
use serde::{Deserialize, Serialize};

use super::status::ProcessId;
use crate::{
    linux::{
        cgroup::{self, Cgroups},
        this_process,
    },
    logger::Logger,
    process::orphans::{Ended, Processes},
};

/// Time for which what one run has left behind is killed again and again.
const TIMEOUT: Duration = Duration::from_secs(3);
/// Time between two looks at whether it is gone.
const LOOK_INTERVAL: Duration = Duration::from_millis(5);

/// Way to the descendants of one run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Enclosure {
    /// Directory of the cgroup that it has to itself.
    Cgroup(PathBuf),
    /// Supervisord, whose children the orphans become.
    Subreaper,
}

/// Run of a program that has ended.
#[derive(Clone, Debug)]
pub(super) struct EndedRun {
    pub(super) id: ProcessId,
    /// Pid that it had; 0 where it was never spawned.
    pub(super) pid: i32,
    pub(super) group: String,
    pub(super) name: String,
    pub(super) enclosure: Enclosure,
}

/// Function that lists the pids of programs that run.
type RunningPids = Box<dyn Fn() -> HashSet<i32> + Send + Sync>;

/// Runs whose descendants are being ended, and the thread that does it.
#[derive(Clone)]
pub(super) struct Descendants(Arc<Shared>);

struct Shared {
    logger: Logger,
    running_pids: RunningPids,
    /// Called whenever a run has nothing left.
    on_end: Box<dyn Fn() + Send + Sync>,
    /// Cgroups, once it is known whether any may be made.
    cgroups: OnceLock<Option<Cgroups>>,
    state: Mutex<State>,
    /// Notified whenever a run has nothing left.
    ended: Condvar,
}

#[derive(Default)]
struct State {
    /// Runs that have ended, since when, and the descendants of each that the log has named.
    runs: Vec<(EndedRun, Instant, Vec<i32>)>,
    is_working: bool,
}

impl Descendants {
    pub(super) fn new(logger: Logger, running_pids: RunningPids, on_end: Box<dyn Fn() + Send + Sync>) -> Self {
        let (state, ended) = (Mutex::default(), Condvar::new());
        Self(Arc::new(Shared { logger, running_pids, on_end, cgroups: OnceLock::new(), state, ended }))
    }

    /// Prepare the next run of a process: wait until the last one has left nothing, and make a cgroup. For threads that
    /// may wait.
    pub(super) fn enclose(&self, id: ProcessId, group: &str, name: &str) -> Enclosure {
        let is_ending = |state: &mut State| state.runs.iter().any(|(run, ..)| run.id == id);
        self.0.ended.wait_while_for(&mut self.0.state.lock(), is_ending, TIMEOUT);
        if let Some(cgroups) = self.0.cgroups.get_or_init(|| self.find_cgroups()) {
            match cgroups.make(&format!("{group}:{name}")) {
                Ok(path) => return Enclosure::Cgroup(path),
                Err(error) => {
                    let base = cgroups.base().display();
                    self.0.logger.warn(format_args!("could not make a cgroup for '{name}' in {base}: {error}"));
                    let _ = this_process::become_subreaper();
                }
            }
        }
        Enclosure::Subreaper
    }

    /// Find the way, and say which one it is.
    fn find_cgroups(&self) -> Option<Cgroups> {
        let logger = &self.0.logger;
        match Cgroups::find() {
            Ok(cgroups) => {
                let base = cgroups.base().display();
                logger.info(format_args!("kill_descendants: each program has a cgroup of its own in {base}"));
                Some(cgroups)
            }
            Err(why) => {
                logger.info(format_args!(
                    "kill_descendants: supervisord is the subreaper and looks for orphans, since it may make no \
                     cgroup ({why})"
                ));
                if let Err(errno) = this_process::become_subreaper() {
                    logger.warn(format_args!("kill_descendants: supervisord cannot be a subreaper: {errno}"));
                }
                None
            }
        }
    }

    /// List the runs that have something left, or may have.
    pub(super) fn ended_runs(&self) -> Vec<EndedRun> {
        self.0.state.lock().runs.iter().map(|(run, ..)| run.clone()).collect()
    }

    /// End what a run has left behind. Never waits.
    pub(super) fn end(&self, run: EndedRun) {
        let mut state = self.0.state.lock();
        state.runs.push((run, Instant::now(), Vec::new()));
        if state.is_working {
            return;
        }
        let shared = Arc::clone(&self.0);
        match thread::Builder::new().name("descendants".to_owned()).spawn(move || shared.work()) {
            Ok(_) => state.is_working = true,
            Err(error) => {
                // The next one tries again.
                self.0.logger.warn(format_args!("no thread could be had to end descendants: {error}"));
            }
        }
    }

    /// Return whether no run has anything left, or has had its time.
    pub(super) fn are_gone(&self) -> bool {
        self.0.state.lock().runs.iter().all(|(_, since, _)| since.elapsed() > TIMEOUT + TIMEOUT / 3)
    }
}

impl Shared {
    fn work(&self) {
        // Signals are the main thread's business.
        let _ = SigSet::all().thread_block();
        loop {
            let runs: Vec<EndedRun> = {
                let mut state = self.state.lock();
                state.is_working = !state.runs.is_empty();
                if !state.is_working {
                    return;
                }
                state.runs.iter().map(|(run, ..)| run.clone()).collect()
            };
            let uses_subreaper = runs.iter().any(|run| run.enclosure == Enclosure::Subreaper);
            let processes = if uses_subreaper { Processes::read() } else { Processes::default() };
            // After those: a program that is new is not among the processes.
            let running_pids = if uses_subreaper { (self.running_pids)() } else { HashSet::new() };
            let looked: Vec<(bool, Vec<i32>)> =
                runs.iter().map(|run| kill_all(run, &processes, &running_pids)).collect();
            self.note(&looked);
            thread::sleep(LOOK_INTERVAL);
        }
    }

    /// Note of the first runs whether they have nothing left, and what they still had.
    fn note(&self, looked: &[(bool, Vec<i32>)]) {
        let mut state = self.state.lock();
        let mut looked = looked.iter();
        let before = state.runs.len();
        state.runs.retain_mut(|(run, since, named)| {
            // Those that have come meanwhile stand behind.
            let Some((is_over, left)) = looked.next() else { return true };
            let new: Vec<String> = left.iter().filter(|pid| !named.contains(pid)).map(ToString::to_string).collect();
            if !new.is_empty() {
                let (name, pids) = (&run.name, new.join(", "));
                self.logger.info(format_args!("killed what '{name}' has left behind (pid {pids})"));
                named.extend(left);
            }
            let is_late = !is_over && since.elapsed() > TIMEOUT;
            if is_late {
                let seconds = TIMEOUT.as_secs();
                let name = &run.name;
                self.logger.warn(format_args!("what '{name}' has left behind is still there after {seconds} seconds"));
            }
            !is_over && !is_late
        });
        let has_ended = state.runs.len() < before;
        drop(state);
        if has_ended {
            self.ended.notify_all();
            (self.on_end)();
        }
    }
}

/// Kill the descendants of a run. Return whether none is left, and those that were found.
fn kill_all(run: &EndedRun, processes: &Processes, running_pids: &HashSet<i32>) -> (bool, Vec<i32>) {
    match &run.enclosure {
        Enclosure::Cgroup(path) => {
            let left = cgroup::processes(path);
            (cgroup::end(path), left)
        }
        Enclosure::Subreaper if run.pid == 0 => (true, Vec::new()),
        Enclosure::Subreaper => {
            let ended = Ended { pid: run.pid, group: &run.group, name: &run.name };
            let own = std::process::id().try_into().unwrap_or(0);
            let left = processes.left_behind(ended, own, running_pids);
            for pid in &left {
                // Who is gone needs no signal.
                let _ = kill(Pid::from_raw(*pid), Signal::SIGKILL);
            }
            (left.is_empty(), left)
        }
    }
}
