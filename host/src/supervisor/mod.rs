//! The supervisor: groups of processes, kept as their config says.
//!
//! [`Supervisor::run`] is the whole of the main thread. It alone spawns, signals and reaps, and it never waits for
//! anything but its own poll: log lines and output go to the output thread through a queue, clients leave requests
//! in another and are answered through channels, and the lock around what is known is held by anybody for one unit of
//! work. For the executable of a program and the socket of its group, right before it is started, threads of their own
//! look at the disk.
//!
//! All decisions use a monotonic clock; the wall clock is only reported.

mod deadlines;
mod descriptors;
mod drive;
mod extensions;
#[cfg(test)]
pub(crate) mod fixtures;
mod groups;
mod info;
mod listeners;
mod lookup;
mod members;
mod requests;
mod restart;
mod run;
mod signal;
mod spawns;
mod ticks;

use std::{
    collections::HashSet,
    ffi::OsString,
    fmt,
    future::Future,
    io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicI32, AtomicU32, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use mio::Waker;
use parking_lot::Mutex;
use tokio::sync::{oneshot, watch};

use self::{
    descriptors::Budget,
    drive::Request,
    extensions::Extensions,
    groups::{NewGroup, State},
    lookup::{Look, Lookups},
    requests::Requests,
    run::Reactor,
    spawns::ToSpawn,
};
pub use self::{
    drive::Refused,
    extensions::MakeHandler,
    groups::{Found, ProcessId, Status, make_namespec, split_namespec},
    info::{ProcessConfig, ProcessInfo},
    members::{ActiveGroup, NotAdded, NotRemoved},
};
use crate::{
    config::{self, Config, ConfigErrors, Overrides},
    events::{Bus, Event},
    logger::Logger,
    process::{
        launch::Launch,
        output::{OutputHandle, auto_logs},
        reserve::Reserve,
        spawn::Spawner,
        state::Time,
        stdin::StdinError,
    },
    states::SupervisorState,
};

/// Patience of clients that start a process, with the file system on which its command lies.
const START_PATIENCE: Duration = Duration::from_secs(10);

/// How the supervisor ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is over.
    Exit,
    /// It is to be started anew.
    Restart,
}

/// A handle on the supervisor. Cheap to clone, usable from every thread.
#[derive(Clone)]
pub struct Supervisor(Arc<Inner>);

struct Inner {
    /// As it was read last; groups that are active may still have an older one.
    config: Mutex<Arc<Config>>,
    /// What the command line says wins over the config file, also when that is read again.
    overrides: Overrides,
    /// Where supervisord was started: what relative paths of the config mean, also when it is read again.
    started_in: PathBuf,
    /// How often a signal has asked for a restart that is still being thought about.
    restarts_asked: AtomicU32,
    logger: Logger,
    output: OutputHandle,
    extensions: Arc<Extensions>,
    state: AtomicI32,
    origin: Instant,
    pid: u32,
    /// What programs inherit.
    environment: Vec<(OsString, OsString)>,
    groups: Mutex<State>,
    requests: Arc<Requests>,
    lookups: Lookups,
    /// [`START_PATIENCE`], but in tests.
    start_patience: Duration,
    reactor: Mutex<Option<Reactor>>,
    last_run: AtomicU64,
    /// The supervisor thread's alone, as are the next two.
    spawner: Mutex<Spawner>,
    reserve: Mutex<Reserve>,
    to_spawn: Mutex<ToSpawn>,
}

impl fmt::Debug for Supervisor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Supervisor").field("state", &self.state()).finish_non_exhaustive()
    }
}

impl Inner {
    fn state(&self) -> SupervisorState {
        SupervisorState::from_number(self.state.load(Ordering::Acquire)).unwrap_or(SupervisorState::Fatal)
    }

    fn is_stopping(&self) -> bool {
        matches!(self.state(), SupervisorState::Shutdown | SupervisorState::Restarting)
    }

    fn set_state(&self, state: SupervisorState) {
        self.state.store(state as i32, Ordering::Release);
        self.requests.wake();
    }

    fn now(&self) -> Time {
        self.origin.elapsed()
    }

    fn next_run(&self) -> u64 {
        self.last_run.fetch_add(1, Ordering::Relaxed)
    }
}

impl Supervisor {
    /// Makes the groups of `config` and begins to catch signals. Nothing is started before [`run`](Self::run).
    /// `overrides` are what `config` was loaded with.
    ///
    /// To be called in the process that will run: after it has become a daemon and has changed its user, and before it
    /// leaves its directory. Makes the `AUTO` logs; fails where it cannot. They are removed again by
    /// [`discard`](Self::discard).
    pub fn new(config: Config, overrides: Overrides, logger: Logger, output: OutputHandle) -> io::Result<Self> {
        Self::with_look(config, overrides, logger, output, Box::new(Launch::command), START_PATIENCE)
    }

    fn with_look(
        config: Config,
        overrides: Overrides,
        logger: Logger,
        output: OutputHandle,
        look: Look,
        start_patience: Duration,
    ) -> io::Result<Self> {
        let environment: Vec<_> = std::env::vars_os().collect();
        let groups = groups::all(&config, &environment, &logger)?;
        let extensions = Arc::default();
        for group in &groups.groups {
            listeners::added(&group.config, &output, &extensions);
            output.bus().publish(Event::ProcessGroupAdded { group: group.config.name.clone() });
        }
        if let Some((level, text)) = groups.complain_of_limit() {
            logger.log(level, text);
        }
        let reactor = Reactor::new()?;
        let requests = Arc::new(Requests::new(Waker::new(reactor.registry(), run::WAKER)?));
        let lookups = {
            let requests = Arc::clone(&requests);
            let late = Box::new(move |id, found| requests.push(Request::Found(id, found)));
            Lookups::new(look, late, logger.clone())
        };
        Ok(Self(Arc::new(Inner {
            config: Mutex::new(Arc::new(config)),
            overrides,
            started_in: std::env::current_dir()?,
            restarts_asked: AtomicU32::new(0),
            logger,
            output,
            extensions,
            state: AtomicI32::new(SupervisorState::Running as i32),
            origin: Instant::now(),
            pid: std::process::id(),
            environment,
            groups: Mutex::new(groups),
            requests,
            lookups,
            start_patience,
            reactor: Mutex::new(Some(reactor)),
            last_run: AtomicU64::new(1),
            spawner: Mutex::default(),
            reserve: Mutex::new(Reserve::new(Budget::new().left() / 4)),
            to_spawn: Mutex::default(),
        })))
    }

    /// Removes the `AUTO` logs that an earlier supervisord of the same name has left, unless `nocleanup` is set. To be
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

    /// Removes the `AUTO` logs that it made if it never ran: what does not begin leaves nothing behind. Plugins may
    /// keep it for as long as the process lives, so that this cannot wait until it is dropped.
    pub fn discard(&self) {
        if self.0.reactor.lock().is_some() {
            for path in self.0.groups.lock().auto_logs() {
                // The next one cleans up what is left.
                let _ = std::fs::remove_file(path);
            }
        }
    }

    /// Supervises, on the calling thread, until all processes have ended after [`shutdown`](Self::shutdown),
    /// [`restart`](Self::restart) or a signal that asks for either. A second call returns at once.
    pub fn run(&self) -> Outcome {
        let reactor = self.0.reactor.lock().take();
        reactor.map_or(Outcome::Exit, |reactor| self.0.run(reactor))
    }

    /// What the supervisor is doing.
    pub fn state(&self) -> SupervisorState {
        self.0.state()
    }

    /// Whether it is about to end: it starts nothing, and clients are refused.
    pub fn is_stopping(&self) -> bool {
        self.0.is_stopping()
    }

    /// Asks it to stop all processes and to end.
    pub fn shutdown(&self) {
        self.0.set_state(SupervisorState::Shutdown);
    }

    /// Asks it to stop all processes and to be started anew; unless what it would read then is broken: it goes on as it
    /// is, and the log and the error say why. Blocks on the file system.
    pub fn restart(&self) -> Result<(), Vec<String>> {
        self.0.restart()
    }

    /// What would keep it from coming up again if it were started anew now. Blocks on the file system.
    pub fn check_restart(&self) -> Result<(), Vec<String>> {
        self.0.check_restart()
    }

    /// Its `identifier`.
    pub fn identifier(&self) -> String {
        self.config().supervisord.identifier.clone()
    }

    /// Its pid.
    pub fn pid(&self) -> u32 {
        self.0.pid
    }

    /// The config as it was read last.
    pub fn config(&self) -> Arc<Config> {
        Arc::clone(&self.0.config.lock())
    }

    /// Reads the config file again. The groups that are active stay as they are: see [`changes`](Self::changes). Where
    /// the file is wrong, nothing changes. Blocks on the file system.
    pub fn reload_config(&self) -> Result<(), ConfigErrors> {
        let config = self.0.read_config()?;
        self.0.check_interfaces(&config)?;
        self.check_extensions(&config)?;
        *self.0.config.lock() = Arc::new(config);
        Ok(())
    }

    /// The activity log.
    pub fn logger(&self) -> &Logger {
        &self.0.logger
    }

    /// The output thread.
    pub fn output(&self) -> &OutputHandle {
        &self.0.output
    }

    /// Where events are heard and published.
    pub fn bus(&self) -> &Bus {
        self.0.output.bus()
    }
}

/// Groups.
impl Supervisor {
    /// Makes a group active; its processes start if they say `autostart`. Answers whether there was none of that name.
    /// Blocks: it may make files and ask for the groups of a user.
    pub fn add_group(&self, group: &Arc<config::Group>) -> io::Result<bool> {
        if self.0.groups.lock().group(&group.name).is_some() {
            return Ok(false);
        }
        self.0.extensions.prepare(group).map_err(io::Error::other)?;
        let mut new = NewGroup::new(group, &self.config().supervisord, &self.0.environment)?;
        new.try_socket(&self.0.logger)?;
        let complaint = {
            let mut state = self.0.groups.lock();
            // Said once, not again with each group that follows.
            let is_known = state.complain_of_limit().is_some();
            if !state.add(&mut new) {
                return Ok(false);
            }
            // Under the same lock: before one of its processes starts, or the group is removed again.
            listeners::added(group, &self.0.output, &self.0.extensions);
            self.bus().publish(Event::ProcessGroupAdded { group: group.name.clone() });
            state.complain_of_limit().filter(|_| !is_known)
        };
        if let Some((level, text)) = complaint {
            self.0.logger.log(level, text);
        }
        self.0.requests.wake();
        Ok(true)
    }

    /// Forgets a group. `None` where there is none of that name, `Some(false)` where some of its processes still run.
    pub fn remove_group(&self, name: &str) -> Option<bool> {
        let mut state = self.0.groups.lock();
        let removed = state.remove(name);
        if removed == Some(true) {
            // Under the same lock: before a group of that name is added again.
            self.0.output.remove_pool(name);
            self.bus().publish(Event::ProcessGroupRemoved { group: name.to_owned() });
        }
        removed
    }

    /// The names of the groups that the config has and that are not active, that differ from the active ones, and that
    /// are active and gone from the config.
    pub fn changes(&self) -> [Vec<String>; 3] {
        let config = self.config();
        let state = self.0.groups.lock();
        let mut changes = [Vec::new(), Vec::new(), Vec::new()];
        for group in &config.groups {
            match state.group(&group.name) {
                None => changes[0].push(group.name.clone()),
                Some(active) if active.config != *group => changes[1].push(group.name.clone()),
                Some(_) => {}
            }
        }
        let gone = |name: &String| config.groups.iter().all(|group| group.name != *name);
        changes[2] = state.groups.iter().map(|group| group.config.name.clone()).filter(gone).collect();
        changes
    }

    /// How many events a pool of event listeners has discarded because its buffer was full; `None` where there is no
    /// such pool.
    pub fn discarded_events(&self, pool: &str) -> Option<u64> {
        self.0.output.discarded_events(pool)
    }

    /// The config of every process that was read last, in the order of the groups, with what became of it.
    pub fn process_configs(&self) -> Vec<ProcessConfig> {
        let config = self.config();
        let state = self.0.groups.lock();
        let mut all = Vec::new();
        for group in &config.groups {
            let active = state.group(&group.name);
            // One that was read since then has no files yet.
            let same = active.filter(|active| Arc::ptr_eq(&active.config, group));
            for process in &group.processes {
                let running = same.and_then(|active| {
                    active.processes.iter().map(|id| &state.processes[id]).find(|it| it.config.name == process.name)
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
    /// What `name`, `group:name` or `group:*` means.
    pub fn find(&self, namespec: &str) -> Option<Found> {
        self.0.groups.lock().find(namespec)
    }

    /// One process.
    pub fn info(&self, id: ProcessId) -> Option<ProcessInfo> {
        self.0.groups.lock().processes.get(&id).map(|process| process.info(id))
    }

    /// All processes, by name of their group and their own.
    pub fn by_name(&self) -> Vec<ProcessInfo> {
        let state = self.0.groups.lock();
        state.by_name().into_iter().map(|id| state.processes[&id].info(id)).collect()
    }

    /// All processes, by priority of their group and their own.
    pub fn by_priority(&self) -> Vec<ProcessInfo> {
        let state = self.0.groups.lock();
        state.by_priority().into_iter().map(|id| state.processes[&id].info(id)).collect()
    }

    /// The processes of a group by priority; `None` where there is no such group.
    pub fn of_group(&self, name: &str) -> Option<Vec<ProcessInfo>> {
        let state = self.0.groups.lock();
        let group = state.group(name)?;
        Some(state.of_group(group).into_iter().map(|id| state.processes[&id].info(id)).collect())
    }

    /// Follows the state of a process. The channel closes when its group is removed.
    pub fn watch(&self, id: ProcessId) -> Option<watch::Receiver<Status>> {
        self.0.groups.lock().processes.get(&id).map(|process| process.watch.subscribe())
    }

    /// Starts a process that is STOPPED, EXITED or FATAL, if its command can be executed. The request is on its way
    /// when this returns; the answer comes when it was spawned, or could not be.
    pub fn start(&self, id: ProcessId) -> impl Future<Output = Result<Status, Refused>> + Send + use<> {
        let (answer, answered) = oneshot::channel();
        self.0.requests.push(Request::Start(id, answer));
        answer_of(answered)
    }

    /// Stops a process that is RUNNING, STARTING or in BACKOFF. The request is on its way when this returns; the answer
    /// comes when the signal was sent. `waited_for`: log every two seconds that somebody waits.
    pub fn stop(
        &self,
        id: ProcessId,
        waited_for: bool,
    ) -> impl Future<Output = Result<Status, Refused>> + Send + use<> {
        let (answer, answered) = oneshot::channel();
        self.0.requests.push(Request::Stop { id, waited_for, answer });
        answer_of(answered)
    }

    /// Sends a signal to a process that is RUNNING, STARTING or STOPPING.
    pub fn signal(&self, id: ProcessId, signal: i32) -> impl Future<Output = Result<Status, Refused>> + Send + use<> {
        let (answer, answered) = oneshot::channel();
        self.0.requests.push(Request::Signal { id, signal, answer });
        answer_of(answered)
    }

    /// Sends `data` to the stdin of a process, without waiting for it to be read. `None` where it does not run.
    pub fn write_stdin(&self, id: ProcessId, data: &[u8]) -> Option<Result<(), StdinError>> {
        let (run, stdin) = {
            let state = self.0.groups.lock();
            let process = state.processes.get(&id)?;
            if process.machine.is_killed() {
                return None;
            }
            (process.run, process.stdin.clone()?)
        };
        Some(self.0.output.write_stdin(run, &stdin, data))
    }

    /// Empties the logs of a process. Blocks, but no longer than `patience`. `None` where there is no such process.
    pub fn clear_logs(&self, id: ProcessId, patience: Duration) -> Option<io::Result<()>> {
        let paths = {
            let state = self.0.groups.lock();
            let process = state.processes.get(&id)?;
            process.stdout.path.iter().chain(&process.stderr.path).cloned().collect()
        };
        Some(self.0.output.clear(paths, patience))
    }
}

/// A request that is never looked at is dropped, and its channel with it.
async fn answer_of(answered: oneshot::Receiver<Result<Status, Refused>>) -> Result<Status, Refused> {
    answered.await.unwrap_or(Err(Refused::Gone))
}
