//! Readiness of all that is to run.

use super::groups::Groups;
use crate::{states::ProcessState, text::namespec::make_namespec};

/// Readiness of the processes that start with supervisord.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Readiness {
    /// Number of processes with `autostart`.
    pub expected: usize,
    /// Full names of those that are not ready, sorted.
    pub missing: Vec<String>,
}

impl Groups {
    /// Find which of the processes with `autostart` do not run, or are not ready as `ready=` asks. One for whose end
    /// others wait, as `depends_on = x:exited` says, is ready once it has ended as expected.
    pub(super) fn readiness(&mut self) -> Readiness {
        self.linked();
        let (mut expected, mut missing) = (0, Vec::new());
        for (id, process) in &self.processes {
            if !process.config.autostart {
                continue;
            }
            expected += 1;
            let is_done =
                || process.machine.has_completed(&process.config) && self.dependencies.is_awaited_to_exit(*id);
            // One with `ready=` is not RUNNING before it is ready.
            if process.machine.state() != ProcessState::Running && !is_done() {
                missing.push(make_namespec(&process.group, &process.config.name));
            }
        }
        // Only these: whoever asks for it may ask often.
        missing.sort_unstable();
        Readiness { expected, missing }
    }
}
