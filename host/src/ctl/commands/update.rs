//! `update`: read the config files again and make active what has changed.

use std::{collections::BTreeSet, sync::Arc};

use plugin_api::{Code, Fault, Value, ctl_plugin};

use super::{
    config_changes::ConfigChanges,
    groups::changed_groups,
    process_result::{ProcessResult, done_item, error_item},
    refusal::report_shutdown,
};
use crate::{
    ctl::{
        exit_status,
        process_info::{all_process_info, items, text},
        session::Session,
    },
    text::namespec::make_namespec,
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
    #[doc = "update --dry-run [<gname> ...]\tSay what it would do, option by option, and do nothing"]
    #[ctl(complete = "groups")]
    pub fn update(&self, names: Vec<String>) -> Result<(), Fault> {
        let session = &self.0;
        let (flags, names): (Vec<_>, Vec<_>) = names.into_iter().partition(|name| name == "--dry-run");
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
        if !flags.is_empty() {
            return print_changes(session, is_wanted);
        }
        session.begin_list("results");
        let group = |method: &str, name: &str| session.call(method, &[name.into()]);
        for name in changes.removed.iter().filter(is_wanted) {
            let results = group("supervisor.stopProcessGroup", name)?;
            output_done(session, name, "stopped", "stopped");
            if ProcessResult::several(&results).iter().any(|result| result.status == Code::Failed as i32) {
                let what = "has problems; not removing";
                let item = error_item(name, Some(Code::Failed), what);
                session.fail_item("results", &format!("{name}: {what}"), item, exit_status::GENERIC);
                continue;
            }
            group("supervisor.removeProcessGroup", name)?;
            output_done(session, name, "removed", "removed process group");
        }
        let minimal = if changes.changed.is_empty() { Vec::new() } else { minimal_changes(session)? };
        for name in changes.changed.iter().filter(is_wanted) {
            if let Some(change) = minimal.iter().find(|change| text(change, "group") == *name) {
                update_minimally(session, name, change)?;
                continue;
            }
            group("supervisor.stopProcessGroup", name)?;
            output_done(session, name, "stopped", "stopped");
            group("supervisor.removeProcessGroup", name)?;
            group("supervisor.addProcessGroup", name)?;
            output_done(session, name, "updated", "updated process group");
        }
        for name in changes.added.iter().filter(is_wanted) {
            group("supervisor.addProcessGroup", name)?;
            output_done(session, name, "added", "added process group");
        }
        Ok(())
    }
}

fn output_done(session: &Session, name: &str, done: &str, words: &str) {
    session.output_item("results", &format!("{name}: {words}"), || done_item(name, done));
}

fn report_unknown_groups(session: &Session, wanted: &[String], changes: &ConfigChanges) -> Result<(), ClientError> {
    let mut known: BTreeSet<String> = all_process_info(session)?.into_iter().map(|info| info.group).collect();
    known.extend(changes.added.iter().cloned());
    for name in wanted.iter().collect::<BTreeSet<_>>() {
        if !known.contains(name) {
            let item = error_item(name, Some(Code::BadName), "no such group");
            session.fail_item("errors", &format!("ERROR: no such group: {name}"), item, exit_status::GENERIC);
        }
    }
    Ok(())
}

/// List the changes of groups, as supervisord tells of them. `None` where it does not: it is Python's.
fn group_changes(session: &Session) -> Result<Option<Vec<Value>>, ClientError> {
    match session.call("update.getChanges", &[]) {
        Ok(changes) => Ok(Some(items(&changes).to_vec())),
        Err(ClientError::Fault(fault)) if fault.is(Code::UnknownMethod) => Ok(None),
        Err(error) => Err(error),
    }
}

/// List the changes of groups that say `update=minimal`.
fn minimal_changes(session: &Session) -> Result<Vec<Value>, ClientError> {
    let changes = group_changes(session)?.unwrap_or_default();
    Ok(changes.into_iter().filter(is_minimal).collect())
}

fn is_minimal(change: &Value) -> bool {
    change.get("minimal") == Some(&Value::Bool(true))
}

fn processes(change: &Value) -> &[Value] {
    change.get("processes").map_or(&[][..], items)
}

/// Stop of a group what must be, and have the rest taken up.
fn update_minimally(session: &Session, name: &str, change: &Value) -> Result<(), ClientError> {
    // As it was read, the last to have started stops first.
    for process in processes(change).iter().rev() {
        if !["remove", "restart"].contains(&text(process, "action").as_str()) {
            continue;
        }
        let namespec = make_namespec(name, &text(process, "name"));
        match session.call("supervisor.stopProcess", &[namespec.as_str().into()]) {
            Ok(_) => {}
            Err(ClientError::Fault(fault)) if fault.is(Code::NotRunning) => {}
            Err(error) => return Err(error),
        }
    }
    session.call("update.updateProcessGroup", &[name.into()])?;
    output_done(session, name, "updated", "updated process group");
    Ok(())
}

/// Say what an update would do.
fn print_changes(session: &Session, is_wanted: impl Fn(&&String) -> bool) -> Result<(), Fault> {
    let Some(changes) = group_changes(session)? else {
        let text = "ERROR: this supervisord does not tell what an update would do";
        session.fail(text, exit_status::UNIMPLEMENTED_FEATURE);
        return Ok(());
    };
    let wanted: Vec<_> = changes.iter().filter(|change| is_wanted(&&text(change, "group"))).collect();
    session.begin_list("changes");
    if wanted.is_empty() && !session.is_json() {
        session.output("No config updates to processes");
    }
    for change in wanted {
        let mut lines = Vec::new();
        let group = text(change, "group");
        let way = if is_minimal(change) { " (minimal)" } else { "" };
        lines.push(format!("{group}: would be updated{way}"));
        for process in processes(change) {
            let namespec = make_namespec(&group, &text(process, "name"));
            lines.push(format!("    {namespec}: {}", text(process, "action")));
            for option in process.get("options").map_or(&[][..], items) {
                let [name, old, new] = ["option", "old", "new"].map(|member| text(option, member));
                lines.push(format!("        {name}: {old} -> {new}"));
            }
        }
        session.output_item("changes", &lines.join("\n"), || change.clone());
    }
    Ok(())
}
