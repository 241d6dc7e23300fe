//! `remove`: take a group out of the active config.

use std::sync::Arc;

use plugin_api::{Code, Fault, ctl_plugin};

use super::{
    groups::active_groups,
    process_result::{done_item, error_item},
};
use crate::{
    ctl::{exit_status, session::Session},
    xmlrpc::ClientError,
};

/// The command `remove`.
pub(super) struct RemoveCommand(pub(super) Arc<Session>);

#[ctl_plugin]
impl RemoveCommand {
    #[doc = "remove <name> [...]\tTake a process or group out of the active config"]
    #[doc = "remove <pattern>\tTake every group that matches out of it: 'web_*'"]
    #[ctl(complete = "groups")]
    pub fn remove(&self, names: Vec<String>) -> Result<(), Fault> {
        let session = &self.0;
        session.begin_list("results");
        for name in active_groups(session, names)? {
            let fault = match session.call("supervisor.removeProcessGroup", &[name.as_str().into()]) {
                Ok(_) => {
                    let text = format!("{name}: removed process group");
                    session.output_item("results", &text, || done_item(&name, "removed"));
                    continue;
                }
                Err(ClientError::Fault(fault)) => fault,
                Err(error) => return Err(error.into()),
            };
            let code = Code::from_number(fault.code);
            let what = match code {
                Some(Code::StillRunning) => "process/group still running",
                Some(Code::BadName) => "no such process/group",
                // The exit status of a fault is the general one too.
                _ => return Err(fault),
            };
            let item = error_item(&name, code, what);
            session.fail_item("results", &format!("ERROR: {what}: {name}"), item, exit_status::GENERIC);
        }
        Ok(())
    }
}
