//! Conditions of a start, all of them.

use super::{
    lookup::{LookupError, LookupResult},
    process::Process,
    status::Refused,
};
use crate::states::ProcessState;

/// Point on the way to a start at which its conditions are checked.
#[derive(Clone, Copy)]
pub(super) enum StartPoint<'a> {
    /// Request of a client. The command is looked for first, whatever the state of the process, as Supervisor does.
    Asked,
    /// End of the lookup, where a client waits for the start.
    Found(&'a LookupResult),
    /// Deadline of the state machine, as `autostart`, `autorestart` and `startretries` say.
    Due,
    /// Spawn of a process that is STARTING. What that takes and is not there makes the start fail, to be tried again.
    Spawn,
}

/// Check whether a process may start, at that point. `is_stopping` says so of the supervisor.
pub(super) fn may_start(point: StartPoint<'_>, is_stopping: bool, process: Option<&Process>) -> Result<(), Refused> {
    if is_stopping {
        return Err(Refused::Stopping);
    }
    let process = process.ok_or(Refused::Gone)?;
    let state = process.machine.state();
    let is_startable = match point {
        StartPoint::Asked | StartPoint::Due => true,
        StartPoint::Found(Err(LookupError::Command(error))) => return Err(Refused::NoCommand(error.clone())),
        StartPoint::Found(_) => matches!(state, ProcessState::Stopped | ProcessState::Exited | ProcessState::Fatal),
        // It may have been stopped meanwhile, and started again, and be up already.
        StartPoint::Spawn => process.machine.awaits_spawn(),
    };
    if is_startable { Ok(()) } else { Err(Refused::NotStartable(state)) }
}
