//! Events of a supervisord, as a plugin hears of them.

use serde::{Deserialize, Serialize};

use crate::{FromValue, IntoValue};

/// An event, as event listeners know it: a type and a text.
///
/// ```
/// use plugin_api::Event;
///
/// let event = Event::new("PROCESS_STATE_EXITED", "processname:cat groupname:cat from_state:RUNNING expected:0 pid:5");
/// assert_eq!(event.get("processname"), Some("cat"));
/// assert_eq!(event.namespec().as_deref(), Some("cat"));
/// assert!(event.is_a("PROCESS_STATE") && event.is_a("EVENT") && !event.is_a("PROCESS_LOG"));
/// let event = Event::new("PROCESS_LOG_STDOUT", "processname:cat groupname:cat pid:5 channel:stdout\nmeow\n");
/// assert_eq!(event.data(), "meow\n");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, FromValue, IntoValue)]
pub struct Event {
    name: String,
    /// Names of its types, from its own to `EVENT`.
    types: Vec<String>,
    payload: String,
}

impl Event {
    /// Types of events that Supervisor has, as `events=` of an event listener lists them, and `PROCESS_HEALTH` with
    /// those below it, which come with the option `health`.
    ///
    /// `EVENT`, the first, is above all others. Any other is below those of the list that its name goes on from with an
    /// underscore: `TICK_5` is below `TICK`.
    pub const SUPERVISOR_TYPES: &'static [&'static str] = &supervisor_plugin_macros::list_event_types!();

    /// An event for tests, of one of Supervisor's types or of a plugin's. It is also of the types above that, as in
    /// supervisord.
    pub fn new(name: impl Into<String>, payload: impl Into<String>) -> Self {
        let (name, payload) = (name.into(), payload.into());
        let types = std::iter::successors(Some(&*name), |name| Some(name.rsplit_once('_')?.0));
        let of_supervisor = |name: &str| Self::SUPERVISOR_TYPES.contains(&name);
        // Supervisor's types are listed; of a plugin's, every name before an underscore is one above.
        let is_type = |above: &&str| !of_supervisor(&name) || of_supervisor(above);
        let mut types: Vec<_> = types.filter(is_type).map(str::to_owned).collect();
        if name != "EVENT" {
            types.push("EVENT".to_owned());
        }
        Self { name, types, payload }
    }

    /// The name of its type: `PROCESS_STATE_EXITED`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Return true if it is of that type or of one below: a `PROCESS_STATE_EXITED` is a `PROCESS_STATE` and an `EVENT`.
    pub fn is_a(&self, name: &str) -> bool {
        self.types.iter().any(|own| own == name)
    }

    /// The whole text, as an event listener reads it.
    pub fn payload(&self) -> &str {
        &self.payload
    }

    /// The word behind `name:` in the first line.
    pub fn get(&self, name: &str) -> Option<&str> {
        let line = self.payload.lines().next()?;
        line.split(' ').find_map(|word| word.strip_prefix(name)?.strip_prefix(':'))
    }

    /// The text after the first line: what a process wrote, or a client sent.
    pub fn data(&self) -> &str {
        self.payload.split_once('\n').map_or("", |(_, data)| data)
    }

    /// The process that it is about, as the supervisor's methods take it and `supervisorctl` shows it: `group:name`, or
    /// `name` where its group has the same one.
    pub fn namespec(&self) -> Option<String> {
        let (group, process) = (self.get("groupname")?, self.get("processname")?);
        Some(if group == process { process.to_owned() } else { format!("{group}:{process}") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_above_are_supervisors_or_a_plugins() {
        let event = Event::new("SUPERVISOR_STATE_CHANGE_RUNNING", "");
        assert_eq!(event.types, ["SUPERVISOR_STATE_CHANGE_RUNNING", "SUPERVISOR_STATE_CHANGE", "EVENT"]);
        assert_eq!(Event::new("BOARD_FULL", "").types, ["BOARD_FULL", "BOARD", "EVENT"]);
        assert_eq!(Event::new("EVENT", "").types, ["EVENT"]);
        assert_eq!((Event::SUPERVISOR_TYPES.len(), Event::SUPERVISOR_TYPES[0]), (31, "EVENT"));
    }
}
