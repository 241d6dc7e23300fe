//! `stop`: stop processes.

use std::sync::Arc;

use plugin_api::{Code, Fault, ctl_plugin};

use super::process_action::{ProcessAction, SIGNAL_ERRORS};
use crate::ctl::{exit_status, session::Session};

/// Action of `stop`.
pub(super) const STOP: ProcessAction<'_> = ProcessAction {
    command: "stop",
    one: "supervisor.stopProcess",
    group: Some("supervisor.stopProcessGroup"),
    all: "supervisor.stopAllProcesses",
    further: &[],
    done: "stopped",
    errors: SIGNAL_ERRORS,
    verbatim: Some(Code::Failed),
    harmless: Some(Code::NotRunning),
    outcome: Some(|info| info.is_stopped().then_some(Code::Success)),
    invalid_args: exit_status::GENERIC,
};

/// The command `stop`.
pub(super) struct StopCommand(pub(super) Arc<Session>);

#[ctl_plugin]
impl StopCommand {
    #[doc = "stop <name>\t\tStop one process"]
    #[doc = "stop <gname>:*\t\tStop every process of a group"]
    #[doc = "stop <name> <name>\tStop several processes or groups"]
    #[doc = "stop <pattern>\t\tStop every process that matches: 'web_*', 'g:*_0[1-3]'"]
    #[doc = "stop all\t\tStop all processes"]
    #[ctl(complete = "processes")]
    pub fn stop(&self, names: Vec<String>) -> Result<(), Fault> {
        STOP.run_command(&self.0, &names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_has_its_words() {
        let stop = [
            (80, "web:1: stopped"),
            (10, "web:1: ERROR (no such process)"),
            (11, "web:1: ERROR (bad signal name)"),
            (70, "web:1: ERROR (not running)"),
            (30, "the text"),
        ];
        for (code, text) in stop {
            assert_eq!(STOP.line_of(code).as_deref(), Ok(text));
        }
    }
}
