//! `add`: make a group of the config active.

use std::sync::Arc;

use plugin_api::{Code, Fault, ctl_plugin};

use super::{
    groups::inactive_groups,
    process_result::{done_item, error_item},
};
use crate::{
    ctl::{exit_status, session::Session},
    xmlrpc::ClientError,
};

/// The command `add`.
pub(super) struct AddCommand(pub(super) Arc<Session>);

#[ctl_plugin]
impl AddCommand {
    #[doc = "add <name> [...]\tMake active what the config has for a process or group"]
    #[doc = "add <pattern>\t\tMake active every group of the config that matches: 'web_*'"]
    #[ctl(complete = "groups")]
    pub fn add(&self, names: Vec<String>) -> Result<(), Fault> {
        let session = &self.0;
        session.begin_list("results");
        for name in inactive_groups(session, names)? {
            let failed = |code, what: &str| error_item(&name, Some(code), what);
            match session.call("supervisor.addProcessGroup", &[name.as_str().into()]) {
                Ok(_) => {
                    let text = format!("{name}: added process group");
                    session.output_item("results", &text, || done_item(&name, "added"));
                }
                Err(ClientError::Fault(fault)) => match Code::from_number(fault.code) {
                    Some(code @ Code::AlreadyAdded) => {
                        let what = "process group already active";
                        session.output_item("results", &format!("ERROR: {what}"), || failed(code, what));
                    }
                    Some(code @ Code::ShutdownState) => {
                        let item = failed(code, "shutting down");
                        session.fail_item("results", "ERROR: shutting down", item, exit_status::GENERIC);
                    }
                    Some(code @ Code::BadName) => {
                        let text = format!("ERROR: no such process/group: {name}");
                        let item = failed(code, "no such process/group");
                        session.fail_item("results", &text, item, exit_status::GENERIC);
                    }
                    _ => return Err(fault),
                },
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}
