//! Order of starts and stops, as `depends_on` has it: starts that wait for others, and stops that do.

use std::collections::HashSet;

use super::{main_loop::MainLoop, start_conditions::StartPoint, status::ProcessId};
use crate::{
    config::Level,
    events::Event,
    process::state::{Input, Machine},
    states::ProcessState,
    text::namespec::make_namespec,
};

impl MainLoop {
    /// Start a process that a client has asked for; one that depends on others which are not there waits, and they are
    /// started.
    pub(super) fn start(&mut self, id: ProcessId) {
        if self.dependencies_are_met(id) {
            self.step(id, Input::Start);
        } else {
            self.want(id);
        }
    }

    /// Do what is due of one process.
    pub(super) fn do_due(&mut self, id: ProcessId) {
        let may_start = self.shared.may_start(id, StartPoint::Due).is_ok();
        let is_first = {
            let groups = self.shared.groups.lock();
            let process = groups.processes.get(&id).filter(|_| may_start);
            let process = process.filter(|process| process.machine.starts_next(&process.config));
            process.map(|process| process.machine.starts() == 0)
        };
        match is_first {
            Some(is_first) if !self.dependencies_are_met(id) => {
                if is_first {
                    self.want(id);
                } else {
                    // What it depends on may have been stopped by somebody.
                    self.step(id, Input::Await { asked: false });
                    self.tell_wait(id);
                }
            }
            _ => drop(self.step(id, Input::Tick { may_start })),
        }
    }

    fn dependencies_are_met(&self, id: ProcessId) -> bool {
        let mut groups = self.shared.groups.lock();
        groups.linked();
        groups.dependencies.are_met(id, &groups.processes)
    }

    /// Have a process start once what it depends on is there, and start that as well.
    fn want(&mut self, id: ProcessId) {
        let (mut next, mut waiting) = (vec![id], Vec::new());
        while let Some(id) = next.pop() {
            self.wanted.insert(id);
            self.step(id, Input::Await { asked: true });
            if self.dependencies_are_met(id) {
                // It is due at once, and starts in its turn.
                self.step(id, Input::DependenciesMet);
                continue;
            }
            waiting.push(id);
            let mut groups = self.shared.groups.lock();
            let unmet = groups.dependencies.unmet(id, &groups.processes);
            for id in &unmet {
                if let Some(process) = groups.processes.get_mut(id) {
                    process.starts_once_stopped |= process.machine.state() == ProcessState::Stopping;
                }
            }
            let is_startable = |id: &ProcessId| {
                let machine = groups.processes.get(id).map(|process| &process.machine);
                machine.is_some_and(|machine| machine.pid() == 0 && machine.state().is_stopped())
            };
            next.extend(unmet.into_iter().filter(is_startable).filter(|id| self.wanted.insert(*id)));
        }
        for id in waiting {
            self.tell_wait(id);
        }
    }

    /// Log that a process waits, and what has failed that it waits for.
    fn tell_wait(&mut self, id: ProcessId) {
        let unmet = {
            let groups = self.shared.groups.lock();
            let Some(process) = groups.processes.get(&id).filter(|process| process.machine.waits()) else { return };
            let (name, what) = (&process.config.name, groups.dependencies.describe(id, &groups.processes));
            self.shared.logger.info(format_args!("waiting: {name} is started after {what}"));
            groups.dependencies.unmet(id, &groups.processes)
        };
        for needed in unmet {
            self.tell_failure(id, needed);
        }
    }

    fn describe_wait(&self, id: ProcessId) {
        let mut groups = self.shared.groups.lock();
        let what = groups.dependencies.describe(id, &groups.processes);
        if let Some(process) = groups.processes.get_mut(&id).filter(|process| process.machine.waits()) {
            process.waits_for = Some(what);
        }
    }

    /// Tell, in the log and by an event, that a process waits for another that has failed.
    fn tell_failure(&self, id: ProcessId, needed: ProcessId) {
        let groups = self.shared.groups.lock();
        let failures = groups.dependencies.failures(id, needed, &groups.processes);
        let (Some(process), Some(failed)) = (groups.processes.get(&id), groups.processes.get(&needed)) else { return };
        for dependency in failures {
            let (name, state) = (make_namespec(&failed.group, &failed.config.name), failed.machine.state());
            let waiting = &process.config.name;
            let line = format!("waiting: {waiting} depends on {dependency}, and {name} is {}", state.name());
            self.shared.logger.log(Level::Warn, line);
            self.shared.output.bus().publish(Event::DependencyFailed {
                process: waiting.clone(),
                group: process.group.clone(),
                dependency: name,
                condition: dependency.condition.name().to_owned(),
                state,
            });
        }
    }

    /// Tell of a process that has failed to all that wait for it.
    fn tell_failures(&self, id: ProcessId) {
        let waiting: Vec<_> = {
            let groups = self.shared.groups.lock();
            let is_up = groups.processes.get(&id).is_none_or(|process| !process.machine.state().is_stopped());
            if is_up {
                return;
            }
            let waits = |id: &ProcessId| groups.processes.get(id).is_some_and(|process| process.machine.waits());
            groups.dependencies.dependents(id).into_iter().filter(waits).collect()
        };
        for waiting in waiting {
            self.tell_failure(waiting, id);
        }
    }

    /// Do what follows from changes of state for those that wait: start what has all that it depends on, and stop what
    /// nothing depends on any more that is about to stop.
    pub(super) fn settle_dependencies(&mut self) {
        let mut changed = std::mem::take(&mut self.changed);
        let (mut waiting, mut stopping) = (Vec::new(), Vec::new());
        {
            let mut groups = self.shared.groups.lock();
            let is_new = std::mem::replace(&mut self.settled_at, groups.changes) != groups.changes;
            if groups.linked().is_empty() && !is_new {
                return;
            }
            if is_new {
                self.wanted.clear();
                // What a process depends on may have come, or gone.
                let all = |is_one: fn(&Machine) -> bool| {
                    groups.by_priority().into_iter().filter(|id| is_one(&groups.processes[id].machine)).collect()
                };
                waiting = all(Machine::waits);
                stopping = all(|machine| machine.stops_later().is_some());
            }
        }
        for id in waiting {
            self.look_after_new(id);
            self.look_at_waiting(id);
        }
        for id in stopping {
            self.look_at_stopping(id);
        }
        while !changed.is_empty() {
            let mut seen = HashSet::new();
            changed.retain(|id| seen.insert(*id));
            let (dependents, needs) = {
                let groups = self.shared.groups.lock();
                let (mut dependents, mut needs) = (Vec::new(), Vec::new());
                for id in &changed {
                    dependents.extend(groups.dependencies.dependents(*id));
                    needs.extend(groups.dependencies.needs(*id));
                }
                (dependents, needs)
            };
            // Many may depend on the same, and each of them is looked at once.
            let (mut looked_at, mut stopping) = (HashSet::new(), HashSet::new());
            for id in dependents.into_iter().filter(|id| looked_at.insert(*id)) {
                self.look_at_waiting(id);
            }
            for id in changed {
                self.start_again(id);
                self.tell_failures(id);
            }
            for id in needs.into_iter().filter(|id| stopping.insert(*id)) {
                self.look_at_stopping(id);
            }
            changed = std::mem::take(&mut self.changed);
        }
    }

    /// Start a process that was stopping when one was started that depends on it, if that still waits.
    fn start_again(&mut self, id: ProcessId) {
        let is_wanted = {
            let mut groups = self.shared.groups.lock();
            let Some(process) = groups.processes.get_mut(&id) else { return };
            if !process.machine.state().is_stopped() || !std::mem::take(&mut process.starts_once_stopped) {
                return;
            }
            let waits = |id: &ProcessId| groups.processes.get(id).is_some_and(|process| process.machine.waits());
            groups.dependencies.dependents(id).iter().any(waits)
        };
        if is_wanted {
            self.want(id);
        }
    }

    /// Start what a waiting process depends on and what was never started, since it has come only now.
    fn look_after_new(&mut self, id: ProcessId) {
        let new: Vec<_> = {
            let groups = self.shared.groups.lock();
            let is_new = |id: &ProcessId| groups.processes.get(id).is_some_and(|it| it.machine.starts() == 0);
            groups.dependencies.unmet(id, &groups.processes).into_iter().filter(is_new).collect()
        };
        for id in new {
            self.want(id);
        }
    }

    /// Start a process that waits, if it has all that it depends on.
    fn look_at_waiting(&mut self, id: ProcessId) {
        let waits = self.shared.groups.lock().processes.get(&id).is_some_and(|process| process.machine.waits());
        if waits && self.dependencies_are_met(id) {
            self.step(id, Input::DependenciesMet);
        } else if waits {
            self.describe_wait(id);
        }
    }

    /// Stop a process that waits with that, if nothing keeps it any more.
    fn look_at_stopping(&mut self, id: ProcessId) {
        let waited_for = {
            let groups = self.shared.groups.lock();
            if groups.dependencies.holds_up_stop(id, &groups.processes) {
                return;
            }
            groups.processes.get(&id).and_then(|process| process.machine.stops_later())
        };
        if let Some(waited_for) = waited_for {
            self.step(id, Input::Stop { waited_for });
        }
    }

    /// Return the input that stops a process: at once, or once those that depend on it are stopped that are about to.
    pub(super) fn stop_in_order(&self, id: ProcessId, waited_for: bool) -> Input {
        let mut groups = self.shared.groups.lock();
        groups.linked();
        let is_held_up = groups.dependencies.holds_up_stop(id, &groups.processes);
        if is_held_up { Input::StopLater { waited_for } } else { Input::Stop { waited_for } }
    }

    /// End all waits for a start.
    pub(super) fn end_waits(&mut self) {
        let waiting: Vec<_> = {
            let groups = self.shared.groups.lock();
            groups.by_priority().into_iter().filter(|id| groups.processes[id].machine.waits()).collect()
        };
        for id in waiting {
            self.step(id, Input::Shutdown);
        }
    }
}

#[cfg(test)]
#[path = "order_tests.rs"]
mod tests;
