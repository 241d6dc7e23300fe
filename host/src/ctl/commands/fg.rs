//! `fg`: what a process writes, and its stdin.

use std::{ops::ControlFlow, sync::Arc};

use plugin_api::{Code, Fault, ctl_plugin};

use crate::{
    ctl::{
        exit_status,
        follow::{self, FollowedLog},
        process_info::process_info,
        session::Session,
    },
    xmlrpc::ClientError,
};

/// The command `fg`.
pub(super) struct FgCommand(pub(super) Arc<Session>);

#[ctl_plugin]
impl FgCommand {
    #[doc = "fg <process>\tSee what a process writes, and type into its stdin"]
    #[doc = "\t\tCtrl-C to exit"]
    #[ctl(complete = "processes")]
    pub fn fg(&self, words: Vec<String>) -> Result<(), Fault> {
        let session = &self.0;
        if !session.upcheck()? {
            return Ok(());
        }
        let name = match words.as_slice() {
            [name] => name,
            [] => {
                session.usage_error("ERROR: no process name supplied", exit_status::GENERIC);
                return Ok(());
            }
            _ => {
                session.fail("ERROR: too many process names supplied", exit_status::GENERIC);
                return Ok(());
            }
        };
        let refusal = match process_info(session, name) {
            Ok(info) if info.is_running() => None,
            Ok(_) => Some("ERROR: process not running"),
            Err(ClientError::Fault(fault)) if fault.is(Code::BadName) => Some("ERROR: bad process name supplied"),
            Err(ClientError::Fault(fault)) => {
                session.error(&format!("ERROR: {fault}"), Some(fault.code));
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        if let Some(text) = refusal {
            session.fail(text, exit_status::GENERIC);
            return Ok(());
        }
        let logs = ["stdout", "stderr"].map(|channel| FollowedLog::of_process(name, channel));
        if !session.is_json() {
            session.output(follow::HINT);
        }
        follow::follow_with_input(session, &logs, |line| send_line(session, name, line))?;
        if !session.is_json() {
            session.output("Exiting foreground");
        }
        Ok(())
    }
}

/// Send a line to the stdin of a process, and print why if that was the last one that it can take.
fn send_line(session: &Session, name: &str, line: &str) -> Result<ControlFlow<()>, Fault> {
    match session.call("supervisor.sendProcessStdin", &[name.into(), format!("{line}\n").into()]) {
        Ok(_) if process_info(session, name)?.is_running() => return Ok(ControlFlow::Continue(())),
        Ok(_) => session.error("Process got killed", None),
        Err(ClientError::Fault(fault)) if fault.is(Code::NotRunning) => session.error("Process got killed", None),
        Err(ClientError::Fault(fault)) => session.error(&format!("ERROR: {fault}"), Some(fault.code)),
        Err(error) => return Err(error.into()),
    }
    Ok(ControlFlow::Break(()))
}
