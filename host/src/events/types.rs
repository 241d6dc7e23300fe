//! The names of event types, as `events=` lists them.

use std::fmt;

/// All that Supervisor has. A type is also meant by the names of those above it: what precedes a `_` in its own name
/// where that is in the list, and `EVENT`.
const BUILT_IN: [&str; 27] = [
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
];

/// A name that `events=` accepts, in capitals.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventType(String);

impl EventType {
    /// The type of that name, whatever its case; `None` where Supervisor has none.
    pub fn built_in(name: &str) -> Option<Self> {
        let name = name.to_uppercase();
        BUILT_IN.contains(&name.as_str()).then_some(Self(name))
    }

    /// Whether whoever asks for this type gets events of the type `name`.
    pub fn includes(&self, name: &str) -> bool {
        self.0 == "EVENT"
            || name.strip_prefix(self.0.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_known_in_any_case() {
        assert_eq!(EventType::built_in("tick_5").unwrap().to_string(), "TICK_5");
        assert_eq!(EventType::built_in(""), None);
        assert_eq!(EventType::built_in("TICK_7"), None);
    }

    #[test]
    fn an_abstract_type_includes_those_below_it() {
        let includes = |ours: &str, name| EventType::built_in(ours).unwrap().includes(name);
        assert!(includes("PROCESS_STATE", "PROCESS_STATE_EXITED"));
        assert!(includes("TICK", "TICK_3600") && includes("TICK_60", "TICK_60"));
        assert!(includes("EVENT", "REMOTE_COMMUNICATION"));
        assert!(!includes("TICK_5", "TICK_60") && !includes("PROCESS_STATE_EXITED", "PROCESS_STATE_RUNNING"));
        assert!(!includes("PROCESS_GROUP", "PROCESS_LOG_STDOUT"));
    }
}
