//! State of a supervisord as it is handed over, all but what plugins hand over.
//!
//! It is a released format: each version leaves a file that must be readable for ever. A field that is not known is
//! ignored, one that is missing has a default.

use std::{os::fd::RawFd, path::PathBuf, sync::Arc, time::SystemTime};

use plugin_api::abi::Member;
use serde::{Deserialize, Serialize};

use crate::{
    config::{Config, FactorySpec, Group, HttpServer, Library, Place, PluginSection, Supervisord},
    rpc::HandedValue,
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
    rpcinterfaces: Vec<PluginRecord>,
}

/// `[rpcinterface:x]`.
#[derive(Debug, Serialize, Deserialize)]
struct PluginRecord {
    name: String,
    place: String,
    factory: FactorySpec,
    /// Keys of the section: the name, the value, the file and the line of each.
    options: Vec<(String, HandedValue, String, usize)>,
}

impl PluginRecord {
    fn of(section: &PluginSection) -> Self {
        let PluginSection { name, place, factory, options, option_places } = section;
        let options = options.iter().zip(option_places).map(|(option, place)| {
            (option.name.to_string(), HandedValue(option.value.clone()), place.file.to_string(), place.line)
        });
        Self { name: name.clone(), place: place.clone(), factory: factory.clone(), options: options.collect() }
    }

    fn into_section(self) -> PluginSection {
        let Self { name, place, factory, options } = self;
        let (options, option_places) = options
            .into_iter()
            .map(|(name, value, file, line)| {
                (Member { name: name.into(), value: value.0 }, Place { file: file.into(), line })
            })
            .unzip();
        PluginSection { name, place, factory, options, option_places }
    }
}

impl OldConfig {
    /// Note those of a config.
    pub fn of(config: &Config) -> Self {
        Self {
            file: config.file.clone(),
            here: config.here.clone(),
            supervisord: config.supervisord.clone(),
            servers: config.servers.clone(),
            rpcinterfaces: config.rpcinterfaces.iter().map(PluginRecord::of).collect(),
        }
    }

    /// Return the config that they are of, with these groups.
    pub fn into_config(self, groups: Vec<Arc<Group>>) -> Config {
        let Self { file, here, supervisord, servers, rpcinterfaces } = self;
        let rpcinterfaces = rpcinterfaces.into_iter().map(PluginRecord::into_section).collect();
        Config { file, here, supervisord, servers, groups, rpcinterfaces, messages: Vec::new() }
    }

    /// Leave out the sections of plugins.
    pub fn drop_plugins(&mut self) {
        self.rpcinterfaces.retain(|section| section.factory.library == Library::BuiltIn);
    }
}
