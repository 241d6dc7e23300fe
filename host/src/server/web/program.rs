//! Programs as the page's script reads them.

use std::time::SystemTime;

use serde::Serialize;

use crate::{
    states::ProcessState,
    supervisor::{Asked, ProcessDetails, unix_seconds},
    text::namespec::make_namespec,
};

/// A process, but for what changes all the time: its uptime, which the page counts, and what it uses.
#[derive(Serialize)]
struct Program<'a> {
    namespec: &'a str,
    name: &'a str,
    group: &'a str,
    state: &'static str,
    /// Words of `supervisorctl status`; empty where the page counts the uptime itself.
    description: String,
    /// Further words, beside the uptime.
    remarks: &'a [String],
    /// Set where there is something to stop: a process, or a start that is to come.
    stoppable: bool,
    /// Set where it waits for others before it starts.
    waits: bool,
    /// Pid, 0 where it does not run.
    pid: i32,
    /// Seconds since 1970, 0 for never.
    start: i32,
    stop: i32,
    restarts: u64,
    ready: &'static str,
    health: &'static str,
    spawnerr: &'a str,
    command: &'a str,
    stdout_logfile: &'a str,
    stderr_logfile: &'a str,
}

/// Namespec of a process.
pub(super) fn namespec(details: &ProcessDetails) -> String {
    make_namespec(&details.info.group, &details.info.name)
}

/// Write a process as JSON.
pub(super) fn to_json(namespec: &str, details: &ProcessDetails, now: SystemTime) -> String {
    let ProcessDetails { info, config, .. } = details;
    let is_running = info.state == ProcessState::Running;
    let program = Program {
        namespec,
        name: &info.name,
        group: &info.group,
        state: info.state.name(),
        description: if is_running { String::new() } else { info.description(now) },
        remarks: if is_running { &info.remarks } else { &[] },
        stoppable: info.is_stoppable(),
        waits: info.waits_for.is_some(),
        pid: info.pid,
        start: unix_seconds(info.started),
        stop: unix_seconds(info.stopped),
        restarts: details.restarts,
        ready: answer(details.ready, ["not yet", "yes"]),
        health: answer(details.health, ["failed", "ok"]),
        spawnerr: info.spawnerr.as_deref().unwrap_or_default(),
        command: &config.command,
        stdout_logfile: info.stdout_logfile.as_deref().unwrap_or_default(),
        stderr_logfile: info.stderr_logfile.as_deref().unwrap_or_default(),
    };
    // Texts, numbers and lists of these become JSON without fail.
    serde_json::to_string(&program).unwrap_or_default()
}

fn answer(asked: Asked, [no, yes]: [&'static str; 2]) -> &'static str {
    match asked {
        Asked::NotAsked => "",
        Asked::No => no,
        Asked::Yes => yes,
    }
}
