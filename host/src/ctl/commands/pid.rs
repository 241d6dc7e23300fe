//! `pid`: the PIDs of supervisord and of processes.

use std::sync::Arc;

use plugin_api::{Code, Fault, Value, ctl_plugin};

use super::process_result::error_item;
use crate::{
    ctl::{
        exit_status,
        patterns::{Target, targets},
        process_info::{ProcessStatus, all_process_info, process_info},
        session::Session,
    },
    xmlrpc::ClientError,
};

/// The command `pid`.
pub(super) struct PidCommand(pub(super) Arc<Session>);

#[ctl_plugin]
impl PidCommand {
    #[doc = "pid\t\t\tPrint the PID of supervisord."]
    #[doc = "pid <name>\t\tPrint the PID of one process."]
    #[doc = "pid <pattern>\t\tPrint the PIDs of the processes that match, such as 'web_*'."]
    #[doc = "pid all\t\t\tPrint the PIDs of all processes, a line for each."]
    #[ctl(complete = "processes")]
    pub fn pid(&self, names: Vec<String>) -> Result<(), Fault> {
        let session = &self.0;
        if !session.upcheck()? {
            return Ok(());
        }
        if names.is_empty() {
            let pid = session.call("supervisor.getPID", &[])?;
            session.output_member("pid", &plugin_api::repr(&pid), || pid.clone());
        } else if names.iter().any(|name| name == "all") {
            session.begin_list("processes");
            for info in all_process_info(session)? {
                output_pid(session, &info);
            }
        } else {
            session.begin_list("processes");
            for target in targets(session, &names)? {
                let names = match target {
                    Target::Named(name) => vec![name],
                    Target::Matched(names) => names,
                };
                names.iter().try_for_each(|name| print_pid(session, name))?;
            }
        }
        Ok(())
    }
}

fn output_pid(session: &Session, info: &ProcessStatus) {
    let item = || Value::structure([("namespec", info.namespec().into()), ("pid", info.pid.into())]);
    session.output_item("processes", &info.pid.to_string(), item);
}

fn print_pid(session: &Session, name: &str) -> Result<(), Fault> {
    match process_info(session, name) {
        Ok(info) => {
            output_pid(session, &info);
            if info.pid == 0 {
                session.set_exit_status(exit_status::NOT_RUNNING);
            }
        }
        Err(ClientError::Fault(fault)) if fault.is(Code::BadName) => {
            let item = error_item(name, Some(Code::BadName), "no such process");
            session.fail_item("errors", &format!("No such process {name}"), item, exit_status::GENERIC);
        }
        Err(error) => return Err(error.into()),
    }
    Ok(())
}
