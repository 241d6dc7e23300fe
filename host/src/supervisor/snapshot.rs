//! The supervisor as one process hands it over to the next: groups, processes, clocks.
//!
//! What stands here is a released format. A field that a later version adds has a default, for it is missing where an
//! earlier one has written; one that an earlier version does not know, that ignores.

use std::{
    collections::HashMap,
    os::fd::{AsFd as _, AsRawFd as _, RawFd},
    sync::{Arc, atomic::AtomicBool, mpsc},
    time::{Duration, SystemTime},
};

use serde::{Deserialize, Serialize};

use super::{descendants::Enclosure, process::Process, ticks::Ticks};
use crate::{
    config,
    process::{
        exits::ExitHistory,
        output::{LogBytes, OutputState, OutputTarget},
        state::Machine,
        stdin::StdinState,
    },
    states::ProcessState,
};

/// The supervisor, and the output of its programs, at one moment.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Snapshot {
    /// Origin of the time of the state machines, on the system's monotonic clock.
    pub(super) origin: Duration,
    /// Number of the last run of a process.
    pub(super) last_run: u64,
    /// Ticks that were told last.
    pub(super) ticks: Option<Ticks>,
    /// Active groups in the order in which they became active.
    pub(super) groups: Vec<GroupRecord>,
    /// Pids of children that belong to no active group.
    pub(super) strays: Vec<i32>,
    /// Runs that have ended and whose descendants have not.
    pub(super) ended_runs: Vec<EndedRecord>,
    /// Pids of children that run commands of probes.
    pub(super) probe_children: Vec<i32>,
    /// Output of the programs.
    pub output: OutputState,
}

/// Active group as it is handed over.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct GroupRecord {
    pub(super) config: Arc<config::Group>,
    pub(super) processes: Vec<ProcessRecord>,
    /// Number of the descriptor of the socket that its processes share, while one of them runs.
    #[serde(default)]
    pub(super) socket: Option<RawFd>,
}

/// Process as it is handed over.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct ProcessRecord {
    pub(super) config: Arc<config::Process>,
    pub(super) machine: Machine,
    /// Start of the process with that pid, in ticks since the system began: another one has another.
    pub(super) birth: Option<u64>,
    pub(super) stdout: OutputTarget,
    pub(super) stderr: OutputTarget,
    /// Bytes that its logs have taken and lost up to now, of stdout first.
    pub(super) log_bytes: [LogBytes; 2],
    pub(super) run: u64,
    pub(super) stdin: Option<StdinState>,
    pub(super) has_socket: bool,
    pub(super) started: Option<SystemTime>,
    pub(super) stopped: Option<SystemTime>,
    pub(super) restarts: Option<SystemTime>,
    /// Ends of its runs.
    pub(super) exits: ExitHistory,
    /// Way to its descendants, where these are ended with it.
    pub(super) enclosure: Option<Enclosure>,
    /// Number of the descriptor by which it says that it is ready.
    pub(super) ready_channel: Option<RawFd>,
    pub(super) starts_once_stopped: bool,
}

/// Run that has ended, and whose descendants are to end.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct EndedRecord {
    pub(super) group: String,
    pub(super) name: String,
    /// Pid that it had; 0 where it was never spawned.
    pub(super) pid: i32,
    pub(super) enclosure: Enclosure,
}

impl ProcessRecord {
    pub(super) fn of(process: &Process, birth: Option<u64>) -> Self {
        Self {
            config: Arc::clone(&process.config),
            machine: process.machine.clone(),
            birth,
            stdout: process.stdout.clone(),
            stderr: process.stderr.clone(),
            log_bytes: process.log_counters.each_ref().map(|counter| counter.read()),
            run: process.run,
            stdin: process.stdin.as_ref().map(|stdin| stdin.state()),
            has_socket: process.listening.is_some(),
            started: process.started,
            stopped: process.stopped,
            restarts: process.restarts,
            exits: process.exits.clone(),
            enclosure: process.enclosure.clone(),
            starts_once_stopped: process.starts_once_stopped,
            ready_channel: process.ready_channel.as_ref().map(|(channel, _)| channel.as_fd().as_raw_fd()),
        }
    }
}

impl Snapshot {
    /// Iterate over the numbers of all descriptors.
    pub fn descriptors(&self) -> impl Iterator<Item = RawFd> {
        let of_group = |group: &GroupRecord| {
            let stdins = group.processes.iter().filter_map(|process| Some(process.stdin.as_ref()?.fd));
            let ready_channels = group.processes.iter().filter_map(|process| process.ready_channel);
            stdins.chain(ready_channels).chain(group.socket).collect::<Vec<_>>()
        };
        self.groups.iter().flat_map(of_group).chain(self.output.descriptors())
    }

    /// List the processes that are alive: their full names, pids and states.
    pub fn alive(&self) -> Vec<(String, i32, ProcessState)> {
        let all = self.groups.iter().flat_map(|group| group.processes.iter().map(move |process| (group, process)));
        let alive = all.filter(|(_, process)| process.machine.pid() != 0);
        alive
            .map(|(group, process)| {
                let name = crate::text::namespec::make_namespec(&group.config.name, &process.config.name);
                (name, process.machine.pid(), process.machine.state())
            })
            .collect()
    }

    /// List the configs of the groups.
    pub fn groups(&self) -> Vec<Arc<config::Group>> {
        self.groups.iter().map(|group| Arc::clone(&group.config)).collect()
    }

    /// Number of processes, alive or not.
    pub fn processes(&self) -> usize {
        self.groups.iter().map(|group| group.processes.len()).sum()
    }
}

/// Start of each process, in ticks since the system began, with the number of its run; by its pid.
#[derive(Debug, Default)]
pub struct Births(pub(super) HashMap<i32, (u64, u64)>);

impl Births {
    /// Start of the process with that pid in that run.
    pub(super) fn of(&self, pid: i32, run: u64) -> Option<u64> {
        self.0.get(&pid).filter(|(of_run, _)| *of_run == run).map(|(_, birth)| *birth)
    }
}

/// Work with a snapshot. It returns where this process goes on; the error says why.
pub type UseSnapshot = Box<dyn FnOnce(Snapshot) -> Result<(), String> + Send>;

/// Wish that the main loop make a snapshot and have something done with it.
pub(super) struct HandOver {
    /// Starts of processes, as far as they are known.
    pub(super) births: Births,
    /// Set where this process is to end with it, and nothing may happen that does not stand in the snapshot.
    pub(super) is_final: bool,
    pub(super) work: UseSnapshot,
    /// Set by who comes first: the main loop that begins, or who does not wait for it any longer.
    pub(super) is_claimed: Arc<AtomicBool>,
    /// Way of the result.
    pub(super) done: mpsc::SyncSender<Result<(), String>>,
}
