//! The thread that carries operations out, and the file store as the others see it.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
        mpsc,
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use plugin_api::{Fault, Host, Level, MaybeReady, SpinWait, Value};

use super::{
    frame, lock,
    log::{Behind, Finding, Log, SyncMode, put},
    overlay::Overlay,
    requests::{Asker, Waited, Worker, requests},
};
use crate::store::{
    contract::Store,
    evaluate::{evaluate, is_over},
    faults::STORE_FAILED,
    local::{Local, Shared, Writer},
    operation::{Changes, Operation},
    table::PAGE,
};

/// Time within which all is on the disk with `everysec`, and after which a file that nobody writes to is marked.
const SECOND: Duration = Duration::from_secs(1);

/// Bytes of its operations from which on a frame takes in no more of them.
const FULL: usize = 8 << 20;

/// Most bytes of memory that are kept for the next frame.
const KEPT: usize = 64 << 10;

/// Longest time for which a frame waits for those who were answered with the last one.
const MOST_WAIT: Duration = Duration::from_micros(400);

/// Time that a call takes a client and the server, about.
const CALL: Duration = Duration::from_micros(8);

/// Operations that are worth a frame which waits for no disk.
const ENOUGH: usize = 16;

/// Operations of the last frame from which on the thread stays awake for the next.
const MANY: usize = 8;

/// Longest time for which it does.
const AWAKE: Duration = Duration::from_micros(200);

/// Frames that wait for nobody after one that has waited in vain.
const HASTY_FRAMES: u8 = 8;

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
    let (asker, requests) = requests();
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
        outstanding: 0,
        most: 0,
        is_second: false,
        took: Duration::ZERO,
        spin_wait: SpinWait::new(),
        hasty_frames: 0,
        frame: Vec::new(),
    };
    let thread = thread::Builder::new()
        .name("cache-file".to_owned())
        .spawn(move || {
            thread.run(&requests);
            drop(lock);
        })
        .map_err(no_thread)?;
    let writer = FileWriter { path: path.to_owned(), sync, size, asker: Some(asker), thread: Some(thread) };
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
    asker: Option<Asker<Operation>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer for FileWriter {
    fn write(&self, _shared: &Arc<Shared>, operation: Operation) -> MaybeReady<Value> {
        let asker = self.asker.as_ref().expect("it is there until the end");
        MaybeReady::later(asker.ask(operation))
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
        // The thread ends when nobody asks any more, and all that was asked for is done.
        drop(self.asker.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A thread that syncs the file while the other one goes on writing: a disk may take its time for that.
#[derive(Debug)]
struct Syncer {
    jobs: mpsc::Sender<Behind>,
    outcomes: mpsc::Receiver<(Behind, io::Result<()>)>,
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
    /// Operations of the last frame, and those that had come when it was done; taken by the wait for the next.
    outstanding: usize,
    /// Operations that the next frame takes at most.
    most: usize,
    /// Set where the next frame takes what came while the last one was written, and waits for nobody.
    is_second: bool,
    /// Time that it took to write the last frame.
    took: Duration,
    /// The wait for the next frame, where it comes soon.
    spin_wait: SpinWait,
    /// Frames that are still to wait for nobody.
    hasty_frames: u8,
    /// Memory of the last frame, for the next one.
    frame: Vec<u8>,
}

impl Thread {
    fn run(&mut self, requests: &Worker<Operation>) {
        let mut due = None;
        loop {
            self.note_synced();
            let pending = self.log.is_behind() || self.log.is_unmarked() || self.log.is_broken();
            if due.is_none() && pending {
                due = Some(Instant::now() + SECOND);
            }
            let until_due = due.map(|due| due.saturating_duration_since(Instant::now()));
            let next = self.shared.read().next_deadline().map(|deadline| self.shared.clock.until(deadline));
            match self.wait(requests, until_due.into_iter().chain(next).min()) {
                Waited::Received => self.carry_out(requests),
                Waited::TimedOut => self.purge(),
                Waited::Closed => return self.end(),
            }
            if due.is_some_and(|due| due <= Instant::now()) {
                due = None;
                self.settle();
            }
        }
    }

    /// Wait for operations, for this long at most if that is said. A frame costs much the same whatever it holds: so
    /// those who were answered with the last one, and as a rule ask again at once, are waited for, with those who had
    /// come before. Who stores alone waits for nobody, and nobody waits twice for those who do not come.
    fn wait(&mut self, requests: &Worker<Operation>, time: Option<Duration>) -> Waited {
        self.most = self.most();
        self.is_second = self.sync == SyncMode::EverySecond && !self.is_second && requests.len() > 0;
        if self.is_second {
            return Waited::Received;
        }
        let outstanding = std::mem::take(&mut self.outstanding);
        self.hasty_frames = self.hasty_frames.saturating_sub(1);
        if outstanding > 0 && self.hasty_frames == 0 {
            let number = self.wanted(outstanding);
            // With `always` all sleep while the disk works.
            if self.sync == SyncMode::EverySecond && outstanding >= MANY {
                requests.look_out(number, Instant::now() + AWAKE, &mut self.spin_wait);
            }
            let waited = requests.wait(number, Some(MOST_WAIT));
            if requests.len() < number / 2 {
                self.hasty_frames = HASTY_FRAMES;
            }
            if waited == Waited::Received {
                return waited;
            }
        }
        // The one that was woken may be on a thread that is held up, which is not to hold up the others.
        if requests.has_left() {
            match requests.wait(1, Some(time.map_or(OVERDUE, |time| time.min(OVERDUE)))) {
                Waited::TimedOut => requests.wake_left(),
                waited => return waited,
            }
        }
        requests.wait(1, time)
    }

    /// Number of operations to wait for, where so many may come.
    fn wanted(&self, outstanding: usize) -> usize {
        let calls = CALL * u32::try_from(outstanding).unwrap_or(u32::MAX);
        match self.sync {
            // A frame is on the disk before all of them could ask: two halves take turns, and one asks while the other
            // is written.
            SyncMode::Always if self.took < calls => outstanding.div_ceil(2),
            SyncMode::Always => outstanding,
            // The last ones come while this thread wakes up. Of many, some ask while the others' frame is written.
            SyncMode::EverySecond => (outstanding - outstanding / 16).min(self.most),
        }
    }

    /// Operations that the next frame takes at most. Where it waits for no disk, the server is to have answers to give
    /// while the other half is written.
    fn most(&self) -> usize {
        match self.sync {
            SyncMode::Always => usize::MAX,
            SyncMode::EverySecond => ENOUGH.max(self.outstanding / 2),
        }
    }

    /// Carry out all operations that have come.
    fn carry_out(&mut self, requests: &Worker<Operation>) {
        let shared = Arc::clone(&self.shared);
        let (mut frame, mut answers, mut events) = (std::mem::take(&mut self.frame), Vec::new(), Vec::new());
        frame::begin(&mut frame);
        // One question for all: it goes to the host.
        let is_listened_to = shared.events.has_listeners();
        let changes = {
            let table = shared.read();
            let mut overlay = Overlay::new(&table, &shared.clock, requests.len());
            // What is still there though its time is over is not to be in the way of a limit, nor replaced before it is
            // said to have expired.
            let all = || shared.limits.any() || is_listened_to;
            let is_due = is_over(table.next_deadline(), &shared.clock);
            let expired = table.expired(|| shared.clock.now(), if is_due && all() { usize::MAX } else { PAGE });
            if is_listened_to {
                events.extend(shared.events.of_expired(expired.as_slice()));
            }
            put(&mut frame, expired.as_slice());
            expired.for_each(|change| overlay.make(change));
            let (mut number, mut bytes) = (0, 0);
            let taken = requests.take(|operation| {
                (number, bytes) = (number + 1, operation.bytes().saturating_add(bytes));
                number >= self.most || bytes >= FULL
            });
            for (answer, operation) in taken {
                if shared.limits.any() || operation.looks() {
                    overlay.see();
                }
                let result = evaluate(operation, &overlay, &shared.limits, &shared.clock);
                shared.usage.note_refused(&result);
                let result = result.map(|(value, changes)| {
                    put(&mut frame, changes.as_slice());
                    if is_listened_to {
                        events.extend(shared.events.of(changes.as_slice()));
                    }
                    changes.for_each(|change| overlay.make(change));
                    value
                });
                answers.push((answer, result));
            }
            overlay.into_changes()
        };
        // The one that was woken has woken the others by now, as a rule; nobody waits for the disk. A frame that has
        // waited for nobody gives it the time for that.
        if !self.is_second {
            requests.wake_left();
        }
        let begun = Instant::now();
        let written = self.write(&mut frame, changes);
        self.took = begun.elapsed();
        if frame.capacity() <= KEPT {
            self.frame = frame;
        }
        // The second frame counts those of the first too, who may have asked again.
        self.outstanding = self.outstanding.max(answers.len() + requests.len());
        if written.is_ok() {
            shared.events.publish(events);
        }
        let of_frame = |result: Result<Value, Fault>| match &written {
            Ok(()) => result,
            Err(fault) => result.and(Err(fault.clone())),
        };
        requests.answer(answers.into_iter().map(|(answer, result)| (answer, of_frame(result))));
        if written.is_ok() {
            self.tidy();
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
