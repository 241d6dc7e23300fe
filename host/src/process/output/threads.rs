//! Output threads: the one that has the [loop](OutputLoop), one that stands by, and those that wait for a disk.
//!
//! Between two turns of the loop its thread writes the logs, and parks the loop meanwhile. Where a log keeps it
//! waiting, the thread that stands by takes the loop and goes on with all else. So a disk that stalls holds up its own
//! logs and no more; and as long as none does, what is read is written by the same thread right away, as fast as one
//! thread can.

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use nix::sys::signal::SigSet;
use parking_lot::{Condvar, Mutex};

use super::{log::Backlog, output_loop::OutputLoop, queue::OutputQueue};

/// Time for which logs may keep the thread with the loop waiting. Far more than a disk takes.
const STALL_TIMEOUT: Duration = Duration::from_millis(20);
/// Number of logs that may keep a thread waiting, so that the others are still written.
const MAX_STALLED: usize = 256;
/// Number of threads: besides those one has the loop, and one stands by.
const MAX_THREADS: usize = MAX_STALLED + 2;
const STACK_SIZE: usize = 512 * 1024;

/// The threads, and what they need to take turns.
pub(super) struct Threads {
    queue: Arc<OutputQueue>,
    backlog: Arc<Backlog>,
    /// Locked before the ready logs of the backlog, where both are.
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    /// The loop, while its thread is at work on a log.
    parked: Option<Box<OutputLoop>>,
    /// Moment when that work was begun.
    since: Instant,
    /// Number of threads.
    threads: usize,
    /// Set while a thread stands by to take the loop.
    stands_by: bool,
    /// Set while that thread looks every now and then whether it has to.
    watches: bool,
    closed: bool,
}

impl Threads {
    /// Start the first thread, which has the loop, and the one that stands by.
    pub(super) fn start(queue: Arc<OutputQueue>, backlog: Arc<Backlog>, output_loop: OutputLoop) -> io::Result<()> {
        let since = Instant::now();
        let state = State { parked: None, since, threads: 0, stands_by: false, watches: false, closed: false };
        let this = Arc::new(Self { queue, backlog, state: Mutex::new(state), changed: Condvar::new() });
        let mut state = this.state.lock();
        this.add_thread(&mut state, Some(Box::new(output_loop)))?;
        this.add_stand_by(&mut state)
    }

    fn add_thread(self: &Arc<Self>, state: &mut State, output_loop: Option<Box<OutputLoop>>) -> io::Result<()> {
        let this = Arc::clone(self);
        let thread = std::thread::Builder::new().name("output".to_owned()).stack_size(STACK_SIZE);
        thread.spawn(move || this.run(output_loop))?;
        state.threads += 1;
        Ok(())
    }

    fn add_stand_by(self: &Arc<Self>, state: &mut State) -> io::Result<()> {
        if !state.stands_by && state.threads < MAX_THREADS {
            self.add_thread(state, None)?;
            state.stands_by = true;
        }
        Ok(())
    }

    fn run(self: &Arc<Self>, mut output_loop: Option<Box<OutputLoop>>) {
        // Signals are the main thread's business.
        let _ = SigSet::all().thread_block();
        loop {
            let Some(mut mine) = output_loop.take().or_else(|| self.stand_by()) else { return };
            if !mine.turn(|| self.next_write()) {
                self.close();
                return mine.end();
            }
            output_loop = self.write_logs(mine);
            if output_loop.is_none() && !self.take_stand_by() {
                return;
            }
        }
    }

    /// Write the logs, and give the loop back unless another thread has taken it meanwhile.
    fn write_logs(&self, output_loop: Box<OutputLoop>) -> Option<Box<OutputLoop>> {
        if self.backlog.is_empty() {
            return Some(output_loop);
        }
        let mut state = self.state.lock();
        // Without a thread that could take the loop nothing may keep this one waiting.
        if !state.stands_by {
            return Some(output_loop);
        }
        state.parked = Some(output_loop);
        // For all of them together: many that are slow hold up the loop as much as one that stalls.
        state.since = Instant::now();
        if !std::mem::replace(&mut state.watches, true) {
            self.changed.notify_one();
        }
        while state.parked.is_some()
            && let Some(log) = self.backlog.next()
        {
            drop(state);
            log.serve();
            state = self.state.lock();
        }
        if state.parked.is_none() && !self.backlog.is_empty() {
            // They are for the thread that has the loop now, which may be waiting for something to do.
            self.queue.wake();
        }
        state.parked.take()
    }

    /// Stand by, unless another thread does already.
    fn take_stand_by(&self) -> bool {
        let mut state = self.state.lock();
        let is_needed = !state.stands_by && !state.closed;
        state.stands_by |= is_needed;
        state.threads -= usize::from(!is_needed);
        is_needed
    }

    /// Wait until there is a loop to be taken. `None` is the end.
    fn stand_by(self: &Arc<Self>) -> Option<Box<OutputLoop>> {
        let mut state = self.state.lock();
        while !state.closed {
            if state.parked.is_some() && state.since.elapsed() >= STALL_TIMEOUT {
                state.stands_by = false;
                // Where there is no thread to be had now, it is tried again.
                let _ = self.add_stand_by(&mut state);
                return state.parked.take();
            }
            if state.watches {
                let since = state.since;
                self.changed.wait_for(&mut state, STALL_TIMEOUT);
                // Where nothing was written, nobody needs to be watched until something is.
                state.watches = state.parked.is_some() || state.since != since;
            } else {
                self.changed.wait(&mut state);
            }
        }
        None
    }

    /// Return the time until logs are to be written that no thread was there for, if any wait.
    fn next_write(self: &Arc<Self>) -> Option<Duration> {
        let _ = self.add_stand_by(&mut self.state.lock());
        (!self.backlog.is_empty()).then_some(STALL_TIMEOUT)
    }

    /// Write what is left, and end the threads. Those that a disk keeps waiting are left behind.
    fn close(&self) {
        self.state.lock().closed = true;
        self.changed.notify_all();
        while let Some(log) = self.backlog.next() {
            log.serve();
        }
    }
}
