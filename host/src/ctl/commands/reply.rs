//! What the server's answers hold, taken out of their structs in one place.

use plugin_api::{Fault, Value};

use crate::{
    ctl::session::Session,
    text::namespec::{make_namespec, split_namespec},
    xmlrpc::ClientError,
};

/// One process, as `supervisor.getProcessInfo` tells of it.
pub(in crate::ctl) struct ProcessInfo {
    pub(in crate::ctl) group: String,
    pub(in crate::ctl) name: String,
    pub(super) state: i64,
    pub(super) statename: String,
    pub(super) description: String,
    pub(super) pid: i64,
}

impl ProcessInfo {
    fn from_value(value: &Value) -> Self {
        Self {
            group: text(value, "group"),
            name: text(value, "name"),
            state: number(value, "state"),
            statename: text(value, "statename"),
            description: text(value, "description"),
            pid: number(value, "pid"),
        }
    }

    pub(super) fn namespec(&self) -> String {
        make_namespec(&self.group, &self.name)
    }

    /// STOPPED, EXITED, FATAL or UNKNOWN.
    pub(super) fn is_stopped(&self) -> bool {
        matches!(self.state, 0 | 100 | 200 | 1000)
    }

    pub(super) fn is_running(&self) -> bool {
        self.state == 20
    }
}

/// One process.
pub(super) fn process_info(ctl: &Session, name: &str) -> Result<ProcessInfo, ClientError> {
    ctl.call("supervisor.getProcessInfo", &[name.into()]).map(|info| ProcessInfo::from_value(&info))
}

/// All processes, in the server's order.
pub(super) fn all_process_info(ctl: &Session) -> Result<Vec<ProcessInfo>, ClientError> {
    ctl.call("supervisor.getAllProcessInfo", &[]).map(|infos| process_infos(&infos))
}

/// The processes of an answer of `supervisor.getAllProcessInfo`.
pub(in crate::ctl) fn process_infos(infos: &Value) -> Vec<ProcessInfo> {
    items(infos).iter().map(ProcessInfo::from_value).collect()
}

/// The namespec of what was named. A whole group is printed as Supervisor prints it where an action takes no groups.
pub(super) fn namespec_of(group: &str, process: Option<&str>) -> String {
    process.map_or_else(|| format!("{group}:None"), |process| make_namespec(group, process))
}

/// How it went with one process, from a fault or from the results for several.
pub(super) struct Outcome {
    pub(super) group: String,
    /// `None` where a whole group was named.
    pub(super) process: Option<String>,
    /// The number of the fault; 80 for success.
    pub(super) status: i32,
    pub(super) description: String,
}

impl Outcome {
    /// Of a call for one process that was refused.
    pub(super) fn refused(namespec: &str, fault: Fault) -> Self {
        let (group, process) = split_namespec(namespec);
        Self {
            group: group.to_owned(),
            process: process.map(str::to_owned),
            status: fault.code,
            description: fault.text.into(),
        }
    }

    /// Of each process of an answer for several.
    pub(super) fn several(results: &Value) -> Vec<Self> {
        items(results)
            .iter()
            .map(|result| Self {
                group: text(result, "group"),
                process: Some(text(result, "name")),
                status: i32::try_from(number(result, "status")).unwrap_or_default(),
                description: text(result, "description"),
            })
            .collect()
    }

    pub(super) fn namespec(&self) -> String {
        namespec_of(&self.group, self.process.as_deref())
    }

    pub(super) fn error(&self, what: &str) -> String {
        format!("{}: ERROR ({what})", self.namespec())
    }

    /// For a status that means nothing here, such as that of a server that is shutting down.
    pub(super) fn unexpected(&self) -> Fault {
        Fault::new(self.status, format!("{}: {}", self.namespec(), self.description))
    }
}

pub(super) fn items(value: &Value) -> &[Value] {
    match value {
        Value::Array(items) => items,
        _ => &[],
    }
}

/// A member that is a text; empty where it is not there.
pub(super) fn text(value: &Value, member: &str) -> String {
    match value.get(member) {
        Some(member) => member.as_str().map_or_else(|| plugin_api::repr(member), str::to_owned),
        None => String::new(),
    }
}

/// A member that is a number; 0 where it is not there.
pub(super) fn number(value: &Value, member: &str) -> i64 {
    match value.get(member) {
        Some(&Value::Int(number)) => number.into(),
        Some(&Value::Int64(number)) => number,
        Some(&Value::Bool(truth)) => truth.into(),
        _ => 0,
    }
}

/// A member by its truth.
pub(super) fn truth(value: &Value, member: &str) -> bool {
    number(value, member) != 0
}

/// The texts of an array.
pub(super) fn texts(value: &Value) -> Vec<String> {
    items(value).iter().filter_map(|item| item.as_str().map(str::to_owned)).collect()
}
