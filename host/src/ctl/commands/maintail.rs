//! `maintail`: the log of supervisord itself.

use std::sync::Arc;

use plugin_api::{Fault, ctl_plugin};

use super::server_log::{LogPart, ServerLog, take_lines};
use crate::ctl::{exit_status, session::Session};

/// The command `maintail`.
pub(super) struct MaintailCommand(pub(super) Arc<Session>);

#[ctl_plugin]
impl MaintailCommand {
    #[doc = "maintail -f \tShow the main log of supervisord as it grows (Ctrl-C to exit)"]
    #[doc = "maintail --lines 10\tShow the last 10 lines of the main log"]
    #[doc = "maintail -100\tShow the last 100 *bytes* of the main log"]
    #[doc = "maintail\tShow the last 1600 *bytes* of the main log"]
    pub fn maintail(&self, words: Vec<String>) -> Result<(), Fault> {
        let session = &self.0;
        if !session.upcheck()? {
            return Ok(());
        }
        let (words, lines) = match take_lines(&words) {
            Ok(taken) => taken,
            Err(text) => {
                session.usage_error(&text, exit_status::GENERIC);
                return Ok(());
            }
        };
        let part = match words.as_slice() {
            [] => Some(lines.map_or(LogPart::DEFAULT, LogPart::LastLines)),
            [modifier] if lines.is_some() => {
                session.fail(&format!("Error: --lines goes without {modifier}"), exit_status::GENERIC);
                return Ok(());
            }
            [modifier] => LogPart::from_modifier(modifier),
            _ => {
                session.usage_error("Error: too many arguments", exit_status::GENERIC);
                return Ok(());
            }
        };
        let Some(part) = part else {
            session.fail(&format!("Error: bad argument {}", words[0]), exit_status::GENERIC);
            return Ok(());
        };
        let (path, method) = ("/mainlogtail", "supervisor.readLog");
        ServerLog { name: "supervisord", channel: "", path, method, process: None }.print(session, &part)
    }
}
