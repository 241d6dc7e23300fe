//! The types of events that Supervisor has, and names for a plugin's own beside them.
//!
//! The list stands here because a crate of macros can give nothing but macros to others: `list_event_types!` is how
//! `plugin_api::Event::SUPERVISOR_TYPES`, and through it the host, have it.

/// Types of events that Supervisor has, and those that supervisord has besides. `EVENT`, the first, is above all
/// others.
pub(crate) const EVENT_TYPES: [&str; 31] = [
    "EVENT",
    "PROCESS_STATE",
    "PROCESS_STATE_STOPPED",
    "PROCESS_STATE_EXITED",
    "PROCESS_STATE_STARTING",
    "PROCESS_STATE_STOPPING",
    "PROCESS_STATE_BACKOFF",
    "PROCESS_STATE_FATAL",
    "PROCESS_STATE_RUNNING",
    "PROCESS_STATE_UNKNOWN",
    "PROCESS_COMMUNICATION",
    "PROCESS_COMMUNICATION_STDOUT",
    "PROCESS_COMMUNICATION_STDERR",
    "PROCESS_LOG",
    "PROCESS_LOG_STDOUT",
    "PROCESS_LOG_STDERR",
    "REMOTE_COMMUNICATION",
    "SUPERVISOR_STATE_CHANGE",
    "SUPERVISOR_STATE_CHANGE_RUNNING",
    "SUPERVISOR_STATE_CHANGE_STOPPING",
    "TICK",
    "TICK_5",
    "TICK_60",
    "TICK_3600",
    "PROCESS_GROUP",
    "PROCESS_GROUP_ADDED",
    "PROCESS_GROUP_REMOVED",
    // Supervisor does not have these.
    "PROCESS_DEPENDENCY_FAILED",
    "PROCESS_HEALTH",
    "PROCESS_HEALTH_FAILED",
    "PROCESS_HEALTH_OK",
];

/// True for a name that a type of events can have.
pub(crate) fn is_well_formed(name: &str) -> bool {
    name.starts_with(|letter: char| letter.is_ascii_uppercase())
        && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

/// The type of Supervisor's below which `name` would be, where it is none of Supervisor's own. A plugin cannot have
/// such a type either.
pub(crate) fn taken_by(name: &str) -> Option<&'static str> {
    if EVENT_TYPES.contains(&name) {
        return None;
    }
    EVENT_TYPES[1..].iter().rev().copied().find(|own| is_below(name, own))
}

/// Types of Supervisor's that are below `own`.
pub(crate) fn below(own: &str) -> Vec<&'static str> {
    EVENT_TYPES.into_iter().filter(|name| is_below(name, own)).collect()
}

fn is_below(name: &str, own: &str) -> bool {
    name.strip_prefix(own).is_some_and(|rest| rest.starts_with('_'))
}
