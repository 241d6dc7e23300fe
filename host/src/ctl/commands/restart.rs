//! `restart`: stop processes and start them again.

use std::sync::Arc;

use plugin_api::{Fault, ctl_plugin};

use super::{start::START, stop::STOP};
use crate::ctl::{exit_status, session::Session};

/// The command `restart`.
pub(super) struct RestartCommand(pub(super) Arc<Session>);

#[ctl_plugin]
impl RestartCommand {
    #[doc = "restart <name>\t\tStop and start one process"]
    #[doc = "restart <gname>:*\tStop and start every process of a group"]
    #[doc = "restart <name> <name>\tStop and start several processes or groups"]
    #[doc = "restart all\t\tStop and start all processes"]
    #[doc = "Note: changes of the config files are not seen. For those there are reread and update."]
    #[ctl(complete = "processes")]
    pub fn restart(&self, names: Vec<String>) -> Result<(), Fault> {
        if !self.0.upcheck()? {
            return Ok(());
        }
        if names.is_empty() {
            self.0.usage_error("Error: restart requires a process name", exit_status::GENERIC);
            return Ok(());
        }
        STOP.run_command(&self.0, &names)?;
        START.run_command(&self.0, &names)
    }
}
