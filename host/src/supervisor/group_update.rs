//! Updates of active groups to the config as it was read last: what each would do, and those that leave alone what can
//! be.

use std::{collections::HashMap, io, sync::Arc};

use super::{groups::Groups, handle::Supervisor, new_group::NewGroup};
use crate::{
    config::{self, GroupKind, OptionChange, Update},
    process::launch::Launch,
};

/// Work that the update of a group means for one of its processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpdateAction {
    /// Make it; it starts if it says `autostart`.
    Add,
    /// Stop it, and take it out of the group.
    Remove,
    /// Stop it, and make it anew.
    Restart,
    /// Let it go on, under other options.
    TakeUp,
    /// Let it go on.
    Keep,
}

/// Update of one process.
#[derive(Clone, Debug)]
pub struct ProcessUpdate {
    /// Name of the process.
    pub name: String,
    /// Work that it means.
    pub action: UpdateAction,
    /// Options that differ.
    pub options: Vec<OptionChange>,
}

/// Update of one group.
#[derive(Clone, Debug)]
pub struct GroupUpdate {
    /// Name of the group.
    pub group: String,
    /// Set where it leaves alone what can be.
    pub is_minimal: bool,
    /// Updates of its processes, in their order; those that go come last.
    pub processes: Vec<ProcessUpdate>,
}

/// Reason why a group was not updated.
#[derive(Debug, thiserror::Error)]
pub enum NotUpdated {
    /// No active group that the config has is called so.
    #[error("no active group of the config has that name")]
    NoGroup,
    /// The config asks for a restart of the whole group.
    #[error("the whole group is to be restarted: it has no update=minimal, or more than its programs has changed")]
    NotMinimal,
    /// A process that is to be stopped before still runs.
    #[error("{0} still runs")]
    Running(String),
    /// The group has changed meanwhile.
    #[error("the group has changed meanwhile")]
    Changed,
    /// A log file could not be made.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl GroupUpdate {
    /// Find what it takes to make `new` of `old`; either may be missing.
    fn between(old: Option<&config::Group>, new: Option<&config::Group>) -> Self {
        let group = new.or(old).map_or_else(String::new, |group| group.name.clone());
        let of = |group: Option<&config::Group>| -> Vec<Arc<config::Process>> {
            group.map_or_else(Vec::new, |group| group.distinct().into_iter().cloned().collect())
        };
        let (olds, news) = (of(old), of(new));
        let known: HashMap<_, _> = olds.iter().map(|process| (process.name.as_str(), process)).collect();
        let is_same_set = olds.len() == news.len() && news.iter().all(|it| known.contains_key(it.name.as_str()));
        // A pool knows its listeners from its beginning on.
        let may_be_minimal = old.zip(new).is_some_and(|(old, new)| {
            old.kind == new.kind && (is_same_set || !matches!(new.kind, GroupKind::EventListener(_)))
        });
        let is_minimal = may_be_minimal && news.iter().any(|process| process.update == Update::Minimal);
        let mut processes: Vec<_> = news
            .iter()
            .map(|process| {
                let before = known.get(process.name.as_str()).zip(old).zip(new);
                let options = before.map(|((before, old), new)| before.changes_to(old, process, new));
                let action = match &options {
                    None => UpdateAction::Add,
                    Some(_) if !is_minimal || process.update == Update::Restart => UpdateAction::Restart,
                    Some(options) if options.iter().any(|change| !change.in_place) => UpdateAction::Restart,
                    Some(options) if options.is_empty() => UpdateAction::Keep,
                    Some(_) => UpdateAction::TakeUp,
                };
                ProcessUpdate { name: process.name.clone(), action, options: options.unwrap_or_default() }
            })
            .collect();
        let gone = olds.iter().filter(|process| news.iter().all(|new| new.name != process.name));
        processes.extend(gone.map(|process| ProcessUpdate {
            name: process.name.clone(),
            action: UpdateAction::Remove,
            options: Vec::new(),
        }));
        Self { group, is_minimal, processes }
    }

    fn action(&self, name: &str) -> Option<UpdateAction> {
        self.processes.iter().find(|process| process.name == name).map(|process| process.action)
    }
}

impl Supervisor {
    /// List what an update of each group would do that differs from the config as it was read last: those that the
    /// config has first, in its order.
    pub fn updates(&self) -> Vec<GroupUpdate> {
        let config = self.config();
        let active: Vec<_> = self.0.groups.lock().in_order.iter().map(|group| Arc::clone(&group.config)).collect();
        let mut updates = Vec::new();
        for group in &config.groups {
            let old = active.iter().find(|active| active.name == group.name);
            if old != Some(group) {
                updates.push(GroupUpdate::between(old.map(|old| &**old), Some(group)));
            }
        }
        let gone = active.iter().filter(|active| config.groups.iter().all(|group| group.name != active.name));
        updates.extend(gone.map(|group| GroupUpdate::between(Some(group), None)));
        updates
    }

    /// Make of an active group what the config as it was read last says, if it says `update=minimal`. Those of its
    /// processes that go, or are made anew, must have stopped before; all others go on. All of it, or nothing. Blocks:
    /// it may make files and ask for the groups of a user.
    pub fn update_group(&self, name: &str) -> Result<GroupUpdate, NotUpdated> {
        let config = self.config();
        let new = config.groups.iter().find(|group| group.name == name).ok_or(NotUpdated::NoGroup)?;
        let old = self.0.groups.lock().group(name).map(|group| Arc::clone(&group.config)).ok_or(NotUpdated::NoGroup)?;
        let update = GroupUpdate::between(Some(&old), Some(new));
        if !update.is_minimal {
            return Err(NotUpdated::NotMinimal);
        }
        let is_new = |name: &str| matches!(update.action(name), Some(UpdateAction::Add | UpdateAction::Restart));
        let (come, stay): (Vec<_>, Vec<_>) = new.distinct().into_iter().cloned().partition(|it| is_new(&it.name));
        let launch =
            |process: &Arc<config::Process>| Launch::new(process, name, &config.supervisord, &self.0.environment);
        let stay: Vec<_> = stay.into_iter().map(|process| (Arc::new(launch(&process)), process)).collect();
        let made = config::Group { processes: come, ..config::Group::clone(new) };
        let mut made = NewGroup::new(&Arc::new(made), &config.supervisord, &self.0.environment)?;
        let mut groups = self.0.groups.lock();
        groups.check_update(&old, &update)?;
        groups.leave(name, &update);
        groups.join(&mut made, new);
        for (launch, process) in stay {
            if let Some(retargeted) = groups.take_up(name, &process, launch) {
                self.0.output.retarget(retargeted.0, retargeted.1);
            }
        }
        drop(groups);
        self.0.requests.wake();
        Ok(update)
    }
}

impl Groups {
    /// Check that nothing keeps a group from its update.
    fn check_update(&self, old: &Arc<config::Group>, update: &GroupUpdate) -> Result<(), NotUpdated> {
        let group = self.group(&update.group).ok_or(NotUpdated::NoGroup)?;
        if !Arc::ptr_eq(&group.config, old) {
            return Err(NotUpdated::Changed);
        }
        let leaves = |name: &str| matches!(update.action(name), Some(UpdateAction::Remove | UpdateAction::Restart));
        let members = group.processes.iter().map(|id| (id, self.processes[id].config.name.as_str()));
        let mut running = members.filter(|(id, name)| leaves(name) && !self.is_stopped(**id));
        running.next().map_or(Ok(()), |(_, name)| Err(NotUpdated::Running(name.to_owned())))
    }

    /// Forget the processes of a group that go, or are made anew.
    fn leave(&mut self, group: &str, update: &GroupUpdate) {
        let members = self.group(group).map_or_else(Vec::new, |group| group.processes.clone());
        for id in members {
            let action = self.processes.get(&id).and_then(|process| update.action(&process.config.name));
            if matches!(action, Some(UpdateAction::Remove | UpdateAction::Restart)) {
                self.forget(id);
            }
        }
    }

    /// Take the processes of `made` into the active group of that name, in the order of its new config.
    fn join(&mut self, made: &mut NewGroup, new: &Arc<config::Group>) {
        let Some(index) = self.in_order.iter().position(|group| group.config.name == new.name) else { return };
        let members = self.in_order[index].processes.clone();
        let left: Vec<_> = members.into_iter().filter(|id| self.processes.contains_key(id)).collect();
        // Those that share a socket go on to share it.
        if let Some(socket) = left.iter().find_map(|id| self.processes[id].socket.clone()) {
            for process in &mut made.processes {
                process.socket = Some(Arc::clone(&socket));
            }
        }
        let ids: Vec<_> = left.into_iter().chain(self.adopt(made)).collect();
        let by_name: HashMap<_, _> = ids.into_iter().map(|id| (self.processes[&id].config.name.clone(), id)).collect();
        let in_order = new.distinct().into_iter().filter_map(|process| by_name.get(&process.name).copied()).collect();
        let group = &mut self.in_order[index];
        (group.processes, group.config) = (in_order, Arc::clone(new));
        // Priorities and dependencies may be others.
        self.changes += 1;
    }

    /// Give a process that goes on the config that it has now. Return its run and the destinations of its outputs, if it
    /// runs.
    fn take_up(
        &mut self,
        group: &str,
        config: &Arc<config::Process>,
        launch: Arc<Launch>,
    ) -> Option<(u64, [crate::process::output::OutputTarget; 2])> {
        let id = *self.group(group)?.processes.iter().find(|id| self.processes[id].config.name == config.name)?;
        let process = self.processes.get_mut(&id)?;
        process.config = Arc::clone(config);
        process.launch = launch;
        process.stdout = process.stdout.with_options(&config.stdout);
        process.stderr = process.stderr.with_options(&config.stderr);
        let targets = [process.stdout.clone(), process.stderr.clone()];
        let run = (process.machine.pid() != 0).then_some((process.run, targets));
        self.note_deadline(id);
        run
    }
}

#[cfg(test)]
#[path = "group_model_tests.rs"]
mod model;
