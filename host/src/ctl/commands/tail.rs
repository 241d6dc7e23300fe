//! `tail`: the log of a process.

use std::sync::Arc;

use plugin_api::{Fault, ctl_plugin, repr};

use super::server_log::{LogPart, ServerLog};
use crate::ctl::{
    exit_status,
    patterns::{Target, targets},
    session::Session,
};

/// The command `tail`.
pub(super) struct TailCommand(pub(super) Arc<Session>);

#[ctl_plugin]
impl TailCommand {
    #[doc = "tail [-f] <name> [stdout|stderr] (stdout unless given)"]
    #[doc = "Ex:"]
    #[doc = "tail -f <name>\t\tShow what a process writes to stdout as it comes"]
    #[doc = "\t\t\tCtrl-C to exit."]
    #[doc = "tail -100 <name>\tShow the last 100 *bytes* of its stdout"]
    #[doc = "tail <name> stderr\tShow the last 1600 *bytes* of its stderr"]
    #[ctl(complete = "processes")]
    pub fn tail(&self, words: Vec<String>) -> Result<(), Fault> {
        let session = &self.0;
        if !session.upcheck()? {
            return Ok(());
        }
        if words.is_empty() || words.len() > 3 {
            let amount = if words.is_empty() { "few" } else { "many" };
            session.usage_error(&format!("Error: too {amount} arguments"), exit_status::GENERIC);
            return Ok(());
        }
        match TailArguments::read(&words) {
            Ok(TailArguments { name, channel, method, part }) => {
                let name = &match targets(session, std::slice::from_ref(name))?.pop() {
                    Some(Target::Matched(names)) if names.len() > 1 => {
                        let text = format!("Error: tail takes one process, and {name} matches {}", names.join(", "));
                        session.fail(&text, exit_status::GENERIC);
                        return Ok(());
                    }
                    Some(Target::Matched(names)) => names.concat(),
                    Some(Target::Named(_)) | None => name.clone(),
                };
                let path = format!("/logtail/{name}/{channel}");
                ServerLog { name, path: &path, method, process: Some(name) }.print(session, &part)
            }
            Err(text) => {
                session.fail(&text, exit_status::GENERIC);
                Ok(())
            }
        }
    }
}

/// Words of the command, taken apart.
struct TailArguments<'a> {
    name: &'a String,
    channel: String,
    /// The method that reads the channel's log.
    method: &'static str,
    part: LogPart,
}

impl<'a> TailArguments<'a> {
    /// Read one to three words. The error is the line to print.
    fn read(words: &'a [String]) -> Result<Self, String> {
        let (modifier, words) = match words {
            [modifier, words @ ..] if modifier.starts_with('-') => (Some(modifier), words),
            words => (None, words),
        };
        let (name, channel) = match words {
            [] => return Err("Error: tail requires process name".to_owned()),
            [name] => (name, "stdout".to_owned()),
            [name, .., channel] => (name, channel.to_lowercase()),
        };
        let method = match channel.as_str() {
            "stdout" => "supervisor.readProcessStdoutLog",
            "stderr" => "supervisor.readProcessStderrLog",
            _ => return Err(format!("Error: bad channel {}", repr(&channel.into()))),
        };
        let part = match modifier {
            None => LogPart::DEFAULT,
            Some(modifier) => {
                LogPart::from_modifier(modifier).ok_or_else(|| format!("Error: bad argument {modifier}"))?
            }
        };
        Ok(Self { name, channel, method, part })
    }
}
