//! `status`: the processes and how they are.

use std::sync::Arc;

use plugin_api::{Code, Fault, Value, ctl_plugin};

use super::{process_details::describe_details, process_result::error_item};
use crate::{
    ctl::{
        colour::Colour,
        exit_status, patterns,
        process_info::{ProcessStatus, with_namespec},
        session::Session,
    },
    text::{namespec::split_namespec, pad::pad},
    xmlrpc::ClientError,
};

/// Shortest width of the column of names.
const NAME_WIDTH: usize = 30;

/// Width of the column of states.
const STATE_WIDTH: usize = 10;

/// The command `status`.
pub(super) struct StatusCommand(pub(super) Arc<Session>);

#[ctl_plugin]
impl StatusCommand {
    #[doc = "status <name>\t\tShow one process"]
    #[doc = "status <gname>:*\tShow every process of a group"]
    #[doc = "status <name> <name>\tShow several processes or groups"]
    #[doc = "status <pattern>\tShow every process that matches: 'web_*', 'g:*_0[1-3]'"]
    #[doc = "status --verbose [...]\tShow more of each: what it waits for, last exits, health, limits, log files"]
    #[doc = "status\t\t\tShow all processes"]
    #[ctl(complete = "processes")]
    pub fn status(&self, names: Vec<String>) -> Result<(), Fault> {
        let (flags, names): (Vec<_>, Vec<_>) = names.into_iter().partition(|name| name == "--verbose");
        show_status(&self.0, &names, !flags.is_empty())
    }
}

/// Print the state of the named processes, or of all, with their details if they are asked for.
pub(super) fn show_status(session: &Session, names: &[String], is_verbose: bool) -> Result<(), Fault> {
    if !session.upcheck()? {
        session.set_exit_status(exit_status::STATUS_UNKNOWN);
        return Ok(());
    }
    let method = if is_verbose { "processes.getAllDetails" } else { "supervisor.getAllProcessInfo" };
    // Only these show all that the server says of each.
    let has_members = is_verbose || session.is_json();
    let item = |info: Value| {
        if has_members { ProcessStatus::with_members(info) } else { ProcessStatus::from_value(&info) }
    };
    let all = match session.call_list(method, &[], item) {
        Err(ClientError::Fault(fault)) if is_verbose && fault.is(Code::UnknownMethod) => {
            let text = "ERROR: this supervisord does not tell more of its processes";
            session.fail(text, exit_status::UNIMPLEMENTED_FEATURE);
            return Ok(());
        }
        all => all?,
    };
    session.begin_list("processes");
    let shown: Vec<&ProcessStatus> = if names.is_empty() || names.iter().any(|name| name == "all") {
        all.iter().collect()
    } else {
        names.iter().flat_map(|name| matching(session, &all, name)).collect()
    };
    print_table(session, &shown, is_verbose);
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
        let (name, what) = match process {
            None => (group, "no such group"),
            Some(_) => (name, "no such process"),
        };
        let item = error_item(name, Some(Code::BadName), what);
        session.fail_item("errors", &format!("{name}: ERROR ({what})"), item, exit_status::STATUS_UNKNOWN);
    }
    found
}

fn print_table(session: &Session, shown: &[&ProcessStatus], is_verbose: bool) {
    let names: Vec<String> = shown.iter().map(|info| info.namespec()).collect();
    let width = names.iter().map(|name| name.chars().count()).fold(NAME_WIDTH, usize::max) + 3;
    for (name, info) in names.iter().zip(shown) {
        // Scripts read the columns of the plain form, also through a terminal that they were given.
        let is_coloured = is_verbose && session.is_coloured();
        let state = match Colour::of_state(&info.statename).filter(|_| is_coloured) {
            // The blanks behind it stay as they are.
            Some(colour) => pad(&info.statename, STATE_WIDTH).replace(&info.statename, &colour.paint(&info.statename)),
            None => pad(&info.statename, STATE_WIDTH),
        };
        let mut line = [&pad(name, width), &state, info.description.as_str()].concat();
        if let Some(details) = info.members.as_ref().filter(|_| is_verbose && !session.is_json()) {
            line = [&[line], describe_details(details).as_slice()].concat().join("\n    ");
        }
        session.output_item("processes", &line, || info.members.as_ref().map_or(Value::Nil, with_namespec));
    }
}
