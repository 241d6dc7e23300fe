//! The store that the options name.

use std::sync::Arc;

use super::{
    clock::Clock,
    contract::{Limits, Store},
    local::Shared,
    memory,
};

/// The stores that there are.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// Gone when supervisord exits or starts anew.
    Memory,
}

/// Opens a store.
pub(crate) fn open(kind: Kind, limits: Limits, clock: Clock) -> Arc<dyn Store> {
    match kind {
        Kind::Memory => Arc::new(memory::open(Shared::new(limits, clock))),
    }
}
