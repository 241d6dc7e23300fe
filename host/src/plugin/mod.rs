//! From a factory spec in the config to a factory that can be called.
//!
//! `supervisor_cache.rpcinterface:make_cache_rpcinterface` means the factory `make_cache_rpcinterface` of the library
//! `supervisor_cache`. A [`SearchPath`] finds the library's file, [`load`] opens it once and checks that host and
//! plugin agree on every type that crosses between them, and a [`Factory`] makes namespaces from it.
//!
//! A library stays loaded for the life of the process: its code may be on some thread's stack at any time, and its
//! objects may live anywhere. A new version of a plugin comes with a new process.

mod error;
mod layout;
mod load;
mod search;
mod whole;

pub use error::PluginError;
pub use load::{Factory, LibraryInfo, load, look};
pub use search::SearchPath;
