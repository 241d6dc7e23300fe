//! `reload`: restart supervisord itself.

use std::sync::Arc;

use plugin_api::{Fault, ctl_plugin};

use super::{
    process_result::done_item,
    refusal::{refuses_words, report_shutdown},
};
use crate::ctl::session::Session;

/// The command `reload`.
pub(super) struct ReloadCommand(pub(super) Arc<Session>);

#[ctl_plugin]
impl ReloadCommand {
    #[doc = "reload \t\tRestart supervisord itself."]
    pub fn reload(&self, words: Vec<String>) -> Result<(), Fault> {
        let session = &self.0;
        if refuses_words(session, "reload", &words)
            || !session.confirm("Really restart the remote supervisord process y/N? ")
        {
            return Ok(());
        }
        match session.call("supervisor.restart", &[]) {
            Ok(_) => {
                let item = || done_item("supervisord", "restarted");
                session.output_item("results", "Restarted supervisord", item);
            }
            Err(error) => report_shutdown(session, error, "ERROR: already shutting down")?,
        }
        Ok(())
    }
}
