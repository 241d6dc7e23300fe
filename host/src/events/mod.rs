//! What happens in a supervisor, as event listeners and plugins hear of it.
//!
//! Whoever changes something publishes the event after the change, so that a subscriber that looks sees the new state.
//! Publishing never waits: a subscriber that is too slow loses the oldest events and is told how many. The pools of
//! event listeners lose none on the way to their own buffers: they are the [`Audience`], which hears each at once.

mod types;

use std::{collections::BTreeSet, fmt, sync::Arc};

use parking_lot::RwLock;
use tokio::sync::broadcast;

pub use self::types::EventType;

use crate::states::ProcessState;

/// How many events a subscriber may be behind.
const BACKLOG: usize = 1024;

/// A change of state, with what was true at that moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The state before.
    pub from: ProcessState,
    /// The state after.
    pub to: ProcessState,
    /// Failed starts so far.
    pub tries: u32,
    /// The process, 0 where there is none.
    pub pid: i32,
    /// For EXITED: whether the exit code is among `exitcodes`.
    pub expected: bool,
}

/// Which of its two outputs a process wrote to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// Its stdout, and its stderr under `redirect_stderr`.
    Stdout,
    /// Its stderr.
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

/// How often an [`Event::Tick`] comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    /// `TICK_5`.
    Seconds5,
    /// `TICK_60`.
    Seconds60,
    /// `TICK_3600`.
    Seconds3600,
}

impl Period {
    /// All there are.
    pub const ALL: [Self; 3] = [Self::Seconds5, Self::Seconds60, Self::Seconds3600];

    /// In seconds.
    pub fn seconds(self) -> u32 {
        match self {
            Self::Seconds5 => 5,
            Self::Seconds60 => 60,
            Self::Seconds3600 => 3600,
        }
    }
}

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// `PROCESS_STATE_*`.
    ProcessState {
        /// The process.
        process: String,
        /// Its group.
        group: String,
        /// What changed.
        change: Change,
    },
    /// `PROCESS_LOG_*`: what a process wrote.
    ProcessLog {
        /// The process.
        process: String,
        /// Its group.
        group: String,
        /// Its pid.
        pid: i32,
        /// Where it wrote.
        channel: Channel,
        /// What it wrote.
        data: Vec<u8>,
    },
    /// `PROCESS_COMMUNICATION_*`: what a process wrote between Supervisor's two tokens.
    ProcessCommunication {
        /// The process.
        process: String,
        /// Its group.
        group: String,
        /// Its pid.
        pid: i32,
        /// Where it wrote.
        channel: Channel,
        /// What stood between the tokens.
        data: Vec<u8>,
    },
    /// `REMOTE_COMMUNICATION`: what a client sent.
    RemoteCommunication {
        /// The client's word for its kind.
        kind: String,
        /// Its text.
        data: String,
    },
    /// `SUPERVISOR_STATE_CHANGE_RUNNING`: it has started.
    SupervisorRunning,
    /// `SUPERVISOR_STATE_CHANGE_STOPPING`: it begins to stop.
    SupervisorStopping,
    /// `TICK_5`, `TICK_60`, `TICK_3600`: so many seconds have passed.
    Tick {
        /// How often, in seconds.
        period: Period,
        /// The multiple of the period that has begun, in seconds since 1970.
        when: i64,
    },
    /// An event of a plugin.
    Custom {
        /// Its name, in capitals.
        name: String,
        /// Its payload.
        payload: String,
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
    /// Its name, as `events=` and the header of an event listener have it.
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
            Self::ProcessGroupAdded { .. } => "PROCESS_GROUP_ADDED",
            Self::ProcessGroupRemoved { .. } => "PROCESS_GROUP_REMOVED",
        }
    }

    /// Its payload, as an event listener reads it after the header.
    pub fn payload(&self) -> String {
        match self {
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
            Self::ProcessLog { process, group, pid, channel, data } => {
                format!("processname:{process} groupname:{group} pid:{pid} channel:{}\n{}", channel.name(), text(data))
            }
            Self::ProcessCommunication { process, group, pid, data, .. } => {
                format!("processname:{process} groupname:{group} pid:{pid}\n{}", text(data))
            }
            Self::RemoteCommunication { kind, data } => format!("type:{kind}\n{data}"),
            Self::SupervisorRunning | Self::SupervisorStopping => String::new(),
            Self::Tick { when, .. } => format!("when:{when}"),
            Self::Custom { payload, .. } => payload.clone(),
            Self::ProcessGroupAdded { group } | Self::ProcessGroupRemoved { group } => format!("groupname:{group}\n"),
        }
    }
}

/// Bytes of a process as text; what is not UTF-8 as Supervisor shows it.
pub(crate) fn text(data: &[u8]) -> std::borrow::Cow<'_, str> {
    match std::str::from_utf8(data) {
        Ok(text) => text.into(),
        Err(_) => format!("Undecodable: {}", bytes_repr(data)).into(),
    }
}

/// Bytes as Python prints them: `b'\x88\n'`.
pub(crate) fn bytes_repr(data: &[u8]) -> String {
    use std::fmt::Write as _;

    let quote = if data.contains(&b'\'') && !data.contains(&b'"') { '"' } else { '\'' };
    let mut out = format!("b{quote}");
    for &byte in data {
        match byte {
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            b'\\' => out.push_str("\\\\"),
            b'\'' if quote == '\'' => out.push_str("\\'"),
            b' '..=b'~' => out.push(byte.into()),
            _ => {
                // Writing to a `String` cannot fail.
                let _ = write!(out, "\\x{byte:02x}");
            }
        }
    }
    out.push(quote);
    out
}

/// Hears every event, on the thread that publishes it.
pub trait Audience: Send + Sync {
    /// Something has happened. Must not block.
    fn hear(&self, event: &Arc<Event>);

    /// Whether there is anybody to hear, or soon will be.
    fn is_there(&self) -> bool;

    /// Whether anybody asks for events of that name, now.
    fn asks_for(&self, name: &str) -> bool;
}

/// Where events are published and heard. Cheap to clone.
#[derive(Clone)]
pub struct Bus {
    sender: broadcast::Sender<Arc<Event>>,
    /// What any subscriber has asked for.
    asked: Arc<RwLock<BTreeSet<EventType>>>,
    audience: Option<Arc<dyn Audience>>,
    relay: Option<Arc<dyn Fn(Arc<Event>) + Send + Sync>>,
}

impl fmt::Debug for Bus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bus").field("subscribers", &self.sender.receiver_count()).finish_non_exhaustive()
    }
}

impl Default for Bus {
    fn default() -> Self {
        Self::new()
    }
}

impl Bus {
    /// A bus without subscribers.
    pub fn new() -> Self {
        Self { sender: broadcast::Sender::new(BACKLOG), asked: Arc::default(), audience: None, relay: None }
    }

    /// A bus without subscribers and with an audience.
    pub fn with_audience(audience: Arc<dyn Audience>) -> Self {
        Self { audience: Some(audience), ..Self::new() }
    }

    /// The same bus for those who must not be ahead of others: what they publish is handed to `relay`, which publishes
    /// it on this one in its turn, and must not block.
    #[must_use]
    pub fn relayed(&self, relay: impl Fn(Arc<Event>) + Send + Sync + 'static) -> Self {
        Self { relay: Some(Arc::new(relay)), ..self.clone() }
    }

    /// Tells the audience and every subscriber, at once or in its turn. Never blocks.
    pub fn publish(&self, event: impl Into<Arc<Event>>) {
        let event = event.into();
        if let Some(relay) = &self.relay {
            if self.is_heard() {
                relay(event);
            }
            return;
        }
        self.tell_audience(&event);
        // An error only says that nobody listens.
        let _ = self.sender.send(event);
    }

    /// Tells the audience alone. Never blocks.
    pub fn tell_audience(&self, event: &Arc<Event>) {
        if let Some(audience) = &self.audience {
            audience.hear(event);
        }
    }

    fn is_heard(&self) -> bool {
        self.sender.receiver_count() > 0 || self.audience.as_ref().is_some_and(|audience| audience.is_there())
    }

    /// Whether anybody asks for events of that name: one that is costly to make need not be made for nobody.
    pub fn asks_for(&self, name: &str) -> bool {
        let is_asked = || self.asked.read().iter().any(|asked| asked.includes(name));
        self.sender.receiver_count() > 0 && is_asked()
            || self.audience.as_ref().is_some_and(|audience| audience.asks_for(name))
    }

    /// Hears every event from now on. A receiver that falls behind is told how many it missed.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Event>> {
        self.subscribe_to(EventType::built_in("EVENT"))
    }

    /// The same for who wants to hear of these types alone: of others that are made for somebody else it hears all the
    /// same.
    pub fn subscribe_to(&self, types: impl IntoIterator<Item = EventType>) -> broadcast::Receiver<Arc<Event>> {
        self.asked.write().extend(types);
        self.sender.subscribe()
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

    #[test]
    fn what_nobody_asks_for_need_not_be_made() {
        let bus = Bus::new();
        assert!(!bus.asks_for("TICK_5"));
        let ticks = bus.subscribe_to(EventType::built_in("TICK"));
        assert!(bus.asks_for("TICK_5") && !bus.asks_for("PROCESS_LOG_STDOUT"));
        let all = bus.subscribe();
        assert!(bus.asks_for("PROCESS_LOG_STDOUT"));
        drop((ticks, all));
        assert!(!bus.asks_for("TICK_5"));
    }

    #[test]
    fn a_slow_subscriber_loses_events_and_delays_nobody() {
        let bus = Bus::new();
        let mut slow = bus.subscribe();
        for _ in 0..BACKLOG + 5 {
            bus.publish(Event::SupervisorRunning);
        }
        assert!(matches!(slow.try_recv(), Err(broadcast::error::TryRecvError::Lagged(5))));
        assert_eq!(*slow.try_recv().unwrap(), Event::SupervisorRunning);
    }
}
