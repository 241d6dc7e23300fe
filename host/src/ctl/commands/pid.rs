//! `pid`: the PIDs of supervisord and of processes.

use std::sync::Arc;

use plugin_api::{Code, Fault, ctl_plugin};

use crate::{
    ctl::{
        exit_status,
        patterns::{Target, targets},
        process_info::{all_process_info, process_info},
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
            session.output(&plugin_api::repr(&pid));
        } else if names.iter().any(|name| name == "all") {
            for info in all_process_info(session)? {
                session.output(&info.pid.to_string());
            }
        } else {
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

fn print_pid(session: &Session, name: &str) -> Result<(), Fault> {
    match process_info(session, name) {
        Ok(info) => {
            session.output(&info.pid.to_string());
            if info.pid == 0 {
                session.set_exit_status(exit_status::NOT_RUNNING);
            }
        }
        Err(ClientError::Fault(fault)) if fault.is(Code::BadName) => {
            session.fail(&format!("No such process {name}"), exit_status::GENERIC);
        }
        Err(error) => return Err(error.into()),
    }
    Ok(())
}
