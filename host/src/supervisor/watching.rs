//! Watch over what the options of a process ask for: tasks that begin and end with its states.

use std::{os::fd::AsFd as _, time::Duration};

use super::{
    probe_tasks::{ProbeTasks, Target},
    process::Process,
    status::ProcessId,
};
use crate::config::Ready;

/// Time that one attempt to find a program ready may take.
const READY_TIMEOUT: Duration = Duration::from_secs(5);

/// Begin and end what the state of the process asks for. To be called whenever that may have changed.
pub(super) fn watch(tasks: &ProbeTasks, id: ProcessId, process: &mut Process) {
    let (config, machine) = (&process.config, &process.machine);
    let target = Target { id, run: process.run, pid: machine.pid() };
    if let Some(ready) = &config.ready {
        let awaits_ready = machine.awaits_ready(config);
        let listens = awaits_ready || *ready == Ready::Notify && target.pid != 0;
        if let Some((channel, task @ None)) = &mut process.ready_channel
            && listens
        {
            *task = tasks.listen(target, &config.name, ready, channel.as_fd());
        }
        match ready {
            Ready::Probe(probe) if awaits_ready => {
                if process.probe.is_none() {
                    process.probe = tasks.until_ready(target, probe, &process.launch, READY_TIMEOUT);
                }
            }
            _ => process.probe = None,
        }
    }
    match &config.health {
        Some(probe) if machine.wants_probes(config) => {
            if process.health.is_none() {
                let times = (config.health_interval, config.health_timeout);
                process.health = tasks.health(target, probe, &process.launch, times);
            }
        }
        _ => process.health = None,
    }
}
