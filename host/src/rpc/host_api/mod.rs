//! The host as a plugin sees it: the methods that a plugin may call of it.
//!
//! A method that is added here is a new power of plugins; that a plugin may be older or newer than the host is why they
//! are methods of a namespace and not of a trait. All else is among the published methods, which a plugin calls by their
//! names.

mod data_dir;

#[cfg(test)]
mod tests;

use std::{
    fmt::Display,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use plugin_api::{Fault, Member, MethodInfo, Methods, RVec, Reply, Value, abi::NamespaceObject, rpc_interface};

use super::{
    execution::limit_params,
    handover::Offer,
    method::Caller,
    namespaces::{multicall, process_config},
    registry::RegistryRef,
    watchdog::await_or_refuse,
};
use crate::{
    config::{self, AutoRestart},
    events::Event,
    logger::{Level, Logger},
    supervisor::{ActiveGroup, NotAdded, NotRemoved, Supervisor},
    version,
    xmlrpc::ANSWER_LIMIT,
};

/// Number of calls that one plugin may have made and not yet got an answer to. Only plugins that call each other in a
/// circle come near it.
const MAX_CALLS: usize = 1024;

/// The host as one plugin sees it.
pub(super) struct HostApi {
    /// Name of the plugin's namespace, or of its result handler's factory.
    namespace: String,
    /// Types of events that the plugin may publish.
    events: Vec<String>,
    supervisor: Supervisor,
    logger: Logger,
    registry: RegistryRef,
    /// Number of calls of the plugin that have no answer yet.
    calls: AtomicUsize,
    /// Value that the plugin's instance handed over whose place this one takes.
    offer: Offer,
}

impl HostApi {
    /// The object that a factory is given for a plugin of this namespace, which publishes events of these types and is
    /// offered what was handed over.
    pub(super) fn object(
        namespace: &str,
        events: Vec<String>,
        supervisor: &Supervisor,
        logger: &Logger,
        registry: &RegistryRef,
        offer: Offer,
    ) -> NamespaceObject {
        let api = Self {
            namespace: namespace.to_owned(),
            events,
            supervisor: supervisor.clone(),
            logger: logger.clone(),
            registry: registry.clone(),
            calls: AtomicUsize::new(0),
            offer,
        };
        plugin_api::namespace(Arc::new(LimitedParams(Arc::new(api))))
    }

    fn check_up(&self) -> Result<(), Fault> {
        if self.supervisor.is_stopping() { Err(Fault::shutdown_state()) } else { Ok(()) }
    }

    /// Write to the log what was changed, and by whom.
    fn note(&self, what: impl Display) {
        self.logger.info(format_args!("{}: {what}", self.namespace));
    }

    /// Fault for a `nonblocking` method that asks for what is not there at once.
    #[cold]
    fn cannot_wait(&self, what: &str) -> Fault {
        self.registry.get().map_or_else(|fault| fault, |registry| registry.watchdog().cannot_wait(what))
    }
}

/// The host with a limit on the depth of the parameters that a plugin hands over.
struct LimitedParams(Arc<HostApi>);

impl Methods for LimitedParams {
    fn methods(&self) -> Vec<MethodInfo> {
        self.0.methods()
    }

    fn call(self: Arc<Self>, method: &str, params: RVec<Value>) -> Reply {
        match limit_params(params) {
            Ok(params) => Methods::call(self.0.clone(), method, params),
            Err(fault) => Reply::Failed(fault),
        }
    }
}

#[rpc_interface]
impl HostApi {
    /// Tell what supervisord is doing: -1 it shuts down, 0 it restarts, 1 it runs, 2 it cannot go on.
    #[rpc(nonblocking)]
    pub fn state(&self) -> i32 {
        self.supervisor.state() as i32
    }

    /// Write a line to the activity log.
    #[rpc(nonblocking)]
    pub fn log(
        &self,
        /// `blather`, `trace`, `debug`, `info`, `warn`, `error` or `critical`.
        level: String,
        message: String,
    ) -> Result<(), Fault> {
        let level = Level::from_name(&level)
            .ok_or_else(|| Fault::bad_arguments_with(format_args!("no such log level: {level}")))?;
        self.logger.log(level, message);
        Ok(())
    }

    /// Tell of a panic that nobody else hears of, since nobody waits for an answer. The activity log names the plugin.
    #[rpc(nonblocking)]
    pub fn panicked(
        &self,
        /// `drop panicked: MESSAGE (PLACE)`
        what: String,
    ) {
        self.logger.error(format_args!("{}: {what}", self.namespace));
    }

    /// Wait.
    pub async fn sleep(&self, seconds: f64) -> Result<(), Fault> {
        let duration = Duration::try_from_secs_f64(seconds)
            .map_err(|_| Fault::bad_arguments_with(format_args!("cannot sleep for {seconds} seconds")))?;
        // Timers need a thread of ours: that of the server, of a plugin's futures, or one of the pool.
        if tokio::runtime::Handle::try_current().is_err() {
            std::thread::sleep(duration);
            return Ok(());
        }
        let sleep = async {
            tokio::time::sleep(duration).await;
            Ok(())
        };
        await_or_refuse(sleep, || self.cannot_wait("a time to pass")).await
    }

    /// Call a published method.
    pub async fn call(&self, method: String, params: RVec<Value>) -> Result<Value, Fault> {
        let _call = Call::begin(&self.calls)?;
        let registry = self.registry.get()?;
        let answer = async {
            if method == "system.multicall" {
                // As one that knows who calls.
                let [calls]: [Value; 1] = params.into_vec().try_into().map_err(|_| Fault::incorrect_parameters())?;
                return multicall(&registry, Caller::Plugin, calls, ANSWER_LIMIT).await;
            }
            registry.call_from(Caller::Plugin, &method, params).await
        };
        await_or_refuse(answer, || self.cannot_wait(&format!("the answer of {method}"))).await
    }

    /// Tell who this supervisord is.
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

    /// List the groups that are active, and the config of their processes.
    #[rpc(nonblocking)]
    pub fn groups(&self) -> Vec<Value> {
        let groups = self.supervisor.active_groups();
        let group = |(group, processes): &ActiveGroup| {
            let processes = processes.iter().map(|entry| {
                let mut all = process_config(entry);
                if let Value::Struct(members) = &mut all {
                    members.extend(private_config(&entry.process));
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

    /// Tell whether an event listener or a plugin asks now, by name, for any event that the plugin may publish.
    // Who asks for EVENT alone has a config that may be older than the plugin's events.
    // Without parameters, which would be most of what the call costs: a plugin asks before each event.
    #[rpc(nonblocking)]
    pub fn has_listeners(&self) -> bool {
        self.events.iter().any(|name| self.supervisor.bus().asks_by_name(name))
    }

    /// Name a directory that is this plugin's alone, and make it when it is first asked for.
    pub fn data_dir(&self) -> Result<String, Fault> {
        let config = self.supervisor.config();
        let made = data_dir::of(&config.supervisord, &self.namespace).map_err(Fault::failed_with)?;
        Ok(made.display().to_string())
    }

    /// Give the value that was handed over to this plugin, once.
    #[rpc(name = "_handed_over", nonblocking)]
    pub fn handed_over(&self) -> Option<Value> {
        self.offer.take()
    }
}

/// Config of a process that plugins may know and clients may not, since it may hold secrets, or since clients were never
/// told it.
fn private_config(process: &config::Process) -> impl Iterator<Item = Member> {
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

/// A call that waits for its answer.
struct Call<'a>(&'a AtomicUsize);

impl<'a> Call<'a> {
    fn begin(calls: &'a AtomicUsize) -> Result<Self, Fault> {
        let call = Self(calls);
        if calls.fetch_add(1, Relaxed) < MAX_CALLS {
            Ok(call)
        } else {
            Err(Fault::failed_with(format_args!("a plugin waits for {MAX_CALLS} calls already")))
        }
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}
