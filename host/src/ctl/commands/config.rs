//! `avail`, `reread`, `update`, `add` and `remove`: the configuration, and what of it is active.

use std::collections::{BTreeMap, BTreeSet};

use plugin_api::{Fault, Value, fault::Code};

use super::{
    refuses_words,
    reply::{Outcome, all_process_info, items, number, text, texts, truth},
};
use crate::{
    ctl::session::{Session, status},
    text::namespec::make_namespec,
    xmlrpc::ClientError,
};

pub(super) fn avail(ctl: &Session, words: &[String]) -> Result<(), Fault> {
    if refuses_words(ctl, "avail", words) {
        return Ok(());
    }
    match ctl.call("supervisor.getAllConfigInfo", &[]) {
        Ok(infos) => items(&infos).iter().for_each(|info| ctl.output(&available(info))),
        Err(error) => tell_shutdown(ctl, error, "ERROR: supervisor shutting down")?,
    }
    Ok(())
}

fn available(info: &Value) -> String {
    let name = make_namespec(&text(info, "group"), &text(info, "name"));
    let in_use = if truth(info, "inuse") { "in use" } else { "avail" };
    let autostart = if truth(info, "autostart") { "auto" } else { "manual" };
    let (group, process) = (number(info, "group_prio"), number(info, "process_prio"));
    format!("{name:<32} {in_use:<9} {autostart:<9} {group}:{process}")
}

pub(super) fn reread(ctl: &Session, words: &[String]) -> Result<(), Fault> {
    if refuses_words(ctl, "reread", words) {
        return Ok(());
    }
    match ctl.call("supervisor.reloadConfig", &[]) {
        Ok(result) => show(ctl, &Changes::from_value(&result)),
        Err(ClientError::Fault(fault)) if fault.is(Code::CantReread) => {
            ctl.set_exit_status(status::GENERIC);
            ctl.output(&format!("ERROR: {fault}"));
        }
        Err(error) => tell_shutdown(ctl, error, "ERROR: supervisor shutting down")?,
    }
    Ok(())
}

/// What a reread found, by group.
struct Changes {
    added: Vec<String>,
    changed: Vec<String>,
    removed: Vec<String>,
}

impl Changes {
    /// From `[[added, changed, removed]]`.
    fn from_value(result: &Value) -> Self {
        let lists = items(result).first().map_or(&[][..], items);
        let list = |index: usize| lists.get(index).map(texts).unwrap_or_default();
        Self { added: list(0), changed: list(1), removed: list(2) }
    }
}

fn show(ctl: &Session, changes: &Changes) {
    let mut words = BTreeMap::new();
    words.extend(changes.added.iter().map(|name| (name, "available")));
    words.extend(changes.changed.iter().map(|name| (name, "changed")));
    words.extend(changes.removed.iter().map(|name| (name, "disappeared")));
    if words.is_empty() {
        ctl.output("No config updates to processes");
    }
    for (name, word) in words {
        ctl.output(&format!("{name}: {word}"));
    }
}

pub(super) fn update(ctl: &Session, names: &[String]) -> Result<(), Fault> {
    let changes = match ctl.call("supervisor.reloadConfig", &[]) {
        Ok(result) => Changes::from_value(&result),
        Err(error) => return tell_shutdown(ctl, error, "ERROR: already shutting down"),
    };
    let wanted: &[String] = if names.iter().any(|name| name == "all") { &[] } else { names };
    if !wanted.is_empty() {
        complain_of_unknown(ctl, wanted, &changes)?;
    }
    let is_wanted = |name: &&String| wanted.is_empty() || wanted.contains(name);
    let group = |method: &str, name: &str| ctl.call(method, &[name.into()]);
    for name in changes.removed.iter().filter(is_wanted) {
        let results = group("supervisor.stopProcessGroup", name)?;
        ctl.output(&format!("{name}: stopped"));
        if Outcome::several(&results).iter().any(|outcome| outcome.status == Code::Failed as i32) {
            ctl.output(&format!("{name}: has problems; not removing"));
            ctl.set_exit_status(status::GENERIC);
            continue;
        }
        group("supervisor.removeProcessGroup", name)?;
        ctl.output(&format!("{name}: removed process group"));
    }
    for name in changes.changed.iter().filter(is_wanted) {
        group("supervisor.stopProcessGroup", name)?;
        ctl.output(&format!("{name}: stopped"));
        group("supervisor.removeProcessGroup", name)?;
        group("supervisor.addProcessGroup", name)?;
        ctl.output(&format!("{name}: updated process group"));
    }
    for name in changes.added.iter().filter(is_wanted) {
        group("supervisor.addProcessGroup", name)?;
        ctl.output(&format!("{name}: added process group"));
    }
    Ok(())
}

fn complain_of_unknown(ctl: &Session, wanted: &[String], changes: &Changes) -> Result<(), ClientError> {
    let mut known: BTreeSet<String> = all_process_info(ctl)?.into_iter().map(|info| info.group).collect();
    known.extend(changes.added.iter().cloned());
    for name in wanted.iter().collect::<BTreeSet<_>>() {
        if !known.contains(name) {
            ctl.output(&format!("ERROR: no such group: {name}"));
            ctl.set_exit_status(status::GENERIC);
        }
    }
    Ok(())
}

pub(super) fn add(ctl: &Session, names: &[String]) -> Result<(), Fault> {
    for name in names {
        let fault = match ctl.call("supervisor.addProcessGroup", &[name.as_str().into()]) {
            Ok(_) => {
                ctl.output(&format!("{name}: added process group"));
                continue;
            }
            Err(ClientError::Fault(fault)) => fault,
            Err(error) => return Err(error.into()),
        };
        match Code::from_number(fault.code) {
            Some(Code::AlreadyAdded) => ctl.output("ERROR: process group already active"),
            Some(Code::ShutdownState) => {
                ctl.output("ERROR: shutting down");
                ctl.set_exit_status(status::GENERIC);
            }
            Some(Code::BadName) => {
                ctl.output(&format!("ERROR: no such process/group: {name}"));
                ctl.set_exit_status(status::GENERIC);
            }
            _ => return Err(fault),
        }
    }
    Ok(())
}

pub(super) fn remove(ctl: &Session, names: &[String]) -> Result<(), Fault> {
    for name in names {
        let fault = match ctl.call("supervisor.removeProcessGroup", &[name.as_str().into()]) {
            Ok(_) => {
                ctl.output(&format!("{name}: removed process group"));
                continue;
            }
            Err(ClientError::Fault(fault)) => fault,
            Err(error) => return Err(error.into()),
        };
        ctl.set_exit_status(status::GENERIC);
        match Code::from_number(fault.code) {
            Some(Code::StillRunning) => ctl.output(&format!("ERROR: process/group still running: {name}")),
            Some(Code::BadName) => ctl.output(&format!("ERROR: no such process/group: {name}")),
            _ => return Err(fault),
        }
    }
    Ok(())
}

/// Says it in these words if the server is shutting down; passes on every other error.
fn tell_shutdown(ctl: &Session, error: ClientError, text: &str) -> Result<(), Fault> {
    match error {
        ClientError::Fault(fault) if fault.is(Code::ShutdownState) => {
            ctl.set_exit_status(status::GENERIC);
            ctl.output(text);
            Ok(())
        }
        error => Err(error.into()),
    }
}
