//! The output thread: it alone reads the pipes of the programs and speaks with event listeners.
//!
//! It also writes the logs, and a disk may take its time; then another thread takes its place, and a program that
//! writes to a log whose disk stalls waits on its own full pipe: see `threads`. Nobody else waits: every method of
//! [`OutputHandle`] hands a command over and goes on. Commands are done in the order in which they came, so the line
//! that says that a process has exited stands after its last output.

mod activity;
mod ansi;
pub mod auto;
mod capture;
mod lines;
mod listeners;
mod log;
mod output_loop;
mod sink;
mod threads;

use std::{
    collections::{HashSet, VecDeque},
    io,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    sync::{Arc, mpsc},
    time::Duration,
};

use mio::{Poll, Waker};
use parking_lot::Mutex;
pub use sink::Target;

use self::{
    activity::{Activity, Opened},
    listeners::{Listeners, NewPool, Untold},
    output_loop::Output,
    threads::Threads,
};
use super::stdin::{Stdin, StdinError};
use crate::{
    config,
    events::{Audience, Bus},
    logger::{Line, Logger},
};

/// How many bytes of log lines, and of events, may wait for their turn. What is past that is dropped and counted.
const MOST_WAITING: usize = 8 * 1024 * 1024;
/// What a line or an event costs besides its text.
const OVERHEAD: usize = 64;

/// The pipes of a process that was just spawned, and where what comes out of them goes.
#[derive(Debug)]
pub struct ChildOutput {
    /// Names this run of the process until [`OutputHandle::child_exited`].
    pub run: u64,
    /// The process.
    pub process: String,
    /// Its group.
    pub group: String,
    /// Its pid.
    pub pid: i32,
    /// The reading end of its stdout.
    pub stdout: (OwnedFd, Target),
    /// The reading end of its stderr, unless that goes to stdout.
    pub stderr: Option<(OwnedFd, Target)>,
    /// Of an event listener its stdin: what it writes to its stdout is for its pool.
    pub listener: Option<Arc<Stdin>>,
}

/// Answers a command once it is done.
type Done = Box<dyn FnOnce(io::Result<()>) + Send>;

enum Command {
    Line(Line),
    Publish(Untold),
    AddPool(Box<NewPool>),
    RemovePool(String),
    /// All of them: it is the end.
    RemovePools,
    Add(Box<ChildOutput>),
    Exited(u64),
    Stdin(u64, Arc<Stdin>),
    /// The pools of event listeners have work.
    Listeners,
    Reopen,
    ClearActivity(Done),
    Clear(Vec<PathBuf>, Done),
    /// Of one log or all. `since` says when it was begun, where a part of it is done.
    Flush {
        log: Option<PathBuf>,
        since: Option<u64>,
        done: Done,
    },
    /// Answered once all logs are closed.
    Stop(Done),
}

#[derive(Default)]
struct Queue {
    commands: VecDeque<Command>,
    /// Bytes of lines.
    waiting: usize,
    /// Bytes of events: lines, however many, crowd out none.
    waiting_events: usize,
    dropped: u64,
    dropped_events: u64,
    /// The runs whose stdins are in `commands`.
    stdins: HashSet<u64>,
    /// Whether [`Command::Listeners`] is.
    listeners: bool,
    closed: bool,
}

impl Queue {
    /// Everything that is to be done, in order.
    fn take(&mut self) -> Self {
        std::mem::replace(self, Self { closed: self.closed, ..Self::default() })
    }

    /// Whether to keep a command: lines and events may come faster than this thread takes them.
    fn admits(&mut self, command: &Command) -> bool {
        match command {
            Command::Line(line) => {
                let has_room = takes_room(&mut self.waiting, line.message.len());
                self.dropped += u64::from(!has_room);
                has_room
            }
            Command::Publish(untold) => {
                let has_room = takes_room(&mut self.waiting_events, untold.event.size());
                self.dropped_events += u64::from(!has_room);
                has_room
            }
            Command::Stdin(run, _) => self.stdins.insert(*run),
            Command::Listeners => !std::mem::replace(&mut self.listeners, true),
            _ => true,
        }
    }
}

/// Takes room for a line or an event of that length among those that wait, if there is any. There is where none waits.
fn takes_room(waiting: &mut usize, len: usize) -> bool {
    let with_it = *waiting + len + OVERHEAD;
    let has_room = *waiting == 0 || with_it <= MOST_WAITING;
    if has_room {
        *waiting = with_it;
    }
    has_room
}

struct Shared {
    queue: Mutex<Queue>,
    waker: Waker,
    listeners: Listeners,
}

impl Shared {
    fn push(&self, command: Command) {
        let mut queue = self.queue.lock();
        if queue.closed {
            return;
        }
        if !queue.admits(&command) {
            return;
        }
        let sleeps = queue.commands.is_empty();
        queue.commands.push_back(command);
        drop(queue);
        if sleeps {
            self.wake();
        }
    }

    fn wake(&self) {
        // It fails only where the poll is gone, and with it the loop.
        let _ = self.waker.wake();
    }
}

/// The way to the output thread. Cheap to clone; nothing here blocks, except where it says so.
#[derive(Clone)]
pub struct OutputHandle(Arc<Shared>, Bus);

impl std::fmt::Debug for OutputHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OutputHandle").finish_non_exhaustive()
    }
}

/// Opens the activity log and starts the output thread. To be called after the process has become a daemon: threads do
/// not survive a fork.
pub fn start(config: &config::Supervisord) -> io::Result<(OutputHandle, Logger)> {
    let opened = Opened::open(config)?;
    let poll = Poll::new()?;
    let waker = Waker::new(poll.registry(), output_loop::WAKER)?;
    let listeners = Listeners::new(config.loglevel, &config.identifier);
    let shared = Arc::new(Shared { queue: Mutex::default(), waker, listeners });
    let bus = Bus::with_audience(Arc::clone(&shared) as Arc<dyn Audience>);
    // An event takes its turn behind what was written before: the end of a process comes after its last words.
    let queue = Arc::clone(&shared);
    let in_turn = bus.relayed(move |event| queue.push(Command::Publish(queue.listeners.untold(event))));
    let handle = OutputHandle(Arc::clone(&shared), in_turn);
    let threads = Threads::new(&shared);
    let activity = Activity::new(config, opened, &threads);
    threads.start(Output::new(poll, shared, activity, bus, config.strip_ansi, Arc::clone(&threads)))?;
    let sink = handle.clone();
    Ok((handle, Logger::new(config.loglevel, move |line| sink.push(Command::Line(line)))))
}

impl OutputHandle {
    /// Where the output thread publishes `PROCESS_LOG_*` and `PROCESS_COMMUNICATION_*`, and everybody else the rest: in
    /// the order in which it happened.
    pub fn bus(&self) -> &Bus {
        &self.1
    }

    fn push(&self, command: Command) {
        self.0.push(command);
    }

    /// Reads these pipes from now on.
    pub fn add(&self, child: ChildOutput) {
        self.push(Command::Add(Box::new(child)));
    }

    /// The process has exited: what its pipes hold is read, then they are closed, whoever else holds them.
    pub fn child_exited(&self, run: u64) {
        self.push(Command::Exited(run));
    }

    /// Sends `data` to the stdin of a process. What the pipe does not take is sent when it does.
    pub fn write_stdin(&self, run: u64, stdin: &Arc<Stdin>, data: &[u8]) -> Result<(), StdinError> {
        if stdin.write(data)? {
            self.push(Command::Stdin(run, Arc::clone(stdin)));
        }
        Ok(())
    }

    /// Opens all log files anew.
    pub fn reopen(&self) {
        self.push(Command::Reopen);
    }

    /// Empties the activity log. Blocks until that is done, or for so long.
    pub fn clear_activity(&self, patience: Duration) -> io::Result<()> {
        self.wait(patience, Command::ClearActivity)
    }

    /// Empties log files of programs. Blocks until that is done, or for so long.
    pub fn clear(&self, paths: Vec<PathBuf>, patience: Duration) -> io::Result<()> {
        self.wait(patience, |done| Command::Clear(paths, done))
    }

    /// Waits until everything that was logged, and written by programs, before this call has reached the files. Blocks,
    /// but no longer than that.
    pub fn flush(&self, patience: Duration) -> io::Result<()> {
        self.wait(patience, |done| Command::Flush { log: None, since: None, done })
    }

    /// Waits until everything that was written to one log before this call has reached it, whatever others do. Blocks,
    /// but no longer than that.
    pub fn flush_log(&self, log: &Path, patience: Duration) -> io::Result<()> {
        self.wait(patience, |done| Command::Flush { log: Some(log.to_owned()), since: None, done })
    }

    fn wait(&self, patience: Duration, command: impl FnOnce(Done) -> Command) -> io::Result<()> {
        let (sender, receiver) = mpsc::sync_channel(1);
        self.push(command(Box::new(move |result| {
            let _ = sender.send(result);
        })));
        match receiver.recv_timeout(patience) {
            Ok(result) => result,
            Err(mpsc::RecvTimeoutError::Timeout) => {
                Err(io::Error::new(io::ErrorKind::TimedOut, "the disk with the logs does not answer"))
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => Err(io::Error::other("the logs are closed")),
        }
    }

    /// Writes what is waiting, closes all files and ends the threads. Blocks until then, but no longer than that.
    /// What is logged afterwards is lost.
    pub fn stop(&self, patience: Duration) {
        self.push(Command::RemovePools);
        let _ = self.flush(patience);
        let _ = self.wait(patience, Command::Stop);
    }
}

#[cfg(test)]
mod tests;
