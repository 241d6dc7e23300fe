//! The states of processes and of the supervisor itself, by Supervisor's numbers and names.

pub use plugin_api::SupervisorState;

/// The states of a process, by Supervisor's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum ProcessState {
    /// Not started yet, or stopped on request.
    Stopped = 0,
    /// Spawned, but not yet up for `startsecs`.
    Starting = 10,
    /// Up.
    Running = 20,
    /// A start failed; the next one follows.
    Backoff = 30,
    /// Asked to stop.
    Stopping = 40,
    /// It ended by itself after it was RUNNING.
    Exited = 100,
    /// It could not be started.
    Fatal = 200,
    /// A signal could not be sent to it.
    Unknown = 1000,
}

impl ProcessState {
    /// Supervisor's number.
    pub fn code(self) -> i32 {
        self as i32
    }

    /// Supervisor's name: `RUNNING`.
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

    /// Whether it runs or tries to: it can be stopped and cannot be started.
    pub fn is_running(self) -> bool {
        matches!(self, Self::Running | Self::Backoff | Self::Starting)
    }

    /// Whether nothing of it is left, or nothing that the supervisor could do anything about.
    pub fn is_stopped(self) -> bool {
        matches!(self, Self::Stopped | Self::Exited | Self::Fatal | Self::Unknown)
    }

    /// Whether there is a process to send a signal to.
    pub fn is_signallable(self) -> bool {
        matches!(self, Self::Running | Self::Starting | Self::Stopping)
    }
}
