//! Dependencies between the processes of the active groups, as `depends_on` says.
//!
//! They are found anew when groups have changed, and looked up from then on. Without any `depends_on` there is nothing
//! to look up.

use std::collections::{HashMap, HashSet};

use super::{process::Process, status::ProcessId};
use crate::{
    config::{Condition, Dependency, DependencyNames, Group},
    states::ProcessState,
    text::namespec::make_namespec,
};

/// Number of processes that a description names.
const NAMED: usize = 3;

/// Processes that others depend on, and the other way round.
#[derive(Debug, Default)]
pub(super) struct Dependencies {
    /// Needs of each process that has any.
    needs: HashMap<ProcessId, Vec<Need>>,
    dependents: HashMap<ProcessId, Vec<ProcessId>>,
}

/// One item of `depends_on`.
#[derive(Debug)]
struct Need {
    dependency: Dependency,
    /// Processes that it means; `None` where no active group has them.
    processes: Option<Vec<ProcessId>>,
}

/// Processes by their names in this run.
pub(super) type Processes = HashMap<ProcessId, Process>;

impl Dependencies {
    /// Find the dependencies between processes of these groups.
    pub(super) fn of<'a>(groups: impl Iterator<Item = (&'a Group, &'a [ProcessId])>, processes: &Processes) -> Self {
        let mut this = Self::default();
        if processes.values().all(|process| process.config.depends_on.is_empty()) {
            return this;
        }
        let (mut names, mut ids) = (DependencyNames::default(), Vec::new());
        for (group, members) in groups {
            names.add_group(&group.name);
            for id in members {
                names.add_process(&group.name, &processes[id].config);
                ids.push(*id);
            }
        }
        for &id in &ids {
            for dependency in &processes[&id].config.depends_on {
                let found = names.find(&dependency.name);
                let found: Option<Vec<_>> = found.map(|found| found.iter().map(|&index| ids[index]).collect());
                for &target in found.iter().flatten() {
                    this.dependents.entry(target).or_default().push(id);
                }
                let need = Need { dependency: dependency.clone(), processes: found };
                this.needs.entry(id).or_default().push(need);
            }
        }
        this
    }

    /// Return whether no process depends on another.
    pub(super) fn is_empty(&self) -> bool {
        self.needs.is_empty()
    }

    /// List the processes that one depends on.
    pub(super) fn needs(&self, id: ProcessId) -> Vec<ProcessId> {
        self.needs.get(&id).into_iter().flatten().flat_map(|need| need.processes.iter().flatten()).copied().collect()
    }

    /// Return whether others start only once that process has ended as expected.
    pub(super) fn is_awaited_to_exit(&self, id: ProcessId) -> bool {
        let awaits_exit = |need: &Need| {
            need.dependency.condition == Condition::Exited && need.processes.iter().flatten().any(|it| *it == id)
        };
        let dependents = self.dependents.get(&id).into_iter().flatten();
        dependents.filter_map(|dependent| self.needs.get(dependent)).flatten().any(awaits_exit)
    }

    /// List the processes that depend on one.
    pub(super) fn dependents(&self, id: ProcessId) -> Vec<ProcessId> {
        self.dependents.get(&id).cloned().unwrap_or_default()
    }

    /// List those of the processes that one depends on that are not as it needs them.
    pub(super) fn unmet(&self, id: ProcessId, processes: &Processes) -> Vec<ProcessId> {
        let unmet = |need: &Need| {
            let condition = need.dependency.condition;
            let is_unmet = move |id: &&ProcessId| processes.get(id).is_none_or(|process| !is_met(condition, process));
            need.processes.iter().flatten().filter(is_unmet).copied().collect::<Vec<_>>()
        };
        self.needs.get(&id).into_iter().flatten().flat_map(unmet).collect()
    }

    /// Return whether all that a process depends on is as it needs it.
    pub(super) fn are_met(&self, id: ProcessId, processes: &Processes) -> bool {
        let is_there = |need: &Need| {
            let condition = need.dependency.condition;
            let is_met = |id| processes.get(id).is_some_and(|process| is_met(condition, process));
            need.processes.as_ref().is_some_and(|needed| needed.iter().all(is_met))
        };
        self.needs.get(&id).is_none_or(|needs| needs.iter().all(is_there))
    }

    /// Describe what a process waits for: `db (STARTING), migrate:exited (RUNNING)`.
    pub(super) fn describe(&self, id: ProcessId, processes: &Processes) -> String {
        let (mut parts, mut more) = (Vec::new(), 0);
        let mut add = |part: &dyn Fn() -> String| if parts.len() < NAMED { parts.push(part()) } else { more += 1 };
        for Need { dependency, processes: needed } in self.needs.get(&id).into_iter().flatten() {
            let Some(needed) = needed else {
                add(&|| format!("{dependency} (not active)"));
                continue;
            };
            let needed = needed.iter().filter_map(|id| processes.get(id));
            for process in needed.filter(|process| !is_met(dependency.condition, process)) {
                add(&|| {
                    let name = make_namespec(&process.group, &process.config.name);
                    format!("{name}{} ({})", dependency.condition.suffix(), process.machine.state().name())
                });
            }
        }
        parts.join(", ") + &if more > 0 { format!(" and {more} more") } else { String::new() }
    }

    /// List the ways in which one process has failed another that waits for it: the items of `depends_on` for which it
    /// is FATAL, or has ended in a way that was not expected where it is to end.
    pub(super) fn failures(&self, id: ProcessId, needed: ProcessId, processes: &Processes) -> Vec<&Dependency> {
        let Some(process) = processes.get(&needed) else { return Vec::new() };
        let has_failed = |need: &&Need| match process.machine.state() {
            ProcessState::Fatal => true,
            ProcessState::Exited => {
                need.dependency.condition == Condition::Exited && !process.machine.has_completed(&process.config)
            }
            _ => false,
        };
        let of_it = |need: &&Need| need.processes.as_ref().is_some_and(|processes| processes.contains(&needed));
        let needs = self.needs.get(&id).into_iter().flatten();
        needs.filter(of_it).filter(has_failed).map(|need| &need.dependency).collect()
    }

    /// Return whether a stop of that process has to wait: one that depends on it is stopping, or about to.
    pub(super) fn holds_up_stop(&self, id: ProcessId, processes: &Processes) -> bool {
        let is_on_its_way = |id: &ProcessId| {
            processes.get(id).is_some_and(|process| {
                let machine = &process.machine;
                machine.state() == ProcessState::Stopping || machine.stops_later().is_some()
            })
        };
        self.dependents.get(&id).is_some_and(|dependents| dependents.iter().any(is_on_its_way))
    }

    /// List processes in an order in which `first` of each, as far as they are among them, come before it; all others
    /// stay in their order.
    pub(super) fn order(
        &self,
        ids: impl Iterator<Item = ProcessId>,
        first: fn(&Self, ProcessId) -> Vec<ProcessId>,
    ) -> Vec<ProcessId> {
        let ids: Vec<_> = ids.collect();
        let mut left: HashSet<_> = ids.iter().copied().collect();
        let mut order = Vec::with_capacity(ids.len());
        for id in ids {
            // Each with those that are to come before it and were not looked at yet.
            let mut way = Vec::new();
            if left.remove(&id) {
                way.push((id, first(self, id)));
            }
            while let Some((id, before)) = way.last_mut() {
                match before.pop() {
                    Some(next) if left.remove(&next) => way.push((next, first(self, next))),
                    Some(_) => {}
                    None => {
                        order.push(*id);
                        way.pop();
                    }
                }
            }
        }
        order
    }
}

fn is_met(condition: Condition, process: &Process) -> bool {
    match condition {
        // One with `ready=` is not RUNNING before it is ready.
        Condition::Running | Condition::Ready => process.machine.state() == ProcessState::Running,
        Condition::Exited => process.machine.has_completed(&process.config),
    }
}
