//! Answers of the server, taken apart: the members of its structs, and processes as it describes them.

use plugin_api::{Value, abi::Member};

use super::session::Session;
use crate::{states::ProcessState, text::namespec::make_namespec, xmlrpc::ClientError};

/// Put the name by which people call a process before the members that the server gives, for `--json`.
pub(super) fn with_namespec(info: &Value) -> Value {
    let namespec = make_namespec(&text(info, "group"), &text(info, "name"));
    let members = match info {
        Value::Struct(members) => members.as_slice(),
        _ => &[],
    };
    let namespec = Member::new("namespec", namespec.as_str());
    Value::Struct(std::iter::once(namespec).chain(members.iter().cloned()).collect())
}

/// A process, as `supervisor.getProcessInfo` describes it.
pub(super) struct ProcessStatus {
    pub(super) group: String,
    pub(super) name: String,
    /// Supervisor's number of the state.
    state: i64,
    /// Supervisor's name of the state: `RUNNING`.
    pub(super) statename: String,
    /// Text for people, such as `pid 17, uptime 0:00:05`.
    pub(super) description: String,
    /// PID; 0 where the process does not run.
    pub(super) pid: i64,
    /// Struct that the server gave, where it was [kept](Self::with_members).
    pub(super) members: Option<Value>,
}

impl ProcessStatus {
    /// The process of such a struct, with all that the server says of it.
    pub(super) fn with_members(value: Value) -> Self {
        let status = Self::from_value(&value);
        Self { members: Some(value), ..status }
    }

    /// The process of such a struct.
    pub(super) fn from_value(value: &Value) -> Self {
        Self {
            group: text(value, "group"),
            name: text(value, "name"),
            state: number(value, "state"),
            statename: text(value, "statename"),
            description: text(value, "description"),
            pid: number(value, "pid"),
            members: None,
        }
    }

    /// The name by which people call the process.
    pub(super) fn namespec(&self) -> String {
        make_namespec(&self.group, &self.name)
    }

    /// Tell whether nothing of the process is left.
    pub(super) fn is_stopped(&self) -> bool {
        use ProcessState::{Exited, Fatal, Stopped, Unknown};
        [Stopped, Exited, Fatal, Unknown].iter().any(|state| i64::from(state.code()) == self.state)
    }

    /// Tell whether the process is up.
    pub(super) fn is_running(&self) -> bool {
        self.state == i64::from(ProcessState::Running.code())
    }
}

/// Ask the server for one process.
pub(super) fn process_info(session: &Session, name: &str) -> Result<ProcessStatus, ClientError> {
    session.call("supervisor.getProcessInfo", &[name.into()]).map(|info| ProcessStatus::from_value(&info))
}

/// Ask the server for all processes; they come in its order.
pub(super) fn all_process_info(session: &Session) -> Result<Vec<ProcessStatus>, ClientError> {
    session.call_list("supervisor.getAllProcessInfo", &[], |info| ProcessStatus::from_value(&info))
}

/// The processes of an answer of `supervisor.getAllProcessInfo`.
pub(super) fn process_infos(infos: &Value) -> Vec<ProcessStatus> {
    items(infos).iter().map(ProcessStatus::from_value).collect()
}

/// Items of an array; none where it is no array.
pub(super) fn items(value: &Value) -> &[Value] {
    value.as_array().unwrap_or_default()
}

/// A member that is a text; empty where the struct lacks it.
pub(super) fn text(value: &Value, member: &str) -> String {
    match value.get(member) {
        Some(member) => member.as_str().map_or_else(|| plugin_api::repr(member), str::to_owned),
        None => String::new(),
    }
}

/// A member that is a number or a boolean; 0 where the struct lacks it.
pub(super) fn number(value: &Value, member: &str) -> i64 {
    match value.get(member) {
        Some(&Value::Bool(truth)) => truth.into(),
        Some(number) => number.as_i64().unwrap_or_default(),
        None => 0,
    }
}
