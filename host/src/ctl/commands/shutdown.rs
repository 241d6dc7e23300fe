//! `shutdown`: stop supervisord and all processes.

use std::sync::Arc;

use plugin_api::{Code, Fault, ctl_plugin};

use super::{process_result::done_item, refusal::refuses_words};
use crate::{
    ctl::{exit_status, session::Session},
    xmlrpc::ClientError,
};

/// The command `shutdown`.
pub(super) struct ShutdownCommand(pub(super) Arc<Session>);

#[ctl_plugin]
impl ShutdownCommand {
    #[doc = "shutdown \tStop all processes and supervisord itself."]
    pub fn shutdown(&self, words: Vec<String>) -> Result<(), Fault> {
        let session = &self.0;
        if refuses_words(session, "shutdown", &words)
            || !session.confirm("Really shut the remote supervisord process down y/N? ")
        {
            return Ok(());
        }
        let unreachable = match session.call("supervisor.shutdown", &[]) {
            Ok(_) => {
                session.output_item("results", "Shut down", || done_item("supervisord", "shut down"));
                return Ok(());
            }
            Err(ClientError::Fault(fault)) if fault.is(Code::ShutdownState) => {
                session.error("ERROR: already shutting down", Some(fault.code));
                return Ok(());
            }
            Err(ClientError::Refused { .. }) => "refused connection",
            Err(ClientError::NoSuchFile { .. }) => "no such file",
            Err(error) => return Err(error.into()),
        };
        let text = format!("ERROR: {} {unreachable} (already shut down?)", session.url());
        session.fail(&text, exit_status::GENERIC);
        Ok(())
    }
}
