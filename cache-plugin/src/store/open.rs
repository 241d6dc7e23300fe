//! The store that the options name.

#[cfg(feature = "file")]
use std::path::PathBuf;
use std::sync::Arc;

use plugin_api::{Fault, Host};

#[cfg(feature = "engine")]
use super::engine::{self, Settings};
#[cfg(feature = "file")]
use super::file::{self, SyncMode};
use super::{
    clock::Clock,
    contract::{Limits, Store},
    events::Events,
    local::Shared,
    memory,
};

/// The stores that there are.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// Gone when supervisord exits or starts anew.
    Memory,
    /// Kept in a file.
    #[cfg(feature = "file")]
    File {
        /// The path of the file.
        path: PathBuf,
        /// When what is written has to be on the disk.
        sync: SyncMode,
    },
    /// Kept by an engine, which other machines share.
    #[cfg(feature = "engine")]
    Engine(Settings),
}

/// Open a store. What an operator has to know of it, `supervisord` is told.
#[cfg_attr(
    not(any(feature = "file", feature = "engine")),
    allow(clippy::needless_pass_by_value, clippy::unnecessary_wraps, reason = "the other stores")
)]
pub(crate) fn open(kind: Kind, limits: Limits, clock: Clock, supervisord: &Host) -> Result<Arc<dyn Store>, Fault> {
    let events = Events::new(supervisord);
    match kind {
        Kind::Memory => Ok(Arc::new(memory::open(Shared::new(limits, clock, events)))),
        #[cfg(feature = "file")]
        Kind::File { path, sync } => {
            Ok(Arc::new(file::open(&path, sync, Shared::new(limits, clock, events), supervisord)?))
        }
        #[cfg(feature = "engine")]
        Kind::Engine(settings) => Ok(Arc::new(engine::open(settings, limits, events, supervisord)?)),
    }
}
