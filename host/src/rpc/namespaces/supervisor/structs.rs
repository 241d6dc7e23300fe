//! Processes and their configs as the structs that clients know.

use std::time::{SystemTime, UNIX_EPOCH};

use chrono::{Local, TimeZone as _};
use plugin_api::{Code, Fault, Value};

use crate::{
    config::{self, Logfile},
    states::ProcessState,
    supervisor::{ProcessConfig, ProcessInfo},
    xmlrpc::readable,
};

/// Make text readable for a client, whatever a program, a path or an error has put into it. Names are no such text:
/// they have to come back as they are.
fn text(text: &str) -> Value {
    readable(text).as_ref().into()
}

/// Seconds from 1970 to a time, as an integer of 32 bits; 0 without one.
fn seconds(time: Option<SystemTime>) -> i32 {
    let since = time.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    since.map_or(0, |since| i32::try_from(since.as_secs()).unwrap_or(i32::MAX))
}

/// Make a struct of a process: what `getProcessInfo` answers.
pub(super) fn process(info: &ProcessInfo, wall_clock: SystemTime) -> Value {
    let (start, stop, now) = (seconds(info.started), seconds(info.stopped), seconds(Some(wall_clock)));
    let stdout = info.stdout_logfile.as_deref().unwrap_or_default();
    Value::structure([
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
        ("description", text(&full_description(info, [start, stop, now], wall_clock))),
    ])
}

/// Describe the state of a process in words, as `supervisorctl status` shows it.
fn description(info: &ProcessInfo, start: i32, stop: i32, now: i32) -> String {
    if let Some(dependencies) = &info.waits_for {
        return format!("waiting for {dependencies}");
    }
    match info.state {
        ProcessState::Running => format!("pid {}, uptime {}", info.pid, uptime(now.saturating_sub(start).max(0))),
        ProcessState::Fatal | ProcessState::Backoff => {
            info.spawnerr.clone().unwrap_or_else(|| format!("unknown error (try \"tail {}\")", info.name))
        }
        ProcessState::Stopped | ProcessState::Exited if start == 0 => "Not started".to_owned(),
        ProcessState::Stopped | ProcessState::Exited => Local
            .timestamp_opt(stop.into(), 0)
            .earliest()
            .map_or_else(String::new, |time| time.format("%b %d %I:%M %p").to_string()),
        ProcessState::Starting | ProcessState::Stopping | ProcessState::Unknown => String::new(),
    }
}

/// Describe the state of a process, with what options have added to that.
fn full_description(info: &ProcessInfo, [start, stop, now]: [i32; 3], wall_clock: SystemTime) -> String {
    let description = description(info, start, stop, now) + &restart(info.restarts, wall_clock);
    if info.remarks.is_empty() {
        return description;
    }
    let parts = [description].into_iter().filter(|part| !part.is_empty()).chain(info.remarks.iter().cloned());
    parts.collect::<Vec<_>>().join("; ")
}

/// Say in how many seconds a process starts again that waits for that as `restart_delay` says; nothing of others.
fn restart(due: Option<SystemTime>, now: SystemTime) -> String {
    due.map_or_else(String::new, |due| {
        let left = due.duration_since(now).unwrap_or_default();
        format!("; restarts in {} s", left.as_secs() + u64::from(left.subsec_nanos() > 0))
    })
}

/// Print a time as Python prints a timedelta: `0:00:09`, `1 day, 0:00:00`.
fn uptime(seconds: i32) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let clock = format!("{}:{:02}:{:02}", rest / 3_600, rest / 60 % 60, rest % 60);
    match days {
        0 => clock,
        1 => format!("1 day, {clock}"),
        days => format!("{days} days, {clock}"),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_until_a_restart_are_counted_to_the_end() {
        let now = SystemTime::now();
        let at = |millis| Some(now + std::time::Duration::from_millis(millis));
        for (due, text) in [
            (None, ""),
            (at(3_000), "; restarts in 3 s"),
            (at(2_001), "; restarts in 3 s"),
            (at(0), "; restarts in 0 s"),
            (Some(UNIX_EPOCH), "; restarts in 0 s"),
        ] {
            assert_eq!(restart(due, now), text);
        }
    }

    #[test]
    fn uptimes_are_printed_as_python_prints_them() {
        for (seconds, text) in
            [(9, "0:00:09"), (36_061, "10:01:01"), (86_400, "1 day, 0:00:00"), (2 * 86_400 + 59, "2 days, 0:00:59")]
        {
            assert_eq!(uptime(seconds), text);
        }
    }
}
