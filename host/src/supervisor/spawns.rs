//! Spawns what is to be spawned, many at once.
//!
//! A turn of the supervisor thread first collects them, then looks for what all of them need, then forks, and at last
//! tells everybody. So other threads are woken once for each turn and not for each process, and they sleep while this
//! one forks: who writes to memory that a fork has just shared pays for a copy of it.

use std::{os::fd::AsFd as _, sync::Arc, time::SystemTime};

use super::{
    Inner,
    descriptors::Budget,
    groups::{Process, ProcessId},
    lookup::{Found, Ready, Round, Start},
};
use crate::process::{
    fcgi::Listening,
    output::ChildOutput,
    spawn::{SpawnError, Spawned},
    state::Input,
};

/// How many processes are spawned before signals and deaths are looked at again.
const SPAWNS_PER_TURN: usize = 16;

/// A process that has come to life, with the socket that it shares with its group, if it does.
type Alive = (Spawned, Option<Arc<Listening>>);

/// What waits for its turn.
#[derive(Default)]
pub(super) struct ToSpawn {
    wanted: Vec<ProcessId>,
    /// Those for which everything was looked for already.
    found: Vec<(ProcessId, Found)>,
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

    pub(super) fn is_full(&self) -> bool {
        self.wanted.len() + self.found.len() >= SPAWNS_PER_TURN
    }
}

impl Inner {
    /// Spawns all that wait for it, but for those for which not everything can be found soon.
    pub(super) fn spawn_all(&self) {
        let ToSpawn { wanted, mut found } = std::mem::take(&mut *self.to_spawn.lock());
        if !wanted.is_empty() {
            let round = self.lookups.find(wanted.into_iter().filter_map(|id| Some((id, self.awaited(id)?))).collect());
            let Round { found: soon, hindered } = round;
            found.extend(soon);
            for id in hindered {
                let why = "no thread could be had to look for its command";
                self.step(id, Input::SpawnHindered(why.to_owned()));
            }
        }
        let mut spawned: Vec<(ProcessId, Result<Alive, SpawnError>)> = Vec::with_capacity(found.len());
        let mut budget = self.groups.lock().budget();
        for (id, found) in found {
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

    /// How to start a process, if it is still to be started. It may have been stopped meanwhile, and started again, and
    /// be up already.
    fn awaited(&self, id: ProcessId) -> Option<Start> {
        let state = self.groups.lock();
        let process = state.processes.get(&id).filter(|process| process.machine.awaits_spawn())?;
        (!self.is_stopping()).then(|| Start {
            launch: Arc::clone(&process.launch),
            socket: process.socket.clone(),
            descriptors: process.descriptors(),
        })
    }

    /// Nobody waits for a fork: the lock is open.
    fn spawn(&self, id: ProcessId, found: Found, budget: &mut Budget) -> Option<Result<Alive, SpawnError>> {
        let Start { launch, descriptors, .. } = self.awaited(id)?;
        let Ready { command, listening } = match found {
            Ok(ready) => ready,
            Err(error) => return Some(Err(error.into())),
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
