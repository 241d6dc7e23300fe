//! `clear`: empty the logs of processes.

use std::sync::Arc;

use plugin_api::{Code, Fault, ctl_plugin};

use super::process_action::ProcessAction;
use crate::ctl::{exit_status, session::Session};

/// Action of `clear`.
const CLEAR: ProcessAction<'_> = ProcessAction {
    command: "clear",
    one: "supervisor.clearProcessLogs",
    group: None,
    all: "supervisor.clearAllProcessLogs",
    further: &[],
    done: "cleared",
    errors: &[(Code::BadName, "no such process"), (Code::Failed, "failed")],
    verbatim: None,
    harmless: None,
    outcome: None,
    invalid_args: exit_status::GENERIC,
};

/// The command `clear`.
pub(super) struct ClearCommand(pub(super) Arc<Session>);

#[ctl_plugin]
impl ClearCommand {
    #[doc = "clear <name>\t\tEmpty the log files of one process."]
    #[doc = "clear <name> <name>\tEmpty the log files of several processes."]
    #[doc = "clear <pattern>\t\tEmpty the log files of every process that matches: 'web_*'."]
    #[doc = "clear all\t\tEmpty the log files of all processes."]
    #[ctl(complete = "processes")]
    pub fn clear(&self, names: Vec<String>) -> Result<(), Fault> {
        CLEAR.run_command(&self.0, &names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_has_its_words() {
        assert_eq!(CLEAR.line_of(80).as_deref(), Ok("web:1: cleared"));
        assert_eq!(CLEAR.line_of(30).as_deref(), Ok("web:1: ERROR (failed)"));
    }
}
