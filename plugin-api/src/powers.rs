//! What a plugin may ask of the supervisor beside its published methods.

use std::{fmt::Display, path::PathBuf};

use serde::Deserialize;

use crate::{
    FromValue, Host,
    abi::{Fault, Value},
    value::convert::IntoValue,
};

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

impl Host {
    /// Who the supervisord is, and under which name this plugin is published. It never waits.
    ///
    /// # Errors
    ///
    /// `UNKNOWN_METHOD` in a host that is older than this method; so it is of all below.
    pub fn info(&self) -> Result<SupervisorInfo, Fault> {
        self.ask("info", ())
    }

    /// The groups that are active, in the order in which they became so, with the config of their processes. It never
    /// waits.
    ///
    /// # Errors
    ///
    /// None but that of an older host.
    pub fn groups(&self) -> Result<Vec<Group>, Fault> {
        self.ask("groups", ())
    }

    /// Adds a program to an active group. `options` are the keys of what would be `[program:NAME]` in the config:
    /// strings as in INI, or typed as in TOML. Answers with the names of its processes, of which `numprocs` says how
    /// many there are; they start at once unless `autostart` is false. They are gone when the group is removed or
    /// supervisord ends, and when `supervisorctl update` makes the group again as the config has it.
    ///
    /// It may wait for a disk, so it is not for `nonblocking` methods. In a factory it works too.
    ///
    /// # Errors
    ///
    /// `BAD_NAME` if no group of that name is active, or it has a process of such a name; `INCORRECT_PARAMETERS` with
    /// what is wrong with the options; `SHUTDOWN_STATE`.
    pub fn add_program<N: AsRef<str>, V: IntoValue>(
        &self,
        group: &str,
        program: &str,
        options: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Vec<String>, Fault> {
        let options = options.into_iter().map(|(name, value)| (name.as_ref().to_owned(), value.into_value()));
        self.ask("addProgram", (group, program, Value::structure(options)))
    }

    /// Takes a process out of its group. It must have stopped.
    ///
    /// # Errors
    ///
    /// `BAD_NAME` if there is no such group or process; `STILL_RUNNING`; `SHUTDOWN_STATE`.
    pub fn remove_process(&self, group: &str, process: &str) -> Result<(), Fault> {
        self.ask("removeProcess", (group, process))
    }

    /// Publishes an event of a type of the plugin's own, for event listeners and other plugins. It never waits.
    ///
    /// `payload` is what they read; by custom it begins with a line of words such as `name:value`.
    ///
    /// # Errors
    ///
    /// `BAD_ARGUMENTS` unless the type is listed with the factory: `export!(rpcinterface: make_it { events:
    /// ["SHELF_FULL"] })`.
    pub fn emit(&self, name: &str, payload: impl Display) -> Result<(), Fault> {
        self.ask("emit", (name, payload.to_string()))
    }

    /// A directory for what has to survive a restart. It is this plugin's alone, and made with the mode 0700 when it is
    /// first asked for: `NAMESPACE` below `plugin_data_dir` of `[supervisord]`. Where the config does not say, that is
    /// `/var/lib/supervisor/IDENTIFIER` for root, and `supervisor/IDENTIFIER` in `$XDG_STATE_HOME` or `~/.local/state`
    /// for others.
    ///
    /// # Errors
    ///
    /// `FAILED`, and why, if it is not there and cannot be made, or is not the user's own.
    pub fn data_dir(&self) -> Result<PathBuf, Fault> {
        self.ask::<String>("dataDir", ()).map(PathBuf::from)
    }
}
