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

#[cfg(test)]
mod tests {
    use std::{path::Path, sync::Arc};

    use super::*;
    use crate::process::{
        command::CommandError,
        fixtures,
        state::{Input, Time},
    };

    #[test]
    fn each_point_has_its_conditions() {
        let group = fixtures::group("g", 1, vec![fixtures::process("x")]);
        let supervisord = fixtures::supervisord(Path::new("/tmp"));
        let config = Arc::clone(&group.processes[0]);
        let mut process = Process::new(&config, &group, &supervisord, &[], &mut Vec::new()).unwrap();
        let command = CommandError::NotFound("x".to_owned());
        let no_command = Err(LookupError::Command(command.clone()));
        let no_socket = Err(LookupError::Socket(String::new()));
        let points = [StartPoint::Asked, StartPoint::Found(&no_command), StartPoint::Due, StartPoint::Spawn];

        for point in points {
            assert_eq!(may_start(point, true, Some(&process)), Err(Refused::Stopping));
            assert_eq!(may_start(point, false, None), Err(Refused::Gone));
        }
        let check = |point: StartPoint<'_>, process: &Process| may_start(point, false, Some(process));
        assert_eq!(check(StartPoint::Asked, &process), Ok(()));
        assert_eq!(check(StartPoint::Due, &process), Ok(()));
        assert_eq!(check(StartPoint::Found(&no_command), &process), Err(Refused::NoCommand(command)));
        assert_eq!(check(StartPoint::Found(&no_socket), &process), Ok(()), "it is started, and fails");
        assert_eq!(check(StartPoint::Spawn, &process), Err(Refused::NotStartable(ProcessState::Stopped)));

        process.machine.step(&config, Time::ZERO, Input::Start);
        let starting = Err(Refused::NotStartable(ProcessState::Starting));
        assert_eq!(check(StartPoint::Asked, &process), Ok(()), "its command is looked for all the same");
        assert_eq!(check(StartPoint::Found(&no_socket), &process), starting);
        assert_eq!(check(StartPoint::Spawn, &process), Ok(()));
    }
}
