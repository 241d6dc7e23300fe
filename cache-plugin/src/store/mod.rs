//! The stores in which the cache keeps what it is given, behind one trait.
//!
//! The modules are floors; each imports only from those above it in this list.

mod clock;

mod cached;

mod bytes;
mod operation;

mod faults;

mod usage;

mod contract;

mod evaluate;
mod events;
mod record;
mod table;
mod waiters;

mod local;

mod handover;

#[cfg(feature = "engine")]
mod engine;
#[cfg(feature = "file")]
mod file;
mod memory;

mod open;

pub(crate) use self::{
    cached::size,
    clock::Clock,
    contract::{Info, Limits, Page, Store, TimeLeft},
    open::{Kind, open},
    operation::Operation,
    usage::Usage,
};

#[cfg(feature = "engine")]
pub use self::engine::engine_values;
#[cfg(feature = "engine")]
pub(crate) use self::engine::{Address, Settings};
#[cfg(feature = "file")]
pub use self::file::cache_file;
#[cfg(feature = "file")]
pub(crate) use self::file::{SyncMode, records};
