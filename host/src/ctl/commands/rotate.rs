//! `rotate`: rotate log files now.

use std::sync::Arc;

use plugin_api::{Fault, ctl_plugin};

use super::log_files::LogFilesAction;
use crate::ctl::session::Session;

/// Action of `rotate`.
const ROTATE: LogFilesAction = LogFilesAction { method: "logs.rotate", done: "rotated" };

/// The command `rotate`.
pub(super) struct RotateCommand(pub(super) Arc<Session>);

#[ctl_plugin]
impl RotateCommand {
    #[doc = "rotate <name>\t\tRotate the log files of one process now"]
    #[doc = "rotate <gname>:*\tRotate those of every process of a group"]
    #[doc = "rotate <name> <name>\tRotate those of several processes or groups"]
    #[doc = "rotate <pattern>\tRotate those of every process that matches: 'web_*'"]
    #[doc = "rotate\t\t\tRotate those of all processes, and supervisord's own"]
    #[ctl(complete = "processes")]
    pub fn rotate(&self, names: Vec<String>) -> Result<(), Fault> {
        ROTATE.run(&self.0, &names)
    }
}
