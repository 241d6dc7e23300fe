//! The namespace `logs`: log files that are rotated, or opened anew, on request.
//!
//! A namespace of its own, as `plugins` is: clients of Supervisor find `supervisor.*` as they know it. A config that has
//! an extension of this name keeps it, and goes without this.

use std::{
    collections::HashSet,
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use plugin_api::{Fault, Value, abi::NamespaceObject, namespace, rpc_interface};

use super::supervisor::process_result;
use crate::{
    process::output::{OutputHandle, OutputTarget, PendingAnswer},
    supervisor::{Found, ProcessInfo, Supervisor, make_namespec},
};

/// Name of the namespace.
pub(crate) const NAME: &str = "logs";

/// Name under which the activity log stands among those of processes.
const ACTIVITY: &str = "supervisord";

/// Time that a call waits for disks that do not answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The namespace `logs`.
pub(crate) struct Logs(Supervisor);

impl Logs {
    /// Make the object.
    pub(crate) fn namespace(supervisor: Supervisor) -> NamespaceObject {
        namespace(Arc::new(Self(supervisor)))
    }
}

#[rpc_interface(refuse_in_shutdown)]
impl Logs {
    /// Rotate log files, as if they were full: what was written before this call stands in the first of the old files.
    /// A log that is empty, or no file that is rotated, stays as it is; so does one that keeps no old files, which has
    /// FAILED. Without a name it is done to all logs, the activity log among them.
    ///
    /// # Returns
    /// always true; for a group, or without a name, for each a struct with the members name, group, status and
    /// description; the activity log is `supervisord`
    #[rpc(returns = "boolean")]
    pub fn rotate(
        &self,
        /// `name`, `group:name` or `group:*`
        name: Option<String>,
    ) -> Result<Value, Fault> {
        self.act(name.as_deref(), OutputHandle::rotate_logs, OutputHandle::rotate_activity)
    }

    /// Open log files anew, after somebody has moved them away. Without a name it is done to all logs, the activity log
    /// among them, as SIGUSR2 does.
    ///
    /// # Returns
    /// always true; for a group, or without a name, for each a struct with the members name, group, status and
    /// description; the activity log is `supervisord`
    #[rpc(returns = "boolean")]
    pub fn reopen(
        &self,
        /// `name`, `group:name` or `group:*`
        name: Option<String>,
    ) -> Result<Value, Fault> {
        let reopen = |output: &OutputHandle, targets: Vec<OutputTarget>| {
            output.reopen_logs(targets.into_iter().filter_map(|target| target.path).collect())
        };
        self.act(name.as_deref(), reopen, OutputHandle::reopen_activity)
    }
}

impl Logs {
    fn act(
        &self,
        name: Option<&str>,
        of_outputs: impl Fn(&OutputHandle, Vec<OutputTarget>) -> PendingAnswer,
        of_activity: impl Fn(&OutputHandle) -> PendingAnswer,
    ) -> Result<Value, Fault> {
        let (supervisor, until) = (&self.0, Instant::now() + TIMEOUT);
        let (processes, is_one) = match name {
            None => (supervisor.by_priority(), false),
            Some(name) => match supervisor.find(name) {
                Some(Found::Process(id)) => (supervisor.info(id).into_iter().collect(), true),
                Some(Found::Group(group)) => (supervisor.of_group(&group).unwrap_or_default(), false),
                None => return Err(Fault::bad_name_with(name)),
            },
        };
        let output = supervisor.output();
        let has_activity = name.is_none() && supervisor.config().supervisord.logfile.path().is_some();
        let activity = has_activity.then(|| of_activity(output));
        // All have begun before the first is waited for, and a log that several share is done once.
        let mut paths = HashSet::new();
        let mut begin = |info: ProcessInfo| {
            let mut targets = supervisor.log_files(info.id);
            let has_logs = !targets.is_empty();
            targets.retain(|target| paths.insert(target.path.clone()));
            (info, has_logs.then(|| of_outputs(output, targets)))
        };
        let pending: Vec<_> = processes.into_iter().map(&mut begin).collect();
        let mut results: Vec<(ProcessInfo, Result<(), Fault>)> = Vec::with_capacity(pending.len());
        for (info, answer) in pending {
            let name = make_namespec(&info.group, &info.name);
            match answer {
                Some(answer) => results.push((info, done(&name, answer.wait(until)))),
                None if is_one => return Err(Fault::no_file_with(name)),
                // Of several, those without a log are not meant.
                None => {}
            }
        }
        if is_one {
            let (_, result) = results.pop().ok_or_else(|| Fault::bad_name_with(name.unwrap_or_default()))?;
            return result.map(|()| true.into());
        }
        let of_processes = results.iter().map(|(info, result)| process_result(&info.name, &info.group, result));
        let of_activity =
            activity.map(|answer| process_result(ACTIVITY, ACTIVITY, &done(ACTIVITY, answer.wait(until))));
        Ok(Value::array(of_processes.chain(of_activity)))
    }
}

fn done(name: &str, result: io::Result<()>) -> Result<(), Fault> {
    result.map_err(|error| Fault::failed_with(format_args!("{name}: {error}")))
}
