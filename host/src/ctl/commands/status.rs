//! `status`: the processes and how they are.

use std::sync::Arc;

use plugin_api::{Fault, ctl_plugin};

use crate::{
    ctl::{
        exit_status, patterns,
        process_info::{ProcessStatus, all_process_info},
        session::Session,
    },
    text::{namespec::split_namespec, pad::pad},
};

/// Shortest width of the column of names.
const NAME_WIDTH: usize = 30;

/// The command `status`.
pub(super) struct StatusCommand(pub(super) Arc<Session>);

#[ctl_plugin]
impl StatusCommand {
    #[doc = "status <name>\t\tShow one process"]
    #[doc = "status <gname>:*\tShow every process of a group"]
    #[doc = "status <name> <name>\tShow several processes or groups"]
    #[doc = "status <pattern>\tShow every process that matches: 'web_*', 'g:*_0[1-3]'"]
    #[doc = "status\t\t\tShow all processes"]
    #[ctl(complete = "processes")]
    pub fn status(&self, names: Vec<String>) -> Result<(), Fault> {
        show_status(&self.0, &names)
    }
}

/// Print the state of the named processes, or of all.
pub(super) fn show_status(session: &Session, names: &[String]) -> Result<(), Fault> {
    if !session.upcheck()? {
        session.set_exit_status(exit_status::STATUS_UNKNOWN);
        return Ok(());
    }
    let all = all_process_info(session)?;
    let shown: Vec<&ProcessStatus> = if names.is_empty() || names.iter().any(|name| name == "all") {
        all.iter().collect()
    } else {
        names.iter().flat_map(|name| matching(session, &all, name)).collect()
    };
    print_table(session, &shown);
    if shown.iter().any(|info| info.is_stopped()) {
        session.set_exit_status(exit_status::STATUS_NOT_RUNNING);
    }
    Ok(())
}

/// The processes that `name` means; reports an error where there is none.
fn matching<'a>(session: &Session, all: &'a [ProcessStatus], name: &str) -> Vec<&'a ProcessStatus> {
    let (group, process) = split_namespec(name);
    let found: Vec<&ProcessStatus> =
        all.iter().filter(|info| info.group == group && process.is_none_or(|process| info.name == process)).collect();
    if found.is_empty() {
        let found = patterns::matching(all, name);
        if !found.is_empty() {
            return found;
        }
        let text = match process {
            None => format!("{group}: ERROR (no such group)"),
            Some(_) => format!("{name}: ERROR (no such process)"),
        };
        session.fail(&text, exit_status::STATUS_UNKNOWN);
    }
    found
}

fn print_table(session: &Session, infos: &[&ProcessStatus]) {
    let names: Vec<String> = infos.iter().map(|info| info.namespec()).collect();
    let width = names.iter().map(|name| name.chars().count()).fold(NAME_WIDTH, usize::max) + 3;
    for (name, info) in names.iter().zip(infos) {
        session.output(&format!("{}{:<10}{}", pad(name, width), info.statename, info.description));
    }
}
