//! `add`: make a group of the config active.

use std::sync::Arc;

use plugin_api::{Code, Fault, ctl_plugin};

use super::groups::inactive_groups;
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
        for name in inactive_groups(session, names)? {
            match session.call("supervisor.addProcessGroup", &[name.as_str().into()]) {
                Ok(_) => session.output(&format!("{name}: added process group")),
                Err(ClientError::Fault(fault)) => match Code::from_number(fault.code) {
                    Some(Code::AlreadyAdded) => session.output("ERROR: process group already active"),
                    Some(Code::ShutdownState) => session.fail("ERROR: shutting down", exit_status::GENERIC),
                    Some(Code::BadName) => {
                        session.fail(&format!("ERROR: no such process/group: {name}"), exit_status::GENERIC);
                    }
                    _ => return Err(fault),
                },
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}
