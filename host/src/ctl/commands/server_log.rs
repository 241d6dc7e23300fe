//! Logs of the server: the part of one that `tail` and `maintail` print, or its growth.

use std::sync::Arc;

use plugin_api::{Code, Fault, Value};

use crate::{
    ctl::{exit_status, follow, session::Session},
    text::{python, utf8::rest_of_character},
    xmlrpc::ClientError,
};

/// Part of a log that a command line asks for.
#[derive(Debug, PartialEq)]
pub(super) enum LogPart {
    /// Last bytes of the log; all of it where that is 0.
    Last(i64),
    /// End of the log, and what is written from now on.
    Follow,
}

impl LogPart {
    /// The part that is shown unless somebody asks for another.
    pub(super) const DEFAULT: Self = Self::Last(1600);

    /// Read `-f` or `-100`.
    pub(super) fn from_modifier(modifier: &str) -> Option<Self> {
        match modifier.strip_prefix('-')? {
            "f" => Some(Self::Follow),
            number => python::int(number).ok().map(Self::Last),
        }
    }
}

/// Number for a call: small where it fits, because most servers know no other.
fn integer(number: i64) -> Value {
    i32::try_from(number).map_or(Value::Int64(number), Value::Int)
}

/// A log of the server, by the names that it has there.
pub(super) struct ServerLog<'a> {
    /// Name for messages.
    pub(super) name: &'a str,
    /// Path at which the server gives the bytes of the file.
    pub(super) path: &'a str,
    /// The method that reads it as text.
    pub(super) method: &'a str,
    /// The process, if the method wants one.
    pub(super) process: Option<&'a str>,
}

impl ServerLog<'_> {
    /// Print a part of the log.
    pub(super) fn print(&self, session: &Arc<Session>, part: &LogPart) -> Result<(), Fault> {
        match part {
            LogPart::Follow => follow::follow(session, self.path),
            LogPart::Last(bytes) => self.print_last(session, *bytes),
        }
    }

    /// Print the last bytes, or from a byte on where their number is negative.
    fn print_last(&self, session: &Session, bytes: i64) -> Result<(), Fault> {
        let fault = match self.read_text(session, bytes) {
            Ok(log) => {
                let text = log.as_str().unwrap_or_default();
                let bytes = self.read_bytes(session, text, bytes);
                session.output_bytes(bytes.as_deref().unwrap_or(text.as_bytes()));
                session.output("");
                return Ok(());
            }
            Err(ClientError::Fault(fault)) => fault,
            Err(error) => return Err(error.into()),
        };
        let name = self.name;
        session.set_exit_status(exit_status::GENERIC);
        let what = match Code::from_number(fault.code) {
            Some(Code::NoFile) => "no log file",
            Some(Code::Failed) => "unknown error reading log",
            Some(Code::BadName) if self.process.is_some() => "no such process name",
            _ => return Err(fault),
        };
        session.output(&format!("{name}: ERROR ({what})"));
        Ok(())
    }

    /// Read the log as text. A Supervisor answers with status 500 where the text would begin within a character, so
    /// fewer bytes are asked for then.
    fn read_text(&self, session: &Session, bytes: i64) -> Result<Value, ClientError> {
        let read = |bytes: i64| {
            let process = self.process.map(Value::from);
            let part = [integer(bytes.saturating_neg()), Value::Int(0)];
            session.call(self.method, &process.into_iter().chain(part).collect::<Vec<_>>())
        };
        let mut log = read(bytes);
        for fewer in 1..bytes.min(4) {
            if !matches!(log, Err(ClientError::Status { code: 500, .. })) {
                break;
            }
            log = read(bytes - fewer);
        }
        log
    }

    /// Read the bytes of the file in place of a text in which something stands for what could not be sent. `None` where
    /// the text is all that there is, or the server has no other.
    fn read_bytes(&self, session: &Session, text: &str, bytes: i64) -> Option<Vec<u8>> {
        text.contains(|c| matches!(c, '\u{2400}'..='\u{241f}' | char::REPLACEMENT_CHARACTER)).then_some(())?;
        let range = if bytes > 0 { format!("bytes=-{bytes}") } else { format!("bytes={}-", bytes.unsigned_abs()) };
        let mut part = follow::read_range(session, self.path, &range)?;
        part.drain(..if bytes > 0 { rest_of_character(&part) } else { 0 });
        Some(part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_log() {
        let table = [
            ("-f", Some(LogPart::Follow)),
            ("-100", Some(LogPart::Last(100))),
            ("-0", Some(LogPart::Last(0))),
            ("--5", Some(LogPart::Last(-5))),
            ("-+1_000", Some(LogPart::Last(1000))),
            ("-", None),
            ("-1__0", None),
            ("-x", None),
            ("100", None),
        ];
        for (modifier, expected) in table {
            assert_eq!(LogPart::from_modifier(modifier), expected, "{modifier}");
        }
    }
}
