//! The groups and processes there are, and how they are found.

use std::{
    collections::{HashMap, HashSet},
    ffi::OsString,
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use tokio::sync::{oneshot, watch};

use super::{deadlines::Deadlines, drive::Refused};
use crate::{
    config::{self, Config, GroupKind},
    events::Channel,
    logger::Logger,
    process::{
        fcgi::{Listening, SharedSocket},
        launch::Launch,
        output::{OutputTarget, auto_logs},
        state::{Machine, Time},
        stdin::Stdin,
    },
    states::ProcessState,
};

pub use crate::text::namespec::{make_namespec, split_namespec};

/// Names a process for as long as its group is active. Never used again for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProcessId(u64);

/// What those who wait for a process see of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Its state.
    pub state: ProcessState,
    /// How often a start was tried: whoever waits for one start can tell it from the next.
    pub starts: u64,
    /// Whether `spawnerr` is set: the start failed, or the run ended badly.
    pub failed: bool,
}

/// One process as the supervisor keeps it.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) group: String,
    pub(super) is_listener: bool,
    pub(super) config: Arc<config::Process>,
    pub(super) machine: Machine,
    pub(super) launch: Arc<Launch>,
    pub(super) stdout: OutputTarget,
    pub(super) stderr: OutputTarget,
    /// Names the present run to the output thread.
    pub(super) run: u64,
    pub(super) stdin: Option<Arc<Stdin>>,
    /// The socket that it shares with its group, if that is one of `[fcgi-program:x]`.
    pub(super) socket: Option<Arc<SharedSocket>>,
    /// That socket, kept open while it runs.
    pub(super) listening: Option<Arc<Listening>>,
    /// Who asked for the start that goes on. Answered when it was spawned, or could not be.
    pub(super) starter: Option<oneshot::Sender<Result<Status, Refused>>>,
    /// The wall clock is for people only; decisions use the machine's monotonic time.
    pub(super) started: Option<SystemTime>,
    pub(super) stopped: Option<SystemTime>,
    pub(super) watch: watch::Sender<Status>,
}

impl Process {
    /// May wait: makes the files of `AUTO` logs, and asks for the groups of the user.
    fn new(
        config: &Arc<config::Process>,
        group: &config::Group,
        supervisord: &config::Supervisord,
        environment: &[(OsString, OsString)],
        made: &mut Vec<PathBuf>,
    ) -> io::Result<Self> {
        let mut target = |output: &config::Output, channel| {
            OutputTarget::new(output, || {
                let path = auto_logs::create(&supervisord.childlogdir, &config.name, channel, &supervisord.identifier)?;
                made.push(path.clone());
                Ok(path)
            })
        };
        let is_listener = matches!(group.kind, GroupKind::EventListener(_));
        let stdout = target(&config.stdout, Channel::Stdout)?;
        let stdout = if is_listener { stdout.of_protocol() } else { stdout };
        // Of stderr that goes to stdout nothing is left to log.
        let stderr =
            if config.redirect_stderr { OutputTarget::default() } else { target(&config.stderr, Channel::Stderr)? };
        let machine = Machine::new();
        let status = status(&machine);
        Ok(Self {
            group: group.name.clone(),
            is_listener,
            config: Arc::clone(config),
            machine,
            launch: Arc::new(Launch::new(config, &group.name, supervisord, environment)),
            stdout,
            stderr,
            run: 0,
            stdin: None,
            socket: None,
            listening: None,
            starter: None,
            started: None,
            stopped: None,
            watch: watch::Sender::new(status),
        })
    }

    /// Tell whether it was to be spawned and nobody has said yet what came of it.
    pub(super) fn awaits_spawn(&self) -> bool {
        self.machine.awaits_spawn()
    }

    /// Tells those who wait. To be called when all that follows from one input is done.
    pub(super) fn announce(&self) {
        let status = status(&self.machine);
        self.watch.send_if_modified(|old| {
            let changed = *old != status;
            if changed {
                *old = status;
            }
            changed
        });
    }
}

fn status(machine: &Machine) -> Status {
    Status { state: machine.state(), starts: machine.starts(), failed: machine.spawnerr().is_some() }
}

/// A group that is active.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) config: Arc<config::Group>,
    /// In the order in which they joined; first those of the config, in its order.
    pub(super) processes: Vec<ProcessId>,
}

/// A group with its processes, ready to become active. Making one may wait; adding it does not. Dropping one that was
/// not added may wait as well: it removes the files that were made for it.
#[derive(Debug)]
pub(super) struct NewGroup {
    pub(super) config: Arc<config::Group>,
    processes: Vec<Process>,
    made: Vec<PathBuf>,
    socket: Option<Arc<SharedSocket>>,
}

impl Drop for NewGroup {
    fn drop(&mut self) {
        for path in &self.made {
            // The next start cleans up what is left.
            let _ = std::fs::remove_file(path);
        }
    }
}

impl NewGroup {
    pub(super) fn new(
        config: &Arc<config::Group>,
        supervisord: &config::Supervisord,
        environment: &[(OsString, OsString)],
    ) -> io::Result<Self> {
        let mut new = Self { config: Arc::clone(config), processes: Vec::new(), made: Vec::new(), socket: None };
        let socket = match &config.kind {
            GroupKind::Fcgi(socket) => Some(Arc::new(SharedSocket::new(socket.clone()))),
            GroupKind::Programs | GroupKind::EventListener(_) => None,
        };
        for process in config.distinct() {
            let process = Process::new(process, config, supervisord, environment, &mut new.made)?;
            new.processes.push(Process { socket: socket.clone(), ..process });
        }
        new.socket = socket;
        Ok(new)
    }

    /// Opens the group's socket, if it has one, and closes it again: to fail early where it cannot be had.
    pub(super) fn try_socket(&self, logger: &Logger) -> io::Result<()> {
        self.socket.as_ref().map_or(Ok(()), |socket| socket.try_open(logger).map_err(io::Error::other))
    }
}

/// Everything the supervisor knows. The lock around it is held for one unit of work: a step of one process, a list.
#[derive(Debug, Default)]
pub(super) struct State {
    /// In the order in which they became active; first those of the config, in its order.
    pub(super) groups: Vec<Group>,
    pub(super) processes: HashMap<ProcessId, Process>,
    pub(super) by_pid: HashMap<i32, ProcessId>,
    /// Children of ours whose group was removed: they could not be killed and counted as UNKNOWN.
    pub(super) strays: HashSet<i32>,
    /// Those of a supervisor that may start processes.
    deadlines: Deadlines,
    /// Number of descriptors that those take which are alive.
    pub(super) descriptors_taken: u64,
    last_id: u64,
}

/// What a namespec means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// `name`, `group:name`.
    Process(ProcessId),
    /// `group:*`, `group:`.
    Group(String),
}

impl State {
    /// Makes a group active. Answers whether there was none of that name; if there was, the new one stays as it is, to
    /// be dropped where that may wait.
    pub(super) fn add(&mut self, group: &mut NewGroup) -> bool {
        if self.group(&group.config.name).is_some() {
            return false;
        }
        let processes = self.adopt(group);
        self.groups.push(Group { config: Arc::clone(&group.config), processes });
        true
    }

    /// Takes the processes of a group over, and answers how they are called from now on.
    pub(super) fn adopt(&mut self, group: &mut NewGroup) -> Vec<ProcessId> {
        let mut ids = Vec::with_capacity(group.processes.len());
        group.made.clear();
        for process in group.processes.drain(..) {
            self.last_id += 1;
            let id = ProcessId(self.last_id);
            self.processes.insert(id, process);
            self.note_deadline(id);
            ids.push(id);
        }
        ids
    }

    /// Forgets a process that has stopped.
    pub(super) fn forget(&mut self, id: ProcessId) {
        let pid = self.processes.get(&id).map_or(0, |process| process.machine.pid());
        if self.died(pid).is_some() {
            self.strays.insert(pid);
        }
        self.processes.remove(&id);
        self.note_deadline(id);
    }

    /// A process has come to life.
    pub(super) fn born(&mut self, pid: i32, id: ProcessId) {
        self.by_pid.insert(pid, id);
        self.descriptors_taken += self.processes.get(&id).map_or(0, Process::descriptors);
    }

    /// The process of that pid is gone, or nobody of ours any more.
    pub(super) fn died(&mut self, pid: i32) -> Option<ProcessId> {
        let id = self.by_pid.remove(&pid)?;
        self.descriptors_taken -= self.processes.get(&id).map_or(0, Process::descriptors);
        Some(id)
    }

    /// To be called whenever a process has changed.
    pub(super) fn note_deadline(&mut self, id: ProcessId) {
        let next = |process: &Process| process.machine.next_deadline(&process.config, true);
        self.deadlines.set(id, self.processes.get(&id).and_then(next));
    }

    /// Forgets a group whose processes are all stopped. `None` where there is none, `Some(false)` where some still run.
    pub(super) fn remove(&mut self, name: &str) -> Option<bool> {
        let index = self.groups.iter().position(|group| group.config.name == name)?;
        if self.groups[index].processes.iter().any(|id| !self.processes[id].machine.state().is_stopped()) {
            return Some(false);
        }
        for id in self.groups.remove(index).processes {
            self.forget(id);
        }
        Some(true)
    }

    pub(super) fn group(&self, name: &str) -> Option<&Group> {
        self.groups.iter().find(|group| group.config.name == name)
    }

    /// What a client means by `name`, `group:name` or `group:*`.
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

    /// The processes of a group in order of their priority, those of the same priority in the group's order.
    pub(super) fn of_group(&self, group: &Group) -> Vec<ProcessId> {
        let mut ids = group.processes.clone();
        ids.sort_by_key(|id| self.processes[id].config.priority);
        ids
    }

    /// The groups in order of their priority, those of the same priority in the order in which they became active.
    fn groups_by_priority(&self) -> Vec<&Group> {
        let mut groups: Vec<_> = self.groups.iter().collect();
        groups.sort_by_key(|group| group.config.priority);
        groups
    }

    /// All processes, by priority of their groups and then their own.
    pub(super) fn by_priority(&self) -> Vec<ProcessId> {
        self.groups_by_priority().into_iter().flat_map(|group| self.of_group(group)).collect()
    }

    /// All processes, by name of their groups and then their own.
    pub(super) fn by_name(&self) -> Vec<ProcessId> {
        let mut ids: Vec<_> = self.processes.keys().copied().collect();
        ids.sort_by_key(|id| {
            let process = &self.processes[id];
            (&process.group, &process.config.name)
        });
        ids
    }

    pub(super) fn is_stopped(&self, id: ProcessId) -> bool {
        self.processes.get(&id).is_none_or(|process| process.machine.state().is_stopped())
    }

    /// What a shutdown stops next: of the groups of the highest priority number that are not stopped yet all processes
    /// that still are there, in the reverse of the order of [`by_priority`](Self::by_priority).
    pub(super) fn last_unstopped(&self) -> Option<Vec<ProcessId>> {
        let is_up = |id: &ProcessId| !self.is_stopped(*id);
        let mut groups = self.groups_by_priority();
        groups.retain(|group| group.processes.iter().any(is_up));
        let last = groups.last()?.config.priority;
        let groups = groups.into_iter().rev().take_while(|group| group.config.priority == last);
        Some(groups.flat_map(|group| self.of_group(group).into_iter().rev()).filter(is_up).collect())
    }

    /// The processes that are due: by priority of their groups, and in the group's order whatever their own.
    pub(super) fn due(&self, now: Time, may_start: bool) -> Vec<ProcessId> {
        let due = self.deadlines.iter().take_while(|(deadline, _)| *deadline <= now).map(|(_, id)| id);
        let mut due: Vec<_> = due.filter(|id| self.deadline(*id, may_start).is_some_and(|due| due <= now)).collect();
        if due.len() > 1 {
            let is_due: HashSet<_> = due.drain(..).collect();
            let in_order = self.groups_by_priority().into_iter().flat_map(|group| &group.processes);
            due.extend(in_order.filter(|id| is_due.contains(id)));
        }
        due
    }

    fn deadline(&self, id: ProcessId, may_start: bool) -> Option<Time> {
        let process = self.processes.get(&id)?;
        process.machine.next_deadline(&process.config, may_start)
    }

    /// The files that were made for `AUTO` logs.
    pub(super) fn auto_logs(&self) -> Vec<PathBuf> {
        let of_process = |process: &Process| {
            let auto = |output: &config::Output, target: &OutputTarget| match output.logfile {
                config::Logfile::Auto => target.path.clone(),
                _ => None,
            };
            [auto(&process.config.stdout, &process.stdout), auto(&process.config.stderr, &process.stderr)]
        };
        self.processes.values().flat_map(of_process).flatten().collect()
    }

    /// When the next process is due.
    pub(super) fn next_deadline(&self, may_start: bool) -> Option<Time> {
        self.deadlines.iter().find_map(|(_, id)| self.deadline(id, may_start))
    }
}

/// Makes every group of a config.
pub(super) fn all(config: &Config, environment: &[(OsString, OsString)], logger: &Logger) -> io::Result<State> {
    let mut state = State::default();
    for group in &config.groups {
        let mut new = NewGroup::new(group, &config.supervisord, environment).map_err(|error| {
            let dir: &Path = &config.supervisord.childlogdir;
            io::Error::new(error.kind(), format!("could not make a log file in {}: {error}", dir.display()))
        })?;
        new.try_socket(logger)?;
        state.add(&mut new);
    }
    Ok(state)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::{fixtures, state::Input};

    fn state() -> State {
        let group = |name: &str, priority, processes: &[(&str, i32)]| {
            let processes = processes
                .iter()
                .map(|&(name, priority)| Arc::new(config::Process { priority, ..fixtures::process(name) }))
                .collect();
            Arc::new(config::Group { name: name.to_owned(), kind: GroupKind::Programs, priority, processes })
        };
        let supervisord = fixtures::supervisord(Path::new("/tmp"));
        let mut state = State::default();
        let groups = [
            group("web", 20, &[("b", 2), ("a", 1), ("d", 2), ("c", 1)]),
            group("cat", 10, &[("cat", 1)]),
            group("empty", 5, &[]),
            group("also", 20, &[("y", 2), ("x", 3)]),
        ];
        for group in groups {
            assert!(state.add(&mut NewGroup::new(&group, &supervisord, &[]).unwrap()));
            assert!(!state.add(&mut NewGroup::new(&group, &supervisord, &[]).unwrap()));
        }
        state
    }

    fn names(state: &State, ids: &[ProcessId]) -> Vec<String> {
        ids.iter().map(|id| state.processes[id].config.name.clone()).collect()
    }

    #[test]
    fn namespecs_name_processes_and_groups() {
        let state = state();
        let process = |namespec: &str| match state.find(namespec) {
            Some(Found::Process(id)) => Some(state.processes[&id].config.name.clone()),
            _ => None,
        };
        assert_eq!(process("cat").as_deref(), Some("cat"));
        assert_eq!(process("cat:cat").as_deref(), Some("cat"));
        assert_eq!(process("web:a").as_deref(), Some("a"));
        for group in ["web:*", "web:"] {
            assert_eq!(state.find(group), Some(Found::Group("web".to_owned())));
        }
        for unknown in ["", ":", "web", "a", "web:e", "nope:*", "web:a:b"] {
            assert_eq!(state.find(unknown), None, "{unknown:?}");
        }
    }

    #[test]
    fn lists_are_ordered_by_priority_or_by_name() {
        let mut state = state();
        assert_eq!(names(&state, &state.by_priority()), ["cat", "a", "c", "b", "d", "y", "x"]);
        assert_eq!(names(&state, &state.by_name()), ["x", "y", "cat", "a", "b", "c", "d"]);
        assert_eq!(names(&state, &state.due(Time::ZERO, true)), ["cat", "b", "a", "d", "c", "y", "x"]);
        assert!(state.due(Time::ZERO, false).is_empty());
        assert_eq!(state.last_unstopped(), None);
        for process in state.processes.values_mut() {
            process.machine.step(&process.config, Time::ZERO, Input::Start);
        }
        assert_eq!(names(&state, &state.last_unstopped().unwrap()), ["x", "y", "d", "b", "c", "a"]);
    }

    #[test]
    fn a_group_goes_with_its_processes() {
        let mut state = state();
        assert_eq!(state.remove("web"), Some(true));
        assert_eq!(state.remove("web"), None);
        assert_eq!(names(&state, &state.by_name()), ["x", "y", "cat"]);
    }

    #[test]
    fn a_pid_that_outlives_its_group_belongs_to_nobody() {
        let mut state = state();
        let Some(Found::Process(id)) = state.find("cat") else { panic!("no cat") };
        let process = state.processes.get_mut(&id).unwrap();
        for input in [Input::Start, Input::Spawned(5), Input::Stop { waited_for: false }] {
            process.machine.step(&process.config, Time::ZERO, input);
        }
        process.machine.step(&process.config, Time::ZERO, Input::KillFailed("EPERM".to_owned()));
        state.born(5, id);
        assert_eq!(state.remove("cat"), Some(true), "it is UNKNOWN");
        assert!(state.by_pid.is_empty());
        assert!(state.strays.contains(&5), "and still to be reaped");
    }

    #[test]
    fn a_group_that_is_not_added_leaves_no_files() {
        let dir = tempfile::tempdir().unwrap();
        let supervisord = fixtures::supervisord(dir.path());
        let files = || std::fs::read_dir(dir.path()).unwrap().count();
        let auto = |name: &str| {
            let mut process = fixtures::process(name);
            process.stdout.logfile = config::Logfile::Auto;
            process.stderr.logfile = config::Logfile::Auto;
            Arc::new(process)
        };
        let kind = GroupKind::Programs;
        let group =
            |processes| Arc::new(config::Group { name: "g".to_owned(), kind: kind.clone(), priority: 1, processes });

        let half = group(vec![auto("a"), auto("no/such/folder")]);
        assert!(NewGroup::new(&half, &supervisord, &[]).is_err());
        assert_eq!(files(), 0);

        let (whole, mut state) = (group(vec![auto("a")]), State::default());
        let mut winner = NewGroup::new(&whole, &supervisord, &[]).unwrap();
        let mut loser = NewGroup::new(&whole, &supervisord, &[]).unwrap();
        assert!(state.add(&mut winner) && !state.add(&mut loser));
        assert_eq!(files(), 4);
        drop((winner, loser));
        assert_eq!(files(), 2);
    }
}
