//! Outcome of an action for one process: from a fault, or from an answer for several processes.

use plugin_api::{Code, Fault, Value};

use crate::{
    ctl::process_info::{items, number, text},
    text::namespec::{make_namespec, split_namespec},
};

/// The name to print for what was named. A whole group is printed as Supervisor prints it where an action takes no
/// groups.
pub(super) fn namespec_of(group: &str, process: Option<&str>) -> String {
    process.map_or_else(|| format!("{group}:None"), |process| make_namespec(group, process))
}

/// Item of `results` for a thing with which it went well, for `--json`.
pub(super) fn done_item(name: &str, done: &str) -> Value {
    Value::structure([("name", name.into()), ("result", done.into())])
}

/// Item of `results`, or of `errors`, for a thing with which it did not go well.
pub(super) fn error_item(name: &str, code: Option<Code>, message: &str) -> Value {
    let code = code.map(|code| ("code", (code as i32).into()));
    let members = [("name", name.into()), ("result", "error".into()), ("message", message.into())];
    Value::structure(members.into_iter().chain(code))
}

/// Outcome for one process.
pub(super) struct ProcessResult {
    group: String,
    /// Name of the process; `None` where a whole group was named.
    process: Option<String>,
    /// The number of the fault; 80 for success.
    pub(super) status: i32,
    /// Text of the fault.
    pub(super) description: String,
}

impl ProcessResult {
    /// The outcome of a call for one process that was refused.
    pub(super) fn refused(namespec: &str, fault: Fault) -> Self {
        let (group, process) = split_namespec(namespec);
        Self {
            group: group.to_owned(),
            process: process.map(str::to_owned),
            status: fault.code,
            description: fault.text.into(),
        }
    }

    /// The outcome for each process of an answer for several.
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

    /// The name to print.
    pub(super) fn namespec(&self) -> String {
        namespec_of(&self.group, self.process.as_deref())
    }

    /// The fault to end with where the status means nothing here, such as that of a server that is shutting down.
    pub(super) fn unexpected(&self) -> Fault {
        Fault::new(self.status, format!("{}: {}", self.namespec(), self.description))
    }
}
