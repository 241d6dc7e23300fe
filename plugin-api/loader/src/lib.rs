//! Loading of the libraries that hold plugins for supervisord and supervisorctl: what these do themselves, and what a
//! plugin's tests do to see that it loads.
//!
//! A [`Library`] is opened once and checked: host and plugin must agree on every type that crosses between them. A
//! [`Factory`] makes namespaces from it. A library stays loaded for the life of the process: its code may be on some
//! thread's stack at any time, and its objects may live anywhere. A new version of a plugin comes with a new process.
//!
//! Authors of plugins need [`built`] alone.
//!
//! The modules are floors; each imports only from those above it in this list.

mod error;
mod layout;

mod elf;
mod permissions;

mod load;

mod built;

pub use built::{Built, built};
pub use error::PluginError;
pub use load::{Factory, Library, LibraryInfo, check};
