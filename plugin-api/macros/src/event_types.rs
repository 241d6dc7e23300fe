//! The types of events that Supervisor has, and what a plugin may call its own beside them.

/// All but `EVENT`, which is above all others.
const SUPERVISORS: [&str; 26] = [
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
];

/// Whether an event can have a type of that form.
pub(crate) fn is_well_formed(name: &str) -> bool {
    name.starts_with(|letter: char| letter.is_ascii_uppercase())
        && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

/// The type of Supervisor's below which this would be, where it has none of that name. A plugin cannot have it either.
pub(crate) fn nobody_s_below(name: &str) -> Option<&'static str> {
    if SUPERVISORS.contains(&name) {
        return None;
    }
    SUPERVISORS.into_iter().rev().find(|own| is_below(name, own))
}

/// The types below one of Supervisor's.
pub(crate) fn below(own: &str) -> Vec<&'static str> {
    SUPERVISORS.into_iter().filter(|name| is_below(name, own)).collect()
}

fn is_below(name: &str, own: &str) -> bool {
    name.strip_prefix(own).is_some_and(|rest| rest.starts_with('_'))
}
