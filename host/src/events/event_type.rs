//! The names of event types, as `events=` lists them.

use std::fmt;

use serde::{Deserialize, Serialize};

use plugin_api::Event;

/// Names of Supervisor's event types. A type is also meant by the names of those above it:
/// the part before a `_` in its own name where that is in the list, and `EVENT`.
const BUILT_IN: &[&str] = Event::SUPERVISOR_TYPES;

/// A name that `events=` accepts, in capitals.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EventType(String);

impl EventType {
    /// Return Supervisor's type of that name, whatever its case, if it has one.
    pub fn built_in(name: &str) -> Option<Self> {
        let name = name.to_uppercase();
        BUILT_IN.contains(&name.as_str()).then_some(Self(name))
    }

    /// List the names of Supervisor's types.
    pub fn all_built_in<'a>() -> impl Iterator<Item = &'a str> {
        BUILT_IN.iter().copied()
    }

    /// Return a type that a plugin may have: a name of the same form that is not Supervisor's, nor below one of those.
    pub fn of_a_plugin(name: &str) -> Option<Self> {
        let name = name.to_uppercase();
        let well_formed = name.starts_with(|letter: char| letter.is_ascii_uppercase())
            && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
        let taken = BUILT_IN[1..].iter().any(|own| Self((*own).to_owned()).includes(&name)) || name == "EVENT";
        (well_formed && !taken).then_some(Self(name))
    }

    /// Return whether it is one of Supervisor's types.
    pub fn is_built_in(&self) -> bool {
        BUILT_IN.contains(&self.0.as_str())
    }

    /// List the types under which an event of that name is sent: from its own to `EVENT`.
    pub fn above(name: &str) -> Vec<String> {
        let shorter = |name: &str| name.rfind('_').map(|end| name[..end].to_owned());
        let mut types: Vec<String> = std::iter::successors(Some(name.to_owned()), |name| shorter(name)).collect();
        if BUILT_IN.contains(&name) {
            types.retain(|name| BUILT_IN.contains(&name.as_str()));
        }
        types.push("EVENT".to_owned());
        types
    }

    /// Return whether a subscriber to this type gets events of that name.
    pub fn includes(&self, name: &str) -> bool {
        self.0 == "EVENT" || self.names(name)
    }

    /// Return whether that name is of this type or of one below it. `EVENT`, which is everything, names nothing.
    pub fn names(&self, name: &str) -> bool {
        name.strip_prefix(self.0.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
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
        let names = |ours: &str, name| EventType::built_in(ours).unwrap().names(name);
        assert!(names("TICK", "TICK_5") && !names("EVENT", "TICK_5"));
    }

    #[test]
    fn a_plugin_has_types_of_its_own() {
        assert_eq!(EventType::of_a_plugin("board_full").map(|it| it.to_string()).as_deref(), Some("BOARD_FULL"));
        for taken in ["EVENT", "TICK_7", "PROCESS_STATE", "PROCESS_STATE_SAD", "", "A B", "5", "É"] {
            assert_eq!(EventType::of_a_plugin(taken), None, "{taken:?}");
        }
        assert_eq!(EventType::above("BOARD_FULL"), ["BOARD_FULL", "BOARD", "EVENT"]);
        let above = ["SUPERVISOR_STATE_CHANGE_RUNNING", "SUPERVISOR_STATE_CHANGE", "EVENT"];
        assert_eq!(EventType::above("SUPERVISOR_STATE_CHANGE_RUNNING"), above);
        assert_eq!(EventType::above("REMOTE_COMMUNICATION"), ["REMOTE_COMMUNICATION", "EVENT"]);
    }
}
