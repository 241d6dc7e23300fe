//! `start`, `stop`, `restart`, `signal` and `clear`: what is done to processes by name, group or all together.

use plugin_api::{Fault, Value, fault::Code};

use super::reply::{Outcome, namespec_of};
use crate::{
    ctl::session::{Session, status},
    text::namespec::split_namespec,
    xmlrpc::ClientError,
};

/// An action on processes: the methods that do it, and how its outcome is told.
struct Action<'a> {
    one: &'a str,
    /// `None` where the action takes no groups; the name is then passed on as it is.
    group: Option<&'a str>,
    all: &'a str,
    /// What the methods take after the name.
    further: &'a [Value],
    /// What is said of a process with which it went well.
    done: &'a str,
    /// What it means when the server refuses.
    errors: &'a [(Code, &'a str)],
    /// Where the fault's own text says it.
    verbatim: Option<Code>,
    /// A refusal that leaves the exit status as it is.
    harmless: Option<Code>,
    /// Exit status for a group that does not exist.
    no_such_group: i32,
}

const START: Action<'_> = Action {
    one: "supervisor.startProcess",
    group: Some("supervisor.startProcessGroup"),
    all: "supervisor.startAllProcesses",
    further: &[],
    done: "started",
    errors: &[
        (Code::BadName, "no such process"),
        (Code::NoFile, "no such file"),
        (Code::NotExecutable, "file is not executable"),
        (Code::AlreadyStarted, "already started"),
        (Code::SpawnError, "spawn error"),
        (Code::AbnormalTermination, "abnormal termination"),
    ],
    // The file system of its command does not answer.
    verbatim: Some(Code::Failed),
    harmless: Some(Code::AlreadyStarted),
    no_such_group: status::INVALID_ARGS,
};

const SIGNAL_ERRORS: &[(Code, &str)] =
    &[(Code::BadName, "no such process"), (Code::BadSignal, "bad signal name"), (Code::NotRunning, "not running")];

const STOP: Action<'_> = Action {
    one: "supervisor.stopProcess",
    group: Some("supervisor.stopProcessGroup"),
    all: "supervisor.stopAllProcesses",
    further: &[],
    done: "stopped",
    errors: SIGNAL_ERRORS,
    verbatim: Some(Code::Failed),
    harmless: Some(Code::NotRunning),
    no_such_group: status::GENERIC,
};

const CLEAR: Action<'_> = Action {
    one: "supervisor.clearProcessLogs",
    group: None,
    all: "supervisor.clearAllProcessLogs",
    further: &[],
    done: "cleared",
    errors: &[(Code::BadName, "no such process"), (Code::Failed, "failed")],
    verbatim: None,
    harmless: None,
    no_such_group: status::GENERIC,
};

pub(super) fn start(ctl: &Session, names: &[String]) -> Result<(), Fault> {
    if !ctl.upcheck()? {
        return Ok(());
    }
    if names.is_empty() {
        ctl.misused("Error: start requires a process name", status::INVALID_ARGS);
        return Ok(());
    }
    run(ctl, &START, names)
}

pub(super) fn stop(ctl: &Session, names: &[String]) -> Result<(), Fault> {
    named(ctl, "stop", &STOP, names)
}

pub(super) fn clear(ctl: &Session, names: &[String]) -> Result<(), Fault> {
    named(ctl, "clear", &CLEAR, names)
}

fn named(ctl: &Session, command: &str, action: &Action<'_>, names: &[String]) -> Result<(), Fault> {
    if !ctl.upcheck()? {
        return Ok(());
    }
    if names.is_empty() {
        ctl.misused(&format!("Error: {command} requires a process name"), status::GENERIC);
        return Ok(());
    }
    run(ctl, action, names)
}

pub(super) fn restart(ctl: &Session, names: &[String]) -> Result<(), Fault> {
    if !ctl.upcheck()? {
        return Ok(());
    }
    if names.is_empty() {
        ctl.misused("Error: restart requires a process name", status::GENERIC);
        return Ok(());
    }
    stop(ctl, names)?;
    start(ctl, names)
}

pub(super) fn signal(ctl: &Session, words: &[String]) -> Result<(), Fault> {
    if !ctl.upcheck()? {
        return Ok(());
    }
    let Some((signal, names)) = words.split_first().filter(|(_, names)| !names.is_empty()) else {
        ctl.misused("Error: signal requires a signal name and a process name", status::GENERIC);
        return Ok(());
    };
    let action = Action {
        one: "supervisor.signalProcess",
        group: Some("supervisor.signalProcessGroup"),
        all: "supervisor.signalAllProcesses",
        further: &[signal.as_str().into()],
        done: "signalled",
        errors: SIGNAL_ERRORS,
        verbatim: Some(Code::Failed),
        harmless: None,
        no_such_group: status::GENERIC,
    };
    run(ctl, &action, names)
}

impl Action<'_> {
    /// What is said of one process.
    fn describe(&self, outcome: &Outcome) -> Result<String, Fault> {
        let code = Code::from_number(outcome.status);
        if code == Some(Code::Success) {
            return Ok(format!("{}: {}", outcome.namespec(), self.done));
        }
        if code.is_some() && code == self.verbatim {
            return Ok(outcome.description.clone());
        }
        match self.errors.iter().find(|&&(known, _)| Some(known) == code) {
            Some((_, what)) => Ok(outcome.error(what)),
            None => Err(outcome.unexpected()),
        }
    }

    fn tell(&self, ctl: &Session, outcome: &Outcome) -> Result<(), Fault> {
        ctl.output(&self.describe(outcome)?);
        ctl.set_exit_status_from(outcome.status, self.harmless);
        Ok(())
    }

    fn call(&self, ctl: &Session, method: &str, name: Option<&str>) -> Result<Value, ClientError> {
        let params: Vec<Value> = name.map(Value::from).into_iter().chain(self.further.iter().cloned()).collect();
        ctl.call(method, &params)
    }
}

fn run(ctl: &Session, action: &Action<'_>, names: &[String]) -> Result<(), Fault> {
    if names.iter().any(|name| name == "all") {
        let results = action.call(ctl, action.all, None)?;
        return Outcome::several(&results).iter().try_for_each(|outcome| action.tell(ctl, outcome));
    }
    for name in names {
        match (split_namespec(name), action.group) {
            ((group, None), Some(method)) => run_group(ctl, action, method, group)?,
            _ => run_one(ctl, action, name)?,
        }
    }
    Ok(())
}

fn run_group(ctl: &Session, action: &Action<'_>, method: &str, group: &str) -> Result<(), Fault> {
    match action.call(ctl, method, Some(group)) {
        Ok(results) => Outcome::several(&results).iter().try_for_each(|outcome| action.tell(ctl, outcome)),
        Err(ClientError::Fault(fault)) if fault.is(Code::BadName) => {
            ctl.output(&format!("{group}: ERROR (no such group)"));
            ctl.set_exit_status(action.no_such_group);
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}

fn run_one(ctl: &Session, action: &Action<'_>, name: &str) -> Result<(), Fault> {
    match action.call(ctl, action.one, Some(name)) {
        Ok(_) => {
            let (group, process) = split_namespec(name);
            ctl.output(&format!("{}: {}", namespec_of(group, process), action.done));
            Ok(())
        }
        Err(ClientError::Fault(fault)) => action.tell(ctl, &Outcome::refused(name, fault)),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(action: &Action<'_>, code: i32) -> Result<String, String> {
        let outcome = Outcome::refused("web:1", Fault::new(code, "the text"));
        action.describe(&outcome).map_err(|fault| fault.text.into())
    }

    #[test]
    fn every_outcome_has_its_words() {
        let start = [
            (80, "web:1: started"),
            (10, "web:1: ERROR (no such process)"),
            (20, "web:1: ERROR (no such file)"),
            (21, "web:1: ERROR (file is not executable)"),
            (60, "web:1: ERROR (already started)"),
            (50, "web:1: ERROR (spawn error)"),
            (40, "web:1: ERROR (abnormal termination)"),
            (30, "the text"),
        ];
        for (code, text) in start {
            assert_eq!(told(&START, code).as_deref(), Ok(text));
        }
        let stop = [
            (80, "web:1: stopped"),
            (10, "web:1: ERROR (no such process)"),
            (11, "web:1: ERROR (bad signal name)"),
            (70, "web:1: ERROR (not running)"),
            (30, "the text"),
        ];
        for (code, text) in stop {
            assert_eq!(told(&STOP, code).as_deref(), Ok(text));
        }
        assert_eq!(told(&CLEAR, 80).as_deref(), Ok("web:1: cleared"));
        assert_eq!(told(&CLEAR, 30).as_deref(), Ok("web:1: ERROR (failed)"));
        assert_eq!(told(&START, 6).unwrap_err(), "web:1: the text");
        assert_eq!(told(&START, -1).unwrap_err(), "web:1: the text");
    }
}
