//! What a client may know of a process.

use std::{path::PathBuf, sync::Arc, time::SystemTime};

use super::groups::{Process, ProcessId};
use crate::{config, process::output::OutputTarget, states::ProcessState};

/// One process at one moment.
#[derive(Clone, Debug)]
pub struct ProcessInfo {
    /// Names it to the supervisor.
    pub id: ProcessId,
    /// Its name.
    pub name: String,
    /// The name of its group.
    pub group: String,
    /// Its state.
    pub state: ProcessState,
    /// Its pid, 0 where it does not run.
    pub pid: i32,
    /// When its last start was tried.
    pub started: Option<SystemTime>,
    /// When it last ended.
    pub stopped: Option<SystemTime>,
    /// Why its last start failed, or how its last run ended badly.
    pub spawnerr: Option<String>,
    /// The exit status of its last run: -1 if a signal killed it.
    pub exitstatus: Option<i32>,
    /// Its stdout log.
    pub stdout_logfile: Option<String>,
    /// Its stderr log.
    pub stderr_logfile: Option<String>,
}

/// The config of a process that may or may not be active.
#[derive(Clone, Debug)]
pub struct ProcessConfig {
    /// Its group.
    pub group: Arc<config::Group>,
    /// Its config.
    pub process: Arc<config::Process>,
    /// Whether its group is active.
    pub inuse: bool,
    /// The files that its `AUTO` logs became, where it is active.
    pub auto_logfiles: [Option<PathBuf>; 2],
}

impl Process {
    pub(super) fn info(&self, id: ProcessId) -> ProcessInfo {
        let machine = &self.machine;
        let logfile = |output: &config::Output, target: &OutputTarget| match (&output.logfile, &target.path) {
            (config::Logfile::Syslog, _) => Some("syslog".to_owned()),
            (_, path) => path.as_ref().map(|path| path.display().to_string()),
        };
        ProcessInfo {
            id,
            name: self.config.name.clone(),
            group: self.group.clone(),
            state: machine.state(),
            pid: machine.pid(),
            started: self.started,
            stopped: self.stopped,
            spawnerr: machine.spawnerr().map(str::to_owned),
            exitstatus: machine.exitstatus(),
            stdout_logfile: logfile(&self.config.stdout, &self.stdout),
            stderr_logfile: logfile(&self.config.stderr, &self.stderr),
        }
    }
}
