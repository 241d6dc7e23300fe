//! The pools of the groups that are event listeners.

use std::sync::Arc;

use super::extensions::Extensions;
use crate::{
    config::{Group, GroupKind},
    process::output::OutputHandle,
};

/// A group has become active: if it is one of event listeners, its pool hears everything from now on.
pub(super) fn added(group: &Group, output: &OutputHandle, extensions: &Arc<Extensions>) {
    if let GroupKind::EventListener(pool) = &group.kind {
        let processes = group.processes.iter().map(|process| process.name.as_str());
        let handler = Extensions::handler(extensions, &pool.result_handler);
        output.add_pool(&group.name, pool, processes, handler);
    }
}
