//! Output of programs as one supervisord hands it over to the next.

use std::{
    collections::HashMap,
    os::fd::RawFd,
    sync::{Arc, mpsc},
    time::Instant,
};

use serde::{Deserialize, Serialize};

use super::{
    filters::Filters,
    log_counts::LogCounters,
    target::{OutputTarget, Source},
};
use crate::process::{
    event_pool::{PoolsState, ResultHandler},
    stdin::Stdin,
};

/// Pipes of programs that run, and pools of event listeners, as they are handed over.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct OutputState {
    /// Reading ends of pipes.
    pub(super) pipes: Vec<PipeState>,
    /// Pools of event listeners.
    pub pools: PoolsState,
}

impl OutputState {
    /// Iterate over the numbers of the descriptors.
    pub fn descriptors(&self) -> impl Iterator<Item = RawFd> {
        self.pipes.iter().map(|pipe| pipe.fd)
    }
}

/// Reading end of one pipe, and the way of what comes out of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct PipeState {
    /// Number of the descriptor.
    pub(super) fd: RawFd,
    /// Number of the run of its process.
    pub(super) run: u64,
    pub(super) source: Source,
    pub(super) target: OutputTarget,
    /// Filters, with what they keep back.
    #[serde(default)]
    pub(super) filters: Filters,
    /// Set for the stdout of an event listener, which its pool reads.
    #[serde(default)]
    pub(super) is_conversation: bool,
}

/// Output that is taken over, with what cannot be written down.
pub struct AdoptedOutput {
    /// Output as it was handed over.
    pub state: OutputState,
    /// Judges of the pools, by the names of these.
    pub handlers: HashMap<String, Arc<dyn ResultHandler>>,
    /// Stdins of event listeners, by the runs of their processes.
    pub listeners: HashMap<u64, Arc<Stdin>>,
    /// Counters of what comes of the output of processes, by their runs.
    pub log_counters: HashMap<u64, LogCounters>,
    /// Stdins for which something waits, with the runs of their processes.
    pub stdins: Vec<(u64, Arc<Stdin>)>,
}

/// Wish that the output loop say how all stands, and do nothing until it may go on.
pub(super) struct Freeze {
    /// Moment until which logs may take to write what they have. None where they need not be asked.
    pub(super) logs_until: Option<Instant>,
    /// Way of the answer. The error says what is in the way.
    pub(super) answer: mpsc::SyncSender<Result<OutputState, String>>,
    /// Channel that closes when the loop may go on.
    pub(super) go_on: mpsc::Receiver<()>,
}

/// Output that stands still until this is dropped.
#[derive(Debug)]
pub struct FrozenOutput {
    /// Output as it stands.
    pub state: OutputState,
    pub(super) _go_on: mpsc::SyncSender<()>,
}
