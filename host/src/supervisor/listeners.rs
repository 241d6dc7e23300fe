//! The pools of the groups that are event listeners.

use std::sync::Arc;

use crate::{
    config::{Group, GroupKind},
    process::{event_pool::DefaultHandler, output::OutputHandle},
};

/// A group has become active: if it is one of event listeners, its pool hears everything from now on.
pub(super) fn added(group: &Group, output: &OutputHandle) {
    if let GroupKind::EventListener(pool) = &group.kind {
        let processes = group.processes.iter().map(|process| process.name.as_str());
        output.add_pool(&group.name, pool, processes, Arc::new(DefaultHandler));
    }
}
