//! A supervisord as its plugins see it: its state, who it is, and the groups that are active.

use std::path::PathBuf;

use serde::Deserialize;

use crate::{FromValue, abi::Value};

/// What a supervisord is doing, by Supervisor's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(i32)]
pub enum SupervisorState {
    /// It is going down, and answers no more calls.
    Shutdown = -1,
    /// It is about to start anew.
    Restarting = 0,
    /// All is well.
    Running = 1,
    /// It cannot go on.
    Fatal = 2,
}

impl SupervisorState {
    /// The state of that number.
    pub fn from_number(number: i32) -> Option<Self> {
        [Self::Shutdown, Self::Restarting, Self::Running, Self::Fatal].into_iter().find(|state| *state as i32 == number)
    }

    /// As `supervisor.getState` spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Shutdown => "SHUTDOWN",
            Self::Restarting => "RESTARTING",
            Self::Running => "RUNNING",
            Self::Fatal => "FATAL",
        }
    }
}

/// Who a supervisord is: the answer of [`Host::info`].
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, FromValue)]
#[non_exhaustive]
pub struct SupervisorInfo {
    /// `identifier` of `[supervisord]`.
    pub identifier: String,
    /// Its process id.
    pub pid: u32,
    /// The version of Supervisor that it is compatible with.
    pub supervisor_version: String,
    /// Its own version.
    pub version: String,
    /// Its config file, as an absolute path.
    pub config_file: PathBuf,
    /// What its programs get as `SUPERVISOR_SERVER_URL`; empty if it has no server.
    pub serverurl: String,
    /// What stands before the dot of this plugin's methods: the name of its section.
    pub namespace: String,
}

/// A process group that is active: one of the answer of [`Host::groups`].
#[derive(Clone, Debug, PartialEq, Deserialize, FromValue)]
#[non_exhaustive]
pub struct Group {
    /// Its name.
    pub name: String,
    /// Lower ones start first and stop last.
    pub priority: i32,
    /// What its processes were made from, in the order in which they came to it: what `supervisor.getAllConfigInfo`
    /// says of each, and `autorestart` (`true`, `false` or `unexpected`), `environment` (a struct), `stopasgroup` and
    /// `umask`. [`from_value`](crate::from_value) reads one into a struct with the fields of interest.
    pub processes: Vec<Value>,
}

impl Group {
    /// The names of its processes.
    pub fn process_names(&self) -> impl Iterator<Item = &str> {
        self.processes.iter().filter_map(|process| process.get("name")?.as_str())
    }
}
