//! `status` and `pid`.

use plugin_api::{Fault, fault::Code};

use super::reply::{ProcessInfo, all_process_info, process_info};
use crate::{
    ctl::session::{Session, status},
    text::{namespec::split_namespec, pad::pad},
    xmlrpc::ClientError,
};

/// Shortest width of the column of names.
const NAME_WIDTH: usize = 30;

pub(super) fn status(ctl: &Session, names: &[String]) -> Result<(), Fault> {
    if !ctl.upcheck()? {
        ctl.set_exit_status(status::STATUS_UNKNOWN);
        return Ok(());
    }
    let all = all_process_info(ctl)?;
    let shown: Vec<&ProcessInfo> = if names.is_empty() || names.iter().any(|name| name == "all") {
        all.iter().collect()
    } else {
        names.iter().flat_map(|name| matching(ctl, &all, name)).collect()
    };
    show(ctl, &shown);
    if shown.iter().any(|info| info.is_stopped()) {
        ctl.set_exit_status(status::STATUS_NOT_RUNNING);
    }
    Ok(())
}

/// The processes that `name` means; complains where there is none.
fn matching<'a>(ctl: &Session, all: &'a [ProcessInfo], name: &str) -> Vec<&'a ProcessInfo> {
    let (group, process) = split_namespec(name);
    let found: Vec<&ProcessInfo> =
        all.iter().filter(|info| info.group == group && process.is_none_or(|process| info.name == process)).collect();
    if found.is_empty() {
        match process {
            None => ctl.output(&format!("{group}: ERROR (no such group)")),
            Some(_) => ctl.output(&format!("{name}: ERROR (no such process)")),
        }
        ctl.set_exit_status(status::STATUS_UNKNOWN);
    }
    found
}

fn show(ctl: &Session, infos: &[&ProcessInfo]) {
    let names: Vec<String> = infos.iter().map(|info| info.namespec()).collect();
    let width = names.iter().map(|name| name.chars().count()).fold(NAME_WIDTH, usize::max) + 3;
    for (name, info) in names.iter().zip(infos) {
        ctl.output(&format!("{}{:<10}{}", pad(name, width), info.statename, info.description));
    }
}

pub(super) fn pid(ctl: &Session, names: &[String]) -> Result<(), Fault> {
    if !ctl.upcheck()? {
        return Ok(());
    }
    if names.is_empty() {
        let pid = ctl.call("supervisor.getPID", &[])?;
        ctl.output(&plugin_api::repr(&pid));
    } else if names.iter().any(|name| name == "all") {
        for info in all_process_info(ctl)? {
            ctl.output(&info.pid.to_string());
        }
    } else {
        for name in names {
            pid_of(ctl, name)?;
        }
    }
    Ok(())
}

fn pid_of(ctl: &Session, name: &str) -> Result<(), Fault> {
    match process_info(ctl, name) {
        Ok(info) => {
            ctl.output(&info.pid.to_string());
            if info.pid == 0 {
                ctl.set_exit_status(status::NOT_RUNNING);
            }
            Ok(())
        }
        Err(ClientError::Fault(fault)) if fault.is(Code::BadName) => {
            ctl.output(&format!("No such process {name}"));
            ctl.set_exit_status(status::GENERIC);
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}
