//! Readiness of all that is to run.

use super::groups::Groups;
use crate::{states::ProcessState, text::namespec::make_namespec};

/// Readiness of the processes that start with supervisord.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Readiness {
    /// Number of processes with `autostart`.
    pub expected: usize,
    /// Number of those that are not ready.
    pub missing: usize,
    /// Full names of these, in no order; empty where they were not asked for.
    pub names: Vec<String>,
}

impl Groups {
    /// Find which of the processes with `autostart` do not run, or are not ready as `ready=` asks. One for whose end
    /// others wait, as `depends_on = x:exited` says, is ready once it has ended as expected. Names are made only where
    /// they are asked for: whoever asks for readiness may ask often, and all others wait for the lock meanwhile.
    pub(super) fn readiness(&mut self, with_names: bool) -> Readiness {
        self.linked();
        let mut readiness = Readiness::default();
        for (id, process) in &self.processes {
            if !process.config.autostart {
                continue;
            }
            readiness.expected += 1;
            let is_done =
                || process.machine.has_completed(&process.config) && self.dependencies.is_awaited_to_exit(*id);
            // One with `ready=` is not RUNNING before it is ready.
            if process.machine.state() != ProcessState::Running && !is_done() {
                readiness.missing += 1;
                if with_names {
                    readiness.names.push(make_namespec(&process.group, &process.config.name));
                }
            }
        }
        readiness
    }
}
