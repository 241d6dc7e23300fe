//! Processes as clients see them.

use std::{path::PathBuf, sync::Arc, time::SystemTime};

use super::{process::Process, status::ProcessId};
use crate::{config, process::output::OutputTarget, states::ProcessState};

/// One process at one moment.
#[derive(Clone, Debug)]
pub struct ProcessInfo {
    /// Name by which the supervisor knows it.
    pub id: ProcessId,
    /// Name of the process.
    pub name: String,
    /// Name of its group.
    pub group: String,
    /// State of the process.
    pub state: ProcessState,
    /// Pid, 0 where it does not run.
    pub pid: i32,
    /// Time of its last start, successful or not.
    pub started: Option<SystemTime>,
    /// Time of its last end.
    pub stopped: Option<SystemTime>,
    /// Time of its next start, where it waits for one as `restart_delay` says.
    pub restarts: Option<SystemTime>,
    /// Processes that it waits for before it starts, with their states: `db (STARTING)`.
    pub waits_for: Option<String>,
    /// Further parts of its description, which options ask for: what it waits for, what it says of itself.
    pub remarks: Vec<String>,
    /// Reason why its last start failed or its last run ended badly.
    pub spawnerr: Option<String>,
    /// Exit status of its last run: -1 if a signal killed it.
    pub exitstatus: Option<i32>,
    /// Path of its stdout log, or `syslog`.
    pub stdout_logfile: Option<String>,
    /// Path of its stderr log, or `syslog`.
    pub stderr_logfile: Option<String>,
}

/// Config of a process that may or may not be active.
#[derive(Clone, Debug)]
pub struct ProcessConfig {
    /// Group of the process.
    pub group: Arc<config::Group>,
    /// Config of the process.
    pub process: Arc<config::Process>,
    /// Set where its group is active.
    pub inuse: bool,
    /// Files of its `AUTO` logs, stdout first, where it is active.
    pub auto_logfiles: [Option<PathBuf>; 2],
}

impl ProcessInfo {
    /// Return whether there is something to stop: a process, or a start that is to come.
    pub fn is_stoppable(&self) -> bool {
        self.state.is_running() || self.restarts.is_some() || self.waits_for.is_some()
    }
}

impl Process {
    pub(super) fn info(&self, id: ProcessId) -> ProcessInfo {
        let machine = &self.machine;
        let logfile = |output: &config::OutputOptions, target: &OutputTarget| match (&output.logfile, &target.path) {
            (config::Logfile::Syslog, _) => Some("syslog".to_owned()),
            (_, path) => path.as_ref().map(|path| path.to_string_lossy().into_owned()),
        };
        ProcessInfo {
            id,
            name: self.config.name.clone(),
            group: self.group.clone(),
            state: machine.state(),
            pid: machine.pid(),
            started: self.started,
            stopped: self.stopped,
            restarts: self.restarts,
            waits_for: self.waits_for.clone(),
            remarks: machine.remarks(&self.config),
            spawnerr: machine.spawnerr().map(str::to_owned),
            exitstatus: machine.exitstatus(),
            stdout_logfile: logfile(&self.config.stdout, &self.stdout),
            stderr_logfile: logfile(&self.config.stderr, &self.stderr),
        }
    }
}
