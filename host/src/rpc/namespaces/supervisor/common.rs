//! Steps that the methods have in common: refuse in a shutdown, find what a name means, find and read a log.

use std::{path::Path, sync::Arc, time::Duration};

use plugin_api::{Fault, Value};

use super::{
    gate::{Gates, Pass},
    read_log,
    start_stop::{self, Wait, many, signal_number},
};
use crate::{
    config::Logfile,
    events::Channel,
    supervisor::{Found, ProcessInfo, Supervisor},
};

/// Time that a call waits for a file system that does not answer.
pub(super) const FILE_TIMEOUT: Duration = Duration::from_secs(10);

/// Number of calls that may read one log at the same time.
const MAX_READERS: usize = 4;

/// Processes that a client means by a name.
pub(super) enum Target {
    /// One process.
    One(Box<ProcessInfo>),
    /// All processes of a group.
    Group(Vec<ProcessInfo>),
}

/// The methods of the namespace `supervisor`.
#[derive(Clone, Debug)]
pub struct SupervisorInterface {
    pub(super) supervisor: Supervisor,
    /// A gate before each log and before the config.
    pub(super) gates: Arc<Gates>,
}

impl SupervisorInterface {
    /// The interface to this supervisor.
    pub fn new(supervisor: Supervisor) -> Self {
        Self { supervisor, gates: Arc::default() }
    }

    /// Let one call at a time read the config.
    pub(super) fn pass_to_config(&self) -> Result<Pass, Fault> {
        self.gates.pass(&self.supervisor.config().file.display().to_string(), 1, FILE_TIMEOUT)
    }

    /// Refuse the call where the supervisor is about to end. Every method but one begins with this.
    pub(super) fn check_up(&self) -> Result<(), Fault> {
        if self.supervisor.is_stopping() { Err(Fault::shutdown_state()) } else { Ok(()) }
    }

    /// Find the processes that a client means by a name, if there are any and the supervisor is up.
    pub(super) fn find(&self, name: &str) -> Result<Target, Fault> {
        self.check_up()?;
        let found = match self.supervisor.find(name) {
            Some(Found::Process(id)) => self.supervisor.info(id).map(|info| Target::One(Box::new(info))),
            Some(Found::Group(group)) => self.supervisor.of_group(&group).map(Target::Group),
            None => None,
        };
        found.ok_or_else(|| Fault::bad_name_with(name))
    }

    /// Find the process that a client means by a name, where a group will not do.
    pub(super) fn find_one(&self, name: &str) -> Result<ProcessInfo, Fault> {
        match self.find(name)? {
            Target::One(info) => Ok(*info),
            Target::Group(_) => Err(Fault::bad_name_with(name)),
        }
    }

    /// Find the processes of a group, if there is one and the supervisor is up.
    pub(super) fn group(&self, name: &str) -> Result<Vec<ProcessInfo>, Fault> {
        self.check_up()?;
        self.supervisor.of_group(name).ok_or_else(|| Fault::bad_name_with(name))
    }

    /// Start those of these processes that do not run. Each result is a struct.
    pub(super) async fn start(&self, processes: Vec<ProcessInfo>, wait: Wait) -> Vec<Value> {
        let stopped = processes.into_iter().filter(|info| !info.state.is_running()).collect();
        many(self.supervisor.in_start_order(stopped), |info, namespec| {
            start_stop::start(&self.supervisor, info, namespec, wait)
        })
        .await
    }

    /// Stop those of these processes that run or are to be started again. Each result is a struct.
    pub(super) async fn stop(&self, processes: Vec<ProcessInfo>, wait: Wait) -> Vec<Value> {
        let running = processes.into_iter().filter(ProcessInfo::is_stoppable).collect();
        let in_order = true;
        many(self.supervisor.in_stop_order(running), |info, namespec| {
            start_stop::stop(&self.supervisor, info, namespec, wait, in_order)
        })
        .await
    }

    /// Send a signal to those of these processes that are there. Each result is a struct.
    pub(super) async fn signal(&self, processes: Vec<ProcessInfo>, signal: &Value) -> Vec<Value> {
        let signallable = processes.into_iter().filter(|info| info.state.is_signallable()).collect();
        let number = signal_number(signal);
        many(signallable, |info, namespec| Ok(start_stop::signal(&self.supervisor, info, namespec, number.clone()?)))
            .await
    }

    /// Wait until all that was written to a log before now is in its file.
    fn flush(&self, log: &Path) -> Result<(), Fault> {
        self.supervisor.output().flush_log(log, FILE_TIMEOUT).map_err(Fault::failed_with)
    }

    /// Path of supervisord's own log, if it has one.
    pub(super) fn main_log(&self) -> Option<String> {
        match &self.supervisor.config().supervisord.logfile {
            Logfile::Syslog => Some("syslog".to_owned()),
            other => other.path().map(|path| path.display().to_string()),
        }
    }

    /// Read a part of a log, which may be `NONE` or not be there.
    pub(super) fn read(&self, log: Option<String>, offset: i64, length: i64) -> Result<String, Fault> {
        let log = log.ok_or_else(Fault::no_file)?;
        let _pass = self.gates.pass(&log, MAX_READERS, FILE_TIMEOUT)?;
        self.flush(Path::new(&log))?;
        if !Path::new(&log).exists() {
            return Err(Fault::no_file_with(log));
        }
        read_log::read(Path::new(&log), offset, length)
    }

    /// Read the end of a log for a client that follows it; empty where there is no log.
    pub(super) fn tail(&self, log: Option<String>, offset: i64, length: i64) -> Result<(String, i64, bool), Fault> {
        let Some(log) = log else { return Ok((String::new(), 0, false)) };
        let _pass = self.gates.pass(&log, MAX_READERS, FILE_TIMEOUT)?;
        self.flush(Path::new(&log))?;
        if !Path::new(&log).exists() {
            return Ok((String::new(), 0, false));
        }
        Ok(read_log::tail(Path::new(&log), offset, length))
    }

    /// Path of a log of a process, if it has one.
    pub(super) fn log_of(&self, name: &str, channel: Channel) -> Result<Option<String>, Fault> {
        let info = self.find_one(name)?;
        Ok(match channel {
            Channel::Stdout => info.stdout_logfile,
            Channel::Stderr => info.stderr_logfile,
        })
    }

    /// Empty the logs of a process. `namespec` is for the fault.
    pub(super) fn clear(&self, info: &ProcessInfo, namespec: &str) -> Result<(), Fault> {
        match self.supervisor.clear_logs(info.id, FILE_TIMEOUT) {
            Some(Ok(())) => Ok(()),
            Some(Err(_)) => Err(Fault::failed_with(namespec)),
            None => Err(Fault::bad_name_with(namespec)),
        }
    }
}
