//! Actions on processes by name, group or all together: what `start`, `stop`, `signal` and `clear` have in common.

use std::{
    thread,
    time::{Duration, Instant},
};

use plugin_api::{Code, Fault, Value};

use super::process_result::{ProcessResult, done_item, error_item, namespec_of};
use crate::{
    ctl::{
        exit_status,
        patterns::{Target, targets},
        process_info::{ProcessStatus, all_process_info},
        session::Session,
    },
    text::namespec::split_namespec,
    xmlrpc::ClientError,
};

/// An action on processes: the methods that do it, and the words for its outcome.
pub(super) struct ProcessAction<'a> {
    /// Name of the command.
    pub(super) command: &'a str,
    /// The method for one process.
    pub(super) one: &'a str,
    /// The method for a group. `None` where the action takes no groups; the name is then passed on as it is.
    pub(super) group: Option<&'a str>,
    /// The method for all processes.
    pub(super) all: &'a str,
    /// Further parameters of the methods, after the name.
    pub(super) further: &'a [Value],
    /// The word for a process with which it went well.
    pub(super) done: &'a str,
    /// Words for the faults that the server may answer with.
    pub(super) errors: &'a [(Code, &'a str)],
    /// The fault whose own text is printed.
    pub(super) verbatim: Option<Code>,
    /// A fault that leaves the exit status as it is.
    pub(super) harmless: Option<Code>,
    /// Judge of a process that the action goes on with, where several may be waited for together: `None` until it is
    /// over. The method for one process then takes, after the name, whether it is to wait itself.
    pub(super) outcome: Option<fn(&ProcessStatus) -> Option<Code>>,
    /// Exit status where no process is named, or a group that does not exist.
    pub(super) invalid_args: i32,
}

/// Time until the first look at processes that are waited for, and the longest between two of them.
const FIRST_LOOK: Duration = Duration::from_millis(20);
const LAST_LOOK: Duration = Duration::from_millis(200);
/// Time after which the progress of an action is shown.
const SHOW_AFTER: Duration = Duration::from_secs(1);

/// Progress of an action on many processes, for who sits at a terminal: nothing of one that is soon over.
pub(super) struct Progress<'a> {
    session: &'a Session,
    what: &'a str,
    done: usize,
    total: usize,
    begin: Instant,
}

impl<'a> Progress<'a> {
    /// Begin with nothing done.
    pub(super) fn new(session: &'a Session, what: &'a str, total: usize) -> Self {
        Self { session, what, done: 0, total, begin: Instant::now() }
    }

    /// Note that one more is done.
    pub(super) fn advance(&mut self) {
        self.done += 1;
    }

    fn show(&self) {
        if self.begin.elapsed() >= SHOW_AFTER {
            let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
            self.session.progress(self.what, number(self.done), number(self.total));
        }
    }
}

/// Words for the faults of methods that send a signal to a process.
pub(super) const SIGNAL_ERRORS: &[(Code, &str)] =
    &[(Code::BadName, "no such process"), (Code::BadSignal, "bad signal name"), (Code::NotRunning, "not running")];

impl ProcessAction<'_> {
    /// Run the command with these words, which have to name processes.
    pub(super) fn run_command(&self, session: &Session, names: &[String]) -> Result<(), Fault> {
        if !session.upcheck()? {
            return Ok(());
        }
        if names.is_empty() {
            session.usage_error(&format!("Error: {} requires a process name", self.command), self.invalid_args);
            return Ok(());
        }
        self.run(session, names)
    }

    /// Act on the named processes and groups, or on all.
    pub(super) fn run(&self, session: &Session, names: &[String]) -> Result<(), Fault> {
        session.begin_list("results");
        if names.iter().any(|name| name == "all") {
            return self.report_all(session, &self.call(session, self.all, None)?);
        }
        self.run_targets(session, &targets(session, names)?)
    }

    /// Act on what the words of a command mean.
    pub(super) fn run_targets(&self, session: &Session, targets: &[Target]) -> Result<(), Fault> {
        for target in targets {
            let name = match target {
                Target::Named(name) => name,
                Target::Matched(names) => {
                    let mut progress = Progress::new(session, self.command, names.len());
                    self.run_side_by_side(session, names, &mut progress)?;
                    continue;
                }
            };
            match (split_namespec(name), self.group) {
                ((group, None), Some(method)) => self.run_group(session, method, group)?,
                _ => self.run_one(session, name)?,
            }
        }
        Ok(())
    }

    /// Act on processes and wait for all of them together, so that it takes the time of the slowest. Return whether it
    /// went well with each. A person sees the progress.
    pub(super) fn run_side_by_side(
        &self,
        session: &Session,
        names: &[String],
        progress: &mut Progress<'_>,
    ) -> Result<bool, Fault> {
        let (mut waiting, mut all_well): (Vec<&String>, bool) = (Vec::new(), true);
        let mut report = |name: &str, outcome: Fault, progress: &mut Progress<'_>| {
            let code = Code::from_number(outcome.code);
            all_well &= code == Some(Code::Success) || code.is_some() && code == self.harmless;
            progress.advance();
            self.report(session, &ProcessResult::refused(name, outcome))
        };
        for name in names {
            let mut params = vec![Value::from(name.as_str())];
            params.extend(self.further.iter().cloned());
            params.extend(self.outcome.map(|_| false.into()));
            match session.call(self.one, &params) {
                Ok(_) if self.outcome.is_some() => waiting.push(name),
                Ok(_) => report(name, Fault::of(Code::Success, name), progress)?,
                Err(ClientError::Fault(fault)) => report(name, fault, progress)?,
                Err(error) => return Err(error.into()),
            }
        }
        let mut interval = FIRST_LOOK;
        while let Some(outcome) = self.outcome.filter(|_| !waiting.is_empty()) {
            progress.show();
            thread::sleep(interval);
            interval = (interval * 2).min(LAST_LOOK);
            let processes = all_process_info(session)?;
            let mut still = Vec::new();
            for name in waiting {
                match processes.iter().find(|info| info.namespec() == *name).map_or(Some(Code::BadName), outcome) {
                    Some(code) => report(name, Fault::of(code, name), progress)?,
                    None => still.push(name),
                }
            }
            waiting = still;
        }
        session.end_progress();
        Ok(all_well)
    }

    fn run_group(&self, session: &Session, method: &str, group: &str) -> Result<(), Fault> {
        match self.call(session, method, Some(group)) {
            Ok(results) => self.report_all(session, &results),
            Err(ClientError::Fault(fault)) if fault.is(Code::BadName) => {
                let item = error_item(group, Some(Code::BadName), "no such group");
                session.fail_item("results", &format!("{group}: ERROR (no such group)"), item, self.invalid_args);
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    fn run_one(&self, session: &Session, name: &str) -> Result<(), Fault> {
        match self.call(session, self.one, Some(name)) {
            Ok(_) => {
                let (group, process) = split_namespec(name);
                let name = namespec_of(group, process);
                session.output_item("results", &format!("{name}: {}", self.done), || done_item(&name, self.done));
                Ok(())
            }
            Err(ClientError::Fault(fault)) => self.report(session, &ProcessResult::refused(name, fault)),
            Err(error) => Err(error.into()),
        }
    }

    fn call(&self, session: &Session, method: &str, name: Option<&str>) -> Result<Value, ClientError> {
        let params: Vec<Value> = name.map(Value::from).into_iter().chain(self.further.iter().cloned()).collect();
        session.call(method, &params)
    }

    fn report_all(&self, session: &Session, results: &Value) -> Result<(), Fault> {
        ProcessResult::several(results).iter().try_for_each(|result| self.report(session, result))
    }

    fn report(&self, session: &Session, result: &ProcessResult) -> Result<(), Fault> {
        let text = self.describe(result)?;
        session.output_item("results", &text, || self.item(result));
        match Code::from_number(result.status) {
            Some(Code::Success) => {}
            Some(code) if Some(code) == self.harmless => {}
            Some(Code::SpawnError | Code::AbnormalTermination | Code::NotRunning) => {
                session.set_exit_status(exit_status::NOT_RUNNING);
            }
            _ => session.set_exit_status(exit_status::GENERIC),
        }
        Ok(())
    }

    /// Item of the document for one process.
    fn item(&self, result: &ProcessResult) -> Value {
        let code = Code::from_number(result.status);
        if code == Some(Code::Success) {
            return done_item(&result.namespec(), self.done);
        }
        let known = self.errors.iter().find(|&&(known, _)| Some(known) == code && code != self.verbatim);
        error_item(&result.namespec(), code, known.map_or(result.description.as_str(), |(_, what)| what))
    }

    /// The line for one process; a status that means nothing here is an error.
    fn describe(&self, result: &ProcessResult) -> Result<String, Fault> {
        let code = Code::from_number(result.status);
        if code == Some(Code::Success) {
            return Ok(format!("{}: {}", result.namespec(), self.done));
        }
        if code.is_some() && code == self.verbatim {
            return Ok(result.description.clone());
        }
        match self.errors.iter().find(|&&(known, _)| Some(known) == code) {
            Some((_, what)) => Ok(format!("{}: ERROR ({what})", result.namespec())),
            None => Err(result.unexpected()),
        }
    }
}

#[cfg(test)]
impl ProcessAction<'_> {
    /// The line for the process `web:1`, refused with a fault of this number.
    pub(super) fn line_of(&self, code: i32) -> Result<String, String> {
        let result = ProcessResult::refused("web:1", Fault::new(code, "the text"));
        self.describe(&result).map_err(|fault| fault.text.into())
    }
}
