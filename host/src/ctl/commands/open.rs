//! `open`: turn to another supervisord.

use std::sync::Arc;

use plugin_api::{Fault, ctl_plugin};

use super::status::show_status;
use crate::ctl::{exit_status, session::Session};

/// The command `open`.
pub(super) struct OpenCommand(pub(super) Arc<Session>);

#[ctl_plugin]
impl OpenCommand {
    #[doc = "open <url>\tTurn to another supervisord."]
    #[doc = "\t\t(of a UNIX domain socket: `unix:///socket/path`)"]
    pub fn open(&self, words: Vec<String>) -> Result<(), Fault> {
        let session = &self.0;
        let url = words.join(" ");
        let scheme = url.split_once(':').map_or(String::new(), |(scheme, _)| scheme.to_ascii_lowercase());
        if scheme != "unix" && scheme != "http" {
            session.fail("ERROR: url must be http:// or unix://", exit_status::GENERIC);
            return Ok(());
        }
        session.open(&url);
        // The status that is shown says nothing of whether the connection was opened.
        let before = session.exit_status();
        show_status(session, &[], false)?;
        session.set_exit_status(before);
        Ok(())
    }
}
