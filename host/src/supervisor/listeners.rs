//! The pools of the groups that are event listeners.

use std::{sync::Arc, time::Duration};

use super::{Inner, extensions::Extensions, groups::ProcessId};
use crate::{
    config::{Group, GroupKind},
    process::{output::OutputHandle, state::Time},
};

/// How long a shutdown lets event listeners hear what happened before their own end. Supervisor, whose loop turns once
/// a second, mostly lets them.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often it looks whether they have.
const LOOK_INTERVAL: Duration = Duration::from_millis(10);

/// The last that event listeners hear.
#[derive(Debug, Default)]
pub(super) struct LastWords {
    until: Option<Time>,
    next_look: Option<Time>,
}

impl LastWords {
    /// When to look again whether all was heard.
    pub(super) fn next_look(&self) -> Option<Time> {
        self.next_look
    }
}

/// A group has become active: if it is one of event listeners, its pool hears everything from now on.
pub(super) fn added(group: &Group, output: &OutputHandle, extensions: &Arc<Extensions>) {
    if let GroupKind::EventListener(pool) = &group.kind {
        let processes = group.processes.iter().map(|process| process.name.as_str());
        let handler = Extensions::handler(extensions, &pool.result_handler);
        output.add_pool(&group.name, pool, processes, handler);
    }
}

impl Inner {
    /// Of processes that a shutdown stops together, those that it stops now: listeners once the others are stopped and
    /// they have heard of it, or have had their time to.
    pub(super) fn to_stop_now(&self, mut together: Vec<ProcessId>, words: &mut LastWords) -> Vec<ProcessId> {
        words.next_look = None;
        let now = self.now();
        if words.until.is_some_and(|until| until <= now) {
            return together;
        }
        let (pools, all_listen) = {
            let state = self.groups.lock();
            let listeners =
                together.iter().filter_map(|id| state.processes.get(id)).filter(|process| process.is_listener);
            let mut pools: Vec<_> = listeners.map(|process| process.group.clone()).collect();
            let all_listen = pools.len() == together.len();
            pools.dedup();
            (pools, all_listen)
        };
        if !all_listen {
            let state = self.groups.lock();
            together.retain(|id| state.processes.get(id).is_some_and(|process| !process.is_listener));
        } else if pools.iter().any(|pool| self.output.is_pool_behind(pool)) {
            words.until.get_or_insert(now + PATIENCE);
            words.next_look = Some(now + LOOK_INTERVAL);
            together.clear();
        }
        together
    }
}
