//! The namespace `supervisor`: the methods that Supervisor's clients call.
//!
//! The modules are floors; each imports only from those above it in this list.

mod gate;
mod read_log;
mod structs;

mod start_stop;

mod common;

#[cfg(test)]
mod mount_tests;

use std::{path::Path, time::SystemTime};

use plugin_api::{Code, Fault, Value, rpc_interface};

pub use self::common::SupervisorInterface;
pub(crate) use self::structs::{process_config, process_members, process_result};
use self::{
    common::{FILE_TIMEOUT, Target},
    read_log::ByteCount,
    start_stop::{one, signal_number},
};
use crate::{
    events::{Channel, Event},
    process::stdin::StdinError,
    supervisor::{ProcessInfo, make_namespec},
    text, version,
    xmlrpc::readable,
};

#[rpc_interface]
impl SupervisorInterface {
    /// Say which version of this interface is spoken.
    ///
    /// # Returns
    /// the version
    #[rpc(name = "getAPIVersion", alias = "getVersion", nonblocking)]
    pub fn get_api_version(&self) -> Result<&'static str, Fault> {
        self.check_up()?;
        Ok(version::API)
    }

    /// Say with which version of Supervisor this one is compatible.
    ///
    /// # Returns
    /// the version
    #[rpc(nonblocking)]
    pub fn get_supervisor_version(&self) -> Result<&'static str, Fault> {
        self.check_up()?;
        Ok(version::SUPERVISOR)
    }

    /// Give the name that the config gives this supervisord, to tell it from others.
    ///
    /// # Returns
    /// the identifier
    #[rpc(nonblocking)]
    pub fn get_identification(&self) -> Result<String, Fault> {
        self.check_up()?;
        Ok(readable(&self.supervisor.identifier()).into_owned())
    }

    /// Tell what supervisord is doing.
    ///
    /// # Returns
    /// the members statecode, an int, and statename
    #[rpc(nonblocking, returns = "struct")]
    pub fn get_state(&self) -> Result<Value, Fault> {
        self.check_up()?;
        let state = self.supervisor.state();
        Ok(Value::structure([("statecode", (state as i32).into()), ("statename", state.name().into())]))
    }

    /// Give the process id of supervisord.
    ///
    /// # Returns
    /// the pid
    #[rpc(name = "getPID", nonblocking)]
    pub fn get_pid(&self) -> Result<u32, Fault> {
        self.check_up()?;
        Ok(self.supervisor.pid())
    }

    /// Read a part of supervisord's own log.
    ///
    /// # Returns
    /// what stands there
    #[rpc(alias = "readMainLog")]
    pub fn read_log(
        &self,
        /// first byte; negative counts from the end, and then length is 0
        offset: ByteCount,
        /// number of bytes; 0 is to the end
        length: ByteCount,
    ) -> Result<String, Fault> {
        self.check_up()?;
        self.read(self.main_log(), offset.0, length.0)
    }

    /// Empty supervisord's own log.
    ///
    /// # Returns
    /// always true
    pub fn clear_log(&self) -> Result<bool, Fault> {
        self.check_up()?;
        if !self.main_log().is_some_and(|log| Path::new(&log).exists()) {
            return Err(Fault::no_file());
        }
        self.supervisor.output().clear_activity(FILE_TIMEOUT).map_err(|_| Fault::failed())?;
        Ok(true)
    }

    /// Stop all processes and end supervisord.
    ///
    /// # Returns
    /// always true; it happens after the answer
    #[rpc(nonblocking)]
    pub fn shutdown(&self) -> Result<bool, Fault> {
        self.check_up()?;
        self.supervisor.shutdown();
        Ok(true)
    }

    /// Stop all processes and start supervisord anew. Nothing is stopped if the config cannot be read any more: that is
    /// the fault `CANT_REREAD`.
    ///
    /// # Returns
    /// always true; it happens after the answer
    pub fn restart(&self) -> Result<bool, Fault> {
        self.check_up()?;
        let _pass = self.pass_to_config()?;
        // Each says in a second line where it stands; supervisorctl prints a fault as one.
        self.supervisor.restart().map_err(|errors| Fault::cant_reread_with(errors.join("; ").replace("\n  ", ", ")))?;
        Ok(true)
    }

    /// Read the config file again and tell which groups differ from those that are active. Nothing is started or
    /// stopped: `removeProcessGroup` and `addProcessGroup` do that.
    ///
    /// # Returns
    /// one array of three: the names of groups that are new, that have changed, that are gone
    #[rpc(returns = "array")]
    pub fn reload_config(&self) -> Result<Value, Fault> {
        self.check_up()?;
        let _pass = self.pass_to_config()?;
        self.supervisor.reload_config().map_err(|errors| {
            let first = errors.first();
            if first.reason.is_some() {
                self.supervisor.logger().warn(format_args!("{}", first.to_string().replace('\n', "; ")));
            }
            Fault::cant_reread_with(&first.message)
        })?;
        let changes = self.supervisor.changes().map(|names| Value::array(names.into_iter().map(Value::from)));
        Ok(Value::array([Value::array(changes)]))
    }

    /// Make a group of the config active, and start those of its processes that start by themselves.
    ///
    /// # Returns
    /// always true
    pub fn add_process_group(
        &self,
        /// the group
        name: String,
    ) -> Result<bool, Fault> {
        self.check_up()?;
        let config = self.supervisor.config();
        let group = config.groups.iter().find(|group| group.name == name).ok_or_else(|| Fault::bad_name_with(&name))?;
        let _pass = self.gates.pass(&format!("group {name}"), 1, FILE_TIMEOUT)?;
        match self.supervisor.add_group(group) {
            Ok(true) => Ok(true),
            Ok(false) => Err(Fault::already_added_with(name)),
            Err(error) => Err(Fault::failed_with(error)),
        }
    }

    /// Forget a group whose processes are all stopped.
    ///
    /// # Returns
    /// always true
    pub fn remove_process_group(
        &self,
        /// the group
        name: String,
    ) -> Result<bool, Fault> {
        self.check_up()?;
        match self.supervisor.remove_group(&name) {
            Some(true) => Ok(true),
            Some(false) => Err(Fault::still_running_with(name)),
            None => Err(Fault::bad_name_with(name)),
        }
    }

    /// Start a process.
    ///
    /// # Returns
    /// always true; for a group what `startProcessGroup` returns
    #[rpc(returns = "boolean")]
    pub async fn start_process(
        &self,
        /// `name`, `group:name` or `group:*`
        name: String,
        /// whether to answer only when it is RUNNING
        wait: Option<bool>,
    ) -> Result<Value, Fault> {
        match self.find(&name)? {
            Target::One(info) => {
                one(start_stop::start(&self.supervisor, &info, name, wait.into())).await?;
                Ok(true.into())
            }
            Target::Group(processes) => Ok(Value::array(self.start(processes, wait.into()).await)),
        }
    }

    /// Start all processes of a group that do not run.
    ///
    /// # Returns
    /// for each a struct with the members name, group, status and description
    pub async fn start_process_group(
        &self,
        /// the group
        name: String,
        /// whether to answer only when they are RUNNING
        wait: Option<bool>,
    ) -> Result<Vec<Value>, Fault> {
        let processes = self.group(&name)?;
        Ok(self.start(processes, wait.into()).await)
    }

    /// Start all processes that do not run.
    ///
    /// # Returns
    /// for each a struct with the members name, group, status and description
    pub async fn start_all_processes(
        &self,
        /// whether to answer only when they are RUNNING
        wait: Option<bool>,
    ) -> Result<Vec<Value>, Fault> {
        self.check_up()?;
        Ok(self.start(self.supervisor.by_priority(), wait.into()).await)
    }

    /// Stop a process.
    ///
    /// # Returns
    /// always true; for a group what `stopProcessGroup` returns
    #[rpc(returns = "boolean")]
    pub async fn stop_process(
        &self,
        /// `name`, `group:name` or `group:*`
        name: String,
        /// whether to answer only when it has stopped
        wait: Option<bool>,
    ) -> Result<Value, Fault> {
        match self.find(&name)? {
            Target::One(info) => {
                let in_order = false;
                one(start_stop::stop(&self.supervisor, &info, name, wait.into(), in_order)).await?;
                Ok(true.into())
            }
            Target::Group(processes) => Ok(Value::array(self.stop(processes, wait.into()).await)),
        }
    }

    /// Stop all processes of a group that run.
    ///
    /// # Returns
    /// for each a struct with the members name, group, status and description
    pub async fn stop_process_group(
        &self,
        /// the group
        name: String,
        /// whether to answer only when they have stopped
        wait: Option<bool>,
    ) -> Result<Vec<Value>, Fault> {
        let processes = self.group(&name)?;
        Ok(self.stop(processes, wait.into()).await)
    }

    /// Stop all processes that run.
    ///
    /// # Returns
    /// for each a struct with the members name, group, status and description
    pub async fn stop_all_processes(
        &self,
        /// whether to answer only when they have stopped
        wait: Option<bool>,
    ) -> Result<Vec<Value>, Fault> {
        self.check_up()?;
        Ok(self.stop(self.supervisor.by_priority(), wait.into()).await)
    }

    /// Send a signal to a process.
    ///
    /// # Returns
    /// always true; for a group what `signalProcessGroup` returns
    #[rpc(returns = "boolean")]
    pub async fn signal_process(
        &self,
        /// `name`, `group:name` or `group:*`
        name: String,
        /// `HUP`, `SIGHUP` or `1`
        #[rpc(kind = "string")]
        signal: Value,
    ) -> Result<Value, Fault> {
        match self.find(&name)? {
            Target::One(info) => {
                let number = signal_number(&signal)?;
                one(Ok(start_stop::signal(&self.supervisor, &info, name, number))).await?;
                Ok(true.into())
            }
            Target::Group(processes) => Ok(Value::array(self.signal(processes, &signal).await)),
        }
    }

    /// Send a signal to all processes of a group that are there.
    ///
    /// # Returns
    /// for each a struct with the members name, group, status and description
    pub async fn signal_process_group(
        &self,
        /// the group
        name: String,
        /// `HUP`, `SIGHUP` or `1`
        #[rpc(kind = "string")]
        signal: Value,
    ) -> Result<Vec<Value>, Fault> {
        let processes = self.group(&name)?;
        Ok(self.signal(processes, &signal).await)
    }

    /// Send a signal to all processes that are there.
    ///
    /// # Returns
    /// for each a struct with the members name, group, status and description
    pub async fn signal_all_processes(
        &self,
        /// `HUP`, `SIGHUP` or `1`
        #[rpc(kind = "string")]
        signal: Value,
    ) -> Result<Vec<Value>, Fault> {
        self.check_up()?;
        Ok(self.signal(self.supervisor.by_priority(), &signal).await)
    }

    /// Tell all that is known of a process.
    ///
    /// # Returns
    /// its state, times, pid, exit status and logs
    #[rpc(nonblocking, returns = "struct")]
    pub fn get_process_info(
        &self,
        /// `name` or `group:name`
        name: String,
    ) -> Result<Value, Fault> {
        Ok(structs::process(&self.find_one(&name)?, SystemTime::now()))
    }

    /// Tell all that is known of all processes.
    ///
    /// # Returns
    /// what `getProcessInfo` returns, for each, by group and name
    #[rpc(nonblocking)]
    pub fn get_all_process_info(&self) -> Result<Vec<Value>, Fault> {
        self.check_up()?;
        let now = SystemTime::now();
        // Each is freed before the next one's struct is made, which takes that memory.
        Ok(self.supervisor.by_name().into_iter().map(|info| structs::process(&info, now)).collect())
    }

    /// Tell what the config says of all processes, whether their groups are active or not.
    ///
    /// # Returns
    /// a struct for each, by name
    #[rpc(nonblocking)]
    pub fn get_all_config_info(&self) -> Result<Vec<Value>, Fault> {
        self.check_up()?;
        let mut all = self.supervisor.process_configs();
        all.sort_by(|a, b| a.process.name.cmp(&b.process.name));
        Ok(all.iter().map(process_config).collect())
    }

    /// Read a part of the stdout log of a process.
    ///
    /// # Returns
    /// what stands there
    #[rpc(alias = "readProcessLog")]
    pub fn read_process_stdout_log(
        &self,
        /// `name` or `group:name`
        name: String,
        /// first byte; negative counts from the end, and then length is 0
        offset: ByteCount,
        /// number of bytes; 0 is to the end
        length: ByteCount,
    ) -> Result<String, Fault> {
        self.read(self.log_of(&name, Channel::Stdout)?, offset.0, length.0)
    }

    /// Read a part of the stderr log of a process.
    ///
    /// # Returns
    /// what stands there
    pub fn read_process_stderr_log(
        &self,
        /// `name` or `group:name`
        name: String,
        /// first byte; negative counts from the end, and then length is 0
        offset: ByteCount,
        /// number of bytes; 0 is to the end
        length: ByteCount,
    ) -> Result<String, Fault> {
        self.read(self.log_of(&name, Channel::Stderr)?, offset.0, length.0)
    }

    /// Follow the stdout log of a process: whoever asks with the size of the last answer gets what has come since, and
    /// hears when that is more than fits.
    ///
    /// # Returns
    /// the text, the size of the log, and whether some was left out
    #[rpc(alias = "tailProcessLog")]
    pub fn tail_process_stdout_log(
        &self,
        /// `name` or `group:name`
        name: String,
        /// the size of the log at the last answer
        offset: ByteCount,
        /// the most bytes to give
        length: ByteCount,
    ) -> Result<(String, i64, bool), Fault> {
        self.tail(self.log_of(&name, Channel::Stdout)?, offset.0, length.0)
    }

    /// Follow the stderr log of a process, as `tailProcessStdoutLog` does with stdout.
    ///
    /// # Returns
    /// the text, the size of the log, and whether some was left out
    pub fn tail_process_stderr_log(
        &self,
        /// `name` or `group:name`
        name: String,
        /// the size of the log at the last answer
        offset: ByteCount,
        /// the most bytes to give
        length: ByteCount,
    ) -> Result<(String, i64, bool), Fault> {
        self.tail(self.log_of(&name, Channel::Stderr)?, offset.0, length.0)
    }

    /// Empty the logs of a process.
    ///
    /// # Returns
    /// always true
    #[rpc(alias = "clearProcessLog")]
    pub fn clear_process_logs(
        &self,
        /// `name` or `group:name`
        name: String,
    ) -> Result<bool, Fault> {
        let info = self.find_one(&name)?;
        self.clear(&info, &name)?;
        Ok(true)
    }

    /// Empty the logs of all processes.
    ///
    /// # Returns
    /// for each a struct with the members name, group, status and description
    pub fn clear_all_process_logs(&self) -> Result<Vec<Value>, Fault> {
        self.check_up()?;
        let clear = |info: &ProcessInfo| self.clear(info, &make_namespec(&info.group, &info.name));
        Ok(self.supervisor.by_priority().iter().map(|info| structs::result(info, &clear(info))).collect())
    }

    /// Write to the stdin of a process.
    ///
    /// # Returns
    /// always true; what the process does not read at once is sent when it does
    pub fn send_process_stdin(
        &self,
        /// `name` or `group:name`
        name: String,
        /// what to write, as UTF-8; base64 as it is
        #[rpc(kind = "string")]
        chars: Value,
    ) -> Result<bool, Fault> {
        self.check_up()?;
        let data = match &chars {
            Value::Base64(data) => data.as_slice(),
            other => match other.as_str() {
                Some(text) => text.as_bytes(),
                None => return Err(Fault::of(Code::IncorrectParameters, text::value::str(other))),
            },
        };
        let info = self.find_one(&name)?;
        match self.supervisor.write_stdin(info.id, data) {
            Some(Ok(())) => Ok(true),
            Some(Err(StdinError::Closed)) => Err(Fault::no_file_with(name)),
            Some(Err(StdinError::Full)) => Err(Fault::failed_with(format_args!("{name} does not read its stdin"))),
            None => Err(Fault::not_running_with(name)),
        }
    }

    /// Send an event of the type `REMOTE_COMMUNICATION` to whoever listens. Works also while supervisord is stopping.
    ///
    /// # Returns
    /// always true
    #[rpc(nonblocking)]
    pub fn send_remote_comm_event(
        &self,
        /// the type, for the listener to tell events apart
        #[rpc(kind = "string")]
        r#type: Value,
        /// what it is about
        #[rpc(kind = "string")]
        data: Value,
    ) -> bool {
        let [kind, data] = [r#type, data].map(|value| text::value::str(&value));
        self.supervisor.bus().publish(Event::RemoteCommunication { kind, data });
        true
    }
}
