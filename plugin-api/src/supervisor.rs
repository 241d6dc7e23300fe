//! A supervisord as its plugins see it: its state, who it is, and the groups that are active.

use std::path::PathBuf;

use serde::Deserialize;

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

/// Identity of a supervisord: the answer of [`Host::info`](crate::Host::info).
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
    /// URL that its programs get as `SUPERVISOR_SERVER_URL`; empty if it has no server.
    pub serverurl: String,
    /// The word before the dot of this plugin's methods: the name of its section.
    pub namespace: String,
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
