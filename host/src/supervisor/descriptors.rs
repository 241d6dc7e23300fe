//! Whether the files that may be open are enough for the programs that are to run.
//!
//! Programs do not get the last descriptors. A program whose log could not be opened would run and lose its output, and
//! a server that cannot accept would leave nobody to say so; what does not start, and says why, is the lesser evil.

use nix::sys::resource::Resource;

use super::groups::{Process, State};
use crate::{config::Level, limits};

/// What supervisord itself needs: its servers and some clients, logs, the reserve for spawns.
const OWN: u64 = 64;

/// What programs leave to supervisord in any case: of what it needs, all but the reserve.
const KEPT: u64 = 40;

/// How many descriptors programs may take, and how many those that are alive take now.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    all: u64,
    taken: u64,
}

impl Budget {
    /// With no program alive.
    pub(super) fn new() -> Self {
        Self::of(limits::get(Resource::RLIMIT_NOFILE).map_or(limits::INFINITY, |(limit, _)| limit))
    }

    fn of(limit: u64) -> Self {
        Self { all: limit - KEPT.min(limit / 2), taken: 0 }
    }

    /// Takes so many, if they are there to be taken.
    pub(super) fn take(&mut self, count: u64) -> bool {
        let is_there = self.left() >= count;
        if is_there {
            self.taken += count;
        }
        is_there
    }

    /// How many are left.
    pub(super) fn left(&self) -> u64 {
        self.all.saturating_sub(self.taken)
    }
}

impl Process {
    /// How many descriptors it takes while it runs: our ends of its pipes, and its log files.
    pub(super) fn descriptors(&self) -> u64 {
        let pipes = if self.config.redirect_stderr { 2 } else { 3 };
        let logs = [&self.stdout, &self.stderr].into_iter().filter(|target| target.path.is_some()).count();
        pipes + logs as u64
    }
}

impl State {
    /// What there is for programs beside those that are alive.
    pub(super) fn budget(&self) -> Budget {
        Budget { taken: self.descriptors_taken, ..Budget::new() }
    }

    /// What to log if all that is there cannot run at the same time.
    pub(super) fn complain_of_limit(&self) -> Option<(Level, String)> {
        let (limit, _) = limits::get(Resource::RLIMIT_NOFILE).ok()?;
        self.complaint(limit)
    }

    fn complaint(&self, limit: u64) -> Option<(Level, String)> {
        let needed = OWN + self.processes.values().map(Process::descriptors).sum::<u64>();
        (limit != limits::INFINITY && needed > limit).then(|| {
            let count = self.processes.len();
            let text = format!(
                "RLIMIT_NOFILE is {limit}, and {count} programs may need {needed} file descriptors at the same time: not \
                 all of them will start.  Set minfds={needed} in the [supervisord] section, or more."
            );
            (Level::Critical, text)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{super::groups::NewGroup, *};
    use crate::{
        config::{self, Logfile},
        process::fixtures,
    };

    #[test]
    fn the_last_descriptors_are_not_for_programs() {
        let mut budget = Budget::of(1024);
        let started = (0..1000).filter(|_| budget.take(5)).count();
        assert_eq!(started, 196);
        assert!(budget.left() < 5);
        assert_eq!(Budget::of(20).left(), 10, "even where there is next to nothing");
        assert!(Budget::of(limits::INFINITY).take(1_000_000));
    }

    #[test]
    fn pipes_and_logs_are_counted() {
        let mut logged = fixtures::process("logged");
        logged.stdout.logfile = Logfile::Path("/tmp/a".into());
        logged.stderr.logfile = Logfile::Path("/tmp/b".into());
        let one_log = config::Process { name: "one".to_owned(), redirect_stderr: true, ..logged.clone() };
        let group = fixtures::group("g", 1, vec![logged, one_log, fixtures::process("silent")]);
        let mut state = State::default();
        state.add(&mut NewGroup::new(&group, &fixtures::supervisord(Path::new("/tmp")), &[]).unwrap());
        let needed = OWN + 5 + 3 + 3;
        assert_eq!(state.complaint(needed), None);
        assert_eq!(state.complaint(limits::INFINITY), None);
        let (_, text) = state.complaint(needed - 1).unwrap();
        assert!(text.contains(&format!("RLIMIT_NOFILE is {}, and 3 programs", needed - 1)), "{text}");
        assert!(text.contains(&format!("minfds={needed} ")), "{text}");
    }
}
