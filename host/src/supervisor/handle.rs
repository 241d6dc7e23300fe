//! Handle on the supervisor, for every other thread.

use std::{
    collections::{HashMap, HashSet},
    ffi::OsString,
    fmt,
    future::Future,
    io,
    sync::{
        Arc,
        atomic::{AtomicI32, AtomicU32},
    },
    thread,
    time::Duration,
};

use parking_lot::Mutex;
use tokio::sync::{oneshot, watch};

use super::{
    dependencies::Dependencies,
    extensions::MakeHandler,
    groups::{Found, Groups},
    info::{ProcessConfig, ProcessInfo},
    lookup::FindCommand,
    main_loop::{Adopted, MainLoop, Reactor},
    new_group::NewGroup,
    process_details::ProcessDetails,
    readiness::Readiness,
    requests::{Request, Requests},
    shared::Shared,
    snapshot::{Births, Snapshot, UseSnapshot},
    status::{ProcessId, Refused, Status, StatusSender},
    turns::Turns,
};
use crate::{
    config::{self, Config, ConfigError, ConfigErrors, Overrides},
    events::{Bus, Event},
    histogram::HistogramSnapshot,
    logger::Logger,
    process::{
        launch::Launch,
        orphans,
        output::{OutputHandle, OutputTarget, auto_logs},
        ready_channel, signals,
        stdin::StdinError,
    },
    states::SupervisorState,
    text::namespec::make_namespec,
};

/// Time for which a client that starts a process waits for the file system on which its command lies.
const START_TIMEOUT: Duration = Duration::from_secs(10);

/// Handle on the supervisor. Cheap to clone, usable from every thread.
#[derive(Clone)]
pub struct Supervisor(pub(super) Arc<Shared>);

impl fmt::Debug for Supervisor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Supervisor").field("state", &self.state()).finish_non_exhaustive()
    }
}

impl Supervisor {
    /// Make the groups of `config` and begin to catch signals. Nothing is started before the main loop
    /// [runs](MainLoop::run). `overrides` are those that `config` was loaded with.
    ///
    /// To be called in the process that will run: after it has become a daemon and has changed its user, and before it
    /// leaves its directory. Makes the `AUTO` logs; fails where it cannot.
    pub fn new(
        config: Config,
        overrides: Overrides,
        logger: Logger,
        output: OutputHandle,
    ) -> io::Result<(Self, MainLoop)> {
        Self::with_lookup(config, overrides, logger, output, Box::new(Launch::command), START_TIMEOUT)
    }

    /// Make a supervisor that finds commands in its own way, for clients that wait so long.
    pub(super) fn with_lookup(
        config: Config,
        overrides: Overrides,
        logger: Logger,
        output: OutputHandle,
        find_command: FindCommand,
        start_timeout: Duration,
    ) -> io::Result<(Self, MainLoop)> {
        let environment: Vec<_> = std::env::vars_os().collect();
        let groups = Groups::of_config(&config, &environment, &logger)?;
        let (this, main_loop) =
            Self::of_groups(groups, config, overrides, (logger, output), environment, (find_command, start_timeout))?;
        let groups = this.0.groups.lock();
        groups.in_order.iter().for_each(|group| this.0.announce_group(&group.config));
        if let Some((level, text)) = groups.limit_message() {
            this.0.logger.log(level, text);
        }
        drop(groups);
        Ok((this, main_loop))
    }

    /// Take over the groups of the supervisord that was executed in this process before, as `snapshot` has them; all
    /// else is as `config` says. Nothing of it is touched before the main loop [runs](MainLoop::run).
    pub fn adopt(
        config: Config,
        overrides: Overrides,
        logger: Logger,
        output: OutputHandle,
        mut snapshot: Snapshot,
    ) -> io::Result<(Self, MainLoop)> {
        let environment: Vec<_> = std::env::vars_os().collect();
        let (groups, processes, sockets) = Groups::adopt_all(&mut snapshot, &config, &environment);
        let lookup: (FindCommand, _) = (Box::new(Launch::command), START_TIMEOUT);
        let (this, mut main_loop) = Self::of_groups(groups, config, overrides, (logger, output), environment, lookup)?;
        let Snapshot { origin, last_run, ticks, ended_runs, output, .. } = snapshot;
        main_loop.adopt(Adopted { processes, sockets, ended_runs, output }, origin, last_run, ticks);
        Ok((this, main_loop))
    }

    fn of_groups(
        groups: Groups,
        config: Config,
        overrides: Overrides,
        (logger, output): (Logger, OutputHandle),
        environment: Vec<(OsString, OsString)>,
        (find_command, start_timeout): (FindCommand, Duration),
    ) -> io::Result<(Self, MainLoop)> {
        let reactor = Reactor::new()?;
        let requests = Arc::new(Requests::new(reactor.waker()?));
        let shared = Arc::new(Shared {
            config: Mutex::new(Arc::new(config)),
            overrides,
            started_in: std::env::current_dir()?,
            restarts_asked: AtomicU32::new(0),
            logger,
            output,
            extensions: Arc::default(),
            state: AtomicI32::new(SupervisorState::Running as i32),
            pid: std::process::id(),
            environment,
            groups: Mutex::new(groups),
            turns: Turns::new(),
            requests,
        });
        let main_loop = MainLoop::new(Arc::clone(&shared), reactor, find_command, start_timeout);
        Ok((Self(shared), main_loop))
    }

    /// Remove the `AUTO` logs that an earlier supervisord of the same name has left, unless `nocleanup` is set. To be
    /// called once nobody else can be that supervisord, still at work: when the HTTP servers have their sockets.
    pub fn clean_auto_logs(&self) {
        let config = self.config();
        let supervisord = &config.supervisord;
        if supervisord.nocleanup {
            return;
        }
        let own: HashSet<_> = self.0.groups.lock().auto_logs().into_iter().collect();
        for warning in auto_logs::clean(&supervisord.childlogdir, &supervisord.identifier, |path| own.contains(path)) {
            self.0.logger.warn(warning);
        }
    }

    /// Log which programs of ours still run that a supervisord has left behind which was killed: nobody looks after
    /// them, and they may be in the way of those that are started now. Take away what sockets it has left. Works on a
    /// thread of its own.
    pub fn tell_of_orphans(&self) {
        let (logger, own) = (self.0.logger.clone(), self.pid().cast_signed());
        let programs = self.by_name().into_iter().map(|info| (info.group, info.name)).collect();
        let look = move || {
            signals::hold();
            ready_channel::remove_leftovers();
            for (pid, (group, name)) in orphans::unsupervised(&programs, own) {
                logger.warn(format_args!(
                    "'{}' is left of a supervisord that was killed, and runs on with pid {pid}; nobody supervises it",
                    make_namespec(&group, &name)
                ));
            }
        };
        if let Err(error) = thread::Builder::new().name("orphans".to_owned()).spawn(look) {
            self.0.logger.warn(format_args!("cannot look for what the last supervisord has left: {error}"));
        }
    }

    /// Return the state of the supervisor itself.
    pub fn state(&self) -> SupervisorState {
        self.0.state()
    }

    /// Return whether it is about to end: it starts nothing, and clients are refused.
    pub fn is_stopping(&self) -> bool {
        self.0.is_stopping()
    }

    /// Ask it to stop all processes and to end.
    pub fn shutdown(&self) {
        self.0.set_state(SupervisorState::Shutdown);
    }

    /// Ask it to stop all processes and to be started anew; unless what it would read then is broken: it goes on as it
    /// is, and the log and the error say why. Blocks on the file system.
    pub fn restart(&self) -> Result<(), Vec<String>> {
        self.0.restart()
    }

    /// Find what would keep it from coming up again if it were started anew now. Blocks on the file system.
    pub fn check_restart(&self) -> Result<(), Vec<String>> {
        self.0.check_restart()
    }

    /// Have something done with a snapshot of all that goes on, while nothing does. Where `is_final` is set, this
    /// process is to become another in it, by exec. Blocks until that is done; the error says why it was not.
    pub fn hand_over(&self, is_final: bool, known: &Births, work: UseSnapshot) -> Result<(), String> {
        self.0.hand_over(is_final, known, work)
    }

    /// Read when the processes that run were started, ahead of [`hand_over`](Self::hand_over), which then takes less
    /// time. Blocks on the file system.
    pub fn births(&self) -> Births {
        self.0.births(&Births::default())
    }

    /// Wait for the begin of the next turn of the main thread's loop and return how long that took; `None` where it takes
    /// longer than `timeout`. Whatever the main thread waits for then may hold the lock that all others here need.
    pub async fn turn(&self, timeout: Duration) -> Option<Duration> {
        self.0.turns.next(|| self.0.requests.wake(), timeout).await
    }

    /// Return the times that turns of the main thread's loop have taken.
    pub(crate) fn turns(&self) -> HistogramSnapshot {
        self.0.turns.snapshot()
    }

    /// Count what is to run and is not ready; where that is asked, with the names.
    pub fn readiness(&self, with_names: bool) -> Readiness {
        self.0.groups.lock().readiness(with_names)
    }

    /// Return its `identifier`.
    pub fn identifier(&self) -> String {
        self.config().supervisord.identifier.clone()
    }

    /// Return its pid.
    pub fn pid(&self) -> u32 {
        self.0.pid
    }

    /// Return the config as it was read last.
    pub fn config(&self) -> Arc<Config> {
        self.0.config()
    }

    /// Read the config file again. The groups that are active stay as they are: see [`changes`](Self::changes). Where
    /// the file is wrong, nothing changes. Blocks on the file system.
    pub fn reload_config(&self) -> Result<(), ConfigErrors> {
        let config = self.0.read_config()?;
        self.0.check_interfaces(&config)?;
        self.0.extensions.prepare_all(&config)?;
        *self.0.config.lock() = Arc::new(config);
        Ok(())
    }

    /// Return the activity log.
    pub fn logger(&self) -> &Logger {
        &self.0.logger
    }

    /// Return the handle on the output threads.
    pub fn output(&self) -> &OutputHandle {
        &self.0.output
    }

    /// Return the bus on which events are published.
    pub fn bus(&self) -> &Bus {
        self.0.output.bus()
    }

    /// List the types of events that plugins have.
    pub fn plugin_event_types(&self) -> &[String] {
        self.0.extensions.event_types()
    }

    /// Take what plugins bring, and make the handlers that the config names of that. To be called once. Blocks: it may
    /// load a library.
    pub fn extend(&self, event_types: Vec<String>, make_handler: MakeHandler) -> Result<(), ConfigError> {
        self.0.extensions.set(event_types, make_handler);
        self.0.extensions.prepare_all(&self.config())?;
        let active: Vec<_> = self.0.groups.lock().in_order.iter().map(|group| Arc::clone(&group.config)).collect();
        for group in active {
            if let Err(error) = self.0.extensions.prepare(&group) {
                // It was there before an upgrade in place, and the config does not ask for it any more.
                self.0.logger.critical(error);
            }
        }
        Ok(())
    }
}

/// Groups.
impl Supervisor {
    /// Make a group active; its processes start if they say `autostart`. Return whether there was none of that name.
    /// Blocks: it may make files and ask for the groups of a user.
    pub fn add_group(&self, group: &Arc<config::Group>) -> io::Result<bool> {
        if self.0.groups.lock().group(&group.name).is_some() {
            return Ok(false);
        }
        self.0.extensions.prepare(group).map_err(io::Error::other)?;
        let mut new = NewGroup::new(group, &self.config().supervisord, &self.0.environment)?;
        new.try_socket(&self.0.logger)?;
        let message = {
            let mut groups = self.0.groups.lock();
            // Said once, not again with each group that follows.
            let is_known = groups.limit_message().is_some();
            if !groups.add(&mut new) {
                return Ok(false);
            }
            self.0.announce_group(group);
            groups.limit_message().filter(|_| !is_known)
        };
        if let Some((level, text)) = message {
            self.0.logger.log(level, text);
        }
        self.0.requests.wake();
        Ok(true)
    }

    /// Forget a group. `None` where there is none of that name, `Some(false)` where some of its processes still run.
    pub fn remove_group(&self, name: &str) -> Option<bool> {
        let mut groups = self.0.groups.lock();
        let removed = groups.remove(name);
        if removed == Some(true) {
            // Under the same lock: before a group of that name is added again.
            self.0.output.remove_pool(name);
            self.bus().publish(Event::ProcessGroupRemoved { group: name.to_owned() });
        }
        removed
    }

    /// List the names of the groups that the config has and that are not active, that differ from the active ones, and
    /// that are active and gone from the config.
    pub fn changes(&self) -> [Vec<String>; 3] {
        let config = self.config();
        let groups = self.0.groups.lock();
        let mut changes = [Vec::new(), Vec::new(), Vec::new()];
        for group in &config.groups {
            match groups.group(&group.name) {
                None => changes[0].push(group.name.clone()),
                Some(active) if active.config != *group => changes[1].push(group.name.clone()),
                Some(_) => {}
            }
        }
        let gone = |name: &String| config.groups.iter().all(|group| group.name != *name);
        changes[2] = groups.in_order.iter().map(|group| group.config.name.clone()).filter(gone).collect();
        changes
    }

    /// Return the number of events that a pool of event listeners has discarded because its buffer was full, if there
    /// is such a pool.
    pub fn discarded_events(&self, pool: &str) -> Option<u64> {
        self.0.output.discarded_events(pool)
    }

    /// List the configs of all processes as they were read last, in the order of the groups.
    pub fn process_configs(&self) -> Vec<ProcessConfig> {
        let config = self.config();
        let groups = self.0.groups.lock();
        let mut all = Vec::new();
        for group in &config.groups {
            let active = groups.group(&group.name);
            // One that was read since then has no files yet.
            let same = active.filter(|active| Arc::ptr_eq(&active.config, group));
            for process in &group.processes {
                let running = same.and_then(|active| {
                    active.processes.iter().map(|id| &groups.processes[id]).find(|it| it.config.name == process.name)
                });
                all.push(ProcessConfig {
                    group: Arc::clone(group),
                    process: Arc::clone(process),
                    inuse: active.is_some(),
                    auto_logfiles: running.map_or([None, None], |it| [it.stdout.path.clone(), it.stderr.path.clone()]),
                });
            }
        }
        all
    }
}

/// Processes.
impl Supervisor {
    /// Find what `name`, `group:name` or `group:*` means.
    pub fn find(&self, namespec: &str) -> Option<Found> {
        self.0.groups.lock().find(namespec)
    }

    /// Return one process.
    pub fn info(&self, id: ProcessId) -> Option<ProcessInfo> {
        self.0.groups.lock().processes.get(&id).map(|process| process.info(id))
    }

    /// List all processes, by name of their group and their own.
    pub fn by_name(&self) -> Vec<ProcessInfo> {
        let groups = self.0.groups.lock();
        groups.by_name().into_iter().map(|id| groups.processes[&id].info(id)).collect()
    }

    /// Return all that is known of one process.
    pub fn details(&self, id: ProcessId) -> Option<ProcessDetails> {
        self.0.groups.lock().processes.get(&id).map(|process| process.details(id))
    }

    /// Return all that is known of all processes at one moment, by name of their group and their own.
    pub fn all_details(&self) -> Vec<ProcessDetails> {
        let groups = self.0.groups.lock();
        groups.by_name().into_iter().map(|id| groups.processes[&id].details(id)).collect()
    }

    /// List all processes, by priority of their group and their own.
    pub fn by_priority(&self) -> Vec<ProcessInfo> {
        let groups = self.0.groups.lock();
        groups.by_priority().into_iter().map(|id| groups.processes[&id].info(id)).collect()
    }

    /// List the processes of a group by priority, if there is such a group.
    pub fn of_group(&self, name: &str) -> Option<Vec<ProcessInfo>> {
        let groups = self.0.groups.lock();
        let group = groups.group(name)?;
        Some(groups.of_group(group).into_iter().map(|id| groups.processes[&id].info(id)).collect())
    }

    /// Follow the status of a process. The channel closes when its group is removed.
    pub fn watch(&self, id: ProcessId) -> Option<watch::Receiver<Status>> {
        self.0.groups.lock().processes.get(&id).map(|process| process.watch.subscribe())
    }

    /// Start a process that is STOPPED, EXITED or FATAL, if its command can be executed. The request is on its way
    /// when this returns; the answer comes when it was spawned, or could not be.
    pub fn start(&self, id: ProcessId) -> impl Future<Output = Result<Status, Refused>> + Send + use<> {
        self.request(move |answer| Request::Start { id, answer })
    }

    /// Stop a process that is RUNNING, STARTING or in BACKOFF. The request is on its way when this returns; the answer
    /// comes when the signal was sent. `waited_for`: log every two seconds that somebody waits. `in_order`: those that
    /// depend on it and were asked to stop before stop first.
    pub fn stop(
        &self,
        id: ProcessId,
        waited_for: bool,
        in_order: bool,
    ) -> impl Future<Output = Result<Status, Refused>> + Send + use<> {
        self.request(move |answer| Request::Stop { id, waited_for, in_order, answer })
    }

    /// Sort processes that are to be started one after the other: what one depends on comes before it, and all else
    /// stays as it is.
    pub fn in_start_order(&self, processes: Vec<ProcessInfo>) -> Vec<ProcessInfo> {
        self.sorted(processes, Dependencies::needs)
    }

    /// Sort processes that are to be stopped one after the other: what depends on one comes before it, and all else
    /// stays as it is.
    pub fn in_stop_order(&self, processes: Vec<ProcessInfo>) -> Vec<ProcessInfo> {
        self.sorted(processes, Dependencies::dependents)
    }

    fn sorted(
        &self,
        processes: Vec<ProcessInfo>,
        first: fn(&Dependencies, ProcessId) -> Vec<ProcessId>,
    ) -> Vec<ProcessInfo> {
        let mut groups = self.0.groups.lock();
        let dependencies = groups.linked();
        if dependencies.is_empty() {
            return processes;
        }
        let order = dependencies.order(processes.iter().map(|info| info.id), first);
        let mut by_id: HashMap<_, _> = processes.into_iter().map(|info| (info.id, info)).collect();
        order.into_iter().filter_map(|id| by_id.remove(&id)).collect()
    }

    /// Send a signal to a process that is RUNNING, STARTING or STOPPING.
    pub fn signal(&self, id: ProcessId, signal: i32) -> impl Future<Output = Result<Status, Refused>> + Send + use<> {
        self.request(move |answer| Request::Signal { id, signal, answer })
    }

    /// Leave a request for the main thread. Its answer is [`Refused::Gone`] once nobody looks at it any more.
    fn request<F: FnOnce(StatusSender) -> Request>(
        &self,
        request: F,
    ) -> impl Future<Output = Result<Status, Refused>> + Send + use<F> {
        let (answer, answered) = oneshot::channel();
        self.0.requests.push(request(answer));
        async { answered.await.unwrap_or(Err(Refused::Gone)) }
    }

    /// Send `data` to the stdin of a process, without waiting for it to be read. `None` where it does not run.
    pub fn write_stdin(&self, id: ProcessId, data: &[u8]) -> Option<Result<(), StdinError>> {
        let (run, stdin) = {
            let groups = self.0.groups.lock();
            let process = groups.processes.get(&id)?;
            if process.machine.is_killed() {
                return None;
            }
            (process.run, process.stdin.clone()?)
        };
        Some(self.0.output.write_stdin(run, &stdin, data))
    }

    /// List the outputs of a process that have a log file: none where there is no such process.
    pub fn log_files(&self, id: ProcessId) -> Vec<OutputTarget> {
        let groups = self.0.groups.lock();
        let outputs = groups.processes.get(&id).map(|process| [&process.stdout, &process.stderr]);
        outputs.into_iter().flatten().filter(|output| output.path.is_some()).cloned().collect()
    }

    /// Empty the logs of a process. Blocks, but no longer than `timeout`. `None` where there is no such process.
    pub fn clear_logs(&self, id: ProcessId, timeout: Duration) -> Option<io::Result<()>> {
        let paths = {
            let groups = self.0.groups.lock();
            let process = groups.processes.get(&id)?;
            process.stdout.path.iter().chain(&process.stderr.path).cloned().collect()
        };
        Some(self.0.output.clear(paths, timeout))
    }
}
