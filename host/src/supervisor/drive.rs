//! Does what the state machines say: spawns, signals, tells.

use std::time::SystemTime;

use nix::errno::Errno;
use tokio::sync::oneshot;

use super::{
    Inner,
    groups::{Process, ProcessId, State, Status},
    lookup::Found,
    signal::kill,
};
use crate::{
    config::Level,
    events::Event,
    process::{
        command::CommandError,
        signals,
        state::{Action, Exit, Input},
    },
    states::ProcessState,
};

/// What a client asks of one process. It is done by the supervisor thread, between two of its own duties.
pub(super) enum Request {
    Start(ProcessId, oneshot::Sender<Result<Status, Refused>>),
    Stop {
        id: ProcessId,
        waited_for: bool,
        answer: oneshot::Sender<Result<Status, Refused>>,
    },
    Signal {
        id: ProcessId,
        signal: i32,
        answer: oneshot::Sender<Result<Status, Refused>>,
    },
    /// A look for what a process needs is over at last.
    Found(ProcessId, Found),
}

/// Why a request was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It has been removed, or the supervisor has ended.
    #[error("the process is no longer there")]
    Gone,
    /// The supervisor is stopping and starts nothing.
    #[error("the supervisor is stopping")]
    Stopping,
    /// A start: in this state it cannot be started.
    #[error("the process is {}", .0.name())]
    NotStartable(ProcessState),
    /// A stop or a signal: in this state there is nothing to stop, or nothing to signal.
    #[error("the process is {}", .0.name())]
    NotRunning(ProcessState),
    /// A start: its command cannot be executed.
    #[error(transparent)]
    NoCommand(#[from] CommandError),
    /// A start: the file system on which its command lies does not answer.
    #[error("the file system of its command does not answer")]
    NoAnswer,
    /// The signal could not be sent, or no thread could be had to look for the command.
    #[error("{0}")]
    Failed(String),
}

impl Inner {
    /// Carries out a request.
    pub(super) fn request(&self, request: Request) {
        match request {
            Request::Start(id, answer) => self.start(id, answer),
            Request::Found(id, found) => self.to_spawn.lock().found(id, found),
            Request::Stop { id, waited_for, answer } => {
                let _ = answer.send(self.stop(id, waited_for));
            }
            Request::Signal { id, signal, answer } => {
                let _ = answer.send(self.signal(id, signal));
            }
        }
    }

    fn state_of(&self, id: ProcessId) -> Result<ProcessState, Refused> {
        Ok(self.groups.lock().processes.get(&id).ok_or(Refused::Gone)?.machine.state())
    }

    /// Its command is looked for first, whatever its state, as Supervisor does.
    fn start(&self, id: ProcessId, answer: oneshot::Sender<Result<Status, Refused>>) {
        let refused = if self.is_stopping() { Some(Refused::Stopping) } else { self.state_of(id).err() };
        match refused {
            Some(refused) => drop(answer.send(Err(refused))),
            None => self.to_spawn.lock().ask(id, self.now() + self.start_patience, answer),
        }
    }

    pub(super) fn may_start(&self, id: ProcessId) -> Result<(), Refused> {
        if self.is_stopping() {
            return Err(Refused::Stopping);
        }
        match self.state_of(id)? {
            ProcessState::Stopped | ProcessState::Exited | ProcessState::Fatal => Ok(()),
            state => Err(Refused::NotStartable(state)),
        }
    }

    fn stop(&self, id: ProcessId, waited_for: bool) -> Result<Status, Refused> {
        let state = self.state_of(id)?;
        if !state.is_running() {
            return Err(Refused::NotRunning(state));
        }
        let status = self.step(id, Input::Stop { waited_for }).ok_or(Refused::Gone)?;
        if status.state == ProcessState::Unknown {
            return Err(Refused::Failed("the stop signal could not be sent".to_owned()));
        }
        Ok(status)
    }

    fn signal(&self, id: ProcessId, signal: i32) -> Result<Status, Refused> {
        let state = self.groups.lock();
        let process = state.processes.get(&id).ok_or(Refused::Gone)?;
        // One that is not spawned yet has no pid, and 0 would be our own process group.
        if !process.machine.state().is_signallable() || process.machine.pid() == 0 {
            return Err(Refused::NotRunning(process.machine.state()));
        }
        let (name, pid, how) = (&process.config.name, process.machine.pid(), signals::name(signal));
        self.logger.debug(format_args!("sending {name} (pid {pid}) sig {how}"));
        match kill(pid, signal) {
            Ok(()) | Err(Errno::ESRCH) => Ok(process.watch.borrow().clone()),
            Err(errno) => {
                let what = format!("unknown problem sending sig {how} ({name}):{errno:?}");
                self.logger.critical(&what);
                Err(Refused::Failed(what))
            }
        }
    }

    /// Gives one input to one process and does all that follows from it, save that a spawn waits for its
    /// [turn](super::spawns). Only the supervisor thread does this.
    pub(super) fn step(&self, id: ProcessId, input: Input) -> Option<Status> {
        let mut next = Some(input);
        let mut state = self.groups.lock();
        while let Some(input) = next.take() {
            match input {
                Input::Spawned(pid) => {
                    state.born(pid, id);
                    // With startsecs=0 it is RUNNING at once.
                    next = Some(Input::Tick { may_start: true });
                }
                Input::Reaped(_) => {
                    let pid = state.processes.get(&id)?.machine.pid();
                    state.died(pid);
                }
                _ => {}
            }
            let process = state.processes.get_mut(&id)?;
            for action in process.machine.step(&process.config, self.now(), input) {
                match action {
                    Action::Spawn => self.to_spawn.lock().want(id),
                    Action::Kill { pid, signal, as_group } => next = self.kill(process, pid, signal, as_group),
                    Action::Log(level, line) => self.logger.log(level, line),
                    Action::Changed(change) => {
                        if change.to == ProcessState::Starting {
                            process.started = Some(SystemTime::now());
                        }
                        let (name, group) = (process.config.name.clone(), process.group.clone());
                        self.output.bus().publish(Event::ProcessState { process: name, group, change });
                    }
                }
            }
        }
        state.note_deadline(id);
        let process = state.processes.get_mut(&id)?;
        process.announce();
        let status = process.watch.borrow().clone();
        if !process.machine.awaits_spawn()
            && let Some(starter) = process.starter.take()
        {
            let _ = starter.send(Ok(status.clone()));
        }
        Some(status)
    }

    fn kill(&self, process: &Process, pid: i32, signal: i32, as_group: bool) -> Option<Input> {
        match kill(if as_group { -pid } else { pid }, signal) {
            Ok(()) => None,
            Err(Errno::ESRCH) => {
                self.logger.debug(format_args!(
                    "unable to signal {} (pid {pid}), it probably just exited on its own: [Errno 3] No such process",
                    process.config.name
                ));
                None
            }
            Err(errno) => Some(Input::KillFailed(format!("{errno:?}"))),
        }
    }

    /// A child has ended.
    pub(super) fn reaped(&self, pid: i32, exit: Exit) {
        self.spawner.lock().reaped(pid);
        let mut state = self.groups.lock();
        let Some(&id) = state.by_pid.get(&pid) else {
            state.strays.remove(&pid);
            self.logger.info(format_args!("reaped unknown pid {pid} ({exit})"));
            return;
        };
        if let Some(process) = state.processes.get_mut(&id) {
            // First, so that its last words stand in the log before the line about its end.
            self.output.child_exited(process.run);
            process.stdin = None;
            process.listening = None;
            process.stopped = Some(SystemTime::now());
        }
        drop(state);
        self.step(id, Input::Reaped(exit));
    }

    /// Logs, every three seconds of a shutdown, who is still there.
    pub(super) fn report_unstopped(&self, state: &State) {
        let unstopped: Vec<_> = state
            .groups
            .iter()
            .flat_map(|group| &group.processes)
            .map(|id| &state.processes[id])
            .filter(|process| !process.machine.state().is_stopped())
            .collect();
        let names: Vec<_> = unstopped.iter().map(|process| process.config.name.as_str()).collect();
        self.logger.info(format_args!("waiting for {} to die", names.join(", ")));
        if self.logger.logs(Level::Blather) {
            for process in unstopped {
                let state = process.machine.state().name();
                self.logger.blather(format_args!("{} state: {state}", process.config.name));
            }
        }
    }
}
