//! Processes as the main thread keeps them.

use std::{ffi::OsString, io, path::PathBuf, sync::Arc, time::SystemTime};

use tokio::sync::watch;

use super::{
    descendants::Enclosure,
    probe::ProbeTask,
    status::{Status, StatusSender},
};
use crate::{
    config::{self, GroupKind},
    events::Channel,
    process::{
        exits::ExitHistory,
        fcgi::{Listening, SharedSocket},
        launch::Launch,
        output::{LogCounters, OutputTarget, auto_logs},
        ready_channel::ReadyChannel,
        state::Machine,
        stdin::Stdin,
    },
};

/// Process of an active group.
#[derive(Debug)]
pub(super) struct Process {
    /// Name of its group.
    pub(super) group: String,
    /// Set where its group is a pool of event listeners.
    pub(super) is_listener: bool,
    /// Config that it was made from.
    pub(super) config: Arc<config::Process>,
    /// State machine.
    pub(super) machine: Machine,
    /// Program as it is started.
    pub(super) launch: Arc<Launch>,
    /// Destinations of its stdout.
    pub(super) stdout: OutputTarget,
    /// Destinations of its stderr.
    pub(super) stderr: OutputTarget,
    /// Counters of what comes of its output, stdout first.
    pub(super) log_counters: LogCounters,
    /// Number of the present run, by which the output threads know it.
    pub(super) run: u64,
    /// Writing end of its stdin, while it runs.
    pub(super) stdin: Option<Arc<Stdin>>,
    /// Socket that it shares with its group, if that is one of `[fcgi-program:x]`.
    pub(super) socket: Option<Arc<SharedSocket>>,
    /// The socket, kept open while it runs.
    pub(super) listening: Option<Arc<Listening>>,
    /// Way to its descendants while it runs, if they are to be ended with it.
    pub(super) enclosure: Option<Enclosure>,
    /// Way by which it says that it is ready, while it runs, and the task that listens.
    pub(super) ready_channel: Option<(ReadyChannel, Option<ProbeTask>)>,
    /// Task that asks whether it is ready.
    pub(super) probe: Option<ProbeTask>,
    /// Task that asks whether it is well.
    pub(super) health: Option<ProbeTask>,
    /// Set while it stops where another that was started meanwhile depends on it: it is started once it has stopped.
    pub(super) starts_once_stopped: bool,
    /// Answer to the client that asked for the start that goes on: for when it was spawned, or could not be.
    pub(super) start_answer: Option<StatusSender>,
    /// Time of the last start, for people only: decisions use the machine's monotonic time.
    pub(super) started: Option<SystemTime>,
    /// Time of the last end, for people only.
    pub(super) stopped: Option<SystemTime>,
    /// Ends of its runs, for people only.
    pub(super) exits: ExitHistory,
    /// Time of the next start where it waits for one as `restart_delay` says, for people only.
    pub(super) restarts: Option<SystemTime>,
    /// Those of its dependencies that it waits for, with their states, for people only.
    pub(super) waits_for: Option<String>,
    /// Status for those who wait for it.
    pub(super) watch: watch::Sender<Status>,
}

impl Process {
    /// Make a process. May wait: makes the files of `AUTO` logs, which are added to `made`, and looks up the groups of
    /// the user.
    pub(super) fn new(
        config: &Arc<config::Process>,
        group: &config::Group,
        supervisord: &config::Supervisord,
        environment: &[(OsString, OsString)],
        made: &mut Vec<PathBuf>,
    ) -> io::Result<Self> {
        let mut target = |output: &config::OutputOptions, channel| {
            OutputTarget::new(output, || {
                let path = auto_logs::create(&supervisord.childlogdir, &config.name, channel, &supervisord.identifier)?;
                made.push(path.clone());
                Ok(path)
            })
        };
        let is_listener = matches!(group.kind, GroupKind::EventListener(_));
        let stdout = target(&config.stdout, Channel::Stdout)?;
        let stdout = if is_listener { stdout.of_protocol() } else { stdout };
        // Of stderr that goes to stdout nothing is left to log.
        let stderr =
            if config.redirect_stderr { OutputTarget::default() } else { target(&config.stderr, Channel::Stderr)? };
        let launch = Launch::new(config, &group.name, supervisord, environment);
        Ok(Self::with(config, group, launch, Machine::new(), [stdout, stderr]))
    }

    /// Make a process in that state, with the destinations of its stdout and stderr.
    pub(super) fn with(
        config: &Arc<config::Process>,
        group: &config::Group,
        launch: Launch,
        machine: Machine,
        [stdout, stderr]: [OutputTarget; 2],
    ) -> Self {
        let status = status(&machine);
        Self {
            group: group.name.clone(),
            is_listener: matches!(group.kind, GroupKind::EventListener(_)),
            config: Arc::clone(config),
            machine,
            launch: Arc::new(launch),
            stdout,
            stderr,
            log_counters: LogCounters::default(),
            run: 0,
            stdin: None,
            socket: None,
            listening: None,
            enclosure: None,
            ready_channel: None,
            probe: None,
            health: None,
            starts_once_stopped: false,
            start_answer: None,
            started: None,
            stopped: None,
            exits: ExitHistory::default(),
            restarts: None,
            waits_for: None,
            watch: watch::Sender::new(status),
        }
    }

    /// Return the number of our descriptors that it takes while it runs: ends of its pipes, and log files.
    pub(super) fn descriptors(&self) -> u64 {
        let pipes = if self.config.redirect_stderr { 2 } else { 3 };
        let logs = [&self.stdout, &self.stderr].into_iter().filter(|target| target.path.is_some()).count();
        let has_channel = matches!(self.config.ready, Some(config::Ready::Notify | config::Ready::Fd(_)));
        // The task that listens has one of its own.
        pipes + logs as u64 + 2 * u64::from(has_channel)
    }

    /// Tell its status to those who wait. To be called when all that follows from one input is done.
    pub(super) fn announce(&self) {
        let status = status(&self.machine);
        self.watch.send_if_modified(|old| {
            let changed = *old != status;
            if changed {
                *old = status;
            }
            changed
        });
    }
}

fn status(machine: &Machine) -> Status {
    let failed = machine.spawnerr().is_some();
    Status { state: machine.state(), starts: machine.starts(), failed, waits: machine.waits() }
}
