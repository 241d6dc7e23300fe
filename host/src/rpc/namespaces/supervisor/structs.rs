//! Processes and their configs as the structs that clients know.

use std::time::SystemTime;

use plugin_api::{Code, Fault, Value};

use crate::{
    config::{self, Logfile},
    supervisor::{ProcessConfig, ProcessInfo, unix_seconds},
    xmlrpc::readable,
};

/// Make text readable for a client, whatever a program, a path or an error has put into it. Names are no such text:
/// they have to come back as they are.
fn text(text: &str) -> Value {
    readable(text).as_ref().into()
}

/// Make a struct of a process: what `getProcessInfo` answers.
pub(super) fn process(info: &ProcessInfo, wall_clock: SystemTime) -> Value {
    Value::structure(process_members(info, wall_clock))
}

/// Make the members of the struct of a process.
pub(crate) fn process_members(info: &ProcessInfo, wall_clock: SystemTime) -> [(&'static str, Value); 14] {
    let [start, stop, now] = [info.started, info.stopped, Some(wall_clock)].map(unix_seconds);
    let stdout = info.stdout_logfile.as_deref().unwrap_or_default();
    [
        ("name", info.name.as_str().into()),
        ("group", info.group.as_str().into()),
        ("start", start.into()),
        ("stop", stop.into()),
        ("now", now.into()),
        ("state", info.state.code().into()),
        ("statename", info.state.name().into()),
        ("spawnerr", text(info.spawnerr.as_deref().unwrap_or_default())),
        ("exitstatus", info.exitstatus.unwrap_or(0).into()),
        ("logfile", text(stdout)),
        ("stdout_logfile", text(stdout)),
        ("stderr_logfile", text(info.stderr_logfile.as_deref().unwrap_or_default())),
        ("pid", info.pid.into()),
        ("description", text(&info.description(wall_clock))),
    ]
}

/// Make a struct of the config of a process: one entry of what `getAllConfigInfo` answers.
pub(crate) fn process_config(entry: &ProcessConfig) -> Value {
    let ProcessConfig { group, process, inuse, auto_logfiles } = entry;
    let none = || Value::from("none");
    let integer = |number: u64| i64::try_from(number).unwrap_or(i64::MAX).into();
    let logfile = |output: &config::OutputOptions, auto: &Option<std::path::PathBuf>| match (&output.logfile, auto) {
        (Logfile::None, _) => none(),
        (Logfile::Auto, None) => "auto".into(),
        (Logfile::Auto, Some(path)) | (Logfile::Path(path), _) => text(&path.display().to_string()),
        (Logfile::Syslog, _) => "syslog".into(),
    };
    let (stdout, stderr) = (&process.stdout, &process.stderr);
    Value::structure([
        ("autostart", process.autostart.into()),
        ("directory", process.directory.as_ref().map_or_else(none, |path| text(&path.display().to_string()))),
        ("uid", process.user.as_ref().map_or_else(none, |user| i64::from(user.uid).into())),
        ("command", text(&process.command)),
        ("exitcodes", Value::array(process.exitcodes.iter().map(|&code| code.into()))),
        ("group", group.name.as_str().into()),
        ("group_prio", group.priority.into()),
        ("inuse", (*inuse).into()),
        ("killasgroup", process.killasgroup.into()),
        ("name", process.name.as_str().into()),
        ("process_prio", process.priority.into()),
        ("redirect_stderr", process.redirect_stderr.into()),
        ("startretries", startretries(process.startretries).into()),
        ("startsecs", process.startsecs.into()),
        ("stdout_capture_maxbytes", integer(stdout.capture_maxbytes)),
        ("stdout_events_enabled", stdout.events_enabled.into()),
        ("stdout_logfile", logfile(stdout, &auto_logfiles[0])),
        ("stdout_logfile_backups", i64::from(stdout.backups).into()),
        ("stdout_logfile_maxbytes", integer(stdout.maxbytes)),
        ("stdout_syslog", stdout.syslog.into()),
        ("stopsignal", process.stopsignal.into()),
        ("stopwaitsecs", process.stopwaitsecs.into()),
        ("stderr_capture_maxbytes", integer(stderr.capture_maxbytes)),
        ("stderr_events_enabled", stderr.events_enabled.into()),
        ("stderr_logfile", logfile(stderr, &auto_logfiles[1])),
        ("stderr_logfile_backups", i64::from(stderr.backups).into()),
        ("stderr_logfile_maxbytes", integer(stderr.maxbytes)),
        ("stderr_syslog", stderr.syslog.into()),
        ("serverurl", process.serverurl.as_deref().map_or_else(none, text)),
    ])
}

/// Number of tries as clients take it: for ever is the largest.
fn startretries(count: i64) -> i64 {
    if count == config::INFINITE { i32::MAX.into() } else { count }
}

/// Make a struct of what became of a process: one entry of what the methods for several processes answer.
pub(super) fn result(info: &ProcessInfo, result: &Result<(), Fault>) -> Value {
    process_result(&info.name, &info.group, result)
}

/// Make such a struct of a process by its name.
pub(crate) fn process_result(name: &str, group: &str, result: &Result<(), Fault>) -> Value {
    let (status, description) = match result {
        Ok(()) => (Code::Success as i32, "OK"),
        Err(fault) => (fault.code, fault.text.as_str()),
    };
    Value::structure([
        ("name", name.into()),
        ("group", group.into()),
        ("status", status.into()),
        ("description", text(description)),
    ])
}
