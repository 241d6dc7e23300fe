//! Changes of active groups: processes that join and leave.

use std::{io, sync::Arc};

use super::{
    groups::{Group, Groups},
    handle::Supervisor,
    info::ProcessConfig,
    new_group::NewGroup,
};
use crate::config;

/// Reason why processes could not be added to a group.
#[derive(Debug, thiserror::Error)]
pub enum NotAdded {
    /// No active group has that name.
    #[error("no group {0} is active")]
    NoGroup(String),
    /// The group has a process of that name.
    #[error("the group has a process {0}")]
    Taken(String),
    /// A log file could not be made.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Reason why a process could not be taken out of its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotRemoved {
    /// No active group has that name.
    #[error("no such group is active")]
    NoGroup,
    /// The group has no process of that name.
    #[error("the group has no such process")]
    NoProcess,
    /// The process has not stopped.
    #[error("the process still runs")]
    Running,
}

/// Active group, and the configs of its processes.
pub type ActiveGroup = (Arc<config::Group>, Vec<ProcessConfig>);

impl Supervisor {
    /// List the active groups in the order in which they became so, with the configs that their processes have: not
    /// those that were read last, if these are others.
    pub fn active_groups(&self) -> Vec<ActiveGroup> {
        let groups = self.0.groups.lock();
        let configs = |group: &Group| {
            let of_process = |id| {
                let process = &groups.processes[id];
                ProcessConfig {
                    group: Arc::clone(&group.config),
                    process: Arc::clone(&process.config),
                    inuse: true,
                    auto_logfiles: [process.stdout.path.clone(), process.stderr.path.clone()],
                }
            };
            group.processes.iter().map(of_process).collect()
        };
        groups.in_order.iter().map(|group| (Arc::clone(&group.config), configs(group))).collect()
    }

    /// Add processes to an active group; they start if they say `autostart`. All of them, or none. It lasts until the
    /// group is removed. Blocks: it may make files and ask for the groups of a user.
    pub fn add_to_group(&self, group: &str, processes: Vec<Arc<config::Process>>) -> Result<(), NotAdded> {
        let added = config::Group { name: group.to_owned(), priority: 0, processes, kind: config::GroupKind::Programs };
        let mut new = NewGroup::new(&Arc::new(added), &self.config().supervisord, &self.0.environment)?;
        let mut groups = self.0.groups.lock();
        let [old, now] = groups.extend(&mut new)?;
        self.replace_in_config(&old, now);
        drop(groups);
        self.0.requests.wake();
        Ok(())
    }

    /// Take a process that has stopped out of its group.
    pub fn remove_from_group(&self, group: &str, process: &str) -> Result<(), NotRemoved> {
        let mut groups = self.0.groups.lock();
        let [old, now] = groups.remove_process(group, process)?;
        self.replace_in_config(&old, now);
        Ok(())
    }

    /// Put the group as it has become into the config, unless that was read again since the group became active. To be
    /// called under the lock of the groups: the changes of a group follow one another.
    fn replace_in_config(&self, old: &Arc<config::Group>, new: Arc<config::Group>) {
        let mut config = self.0.config.lock();
        if let Some(index) = config.groups.iter().position(|group| Arc::ptr_eq(group, old)) {
            Arc::make_mut(&mut config).groups[index] = new;
        }
    }
}

/// Config of a group before and after.
type GroupChange = [Arc<config::Group>; 2];

impl Groups {
    /// Move the processes of `new` to the active group of the same name.
    fn extend(&mut self, new: &mut NewGroup) -> Result<GroupChange, NotAdded> {
        let name = &new.config.name;
        let index = self.position(name).ok_or_else(|| NotAdded::NoGroup(name.clone()))?;
        let old = Arc::clone(&self.in_order[index].config);
        let taken = new.config.processes.iter().find(|it| old.processes.iter().any(|other| other.name == it.name));
        if let Some(taken) = taken {
            return Err(NotAdded::Taken(taken.name.clone()));
        }
        let ids = self.adopt(new);
        let group = &mut self.in_order[index];
        group.processes.extend(ids);
        let processes = old.processes.iter().chain(&new.config.processes).cloned().collect();
        group.config = Arc::new(config::Group { processes, ..config::Group::clone(&old) });
        Ok([old, Arc::clone(&group.config)])
    }

    fn remove_process(&mut self, group: &str, name: &str) -> Result<GroupChange, NotRemoved> {
        let index = self.position(group).ok_or(NotRemoved::NoGroup)?;
        let members = &self.in_order[index].processes;
        let is_it = |id| self.processes.get(id).is_some_and(|process| process.config.name == name);
        let id = *members.iter().find(|id| is_it(id)).ok_or(NotRemoved::NoProcess)?;
        if !self.is_stopped(id) {
            return Err(NotRemoved::Running);
        }
        self.forget(id);
        let group = &mut self.in_order[index];
        group.processes.retain(|member| *member != id);
        let old = Arc::clone(&group.config);
        let processes = old.processes.iter().filter(|process| process.name != name).cloned().collect();
        group.config = Arc::new(config::Group { processes, ..config::Group::clone(&old) });
        Ok([old, Arc::clone(&group.config)])
    }

    fn position(&self, name: &str) -> Option<usize> {
        self.in_order.iter().position(|group| group.config.name == name)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{super::fixtures::AtWork, *};
    use crate::process::fixtures;

    fn new(name: &str, processes: &[&str]) -> NewGroup {
        let processes = processes.iter().map(|name| Arc::new(fixtures::process(name))).collect();
        let group = Arc::new(config::Group {
            name: name.to_owned(),
            kind: config::GroupKind::Programs,
            priority: 1,
            processes,
        });
        NewGroup::new(&group, &fixtures::supervisord(Path::new("/tmp")), &[]).unwrap()
    }

    fn names(groups: &Groups) -> Vec<String> {
        groups.by_name().into_iter().map(|id| groups.processes[&id].config.name.clone()).collect()
    }

    #[test]
    fn a_group_grows_and_shrinks() {
        let mut groups = Groups::default();
        assert!(groups.add(&mut new("web", &["a"])));
        let [old, now] = groups.extend(&mut new("web", &["b", "c"])).unwrap();
        assert_eq!((old.processes.len(), now.processes.len()), (1, 3));
        assert_eq!(names(&groups), ["a", "b", "c"]);
        assert!(groups.find("web:c").is_some());

        assert!(matches!(groups.extend(&mut new("web", &["d", "b"])), Err(NotAdded::Taken(name)) if name == "b"));
        assert!(matches!(groups.extend(&mut new("nope", &["d"])), Err(NotAdded::NoGroup(_))));
        assert_eq!(names(&groups), ["a", "b", "c"], "all or none");

        let [_, now] = groups.remove_process("web", "b").unwrap();
        assert_eq!(now.processes.len(), 2);
        assert_eq!(names(&groups), ["a", "c"]);
        assert_eq!(groups.remove_process("web", "b").err(), Some(NotRemoved::NoProcess));
        assert_eq!(groups.remove_process("nope", "b").err(), Some(NotRemoved::NoGroup));
    }

    fn idle(name: impl Into<String>) -> Arc<config::Process> {
        Arc::new(config::Process { autostart: false, ..fixtures::process(&name.into()) })
    }

    #[test]
    fn who_joins_at_the_same_time_as_others_is_part_of_the_config_too() {
        let supervisor = AtWork::with([config::Process { autostart: false, ..fixtures::process("web") }]);
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let supervisor = &*supervisor;
                scope.spawn(move || {
                    for number in 0..50 {
                        supervisor.add_to_group("web", vec![idle(format!("{thread}-{number}"))]).unwrap();
                    }
                });
            }
        });
        assert_eq!(supervisor.of_group("web").unwrap().len(), 201);
        assert_eq!(supervisor.changes(), [const { Vec::<String>::new() }; 3]);
    }
}
