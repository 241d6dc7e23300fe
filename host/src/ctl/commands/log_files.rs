//! Actions on log files that are files no longer written to, or about to be: what `rotate` and `reopen` have in common.

use plugin_api::{Code, Fault, Value};

use super::process_result::{ProcessResult, done_item, error_item};
use crate::{
    ctl::{
        exit_status,
        patterns::{Target, targets},
        session::Session,
    },
    text::namespec::split_namespec,
    xmlrpc::ClientError,
};

/// An action on log files.
pub(super) struct LogFilesAction {
    /// Method that does it, to the logs of one name or to all.
    pub(super) method: &'static str,
    /// Word for a log with which it went well.
    pub(super) done: &'static str,
}

impl LogFilesAction {
    /// Run the command with these words: names of processes and groups; without one, and with `all`, to all logs.
    pub(super) fn run(&self, session: &Session, words: &[String]) -> Result<(), Fault> {
        if !session.upcheck()? {
            return Ok(());
        }
        if words.iter().any(|word| word.trim().is_empty()) {
            // Of a script whose variable is empty, say: that is not to mean all.
            session.usage_error("Error: a name is empty", exit_status::GENERIC);
            return Ok(());
        }
        session.begin_list("results");
        if words.is_empty() || words.iter().any(|word| word == "all") {
            return self.call(session, None);
        }
        for target in targets(session, words)? {
            match target {
                Target::Named(name) => self.call(session, Some(&name))?,
                Target::Matched(names) => names.iter().try_for_each(|name| self.call(session, Some(name)))?,
            }
        }
        Ok(())
    }

    fn call(&self, session: &Session, name: Option<&str>) -> Result<(), Fault> {
        let params: Vec<Value> = name.map(Value::from).into_iter().collect();
        match (session.call(self.method, &params), name) {
            (Ok(results @ Value::Array(_)), _) => {
                for result in ProcessResult::several(&results) {
                    self.report(session, &result);
                }
            }
            (Ok(_), Some(name)) => self.report(session, &ProcessResult::refused(name, Code::Success.into())),
            (Ok(_), None) => {}
            (Err(ClientError::Fault(fault)), _) if fault.is(Code::UnknownMethod) => {
                let why = format!("ERROR: this supervisord has no method {}", self.method);
                session.fail(&why, exit_status::UNIMPLEMENTED_FEATURE);
            }
            (Err(ClientError::Fault(fault)), Some(name)) => match split_namespec(name) {
                (group, None) if fault.is(Code::BadName) => {
                    let item = error_item(group, Some(Code::BadName), "no such group");
                    session.fail_item(
                        "results",
                        &format!("{group}: ERROR (no such group)"),
                        item,
                        exit_status::GENERIC,
                    );
                }
                _ => self.report(session, &ProcessResult::refused(name, fault)),
            },
            (Err(error), _) => return Err(error.into()),
        }
        Ok(())
    }

    fn report(&self, session: &Session, result: &ProcessResult) {
        let namespec = result.namespec();
        let code = Code::from_number(result.status);
        let what = match code {
            Some(Code::Success) => {
                let text = format!("{namespec}: {}", self.done);
                return session.output_item("results", &text, || done_item(&namespec, self.done));
            }
            Some(Code::BadName) => "no such process",
            Some(Code::NoFile) => "no log file",
            _ => {
                let text = result.description.strip_prefix("FAILED: ").unwrap_or(&result.description);
                text.strip_prefix(&format!("{namespec}: ")).unwrap_or(text)
            }
        };
        let item = error_item(&namespec, code, what);
        session.fail_item("results", &format!("{namespec}: ERROR ({what})"), item, exit_status::GENERIC);
    }
}
