//! `signal`: send a signal to processes.

use std::sync::Arc;

use plugin_api::{Code, Fault, ctl_plugin};

use super::process_action::{ProcessAction, SIGNAL_ERRORS};
use crate::ctl::{exit_status, session::Session};

/// The command `signal`.
pub(super) struct SignalCommand(pub(super) Arc<Session>);

#[ctl_plugin]
impl SignalCommand {
    #[doc = "signal <signal name> <name>\t\tSend a signal to one process"]
    #[doc = "signal <signal name> <gname>:*\t\tSend a signal to every process of a group"]
    #[doc = "signal <signal name> <name> <name>\tSend a signal to several processes or groups"]
    #[doc = "signal <signal name> <pattern>\t\tSend a signal to every process that matches: 'web_*'"]
    #[doc = "signal <signal name> all\t\tSend a signal to all processes"]
    #[ctl(complete = "processes")]
    pub fn signal(&self, words: Vec<String>) -> Result<(), Fault> {
        if !self.0.upcheck()? {
            return Ok(());
        }
        let Some((signal, names)) = words.split_first().filter(|(_, names)| !names.is_empty()) else {
            self.0.usage_error("Error: signal requires a signal name and a process name", exit_status::GENERIC);
            return Ok(());
        };
        let action = ProcessAction {
            command: "signal",
            one: "supervisor.signalProcess",
            group: Some("supervisor.signalProcessGroup"),
            all: "supervisor.signalAllProcesses",
            further: &[signal.as_str().into()],
            done: "signalled",
            errors: SIGNAL_ERRORS,
            verbatim: Some(Code::Failed),
            harmless: None,
            outcome: None,
            invalid_args: exit_status::GENERIC,
        };
        action.run(&self.0, names)
    }
}
