//! `plugins`: the plugins that the server has loaded.

use std::sync::Arc;

use plugin_api::{Code, Fault, Value, ctl_plugin};

use super::refusal::refuses_words;
use crate::{
    ctl::{
        exit_status,
        process_info::{items, number, text},
        session::Session,
    },
    xmlrpc::ClientError,
};

/// The command `plugins`.
pub(super) struct PluginsCommand(pub(super) Arc<Session>);

#[ctl_plugin]
impl PluginsCommand {
    #[doc = "plugins\t\t\tList the plugins of supervisord, and how they have been used"]
    pub fn plugins(&self, words: Vec<String>) -> Result<(), Fault> {
        let session = &self.0;
        if refuses_words(session, "plugins", &words) || !session.upcheck()? {
            return Ok(());
        }
        match session.call("plugins.getAllPluginInfo", &[]) {
            Ok(infos) if items(&infos).is_empty() => {
                session.output_member("plugins", "No plugins are loaded", || Value::array([]));
            }
            Ok(infos) => {
                for info in items(&infos) {
                    session.output_item("plugins", &describe(info), || info.clone());
                }
            }
            // Python's supervisord.
            Err(ClientError::Fault(fault)) if fault.is(Code::UnknownMethod) => {
                let text = "ERROR: this supervisord does not tell of its plugins";
                session.fail(text, exit_status::UNIMPLEMENTED_FEATURE);
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
    let parts = ["namespaces", "result_handlers"].iter().filter_map(|&member| info.get(member)).flat_map(items);
    lines.extend(parts.map(|part| format!("    {}: {}", text(part, "name"), describe_usage(part))));
    lines.join("\n")
}

fn describe_usage(info: &Value) -> String {
    let seconds = match info.get("seconds") {
        Some(&Value::Double(seconds)) => seconds,
        _ => 0.0,
    };
    let [calls, faults, panics, running] = ["calls", "faults", "panics", "running"].map(|member| number(info, member));
    let running = if running == 0 { String::new() } else { format!(", {running} running") };
    format!("calls {calls}, faults {faults}, panics {panics}, {seconds:.3} seconds{running}")
}
