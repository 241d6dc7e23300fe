//! Random histories of groups: they come, go and are updated while their processes start, run and end. After each step
//! all lists are those that a model makes anew from what is there.

use std::{collections::BTreeMap, path::Path};

use proptest::{collection::vec, prelude::*, sample::subsequence};

use super::*;
use crate::{
    process::{
        exits::Exit,
        fixtures,
        history_fixtures::histories,
        state::{Input, Time},
    },
    supervisor::{Found, ProcessId},
};

const GROUPS: [&str; 4] = ["b", "a", "d", "c"];
const PROCESSES: [&str; 4] = ["y", "x", "z", "w"];

/// Step of a history.
#[derive(Clone, Debug)]
enum Step {
    Add(config::Group),
    Remove(usize),
    Update(config::Group),
    /// Something that happens to a process, if there is one of these names and that can happen.
    Process(usize, usize, Happening),
    Pass(u64),
}

#[derive(Clone, Copy, Debug)]
enum Happening {
    Start,
    Spawned,
    CannotBeSpawned,
    Stop,
    KillFails,
    Ends,
}

fn group() -> impl Strategy<Value = config::Group> {
    let process = |name: &'static str| {
        (0..3, any::<bool>(), 0_i64..3, prop::bool::weighted(0.8)).prop_map(
            move |(priority, autostart, startsecs, is_usual)| {
                let command = if is_usual { "/bin/cat" } else { "/bin/sleep 1" }.to_owned();
                let update = config::Update::Minimal;
                config::Process { command, priority, autostart, startsecs, update, ..fixtures::process(name) }
            },
        )
    };
    let processes = subsequence(PROCESSES.to_vec(), 1..=4)
        .prop_shuffle()
        .prop_flat_map(move |names| names.into_iter().map(|name| process(name).prop_map(Arc::new)).collect::<Vec<_>>());
    (0..4_usize, 0..3, processes).prop_map(|(group, priority, processes)| config::Group {
        name: GROUPS[group].to_owned(),
        kind: GroupKind::Programs,
        priority,
        processes,
    })
}

fn step() -> impl Strategy<Value = Step> {
    let happening = prop_oneof![
        4 => Just(Happening::Start),
        8 => Just(Happening::Spawned),
        1 => Just(Happening::CannotBeSpawned),
        3 => Just(Happening::Stop),
        1 => Just(Happening::KillFails),
        3 => Just(Happening::Ends),
    ];
    prop_oneof![
        4 => group().prop_map(Step::Add),
        2 => (0..4_usize).prop_map(Step::Remove),
        3 => group().prop_map(Step::Update),
        20 => (0..4_usize, 0..4_usize, happening).prop_map(|(group, process, it)| Step::Process(group, process, it)),
        6 => (0..3_000_u64).prop_map(Step::Pass),
    ]
}

/// The groups, and what must be true of them.
struct Checked {
    groups: Groups,
    supervisord: config::Supervisord,
    /// Configs of the active groups, in the order in which they became active.
    model: Vec<config::Group>,
    /// Processes that are to stay what they are: their names, with ids and commands.
    known: BTreeMap<(String, String), (ProcessId, String)>,
    /// Pids that run, of active groups and of none.
    pids: BTreeMap<i32, Option<ProcessId>>,
    now: Time,
    last_pid: i32,
}

impl Checked {
    fn new() -> Self {
        Self {
            groups: Groups::default(),
            supervisord: fixtures::supervisord(Path::new("/tmp")),
            model: vec![],
            known: BTreeMap::new(),
            pids: BTreeMap::new(),
            now: Time::ZERO,
            last_pid: 0,
        }
    }

    fn made(&self, group: config::Group) -> NewGroup {
        NewGroup::new(&Arc::new(group), &self.supervisord, &[]).expect("it makes no files")
    }

    fn is_stopped(&self, id: ProcessId) -> bool {
        self.groups.processes[&id].machine.state().is_stopped()
    }

    /// Processes of a group that are known.
    fn members(&self, group: &str) -> Vec<(String, ProcessId, String)> {
        let of_group = self.known.iter().filter(|((name, _), _)| name == group);
        of_group.map(|((_, name), (id, command))| (name.clone(), *id, command.clone())).collect()
    }

    /// Forget a process that is gone. Its pid, if it has one, is nobody's.
    fn forget(&mut self, group: &str, name: &str) {
        let (id, _) = self.known.remove(&(group.to_owned(), name.to_owned())).expect("it is known");
        self.pids.values_mut().filter(|it| **it == Some(id)).for_each(|it| *it = None);
    }

    /// Get to know the processes of a group that are new.
    fn learn(&mut self, group: &config::Group) {
        for process in &group.processes {
            let Some(Found::Process(id)) = self.groups.find(&format!("{}:{}", group.name, process.name)) else {
                panic!("{} is not found", process.name)
            };
            let known = self.known.entry((group.name.clone(), process.name.clone())).or_insert((id, String::new()));
            assert_eq!(known.0, id, "a process stays what it is");
            known.1.clone_from(&process.command);
        }
    }

    fn update(&mut self, new: &config::Group) {
        let Some(at) = self.model.iter().position(|group| group.name == new.name) else { return };
        let old = Arc::clone(&self.groups.group(&new.name).expect("it is active").config);
        let update = GroupUpdate::between(Some(&old), Some(new));
        assert!(update.is_minimal);
        let stays = |name: &str, command: &str| {
            new.processes.iter().any(|process| process.name == name && process.command == command)
        };
        let goes: Vec<_> =
            self.members(&new.name).into_iter().filter(|(name, _, command)| !stays(name, command)).collect();
        let may = goes.iter().all(|(_, id, _)| self.is_stopped(*id));
        assert_eq!(self.groups.check_update(&old, &update).is_ok(), may, "nothing is taken away from under a process");
        if !may {
            return;
        }
        // As `Supervisor::update_group` does it, with its lock.
        let left = |name: &str| matches!(update.action(name), Some(UpdateAction::Add | UpdateAction::Restart));
        let (come, stay): (Vec<_>, Vec<_>) = new.processes.iter().cloned().partition(|it| left(&it.name));
        let mut made = self.made(config::Group { processes: come, ..new.clone() });
        self.groups.leave(&new.name, &update);
        self.groups.join(&mut made, &Arc::new(new.clone()));
        for process in stay {
            let launch = Launch::new(&process, &new.name, &self.supervisord, &[]);
            self.groups.take_up(&new.name, &process, Arc::new(launch));
        }
        for (name, ..) in goes {
            self.forget(&new.name, &name);
        }
        self.model[at] = new.clone();
        self.learn(new);
    }

    fn step(&mut self, id: ProcessId, input: Input) {
        let process = self.groups.processes.get_mut(&id).expect("it is known");
        process.machine.step(&process.config, self.now, input);
        self.groups.note_deadline(id);
    }

    fn process(&mut self, id: ProcessId, happening: Happening) {
        let machine = &self.groups.processes[&id].machine;
        let pid = machine.pid();
        match happening {
            Happening::Start => self.step(id, Input::Start),
            Happening::Spawned if machine.awaits_spawn() => {
                self.last_pid += 1;
                self.step(id, Input::Spawned(self.last_pid));
                self.groups.spawned(self.last_pid, id);
                self.pids.insert(self.last_pid, Some(id));
            }
            Happening::CannotBeSpawned if machine.awaits_spawn() => {
                self.step(id, Input::SpawnFailed("no".to_owned()));
            }
            Happening::Stop => self.step(id, Input::Stop { waited_for: false }),
            Happening::KillFails if machine.is_killed() => self.step(id, Input::KillFailed("no".to_owned())),
            Happening::Ends if pid != 0 => {
                assert_eq!(self.groups.died(pid), Some(id));
                self.pids.remove(&pid);
                self.step(id, Input::Reaped(Exit::Code(0)));
            }
            Happening::Spawned | Happening::CannotBeSpawned | Happening::KillFails | Happening::Ends => {}
        }
    }

    fn happens(&mut self, step: Step) {
        match step {
            Step::Add(group) => {
                let is_new = self.model.iter().all(|it| it.name != group.name);
                let mut made = self.made(group.clone());
                assert_eq!(self.groups.add(&mut made), is_new, "a name is taken once");
                if is_new {
                    self.model.push(group.clone());
                    self.learn(&group);
                }
            }
            Step::Remove(group) => {
                let name = GROUPS[group];
                let members = self.members(name);
                let may = members.iter().all(|(_, id, _)| self.is_stopped(*id));
                let expected = self.model.iter().any(|group| group.name == name).then_some(may);
                assert_eq!(self.groups.remove(name), expected, "{name} goes once all have stopped");
                if expected == Some(true) {
                    self.model.retain(|group| group.name != name);
                    for (process, ..) in &members {
                        self.forget(name, process);
                    }
                }
            }
            Step::Update(group) => self.update(&group),
            Step::Process(group, process, happening) => {
                let found = self.groups.find(&format!("{}:{}", GROUPS[group], PROCESSES[process]));
                let known = self.known.get(&(GROUPS[group].to_owned(), PROCESSES[process].to_owned()));
                assert_eq!(found, known.map(|(id, _)| Found::Process(*id)));
                if let Some(Found::Process(id)) = found {
                    self.process(id, happening);
                }
            }
            Step::Pass(millis) => {
                self.now += std::time::Duration::from_millis(millis);
                for id in self.groups.due(self.now, false) {
                    self.step(id, Input::Tick { may_start: true });
                }
            }
        }
        self.check();
    }

    /// Make all lists anew, and compare.
    fn check(&mut self) {
        let id = |group: &config::Group, name: &str| self.known[&(group.name.clone(), name.to_owned())].0;
        let mut by_priority: Vec<&config::Group> = self.model.iter().collect();
        by_priority.sort_by_key(|group| group.priority);
        let in_group = |group: &config::Group| -> Vec<ProcessId> {
            group.processes.iter().map(|process| id(group, &process.name)).collect()
        };
        let sorted = |group: &config::Group| -> Vec<ProcessId> {
            let mut processes: Vec<_> = group.processes.iter().collect();
            processes.sort_by_key(|process| process.priority);
            processes.into_iter().map(|process| id(group, &process.name)).collect()
        };
        let listed: Vec<_> = by_priority.iter().flat_map(|group| sorted(group)).collect();
        assert_eq!(self.groups.by_priority(), listed, "sorted by priority");
        assert_eq!(self.groups.by_name(), self.known.values().map(|(id, _)| *id).collect::<Vec<_>>(), "by name");

        for is_stopping in [false, true] {
            let deadline = |id: &ProcessId| {
                let process = &self.groups.processes[id];
                process.machine.next_deadline(&process.config, !is_stopping)
            };
            let all = || by_priority.iter().flat_map(|group| in_group(group));
            let due: Vec<_> = all().filter(|id| deadline(id).is_some_and(|due| due <= self.now)).collect();
            assert_eq!(self.groups.due(self.now, is_stopping), due, "all that is due is due");
            let next = all().filter_map(|id| deadline(&id)).min();
            assert_eq!(self.groups.next_deadline(is_stopping), next, "no deadline is missed, and none is left");
        }

        let unstopped = |group: &config::Group| -> Vec<ProcessId> {
            sorted(group).into_iter().filter(|id| !self.is_stopped(*id)).collect()
        };
        let last = by_priority.iter().filter(|group| !unstopped(group).is_empty()).map(|group| group.priority).max();
        let last = last.map(|priority| {
            let of_last = by_priority.iter().filter(|group| group.priority == priority);
            of_last.flat_map(|group| unstopped(group)).rev().collect::<Vec<_>>()
        });
        assert_eq!(self.groups.last_unstopped(), last, "a shutdown goes backwards");

        let active = self.pids.iter().filter_map(|(pid, id)| Some((*pid, (*id)?)));
        assert_eq!(self.groups.by_pid, active.collect(), "each process of an active group is known by its pid");
        let strays = self.pids.iter().filter(|(_, id)| id.is_none()).map(|(pid, _)| *pid);
        assert_eq!(self.groups.strays, strays.collect(), "and each that outlives its group is a stray");
        let taken = self.groups.by_pid.values().map(|id| self.groups.processes[id].descriptors()).sum::<u64>();
        assert_eq!(self.groups.descriptors_taken, taken, "what a process takes is given back");
        for (pid, id) in &self.groups.by_pid {
            assert_eq!(self.groups.processes[id].machine.pid(), *pid);
        }
    }
}

proptest! {
    #![proptest_config(histories())]

    #[test]
    fn the_groups_do_as_the_model(history in vec(step(), 1..100)) {
        let mut checked = Checked::new();
        for step in history {
            checked.happens(step);
        }
    }
}
