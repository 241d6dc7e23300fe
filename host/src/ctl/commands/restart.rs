//! `restart`: stop processes and start them again.

use std::sync::Arc;

use plugin_api::{Fault, ctl_plugin};

use super::{rolling::Rolling, start::START, stop::STOP};
use crate::ctl::{
    exit_status,
    patterns::{may_have_patterns, targets},
    session::Session,
};

/// The command `restart`.
pub(super) struct RestartCommand(pub(super) Arc<Session>);

#[ctl_plugin]
impl RestartCommand {
    #[doc = "restart <name>\t\tStop and start one process"]
    #[doc = "restart <gname>:*\tStop and start every process of a group"]
    #[doc = "restart <name> <name>\tStop and start several processes or groups"]
    #[doc = "restart <pattern>\tStop and start every process that matches: 'web_*', 'g:*_0[1-3]'"]
    #[doc = "restart --rolling [--batch N] <name> [...]\tOne process, or N, after the other: stop and start it, and go"]
    #[doc = "\t\t\ton once it is RUNNING. The first that is not is the last."]
    #[doc = "restart all\t\tStop and start all processes"]
    #[doc = "Note: changes of the config files are not seen. For those there are reread and update."]
    #[ctl(complete = "processes")]
    pub fn restart(&self, names: Vec<String>) -> Result<(), Fault> {
        if !self.0.upcheck()? {
            return Ok(());
        }
        let rolling = match Rolling::read(&names) {
            Ok(rolling) => rolling,
            Err(text) => {
                self.0.usage_error(&text, exit_status::GENERIC);
                return Ok(());
            }
        };
        if names.is_empty() || rolling.as_ref().is_some_and(Rolling::is_empty) {
            self.0.usage_error("Error: restart requires a process name", exit_status::GENERIC);
            return Ok(());
        }
        if let Some(rolling) = rolling {
            return rolling.restart(&self.0);
        }
        if may_have_patterns(&names) && !names.iter().any(|name| name == "all") {
            // They mean what they mean before anything is stopped.
            let targets = targets(&self.0, &names)?;
            STOP.run_targets(&self.0, &targets)?;
            return START.run_targets(&self.0, &targets);
        }
        STOP.run_command(&self.0, &names)?;
        START.run_command(&self.0, &names)
    }
}
