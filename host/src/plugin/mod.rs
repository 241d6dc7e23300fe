//! Finding and loading of the factory that a factory spec in the config names.
//!
//! `supervisor_cache.rpcinterface:make_cache_rpcinterface` means the factory `make_cache_rpcinterface` of the library
//! `supervisor_cache`. A [`SearchPath`] finds the library's file, the loader opens it once and checks that host and
//! plugin agree on every type that crosses between them, and a [`Factory`] makes namespaces from it.

mod python;

mod search;

pub use plugin_loader::{Factory, LibraryInfo, PluginError};
pub use search::SearchPath;

use crate::config::FactorySpec;

/// Load the factory of that kind that the config names. A library is opened once, however often it is named.
pub fn load(spec: &FactorySpec, kind: &str, search: &SearchPath) -> Result<Factory, PluginError> {
    plugin_loader::Library::open(&search.find(spec)?)?.factory(&spec.factory, kind)
}

/// Check that the library that the config names is there and may be loaded, without loading it.
pub fn look(spec: &FactorySpec, search: &SearchPath) -> Result<(), PluginError> {
    plugin_loader::check(&search.find(spec)?)
}
