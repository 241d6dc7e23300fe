//! Queue of commands to the output loop.

use std::{
    collections::{HashSet, VecDeque},
    os::fd::OwnedFd,
    path::PathBuf,
    sync::{Arc, atomic::Ordering},
    time::SystemTime,
};

use mio::Waker;
use parking_lot::Mutex;

use super::{
    completion::Done,
    event_pools::{EventPools, NewPool, QueuedEvent},
    handover::{AdoptedOutput, Freeze},
    log_counts::LogCounters,
    target::OutputTarget,
};
use crate::{
    config::Level,
    events::{Event, EventSink, EventType},
    logger::Record,
    process::{
        event_pool::{LogLines, Pools},
        stdin::Stdin,
    },
};

/// Number of bytes of log lines, and of events, that may wait for their turn. What is past that is dropped and counted.
const MAX_WAITING: usize = 8 * 1024 * 1024;
/// Number of bytes that a line or an event costs besides its text.
pub(super) const OVERHEAD: usize = 64;

/// Pipes of a process that was just spawned, and the targets of what comes out of them.
#[derive(Debug)]
pub struct ChildOutput {
    /// Number of this run of the process, until [`OutputHandle::child_exited`](super::OutputHandle::child_exited).
    pub run: u64,
    /// Name of the process.
    pub process: String,
    /// Name of its group.
    pub group: String,
    /// Pid of the process.
    pub pid: i32,
    /// Reading end of its stdout.
    pub stdout: (OwnedFd, OutputTarget),
    /// Reading end of its stderr, unless that goes to stdout.
    pub stderr: Option<(OwnedFd, OutputTarget)>,
    /// Stdin of an event listener: what that writes to its stdout is for its pool.
    pub listener: Option<Arc<Stdin>>,
    /// Counters of what comes of its output.
    pub log_counters: LogCounters,
}

/// Logs that something is to be done with.
pub(super) enum LogSet<T> {
    Activity,
    Programs(Vec<T>),
}

/// Work for the output loop.
pub(super) enum OutputCommand {
    /// Write a line to the activity log.
    Line(Record),
    Publish(QueuedEvent),
    AddPool(Box<NewPool>),
    RemovePool(String),
    /// Remove all of them: it is the end.
    RemovePools,
    Add(Box<ChildOutput>),
    /// Take over what another supervisord had.
    Adopt(Box<AdoptedOutput>),
    /// Say how all stands, and stand still.
    Freeze(Freeze),
    /// Write the outputs of that run, stdout first, as these say from now on.
    Retarget(u64, Box<[OutputTarget; 2]>),
    /// Close the pipes of that run.
    Exited(u64),
    /// Send what waits for the stdin of that run.
    Stdin(u64, Arc<Stdin>),
    /// Do the work of the pools.
    Listeners,
    /// Open all log files anew.
    Reopen,
    /// Open the activity log anew, or these log files of programs.
    ReopenLogs(LogSet<PathBuf>, Done),
    /// Rotate the activity log, or these log files of programs.
    RotateLogs(LogSet<OutputTarget>, Done),
    ClearActivity(Done),
    Clear(Vec<PathBuf>, Done),
    /// Write what waits, for one log or for all. `since` says when that was begun, where a part of it is done.
    Flush {
        log: Option<PathBuf>,
        since: Option<u64>,
        done: Done,
    },
    /// Close all logs.
    Stop(Done),
}

/// Commands that wait.
#[derive(Default)]
pub(super) struct Waiting {
    pub(super) commands: VecDeque<OutputCommand>,
    /// Bytes of lines.
    lines: usize,
    /// Bytes of events, counted apart: lines, however many, crowd out none.
    events: usize,
    /// Number of lines that were dropped.
    pub(super) dropped_lines: u64,
    /// Number of events that were dropped.
    pub(super) dropped_events: u64,
    /// Numbers of the runs whose stdins are in `commands`.
    stdins: HashSet<u64>,
    /// Set while [`OutputCommand::Listeners`] is in `commands`.
    listeners: bool,
    /// Set at the end: nothing is taken any more.
    closed: bool,
}

impl Waiting {
    /// Return whether to keep a command: lines and events may come faster than the loop takes them.
    fn admits(&mut self, command: &OutputCommand) -> bool {
        match command {
            OutputCommand::Line(line) => {
                let has_room = take_room(&mut self.lines, line.message.len());
                self.dropped_lines += u64::from(!has_room);
                has_room
            }
            OutputCommand::Publish(queued) => {
                let has_room = take_room(&mut self.events, queued.event.size());
                self.dropped_events += u64::from(!has_room);
                has_room
            }
            OutputCommand::Stdin(run, _) => self.stdins.insert(*run),
            OutputCommand::Listeners => !std::mem::replace(&mut self.listeners, true),
            _ => true,
        }
    }
}

/// Take room for a line or an event of that length, if there is any. There is where none waits.
fn take_room(waiting: &mut usize, len: usize) -> bool {
    let with_it = *waiting + len + OVERHEAD;
    let has_room = *waiting == 0 || with_it <= MAX_WAITING;
    if has_room {
        *waiting = with_it;
    }
    has_room
}

/// The queue, and what its users share with the output loop. No two of its locks are held at the same time.
pub(super) struct OutputQueue {
    waiting: Mutex<Waiting>,
    waker: Waker,
    pub(super) pools: EventPools,
}

impl OutputQueue {
    /// Make an empty queue. `level` is that of the activity log.
    pub(super) fn new(waker: Waker, level: Level, identifier: &str) -> Self {
        Self { waiting: Mutex::default(), waker, pools: EventPools::new(level, identifier) }
    }

    /// Add a command, and wake the loop if it has none yet.
    pub(super) fn push(&self, command: OutputCommand) {
        let mut waiting = self.waiting.lock();
        if waiting.closed || !waiting.admits(&command) {
            return;
        }
        let sleeps = waiting.commands.is_empty();
        waiting.commands.push_back(command);
        drop(waiting);
        if sleeps {
            self.wake();
        }
    }

    /// Wake the output loop.
    pub(super) fn wake(&self) {
        // It fails only where the poll is gone, and with it the loop.
        let _ = self.waker.wake();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.lock().commands.is_empty()
    }

    /// Take everything that is to be done, in order.
    pub(super) fn take(&self) -> Waiting {
        let mut waiting = self.waiting.lock();
        let closed = waiting.closed;
        std::mem::replace(&mut waiting, Waiting { closed, ..Waiting::default() })
    }

    /// Take no more commands, and drop those that wait.
    pub(super) fn close(&self) {
        let mut waiting = self.waiting.lock();
        waiting.closed = true;
        waiting.commands.clear();
    }

    /// Log a line.
    pub(super) fn log(&self, level: Level, message: String) {
        if level >= self.pools.level {
            self.push(OutputCommand::Line(Record { level, time: SystemTime::now(), message }));
        }
    }

    /// Change something about the pools, and do what follows from it.
    pub(super) fn change_pools(&self, change: impl FnOnce(&mut Pools) -> LogLines) {
        let mut pools = self.pools.pools.lock();
        let lines = change(&mut pools);
        let has_work = pools.has_work();
        drop(pools);
        for (level, message) in lines {
            self.log(level, message);
        }
        if has_work {
            self.push(OutputCommand::Listeners);
        }
    }
}

impl EventSink for OutputQueue {
    fn accept(&self, event: &Arc<Event>) {
        self.change_pools(|pools| pools.accept(event));
    }

    fn has_pools(&self) -> bool {
        self.pools.count.load(Ordering::Relaxed) > 0
    }

    fn asks_for(&self, is_such: &dyn Fn(&EventType) -> bool) -> bool {
        self.has_pools() && self.pools.pools.lock().ask_for(is_such)
    }
}
