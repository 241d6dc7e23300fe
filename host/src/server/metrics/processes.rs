//! Metrics of processes and of pools of event listeners.

use std::time::UNIX_EPOCH;

use super::exposition::{Exposition, Kind, Labels};
use crate::{
    config::Logfile,
    process::exits::ExitKind,
    server::resource_usage::{Reading, ResourceUsage},
    states::ProcessState,
    supervisor::{Asked, ProcessDetails},
};

/// Write the metrics of these processes.
pub(super) fn write(text: &mut Exposition, all: &[ProcessDetails], resources: &Reading) {
    let label = |it: &ProcessDetails| Labels::of([("name", it.info.name.as_str()), ("group", it.info.group.as_str())]);
    let labels: Vec<_> = all.iter().map(label).collect();
    let labelled = || all.iter().zip(&labels);
    of_node_exporter(text, all, &labels);

    let name = "supervisor_process_restarts";
    let mut restarts = text.own(name, Kind::Counter, "Starts of the process after the first one.");
    labelled().for_each(|(it, labels)| restarts.add(labels, it.restarts));

    let name = "supervisor_process_exits";
    let help = "Ends of the process: expected, unexpected, by a signal, or because it was asked to stop.";
    let mut exits = text.own(name, Kind::Counter, help);
    let kinds = ExitKind::ALL.map(|kind| (kind, Labels::of([("kind", kind.name())])));
    for (it, labels) in labelled() {
        for (kind, more) in &kinds {
            exits.add_with(labels, more, it.exits.count(*kind));
        }
    }

    let asked = |answer: Asked| (answer != Asked::NotAsked).then_some(answer == Asked::Yes);
    let name = "supervisor_process_ready";
    let mut ready = text.own(name, Kind::Gauge, "1 if the process is ready, as its option ready= asks.");
    labelled().for_each(|(it, labels)| asked(it.ready).into_iter().for_each(|is_so| ready.add(labels, is_so)));

    let name = "supervisor_process_healthy";
    let mut healthy = text.own(name, Kind::Gauge, "1 if the process is well, as its option health= asks.");
    labelled().for_each(|(it, labels)| asked(it.health).into_iter().for_each(|is_so| healthy.add(labels, is_so)));

    let used = || {
        let usage = |it: &ProcessDetails| resources.get(it.info.pid).copied().filter(|_| it.info.pid != 0);
        labelled().filter_map(move |(it, labels)| Some((usage(it)?, labels)))
    };
    write_resources(text, "supervisor_process", "the process", used);

    let streams = ["stdout", "stderr"].map(|stream| Labels::of([("stream", stream)]));
    let of_logs = |it: &ProcessDetails| {
        let has_log = [&it.config.stdout, &it.config.stderr].map(|output| output.logfile != Logfile::None);
        streams.iter().zip(it.log_bytes).zip(has_log).filter_map(|(log, has_log)| has_log.then_some(log))
    };
    let name = "supervisor_process_log_bytes";
    let mut written = text.own(name, Kind::Counter, "Bytes that were written to the log of the process.");
    for (it, labels) in labelled() {
        of_logs(it).for_each(|(more, bytes)| written.add_with(labels, more, bytes.written));
    }
    let name = "supervisor_process_log_lost_bytes";
    let help = "Bytes of output of the process that its log could not take, or not fast enough.";
    let mut lost = text.own(name, Kind::Counter, help);
    for (it, labels) in labelled() {
        of_logs(it).for_each(|(more, bytes)| lost.add_with(labels, more, bytes.lost));
    }
}

/// Write what `node_exporter`'s collector of supervisord tells, under its names.
fn of_node_exporter(text: &mut Exposition, all: &[ProcessDetails], labels: &[Labels]) {
    let labelled = || all.iter().zip(labels);
    let is_up = |state| matches!(state, ProcessState::Starting | ProcessState::Running | ProcessState::Stopping);
    let mut up = text.own("node_supervisord_up", Kind::Gauge, "1 if the process is STARTING, RUNNING or STOPPING.");
    labelled().for_each(|(it, labels)| up.add(labels, is_up(it.info.state)));
    let help = "State of the process by Supervisor's number: 20 is RUNNING.";
    let mut state = text.own("node_supervisord_state", Kind::Gauge, help);
    labelled().for_each(|(it, labels)| state.add(labels, it.info.state.code()));
    let help = "Exit status of the last run: -1 if a signal ended it, 0 while it runs.";
    let mut exit_status = text.own("node_supervisord_exit_status", Kind::Gauge, help);
    labelled().for_each(|(it, labels)| exit_status.add(labels, it.info.exitstatus.unwrap_or(0)));
    let help = "Time of the last start, in seconds since 1970.";
    let mut start_time = text.own("node_supervisord_start_time_seconds", Kind::Gauge, help);
    for (it, labels) in labelled().filter(|(it, _)| is_up(it.info.state)) {
        let since = it.info.started.and_then(|started| started.duration_since(UNIX_EPOCH).ok());
        if let Some(since) = since {
            start_time.add(labels, since);
        }
    }
}

/// Write the resources of `whom` under names that begin so.
pub(super) fn write_resources<'a, I: Iterator<Item = (ResourceUsage, &'a Labels)>>(
    text: &mut Exposition,
    prefix: &str,
    whom: &str,
    used: impl Fn() -> I,
) {
    let help = format!("CPU time of {whom} since it began, user and system.");
    let mut cpu = text.own(&format!("{prefix}_cpu_seconds"), Kind::Counter, &help);
    used().for_each(|(usage, labels)| usage.cpu.into_iter().for_each(|time| cpu.add(labels, time)));
    let help = format!("Resident memory of {whom}.");
    let mut memory = text.own(&format!("{prefix}_resident_memory_bytes"), Kind::Gauge, &help);
    used().for_each(|(usage, labels)| usage.resident_bytes.into_iter().for_each(|bytes| memory.add(labels, bytes)));
    let help = format!("Open files of {whom}.");
    let mut files = text.own(&format!("{prefix}_open_fds"), Kind::Gauge, &help);
    used().for_each(|(usage, labels)| usage.open_files.into_iter().for_each(|count| files.add(labels, count)));
}

/// Write the metrics of pools of event listeners: name, events that wait, and events that were discarded.
pub(super) fn write_pools(text: &mut Exposition, pools: &[(String, usize, u64)]) {
    let labels: Vec<_> = pools.iter().map(|(name, ..)| Labels::of([("group", name.as_str())])).collect();
    let name = "supervisor_eventlistener_events_queued";
    let help = "Events that wait in the pool of event listeners, or for the answer of one.";
    let mut queued = text.own(name, Kind::Gauge, help);
    pools.iter().zip(&labels).for_each(|((_, count, _), labels)| queued.add(labels, *count));
    let name = "supervisor_eventlistener_events_dropped";
    let help = "Events that the pool of event listeners has discarded because its buffer was full.";
    let mut dropped = text.own(name, Kind::Counter, help);
    pools.iter().zip(&labels).for_each(|((.., count), labels)| dropped.add(labels, *count));
}
