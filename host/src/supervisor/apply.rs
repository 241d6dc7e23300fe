//! Application of inputs to the state machines of processes, and of requests.

use std::time::SystemTime;

use nix::errno::Errno;

use super::{
    descendants::{Enclosure, EndedRun},
    main_loop::MainLoop,
    process::Process,
    requests::Request,
    signal::kill,
    start_conditions::StartPoint,
    status::{ProcessId, Refused, Status},
    watching::watch,
};
use crate::{
    events::Event,
    process::{
        exits::{Exit, PastExit},
        signals,
        state::{Action, Input},
    },
    states::ProcessState,
};

impl MainLoop {
    /// Carry out a request.
    pub(super) fn request(&mut self, request: Request) {
        match request {
            Request::Start { id, answer } => match self.shared.may_start(id, StartPoint::Asked) {
                Ok(()) => self.spawn_queue.push_client(id, self.now() + self.start_timeout, answer),
                Err(refused) => drop(answer.send(Err(refused))),
            },
            Request::Found(id, result) => self.spawn_queue.push_found(id, result),
            Request::Observed { id, run, input } => self.observed(id, run, input),
            Request::SpawnProbe(wish) => self.probe_spawns.push_back(wish),
            Request::EndProbes => self.end_probes(),
            Request::HandOver(wish) => self.hand_over(wish),
            Request::Stop { id, waited_for, in_order, answer } => {
                let _ = answer.send(self.stop(id, waited_for, in_order));
            }
            Request::Signal { id, signal, answer } => {
                let _ = answer.send(self.signal(id, signal));
            }
        }
    }

    /// Apply what was seen of a run, unless that is over.
    pub(super) fn observed(&mut self, id: ProcessId, run: u64, input: Input) {
        let is_present = |process: &Process| process.run == run && process.machine.pid() != 0;
        if self.shared.groups.lock().processes.get(&id).is_some_and(is_present) {
            self.step(id, input);
        }
    }

    fn stop(&mut self, id: ProcessId, waited_for: bool, in_order: bool) -> Result<Status, Refused> {
        let (state, is_stoppable) = {
            let mut groups = self.shared.groups.lock();
            let process = groups.processes.get_mut(&id).ok_or(Refused::Gone)?;
            // Who says stop last is heard.
            process.starts_once_stopped = false;
            let state = process.machine.state();
            (state, state.is_running() || process.restarts.is_some() || process.machine.waits())
        };
        if !is_stoppable {
            return Err(Refused::NotRunning(state));
        }
        let input = if in_order { self.stop_in_order(id, waited_for) } else { Input::Stop { waited_for } };
        let status = self.step(id, input).ok_or(Refused::Gone)?;
        // Also of what was only waiting for its start.
        self.wanted.clear();
        if status.state == ProcessState::Unknown {
            return Err(Refused::Failed("the stop signal could not be sent".to_owned()));
        }
        Ok(status)
    }

    fn signal(&self, id: ProcessId, signal: i32) -> Result<Status, Refused> {
        let groups = self.shared.groups.lock();
        let process = groups.processes.get(&id).ok_or(Refused::Gone)?;
        // One that is not spawned yet has no pid, and 0 would be our own process group.
        if !process.machine.state().is_signallable() || process.machine.pid() == 0 {
            return Err(Refused::NotRunning(process.machine.state()));
        }
        let (name, pid, how) = (&process.config.name, process.machine.pid(), signals::name(signal));
        self.shared.logger.debug(format_args!("sending {name} (pid {pid}) sig {how}"));
        match kill(pid, signal) {
            Ok(()) | Err(Errno::ESRCH) => Ok(process.watch.borrow().clone()),
            Err(errno) => {
                let problem = format!("unknown problem sending sig {how} ({name}):{errno:?}");
                self.shared.logger.critical(&problem);
                Err(Refused::Failed(problem))
            }
        }
    }

    /// Apply one input to one process and do all that follows from it, save that a spawn waits in the queue.
    pub(super) fn step(&mut self, id: ProcessId, input: Input) -> Option<Status> {
        let mut next = Some(input);
        let mut has_ended = false;
        let mut groups = self.shared.groups.lock();
        while let Some(input) = next.take() {
            match input {
                Input::Spawned(pid) => {
                    groups.spawned(pid, id);
                    // With startsecs=0 it is RUNNING at once.
                    next = Some(Input::Tick { may_start: true });
                }
                Input::Reaped(exit) => {
                    let process = groups.processes.get_mut(&id)?;
                    let (pid, now) = (process.machine.pid(), self.now());
                    let kind = process.machine.exit_kind(&process.config, now, exit);
                    let ran = now.saturating_sub(process.machine.started());
                    process.exits.record(PastExit { at: SystemTime::now(), ran, exit, kind });
                    groups.died(pid);
                }
                _ => {}
            }
            let process = groups.processes.get_mut(&id)?;
            for action in process.machine.step(&process.config, self.now(), input) {
                match action {
                    Action::Spawn => self.spawn_queue.push(id),
                    Action::Kill { pid, signal, as_group } => next = self.kill(process, pid, signal, as_group),
                    Action::Log(level, line) => self.shared.logger.log(level, line),
                    Action::HealthChanged { is_ok } => {
                        let (name, group) = (process.config.name.clone(), process.group.clone());
                        let (state, pid) = (process.machine.state(), process.machine.pid());
                        let event = Event::ProcessHealth { process: name, group, state, pid, is_ok };
                        self.shared.output.bus().publish(event);
                    }
                    Action::Changed(change) => {
                        // Without dependencies it is taken up by nobody, and emptied in each turn.
                        self.changed.push(id);
                        has_ended |= matches!(change.to, ProcessState::Exited | ProcessState::Fatal);
                        if change.to.is_stopped() && !process.machine.waits() {
                            self.wanted.clear();
                        }
                        if change.to == ProcessState::Starting {
                            process.started = Some(SystemTime::now());
                        }
                        let (name, group) = (process.config.name.clone(), process.group.clone());
                        self.shared.output.bus().publish(Event::ProcessState { process: name, group, change });
                    }
                }
            }
        }
        groups.note_deadline(id);
        let waits = groups.processes.get(&id).is_some_and(|process| process.machine.waits());
        // Whoever is answered now sees what it waits for.
        let waits_for = waits.then(|| groups.dependencies.describe(id, &groups.processes));
        let process = groups.processes.get_mut(&id)?;
        watch(&self.probe_tasks, id, process);
        let wait = process.machine.delayed_start(&process.config).map(|due| due.saturating_sub(self.now()));
        process.restarts = wait.map(|wait| SystemTime::now() + wait);
        process.waits_for = waits_for.filter(|what| !what.is_empty());
        process.announce();
        let status = process.watch.borrow().clone();
        if !process.machine.awaits_spawn()
            && let Some(start_answer) = process.start_answer.take()
        {
            let _ = start_answer.send(Ok(status.clone()));
        }
        drop(groups);
        if has_ended {
            self.note_end(id);
        }
        Some(status)
    }

    fn kill(&self, process: &Process, pid: i32, signal: i32, as_group: bool) -> Option<Input> {
        match kill(if as_group { -pid } else { pid }, signal) {
            Ok(()) => None,
            Err(Errno::ESRCH) => {
                self.shared.logger.debug(format_args!(
                    "unable to signal {} (pid {pid}), it probably just exited on its own: [Errno 3] No such process",
                    process.config.name
                ));
                None
            }
            Err(errno) => Some(Input::KillFailed(format!("{errno:?}"))),
        }
    }

    /// End what a run has left behind, if that is asked for.
    pub(super) fn end_descendants(&self, id: ProcessId, pid: i32, enclosure: Option<Enclosure>) {
        let Some(enclosure) = enclosure else { return };
        let of_process = |process: &Process| (process.group.clone(), process.config.name.clone());
        let names = self.shared.groups.lock().processes.get(&id).map(of_process);
        if let Some((group, name)) = names {
            self.descendants.end(EndedRun { id, pid, group, name, enclosure });
        }
    }

    /// Apply the end of a child.
    pub(super) fn reaped(&mut self, pid: i32, exit: Exit) {
        self.spawner.reaped(pid);
        if self.probe_reaped(pid, exit) {
            return;
        }
        let mut groups = self.shared.groups.lock();
        let Some(&id) = groups.by_pid.get(&pid) else {
            groups.strays.remove(&pid);
            self.shared.logger.info(format_args!("reaped unknown pid {pid} ({exit})"));
            return;
        };
        if let Some(process) = groups.processes.get_mut(&id) {
            // First, so that its last words stand in the log before the line about its end.
            self.shared.output.child_exited(process.run);
            process.stdin = None;
            process.listening = None;
            process.ready_channel = None;
            process.stopped = Some(SystemTime::now());
        }
        let enclosure = groups.processes.get_mut(&id).and_then(|process| process.enclosure.take());
        drop(groups);
        self.end_descendants(id, pid, enclosure);
        self.step(id, Input::Reaped(exit));
    }
}
