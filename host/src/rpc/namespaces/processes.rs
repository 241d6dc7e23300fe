//! The namespace `processes`: more of each process than Supervisor's clients know.
//!
//! The structs of `supervisor.*` stay as they are. These have their members too, from the same look. A config that has an
//! extension of this name keeps it, and goes without this.

use std::{sync::Arc, time::SystemTime};

use plugin_api::{Fault, Value, abi::NamespaceObject, namespace, rpc_interface};

use super::{plugins::whole, supervisor::process_members};
use crate::{
    config,
    process::{
        exits::{Exit, ExitKind, PastExit},
        output::LogBytes,
    },
    supervisor::{Asked, Found, ProcessDetails, Supervisor, unix_seconds},
    xmlrpc::readable,
};

/// Name of the namespace.
pub(crate) const NAME: &str = "processes";

/// The namespace `processes`.
pub(crate) struct Processes(Supervisor);

impl Processes {
    /// Make the object.
    pub(crate) fn namespace(supervisor: Supervisor) -> NamespaceObject {
        namespace(Arc::new(Self(supervisor)))
    }
}

#[rpc_interface(refuse_in_shutdown)]
impl Processes {
    /// Tell all that is known of each process, from one look at all of them.
    ///
    /// # Returns
    /// For each the struct of `getDetails`, in the order of `supervisor.getAllProcessInfo`.
    #[rpc(nonblocking)]
    pub fn get_all_details(&self) -> Result<Vec<Value>, Fault> {
        let now = SystemTime::now();
        Ok(self.0.all_details().iter().map(|details| shown(details, now)).collect())
    }

    /// Tell all that is known of one process.
    ///
    /// # Returns
    /// The members of `supervisor.getProcessInfo`, and: command; autostart; restarts, the number of starts after the
    /// first; exits, a struct of the numbers of ends of each kind (expected, unexpected, signal, stopped);
    /// `last_exits`, the latest first, structs with at (seconds since 1970), seconds (that it ran), status (-1 where a
    /// signal ended it), signal (0 where none did), core, kind and description; ready and health (empty where it is not
    /// asked, else yes or no) and unhealthy, the reason; `waits_for`, what it waits for before it starts;
    /// `restarts_at`, the time of a start that `restart_delay` keeps back, or 0; `log_bytes`, for stdout and stderr
    /// structs of the bytes that their logs have written and lost; `status_text`, the last it said of itself; limits,
    /// a struct of those that the config sets, as it spells them.
    #[rpc(nonblocking, returns = "struct")]
    pub fn get_details(
        &self,
        /// `name` or `group:name`
        name: String,
    ) -> Result<Value, Fault> {
        let details = match self.0.find(&name) {
            Some(Found::Process(id)) => self.0.details(id),
            Some(Found::Group(_)) | None => None,
        };
        details.map(|details| shown(&details, SystemTime::now())).ok_or_else(|| Fault::bad_name_with(name))
    }
}

fn shown(details: &ProcessDetails, now: SystemTime) -> Value {
    let ProcessDetails { info, config, exits, .. } = details;
    let text = |text: &str| Value::from(readable(text).as_ref());
    let optional = |value: &Option<String>| text(value.as_deref().unwrap_or_default());
    let further = [
        ("command", text(&config.command)),
        ("autostart", config.autostart.into()),
        ("restarts", whole(details.restarts)),
        ("exits", Value::structure(ExitKind::ALL.map(|kind| (kind.name(), whole(exits.count(kind)))))),
        ("last_exits", Value::array(exits.latest().map(past_exit))),
        ("ready", answer(details.ready).into()),
        ("health", answer(details.health).into()),
        ("unhealthy", optional(&details.unhealthy)),
        ("waits_for", optional(&info.waits_for)),
        ("restarts_at", unix_seconds(info.restarts).into()),
        ("log_bytes", Value::structure(["stdout", "stderr"].into_iter().zip(details.log_bytes.map(log_bytes)))),
        ("status_text", optional(&details.status_text)),
        ("limits", limits(config)),
    ];
    Value::structure(process_members(info, now).into_iter().chain(further))
}

fn log_bytes(bytes: LogBytes) -> Value {
    Value::structure([("written", whole(bytes.written)), ("lost", whole(bytes.lost))])
}

fn past_exit(past: &PastExit) -> Value {
    let (signal, core) = match past.exit {
        Exit::Code(_) => (0, false),
        Exit::Signal { signal, core } => (signal, core),
    };
    Value::structure([
        ("at", unix_seconds(Some(past.at)).into()),
        ("seconds", past.ran.as_secs_f64().into()),
        ("status", past.exit.status().into()),
        ("signal", signal.into()),
        ("core", core.into()),
        ("kind", past.kind.name().into()),
        ("description", past.exit.to_string().as_str().into()),
    ])
}

/// Struct of the limits that a config sets, as it spells them.
fn limits(config: &config::Process) -> Value {
    let rlimits = [
        ("rlimit_nofile", &config.rlimit_nofile),
        ("rlimit_core", &config.rlimit_core),
        ("rlimit_nproc", &config.rlimit_nproc),
        ("rlimit_memlock", &config.rlimit_memlock),
    ];
    let rlimits = rlimits.into_iter().filter_map(|(key, limit)| Some((key, limit.as_ref()?.to_string())));
    let numbers = [("nice", config.nice), ("oom_score_adj", config.oom_score_adj)];
    let numbers = numbers.into_iter().filter_map(|(key, number)| Some((key, number?.to_string())));
    let umask = config.umask.map(|umask| ("umask", format!("{umask:03o}")));
    Value::structure(rlimits.chain(numbers).chain(umask).map(|(key, value)| (key, value.as_str().into())))
}

fn answer(answer: Asked) -> &'static str {
    match answer {
        Asked::NotAsked => "",
        Asked::No => "no",
        Asked::Yes => "yes",
    }
}
