//! What the published methods have in common: whether they answer at all, what a name means, where a log is.

use std::{path::Path, time::Duration};

use plugin_api::{Fault, Value};

use super::{
    SupervisorInterface, read_log,
    start_stop::{self, Wait, many, signal_number},
};
use crate::{
    config::Logfile,
    events::Channel,
    supervisor::{Found, ProcessInfo},
};

/// How long a reader of a log waits for a disk that does not answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// Number of calls that may read one log at the same time.
const READERS: usize = 4;

/// One process, or all of a group.
pub(super) enum Target {
    One(ProcessInfo),
    Group(Vec<ProcessInfo>),
}

impl SupervisorInterface {
    /// Every method begins with this: a supervisor that is about to end answers nothing.
    pub(super) fn check_up(&self) -> Result<(), Fault> {
        if self.supervisor.is_stopping() { Err(Fault::shutdown_state()) } else { Ok(()) }
    }

    /// What a client means by a name, if it is there and the supervisor is up.
    pub(super) fn find(&self, name: &str) -> Result<Target, Fault> {
        self.check_up()?;
        let found = match self.supervisor.find(name) {
            Some(Found::Process(id)) => self.supervisor.info(id).map(Target::One),
            Some(Found::Group(group)) => self.supervisor.of_group(&group).map(Target::Group),
            None => None,
        };
        found.ok_or_else(|| Fault::bad_name_with(name))
    }

    /// The same where a group will not do.
    pub(super) fn find_one(&self, name: &str) -> Result<ProcessInfo, Fault> {
        match self.find(name)? {
            Target::One(info) => Ok(info),
            Target::Group(_) => Err(Fault::bad_name_with(name)),
        }
    }

    pub(super) fn group(&self, name: &str) -> Result<Vec<ProcessInfo>, Fault> {
        self.check_up()?;
        self.supervisor.of_group(name).ok_or_else(|| Fault::bad_name_with(name))
    }

    pub(super) async fn start(&self, processes: Vec<ProcessInfo>, wait: Wait) -> Vec<Value> {
        let stopped = processes.into_iter().filter(|info| !info.state.is_running()).collect();
        many(stopped, |info, namespec| start_stop::start(&self.supervisor, info, namespec, wait)).await
    }

    pub(super) async fn stop(&self, processes: Vec<ProcessInfo>, wait: Wait) -> Vec<Value> {
        let running = processes.into_iter().filter(|info| info.state.is_running()).collect();
        many(running, |info, namespec| start_stop::stop(&self.supervisor, info, namespec, wait)).await
    }

    pub(super) async fn signal(&self, processes: Vec<ProcessInfo>, signal: &Value) -> Vec<Value> {
        let signallable = processes.into_iter().filter(|info| info.state.is_signallable()).collect();
        let number = signal_number(signal);
        many(signallable, |info, namespec| Ok(start_stop::signal(&self.supervisor, info, namespec, number.clone()?)))
            .await
    }

    /// Everything that was written to it before now is in the file.
    fn flush(&self, log: &Path) -> Result<(), Fault> {
        self.supervisor.output().flush_log(log, PATIENCE).map_err(Fault::failed_with)
    }

    pub(super) fn main_log(&self) -> Option<String> {
        match &self.supervisor.config().supervisord.logfile {
            Logfile::Syslog => Some("syslog".to_owned()),
            other => other.path().map(|path| path.display().to_string()),
        }
    }

    /// Reads a log that may be `NONE` or not be there.
    pub(super) fn read(&self, log: Option<String>, offset: i64, length: i64) -> Result<String, Fault> {
        let log = log.ok_or_else(Fault::no_file)?;
        let _pass = self.gates.pass(&log, READERS, PATIENCE)?;
        self.flush(Path::new(&log))?;
        if !Path::new(&log).exists() {
            return Err(Fault::no_file_with(log));
        }
        read_log::read(Path::new(&log), offset, length)
    }

    pub(super) fn tail(&self, log: Option<String>, offset: i64, length: i64) -> Result<(String, i64, bool), Fault> {
        let Some(log) = log else { return Ok((String::new(), 0, false)) };
        let _pass = self.gates.pass(&log, READERS, PATIENCE)?;
        self.flush(Path::new(&log))?;
        if !Path::new(&log).exists() {
            return Ok((String::new(), 0, false));
        }
        Ok(read_log::tail(Path::new(&log), offset, length))
    }

    pub(super) fn log_of(&self, name: &str, channel: Channel) -> Result<Option<String>, Fault> {
        let info = self.find_one(name)?;
        Ok(match channel {
            Channel::Stdout => info.stdout_logfile,
            Channel::Stderr => info.stderr_logfile,
        })
    }

    pub(super) fn clear(&self, info: &ProcessInfo, namespec: &str) -> Result<(), Fault> {
        match self.supervisor.clear_logs(info.id, PATIENCE) {
            Some(Ok(())) => Ok(()),
            Some(Err(_)) => Err(Fault::failed_with(namespec)),
            None => Err(Fault::bad_name_with(namespec)),
        }
    }
}
