//! Deadlines of the processes, soonest first: so that a turn of the main loop costs what is due, and not what there is.

use std::collections::{BTreeSet, HashMap};

use super::status::ProcessId;
use crate::process::state::Time;

/// Next deadline of every process that has one.
#[derive(Debug, Default)]
pub(super) struct Deadlines {
    in_order: BTreeSet<(Time, ProcessId)>,
    of_process: HashMap<ProcessId, Time>,
}

impl Deadlines {
    /// Replace the deadline that the process had.
    pub(super) fn set(&mut self, id: ProcessId, deadline: Option<Time>) {
        let old = match deadline {
            Some(deadline) => self.of_process.insert(id, deadline),
            None => self.of_process.remove(&id),
        };
        if old != deadline {
            self.in_order.extend(deadline.map(|deadline| (deadline, id)));
            if let Some(old) = old {
                self.in_order.remove(&(old, id));
            }
        }
    }

    /// List all of them, soonest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Time, ProcessId)> {
        self.in_order.iter().copied()
    }
}
