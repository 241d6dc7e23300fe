//! The way to the output threads for everybody else, and their start.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering, mpsc},
    time::{Duration, Instant},
};

use mio::{Poll, Waker};

use super::{
    activity_log::{ActivityLog, OpenedLogs},
    completion::Done,
    event_pools::NewPool,
    handover::{AdoptedOutput, Freeze, FrozenOutput},
    log::Backlog,
    output_loop::{self, OutputLoop},
    queue::{ChildOutput, LogSet, OutputCommand, OutputQueue},
    target::OutputTarget,
    threads::Threads,
};
use crate::{
    config::{self, EventListenerPool},
    events::{Bus, EventSink},
    logger::Logger,
    process::{
        event_pool::ResultHandler,
        stdin::{Stdin, StdinError},
    },
};

/// Handle on the output threads. Cheap to clone; nothing here blocks, except where it says so.
#[derive(Clone)]
pub struct OutputHandle {
    queue: Arc<OutputQueue>,
    bus: Bus,
}

impl fmt::Debug for OutputHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutputHandle").finish_non_exhaustive()
    }
}

/// Answer of the output threads that may still be to come.
#[derive(Debug)]
pub struct PendingAnswer(mpsc::Receiver<io::Result<()>>);

impl PendingAnswer {
    /// Wait for it. Blocks, but no longer than until that moment.
    pub fn wait(self, until: Instant) -> io::Result<()> {
        match self.0.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(result) => result,
            Err(mpsc::RecvTimeoutError::Timeout) => {
                Err(io::Error::new(io::ErrorKind::TimedOut, "the disk with the logs does not answer"))
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => Err(io::Error::other("the logs are closed")),
        }
    }
}

/// Open the activity log and start the output threads. To be called after the process has become a daemon: threads do
/// not survive a fork.
pub fn start(config: &config::Supervisord) -> io::Result<(OutputHandle, Logger)> {
    let opened = OpenedLogs::open(config)?;
    let poll = Poll::new()?;
    let waker = Waker::new(poll.registry(), output_loop::WAKER)?;
    let queue = Arc::new(OutputQueue::new(waker, config.loglevel, &config.identifier));
    let bus = Bus::with_sink(Arc::clone(&queue) as Arc<dyn EventSink>);
    // An event takes its turn behind what was written before: the end of a process comes after its last words.
    let relay = Arc::clone(&queue);
    let in_turn = bus.relayed(move |event| relay.push(OutputCommand::Publish(relay.pools.queued(event))));
    let handle = OutputHandle { queue: Arc::clone(&queue), bus: in_turn };
    let backlog = Backlog::new(&queue);
    let activity = ActivityLog::new(config, opened, &backlog);
    let output_loop = OutputLoop::new(poll, Arc::clone(&queue), activity, bus, config.strip_ansi, Arc::clone(&backlog));
    Threads::start(queue, backlog, output_loop)?;
    let sink = handle.clone();
    Ok((handle, Logger::new(config.loglevel, move |line| sink.push(OutputCommand::Line(line)))))
}

impl OutputHandle {
    /// Return the bus on which the output loop publishes `PROCESS_LOG_*` and `PROCESS_COMMUNICATION_*`, and everybody
    /// else the rest: in the order in which it happened.
    pub fn bus(&self) -> &Bus {
        &self.bus
    }

    pub(super) fn push(&self, command: OutputCommand) {
        self.queue.push(command);
    }

    /// Read these pipes from now on.
    pub fn add(&self, child: ChildOutput) {
        self.push(OutputCommand::Add(Box::new(child)));
    }

    /// Take up other sizes of logs, and whether there are events, for the stdout and stderr of a process that runs.
    pub fn retarget(&self, run: u64, targets: [OutputTarget; 2]) {
        self.push(OutputCommand::Retarget(run, Box::new(targets)));
    }

    /// Read what the pipes of a process hold that has exited, then close them, whoever else holds them.
    pub fn child_exited(&self, run: u64) {
        self.push(OutputCommand::Exited(run));
    }

    /// Send `data` to the stdin of a process. What the pipe does not take is sent when it does.
    pub fn write_stdin(&self, run: u64, stdin: &Arc<Stdin>, data: &[u8]) -> Result<(), StdinError> {
        if stdin.write(data)? {
            self.push(OutputCommand::Stdin(run, Arc::clone(stdin)));
        }
        Ok(())
    }

    /// Open all log files anew.
    pub fn reopen(&self) {
        self.push(OutputCommand::Reopen);
    }

    /// Open the activity log anew: the answer comes when that is done.
    pub fn reopen_activity(&self) -> PendingAnswer {
        self.ask(|done| OutputCommand::ReopenLogs(LogSet::Activity, done))
    }

    /// Open log files of programs anew, those of them that are open.
    pub fn reopen_logs(&self, paths: Vec<PathBuf>) -> PendingAnswer {
        self.ask(|done| OutputCommand::ReopenLogs(LogSet::Programs(paths), done))
    }

    /// Rotate the activity log.
    pub fn rotate_activity(&self) -> PendingAnswer {
        self.ask(|done| OutputCommand::RotateLogs(LogSet::Activity, done))
    }

    /// Rotate the log files of these outputs, whether they are open or not. What is empty, or no file, stays as it is.
    pub fn rotate_logs(&self, outputs: Vec<OutputTarget>) -> PendingAnswer {
        self.ask(|done| OutputCommand::RotateLogs(LogSet::Programs(outputs), done))
    }

    /// Empty the activity log. Blocks until that is done, but no longer than `timeout`.
    pub fn clear_activity(&self, timeout: Duration) -> io::Result<()> {
        self.wait(timeout, OutputCommand::ClearActivity)
    }

    /// Empty log files of programs. Blocks until that is done, but no longer than `timeout`.
    pub fn clear(&self, paths: Vec<PathBuf>, timeout: Duration) -> io::Result<()> {
        self.wait(timeout, |done| OutputCommand::Clear(paths, done))
    }

    /// Wait until everything that was logged, and written by programs, before this call has reached the files. Blocks,
    /// but no longer than `timeout`.
    pub fn flush(&self, timeout: Duration) -> io::Result<()> {
        self.wait(timeout, |done| OutputCommand::Flush { log: None, since: None, done })
    }

    /// Wait until everything that was written to one log before this call has reached it, whatever others do. Blocks,
    /// but no longer than `timeout`.
    pub fn flush_log(&self, log: &Path, timeout: Duration) -> io::Result<()> {
        self.wait(timeout, |done| OutputCommand::Flush { log: Some(log.to_owned()), since: None, done })
    }

    fn wait(&self, timeout: Duration, command: impl FnOnce(Done) -> OutputCommand) -> io::Result<()> {
        self.ask(command).wait(Instant::now() + timeout)
    }

    fn ask(&self, command: impl FnOnce(Done) -> OutputCommand) -> PendingAnswer {
        let (sender, receiver) = mpsc::sync_channel(1);
        self.push(command(Box::new(move |result| {
            let _ = sender.send(result);
        })));
        PendingAnswer(receiver)
    }

    /// Have the output loop stand still, with all that it has read written to the logs if `with_logs` is set, and say
    /// how all stands. Blocks until then, but no longer than `timeout`. The error says what is in the way.
    pub fn freeze(&self, with_logs: bool, timeout: Duration) -> Result<FrozenOutput, String> {
        let (answer, answered) = mpsc::sync_channel(1);
        let (go_on, may_go_on) = mpsc::sync_channel(1);
        let logs_until = with_logs.then(|| Instant::now() + timeout);
        self.push(OutputCommand::Freeze(Freeze { logs_until, answer, go_on: may_go_on }));
        match answered.recv_timeout(2 * timeout) {
            Ok(answer) => answer.map(|state| FrozenOutput { state, _go_on: go_on }),
            Err(_) => Err("the output threads do not answer".to_owned()),
        }
    }

    /// Take over what another supervisord had, before anything that comes from now on.
    pub fn adopt(&self, output: AdoptedOutput) {
        // At once: what is published from now on is for the pools, however late their thread takes them over.
        self.queue.pools.count.fetch_add(output.state.pools.iter().count(), Ordering::Relaxed);
        self.push(OutputCommand::Adopt(Box::new(output)));
    }

    /// Write what is waiting, close all files and end the threads. Blocks until then, but no longer than `timeout`.
    /// What is logged afterwards is lost.
    pub fn stop(&self, timeout: Duration) {
        self.push(OutputCommand::RemovePools);
        let _ = self.flush(timeout);
        let _ = self.wait(timeout, OutputCommand::Stop);
    }
}

/// Pools of event listeners.
impl OutputHandle {
    /// Add a pool of event listeners, which gets every event that is published from now on.
    pub fn add_pool<'a>(
        &self,
        name: &str,
        config: &EventListenerPool,
        processes: impl IntoIterator<Item = &'a str>,
        handler: Arc<dyn ResultHandler>,
    ) {
        self.queue.pools.count.fetch_add(1, Ordering::Relaxed);
        let (name, config) = (name.to_owned(), config.clone());
        let processes = processes.into_iter().map(str::to_owned).collect();
        self.push(OutputCommand::AddPool(Box::new(NewPool { name, config, processes, handler })));
    }

    /// Forget a pool of event listeners and what waits in it.
    pub fn remove_pool(&self, name: &str) {
        self.push(OutputCommand::RemovePool(name.to_owned()));
    }

    /// Return whether a pool has something that its listeners have not got, or not answered, although they listen.
    pub fn is_pool_behind(&self, name: &str) -> bool {
        self.queue.pools.is_behind(name)
    }

    /// List the pools with the numbers of events that wait in each, and that it has discarded.
    pub fn pool_counts(&self) -> Vec<(String, usize, u64)> {
        self.queue.pools.pools.lock().counts()
    }

    /// Return the number of events that a pool has discarded because its buffer was full, if there is such a pool.
    pub fn discarded_events(&self, pool: &str) -> Option<u64> {
        self.queue.pools.pools.lock().discarded(pool)
    }
}
