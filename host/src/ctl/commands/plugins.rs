//! `plugins`: what the server has loaded beside what Supervisor has.
//!
//! It is no command of Supervisor's, so it is a group of its own: `help` shows the default commands as they have always
//! been, and a plugin with a command of this name keeps it.

use std::sync::Arc;

use plugin_api::{Fault, Value, ctl_plugin, fault::Code};

use super::{
    super::session::{Session, status},
    refuses_words,
    reply::{items, number, text},
};
use crate::xmlrpc::ClientError;

/// The commands that Supervisor does not have.
pub(in crate::ctl) struct FurtherControllerPlugin {
    ctl: Arc<Session>,
}

impl FurtherControllerPlugin {
    /// The commands of this session.
    pub(in crate::ctl) fn new(ctl: Arc<Session>) -> Self {
        Self { ctl }
    }
}

#[ctl_plugin]
impl FurtherControllerPlugin {
    #[doc = "plugins\t\t\tList the plugins of supervisord, and how they have been used"]
    pub fn plugins(&self, words: Vec<String>) -> Result<(), Fault> {
        if refuses_words(&self.ctl, "plugins", &words) || !self.ctl.upcheck()? {
            return Ok(());
        }
        match self.ctl.call("plugins.getAllPluginInfo", &[]) {
            Ok(infos) if items(&infos).is_empty() => self.ctl.output("No plugins are loaded"),
            Ok(infos) => items(&infos).iter().for_each(|info| self.ctl.output(&describe(info))),
            Err(ClientError::Fault(fault)) if fault.is(Code::UnknownMethod) => {
                self.ctl.output("ERROR: this supervisord does not tell of its plugins");
                self.ctl.set_exit_status(status::UNIMPLEMENTED_FEATURE);
            }
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}

fn describe(info: &Value) -> String {
    let mut lines = vec![
        format!("{} {} (plugin API {})", text(info, "name"), text(info, "version"), text(info, "api_version")),
        format!("    {}", text(info, "path")),
    ];
    // An older server does not tell of result handlers.
    let parts = ["namespaces", "result_handlers"].iter().filter_map(|&member| info.get(member));
    lines.extend(parts.flat_map(items).map(|part| format!("    {}: {}", text(part, "name"), used(part))));
    lines.join("\n")
}

fn used(info: &Value) -> String {
    let seconds = match info.get("seconds") {
        Some(&Value::Double(seconds)) => seconds,
        _ => 0.0,
    };
    let [calls, faults, panics, running] = ["calls", "faults", "panics", "running"].map(|member| number(info, member));
    // An older server does not tell of what runs.
    let running = if running == 0 { String::new() } else { format!(", {running} running") };
    format!("calls {calls}, faults {faults}, panics {panics}, {seconds:.3} seconds{running}")
}
