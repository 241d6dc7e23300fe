//! Refusals that several commands share.

use plugin_api::{Code, Fault};

use crate::{
    ctl::{exit_status, session::Session},
    xmlrpc::ClientError,
};

/// Refuse words after a command that takes none, and return true where there are some.
pub(super) fn refuses_words(session: &Session, command: &str, words: &[String]) -> bool {
    let refused = !words.is_empty();
    if refused {
        session.usage_error(&format!("Error: {command} accepts no arguments"), exit_status::GENERIC);
    }
    refused
}

/// Print `text` if the server refused because it is shutting down; pass on every other error.
pub(super) fn report_shutdown(session: &Session, error: ClientError, text: &str) -> Result<(), Fault> {
    match error {
        ClientError::Fault(fault) if fault.is(Code::ShutdownState) => {
            session.fail(text, exit_status::GENERIC);
            Ok(())
        }
        error => Err(error.into()),
    }
}
