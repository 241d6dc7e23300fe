//! The thread that carries operations out, and the file store as the others see it.

use std::{
    collections::VecDeque,
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
        mpsc::{self, Receiver, RecvTimeoutError, Sender},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use plugin_api::{Fault, Host, Level, MaybeReady, Value};

use super::{
    answers::{Sender as AnswerSender, Waiting, answer},
    frame, lock,
    log::{Behind, Finding, Log, SyncMode, put},
    overlay::Overlay,
};
use crate::store::{
    contract::{STORE_FAILED, Store},
    evaluate::{evaluate, is_over},
    local::{Local, Shared, Writer},
    operation::{Changes, Operation},
    table::PAGE,
};

/// Time within which all is on the disk with `everysec`, and after which a file that nobody writes to is marked.
const SECOND: Duration = Duration::from_secs(1);

/// Bytes from which on a frame takes in no more operations.
const FULL: usize = 8 << 20;

/// Longest time for which a frame waits for those who were answered with the last one: where a frame is synced, and
/// where it is only written.
const MOST_WAIT: Duration = Duration::from_micros(200);
const MOST_WAIT_UNSYNCED: Duration = Duration::from_micros(50);

/// Time after which those are woken whom the one that was woken should have woken.
const OVERDUE: Duration = Duration::from_millis(1);

/// Open the store in a file.
///
/// # Errors
///
/// `STORE_FAILED` that says why there can be none: another process has the file, or it cannot be read or written.
pub(crate) fn open(path: &Path, sync: SyncMode, shared: Shared, host: &Host) -> Result<impl Store, Fault> {
    let lock = lock::take(path).map_err(failed)?;
    let shared = Arc::new(shared);
    let (log, finding) = Log::open(path, &shared).map_err(|error| failed(cannot("open", path, &error)))?;
    let shown = path.display();
    match finding {
        Some(Finding::Torn(bytes)) => host.log(
            Level::Warn,
            format_args!("cache: the last {bytes} bytes of {shown} had never been written whole; they are dropped"),
        ),
        Some(Finding::Damaged { what, aside }) => host.log(
            Level::Critical,
            format_args!(
                "cache: {shown} is damaged: {what}; {} entries could be read and are there; the damaged file is kept \
                 as {}",
                shared.len(),
                aside.display()
            ),
        ),
        None => {}
    }
    let size = Arc::new(AtomicU64::new(log.len()));
    let (queue, requests) = mpsc::channel();
    let syncer = match sync {
        SyncMode::Always => None,
        SyncMode::EverySecond => Some(Syncer::start().map_err(no_thread)?),
    };
    let (its_shared, its_size, host) = (Arc::clone(&shared), Arc::clone(&size), host.clone());
    let mut thread = Thread {
        shared: its_shared,
        log,
        sync,
        syncer,
        size: its_size,
        host,
        fails: false,
        waiting: VecDeque::new(),
        last: LastFrame::default(),
        answered: Arc::default(),
    };
    let thread = thread::Builder::new()
        .name("cache-file".to_owned())
        .spawn(move || {
            thread.run(&requests);
            drop(lock);
        })
        .map_err(no_thread)?;
    let writer = FileWriter { path: path.to_owned(), sync, size, queue: Some(queue), thread: Some(thread) };
    Ok(Local { shared, writer })
}

fn failed(what: impl std::fmt::Display) -> Fault {
    Fault::new(STORE_FAILED, format!("STORE_FAILED: {what}"))
}

#[allow(clippy::needless_pass_by_value, reason = "the form that `map_err` takes")]
fn no_thread(error: io::Error) -> Fault {
    failed(format_args!("cannot make a thread: {error}"))
}

fn cannot(what: &str, path: &Path, error: &io::Error) -> String {
    format!("cannot {what} {}: {error}", path.display())
}

/// Hand operations to the thread.
#[derive(Debug)]
struct FileWriter {
    path: PathBuf,
    sync: SyncMode,
    /// Bytes of the file.
    size: Arc<AtomicU64>,
    /// There until the end.
    queue: Option<Sender<Request>>,
    thread: Option<JoinHandle<()>>,
}

/// An operation, and who waits for its answer.
#[derive(Debug)]
struct Request {
    operation: Operation,
    answer: AnswerSender,
}

impl Writer for FileWriter {
    fn write(&self, _shared: &Arc<Shared>, operation: Operation) -> MaybeReady<Value> {
        let (sender, answer) = answer();
        if let Some(queue) = &self.queue {
            // Where the thread is gone, what is sent is dropped, which is an answer too.
            let _ = queue.send(Request { operation, answer: sender });
        }
        MaybeReady::later(answer)
    }

    fn info(&self) -> (&'static str, Vec<(&'static str, Value)>) {
        let sync = match self.sync {
            SyncMode::Always => "always",
            SyncMode::EverySecond => "everysec",
        };
        let size = i64::try_from(self.size.load(Relaxed)).unwrap_or(i64::MAX);
        let path = self.path.to_string_lossy().into_owned();
        ("file", vec![("file", path.into()), ("file_bytes", size.into()), ("sync", sync.into())])
    }
}

impl Drop for FileWriter {
    fn drop(&mut self) {
        // The thread ends with the queue, when all that was asked for is done.
        drop(self.queue.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A thread that syncs the file while the other one goes on writing: a disk may take its time for that.
#[derive(Debug)]
struct Syncer {
    jobs: Sender<Behind>,
    outcomes: Receiver<(Behind, io::Result<()>)>,
    /// Set while it has something to do.
    busy: bool,
}

impl Syncer {
    fn start() -> io::Result<Self> {
        let ((jobs, work), (done, outcomes)) = (mpsc::channel::<Behind>(), mpsc::channel());
        thread::Builder::new().name("cache-sync".to_owned()).spawn(move || {
            for behind in work {
                let outcome = behind.sync();
                if done.send((behind, outcome)).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { jobs, outcomes, busy: false })
    }

    /// Begin, unless it has not come to an end with what it had before.
    fn sync(&mut self, behind: Behind) {
        if !self.busy {
            self.busy = self.jobs.send(behind).is_ok();
        }
    }

    /// The outcome of what it had to do, once.
    fn done(&mut self) -> Option<(Behind, io::Result<()>)> {
        let done = self.outcomes.try_recv().ok()?;
        self.busy = false;
        Some(done)
    }
}

/// The thread's own things.
struct Thread {
    shared: Arc<Shared>,
    log: Log,
    sync: SyncMode,
    /// There with `everysec`.
    syncer: Option<Syncer>,
    size: Arc<AtomicU64>,
    host: Host,
    /// Set while the file cannot be written, so that the log says it once.
    fails: bool,
    /// Operations that have come and are not yet begun.
    waiting: VecDeque<Request>,
    last: LastFrame,
    /// Those whom the last frame answered and who may not have been woken.
    answered: Arc<Waiting>,
}

/// The last frame: who was answered with it will as a rule soon ask again.
#[derive(Debug, Default)]
struct LastFrame {
    /// Operations in it.
    number: usize,
    /// Time that it took to write it, and to have it on the disk where that was asked for.
    took: Duration,
}

impl Thread {
    fn run(&mut self, requests: &Receiver<Request>) {
        let mut due = None;
        loop {
            self.note_synced();
            let pending = self.log.is_behind() || self.log.is_unmarked() || self.log.is_broken();
            if due.is_none() && pending {
                due = Some(Instant::now() + SECOND);
            }
            let until_due = due.map(|due| due.saturating_duration_since(Instant::now()));
            let next = self.shared.read().next_deadline().map(|deadline| self.shared.clock.until(deadline));
            let time = until_due.into_iter().chain(next).min();
            let batch = match self.waiting.pop_front() {
                Some(first) => Ok(first),
                None => self.receive(requests, time),
            };
            match batch {
                Ok(first) => self.carry_out(first, requests),
                Err(RecvTimeoutError::Timeout) => self.purge(),
                Err(RecvTimeoutError::Disconnected) => return self.end(),
            }
            if due.is_some_and(|due| due <= Instant::now()) {
                due = None;
                self.settle();
            }
        }
    }

    /// Wait for an operation, for this long at most if that is said.
    fn receive(&self, requests: &Receiver<Request>, time: Option<Duration>) -> Result<Request, RecvTimeoutError> {
        // The one that was woken may be on a thread that is held up, which is not to hold up the others.
        if !self.answered.is_empty() {
            match requests.recv_timeout(time.map_or(OVERDUE, |time| time.min(OVERDUE))) {
                Err(RecvTimeoutError::Timeout) => self.answered.wake(),
                received => return received,
            }
        }
        match time {
            Some(time) => requests.recv_timeout(time),
            None => requests.recv().map_err(|_| RecvTimeoutError::Disconnected),
        }
    }

    /// Carry out an operation, and all that have come meanwhile.
    fn carry_out(&mut self, first: Request, requests: &Receiver<Request>) {
        let shared = Arc::clone(&self.shared);
        self.wait_for_others(requests);
        self.answered.wake();
        let (mut frame, mut answers, mut events) = (Vec::new(), Vec::new(), Vec::new());
        frame::begin(&mut frame);
        let changes = {
            let table = shared.read();
            let mut overlay = Overlay::new(&table, &shared.clock);
            // What is still there though its time is over is not to be in the way of a limit, nor replaced before it is
            // said to have expired.
            let all = || shared.limits.any() || shared.events.has_listeners();
            let is_due = is_over(table.next_deadline(), &shared.clock);
            let expired = table.expired(|| shared.clock.now(), if is_due && all() { usize::MAX } else { PAGE });
            events.extend(shared.events.of_expired(expired.as_slice()));
            put(&mut frame, expired.as_slice());
            expired.for_each(|change| overlay.make(change));
            let mut next = Some(first);
            while let Some(Request { operation, answer }) = next {
                let result = evaluate(operation, &overlay, &shared.limits, &shared.clock).map(|(value, changes)| {
                    put(&mut frame, changes.as_slice());
                    events.extend(shared.events.of(changes.as_slice()));
                    changes.for_each(|change| overlay.make(change));
                    value
                });
                answers.push((answer, result));
                let more = frame.len() < FULL;
                next = more.then(|| self.waiting.pop_front().or_else(|| requests.try_recv().ok())).flatten();
            }
            overlay.into_changes()
        };
        let begun = Instant::now();
        let written = self.write(&mut frame, changes);
        self.last = LastFrame { number: answers.len(), took: begun.elapsed() };
        if written.is_ok() {
            shared.events.publish(events);
        }
        let answered = Arc::new(Waiting::default());
        for (answer, result) in answers {
            let result = match &written {
                Ok(()) => result,
                Err(fault) => result.and(Err(fault.clone())),
            };
            answer.send(result, &answered);
        }
        answered.wake_one();
        self.answered = answered;
        if written.is_ok() {
            self.tidy();
        }
    }

    /// Take in what has come. A frame costs much the same whatever it holds: so one that would have fewer operations
    /// than the last waits a moment for those who were answered with that and ask again. Who stores alone waits for
    /// nobody.
    fn wait_for_others(&mut self, requests: &Receiver<Request>) {
        self.waiting.extend(requests.try_iter());
        let wait = match self.sync {
            SyncMode::Always => (self.last.took / 2).min(MOST_WAIT),
            SyncMode::EverySecond => MOST_WAIT_UNSYNCED,
        };
        let end = Instant::now() + wait;
        while self.waiting.len() + 1 < self.last.number && Instant::now() < end {
            // A sleep would take longer than all of it, and whoever has something to do gets the processor.
            thread::yield_now();
            self.waiting.extend(requests.try_iter());
        }
    }

    /// Write a frame, and make its changes in memory.
    fn write(&mut self, frame: &mut [u8], changes: Changes) -> Result<(), Fault> {
        if frame.len() == frame::FRAME_HEADER {
            return Ok(());
        }
        let written = self.log.write(frame, self.sync, &self.shared);
        self.size.store(self.log.len(), Relaxed);
        self.note(&written);
        written.map_err(|error| failed(cannot("write", self.log.path(), &error)))?;
        self.shared.apply(self.shared.lock(), changes);
        Ok(())
    }

    /// Take out what has expired.
    fn purge(&mut self) {
        loop {
            let expired = self.shared.read().expired(|| self.shared.clock.now(), PAGE);
            if expired.as_slice().is_empty() {
                return;
            }
            let mut frame = Vec::new();
            frame::begin(&mut frame);
            put(&mut frame, expired.as_slice());
            // The file has their deadlines: it need not be told in time, nor at all.
            let _ = self.log.write(&mut frame, SyncMode::EverySecond, &self.shared);
            self.size.store(self.log.len(), Relaxed);
            let events = self.shared.events.of_expired(expired.as_slice());
            self.shared.apply(self.shared.lock(), expired);
            self.shared.events.publish(events);
        }
    }

    /// See to what is due each second: that all is on the disk, and that the file says so.
    fn settle(&mut self) {
        if self.log.is_broken() {
            let mended = self.log.mend(&self.shared);
            self.note(&mended);
        }
        match &mut self.syncer {
            Some(syncer) if self.log.is_behind() => syncer.sync(self.log.behind()),
            None if self.log.is_behind() => self.sync(),
            _ => {}
        }
        self.mark();
    }

    /// See to it that all is on the disk, and wait for that.
    fn sync(&mut self) {
        let synced = self.log.sync();
        self.note_failure(&synced);
    }

    /// Take note of what the other thread has seen to.
    fn note_synced(&mut self) {
        let Some((behind, outcome)) = self.syncer.as_mut().and_then(Syncer::done) else { return };
        self.log.note_synced(&behind, &outcome);
        self.note_failure(&outcome);
    }

    /// Have the file say that all is on the disk, if it is.
    fn mark(&mut self) {
        if self.log.is_unmarked() {
            let _ = self.log.mark();
            self.size.store(self.log.len(), Relaxed);
        }
    }

    fn tidy(&mut self) {
        let tidied = self.log.tidy(&self.shared);
        self.size.store(self.log.len(), Relaxed);
        if let Err(error) = tidied {
            self.host.log(Level::Warn, format_args!("cache: {}", cannot("tidy up", self.log.path(), &error)));
        }
    }

    /// See to it that all is on the disk, and that the file says so, before the store ends.
    fn end(&mut self) {
        if self.log.is_behind() {
            self.sync();
        }
        self.mark();
    }

    /// Say in the log that writing has begun to fail. That a sync works says nothing of the next write.
    fn note_failure(&mut self, outcome: &io::Result<()>) {
        if outcome.is_err() {
            self.note(outcome);
        }
    }

    /// Say in the log that writing has begun to fail, or works again.
    fn note<T>(&mut self, outcome: &io::Result<T>) {
        match outcome {
            Err(error) if !self.fails => {
                let what = cannot("write", self.log.path(), error);
                self.host.log(Level::Error, format_args!("cache: {what}; what would be stored is refused"));
            }
            Ok(_) if self.fails => {
                self.host.log(Level::Info, format_args!("cache: {} is written again", self.log.path().display()));
            }
            _ => {}
        }
        self.fails = outcome.is_err();
    }
}
