//! State of a supervisord as it is handed over, all but what plugins hand over.
//!
//! It is a released format: each version leaves a file that must be readable for ever. A field that is not known is
//! ignored, one that is missing has a default.

use std::{os::fd::RawFd, path::PathBuf, sync::Arc, time::SystemTime};

use serde::{Deserialize, Serialize};

use crate::{
    config::{Config, HttpServer, Supervisord},
    server::ServerSocket,
    supervisor::Snapshot,
};

/// State of a supervisord.
#[derive(Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    /// Version of the supervisord that hands over.
    pub version: String,
    /// Number of upgrades before this one.
    pub upgrades: u64,
    /// Number of upgrades that failed before this one.
    pub failures: u64,
    /// Moment at which it began.
    pub begun: SystemTime,
    /// Executable that was started, by its path.
    pub executable: PathBuf,
    /// File that holds the pid.
    pub pidfile: PathBuf,
    /// Config that it has run with, for the case that it has to go on.
    pub config: OldConfig,
    /// Sockets of the HTTP servers.
    pub servers: Vec<ServerSocket>,
    /// Groups, processes and their output.
    pub supervisor: Snapshot,
}

/// Values that plugins hand over, by the names of their sections.
pub(super) type Plugins = Vec<(String, serde_bytes::ByteBuf)>;

impl State {
    /// Iterate over the numbers of all descriptors that go with it.
    pub fn descriptors(&self) -> impl Iterator<Item = RawFd> {
        self.supervisor.descriptors().chain(self.servers.iter().map(|server| server.fd))
    }
}

impl Default for State {
    fn default() -> Self {
        Self {
            version: String::new(),
            upgrades: 0,
            failures: 0,
            begun: SystemTime::UNIX_EPOCH,
            executable: PathBuf::new(),
            pidfile: PathBuf::new(),
            config: OldConfig::default(),
            servers: Vec::new(),
            supervisor: Snapshot::default(),
        }
    }
}

/// Sections of a config besides those of groups.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct OldConfig {
    /// The config file.
    file: PathBuf,
    /// Directory of the config file.
    here: PathBuf,
    supervisord: Supervisord,
    servers: Vec<HttpServer>,
}

impl OldConfig {
    /// Note those of a config.
    pub fn of(config: &Config) -> Self {
        Self {
            file: config.file.clone(),
            here: config.here.clone(),
            supervisord: config.supervisord.clone(),
            servers: config.servers.clone(),
        }
    }

    /// Return the config that they are of, with these groups.
    pub fn into_config(self, groups: Vec<Arc<crate::config::Group>>) -> Config {
        let Self { file, here, supervisord, servers } = self;
        Config { file, here, supervisord, servers, groups, rpcinterfaces: Vec::new(), messages: Vec::new() }
    }
}
