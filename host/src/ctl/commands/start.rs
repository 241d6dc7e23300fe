//! `start`: start processes.

use std::sync::Arc;

use plugin_api::{Code, Fault, ctl_plugin};

use super::process_action::ProcessAction;
use crate::ctl::{exit_status, process_info::ProcessStatus, session::Session};

/// Action of `start`.
pub(super) const START: ProcessAction<'_> = ProcessAction {
    command: "start",
    one: "supervisor.startProcess",
    group: Some("supervisor.startProcessGroup"),
    all: "supervisor.startAllProcesses",
    further: &[],
    done: "started",
    errors: &[
        (Code::BadName, "no such process"),
        (Code::NoFile, "no such file"),
        (Code::NotExecutable, "file is not executable"),
        (Code::AlreadyStarted, "already started"),
        (Code::SpawnError, "spawn error"),
        (Code::AbnormalTermination, "abnormal termination"),
    ],
    // The file system of its command does not answer.
    verbatim: Some(Code::Failed),
    harmless: Some(Code::AlreadyStarted),
    outcome: Some(outcome),
    invalid_args: exit_status::INVALID_ARGS,
};

/// Judge of a start that goes on.
fn outcome(info: &ProcessStatus) -> Option<Code> {
    match info.statename.as_str() {
        "STARTING" => None,
        // It was RUNNING before.
        "RUNNING" | "EXITED" => Some(Code::Success),
        "BACKOFF" | "FATAL" => Some(Code::SpawnError),
        _ => Some(Code::AbnormalTermination),
    }
}

/// The command `start`.
pub(super) struct StartCommand(pub(super) Arc<Session>);

#[ctl_plugin]
impl StartCommand {
    #[doc = "start <name>\t\tStart one process"]
    #[doc = "start <gname>:*\t\tStart every process of a group"]
    #[doc = "start <name> <name>\tStart several processes or groups"]
    #[doc = "start <pattern>\t\tStart every process that matches: 'web_*', 'g:*_0[1-3]'"]
    #[doc = "start all\t\tStart all processes"]
    #[ctl(complete = "processes")]
    pub fn start(&self, names: Vec<String>) -> Result<(), Fault> {
        START.run_command(&self.0, &names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_has_its_words() {
        let start = [
            (80, "web:1: started"),
            (10, "web:1: ERROR (no such process)"),
            (20, "web:1: ERROR (no such file)"),
            (21, "web:1: ERROR (file is not executable)"),
            (60, "web:1: ERROR (already started)"),
            (50, "web:1: ERROR (spawn error)"),
            (40, "web:1: ERROR (abnormal termination)"),
            (30, "the text"),
        ];
        for (code, text) in start {
            assert_eq!(START.line_of(code).as_deref(), Ok(text));
        }
        assert_eq!(START.line_of(6).unwrap_err(), "web:1: the text");
        assert_eq!(START.line_of(-1).unwrap_err(), "web:1: the text");
    }
}
