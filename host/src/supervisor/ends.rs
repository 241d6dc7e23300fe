//! Ends of supervisord that follow from those of its programs, as `exit_when` and `exit_when_all` say.

use super::{main_loop::MainLoop, process::Process, status::ProcessId};
use crate::{
    config::{Config, End},
    states::SupervisorState,
};

impl MainLoop {
    /// End supervisord if the process has come to an end that asks for it. To be called after each step.
    pub(super) fn note_end(&mut self, id: ProcessId) {
        let groups = self.shared.groups.lock();
        let Some((process, end)) = groups.processes.get(&id).and_then(|it| Some((it, it.machine.end()?))) else {
            return;
        };
        self.has_new_end |= !process.is_listener;
        if process.config.exit_when.contains(&end) {
            let (name, state) = (&process.config.name, process.machine.state().name());
            let why = format!("{name} is {state}, and it has exit_when={}", end.name());
            let status = process.machine.exit_status_of_end();
            drop(groups);
            self.exit(status, &why);
        }
    }

    /// End supervisord if nothing runs any more, and that is asked for. To be called once what follows from the last
    /// steps is done.
    pub(super) fn note_end_of_all(&mut self) {
        if !std::mem::take(&mut self.has_new_end) || !is_asked_for(&self.shared.config()) {
            return;
        }
        let status = {
            let groups = self.shared.groups.lock();
            let programs = || groups.processes.values().filter(|process| !process.is_listener);
            if programs().any(is_active) {
                return;
            }
            let failed = |process: &&Process| {
                let machine = &process.machine;
                machine.end().is_some() && !machine.has_completed(&process.config)
            };
            let first = programs().filter(failed).min_by_key(|process| process.machine.ended());
            first.map(|process| (process.config.name.clone(), process.machine.exit_status_of_end()))
        };
        let why = "nothing runs any more, and exit_when_all=exited";
        match status {
            None => self.exit(0, why),
            Some((name, status)) => self.exit(status, &format!("{why}; {name} was the first to end badly")),
        }
    }

    fn exit(&mut self, status: i32, why: &str) {
        if !self.shared.is_stopping() {
            self.shared.logger.warn(format_args!("shutting down, to exit with status {status}: {why}"));
            self.exit_status = status;
            self.shared.set_state(SupervisorState::Shutdown);
        }
    }
}

fn is_asked_for(config: &Config) -> bool {
    config.supervisord.exit_when_all == Some(End::Exited)
}

/// Tell whether a process is there, or is to start without anybody asking. One that waits for others which are not
/// there is neither.
fn is_active(process: &Process) -> bool {
    let machine = &process.machine;
    !machine.state().is_stopped() || machine.next_deadline(&process.config, true).is_some()
}
