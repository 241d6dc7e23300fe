//! `update`: read the config files again and make active what has changed.

use std::{collections::BTreeSet, sync::Arc};

use plugin_api::{Code, Fault, ctl_plugin};

use super::{
    config_changes::ConfigChanges, groups::changed_groups, process_result::ProcessResult, refusal::report_shutdown,
};
use crate::{
    ctl::{exit_status, process_info::all_process_info, session::Session},
    xmlrpc::ClientError,
};

/// The command `update`.
pub(super) struct UpdateCommand(pub(super) Arc<Session>);

#[ctl_plugin]
impl UpdateCommand {
    #[doc = "update\t\t\tRead the config files again, then add, remove and restart what has changed"]
    #[doc = "update all\t\tThe same"]
    #[doc = "update <gname> [...]\tThe same for these groups alone"]
    #[doc = "update <pattern>\tThe same for the groups that match: 'web_*'"]
    #[ctl(complete = "groups")]
    pub fn update(&self, names: Vec<String>) -> Result<(), Fault> {
        let session = &self.0;
        let changes = match session.call("supervisor.reloadConfig", &[]) {
            Ok(result) => ConfigChanges::from_value(&result),
            Err(error) => return report_shutdown(session, error, "ERROR: already shutting down"),
        };
        let names = changed_groups(session, names, &changes)?;
        let wanted: &[String] = if names.iter().any(|name| name == "all") { &[] } else { &names };
        if !wanted.is_empty() {
            report_unknown_groups(session, wanted, &changes)?;
        }
        let is_wanted = |name: &&String| wanted.is_empty() || wanted.contains(name);
        let group = |method: &str, name: &str| session.call(method, &[name.into()]);
        for name in changes.removed.iter().filter(is_wanted) {
            let results = group("supervisor.stopProcessGroup", name)?;
            session.output(&format!("{name}: stopped"));
            if ProcessResult::several(&results).iter().any(|result| result.status == Code::Failed as i32) {
                session.fail(&format!("{name}: has problems; not removing"), exit_status::GENERIC);
                continue;
            }
            group("supervisor.removeProcessGroup", name)?;
            session.output(&format!("{name}: removed process group"));
        }
        for name in changes.changed.iter().filter(is_wanted) {
            group("supervisor.stopProcessGroup", name)?;
            session.output(&format!("{name}: stopped"));
            group("supervisor.removeProcessGroup", name)?;
            group("supervisor.addProcessGroup", name)?;
            session.output(&format!("{name}: updated process group"));
        }
        for name in changes.added.iter().filter(is_wanted) {
            group("supervisor.addProcessGroup", name)?;
            session.output(&format!("{name}: added process group"));
        }
        Ok(())
    }
}

fn report_unknown_groups(session: &Session, wanted: &[String], changes: &ConfigChanges) -> Result<(), ClientError> {
    let mut known: BTreeSet<String> = all_process_info(session)?.into_iter().map(|info| info.group).collect();
    known.extend(changes.added.iter().cloned());
    for name in wanted.iter().collect::<BTreeSet<_>>() {
        if !known.contains(name) {
            session.fail(&format!("ERROR: no such group: {name}"), exit_status::GENERIC);
        }
    }
    Ok(())
}
