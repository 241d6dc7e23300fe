//! `avail`: the processes that are configured.

use std::sync::Arc;

use plugin_api::{Fault, Value, ctl_plugin};

use super::refusal::{refuses_words, report_shutdown};
use crate::{
    ctl::{
        process_info::{items, number, text, with_namespec},
        session::Session,
    },
    text::namespec::make_namespec,
};

/// The command `avail`.
pub(super) struct AvailCommand(pub(super) Arc<Session>);

#[ctl_plugin]
impl AvailCommand {
    #[doc = "avail\t\t\tList all processes that are configured"]
    pub fn avail(&self, words: Vec<String>) -> Result<(), Fault> {
        let session = &self.0;
        if refuses_words(session, "avail", &words) {
            return Ok(());
        }
        match session.call("supervisor.getAllConfigInfo", &[]) {
            Ok(infos) => {
                session.begin_list("processes");
                for info in items(&infos) {
                    session.output_item("processes", &describe(info), || with_namespec(info));
                }
            }
            Err(error) => report_shutdown(session, error, "ERROR: supervisor shutting down")?,
        }
        Ok(())
    }
}

fn describe(info: &Value) -> String {
    let name = make_namespec(&text(info, "group"), &text(info, "name"));
    let in_use = if number(info, "inuse") != 0 { "in use" } else { "avail" };
    let autostart = if number(info, "autostart") != 0 { "auto" } else { "manual" };
    let (group, process) = (number(info, "group_prio"), number(info, "process_prio"));
    format!("{name:<32} {in_use:<9} {autostart:<9} {group}:{process}")
}
