//! A supervisord as its plugins see it: its state, who it is, and the groups that are active.

use std::path::PathBuf;

use serde::{Deserialize, Deserializer};

use crate::{FromValue, abi::Value};

/// State of a supervisord, by Supervisor's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(i32)]
pub enum SupervisorState {
    /// Going down: its own methods are refused.
    Shutdown = -1,
    /// About to start anew.
    Restarting = 0,
    /// Up, and doing its work.
    Running = 1,
    /// Broken: it cannot go on.
    Fatal = 2,
}

impl SupervisorState {
    /// The state of that number.
    pub fn from_number(number: i32) -> Option<Self> {
        [Self::Shutdown, Self::Restarting, Self::Running, Self::Fatal].into_iter().find(|state| *state as i32 == number)
    }

    /// The name as `supervisor.getState` spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Shutdown => "SHUTDOWN",
            Self::Restarting => "RESTARTING",
            Self::Running => "RUNNING",
            Self::Fatal => "FATAL",
        }
    }
}

/// Identity of a supervisord: the answer of [`Host::supervisor_info`](crate::Host::supervisor_info).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, FromValue)]
#[non_exhaustive]
pub struct SupervisorInfo {
    /// `identifier` of `[supervisord]`.
    pub identifier: String,
    /// Process id of supervisord.
    pub pid: u32,
    /// The version of Supervisor that it is compatible with.
    pub supervisor_version: String,
    /// Version of the supervisord itself.
    pub version: String,
    /// Config file, as an absolute path.
    pub config_file: PathBuf,
    /// URL that its programs get as `SUPERVISOR_SERVER_URL`, if it has a server.
    #[serde(deserialize_with = "unless_empty")]
    pub serverurl: Option<String>,
    /// The word before the dot of this plugin's methods: the name of its section.
    pub namespace: String,
}

/// Read a text, of which the host sends an empty one where there is none.
fn unless_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Option::deserialize(deserializer)?.filter(|text: &String| !text.is_empty()))
}

/// A process group that is active: one of the answer of [`Host::groups`](crate::Host::groups).
#[derive(Clone, Debug, PartialEq, Deserialize, FromValue)]
#[non_exhaustive]
pub struct Group {
    /// Name of the group.
    pub name: String,
    /// Priority among the groups: lower ones start first and stop last.
    pub priority: i32,
    /// Config of each process, in the order in which they came to the group: what `supervisor.getAllConfigInfo` says of
    /// it, and `autorestart` (`true`, `false` or `unexpected`), `environment` (a struct), `stopasgroup` and `umask`.
    /// [`from_value`](crate::from_value) reads one into a struct with the fields of interest.
    pub processes: Vec<Value>,
}

impl Group {
    /// The names of the group's processes.
    pub fn process_names(&self) -> impl Iterator<Item = &str> {
        self.processes.iter().filter_map(|process| process.get("name")?.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_supervisord_without_a_server_has_no_url() {
        let url = |url: Value| {
            let info = Value::structure([
                ("identifier", "supervisor".into()),
                ("pid", 4711.into()),
                ("supervisor_version", "4.3.0".into()),
                ("version", "1.0.0".into()),
                ("config_file", "/etc/supervisord.conf".into()),
                ("serverurl", url),
                ("namespace", "test".into()),
            ]);
            SupervisorInfo::from_value(info).unwrap().serverurl
        };
        assert_eq!(url("http://localhost:9001".into()).as_deref(), Some("http://localhost:9001"));
        assert_eq!((url("".into()), url(Value::Nil)), (None, None));
    }
}
