//! Handover from one supervisord to the next, under the same pid: the snapshot that the one makes, and the main loop that
//! goes on from it in the other.
//!
//! The one that takes over owns no descriptor and does nothing to any process before its main loop runs. As long as
//! that has not begun, the other can be executed again and finds all as it was.

use std::{
    collections::HashMap,
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
        mpsc,
    },
    thread,
    time::Duration,
};

use nix::{
    sys::wait::{Id, WaitPidFlag, waitid},
    unistd::Pid,
};

use super::{
    descendants::EndedRun,
    extensions::Extensions,
    groups::{Found, Groups},
    main_loop::{Adopted, AdoptedProcess, HandedSocket, MainLoop, monotonic},
    new_group::NewGroup,
    process::Process,
    requests::Request,
    shared::Shared,
    snapshot::{Births, EndedRecord, GroupRecord, HandOver, ProcessRecord, Snapshot, UseSnapshot},
    status::ProcessId,
    watching::watch,
};
use crate::{
    config::{Config, GroupKind},
    handed_fds,
    linux::process_table,
    process::{
        exits::Exit,
        fcgi::SharedSocket,
        launch::Launch,
        output::{AdoptedOutput, LogCounter, OutputState},
        signals,
        state::Input,
        stdin::Stdin,
    },
};

/// Time that logs have to take what was written before everything stands still.
const FREEZE_TIMEOUT: Duration = Duration::from_millis(200);
/// Time that children have to get descriptors of their own: two system calls each.
const CHILDREN_TIMEOUT: Duration = Duration::from_millis(200);
/// Time after which a main loop that does not answer is not waited for any longer.
const MAIN_LOOP_TIMEOUT: Duration = Duration::from_secs(5);

/// Exit status of a process of which nobody knows how it ended, as Supervisor has it.
const UNKNOWN_EXIT: Exit = Exit::Code(-1);

impl Shared {
    /// Have something done with a snapshot by the main loop, while all stands still. Where `is_final` is set, this
    /// process is to become another in it. `known` are starts of processes that need not be read again. Blocks until
    /// that is done, and returns where this process goes on.
    pub(super) fn hand_over(&self, is_final: bool, known: &Births, work: UseSnapshot) -> Result<(), String> {
        let births = self.births(known);
        // What waits is written before, as far as that goes: then it takes less time when nothing else happens.
        let _ = self.output.flush(FREEZE_TIMEOUT);
        let (done, result) = mpsc::sync_channel(1);
        let is_claimed = Arc::<AtomicBool>::default();
        self.requests.push(Request::HandOver(HandOver {
            births,
            is_final,
            work,
            is_claimed: is_claimed.clone(),
            done,
        }));
        let stopping = || Err("the supervisor is stopping".to_owned());
        match result.recv_timeout(MAIN_LOOP_TIMEOUT) {
            Ok(result) => result,
            Err(mpsc::RecvTimeoutError::Disconnected) => stopping(),
            // It is not to begin when nobody reckons with that any more.
            Err(mpsc::RecvTimeoutError::Timeout) if !is_claimed.swap(true, SeqCst) => {
                Err("the main loop does not answer".to_owned())
            }
            Err(mpsc::RecvTimeoutError::Timeout) => result.recv().unwrap_or_else(|_| stopping()),
        }
    }
}

impl Shared {
    /// Read when the processes were started that run, but for those that are known. Blocks on the file system.
    pub(super) fn births(&self, known: &Births) -> Births {
        let runs: Vec<_> = {
            let groups = self.groups.lock();
            groups.by_pid.iter().filter_map(|(&pid, id)| Some((pid, groups.processes.get(id)?.run))).collect()
        };
        let read = |(pid, run)| Some((pid, (run, known.of(pid, run).or_else(|| birth(pid))?)));
        Births(runs.into_iter().filter_map(read).collect())
    }
}

/// The one that hands over.
impl MainLoop {
    pub(super) fn hand_over(&mut self, wish: HandOver) {
        let HandOver { births, is_final, work, is_claimed, done } = wish;
        if is_claimed.swap(true, SeqCst) {
            return;
        }
        let result = if is_final {
            // Signals that come from here on are for the next one; or for this one, if it goes on.
            signals::hold();
            let mut has_child_ended = false;
            let tasks = Arc::clone(&self.probe_tasks);
            let result = self.wait_for_children().and_then(|()| {
                let _paused = tasks.pause()?;
                for observed in self.shared.requests.take_observed() {
                    self.request(observed);
                }
                has_child_ended = self.signals();
                self.with_snapshot(&births, true, work)
            });
            signals::listen();
            // The next one would have looked after it.
            self.reaps_at_once |= has_child_ended;
            result
        } else {
            self.with_snapshot(&births, false, work)
        };
        // Whoever asked may have given up.
        let _ = done.send(result);
    }

    fn with_snapshot(&self, births: &Births, is_final: bool, work: UseSnapshot) -> Result<(), String> {
        if self.shared.is_stopping() {
            return Err("the supervisor is stopping".to_owned());
        }
        let mut frozen = self.shared.output.freeze(is_final, FREEZE_TIMEOUT)?;
        let output = std::mem::take(&mut frozen.state);
        let result = work(self.snapshot(births, output));
        drop(frozen);
        result
    }

    /// Wait until no child shares our descriptors any more.
    fn wait_for_children(&mut self) -> Result<(), String> {
        let until = self.now() + CHILDREN_TIMEOUT;
        self.spawner.settle();
        while self.spawner.lends_slots() {
            if until <= self.now() {
                return Err("a program that was just started does not get on".to_owned());
            }
            thread::sleep(Duration::from_millis(1));
            self.spawner.settle();
        }
        Ok(())
    }

    fn snapshot(&self, births: &Births, output: OutputState) -> Snapshot {
        let groups = self.shared.groups.lock();
        let record = |group: &super::groups::Group| {
            let processes = group.processes.iter().map(|id| &groups.processes[id]);
            let socket = processes.clone().find_map(|process| process.listening.as_ref());
            GroupRecord {
                config: Arc::clone(&group.config),
                socket: socket.map(|socket| std::os::fd::AsRawFd::as_raw_fd(&std::os::fd::AsFd::as_fd(&**socket))),
                processes: processes
                    .map(|process| ProcessRecord::of(process, births.of(process.machine.pid(), process.run)))
                    .collect(),
            }
        };
        Snapshot {
            origin: monotonic().saturating_sub(self.now()),
            last_run: self.last_run,
            ticks: self.ticks.clone(),
            groups: groups.in_order.iter().map(record).collect(),
            strays: groups.strays.iter().copied().collect(),
            ended_runs: self
                .descendants
                .ended_runs()
                .into_iter()
                .map(|EndedRun { pid, group, name, enclosure, .. }| EndedRecord { group, name, pid, enclosure })
                .collect(),
            probe_children: groups.probe_children.keys().copied().collect(),
            output,
        }
    }
}

/// The one that takes over.
impl Groups {
    /// Make groups as another supervisord had them. A group that `config` has as well is that of the config.
    pub(super) fn adopt_all(
        snapshot: &mut Snapshot,
        config: &Config,
        environment: &[(std::ffi::OsString, std::ffi::OsString)],
    ) -> (Self, Vec<AdoptedProcess>, Vec<HandedSocket>) {
        let mut groups = Self::default();
        groups.strays.extend(&snapshot.strays);
        groups.probe_children.extend(snapshot.probe_children.iter().map(|pid| (*pid, None)));
        let (mut adopted, mut sockets) = (Vec::new(), Vec::new());
        for record in std::mem::take(&mut snapshot.groups) {
            let known = config.groups.iter().find(|group| **group == record.config);
            let group = known.map_or(record.config, Arc::clone);
            let socket = match &group.kind {
                GroupKind::Fcgi(socket) => Some(Arc::new(SharedSocket::new(socket.clone()))),
                GroupKind::Programs | GroupKind::EventListener(_) => None,
            };
            sockets.extend(socket.clone().zip(record.socket));
            let mut processes = Vec::with_capacity(record.processes.len());
            let mut later = Vec::with_capacity(record.processes.len());
            for record in record.processes {
                let known = group.processes.iter().find(|process| **process == record.config);
                let config_of = known.map_or(record.config, Arc::clone);
                let launch = Launch::new(&config_of, &group.name, &config.supervisord, environment);
                let targets = [record.stdout, record.stderr];
                let process = Process::with(&config_of, &group, launch, record.machine, targets);
                processes.push(Process {
                    log_counters: record.log_bytes.map(LogCounter::from),
                    run: record.run,
                    socket: socket.clone(),
                    started: record.started,
                    stopped: record.stopped,
                    restarts: record.restarts,
                    exits: record.exits,
                    enclosure: record.enclosure,
                    starts_once_stopped: record.starts_once_stopped,
                    ..process
                });
                later.push((record.stdin, record.birth, record.has_socket, record.ready_channel));
            }
            let mut new = NewGroup::adopted(&group, processes);
            let known = groups.in_order.len();
            groups.add(&mut new);
            let ids = groups.in_order.get(known).map_or_else(Vec::new, |group| group.processes.clone());
            for (id, (stdin, birth, has_socket, ready_channel)) in ids.into_iter().zip(later) {
                let pid = groups.processes[&id].machine.pid();
                if pid != 0 {
                    groups.spawned(pid, id);
                }
                let socket = socket.clone().filter(|_| has_socket);
                adopted.push(AdoptedProcess { id, pid, birth, stdin, socket, ready_channel });
            }
        }
        (groups, adopted, sockets)
    }
}

impl MainLoop {
    /// Take over what another supervisord has handed over, if one has: from here on that one cannot go on any more. To be
    /// called before anything is served to clients, who may do something to what is taken over.
    pub fn take_over(&mut self) {
        let Some(adopted) = self.take_adopted() else { return };
        self.has_taken_over = true;
        let Adopted { processes, sockets, ended_runs, output } = adopted;
        let shared = Arc::clone(&self.shared);
        let lost = |what: &str, error: io::Error| shared.logger.critical(format_args!("lost {what}: {error}"));
        let mut listening = HashMap::new();
        for (socket, fd) in sockets {
            match socket.adopt(fd, &shared.logger) {
                Ok(open) => drop(listening.insert(Arc::as_ptr(&socket), open)),
                Err(error) => lost("the socket of a group", error),
            }
        }
        let (mut listeners, mut log_counters, mut stdins, mut alive) =
            (HashMap::new(), HashMap::new(), Vec::new(), Vec::new());
        for AdoptedProcess { id, pid, birth, stdin, socket, ready_channel } in processes {
            let mut groups = shared.groups.lock();
            let Some(process) = groups.processes.get_mut(&id) else { continue };
            process.listening = socket.and_then(|socket| listening.get(&Arc::as_ptr(&socket)).cloned());
            log_counters.insert(process.run, process.log_counters.clone());
            if let Some(stdin) = stdin {
                let waits = !stdin.pending.is_empty();
                match Stdin::adopt(stdin) {
                    Ok(stdin) => {
                        let stdin = Arc::new(stdin);
                        process.stdin = Some(Arc::clone(&stdin));
                        if waits {
                            stdins.push((process.run, Arc::clone(&stdin)));
                        }
                        if process.is_listener {
                            listeners.insert(process.run, stdin);
                        }
                    }
                    Err(error) => lost(&format!("the stdin of '{}'", process.config.name), error),
                }
            }
            if let Some(fd) = ready_channel {
                match handed_fds::take(fd) {
                    Ok(fd) => process.ready_channel = Some((fd.into(), None)),
                    Err(error) => {
                        lost(&format!("the way by which '{}' says that it is ready", process.config.name), error);
                    }
                }
            }
            watch(&self.probe_tasks, id, process);
            if process.machine.awaits_spawn() {
                self.spawn_queue.push(id);
            }
            if pid != 0 {
                alive.push((id, pid, birth));
            }
        }
        let handler = |spec| Extensions::handler(&shared.extensions, spec);
        let handlers =
            output.pools.iter().map(|(name, pool)| (name.to_owned(), handler(&pool.result_handler))).collect();
        shared.output.adopt(AdoptedOutput { state: output, handlers, listeners, log_counters, stdins });
        for EndedRecord { group, name, pid, enclosure } in ended_runs {
            let found = shared.groups.lock().find(&format!("{group}:{name}"));
            // One that is not there any more is named by no one.
            let id = if let Some(Found::Process(id)) = found { id } else { ProcessId(0) };
            self.descendants.end(EndedRun { id, pid, group, name, enclosure });
        }
        // Their programs are asked anew.
        self.kill_probes();
        self.unproved = alive;
    }

    /// Look whether the processes that were taken over are still those. To be done before anything is done to one.
    pub(super) fn prove_adopted(&mut self) {
        for (id, pid, birth) in std::mem::take(&mut self.unproved) {
            if is_ours(pid, birth) {
                continue;
            }
            let known = self.shared.groups.lock().processes.get(&id).map(|it| (it.run, it.config.name.clone()));
            let Some((run, name)) = known else { continue };
            let logger = &self.shared.logger;
            logger.critical(format_args!("pid {pid} is no longer the process '{name}': it counts as ended"));
            self.shared.output.child_exited(run);
            self.step(id, Input::Reaped(UNKNOWN_EXIT));
        }
    }
}

/// Tell whether a pid is still that of our child, alive or not yet reaped.
fn is_ours(pid: i32, birth_then: Option<u64>) -> bool {
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    let is_child = waitid(Id::Pid(Pid::from_raw(pid)), flags).is_ok();
    is_child && birth_then.is_none_or(|then| birth(pid).is_none_or(|now| now == then))
}

/// Read when the process with that pid was started, in ticks since the system began.
fn birth(pid: i32) -> Option<u64> {
    process_table::stat(pid).map(|stat| stat.birth)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::{
        super::fixtures::{AtWork, Mount},
        *,
    };
    use crate::{config, process::fixtures, states::ProcessState};

    #[test]
    fn a_process_whose_command_lies_on_a_dead_mount_is_looked_up_anew() {
        let process = config::Process { startsecs: 0, ..fixtures::process("mounted") };
        let group = fixtures::group("mounted", 1, vec![process]);
        let mount = Mount::gone();
        let first = AtWork::of_groups([group.clone()], mount.find_command());
        mount.wait_for(1);
        first.wait("mounted", |info| info.state == ProcessState::Starting);
        let (sender, receiver) = mpsc::channel();
        let write = move |snapshot: Snapshot| {
            sender.send(rmp_serde::to_vec_named(&snapshot).unwrap()).map_err(|error| error.to_string())
        };
        first.hand_over(false, &Births::default(), Box::new(write)).unwrap();
        let snapshot: Snapshot = rmp_serde::from_slice(&receiver.recv().unwrap()).unwrap();
        assert!(snapshot.alive().is_empty());
        let second = AtWork::adopting([group], snapshot);
        assert_ne!(second.wait("mounted", |info| info.state == ProcessState::Running).pid, 0);
        mount.set_gone(false);
    }

    #[test]
    fn a_pid_is_ours_where_it_is_that_of_a_child_that_began_then() {
        let mut child = Command::new("sleep").arg("1000").spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        let then = birth(pid);
        assert!(then.is_some());
        assert!(is_ours(pid, then));
        // One that had the pid before.
        assert!(!is_ours(pid, then.map(|then| then - 1)));
        // One of which nobody knew when it began.
        assert!(is_ours(pid, None));
        // Somebody else's child.
        let parent = std::os::unix::process::parent_id().cast_signed();
        assert!(!is_ours(parent, birth(parent)));
        child.kill().unwrap();
        while waitid(Id::Pid(Pid::from_raw(pid)), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT).is_err() {}
        assert!(is_ours(pid, then), "it has ended and waits to be reaped");
        child.wait().unwrap();
        assert!(!is_ours(pid, then) && birth(pid).is_none_or(|now| Some(now) != then));
    }
}
