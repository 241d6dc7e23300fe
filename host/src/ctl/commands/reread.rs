//! `reread`: read the config files again and change nothing.

use std::{collections::BTreeMap, sync::Arc};

use plugin_api::{Code, Fault, Value, ctl_plugin};

use super::{
    config_changes::ConfigChanges,
    refusal::{refuses_words, report_shutdown},
};
use crate::{
    ctl::{exit_status, session::Session},
    xmlrpc::ClientError,
};

/// The command `reread`.
pub(super) struct RereadCommand(pub(super) Arc<Session>);

#[ctl_plugin]
impl RereadCommand {
    #[doc = "reread \t\t\tRead the config files again and say what is new; change nothing"]
    pub fn reread(&self, words: Vec<String>) -> Result<(), Fault> {
        let session = &self.0;
        if refuses_words(session, "reread", &words) {
            return Ok(());
        }
        match session.call("supervisor.reloadConfig", &[]) {
            Ok(result) => print_changes(session, &ConfigChanges::from_value(&result)),
            Err(ClientError::Fault(fault)) if fault.is(Code::CantReread) => {
                session.error(&format!("ERROR: {fault}"), Some(fault.code));
                session.set_exit_status(exit_status::GENERIC);
            }
            Err(error) => report_shutdown(session, error, "ERROR: supervisor shutting down")?,
        }
        Ok(())
    }
}

fn set_changes(session: &Session, changes: &ConfigChanges) {
    let lists = [("added", &changes.added), ("changed", &changes.changed), ("removed", &changes.removed)];
    for (member, names) in lists {
        session.output_member(member, "", || Value::array(names.iter().map(|name| name.as_str().into())));
    }
}

fn print_changes(session: &Session, changes: &ConfigChanges) {
    if session.is_json() {
        return set_changes(session, changes);
    }
    let mut words = BTreeMap::new();
    words.extend(changes.added.iter().map(|name| (name, "available")));
    words.extend(changes.changed.iter().map(|name| (name, "changed")));
    words.extend(changes.removed.iter().map(|name| (name, "disappeared")));
    if words.is_empty() {
        session.output("No config updates to processes");
    }
    for (name, word) in words {
        session.output(&format!("{name}: {word}"));
    }
}
