//! State that the main thread shares with the others.

use std::{
    ffi::OsString,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicI32, AtomicU32, Ordering},
    },
};

use parking_lot::Mutex;

use super::{
    extensions::Extensions,
    groups::Groups,
    requests::Requests,
    start_conditions::{StartPoint, may_start},
    status::{ProcessId, Refused},
    turns::Turns,
};
use crate::{
    config::{Config, Group, GroupKind, Overrides},
    events::Event,
    logger::Logger,
    process::output::OutputHandle,
    states::SupervisorState,
};

/// State of one supervisor. All else is the main loop's own.
///
/// Locks, in the order in which they are taken: `groups`, then `config`; the state of the lookups, then the queue of
/// requests, and neither with those. What logs, publishes or asks the output threads for something takes locks that come
/// last: the bus's, then that of each queue of events, and those of the output threads. The extensions hold theirs alone.
pub(super) struct Shared {
    /// Config as it was read last; groups that are active may still have an older one.
    pub(super) config: Mutex<Arc<Config>>,
    /// Options of the command line, which win over the config file, also when that is read again.
    pub(super) overrides: Overrides,
    /// Directory in which supervisord was started, to which paths of the config are relative, also when it is read
    /// again.
    pub(super) started_in: PathBuf,
    /// Number of signals that asked for a restart which is still being checked.
    pub(super) restarts_asked: AtomicU32,
    /// Activity log.
    pub(super) logger: Logger,
    /// Handle on the output threads.
    pub(super) output: OutputHandle,
    /// Additions of plugins.
    pub(super) extensions: Arc<Extensions>,
    /// Number of the [`SupervisorState`].
    pub(super) state: AtomicI32,
    /// Pid of supervisord.
    pub(super) pid: u32,
    /// Variables that programs inherit.
    pub(super) environment: Vec<(OsString, OsString)>,
    /// Active groups.
    pub(super) groups: Mutex<Groups>,
    /// Turns of the main thread's loop.
    pub(super) turns: Turns,
    /// Requests to the main thread.
    pub(super) requests: Arc<Requests>,
}

impl Shared {
    /// Return the state of the supervisor.
    pub(super) fn state(&self) -> SupervisorState {
        SupervisorState::from_number(self.state.load(Ordering::Acquire)).unwrap_or(SupervisorState::Fatal)
    }

    /// Return whether it is about to end.
    pub(super) fn is_stopping(&self) -> bool {
        matches!(self.state(), SupervisorState::Shutdown | SupervisorState::Restarting)
    }

    /// Change the state, and wake the main thread.
    pub(super) fn set_state(&self, state: SupervisorState) {
        self.state.store(state as i32, Ordering::Release);
        self.requests.wake();
    }

    /// Return the config as it was read last.
    pub(super) fn config(&self) -> Arc<Config> {
        Arc::clone(&self.config.lock())
    }

    /// Check whether a process may start now, at that point.
    pub(super) fn may_start(&self, id: ProcessId, point: StartPoint<'_>) -> Result<(), Refused> {
        may_start(point, self.is_stopping(), self.groups.lock().processes.get(&id))
    }

    /// Publish that a group has become active; if it is one of event listeners, its pool gets every event from now on.
    /// To be called under the lock of the groups: before one of its processes starts, or the group is removed again.
    pub(super) fn announce_group(&self, group: &Group) {
        if let GroupKind::EventListener(pool) = &group.kind {
            let processes = group.processes.iter().map(|process| process.name.as_str());
            let handler = Extensions::handler(&self.extensions, &pool.result_handler);
            self.output.add_pool(&group.name, pool, processes, handler);
        }
        self.output.bus().publish(Event::ProcessGroupAdded { group: group.name.clone() });
    }
}
