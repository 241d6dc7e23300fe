//! Logs of the server: the part of one that `tail` and `maintail` print, or its growth.

use std::sync::Arc;

use plugin_api::{Code, Fault, Value};

use super::process_result::error_item;
use crate::{
    ctl::{
        exit_status,
        follow::{self, FollowedLog},
        json,
        session::Session,
    },
    text::{python, utf8::rest_of_character},
    xmlrpc::ClientError,
};

/// Length of a line in bytes, as a first guess.
const USUAL_LINE: usize = 160;

/// Bytes that are read for a few lines, at least.
const LEAST_READ: i64 = 4 << 10;

/// Part of a log that a command line asks for.
#[derive(Debug, PartialEq)]
pub(super) enum LogPart {
    /// Last bytes of the log; all of it where that is 0.
    Last(i64),
    /// Last lines of the log.
    LastLines(usize),
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

/// Words of a command without `--lines N` or `--lines=N`, and that number. The error is the line to print.
pub(super) fn take_lines(words: &[String]) -> Result<(Vec<String>, Option<usize>), String> {
    let (mut left, mut lines) = (Vec::new(), None);
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let number = match word.strip_prefix("--lines") {
            Some("") => words.next().map_or("", String::as_str),
            Some(number) if number.starts_with('=') => &number[1..],
            _ => {
                left.push(word.clone());
                continue;
            }
        };
        let read = number.parse::<usize>().ok().filter(|number| *number > 0);
        lines = Some(read.ok_or_else(|| format!("Error: --lines takes a number from 1 on, not '{number}'"))?);
    }
    Ok((left, lines))
}

/// Last so many lines of a text, and whether that is less than all of it.
fn last_lines(text: &[u8], lines: usize) -> (&[u8], bool) {
    let body = text.strip_suffix(b"\n").unwrap_or(text);
    let ends = body.iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n');
    match ends.map(|(index, _)| index).nth(lines - 1) {
        Some(index) => (&text[index + 1..], true),
        None => (text, false),
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
    /// Output of the process; empty for supervisord's own log.
    pub(super) channel: &'a str,
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
            LogPart::Follow => follow::follow(session, &[FollowedLog::at(self.name, self.channel, self.path)]),
            LogPart::Last(bytes) => match self.read(session, *bytes) {
                Ok(log) => {
                    self.output(session, &log, b"\n");
                    Ok(())
                }
                Err(error) => self.report(session, error),
            },
            LogPart::LastLines(lines) => self.print_last_lines(session, *lines),
        }
    }

    /// Print the last lines; as many bytes are read as it takes.
    fn print_last_lines(&self, session: &Session, lines: usize) -> Result<(), Fault> {
        let mut bytes = i64::try_from(lines.saturating_mul(USUAL_LINE)).unwrap_or(i64::MAX).max(LEAST_READ);
        loop {
            let log = match self.read(session, bytes) {
                Ok(log) => log,
                Err(error) => return self.report(session, error),
            };
            let (last, is_all) = last_lines(&log, lines);
            // A log that begins within a character gives a little less than was asked for.
            let is_whole = i64::try_from(log.len()).is_ok_and(|read| read + 4 < bytes);
            if is_all || is_whole || bytes == i64::MAX {
                self.output(session, last, if last.is_empty() || last.ends_with(b"\n") { b"" } else { b"\n" });
                return Ok(());
            }
            bytes = bytes.saturating_mul(4);
        }
    }

    fn output(&self, session: &Session, log: &[u8], end: &[u8]) {
        if session.is_json() {
            session.output_member("name", "", || self.name.into());
            session.output_member("channel", "", || self.channel.into());
            session.output_member("log", "", || json::text_or_bytes(log));
        } else {
            session.output_bytes(log);
            session.output_bytes(end);
        }
    }

    /// Read the last bytes, or from a byte on where their number is negative.
    fn read(&self, session: &Session, bytes: i64) -> Result<Vec<u8>, ClientError> {
        let log = self.read_text(session, bytes)?;
        let text = log.as_str().unwrap_or_default();
        Ok(self.read_bytes(session, text, bytes).unwrap_or_else(|| text.as_bytes().to_vec()))
    }

    /// Say why the log cannot be read.
    fn report(&self, session: &Session, error: ClientError) -> Result<(), Fault> {
        let fault = match error {
            ClientError::Fault(fault) => fault,
            error => return Err(error.into()),
        };
        let name = self.name;
        session.set_exit_status(exit_status::GENERIC);
        let what = match Code::from_number(fault.code) {
            Some(Code::NoFile) => "no log file",
            Some(Code::Failed) => "unknown error reading log",
            Some(Code::BadName) if self.process.is_some() => "no such process name",
            _ => return Err(fault),
        };
        let item = || error_item(name, Code::from_number(fault.code), what);
        session.output_item("errors", &format!("{name}: ERROR ({what})"), item);
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
    fn the_last_lines_of_a_text() {
        let table: [(&str, usize, &str, bool); 7] = [
            ("a\nb\nc\n", 1, "c\n", true),
            ("a\nb\nc\n", 2, "b\nc\n", true),
            ("a\nb\nc\n", 3, "a\nb\nc\n", false),
            ("a\nb\nrest", 2, "b\nrest", true),
            ("\n\n", 1, "\n", true),
            ("one", 1, "one", false),
            ("", 5, "", false),
        ];
        for (text, lines, expected, is_less) in table {
            assert_eq!(last_lines(text.as_bytes(), lines), (expected.as_bytes(), is_less), "{text:?} {lines}");
        }
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        for text in ["--lines 5 cat stderr", "cat --lines=5 stderr", "cat stderr --lines 5"] {
            assert_eq!(take_lines(&words(text)), Ok((words("cat stderr"), Some(5))), "{text}");
        }
        assert_eq!(take_lines(&words("-5 cat")), Ok((words("-5 cat"), None)));
        for wrong in ["cat --lines", "cat --lines=0", "--lines x cat"] {
            assert!(take_lines(&words(wrong)).unwrap_err().starts_with("Error: --lines takes a number from 1 on"));
        }
    }

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
