//! `version`: the version of supervisord.

use std::sync::Arc;

use plugin_api::{Fault, ctl_plugin};

use super::refusal::refuses_words;
use crate::ctl::session::Session;

/// The command `version`.
pub(super) struct VersionCommand(pub(super) Arc<Session>);

#[ctl_plugin]
impl VersionCommand {
    #[doc = "version\t\t\tPrint the version of supervisord"]
    pub fn version(&self, words: Vec<String>) -> Result<(), Fault> {
        if refuses_words(&self.0, "version", &words) || !self.0.upcheck()? {
            return Ok(());
        }
        let version = self.0.call("supervisor.getSupervisorVersion", &[])?;
        let text = version.as_str().unwrap_or_default();
        self.0.output_member("version", text, || text.into());
        Ok(())
    }
}
