//! The output thread is the one that has the [loop](Output). Between two turns of that it writes the logs, and puts the
//! loop down meanwhile. Where a log keeps it waiting, the thread that stands by takes the loop up and goes on with
//! all else. So a disk that stalls holds up its own logs and no more; and as long as none does, what is read is written
//! by the same thread right away, as fast as one thread can.

use std::{
    collections::VecDeque,
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use nix::sys::signal::SigSet;
use parking_lot::{Condvar, Mutex};

use super::{
    Shared,
    log::{Log, PIECE},
    output_loop::Output,
};
use crate::logger::Level;

/// Time for which logs may keep the thread with the loop waiting. Far more than a disk takes.
const PATIENCE: Duration = Duration::from_millis(20);
/// Number of logs that may keep a thread waiting, so that the others are still written.
const MOST_STALLED: usize = 256;
/// Besides those one has the loop, and one stands by.
const MOST_THREADS: usize = MOST_STALLED + 2;
const STACK_SIZE: usize = 512 * 1024;
/// So many buffers are kept for the next one who needs one: a new one costs as much as to fill it.
const MOST_KEPT: usize = 4;

/// The threads, and what they need to take turns.
pub(super) struct Threads {
    shared: Arc<Shared>,
    /// Bytes that wait for all logs.
    pub(super) waiting: AtomicUsize,
    /// A log on which pipes wait has room.
    has_room: AtomicBool,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    /// Logs for which something is to be done.
    ready: VecDeque<Arc<Log>>,
    /// The loop, while its thread is at work on a log.
    left: Option<Box<Output>>,
    /// Moment when that work was begun.
    since: Instant,
    threads: usize,
    /// A thread stands by to take the loop.
    stands_by: bool,
    /// The one that stands by looks every now and then whether it has to.
    watches: bool,
    closed: bool,
    pieces: Vec<Vec<u8>>,
}

impl Threads {
    pub(super) fn new(shared: &Arc<Shared>) -> Arc<Self> {
        let state = State {
            ready: VecDeque::new(),
            left: None,
            since: Instant::now(),
            threads: 0,
            stands_by: false,
            watches: false,
            closed: false,
            pieces: Vec::new(),
        };
        Arc::new(Self {
            shared: Arc::clone(shared),
            waiting: AtomicUsize::new(0),
            has_room: AtomicBool::new(false),
            state: Mutex::new(state),
            changed: Condvar::new(),
        })
    }

    /// Starts the first thread, which has the loop, and the one that stands by.
    pub(super) fn start(self: &Arc<Self>, output: Output) -> io::Result<()> {
        let mut state = self.state.lock();
        self.add_thread(&mut state, Some(Box::new(output)))?;
        self.add_stand_by(&mut state)
    }

    fn add_thread(self: &Arc<Self>, state: &mut State, output: Option<Box<Output>>) -> io::Result<()> {
        let this = Arc::clone(self);
        let thread = std::thread::Builder::new().name("output".to_owned()).stack_size(STACK_SIZE);
        thread.spawn(move || this.run(output))?;
        state.threads += 1;
        Ok(())
    }

    fn add_stand_by(self: &Arc<Self>, state: &mut State) -> io::Result<()> {
        if !state.stands_by && state.threads < MOST_THREADS {
            self.add_thread(state, None)?;
            state.stands_by = true;
        }
        Ok(())
    }

    fn run(self: &Arc<Self>, mut output: Option<Box<Output>>) {
        // Signals are the supervisor thread's business.
        let _ = SigSet::all().thread_block();
        loop {
            let Some(mut mine) = output.take().or_else(|| self.stand_by()) else { return };
            if !mine.turn() {
                self.close();
                return mine.end();
            }
            output = self.write_logs(mine);
            if output.is_none() && !self.take_stand_by() {
                return;
            }
        }
    }

    /// Writes the logs, and gives the loop back unless another thread has taken it meanwhile.
    fn write_logs(&self, output: Box<Output>) -> Option<Box<Output>> {
        let mut state = self.state.lock();
        // Without a thread that could take the loop nothing may keep this one waiting.
        if state.ready.is_empty() || !state.stands_by {
            return Some(output);
        }
        state.left = Some(output);
        // For all of them together: many that are slow hold up the loop as much as one that stalls.
        state.since = Instant::now();
        if !std::mem::replace(&mut state.watches, true) {
            self.changed.notify_one();
        }
        while state.left.is_some()
            && let Some(log) = state.ready.pop_front()
        {
            drop(state);
            log.serve();
            state = self.state.lock();
        }
        if state.left.is_none() && !state.ready.is_empty() {
            // They are for the thread that has the loop now, which may be waiting for something to do.
            self.shared.wake();
        }
        state.left.take()
    }

    /// Stands by, unless another thread does already.
    fn take_stand_by(&self) -> bool {
        let mut state = self.state.lock();
        let is_needed = !state.stands_by && !state.closed;
        state.stands_by |= is_needed;
        state.threads -= usize::from(!is_needed);
        is_needed
    }

    /// Waits until there is a loop to be taken. It is the end where there is none.
    fn stand_by(self: &Arc<Self>) -> Option<Box<Output>> {
        let mut state = self.state.lock();
        while !state.closed {
            if state.left.is_some() && state.since.elapsed() >= PATIENCE {
                state.stands_by = false;
                // Where there is no thread to be had now, it is tried again.
                let _ = self.add_stand_by(&mut state);
                return state.left.take();
            }
            if state.watches {
                let since = state.since;
                self.changed.wait_for(&mut state, PATIENCE);
                // Where nothing was written, nobody needs to be watched until something is.
                state.watches = state.left.is_some() || state.since != since;
            } else {
                self.changed.wait(&mut state);
            }
        }
        None
    }

    /// Has a log served.
    pub(super) fn add(&self, log: Arc<Log>) {
        self.state.lock().ready.push_back(log);
    }

    /// Time until the thread with the loop has to look after logs again, if any wait: those that no thread was there
    /// for.
    pub(super) fn look_again(self: &Arc<Self>) -> Option<Duration> {
        let mut state = self.state.lock();
        let _ = self.add_stand_by(&mut state);
        (!state.ready.is_empty()).then_some(PATIENCE)
    }

    /// Does what is left, and ends the threads. Those that a disk keeps waiting are left behind.
    fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        self.changed.notify_all();
        while let Some(log) = state.ready.pop_front() {
            drop(state);
            log.serve();
            state = self.state.lock();
        }
    }

    /// Says something in the activity log.
    pub(super) fn tell(&self, news: String) {
        self.shared.log(Level::Error, news);
    }

    /// Has the pipes read again that wait for room.
    pub(super) fn tell_of_room(&self) {
        self.has_room.store(true, Ordering::Release);
        self.shared.wake();
    }

    /// Tell whether there is room since this was last asked, in a log on which pipes wait.
    pub(super) fn has_room(&self) -> bool {
        self.has_room.swap(false, Ordering::Acquire)
    }

    /// A buffer of that length, with whatever was left in it.
    pub(super) fn piece(&self) -> Vec<u8> {
        let kept = self.state.lock().pieces.pop();
        kept.unwrap_or_else(|| vec![0; PIECE])
    }

    /// Takes back a buffer that is not needed any more.
    pub(super) fn give_back(&self, piece: Vec<u8>) {
        let mut state = self.state.lock();
        if state.pieces.len() < MOST_KEPT {
            state.pieces.push(piece);
        }
    }
}
