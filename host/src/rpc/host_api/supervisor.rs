//! What a plugin may ask of the supervisor itself: who it is, what it runs, and to change that.
//!
//! All else is among the published methods, which a plugin calls by their names.

use std::fmt::Display;

use plugin_api::{Fault, Member, RVec, Value, rpc_interface};

use crate::rpc::host_api::data_dir;
use crate::rpc::namespaces::supervisor::structs;
use crate::{
    config::{self, AutoRestart},
    events::Event,
    logger::Logger,
    supervisor::{ActiveGroup, NotAdded, NotRemoved, Supervisor},
    version,
};

/// The powers of one plugin.
pub(crate) struct Powers {
    supervisor: Supervisor,
    logger: Logger,
    /// What stands before the dot of its methods.
    namespace: String,
    /// The types of events that it may publish.
    events: Vec<String>,
}

impl Powers {
    pub(crate) fn new(supervisor: Supervisor, logger: Logger, namespace: &str, events: Vec<String>) -> Self {
        Self { supervisor, logger, namespace: namespace.to_owned(), events }
    }

    fn check_up(&self) -> Result<(), Fault> {
        if self.supervisor.is_stopping() { Err(Fault::shutdown_state()) } else { Ok(()) }
    }

    /// Writes to the log what was changed, and by whom.
    fn note(&self, what: impl Display) {
        self.logger.info(format_args!("{}: {what}", self.namespace));
    }
}

#[rpc_interface]
impl Powers {
    /// Who this supervisord is.
    #[rpc(nonblocking, returns = "struct")]
    pub fn info(&self) -> Value {
        let config = self.supervisor.config();
        Value::structure([
            ("identifier", config.supervisord.identifier.as_str().into()),
            ("pid", i64::from(self.supervisor.pid()).into()),
            ("supervisor_version", version::SUPERVISOR.into()),
            ("version", env!("CARGO_PKG_VERSION").into()),
            ("config_file", config.file.display().to_string().into()),
            ("serverurl", config.supervisord.serverurl.as_deref().unwrap_or_default().into()),
            ("namespace", self.namespace.as_str().into()),
        ])
    }

    /// The groups that are active, and the config of their processes.
    #[rpc(nonblocking)]
    pub fn groups(&self) -> Vec<Value> {
        let groups = self.supervisor.active_groups();
        let group = |(group, processes): &ActiveGroup| {
            let processes = processes.iter().map(|entry| {
                let mut all = structs::config(entry);
                if let Value::Struct(members) = &mut all {
                    members.extend(more(&entry.process));
                }
                all
            });
            Value::structure([
                ("name", group.name.as_str().into()),
                ("priority", group.priority.into()),
                ("processes", Value::array(processes)),
            ])
        };
        groups.iter().map(group).collect()
    }

    /// Add a program to a group, until that is removed or supervisord ends.
    ///
    /// # Returns
    /// the names of its processes
    pub fn add_program(
        &self,
        group: String,
        /// `x` of what would be `[program:x]`
        program: String,
        /// the keys of that section
        #[rpc(kind = "struct")]
        options: Value,
    ) -> Result<Vec<String>, Fault> {
        self.check_up()?;
        let Value::Struct(options) = &options else {
            return Err(Fault::incorrect_parameters_with("options: expected a struct"));
        };
        if self.supervisor.of_group(&group).is_none() {
            return Err(Fault::bad_name_with(format_args!("group: {group}")));
        }
        let config = self.supervisor.config();
        let (processes, messages) =
            config.added_program(&group, &program, options).map_err(Fault::incorrect_parameters_with)?;
        for message in messages {
            self.logger.log(message.level, format_args!("{}: {}", self.namespace, message.text));
        }
        let names: Vec<_> = processes.iter().map(|process| process.name.clone()).collect();
        self.supervisor.add_to_group(&group, processes).map_err(|error| match error {
            NotAdded::NoGroup(group) => Fault::bad_name_with(format_args!("group: {group}")),
            NotAdded::Taken(name) => Fault::bad_name_with(name),
            NotAdded::Io(error) => Fault::failed_with(error),
        })?;
        self.note(format_args!("added program {program} to group {group}: {}", names.join(", ")));
        Ok(names)
    }

    /// Take a process that has stopped out of its group.
    pub fn remove_process(&self, group: String, process: String) -> Result<(), Fault> {
        self.check_up()?;
        self.supervisor.remove_from_group(&group, &process).map_err(|error| match error {
            NotRemoved::NoGroup => Fault::bad_name_with(format_args!("group: {group}")),
            NotRemoved::NoProcess => Fault::bad_name_with(&process),
            NotRemoved::Running => Fault::still_running_with(&process),
        })?;
        self.note(format_args!("removed process {process} from group {group}"));
        Ok(())
    }

    /// Publish an event.
    #[rpc(nonblocking)]
    pub fn emit(
        &self,
        /// its type, which must be one of those that are listed with the plugin's factory
        name: String,
        payload: String,
    ) -> Result<(), Fault> {
        if !self.events.contains(&name) {
            return Err(Fault::unlisted_event(&name, &self.events));
        }
        self.supervisor.bus().publish(Event::Custom { name, payload });
        Ok(())
    }

    /// A directory that is this plugin's alone, made when it is first asked for.
    pub fn data_dir(&self) -> Result<String, Fault> {
        let config = self.supervisor.config();
        let made = data_dir::of(&config.supervisord, &self.namespace).map_err(Fault::failed_with)?;
        Ok(made.display().to_string())
    }
}

/// What a plugin may know of a process and clients may not, since it may hold secrets, or has never been told them.
fn more(process: &config::Process) -> impl Iterator<Item = Member> {
    let environment = process.environment.iter();
    let environment: RVec<Member> =
        environment.map(|(name, value)| Member { name: name.as_str().into(), value: value.as_str().into() }).collect();
    let autorestart = match process.autorestart {
        AutoRestart::Never => "false",
        AutoRestart::Unexpected => "unexpected",
        AutoRestart::Always => "true",
    };
    [
        ("autorestart", autorestart.into()),
        ("environment", Value::Struct(environment)),
        ("stopasgroup", process.stopasgroup.into()),
        ("umask", process.umask.map_or(Value::Nil, |umask| i64::from(umask).into())),
    ]
    .into_iter()
    .map(|(name, value): (&str, Value)| Member { name: name.into(), value })
}
