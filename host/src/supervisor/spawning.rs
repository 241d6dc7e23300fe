//! Spawning of the processes in the queue, many at once.
//!
//! A turn of the main loop first collects them, then looks up all of them, then makes the children, and at last tells
//! everybody. So other threads are woken once for each turn and not for each process.
//!
//! A process that a client asks to start is looked up first as well, and where its command is not there, that is all
//! that happens: it stays as it was.

use std::{os::fd::AsFd as _, sync::Arc, time::SystemTime};

use super::{
    descendants::Enclosure,
    fd_budget::FdBudget,
    lookup::{Findings, LookupRequest, LookupResult, Round},
    main_loop::MainLoop,
    start_conditions::StartPoint,
    status::{ProcessId, Refused},
};
use crate::{
    linux::cgroup,
    process::{
        fcgi::Listening,
        output::ChildOutput,
        ready_channel::{self, ReadyChannel},
        spawn::{Lack, SpawnError, Spawned},
        state::Input,
    },
};

/// Process that has come to life, with the socket that it shares with its group, the way to its descendants, and our
/// end of the way by which it says that it is ready.
type Alive = (Spawned, Option<Arc<Listening>>, Option<Enclosure>, Option<ReadyChannel>);

impl MainLoop {
    /// Spawn all that wait for it, but for those whose lookups come late.
    pub(super) fn spawn_all(&mut self) {
        self.spawner.settle();
        self.give_up_clients();
        let (unlooked, mut found) = self.spawn_queue.take();
        if unlooked.is_empty() && found.is_empty() {
            return;
        }
        let mut requests = Vec::with_capacity(unlooked.len());
        for id in unlooked {
            match self.lookup_request(id) {
                Ok(request) => requests.push(request),
                Err(refused) => self.refuse_clients(id, &refused),
            }
        }
        let Round { found: soon, hindered } = self.lookups.find(requests);
        found.extend(soon);
        for id in hindered {
            let why = "no thread could be had to look for its command";
            self.refuse_clients(id, &Refused::Failed(why.to_owned()));
            if self.shared.may_start(id, StartPoint::Spawn).is_ok() {
                self.step(id, Input::SpawnHindered(why.to_owned()));
            }
        }
        let mut spawned: Vec<(ProcessId, Result<Alive, SpawnError>)> = Vec::with_capacity(found.len());
        let mut budget = self.shared.groups.lock().fd_budget();
        for (id, result) in found {
            self.answer_clients(id, &result);
            // A late result may have come beside one that was looked up once more.
            if spawned.iter().any(|(other, _)| *other == id) {
                continue;
            }
            let enclosure = result.as_ref().ok().and_then(|findings| findings.enclosure.clone());
            let result = self.spawn(id, result, &mut budget);
            if !matches!(result, Some(Ok(_))) {
                self.end_descendants(id, 0, enclosure);
            }
            spawned.extend(result.map(|result| (id, result)));
        }
        self.spawner.settle();
        for (id, result) in spawned {
            let input = match result {
                Ok(alive) => match self.note_spawned(id, alive) {
                    Some(input) => input,
                    None => continue,
                },
                Err(SpawnError { text, lack: Some(_) }) => Input::SpawnHindered(text),
                Err(SpawnError { text, lack: None }) => Input::SpawnFailed(text),
            };
            self.step(id, input);
        }
    }

    /// Tell clients that wait for a file system, or for a supervisor that is stopping, that they do so in vain.
    fn give_up_clients(&mut self) {
        let (now, stopping) = (self.now(), self.shared.is_stopping());
        for answer in self.spawn_queue.take_late_clients(now, stopping) {
            let _ = answer.send(Err(if stopping { Refused::Stopping } else { Refused::NoAnswer }));
        }
    }

    fn refuse_clients(&mut self, id: ProcessId, why: &Refused) {
        for answer in self.spawn_queue.take_clients(id) {
            let _ = answer.send(Err(why.clone()));
        }
    }

    /// Start a process that clients have asked for, now that it was looked up, or refuse it.
    fn answer_clients(&mut self, id: ProcessId, result: &LookupResult) {
        for answer in self.spawn_queue.take_clients(id) {
            if let Err(refused) = self.shared.may_start(id, StartPoint::Found(result)) {
                let _ = answer.send(Err(refused));
                continue;
            }
            if let Some(process) = self.shared.groups.lock().processes.get_mut(&id) {
                process.start_answer = Some(answer);
            }
            self.start(id);
            self.spawn_queue.remove(id);
        }
    }

    fn lookup_request(&self, id: ProcessId) -> Result<LookupRequest, Refused> {
        let point = if self.spawn_queue.has_client(id) { StartPoint::Asked } else { StartPoint::Spawn };
        self.shared.may_start(id, point)?;
        let groups = self.shared.groups.lock();
        let process = groups.processes.get(&id).ok_or(Refused::Gone)?;
        let descendants = process.launch.kill_descendants.then(|| (self.descendants.clone(), process.group.clone()));
        Ok(LookupRequest { id, launch: Arc::clone(&process.launch), socket: process.socket.clone(), descendants })
    }

    /// Make the child. Nobody waits for it: the lock of the groups is open.
    fn spawn(
        &mut self,
        id: ProcessId,
        result: LookupResult,
        budget: &mut FdBudget,
    ) -> Option<Result<Alive, SpawnError>> {
        self.shared.may_start(id, StartPoint::Spawn).ok()?;
        let (launch, descriptors, config) = {
            let groups = self.shared.groups.lock();
            let process = groups.processes.get(&id)?;
            (Arc::clone(&process.launch), process.descriptors(), Arc::clone(&process.config))
        };
        let Findings { command, listening, enclosure } = match result {
            Ok(findings) => findings,
            Err(error) => return Some(Err(error.to_string().into())),
        };
        let stdin = listening.as_ref().map(|listening| listening.as_fd());
        if !budget.take(descriptors) {
            return Some(Err(SpawnError::too_many_open_files(launch.name())));
        }
        let Self { fd_reserve, spawner, .. } = self;
        fd_reserve.resize(budget.left());
        let cgroup = match &enclosure {
            Some(Enclosure::Cgroup(path)) => cgroup::entrance(path),
            Some(Enclosure::Subreaper) | None => None,
        };
        let spawn = || {
            let opened = ready_channel::open(config.ready.as_ref(), config.watchdog_secs);
            let (ours, theirs) = opened.map_err(|errno| SpawnError::no_ready_channel(launch.name(), errno))?;
            Ok((spawner.spawn(&launch, &command, stdin, cgroup.clone(), theirs)?, ours))
        };
        let spawned = fd_reserve.with(spawn, |error: &SpawnError| error.lack == Some(Lack::Descriptors));
        Some(spawned.map(|(spawned, ready)| (spawned, listening, enclosure, ready)))
    }

    /// Hand the pipes of a child to the output threads. `None` where its group has gone: that of a process that is
    /// starting is not removed.
    fn note_spawned(&mut self, id: ProcessId, (spawned, listening, enclosure, ready): Alive) -> Option<Input> {
        let run = self.next_run();
        let mut groups = self.shared.groups.lock();
        let process = groups.processes.get_mut(&id)?;
        let Spawned { pid, stdin, stdout, stderr } = spawned;
        let stdin = Arc::new(stdin);
        process.run = run;
        process.started = Some(SystemTime::now());
        process.stdin = Some(Arc::clone(&stdin));
        process.listening = listening;
        process.enclosure = enclosure;
        process.ready_channel = ready.map(|ready| (ready, None));
        self.shared.output.add(ChildOutput {
            run,
            process: process.config.name.clone(),
            group: process.group.clone(),
            pid,
            stdout: (stdout, process.stdout.clone()),
            stderr: stderr.map(|stderr| (stderr, process.stderr.clone())),
            listener: process.is_listener.then_some(stdin),
            log_counters: process.log_counters.clone(),
        });
        Some(Input::Spawned(pid))
    }
}
