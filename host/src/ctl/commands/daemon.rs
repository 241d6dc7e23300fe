//! `version`, `open`, `reload`, `shutdown`, `quit` and `exit`: the server itself, and the connection to it.

use plugin_api::{Fault, fault::Code};

use super::{refuses_words, status::status as show_status};
use crate::{
    ctl::session::{Session, status},
    xmlrpc::ClientError,
};

pub(super) fn version(ctl: &Session, words: &[String]) -> Result<(), Fault> {
    if refuses_words(ctl, "version", words) || !ctl.upcheck()? {
        return Ok(());
    }
    let version = ctl.call("supervisor.getSupervisorVersion", &[])?;
    ctl.output(version.as_str().unwrap_or_default());
    Ok(())
}

pub(super) fn open(ctl: &Session, words: &[String]) -> Result<(), Fault> {
    let url = words.join(" ");
    let scheme = url.split_once(':').map_or(String::new(), |(scheme, _)| scheme.to_ascii_lowercase());
    if scheme != "unix" && scheme != "http" {
        ctl.output("ERROR: url must be http:// or unix://");
        ctl.set_exit_status(status::GENERIC);
        return Ok(());
    }
    ctl.open(&url);
    // The status that is shown says nothing of whether the connection was opened.
    let before = ctl.exit_status();
    show_status(ctl, &[])?;
    ctl.set_exit_status(before);
    Ok(())
}

pub(super) fn reload(ctl: &Session, words: &[String]) -> Result<(), Fault> {
    if refuses_words(ctl, "reload", words) || !ctl.confirm("Really restart the remote supervisord process y/N? ") {
        return Ok(());
    }
    match ctl.call("supervisor.restart", &[]) {
        Ok(_) => ctl.output("Restarted supervisord"),
        Err(ClientError::Fault(fault)) if fault.is(Code::ShutdownState) => {
            ctl.set_exit_status(status::GENERIC);
            ctl.output("ERROR: already shutting down");
        }
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

pub(super) fn shutdown(ctl: &Session, words: &[String]) -> Result<(), Fault> {
    if refuses_words(ctl, "shutdown", words) || !ctl.confirm("Really shut the remote supervisord process down y/N? ") {
        return Ok(());
    }
    let gone = match ctl.call("supervisor.shutdown", &[]) {
        Ok(_) => {
            ctl.output("Shut down");
            return Ok(());
        }
        Err(ClientError::Fault(fault)) if fault.is(Code::ShutdownState) => {
            ctl.output("ERROR: already shutting down");
            return Ok(());
        }
        Err(ClientError::Refused { .. }) => "refused connection",
        Err(ClientError::NoSuchFile { .. }) => "no such file",
        Err(error) => return Err(error.into()),
    };
    ctl.set_exit_status(status::GENERIC);
    ctl.output(&format!("ERROR: {} {gone} (already shut down?)", ctl.url()));
    Ok(())
}

/// Ends the shell; the line that is printed ends the line of the prompt.
pub(super) fn quit(ctl: &Session) {
    ctl.output("");
    ctl.finish();
}
