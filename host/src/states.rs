//! States of processes and of the supervisor itself, by Supervisor's numbers and names.

use serde::{Deserialize, Serialize};

pub use plugin_api::SupervisorState;

/// State of a process, by Supervisor's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[repr(i32)]
pub enum ProcessState {
    /// The process was not started yet, or was stopped on request.
    Stopped = 0,
    /// The process was spawned, but is not yet up for `startsecs`.
    Starting = 10,
    /// The process is up.
    Running = 20,
    /// A start failed; the next one follows.
    Backoff = 30,
    /// The process was asked to stop.
    Stopping = 40,
    /// The process ended by itself after it was RUNNING.
    Exited = 100,
    /// The process could not be started.
    Fatal = 200,
    /// A signal could not be sent to it.
    Unknown = 1000,
}

impl ProcessState {
    /// Return Supervisor's number.
    pub fn code(self) -> i32 {
        self as i32
    }

    /// Return Supervisor's name: `RUNNING`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stopped => "STOPPED",
            Self::Starting => "STARTING",
            Self::Running => "RUNNING",
            Self::Backoff => "BACKOFF",
            Self::Stopping => "STOPPING",
            Self::Exited => "EXITED",
            Self::Fatal => "FATAL",
            Self::Unknown => "UNKNOWN",
        }
    }

    /// Return whether it runs or tries to: it can be stopped and cannot be started.
    pub fn is_running(self) -> bool {
        matches!(self, Self::Running | Self::Backoff | Self::Starting)
    }

    /// Return whether nothing of it is left, or nothing that the supervisor could do anything about.
    pub fn is_stopped(self) -> bool {
        matches!(self, Self::Stopped | Self::Exited | Self::Fatal | Self::Unknown)
    }

    /// Return whether there is a process to send a signal to.
    pub fn is_signallable(self) -> bool {
        matches!(self, Self::Running | Self::Starting | Self::Stopping)
    }
}
