//! All that is known of a process: for those who look closer than Supervisor's clients do.

use std::sync::Arc;

use super::{info::ProcessInfo, process::Process, status::ProcessId};
use crate::{
    config,
    process::{exits::ExitHistory, output::LogBytes},
    states::ProcessState,
};

/// One process at one moment, with its config and its past. Those who look at several get them from one look: see
/// [`Supervisor::all_details`](super::Supervisor::all_details).
#[derive(Clone, Debug)]
pub struct ProcessDetails {
    /// Process as all clients see it.
    pub info: ProcessInfo,
    /// Config that it was made from: `command`, `autostart`, limits and all else.
    pub config: Arc<config::Process>,
    /// Set where it is an event listener.
    pub is_listener: bool,
    /// Bytes that its logs have taken and lost, of stdout first.
    pub log_bytes: [LogBytes; 2],
    /// Number of starts after the first one, successful or not.
    pub restarts: u64,
    /// Ends of its runs.
    pub exits: ExitHistory,
    /// Answer to whether this run is ready, as `ready=` asks.
    pub ready: Asked,
    /// Answer to whether this run is well, as `health=` asks. A failure is one of `health_retries` probes in a row.
    pub health: Asked,
    /// Reason why it is not well.
    pub unhealthy: Option<String>,
    /// Text of the last `STATUS=` of this run, without control characters.
    pub status_text: Option<String>,
    /// Set where it has ended as expected and is not to start again.
    pub has_completed: bool,
}

/// Answer to a question that options ask of a program that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// No option asks it, or there is no run to ask it of.
    NotAsked,
    /// No, or not yet.
    No,
    /// Yes.
    Yes,
}

impl Asked {
    fn of(is_asked: bool, answer: bool) -> Self {
        match (is_asked, answer) {
            (false, _) => Self::NotAsked,
            (true, false) => Self::No,
            (true, true) => Self::Yes,
        }
    }
}

impl Process {
    pub(super) fn details(&self, id: ProcessId) -> ProcessDetails {
        let (machine, config) = (&self.machine, &self.config);
        let unhealthy = machine.unhealthy().filter(|_| machine.state() == ProcessState::Running);
        ProcessDetails {
            info: self.info(id),
            config: Arc::clone(config),
            is_listener: self.is_listener,
            log_bytes: self.log_counters.each_ref().map(|counter| counter.read()),
            restarts: machine.starts().saturating_sub(1),
            exits: self.exits.clone(),
            ready: Asked::of(config.ready.is_some() && machine.pid() != 0, machine.is_ready()),
            health: Asked::of(config.health.is_some() && machine.state() == ProcessState::Running, unhealthy.is_none()),
            unhealthy: unhealthy.map(str::to_owned),
            status_text: machine.status().map(str::to_owned),
            has_completed: machine.has_completed(config),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::{
        super::{Births, Snapshot, fixtures::AtWork},
        *,
    };
    use crate::{
        config::{AutoRestart, Ready},
        process::{
            exits::{Exit, ExitKind},
            fixtures,
        },
    };

    fn details(supervisor: &AtWork, name: &str) -> ProcessDetails {
        let all = supervisor.all_details();
        all.into_iter().find(|details| details.info.name == name).unwrap()
    }

    #[test]
    fn the_past_of_a_process_is_kept_by_an_upgrade() {
        let begin = SystemTime::now() - Duration::from_secs(1);
        let fails = config::Process {
            command: "/bin/sh -c 'exit 3'".to_owned(),
            startsecs: 0,
            autorestart: AutoRestart::Never,
            ..fixtures::process("fails")
        };
        let idle = config::Process { autostart: false, ..fixtures::process("idle") };
        let first = AtWork::with([fails, idle]);
        let id = first.wait("fails", |info| info.state == ProcessState::Exited).id;
        super::super::fixtures::block_on(first.start(id)).unwrap();
        let is_over = |details: &ProcessDetails| details.exits.count(ExitKind::Unexpected) == 2;
        first.wait("fails", |_| is_over(&details(&first, "fails")));
        let check = |supervisor: &AtWork| {
            let fails = details(supervisor, "fails");
            assert!(is_over(&fails) && fails.restarts == 1, "{fails:?}");
            assert!(!fails.has_completed && fails.exits.count(ExitKind::Expected) == 0);
            let last = *fails.exits.latest().next().unwrap();
            assert_eq!((last.exit, last.kind), (Exit::Code(3), ExitKind::Unexpected));
            assert!(last.at > begin && last.ran < Duration::from_secs(30), "{last:?}");
            let idle = details(supervisor, "idle");
            assert_eq!((idle.restarts, idle.exits.latest().count()), (0, 0));
            assert_eq!((idle.ready, idle.health), (Asked::NotAsked, Asked::NotAsked));
        };
        check(&first);
        let (sender, receiver) = std::sync::mpsc::channel();
        let write = move |snapshot: Snapshot| {
            sender.send(rmp_serde::to_vec_named(&snapshot).unwrap()).map_err(|error| error.to_string())
        };
        first.hand_over(false, &Births::default(), Box::new(write)).unwrap();
        let snapshot: Snapshot = rmp_serde::from_slice(&receiver.recv().unwrap()).unwrap();
        check(&AtWork::adopting([], snapshot));
    }

    #[test]
    fn a_process_that_is_not_ready_says_so() {
        let waits = config::Process { ready: Some(Ready::Notify), ..fixtures::process("waits") };
        let supervisor = AtWork::with([waits]);
        let id = supervisor.wait("waits", |info| info.pid != 0).id;
        let details = supervisor.details(id).unwrap();
        assert_eq!((details.ready, details.health), (Asked::No, Asked::NotAsked));
        assert_eq!(details.config.name, "waits");
    }

    #[test]
    fn a_stop_is_no_death_by_a_signal() {
        let stopped = config::Process { startsecs: 0, autorestart: AutoRestart::Never, ..fixtures::process("stopped") };
        let killed = config::Process { name: "killed".to_owned(), ..stopped.clone() };
        let supervisor = AtWork::with([stopped, killed]);
        let id = |name: &str| supervisor.wait(name, |info| info.state == ProcessState::Running).id;
        drop(super::super::fixtures::block_on(supervisor.stop(id("stopped"), false, false)));
        drop(super::super::fixtures::block_on(supervisor.signal(id("killed"), libc::SIGKILL)));
        for (name, kind, signal) in
            [("stopped", ExitKind::Stopped, libc::SIGTERM), ("killed", ExitKind::Signal, libc::SIGKILL)]
        {
            supervisor.wait(name, |_| details(&supervisor, name).exits.count(kind) == 1);
            let exits = details(&supervisor, name).exits;
            let last = exits.latest().next().unwrap();
            assert_eq!((last.exit, last.kind), (Exit::Signal { signal, core: false }, kind), "{name}");
        }
    }
}
