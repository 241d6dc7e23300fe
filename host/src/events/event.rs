//! Events and their payloads.

use serde::{Deserialize, Serialize};

use super::bytes::text;
use crate::states::ProcessState;

/// A change of state, with what was true at that moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The state before.
    pub from: ProcessState,
    /// The state after.
    pub to: ProcessState,
    /// Failed starts so far.
    pub tries: u32,
    /// The process, 0 where there is none.
    pub pid: i32,
    /// Set for EXITED where the exit code is among `exitcodes`.
    pub expected: bool,
}

/// One of the two outputs of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Channel {
    /// stdout, and stderr under `redirect_stderr`.
    Stdout,
    /// stderr, where it has one of its own.
    Stderr,
}

impl Channel {
    /// `stdout` or `stderr`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }

    /// The event that tells what was written there.
    pub fn log_event(self) -> &'static str {
        match self {
            Self::Stdout => "PROCESS_LOG_STDOUT",
            Self::Stderr => "PROCESS_LOG_STDERR",
        }
    }
}

/// Period of an [`Event::Tick`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Period {
    /// `TICK_5`.
    Seconds5,
    /// `TICK_60`.
    Seconds60,
    /// `TICK_3600`.
    Seconds3600,
}

impl Period {
    /// All of them, the shortest first.
    pub const ALL: [Self; 3] = [Self::Seconds5, Self::Seconds60, Self::Seconds3600];

    /// Length in seconds.
    pub fn seconds(self) -> u32 {
        match self {
            Self::Seconds5 => 5,
            Self::Seconds60 => 60,
            Self::Seconds3600 => 3600,
        }
    }
}

/// One event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// `PROCESS_STATE_*`.
    ProcessState {
        /// The process.
        process: String,
        /// Group of the process.
        group: String,
        /// The states before and after.
        change: Change,
    },
    /// `PROCESS_HEALTH_*`: the health of a process has changed.
    ProcessHealth {
        /// The process.
        process: String,
        /// Group of the process.
        group: String,
        /// State of the process at that moment.
        state: ProcessState,
        /// Pid of the process.
        pid: i32,
        /// Set where it is well again.
        is_ok: bool,
    },
    /// `PROCESS_LOG_*`: output of a process.
    ProcessLog {
        /// The process.
        process: String,
        /// Group of the process.
        group: String,
        /// Pid of the process.
        pid: i32,
        /// The output that it wrote to.
        channel: Channel,
        /// Bytes that it wrote.
        #[serde(with = "serde_bytes")]
        data: Vec<u8>,
    },
    /// `PROCESS_COMMUNICATION_*`: output of a process between Supervisor's two tokens.
    ProcessCommunication {
        /// The process.
        process: String,
        /// Group of the process.
        group: String,
        /// Pid of the process.
        pid: i32,
        /// The output that it wrote to.
        channel: Channel,
        /// Bytes between the tokens.
        #[serde(with = "serde_bytes")]
        data: Vec<u8>,
    },
    /// `REMOTE_COMMUNICATION`: a message of a client.
    RemoteCommunication {
        /// The client's word for its kind.
        kind: String,
        /// Text of the client.
        data: String,
    },
    /// `SUPERVISOR_STATE_CHANGE_RUNNING`: it has started.
    SupervisorRunning,
    /// `SUPERVISOR_STATE_CHANGE_STOPPING`: it begins to stop.
    SupervisorStopping,
    /// `TICK_5`, `TICK_60`, `TICK_3600`: so many seconds have passed.
    Tick {
        /// Interval of the ticks.
        period: Period,
        /// The multiple of the period that has begun, in seconds since 1970.
        when: i64,
    },
    /// An event of a plugin.
    Custom {
        /// Name, in capitals.
        name: String,
        /// Payload.
        payload: String,
    },
    /// `PROCESS_DEPENDENCY_FAILED`: what a process waits for is FATAL, or has ended in a way that was not expected.
    DependencyFailed {
        /// The process that waits.
        process: String,
        /// Group of that process.
        group: String,
        /// Namespec of the one that has failed.
        dependency: String,
        /// Name of the condition that it does not meet.
        condition: String,
        /// State that it is in.
        state: ProcessState,
    },
    /// `PROCESS_GROUP_ADDED`.
    ProcessGroupAdded {
        /// The group.
        group: String,
    },
    /// `PROCESS_GROUP_REMOVED`.
    ProcessGroupRemoved {
        /// The group.
        group: String,
    },
}

impl Event {
    /// Name, as `events=` and the header of an event listener have it.
    pub fn name(&self) -> &str {
        match self {
            Self::ProcessState { change, .. } => match change.to {
                ProcessState::Stopped => "PROCESS_STATE_STOPPED",
                ProcessState::Starting => "PROCESS_STATE_STARTING",
                ProcessState::Running => "PROCESS_STATE_RUNNING",
                ProcessState::Backoff => "PROCESS_STATE_BACKOFF",
                ProcessState::Stopping => "PROCESS_STATE_STOPPING",
                ProcessState::Exited => "PROCESS_STATE_EXITED",
                ProcessState::Fatal => "PROCESS_STATE_FATAL",
                ProcessState::Unknown => "PROCESS_STATE_UNKNOWN",
            },
            Self::ProcessHealth { is_ok: false, .. } => "PROCESS_HEALTH_FAILED",
            Self::ProcessHealth { is_ok: true, .. } => "PROCESS_HEALTH_OK",
            Self::ProcessLog { channel, .. } => channel.log_event(),
            Self::ProcessCommunication { channel: Channel::Stdout, .. } => "PROCESS_COMMUNICATION_STDOUT",
            Self::ProcessCommunication { channel: Channel::Stderr, .. } => "PROCESS_COMMUNICATION_STDERR",
            Self::RemoteCommunication { .. } => "REMOTE_COMMUNICATION",
            Self::SupervisorRunning => "SUPERVISOR_STATE_CHANGE_RUNNING",
            Self::SupervisorStopping => "SUPERVISOR_STATE_CHANGE_STOPPING",
            Self::Tick { period: Period::Seconds5, .. } => "TICK_5",
            Self::Tick { period: Period::Seconds60, .. } => "TICK_60",
            Self::Tick { period: Period::Seconds3600, .. } => "TICK_3600",
            Self::Custom { name, .. } => name,
            Self::DependencyFailed { .. } => "PROCESS_DEPENDENCY_FAILED",
            Self::ProcessGroupAdded { .. } => "PROCESS_GROUP_ADDED",
            Self::ProcessGroupRemoved { .. } => "PROCESS_GROUP_REMOVED",
        }
    }

    /// Length in bytes of the texts and the output that it holds: about that of its payload, and known at once.
    pub fn size(&self) -> usize {
        match self {
            Self::ProcessState { process, group, .. } | Self::ProcessHealth { process, group, .. } => {
                process.len() + group.len()
            }
            Self::ProcessLog { process, group, data, .. } | Self::ProcessCommunication { process, group, data, .. } => {
                process.len() + group.len() + data.len()
            }
            Self::RemoteCommunication { kind, data } => kind.len() + data.len(),
            Self::Custom { name, payload } => name.len() + payload.len(),
            Self::DependencyFailed { process, group, dependency, condition, .. } => {
                process.len() + group.len() + dependency.len() + condition.len()
            }
            Self::ProcessGroupAdded { group } | Self::ProcessGroupRemoved { group } => group.len(),
            Self::SupervisorRunning | Self::SupervisorStopping | Self::Tick { .. } => 0,
        }
    }

    /// Payload, as an event listener reads it after the header.
    pub fn payload(&self) -> String {
        let (head, output) = self.payload_parts();
        if output.is_empty() { head } else { head + &text(output) }
    }

    /// Bytes of the payload: as an event listener reads it, but with output that is not UTF-8 as it was written.
    pub fn payload_bytes(&self) -> Vec<u8> {
        let (head, output) = self.payload_parts();
        let mut payload = head.into_bytes();
        payload.extend_from_slice(output);
        payload
    }

    /// Text of the payload, and the output of a process that follows it.
    fn payload_parts(&self) -> (String, &[u8]) {
        let head = match self {
            Self::ProcessState { process, group, change } => {
                let Change { from, to, tries, pid, expected } = change;
                let head = format!("processname:{process} groupname:{group} from_state:{}", from.name());
                match to {
                    ProcessState::Starting | ProcessState::Backoff => format!("{head} tries:{tries}"),
                    ProcessState::Exited => format!("{head} expected:{} pid:{pid}", i32::from(*expected)),
                    ProcessState::Running | ProcessState::Stopping | ProcessState::Stopped => {
                        format!("{head} pid:{pid}")
                    }
                    ProcessState::Fatal | ProcessState::Unknown => head,
                }
            }
            Self::ProcessHealth { process, group, state, pid, .. } => {
                format!("processname:{process} groupname:{group} from_state:{} pid:{pid}", state.name())
            }
            Self::ProcessLog { process, group, pid, channel, data } => {
                let channel = channel.name();
                return (format!("processname:{process} groupname:{group} pid:{pid} channel:{channel}\n"), data);
            }
            Self::ProcessCommunication { process, group, pid, data, .. } => {
                return (format!("processname:{process} groupname:{group} pid:{pid}\n"), data);
            }
            Self::RemoteCommunication { kind, data } => format!("type:{kind}\n{data}"),
            Self::SupervisorRunning | Self::SupervisorStopping => String::new(),
            Self::Tick { when, .. } => format!("when:{when}"),
            Self::Custom { payload, .. } => payload.clone(),
            Self::DependencyFailed { process, group, dependency, condition, state } => {
                let state = state.name();
                format!(
                    "processname:{process} groupname:{group} dependency:{dependency} condition:{condition} state:{state}"
                )
            }
            Self::ProcessGroupAdded { group } | Self::ProcessGroupRemoved { group } => format!("groupname:{group}\n"),
        };
        (head, &[])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(to: ProcessState, from: ProcessState) -> Event {
        let change = Change { from, to, tries: 2, pid: 7, expected: false };
        Event::ProcessState { process: "x".to_owned(), group: "g".to_owned(), change }
    }

    #[test]
    fn changes_of_state_tell_what_supervisor_tells() {
        use ProcessState::{Backoff, Exited, Fatal, Running, Starting, Stopped, Stopping};
        let head = "processname:x groupname:g from_state:";
        for (to, from, rest) in [
            (Starting, Stopped, "STOPPED tries:2"),
            (Backoff, Starting, "STARTING tries:2"),
            (Running, Starting, "STARTING pid:7"),
            (Stopping, Running, "RUNNING pid:7"),
            (Stopped, Stopping, "STOPPING pid:7"),
            (Exited, Running, "RUNNING expected:0 pid:7"),
            (Fatal, Backoff, "BACKOFF"),
        ] {
            let event = state(to, from);
            assert_eq!(event.payload(), format!("{head}{rest}"));
            assert_eq!(event.name(), format!("PROCESS_STATE_{}", to.name()));
        }
    }

    #[test]
    fn health_tells_what_a_change_of_state_tells() {
        for (is_ok, name) in [(false, "PROCESS_HEALTH_FAILED"), (true, "PROCESS_HEALTH_OK")] {
            let (process, group, state) = ("x".to_owned(), "g".to_owned(), ProcessState::Running);
            let event = Event::ProcessHealth { process, group, state, pid: 7, is_ok };
            assert_eq!((event.name(), &*event.payload()), (name, "processname:x groupname:g from_state:RUNNING pid:7"));
        }
    }

    #[test]
    fn output_that_is_not_text_is_shown_as_bytes() {
        let event = |data: &[u8]| {
            let data = data.to_vec();
            Event::ProcessLog { process: "x".into(), group: "g".into(), pid: 7, channel: Channel::Stderr, data }
                .payload()
        };
        assert_eq!(event("é\n".as_bytes()), "processname:x groupname:g pid:7 channel:stderr\né\n");
        assert_eq!(
            event(b"\x88'\\\n"),
            "processname:x groupname:g pid:7 channel:stderr\nUndecodable: b\"\\x88'\\\\\\n\""
        );
    }

    #[test]
    fn groups_and_the_supervisor() {
        assert_eq!(Event::ProcessGroupAdded { group: "g".to_owned() }.payload(), "groupname:g\n");
        assert_eq!(Event::SupervisorStopping.payload(), "");
        let tick = Event::Tick { period: Period::Seconds60, when: 1_793_000_040 };
        assert_eq!((tick.name(), tick.payload().as_str()), ("TICK_60", "when:1793000040"));
    }
}
