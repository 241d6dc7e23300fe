//! Identity and status of processes, and the reasons why a request is refused.

use tokio::sync::oneshot;

use crate::{process::command::CommandError, states::ProcessState};

/// Name of a process for as long as its group is active. Never used again for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProcessId(pub(super) u64);

/// Part of a process that those see who wait for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// State of the process.
    pub state: ProcessState,
    /// Number of starts that were tried: whoever waits for one start can tell it from the next.
    pub starts: u64,
    /// Set while `spawnerr` is: the start failed, or the run ended badly.
    pub failed: bool,
    /// Set while the start waits for what the process depends on.
    pub waits: bool,
}

/// Reason why a request was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The process has been removed, or the supervisor has ended.
    #[error("the process is no longer there")]
    Gone,
    /// A start: the supervisor is stopping.
    #[error("the supervisor is stopping")]
    Stopping,
    /// A start: in this state it cannot be started.
    #[error("the process is {}", .0.name())]
    NotStartable(ProcessState),
    /// A stop or a signal: in this state there is nothing to stop, or nothing to signal.
    #[error("the process is {}", .0.name())]
    NotRunning(ProcessState),
    /// A start: its command cannot be executed.
    #[error(transparent)]
    NoCommand(#[from] CommandError),
    /// A start: the file system on which its command lies does not answer.
    #[error("the file system of its command does not answer")]
    NoAnswer,
    /// A signal could not be sent, or no thread could be had to look for the command.
    #[error("{0}")]
    Failed(String),
}

/// Way of an answer to the client that asked for something.
pub(super) type StatusSender = oneshot::Sender<Result<Status, Refused>>;
