//! `tail` and `maintail`: the logs of processes and of supervisord itself. `fg`: a process's logs and its stdin.

use std::sync::Arc;

use plugin_api::{Fault, Value, fault::Code, repr};

use super::reply::process_info;
use crate::{
    ctl::{
        follow::{self, Ended},
        session::{Session, status},
    },
    text::{python, utf8::rest_of_character},
    xmlrpc::ClientError,
};

/// How much of a log is shown unless somebody says.
const DEFAULT_BYTES: i64 = 1600;

/// What part of a log is wanted.
#[derive(Debug, PartialEq)]
enum Part {
    /// Its last bytes; all of it where that is 0.
    Last(i64),
    /// Its end, and what is written from now on.
    Follow,
}

/// From `-f` or `-100`.
fn part(modifier: &str) -> Option<Part> {
    match modifier.strip_prefix('-')? {
        "f" => Some(Part::Follow),
        number => python::int(number).ok().map(Part::Last),
    }
}

/// Number for a call: small where it fits, because most servers know no other.
fn integer(number: i64) -> Value {
    i32::try_from(number).map_or(Value::Int64(number), Value::Int)
}

pub(super) fn tail(ctl: &Arc<Session>, words: &[String]) -> Result<(), Fault> {
    if !ctl.upcheck()? {
        return Ok(());
    }
    match words.len() {
        0 => {
            ctl.misused("Error: too few arguments", status::GENERIC);
            return Ok(());
        }
        1..=3 => {}
        _ => {
            ctl.misused("Error: too many arguments", status::GENERIC);
            return Ok(());
        }
    }
    let fail = |text: &str| {
        ctl.output(text);
        ctl.set_exit_status(status::GENERIC);
        Ok(())
    };
    let (modifier, words) = match words {
        [modifier, words @ ..] if modifier.starts_with('-') => (Some(modifier), words),
        _ => (None, words),
    };
    let (name, channel) = match words {
        [] => return fail("Error: tail requires process name"),
        [name] => (name, "stdout".to_owned()),
        [name, .., channel] => (name, channel.to_lowercase()),
    };
    let method = match channel.as_str() {
        "stdout" => "supervisor.readProcessStdoutLog",
        "stderr" => "supervisor.readProcessStderrLog",
        _ => return fail(&format!("Error: bad channel {}", repr(&channel.into()))),
    };
    let part = match modifier {
        None => Part::Last(DEFAULT_BYTES),
        Some(modifier) => match part(modifier) {
            Some(part) => part,
            None => return fail(&format!("Error: bad argument {modifier}")),
        },
    };
    let log = Log { name, path: &format!("/logtail/{name}/{channel}"), method, of: Some(name) };
    match part {
        Part::Follow => follow::log(ctl, log.path),
        Part::Last(bytes) => log.show(ctl, bytes),
    }
}

pub(super) fn maintail(ctl: &Arc<Session>, words: &[String]) -> Result<(), Fault> {
    if !ctl.upcheck()? {
        return Ok(());
    }
    let part = match words {
        [] => Some(Part::Last(DEFAULT_BYTES)),
        [modifier] => part(modifier),
        _ => {
            ctl.misused("Error: too many arguments", status::GENERIC);
            return Ok(());
        }
    };
    let log = Log { name: "supervisord", path: "/mainlogtail", method: "supervisor.readLog", of: None };
    match part {
        Some(Part::Follow) => follow::log(ctl, log.path)?,
        Some(Part::Last(bytes)) => log.show(ctl, bytes)?,
        None => {
            ctl.output(&format!("Error: bad argument {}", words[0]));
            ctl.set_exit_status(status::GENERIC);
        }
    }
    Ok(())
}

/// A log of the server, by the names that it has there.
struct Log<'a> {
    /// For messages.
    name: &'a str,
    /// Where it is read as it is in the file.
    path: &'a str,
    /// The method that reads it as text.
    method: &'a str,
    /// The process, if the method wants one.
    of: Option<&'a str>,
}

impl Log<'_> {
    /// Prints the last bytes, or from a byte on where their number is negative.
    fn show(&self, ctl: &Session, bytes: i64) -> Result<(), Fault> {
        let fault = match self.read(ctl, bytes) {
            Ok(log) => {
                let text = log.as_str().unwrap_or_default();
                let bytes = self.read_as_it_is(ctl, text, bytes);
                ctl.output_bytes(bytes.as_deref().unwrap_or(text.as_bytes()));
                ctl.output("");
                return Ok(());
            }
            Err(ClientError::Fault(fault)) => fault,
            Err(error) => return Err(error.into()),
        };
        let name = self.name;
        ctl.set_exit_status(status::GENERIC);
        let what = match Code::from_number(fault.code) {
            Some(Code::NoFile) => "no log file",
            Some(Code::Failed) => "unknown error reading log",
            Some(Code::BadName) if self.of.is_some() => "no such process name",
            _ => return Err(fault),
        };
        ctl.output(&format!("{name}: ERROR ({what})"));
        Ok(())
    }

    /// A Supervisor answers with status 500 where the text would begin within a character.
    fn read(&self, ctl: &Session, bytes: i64) -> Result<Value, ClientError> {
        let read = |bytes: i64| {
            let process = self.of.map(Value::from);
            let part = [integer(bytes.saturating_neg()), Value::Int(0)];
            ctl.call(self.method, &process.into_iter().chain(part).collect::<Vec<_>>())
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

    /// What the file holds in place of a text in which something stands for what could not be sent. Nothing where the
    /// text is all that there is, or the server has no other.
    fn read_as_it_is(&self, ctl: &Session, text: &str, bytes: i64) -> Option<Vec<u8>> {
        text.contains(|c| matches!(c, '\u{2400}'..='\u{241f}' | char::REPLACEMENT_CHARACTER)).then_some(())?;
        let range = if bytes > 0 { format!("bytes=-{bytes}") } else { format!("bytes={}-", bytes.unsigned_abs()) };
        let mut part = follow::part(ctl, self.path, &range)?;
        part.drain(..if bytes > 0 { rest_of_character(&part) } else { 0 });
        Some(part)
    }
}

pub(super) fn fg(ctl: &Arc<Session>, words: &[String]) -> Result<(), Fault> {
    if !ctl.upcheck()? {
        return Ok(());
    }
    let name = match words {
        [] => {
            ctl.misused("ERROR: no process name supplied", status::GENERIC);
            return Ok(());
        }
        [name] => name,
        _ => {
            ctl.output("ERROR: too many process names supplied");
            ctl.set_exit_status(status::GENERIC);
            return Ok(());
        }
    };
    match process_info(ctl, name) {
        Ok(info) if info.is_running() => {}
        Ok(_) => {
            ctl.output("ERROR: process not running");
            ctl.set_exit_status(status::GENERIC);
            return Ok(());
        }
        Err(ClientError::Fault(fault)) if fault.is(Code::BadName) => {
            ctl.output("ERROR: bad process name supplied");
            ctl.set_exit_status(status::GENERIC);
            return Ok(());
        }
        Err(ClientError::Fault(fault)) => {
            ctl.output(&format!("ERROR: {fault}"));
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    }
    ctl.output("==> Press Ctrl-C to exit <==");
    let paths = [format!("/logtail/{name}/stdout"), format!("/logtail/{name}/stderr")];
    follow::with_input(ctl, &paths, |line| type_into(ctl, name, line))?;
    ctl.output("Exiting foreground");
    Ok(())
}

/// Sends a line to the stdin of a process; says so if that was its end.
fn type_into(ctl: &Session, name: &str, line: &str) -> Result<Ended, Fault> {
    match ctl.call("supervisor.sendProcessStdin", &[name.into(), format!("{line}\n").into()]) {
        Ok(_) if process_info(ctl, name)?.is_running() => return Ok(Ended::No),
        Ok(_) => ctl.output("Process got killed"),
        Err(ClientError::Fault(fault)) if fault.is(Code::NotRunning) => ctl.output("Process got killed"),
        Err(ClientError::Fault(fault)) => ctl.output(&format!("ERROR: {fault}")),
        Err(error) => return Err(error.into()),
    }
    Ok(Ended::Yes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_log() {
        let table = [
            ("-f", Some(Part::Follow)),
            ("-100", Some(Part::Last(100))),
            ("-0", Some(Part::Last(0))),
            ("--5", Some(Part::Last(-5))),
            ("-+1_000", Some(Part::Last(1000))),
            ("-", None),
            ("-1__0", None),
            ("-x", None),
            ("100", None),
        ];
        for (modifier, expected) in table {
            assert_eq!(part(modifier), expected, "{modifier}");
        }
    }
}
