//! Shutdown: stops groups one priority after the other, event listeners once they have got what happened before.

use std::time::Duration;

use super::{groups::Groups, main_loop::MainLoop, status::ProcessId};
use crate::{
    config::Level,
    events::Event,
    process::state::{Input, Time},
};

/// Time that event listeners have for what happened before their own end. Supervisor, whose loop turns once a second,
/// mostly lets them.
const LISTENERS_TIMEOUT: Duration = Duration::from_secs(1);
/// Time that commands of probes have to be gone once they were killed.
const PROBES_TIMEOUT: Duration = Duration::from_secs(1);
/// Interval of looks at whether they are done.
const LOOK_INTERVAL: Duration = Duration::from_millis(10);
/// Interval of the lines that name those who are still there.
const REPORT_INTERVAL: Duration = Duration::from_secs(3);

/// Progress of a shutdown.
#[derive(Debug, Default)]
pub(super) struct Shutdown {
    /// Time of the next line in the log, once the shutdown has begun.
    pub(super) next_report: Option<Time>,
    /// End of the time that event listeners have.
    listeners_deadline: Option<Time>,
    /// End of the time that commands of probes have to be gone.
    probes_deadline: Option<Time>,
    /// Time of the next look at all these.
    pub(super) next_look: Option<Time>,
}

impl MainLoop {
    /// Take the next step down: stop the groups of the highest priority number that still have something to stop.
    /// Return whether nothing is left.
    pub(super) fn shut_down(&mut self, shutdown: &mut Shutdown) -> bool {
        if shutdown.next_report.is_none() {
            self.shared.output.bus().publish(Event::SupervisorStopping);
            self.end_waits();
        }
        loop {
            let last = self.shared.groups.lock().last_unstopped();
            let Some(last) = last else {
                // What programs have left behind goes before us.
                let are_gone = self.descendants.are_gone() & self.are_probes_gone(shutdown);
                shutdown.next_look = (!are_gone).then(|| self.now() + LOOK_INTERVAL);
                return are_gone;
            };
            for id in self.to_stop_now(last.clone(), shutdown) {
                self.step(id, Input::Shutdown);
            }
            // Where nothing ran, as in BACKOFF, the next lower groups follow at once.
            let groups = self.shared.groups.lock();
            if last.iter().all(|id| groups.is_stopped(*id)) {
                continue;
            }
            let now = self.now();
            if shutdown.next_report.is_none_or(|due| due <= now) {
                self.report_unstopped(&groups);
                shutdown.next_report = Some(now + REPORT_INTERVAL);
            }
            return false;
        }
    }

    /// End the commands of probes: they are our children, and go before us. Return whether none is left, or has had its
    /// time.
    fn are_probes_gone(&self, shutdown: &mut Shutdown) -> bool {
        if self.shared.groups.lock().probe_children.is_empty() {
            return true;
        }
        self.kill_probes();
        let now = self.now();
        *shutdown.probes_deadline.get_or_insert(now + PROBES_TIMEOUT) <= now
    }

    /// Choose of processes that a shutdown stops together those that it stops now: listeners once the others are
    /// stopped and their pools are not behind, or have had their time.
    fn to_stop_now(&self, mut together: Vec<ProcessId>, shutdown: &mut Shutdown) -> Vec<ProcessId> {
        shutdown.next_look = None;
        let now = self.now();
        if shutdown.listeners_deadline.is_some_and(|until| until <= now) {
            return together;
        }
        let (pools, all_listen) = {
            let groups = self.shared.groups.lock();
            let processes = together.iter().filter_map(|id| groups.processes.get(id));
            let listeners = processes.filter(|process| process.is_listener);
            let mut pools: Vec<_> = listeners.map(|process| process.group.clone()).collect();
            let all_listen = pools.len() == together.len();
            pools.dedup();
            (pools, all_listen)
        };
        if !all_listen {
            let groups = self.shared.groups.lock();
            together.retain(|id| groups.processes.get(id).is_some_and(|process| !process.is_listener));
        } else if pools.iter().any(|pool| self.shared.output.is_pool_behind(pool)) {
            shutdown.listeners_deadline.get_or_insert(now + LISTENERS_TIMEOUT);
            shutdown.next_look = Some(now + LOOK_INTERVAL);
            together.clear();
        }
        together
    }

    /// Log who is still there.
    fn report_unstopped(&self, groups: &Groups) {
        let logger = &self.shared.logger;
        let unstopped: Vec<_> = groups
            .in_order
            .iter()
            .flat_map(|group| &group.processes)
            .map(|id| &groups.processes[id])
            .filter(|process| !process.machine.state().is_stopped())
            .collect();
        let names: Vec<_> = unstopped.iter().map(|process| process.config.name.as_str()).collect();
        logger.info(format_args!("waiting for {} to die", names.join(", ")));
        if logger.logs(Level::Blather) {
            for process in unstopped {
                let state = process.machine.state().name();
                logger.blather(format_args!("{} state: {state}", process.config.name));
            }
        }
    }
}
