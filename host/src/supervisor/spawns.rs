//! Spawns what is to be spawned, many at once.
//!
//! A turn of the supervisor thread first collects them, then looks for what all of them need, then makes the children,
//! and at last tells everybody. So other threads are woken once for each turn and not for each process.
//!
//! A process that a client asks to start is looked for first as well, and where its command is not there, that is all
//! that happens: it stays as it was.

use std::{os::fd::AsFd as _, sync::Arc, time::SystemTime};

use tokio::sync::oneshot;

use super::{
    Inner,
    descriptors::Budget,
    drive::Refused,
    groups::{Process, ProcessId, Status},
    lookup::{Found, Missing, Ready, Round, Start},
};
use crate::process::{
    fcgi::Listening,
    output::ChildOutput,
    spawn::{SpawnError, Spawned},
    state::{Input, Time},
};

/// Number of processes that are spawned before signals and deaths are looked at again.
const SPAWNS_PER_TURN: usize = 16;

/// A process that has come to life, with the socket that it shares with its group, if it does.
type Alive = (Spawned, Option<Arc<Listening>>);

/// Processes that wait for their turn.
#[derive(Default)]
pub(super) struct ToSpawn {
    wanted: Vec<ProcessId>,
    /// Those for which everything was looked for already.
    found: Vec<(ProcessId, Found)>,
    asked: Vec<Asked>,
}

/// A start that a client asks for, and that waits for its look.
struct Asked {
    id: ProcessId,
    answer: oneshot::Sender<Result<Status, Refused>>,
    /// Moment when the client is told that the file system does not answer.
    until: Time,
    /// Nobody looks for it yet.
    is_new: bool,
}

impl ToSpawn {
    pub(super) fn want(&mut self, id: ProcessId) {
        // It may have been stopped in this very turn, and started again.
        if !self.wanted.contains(&id) {
            self.wanted.push(id);
        }
    }

    pub(super) fn found(&mut self, id: ProcessId, found: Found) {
        self.found.push((id, found));
    }

    pub(super) fn ask(&mut self, id: ProcessId, until: Time, answer: oneshot::Sender<Result<Status, Refused>>) {
        self.asked.push(Asked { id, answer, until, is_new: true });
    }

    pub(super) fn is_full(&self) -> bool {
        let new = self.asked.iter().filter(|asked| asked.is_new).count();
        self.wanted.len() + self.found.len() + new >= SPAWNS_PER_TURN
    }

    /// Moment when the first client is told that it waits in vain.
    pub(super) fn next_deadline(&self) -> Option<Time> {
        self.asked.iter().map(|asked| asked.until).min()
    }

    /// Those that are to be looked for, each once.
    fn take_unlooked(&mut self) -> Vec<ProcessId> {
        let mut unlooked = std::mem::take(&mut self.wanted);
        for asked in &mut self.asked {
            if std::mem::take(&mut asked.is_new) && !unlooked.contains(&asked.id) {
                unlooked.push(asked.id);
            }
        }
        unlooked
    }

    /// The clients that still want to know of that process.
    fn take_asked(&mut self, id: ProcessId) -> Vec<Asked> {
        self.asked.extract_if(.., |asked| asked.id == id).filter(|asked| !asked.answer.is_closed()).collect()
    }
}

impl Inner {
    /// Spawns all that wait for it, but for those for which not everything can be found soon.
    pub(super) fn spawn_all(&self) {
        self.spawner.lock().settle();
        self.give_up_asked();
        let (unlooked, mut found) = {
            let mut queue = self.to_spawn.lock();
            (queue.take_unlooked(), std::mem::take(&mut queue.found))
        };
        if unlooked.is_empty() && found.is_empty() {
            return;
        }
        let asked = |id| self.to_spawn.lock().asked.iter().any(|asked| asked.id == id);
        let mut starts = Vec::with_capacity(unlooked.len());
        for id in unlooked {
            match self.start_of(id, |process| process.awaits_spawn() || asked(id)) {
                Some(start) => starts.push((id, start)),
                // It is gone, or all are about to be.
                None => self.refuse_asked(id, &self.may_start(id).err().unwrap_or(Refused::Gone)),
            }
        }
        let Round { found: soon, hindered } = self.lookups.find(starts);
        found.extend(soon);
        for id in hindered {
            let why = "no thread could be had to look for its command";
            self.refuse_asked(id, &Refused::Failed(why.to_owned()));
            if self.start_of(id, Process::awaits_spawn).is_some() {
                self.step(id, Input::SpawnHindered(why.to_owned()));
            }
        }
        let mut spawned: Vec<(ProcessId, Result<Alive, SpawnError>)> = Vec::with_capacity(found.len());
        let mut budget = self.groups.lock().budget();
        for (id, found) in found {
            self.answer_asked(id, &found);
            // What was found late may have been found once more.
            if spawned.iter().all(|(other, _)| *other != id)
                && let Some(result) = self.spawn(id, found, &mut budget)
            {
                spawned.push((id, result));
            }
        }
        self.spawner.lock().settle();
        for (id, result) in spawned {
            let input = match result {
                Ok((spawned, listening)) => match self.groups.lock().processes.get_mut(&id) {
                    Some(process) => {
                        process.listening = listening;
                        self.spawned(process, spawned)
                    }
                    // The group of a process that is starting is not removed.
                    None => continue,
                },
                Err(SpawnError { text, no_descriptors: true }) => Input::SpawnHindered(text),
                Err(SpawnError { text, .. }) => Input::SpawnFailed(text),
            };
            self.step(id, input);
        }
    }

    /// Tells clients that wait for a file system, or for a supervisor that is stopping, that they do so in vain.
    fn give_up_asked(&self) {
        let (now, stopping) = (self.now(), self.is_stopping());
        let given_up = |asked: &mut Asked| stopping || asked.until <= now;
        for asked in self.to_spawn.lock().asked.extract_if(.., given_up) {
            let _ = asked.answer.send(Err(if stopping { Refused::Stopping } else { Refused::NoAnswer }));
        }
    }

    fn refuse_asked(&self, id: ProcessId, why: &Refused) {
        for asked in self.to_spawn.lock().take_asked(id) {
            let _ = asked.answer.send(Err(why.clone()));
        }
    }

    /// Starts what a client has asked for, now that everything was found that it needs, or says why not.
    fn answer_asked(&self, id: ProcessId, found: &Found) {
        let asked = self.to_spawn.lock().take_asked(id);
        for Asked { answer, .. } in asked {
            let refused = match found {
                Err(Missing::Command(error)) => Some(Refused::NoCommand(error.clone())),
                _ => self.may_start(id).err(),
            };
            if let Some(refused) = refused {
                let _ = answer.send(Err(refused));
                continue;
            }
            if let Some(process) = self.groups.lock().processes.get_mut(&id) {
                process.starter = Some(answer);
            }
            self.step(id, Input::Start);
            // It was looked for already.
            self.to_spawn.lock().wanted.retain(|wanted| *wanted != id);
        }
    }

    /// Recipe for the start of a process, if it is there and as it should be. It may have been stopped meanwhile, and
    /// started again, and be up already.
    fn start_of(&self, id: ProcessId, is_right: impl Fn(&Process) -> bool) -> Option<Start> {
        let state = self.groups.lock();
        let process = state.processes.get(&id).filter(|process| is_right(process))?;
        (!self.is_stopping()).then(|| Start {
            launch: Arc::clone(&process.launch),
            socket: process.socket.clone(),
            descriptors: process.descriptors(),
        })
    }

    /// Nobody waits for it: the lock is open.
    fn spawn(&self, id: ProcessId, found: Found, budget: &mut Budget) -> Option<Result<Alive, SpawnError>> {
        let Start { launch, descriptors, .. } = self.start_of(id, Process::awaits_spawn)?;
        let Ready { command, listening } = match found {
            Ok(ready) => ready,
            Err(missing) => return Some(Err(missing.to_string().into())),
        };
        let stdin = listening.as_ref().map(|listening| listening.as_fd());
        if !budget.take(descriptors) {
            return Some(Err(SpawnError::too_many_open_files(launch.name())));
        }
        let mut reserve = self.reserve.lock();
        reserve.resize(budget.left());
        let mut spawner = self.spawner.lock();
        let result = reserve.with(|| spawner.spawn(&launch, &command, stdin), |error| error.no_descriptors);
        Some(result.map(|spawned| (spawned, listening)))
    }

    fn spawned(&self, process: &mut Process, spawned: Spawned) -> Input {
        let Spawned { pid, stdin, stdout, stderr } = spawned;
        process.run = self.next_run();
        process.started = Some(SystemTime::now());
        let stdin = Arc::new(stdin);
        process.stdin = Some(Arc::clone(&stdin));
        self.output.add(ChildOutput {
            run: process.run,
            process: process.config.name.clone(),
            group: process.group.clone(),
            pid,
            stdout: (stdout, process.stdout.clone()),
            stderr: stderr.map(|stderr| (stderr, process.stderr.clone())),
            listener: process.is_listener.then_some(stdin),
        });
        Input::Spawned(pid)
    }
}
