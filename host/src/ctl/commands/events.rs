//! `events`: what happens, as it happens.

use std::sync::Arc;

use plugin_api::{Fault, ctl_plugin};

use crate::ctl::{follow_events::follow_events, session::Session};

/// The command `events`.
pub(super) struct EventsCommand(pub(super) Arc<Session>);

#[ctl_plugin]
impl EventsCommand {
    #[doc = "events\t\t\tPrint all events as they happen, but for ticks and output (Ctrl-C to exit)"]
    #[doc = "events <type> [...]\tPrint those of some types: 'events PROCESS_STATE TICK_60'"]
    pub fn events(&self, types: Vec<String>) -> Result<(), Fault> {
        if !self.0.upcheck()? {
            return Ok(());
        }
        let types: String = form_urlencoded::byte_serialize(types.join(",").as_bytes()).collect();
        let query = if types.is_empty() { String::new() } else { format!("?types={types}") };
        follow_events(&self.0, &format!("/events{query}"))
    }
}
