//! Logs, each with a queue of jobs: bytes to write, files to open.
//!
//! The output loop only ever adds jobs; one of the output threads takes a log from the [`Backlog`] and does its jobs in
//! order, and may wait for a disk as long as that takes. Who writes much to a log that is [full](Log::is_full) is not
//! read until there is room. What cannot wait, such as the last words of a process that has ended, is kept beyond that;
//! and of so much that memory is at stake, the rest is lost and counted.
//!
//! Locks, in the order in which they are taken: the state of a log, the ready logs of the backlog, its spare pieces
//! and buffers.

use std::{
    collections::VecDeque,
    fs::OpenOptions,
    io::{self, ErrorKind},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use parking_lot::Mutex;

use super::{
    completion::Completion,
    line_buffer::Lines,
    log_counts::LogCounter,
    log_lines::{LineHead, LogLines},
    queue::OutputQueue,
};
use crate::logger::{Level, LogFile, Rotation, Syslog, is_of_the_system};

/// Greatest number of bytes that are written at once; a file is rotated only in between.
pub(super) const PIECE: usize = 256 * 1024;
/// Number of bytes from which on they are written from a buffer for a whole piece.
pub(super) const MIN_PIECE: usize = 16 * 1024;
/// Number of waiting bytes from which on a log is full.
const FULL: usize = 2 * PIECE;
/// Number of bytes that may wait for one log.
const MAX_WAITING: usize = 8 * 1024 * 1024;
/// Number of bytes that may wait for all of them. From half of it on, a log for which anything waits is full.
const MAX_WAITING_IN_ALL: usize = 64 * 1024 * 1024;
/// Number of bytes that a job costs besides its text.
const OVERHEAD: usize = 64;
/// Number of buffers that are kept for the next one who needs one: a new one costs as much as to fill it.
const MAX_SPARE_PIECES: usize = 4;
/// Number of buffers for lines that are kept: as many as there are threads that write without waiting for a disk.
const MAX_SPARE_BUFFERS: usize = 2;

/// Part that all logs have in common: those for which something is to be done, and bounds on what waits.
pub(super) struct Backlog {
    queue: Arc<OutputQueue>,
    ready: Mutex<VecDeque<Arc<Log>>>,
    /// Bytes that wait for all logs.
    waiting: AtomicUsize,
    /// Set when a log that was full has room for pipes that wait.
    has_room: AtomicBool,
    /// Buffers for the next pieces.
    spare_pieces: Mutex<Vec<Vec<u8>>>,
    /// Empty buffers for the next lines that are given a form.
    spare_buffers: Mutex<Vec<Vec<u8>>>,
}

impl Backlog {
    pub(super) fn new(queue: &Arc<OutputQueue>) -> Arc<Self> {
        Arc::new(Self {
            queue: Arc::clone(queue),
            ready: Mutex::default(),
            waiting: AtomicUsize::new(0),
            has_room: AtomicBool::new(false),
            spare_pieces: Mutex::default(),
            spare_buffers: Mutex::default(),
        })
    }

    /// Take the next log for which something is to be done.
    pub(super) fn next(&self) -> Option<Arc<Log>> {
        self.ready.lock().pop_front()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ready.lock().is_empty()
    }

    /// Return whether there is room since the last call, in a log on which pipes wait.
    pub(super) fn take_room(&self) -> bool {
        self.has_room.swap(false, Ordering::Acquire)
    }

    /// Have the pipes read again that wait for room.
    fn announce_room(&self) {
        self.has_room.store(true, Ordering::Release);
        self.queue.wake();
    }

    /// Take a buffer of [`PIECE`] bytes, with whatever was left in it.
    fn piece(&self) -> Vec<u8> {
        let spare = self.spare_pieces.lock().pop();
        spare.unwrap_or_else(|| vec![0; PIECE])
    }

    fn give_back_buffer(&self, buffer: Vec<u8>) {
        let mut spare = self.spare_buffers.lock();
        if spare.len() < MAX_SPARE_BUFFERS && buffer.capacity() <= PIECE {
            spare.push(buffer);
        }
    }

    fn give_back(&self, piece: Vec<u8>) {
        let mut spare = self.spare_pieces.lock();
        if spare.len() < MAX_SPARE_PIECES {
            spare.push(piece);
        }
    }
}

/// Work to be done on a log.
pub(super) enum Job {
    /// Open the file. The text names the log in an error.
    Open(String),
    /// Write these bytes to the file, and count them.
    Write(Vec<u8>, Option<Arc<LogCounter>>),
    /// Write the first so many of these bytes, which are [`PIECE`] in all, and count them.
    WritePiece(Vec<u8>, usize, Option<Arc<LogCounter>>),
    /// Write these lines in their form, and count them.
    Lines(LogLines, Arc<LogCounter>),
    /// Send these lines to syslog, each behind that text.
    Record(String, Vec<u8>),
    /// Rotate the file so from now on.
    Limit(Rotation),
    /// Rotate the file now, which is opened for that where it is not open.
    Rotate(Arc<Completion>),
    /// Open the file anew. Who asked for it by name hears of it.
    Reopen(Option<Arc<Completion>>),
    /// Empty the file.
    Clear(Arc<Completion>),
    /// Empty the file by its name, while it is not open. One that is not there is empty.
    Truncate(Arc<Completion>),
    /// Drop this when all that stands before it is done.
    Reach(Arc<Completion>),
    /// Say how much was lost here, in bytes or lines.
    Lost(usize),
    /// Close the file, unless somebody has come to use it again.
    Close,
}

impl Job {
    fn cost(&self) -> usize {
        match self {
            // What is not counted apart joins what waits already.
            Self::Write(data, None) => data.len(),
            Self::Write(data, Some(_)) => data.len() + OVERHEAD,
            // However little of it is written, so much memory is held.
            Self::WritePiece(..) => PIECE,
            Self::Lines(lines, _) => lines.len() + OVERHEAD,
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
    /// Jobs in the order in which they came.
    jobs: VecDeque<Job>,
    /// Cost of the jobs, that included which is being done.
    waiting: usize,
    /// Set while a thread is at work on it, or will be.
    scheduled: bool,
    /// `None` while a thread is at work on it, and once it is closed.
    destination: Option<Destination>,
    /// Number of sinks that write to it.
    users: usize,
    closed: bool,
    /// Set while pipes wait for room.
    awaited: bool,
}

/// One log.
pub(super) struct Log {
    /// Path of the file, or `syslog`.
    name: Arc<Path>,
    /// Set where losses are counted in lines, not in bytes.
    of_lines: bool,
    state: Mutex<State>,
    backlog: Arc<Backlog>,
}

impl Log {
    /// Make a log for output of programs, without a user yet. It is closed when the last one releases it.
    pub(super) fn new(name: &Path, destination: Destination, backlog: &Arc<Backlog>) -> Arc<Self> {
        Self::counting(false, name, destination, backlog)
    }

    /// Make a log that takes whole lines, and is used until the end.
    pub(super) fn of_lines(name: &Path, destination: Destination, backlog: &Arc<Backlog>) -> Arc<Self> {
        let log = Self::counting(true, name, destination, backlog);
        log.take();
        log
    }

    fn counting(of_lines: bool, name: &Path, destination: Destination, backlog: &Arc<Backlog>) -> Arc<Self> {
        let state = Mutex::new(State { destination: Some(destination), ..State::default() });
        Arc::new(Self { name: name.into(), of_lines, state, backlog: Arc::clone(backlog) })
    }

    pub(super) fn name(&self) -> &Arc<Path> {
        &self.name
    }

    /// Append to the file, and count what comes of it.
    pub(super) fn write(self: &Arc<Self>, data: &[u8], counter: Option<&Arc<LogCounter>>) {
        let mut state = self.state.lock();
        let count = if self.of_lines { 1 } else { data.len() };
        // Behind others it may wait, and takes no more room than it needs.
        let as_piece = state.jobs.is_empty() && (MIN_PIECE..=PIECE).contains(&data.len());
        let may_take = |job: &Job| match job {
            Job::Write(last, of) => {
                last.len() + data.len() <= PIECE && of.as_ref().map(Arc::as_ptr) == counter.map(Arc::as_ptr)
            }
            _ => false,
        };
        let joins = state.jobs.back().is_some_and(may_take);
        let overhead = if joins || counter.is_none() { 0 } else { OVERHEAD };
        let cost = if as_piece { PIECE } else { data.len() + overhead };
        if !self.take_room(&mut state, cost, count, counter) {
            return;
        }
        match state.jobs.back_mut() {
            _ if as_piece => {
                let mut piece = self.backlog.piece();
                piece[..data.len()].copy_from_slice(data);
                state.jobs.push_back(Job::WritePiece(piece, data.len(), counter.cloned()));
            }
            Some(Job::Write(last, _)) if joins => last.extend_from_slice(data),
            _ => state.jobs.push_back(Job::Write(data.to_vec(), counter.cloned())),
        }
        self.schedule(&mut state);
    }

    /// Append the first `count` bytes of a piece, in whose place another one is put, and count what comes of it.
    pub(super) fn write_piece(self: &Arc<Self>, piece: &mut Vec<u8>, count: usize, counter: &Arc<LogCounter>) {
        let mut state = self.state.lock();
        if !state.jobs.is_empty() {
            drop(state);
            self.write(&piece[..count], Some(counter));
        } else if self.take_room(&mut state, PIECE, count, Some(counter)) {
            let full = std::mem::replace(piece, self.backlog.piece());
            state.jobs.push_back(Job::WritePiece(full, count, Some(Arc::clone(counter))));
            self.schedule(&mut state);
        }
    }

    /// Append lines in the form that their head has, and count what comes of them.
    pub(super) fn write_lines(self: &Arc<Self>, head: &LineHead, lines: Lines<'_>, counter: &Arc<LogCounter>) {
        let mut state = self.state.lock();
        let (count, more) = (lines.text.len(), state.jobs.back_mut());
        if let Some(Job::Lines(last, of)) = more
            && Arc::ptr_eq(of, counter)
            && last.may_take(head, lines, PIECE)
        {
            if self.take_room(&mut state, count, count, Some(counter))
                && let Some(Job::Lines(last, _)) = state.jobs.back_mut()
            {
                last.add(lines);
            }
            return;
        }
        let job = Job::Lines(LogLines::new(head, lines), Arc::clone(counter));
        if self.take_room(&mut state, job.cost(), count, Some(counter)) {
            state.jobs.push_back(job);
            self.schedule(&mut state);
        }
    }

    /// Send lines to syslog, each behind `head`.
    pub(super) fn record(self: &Arc<Self>, head: String, text: Vec<u8>) {
        let mut state = self.state.lock();
        let count = text.trim_ascii_end().split(|&byte| byte == b'\n').count();
        let job = Job::Record(head, text);
        if self.take_room(&mut state, job.cost(), count, None) {
            state.jobs.push_back(job);
            self.schedule(&mut state);
        }
    }

    /// Have something done with it in its turn.
    pub(super) fn push(self: &Arc<Self>, job: Job) {
        let mut state = self.state.lock();
        state.jobs.push_back(job);
        self.schedule(&mut state);
    }

    /// Return whether whoever writes should wait. The output loop is woken when there is room.
    pub(super) fn is_full(&self) -> bool {
        let mut state = self.state.lock();
        let is_full = state.is_full(&self.backlog);
        state.awaited |= is_full;
        is_full
    }

    /// Begin to use it. Return whether that can be: one that is closed stays so.
    pub(super) fn take(&self) -> bool {
        self.take_beside().is_some()
    }

    /// Begin to use it, beside so many others. `None` where it is closed, which it stays.
    pub(super) fn take_beside(&self) -> Option<usize> {
        let mut state = self.state.lock();
        let others = (!state.closed).then_some(state.users);
        state.users += usize::from(others.is_some());
        others
    }

    /// Cease to use it. With the last user it is closed.
    pub(super) fn release(self: &Arc<Self>) {
        let mut state = self.state.lock();
        state.users = state.users.saturating_sub(1);
        if state.users == 0 {
            state.jobs.push_back(Job::Close);
            self.schedule(&mut state);
        }
    }

    /// Close it after what waits, whoever uses it.
    pub(super) fn close(self: &Arc<Self>) {
        let mut state = self.state.lock();
        state.users = 0;
        state.jobs.push_back(Job::Close);
        self.schedule(&mut state);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state.lock().closed
    }

    /// Return whether nothing is to be done for it, and nobody is at it.
    pub(super) fn is_idle(&self) -> bool {
        let state = self.state.lock();
        state.jobs.is_empty() && (state.closed || state.destination.is_some())
    }

    /// Take room for that cost, or count so many bytes or lines as lost.
    fn take_room(&self, state: &mut State, cost: usize, count: usize, counter: Option<&Arc<LogCounter>>) -> bool {
        let in_all = self.backlog.waiting.load(Ordering::Relaxed);
        let has_room = state.waiting + cost <= MAX_WAITING && in_all + cost <= MAX_WAITING_IN_ALL;
        if has_room || state.waiting == 0 {
            state.waiting += cost;
            self.backlog.waiting.fetch_add(cost, Ordering::Relaxed);
            return true;
        }
        if let Some(counter) = counter {
            counter.add(0, count as u64);
        }
        match state.jobs.back_mut() {
            Some(Job::Lost(lost)) => *lost += count,
            _ => state.jobs.push_back(Job::Lost(count)),
        }
        false
    }

    fn schedule(self: &Arc<Self>, state: &mut State) {
        if !std::mem::replace(&mut state.scheduled, true) {
            self.backlog.ready.lock().push_back(Arc::clone(self));
        }
    }

    /// Do the jobs that wait now. Only the thread that took it from the backlog calls this. May take as long as the
    /// disk does.
    pub(super) fn serve(self: &Arc<Self>) {
        let mut state = self.state.lock();
        let Some(mut destination) = state.destination.take() else { return };
        for _ in 0..state.jobs.len() {
            let Some(job) = state.jobs.pop_front() else { break };
            drop(state);
            let cost = job.cost();
            if let Some(news) = self.execute(job, &mut destination) {
                self.backlog.queue.log(Level::Error, news);
            }
            self.backlog.waiting.fetch_sub(cost, Ordering::Relaxed);
            state = self.state.lock();
            state.waiting -= cost;
            if state.awaited && !state.is_full(&self.backlog) {
                state.awaited = false;
                self.backlog.announce_room();
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
            self.backlog.ready.lock().push_back(Arc::clone(self));
        } else {
            // Most logs are idle most of the time, and then hold no memory for jobs.
            state.jobs = VecDeque::new();
        }
    }

    /// Do one job. Return what an operator should know.
    fn execute(&self, job: Job, destination: &mut Destination) -> Option<String> {
        match (job, destination) {
            (Job::Write(data, counter), Destination::File(file)) => write(file, &data, counter.as_ref()),
            (Job::WritePiece(piece, count, counter), Destination::File(file)) => {
                let news = write(file, &piece[..count], counter.as_ref());
                self.backlog.give_back(piece);
                news
            }
            (Job::Lines(lines, counter), Destination::File(file)) => {
                let mut buffer = self.backlog.spare_buffers.lock().pop().unwrap_or_default();
                let mut news = Vec::new();
                lines.write(&mut buffer, |formed| {
                    // A line begins a line, also where the disk was full within the one before.
                    news.extend(file.begin_period_now());
                    if file.ends_within_line() {
                        news.extend(file.write(b"\n"));
                    }
                    news.extend(write(file, formed, Some(&counter)));
                });
                self.backlog.give_back_buffer(buffer);
                (!news.is_empty()).then(|| news.join("; "))
            }
            (Job::Record(head, text), Destination::Syslog(syslog)) => syslog.write(&head, &text),
            (Job::Open(what), Destination::File(file)) => {
                let error = file.open_late().err()?;
                Some(format!("could not open {what}, {}: {error}; its output is lost", self.name.display()))
            }
            (Job::Limit(rotation), Destination::File(file)) => {
                file.set_rotation(rotation);
                None
            }
            (Job::Rotate(completion), Destination::File(file)) => {
                completion.add(file.rotate_now());
                None
            }
            (Job::Reopen(completion), Destination::File(file)) => {
                let error = file.reopen().err()?;
                let news = format!("could not reopen {}: {error}", self.name.display());
                if let Some(completion) = completion {
                    completion.add(Err(error));
                }
                Some(news)
            }
            (Job::Clear(completion), Destination::File(file)) => {
                completion.add(file.clear());
                None
            }
            (Job::Truncate(completion), _) => {
                completion.add(truncate(&self.name));
                None
            }
            (Job::Lost(count), _) => {
                let (unit, name) = (if self.of_lines { "lines" } else { "bytes" }, self.name.display());
                Some(format!("{count} {unit} for {name} were lost, because they could not be written fast enough"))
            }
            (Job::Reach(completion), _) => {
                drop(completion);
                None
            }
            // A file takes no records, and syslog none of the rest; and to close one is for the end of the turn.
            _ => None,
        }
    }
}

impl State {
    fn is_full(&self, backlog: &Backlog) -> bool {
        let in_all = backlog.waiting.load(Ordering::Relaxed);
        self.waiting >= FULL || self.waiting > 0 && in_all >= MAX_WAITING_IN_ALL / 2
    }
}

/// Write to a file, and count what comes of it. Return what an operator should know.
fn write(file: &mut LogFile, data: &[u8], counter: Option<&Arc<LogCounter>>) -> Option<String> {
    let before = file.written();
    let news = file.write(data);
    if let Some(counter) = counter {
        let written = file.written() - before;
        counter.add(written, (data.len() as u64).saturating_sub(written));
    }
    news
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_that_waits_for_a_disk_is_no_more_than_is_counted() {
        let dir = tempfile::tempdir().unwrap();
        let poll = mio::Poll::new().unwrap();
        let waker = mio::Waker::new(poll.registry(), mio::Token(0)).unwrap();
        // Nobody serves the log, as if its disk stalled.
        let backlog = Backlog::new(&Arc::new(OutputQueue::new(waker, Level::Info, "x")));
        let path = dir.path().join("log");
        let log = Log::new(&path, Destination::File(LogFile::open(&path, 0, 0).unwrap()), &backlog);
        let mut piece = backlog.piece();
        for size in [17_000, 100, 65_536].into_iter().cycle() {
            if log.is_full() {
                break;
            }
            log.write_piece(&mut piece, size, &Arc::default());
            log.write(&vec![0; size], None);
        }
        let state = log.state.lock();
        let held = |job: &Job| match job {
            Job::Write(data, _) => data.capacity(),
            Job::WritePiece(piece, ..) => piece.capacity(),
            _ => 0,
        };
        let held: usize = state.jobs.iter().map(held).sum();
        // A text that grows may have room for as much again.
        assert!(held <= 2 * state.waiting, "{held} bytes are held, and {} counted", state.waiting);
        assert!(state.waiting < FULL + 2 * 65_536, "{}", state.waiting);
    }
}
