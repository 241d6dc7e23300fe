//! `reopen`: open log files anew.

use std::sync::Arc;

use plugin_api::{Fault, ctl_plugin};

use super::log_files::LogFilesAction;
use crate::ctl::session::Session;

/// Action of `reopen`.
const REOPEN: LogFilesAction = LogFilesAction { method: "logs.reopen", done: "reopened" };

/// The command `reopen`.
pub(super) struct ReopenCommand(pub(super) Arc<Session>);

#[ctl_plugin]
impl ReopenCommand {
    #[doc = "reopen <name>\t\tOpen the log files of one process anew, after they were moved"]
    #[doc = "reopen <gname>:*\tOpen those of every process of a group anew"]
    #[doc = "reopen <name> <name>\tOpen those of several processes or groups anew"]
    #[doc = "reopen <pattern>\tOpen those of every process that matches anew: 'web_*'"]
    #[doc = "reopen\t\t\tOpen those of all processes anew, and supervisord's own"]
    #[ctl(complete = "processes")]
    pub fn reopen(&self, names: Vec<String>) -> Result<(), Fault> {
        REOPEN.run(&self.0, &names)
    }
}
