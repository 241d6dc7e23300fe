//! Configuration: from `supervisord.conf` or `supervisord.toml` to typed truth, resolved once.
//!
//! Field names are the config's own keys. Nobody outside parses a string from the config again. A new option is a row
//! of the table in `options`, from which its field, its reading, its default, the output of `--check-config`, the
//! sample and the list of known keys follow; and the code that uses it.
//!
//! The modules are floors; each imports only from those above it in this list.

mod error;
mod expand;
mod paths;
mod probe;
mod types;
mod variables;

mod accounts;
mod datatypes;
mod env_file;
mod sections;
mod show;

mod ini;
mod toml;
mod value_type;

mod option;

mod reader;

mod options;

mod include;
mod model;
mod reference;
mod sample;
mod unknown;

mod dependencies;
mod find;
mod json;
mod overrides;
mod plugin_data;
mod plugins;
mod servers;

mod option_changes;
mod programs;
mod supervisord;

mod eventlistener;
mod fcgi_program;

mod groups;

mod resolve;

mod added;
mod client;

mod check;

pub(crate) mod fuzzing;

#[cfg(test)]
mod testing;

pub use check::Checked;
pub use client::ClientOverrides;
pub use dependencies::DependencyNames;
pub use error::{ConfigError, ConfigErrors, Place};
pub use find::{NotFound, SEARCHING_AS_ROOT};
pub use model::{
    ClientConfig, Config, Credentials, EventListenerPool, FactorySpec, FcgiAddress, FcgiSocket, Group, GroupKind,
    HttpServer, Library, PluginSection, ServerAddress,
};
pub use option_changes::OptionChange;
pub use options::{OutputOptions, Process, Supervisord};
pub use overrides::Overrides;
pub use probe::{HttpUrl, Probe, Ready};
pub use reference::{OptionReference, SectionReference, reference};
pub use sample::sample;
pub use types::{
    AutoRestart, Condition, Dependency, End, HealthAction, INFINITE, Level, LogFormat, LogRotate, Logfile, Message,
    Numbering, Rlimit, Update, User,
};
pub use variables::Variables;
