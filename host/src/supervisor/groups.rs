//! The active groups and their processes, and the ways to find them.

use std::{
    collections::{HashMap, HashSet},
    ffi::OsString,
    io,
    path::PathBuf,
    sync::Arc,
};

use tokio::sync::oneshot;

use super::{
    deadlines::Deadlines,
    dependencies::Dependencies,
    fd_budget::{self, FdBudget},
    new_group::NewGroup,
    process::Process,
    start_conditions::{StartPoint, may_start},
    status::ProcessId,
};
use crate::{
    config::{self, Config, Level},
    logger::Logger,
    process::{exits::Exit, output::OutputTarget, state::Time},
    text::namespec::split_namespec,
};

/// Group that is active.
#[derive(Debug)]
pub(super) struct Group {
    /// Config that it was made from, with the changes since then.
    pub(super) config: Arc<config::Group>,
    /// Processes in the order in which they joined; first those of the config, in its order.
    pub(super) processes: Vec<ProcessId>,
}

/// The active groups and their processes. The lock around them is held for one unit of work: a step of one process, a
/// list.
#[derive(Debug, Default)]
pub(super) struct Groups {
    /// Groups in the order in which they became active; first those of the config, in its order.
    pub(super) in_order: Vec<Group>,
    /// Processes of all groups.
    pub(super) processes: HashMap<ProcessId, Process>,
    /// Processes that are alive, by their pids.
    pub(super) by_pid: HashMap<i32, ProcessId>,
    /// Pids of children whose group was removed: they could not be killed and counted as UNKNOWN.
    pub(super) strays: HashSet<i32>,
    /// Children that run commands of probes, by their pids, and who waits for the end of each. Nobody does where it is
    /// to end.
    pub(super) probe_children: HashMap<i32, Option<oneshot::Sender<Exit>>>,
    /// Deadlines as they are while processes may be started.
    deadlines: Deadlines,
    /// Number of descriptors that the processes take which are alive.
    pub(super) descriptors_taken: u64,
    /// Dependencies between the processes, as [`linked`](Self::linked) has found them.
    pub(super) dependencies: Dependencies,
    /// Number of changes of groups and processes when it did.
    linked_at: u64,
    /// Number of changes of groups and processes so far.
    pub(super) changes: u64,
    /// Number of the last name that was given.
    last_id: u64,
}

/// Process or group that a namespec means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// `name`, `group:name`.
    Process(ProcessId),
    /// `group:*`, `group:`.
    Group(String),
}

impl Groups {
    /// Make every group of a config.
    pub(super) fn of_config(
        config: &Config,
        environment: &[(OsString, OsString)],
        logger: &Logger,
    ) -> io::Result<Self> {
        let mut groups = Self::default();
        for group in &config.groups {
            let mut new = NewGroup::new(group, &config.supervisord, environment).map_err(|error| {
                let dir = config.supervisord.childlogdir.display();
                io::Error::new(error.kind(), format!("could not make a log file in {dir}: {error}"))
            })?;
            new.try_socket(logger)?;
            groups.add(&mut new);
        }
        Ok(groups)
    }

    /// Make a group active. Return whether there was none of that name; if there was, the new one stays as it is, to be
    /// dropped where that may wait.
    pub(super) fn add(&mut self, group: &mut NewGroup) -> bool {
        if self.group(&group.config.name).is_some() {
            return false;
        }
        let processes = self.adopt(group);
        self.in_order.push(Group { config: Arc::clone(&group.config), processes });
        true
    }

    /// Take the processes of a group over, and return their names from now on.
    pub(super) fn adopt(&mut self, group: &mut NewGroup) -> Vec<ProcessId> {
        let mut ids = Vec::with_capacity(group.processes.len());
        group.made.clear();
        self.changes += 1;
        for process in group.processes.drain(..) {
            self.last_id += 1;
            let id = ProcessId(self.last_id);
            self.processes.insert(id, process);
            self.note_deadline(id);
            ids.push(id);
        }
        ids
    }

    /// Forget a process that has stopped.
    pub(super) fn forget(&mut self, id: ProcessId) {
        let pid = self.processes.get(&id).map_or(0, |process| process.machine.pid());
        if self.died(pid).is_some() {
            self.strays.insert(pid);
        }
        self.processes.remove(&id);
        self.changes += 1;
        self.note_deadline(id);
    }

    /// Find the dependencies anew, if groups have changed.
    pub(super) fn linked(&mut self) -> &Dependencies {
        if std::mem::replace(&mut self.linked_at, self.changes) != self.changes {
            let members = self.in_order.iter().map(|group| (&*group.config, &*group.processes));
            self.dependencies = Dependencies::of(members, &self.processes);
        }
        &self.dependencies
    }

    /// Note that a process was spawned.
    pub(super) fn spawned(&mut self, pid: i32, id: ProcessId) {
        self.by_pid.insert(pid, id);
        self.descriptors_taken += self.processes.get(&id).map_or(0, Process::descriptors);
    }

    /// Note that the process of that pid is gone, or not of an active group any more.
    pub(super) fn died(&mut self, pid: i32) -> Option<ProcessId> {
        let id = self.by_pid.remove(&pid)?;
        self.descriptors_taken -= self.processes.get(&id).map_or(0, Process::descriptors);
        Some(id)
    }

    /// Note the deadline of a process. To be called whenever it has changed.
    pub(super) fn note_deadline(&mut self, id: ProcessId) {
        let next = |process: &Process| process.machine.next_deadline(&process.config, true);
        self.deadlines.set(id, self.processes.get(&id).and_then(next));
    }

    /// Forget a group whose processes are all stopped. `None` where there is none, `Some(false)` where some still run.
    pub(super) fn remove(&mut self, name: &str) -> Option<bool> {
        let index = self.in_order.iter().position(|group| group.config.name == name)?;
        if self.in_order[index].processes.iter().any(|id| !self.processes[id].machine.state().is_stopped()) {
            return Some(false);
        }
        for id in self.in_order.remove(index).processes {
            self.forget(id);
        }
        Some(true)
    }

    pub(super) fn group(&self, name: &str) -> Option<&Group> {
        self.in_order.iter().find(|group| group.config.name == name)
    }

    /// Find what a client means by `name`, `group:name` or `group:*`.
    pub(super) fn find(&self, namespec: &str) -> Option<Found> {
        let (group, process) = split_namespec(namespec);
        let group = self.group(group)?;
        match process {
            None => Some(Found::Group(group.config.name.clone())),
            Some(name) => {
                let is_it = |id: &&ProcessId| self.processes.get(id).is_some_and(|process| process.config.name == name);
                group.processes.iter().find(is_it).copied().map(Found::Process)
            }
        }
    }

    /// Return the resources for programs beside those that are alive.
    pub(super) fn fd_budget(&self) -> FdBudget {
        FdBudget::with_taken(self.descriptors_taken + self.probe_children.len() as u64)
    }

    /// Return what to log if not all processes can run at the same time.
    pub(super) fn limit_message(&self) -> Option<(Level, String)> {
        fd_budget::limit_message(self.processes.values().map(Process::descriptors))
    }

    /// List the processes of a group by priority, those of the same priority in the group's order.
    pub(super) fn of_group(&self, group: &Group) -> Vec<ProcessId> {
        let mut ids = group.processes.clone();
        ids.sort_by_key(|id| self.processes[id].config.priority);
        ids
    }

    /// List the groups by priority, those of the same priority in the order in which they became active.
    fn groups_by_priority(&self) -> Vec<&Group> {
        let mut groups: Vec<_> = self.in_order.iter().collect();
        groups.sort_by_key(|group| group.config.priority);
        groups
    }

    /// List all processes, by priority of their groups and then their own.
    pub(super) fn by_priority(&self) -> Vec<ProcessId> {
        self.groups_by_priority().into_iter().flat_map(|group| self.of_group(group)).collect()
    }

    /// List all processes, by name of their groups and then their own.
    pub(super) fn by_name(&self) -> Vec<ProcessId> {
        let mut groups: Vec<_> = self.in_order.iter().collect();
        groups.sort_by(|one, other| one.config.name.cmp(&other.config.name));
        let by_name = |group: &Group| {
            let mut members: Vec<_> = group.processes.iter().map(|id| (&self.processes[id].config.name, *id)).collect();
            // Those of one program stand in order already, which makes this one pass.
            members.sort();
            members
        };
        groups.into_iter().flat_map(by_name).map(|(_, id)| id).collect()
    }

    pub(super) fn is_stopped(&self, id: ProcessId) -> bool {
        self.processes.get(&id).is_none_or(|process| process.machine.state().is_stopped())
    }

    /// List the processes that a shutdown stops next: of the groups of the highest priority number that are not stopped
    /// yet all that still are there, in the reverse of the order of [`by_priority`](Self::by_priority). Those on which
    /// another one depends that is not stopped come after it.
    pub(super) fn last_unstopped(&mut self) -> Option<Vec<ProcessId>> {
        self.linked();
        let is_free = |id: &ProcessId| self.dependencies.dependents(*id).into_iter().all(|it| self.is_stopped(it));
        // In a circle, of configs that were read one after the other, nobody is free.
        let free = self.last_unstopped_of(|id| !self.is_stopped(*id) && is_free(id));
        free.or_else(|| self.last_unstopped_of(|id| !self.is_stopped(*id)))
    }

    fn last_unstopped_of(&self, is_up: impl Fn(&ProcessId) -> bool) -> Option<Vec<ProcessId>> {
        let mut groups = self.groups_by_priority();
        groups.retain(|group| group.processes.iter().any(&is_up));
        let last = groups.last()?.config.priority;
        let groups = groups.into_iter().rev().take_while(|group| group.config.priority == last);
        Some(groups.flat_map(|group| self.of_group(group).into_iter().rev()).filter(&is_up).collect())
    }

    /// List the processes that are due: by priority of their groups, and in the group's order whatever their own.
    pub(super) fn due(&self, now: Time, is_stopping: bool) -> Vec<ProcessId> {
        let due = self.deadlines.iter().take_while(|(deadline, _)| *deadline <= now).map(|(_, id)| id);
        let mut due: Vec<_> = due.filter(|id| self.deadline(*id, is_stopping).is_some_and(|due| due <= now)).collect();
        if due.len() > 1 {
            let is_due: HashSet<_> = due.drain(..).collect();
            let in_order = self.groups_by_priority().into_iter().flat_map(|group| &group.processes);
            due.extend(in_order.filter(|id| is_due.contains(id)));
        }
        due
    }

    fn deadline(&self, id: ProcessId, is_stopping: bool) -> Option<Time> {
        let process = self.processes.get(&id)?;
        let may_start = may_start(StartPoint::Due, is_stopping, Some(process)).is_ok();
        process.machine.next_deadline(&process.config, may_start)
    }

    /// List the files that were made for `AUTO` logs.
    pub(super) fn auto_logs(&self) -> Vec<PathBuf> {
        let of_process = |process: &Process| {
            let auto = |output: &config::OutputOptions, target: &OutputTarget| match output.logfile {
                config::Logfile::Auto => target.path.clone(),
                _ => None,
            };
            [auto(&process.config.stdout, &process.stdout), auto(&process.config.stderr, &process.stderr)]
        };
        self.processes.values().flat_map(of_process).flatten().collect()
    }

    /// Return the time at which the next process is due.
    pub(super) fn next_deadline(&self, is_stopping: bool) -> Option<Time> {
        self.deadlines.iter().find_map(|(_, id)| self.deadline(id, is_stopping))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{
        config::GroupKind,
        process::{fixtures, state::Input},
    };

    fn groups() -> Groups {
        let group = |name: &str, priority, processes: &[(&str, i32)]| {
            let processes = processes
                .iter()
                .map(|&(name, priority)| Arc::new(config::Process { priority, ..fixtures::process(name) }))
                .collect();
            Arc::new(config::Group { name: name.to_owned(), kind: GroupKind::Programs, priority, processes })
        };
        let supervisord = fixtures::supervisord(Path::new("/tmp"));
        let mut groups = Groups::default();
        let all = [
            group("web", 20, &[("b", 2), ("a", 1), ("d", 2), ("c", 1)]),
            group("cat", 10, &[("cat", 1)]),
            group("empty", 5, &[]),
            group("also", 20, &[("y", 2), ("x", 3)]),
        ];
        for group in all {
            assert!(groups.add(&mut NewGroup::new(&group, &supervisord, &[]).unwrap()));
            assert!(!groups.add(&mut NewGroup::new(&group, &supervisord, &[]).unwrap()));
        }
        groups
    }

    fn names(groups: &Groups, ids: &[ProcessId]) -> Vec<String> {
        ids.iter().map(|id| groups.processes[id].config.name.clone()).collect()
    }

    #[test]
    fn namespecs_name_processes_and_groups() {
        let groups = groups();
        let process = |namespec: &str| match groups.find(namespec) {
            Some(Found::Process(id)) => Some(groups.processes[&id].config.name.clone()),
            _ => None,
        };
        assert_eq!(process("cat").as_deref(), Some("cat"));
        assert_eq!(process("cat:cat").as_deref(), Some("cat"));
        assert_eq!(process("web:a").as_deref(), Some("a"));
        for group in ["web:*", "web:"] {
            assert_eq!(groups.find(group), Some(Found::Group("web".to_owned())));
        }
        for unknown in ["", ":", "web", "a", "web:e", "nope:*", "web:a:b"] {
            assert_eq!(groups.find(unknown), None, "{unknown:?}");
        }
    }

    #[test]
    fn lists_are_ordered_by_priority_or_by_name() {
        let mut groups = groups();
        assert_eq!(names(&groups, &groups.by_priority()), ["cat", "a", "c", "b", "d", "y", "x"]);
        assert_eq!(names(&groups, &groups.by_name()), ["x", "y", "cat", "a", "b", "c", "d"]);
        assert_eq!(names(&groups, &groups.due(Time::ZERO, false)), ["cat", "b", "a", "d", "c", "y", "x"]);
        assert!(groups.due(Time::ZERO, true).is_empty());
        assert_eq!(groups.last_unstopped(), None);
        for process in groups.processes.values_mut() {
            process.machine.step(&process.config, Time::ZERO, Input::Start);
        }
        let last = groups.last_unstopped().unwrap();
        assert_eq!(names(&groups, &last), ["x", "y", "d", "b", "c", "a"]);
    }

    #[test]
    fn a_group_goes_with_its_processes() {
        let mut groups = groups();
        assert_eq!(groups.remove("web"), Some(true));
        assert_eq!(groups.remove("web"), None);
        assert_eq!(names(&groups, &groups.by_name()), ["x", "y", "cat"]);
    }

    #[test]
    fn a_pid_that_outlives_its_group_belongs_to_nobody() {
        let mut groups = groups();
        let Some(Found::Process(id)) = groups.find("cat") else { panic!("no cat") };
        let process = groups.processes.get_mut(&id).unwrap();
        for input in [Input::Start, Input::Spawned(5), Input::Stop { waited_for: false }] {
            process.machine.step(&process.config, Time::ZERO, input);
        }
        process.machine.step(&process.config, Time::ZERO, Input::KillFailed("EPERM".to_owned()));
        groups.spawned(5, id);
        assert_eq!(groups.remove("cat"), Some(true), "it is UNKNOWN");
        assert!(groups.by_pid.is_empty());
        assert!(groups.strays.contains(&5), "and still to be reaped");
    }
}
