//! Source of the events that clients follow.

use crate::events::Bus;

/// Source of the events that clients can follow.
#[derive(Clone, Debug, Default)]
pub struct EventSource {
    /// Bus of supervisord.
    pub bus: Bus,
    /// Types of events that plugins have.
    pub plugin_types: Vec<String>,
}
