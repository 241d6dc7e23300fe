//! A log and what waits to be written to it.
//!
//! The loop of the output only ever adds to the queue; one of the [`Threads`] does what stands there, in order, and may
//! wait for a disk as long as that takes. Who writes much to a log that is [full](Log::is_full) is not read until there
//! is room. What cannot wait, such as the last words of a process that has ended, is kept beyond that; and of so much
//! that memory is at stake, the rest is lost and counted.

use std::{
    collections::VecDeque,
    fs::OpenOptions,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering},
};

use parking_lot::Mutex;

use super::{Done, threads::Threads};
use crate::logger::{LogFile, Syslog, is_of_the_system};

/// So many bytes are written at once, at most, and a file is rotated only in between.
pub(super) const PIECE: usize = 256 * 1024;
/// Bytes from which on what is written at once takes a buffer for a whole piece.
pub(super) const MUCH: usize = 16 * 1024;
/// From so many bytes on a log is full.
const FULL: usize = 2 * PIECE;
/// Bytes that may wait for one log.
const MOST_WAITING: usize = 8 * 1024 * 1024;
/// Bytes that may wait for all of them. From half of it on, a log for which anything waits is full.
const MOST_IN_ALL: usize = 64 * 1024 * 1024;
/// Bytes that a piece costs besides its text.
const OVERHEAD: usize = 64;

/// Work to be done on a log.
pub(super) enum Job {
    /// Open it. The text names it in a complaint.
    Open(String),
    /// Write these bytes to a file.
    Write(Vec<u8>),
    /// Write the first so many of these, which are [`PIECE`] in all.
    WritePiece(Vec<u8>, usize),
    /// Send these lines to syslog, each behind that text.
    Record(String, Vec<u8>),
    /// Open it anew.
    Reopen,
    /// Empty it.
    Clear(Arc<Joined>),
    /// Empty the file of that name, which is not open. One that is not there is empty.
    Truncate(Arc<Joined>),
    /// Say that all that stands before this is done.
    Reach(Arc<Joined>),
    /// Say how much was lost here.
    Lost(usize),
    /// Close it, unless somebody has come to use it again.
    Close,
}

impl Job {
    fn cost(&self) -> usize {
        match self {
            Self::Write(data) => data.len(),
            // However little of it is written, so much memory is held.
            Self::WritePiece(..) => PIECE,
            Self::Record(head, text) => head.len() + text.len() + OVERHEAD,
            _ => 0,
        }
    }
}

/// Destination of a log.
#[derive(Debug)]
pub(super) enum Destination {
    File(LogFile),
    Syslog(Syslog),
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    /// The cost of the jobs, that included which is being done.
    waiting: usize,
    /// A thread is at work on it, or will be.
    scheduled: bool,
    /// `None` while a thread is at work on it, and once it is closed.
    destination: Option<Destination>,
    users: usize,
    closed: bool,
    /// Pipes wait for room.
    awaited: bool,
}

/// One log.
pub(super) struct Log {
    /// Its path, or `syslog`.
    name: PathBuf,
    /// Losses are counted in lines, not in bytes.
    of_lines: bool,
    state: Mutex<State>,
    threads: Arc<Threads>,
}

impl Log {
    /// A log for output of programs. It is closed when nobody uses it any more; until then, nobody does.
    pub(super) fn new(name: &Path, destination: Destination, threads: &Arc<Threads>) -> Arc<Self> {
        Self::counting(false, name, destination, threads)
    }

    /// A log that takes whole lines, and is used until the end.
    pub(super) fn of_lines(name: &Path, destination: Destination, threads: &Arc<Threads>) -> Arc<Self> {
        let log = Self::counting(true, name, destination, threads);
        log.take();
        log
    }

    fn counting(of_lines: bool, name: &Path, destination: Destination, threads: &Arc<Threads>) -> Arc<Self> {
        let state = Mutex::new(State { destination: Some(destination), ..State::default() });
        Arc::new(Self { name: name.to_owned(), of_lines, state, threads: Arc::clone(threads) })
    }

    pub(super) fn name(&self) -> &Path {
        &self.name
    }

    /// Appends to a file.
    pub(super) fn write(self: &Arc<Self>, data: &[u8]) {
        let mut state = self.state.lock();
        let count = if self.of_lines { 1 } else { data.len() };
        // Behind others it may wait, and takes no more room than it needs.
        let as_piece = state.jobs.is_empty() && (MUCH..=PIECE).contains(&data.len());
        if !self.takes(&mut state, if as_piece { PIECE } else { data.len() }, count) {
            return;
        }
        match state.jobs.back_mut() {
            _ if as_piece => {
                let mut piece = self.threads.piece();
                piece[..data.len()].copy_from_slice(data);
                state.jobs.push_back(Job::WritePiece(piece, data.len()));
            }
            Some(Job::Write(last)) if last.len() + data.len() <= PIECE => last.extend_from_slice(data),
            _ => state.jobs.push_back(Job::Write(data.to_vec())),
        }
        self.schedule(&mut state);
    }

    /// Appends the first `count` bytes of a piece, which becomes another one.
    pub(super) fn write_piece(self: &Arc<Self>, piece: &mut Vec<u8>, count: usize) {
        let mut state = self.state.lock();
        if !state.jobs.is_empty() {
            drop(state);
            self.write(&piece[..count]);
        } else if self.takes(&mut state, PIECE, count) {
            let full = std::mem::replace(piece, self.threads.piece());
            state.jobs.push_back(Job::WritePiece(full, count));
            self.schedule(&mut state);
        }
    }

    /// Sends lines to syslog, each behind `head`.
    pub(super) fn record(self: &Arc<Self>, head: String, text: Vec<u8>) {
        let mut state = self.state.lock();
        let count = text.trim_ascii_end().split(|&byte| byte == b'\n').count();
        let job = Job::Record(head, text);
        if self.takes(&mut state, job.cost(), count) {
            state.jobs.push_back(job);
            self.schedule(&mut state);
        }
    }

    /// Has something done with it in its turn.
    pub(super) fn push(self: &Arc<Self>, job: Job) {
        let mut state = self.state.lock();
        state.jobs.push_back(job);
        self.schedule(&mut state);
    }

    /// Tell whether whoever writes should wait. The output thread hears when there is room.
    pub(super) fn is_full(&self) -> bool {
        let mut state = self.state.lock();
        let is_full = state.is_full(&self.threads);
        state.awaited |= is_full;
        is_full
    }

    /// Begins to use it. Answers whether that can be: one that is closed stays so.
    pub(super) fn take(&self) -> bool {
        let mut state = self.state.lock();
        state.users += usize::from(!state.closed);
        !state.closed
    }

    /// Ends to use it. With the last one it is closed.
    pub(super) fn release(self: &Arc<Self>) {
        let mut state = self.state.lock();
        state.users = state.users.saturating_sub(1);
        if state.users == 0 {
            state.jobs.push_back(Job::Close);
            self.schedule(&mut state);
        }
    }

    /// Closes it, whoever uses it, after what waits.
    pub(super) fn close(self: &Arc<Self>) {
        let mut state = self.state.lock();
        state.users = 0;
        state.jobs.push_back(Job::Close);
        self.schedule(&mut state);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state.lock().closed
    }

    /// Takes room for what costs so much, or counts so many as lost.
    fn takes(&self, state: &mut State, cost: usize, count: usize) -> bool {
        let in_all = self.threads.waiting.load(Ordering::Relaxed);
        let has_room = state.waiting + cost <= MOST_WAITING && in_all + cost <= MOST_IN_ALL;
        if has_room || state.waiting == 0 {
            state.waiting += cost;
            self.threads.waiting.fetch_add(cost, Ordering::Relaxed);
            return true;
        }
        match state.jobs.back_mut() {
            Some(Job::Lost(lost)) => *lost += count,
            _ => state.jobs.push_back(Job::Lost(count)),
        }
        false
    }

    fn schedule(self: &Arc<Self>, state: &mut State) {
        if !std::mem::replace(&mut state.scheduled, true) {
            self.threads.add(Arc::clone(self));
        }
    }

    /// Does what waits, for a turn. Only the thread that was given it calls this. It may take as long as the disk does.
    pub(super) fn serve(self: &Arc<Self>) {
        let mut state = self.state.lock();
        let Some(mut destination) = state.destination.take() else { return };
        for _ in 0..state.jobs.len() {
            let Some(job) = state.jobs.pop_front() else { break };
            drop(state);
            let cost = job.cost();
            if let Some(news) = self.execute(job, &mut destination) {
                self.threads.tell(news);
            }
            self.threads.waiting.fetch_sub(cost, Ordering::Relaxed);
            state = self.state.lock();
            state.waiting -= cost;
            if state.awaited && !state.is_full(&self.threads) {
                state.awaited = false;
                self.threads.tell_of_room();
            }
        }
        if state.jobs.is_empty() && state.users == 0 {
            // To close a file may take as long as to write it.
            state.closed = true;
            drop(state);
            drop(destination);
            return;
        }
        state.destination = Some(destination);
        state.scheduled = !state.jobs.is_empty();
        if state.scheduled {
            self.threads.add(Arc::clone(self));
        }
    }

    /// Answers what an operator should know.
    fn execute(&self, job: Job, destination: &mut Destination) -> Option<String> {
        match (job, destination) {
            (Job::Write(data), Destination::File(file)) => file.write(&data),
            (Job::WritePiece(piece, count), Destination::File(file)) => {
                let news = file.write(&piece[..count]);
                self.threads.give_back(piece);
                news
            }
            (Job::Record(head, text), Destination::Syslog(syslog)) => syslog.write(&head, &text),
            (Job::Open(what), Destination::File(file)) => {
                let error = file.open_late().err()?;
                Some(format!("could not open {what}, {}: {error}; its output is lost", self.name.display()))
            }
            (Job::Reopen, Destination::File(file)) => {
                let error = file.reopen().err()?;
                Some(format!("could not reopen {}: {error}", self.name.display()))
            }
            (Job::Clear(joined), Destination::File(file)) => {
                joined.add(file.clear());
                None
            }
            (Job::Truncate(joined), _) => {
                joined.add(truncate(&self.name));
                None
            }
            (Job::Lost(count), _) => {
                let (unit, name) = (if self.of_lines { "lines" } else { "bytes" }, self.name.display());
                Some(format!("{count} {unit} for {name} were lost, because they could not be written fast enough"))
            }
            (Job::Reach(joined), _) => {
                drop(joined);
                None
            }
            // A file takes no records, and syslog none of the rest; and to close one is for the end of the turn.
            _ => None,
        }
    }
}

impl State {
    fn is_full(&self, threads: &Threads) -> bool {
        let in_all = threads.waiting.load(Ordering::Relaxed);
        self.waiting >= FULL || self.waiting > 0 && in_all >= MOST_IN_ALL / 2
    }
}

fn truncate(path: &Path) -> io::Result<()> {
    if is_of_the_system(path) {
        return Ok(());
    }
    match OpenOptions::new().write(true).truncate(true).open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        result => result.map(drop),
    }
}

/// Answers once all who hold it have done their part, with the first error.
pub(super) struct Joined(Mutex<(io::Result<()>, Option<Done>)>);

impl Joined {
    pub(super) fn new(done: Done) -> Arc<Self> {
        Arc::new(Self(Mutex::new((Ok(()), Some(done)))))
    }

    pub(super) fn add(&self, result: io::Result<()>) {
        let mut state = self.0.lock();
        if state.0.is_ok() {
            state.0 = result;
        }
    }
}

impl Drop for Joined {
    fn drop(&mut self) {
        let (result, done) = self.0.get_mut();
        if let Some(done) = done.take() {
            done(std::mem::replace(result, Ok(())));
        }
    }
}

#[cfg(test)]
mod tests {
    use mio::{Poll, Waker};

    use super::{
        super::{Shared, listeners::Listeners, output_loop::WAKER},
        *,
    };
    use crate::config::Level;

    #[test]
    fn memory_that_waits_for_a_disk_is_no_more_than_is_counted() {
        let dir = tempfile::tempdir().unwrap();
        let poll = Poll::new().unwrap();
        let waker = Waker::new(poll.registry(), WAKER).unwrap();
        let listeners = Listeners::new(Level::Info, "x");
        // Nobody serves the log, as if its disk stalled.
        let threads = Threads::new(&Arc::new(Shared { queue: Mutex::default(), waker, listeners }));
        let path = dir.path().join("log");
        let log = Log::new(&path, Destination::File(LogFile::open(&path, 0, 0).unwrap()), &threads);
        let mut piece = threads.piece();
        for size in [17_000, 100, 65_536].into_iter().cycle() {
            if log.is_full() {
                break;
            }
            log.write_piece(&mut piece, size);
            log.write(&vec![0; size]);
        }
        let state = log.state.lock();
        let held = |job: &Job| match job {
            Job::Write(data) => data.capacity(),
            Job::WritePiece(piece, _) => piece.capacity(),
            _ => 0,
        };
        let held: usize = state.jobs.iter().map(held).sum();
        // A text that grows may have room for as much again.
        assert!(held <= 2 * state.waiting, "{held} bytes are held, and {} counted", state.waiting);
        assert!(state.waiting < FULL + 2 * 65_536, "{}", state.waiting);
    }
}
