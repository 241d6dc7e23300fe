//! Processes that wait to be spawned, and clients that wait for that.

use super::{
    lookup::LookupResult,
    status::{ProcessId, StatusSender},
};
use crate::process::state::Time;

/// Number of processes that are spawned before signals and deaths are looked at again.
const SPAWNS_PER_TURN: usize = 16;

/// Processes that wait to be spawned.
#[derive(Default)]
pub(super) struct SpawnQueue {
    /// Processes that are STARTING, and whose commands are to be looked for.
    starting: Vec<ProcessId>,
    /// Processes whose lookups have ended late.
    found: Vec<(ProcessId, LookupResult)>,
    /// Clients whose starts wait for a lookup.
    clients: Vec<WaitingClient>,
}

/// A client that asks for a start, which waits for a lookup.
struct WaitingClient {
    id: ProcessId,
    answer: StatusSender,
    /// Moment when the client is told that the file system does not answer.
    deadline: Time,
    /// Set while nobody looks for the command yet.
    is_new: bool,
}

impl SpawnQueue {
    /// Add a process that is STARTING.
    pub(super) fn push(&mut self, id: ProcessId) {
        // It may have been stopped in this very turn, and started again.
        if !self.starting.contains(&id) {
            self.starting.push(id);
        }
    }

    /// Remove a process that was looked for already.
    pub(super) fn remove(&mut self, id: ProcessId) {
        self.starting.retain(|starting| *starting != id);
    }

    /// Add the result of a late lookup.
    pub(super) fn push_found(&mut self, id: ProcessId, result: LookupResult) {
        self.found.push((id, result));
    }

    /// Add a client, which waits until `deadline`.
    pub(super) fn push_client(&mut self, id: ProcessId, deadline: Time, answer: StatusSender) {
        self.clients.push(WaitingClient { id, answer, deadline, is_new: true });
    }

    /// Return whether it holds all that one turn takes.
    pub(super) fn is_full(&self) -> bool {
        let new = self.clients.iter().filter(|client| client.is_new).count();
        self.starting.len() + self.found.len() + new >= SPAWNS_PER_TURN
    }

    /// Return the moment when the first client is told that it waits in vain.
    pub(super) fn next_deadline(&self) -> Option<Time> {
        self.clients.iter().map(|client| client.deadline).min()
    }

    /// Take the processes that are to be looked for, each once, and those for which that is done.
    pub(super) fn take(&mut self) -> (Vec<ProcessId>, Vec<(ProcessId, LookupResult)>) {
        let mut unlooked = std::mem::take(&mut self.starting);
        for client in &mut self.clients {
            if std::mem::take(&mut client.is_new) && !unlooked.contains(&client.id) {
                unlooked.push(client.id);
            }
        }
        (unlooked, std::mem::take(&mut self.found))
    }

    /// Return whether a client waits for that process.
    pub(super) fn has_client(&self, id: ProcessId) -> bool {
        self.clients.iter().any(|client| client.id == id)
    }

    /// Take the answers to the clients that still wait for that process.
    pub(super) fn take_clients(&mut self, id: ProcessId) -> Vec<StatusSender> {
        let clients = self.clients.extract_if(.., |client| client.id == id);
        clients.map(|client| client.answer).filter(|answer| !answer.is_closed()).collect()
    }

    /// Take the answers to the clients whose deadline has come; to all of them where `all` is set.
    pub(super) fn take_late_clients(&mut self, now: Time, all: bool) -> Vec<StatusSender> {
        self.clients.extract_if(.., |client| all || client.deadline <= now).map(|client| client.answer).collect()
    }
}
