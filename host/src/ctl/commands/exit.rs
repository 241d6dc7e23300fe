//! `exit` and `quit`: leave the shell.

use std::sync::Arc;

use plugin_api::ctl_plugin;

use crate::ctl::session::Session;

/// The commands `exit` and `quit`.
pub(super) struct ExitCommand(pub(super) Arc<Session>);

#[ctl_plugin]
impl ExitCommand {
    #[doc = "quit\tLeave this shell."]
    pub fn quit(&self, _words: Vec<String>) {
        self.leave();
    }

    #[doc = "exit\tLeave this shell."]
    pub fn exit(&self, _words: Vec<String>) {
        self.leave();
    }

    fn leave(&self) {
        // Ends the line of the prompt.
        self.0.output("");
        self.0.finish();
    }
}
