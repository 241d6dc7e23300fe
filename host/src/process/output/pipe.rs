//! Pipes of programs that run.

use std::{
    io::{ErrorKind, Read as _},
    sync::Arc,
};

use mio::unix::pipe;
use nix::fcntl::{FcntlArg, fcntl};

use super::{
    queue::OutputQueue,
    sink::{Context, Sink},
};

/// Number of bytes after which no more is read from the pipes of a process that has exited. More than a pipe holds, so
/// nothing of its own is left behind; and an end, for a grandchild that goes on writing would otherwise be read for
/// ever.
const MAX_DRAINED: usize = 2 * 1024 * 1024;
/// Bytes that a pipe holds as the system makes it.
const PIPE_SIZE: usize = 64 * 1024;
/// Bytes that a pipe gets room for whose writer all but fills it: then the two threads need not take turns for every
/// little piece.
const BUSY_PIPE_SIZE: i32 = 256 * 1024;
/// Number of pipes that are enlarged at the same time. What a user's pipes may hold together is limited, and whoever is
/// past that gets pipes of one page; so 32 of 64 pages each are little beside the usual 16,384.
pub(super) const MAX_ENLARGED: usize = 32;

/// Reading end of a pipe, with the way of what comes out of it.
pub(super) struct Pipe {
    pub(super) receiver: pipe::Receiver,
    pub(super) sink: Sink,
    /// Number of the run of its process.
    pub(super) run: u64,
    /// Set while it may hold more: it is among those that are read in turn, or among those that are paused.
    pub(super) ready: bool,
    /// Number of its pause, if it has not been read since. One read takes all that it held.
    pub(super) paused: Option<u64>,
    /// Set once it was enlarged, or would have been, had the system not refused.
    enlarged: Option<Arc<()>>,
    /// Set for the stdout of an event listener: the way to its pool.
    pub(super) pools: Option<Arc<OutputQueue>>,
}

/// State of a pipe after a read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// Read again: more may be there.
    More,
    /// Wait: nothing is there now.
    Empty,
    /// Close it: nobody can write any more.
    End,
}

impl Pipe {
    pub(super) fn new(receiver: pipe::Receiver, sink: Sink, run: u64, pools: Option<Arc<OutputQueue>>) -> Self {
        Self { receiver, sink, run, ready: false, paused: None, enlarged: None, pools }
    }

    /// Read once, up to the length of the buffer, which may become another one. Return also the number of bytes.
    pub(super) fn read(&mut self, buffer: &mut Vec<u8>, context: &mut Context) -> (usize, Reading) {
        self.paused = None;
        loop {
            return match self.receiver.read(buffer) {
                Ok(0) => (0, Reading::End),
                Ok(count) => {
                    let is_busy = count > PIPE_SIZE / 2 && self.enlarged.is_none();
                    if is_busy && Arc::strong_count(&context.enlarged) <= MAX_ENLARGED {
                        self.enlarged = Some(Arc::clone(&context.enlarged));
                        // The system may refuse: it is only faster with it.
                        let _ = fcntl(&self.receiver, FcntlArg::F_SETPIPE_SZ(BUSY_PIPE_SIZE));
                    }
                    if let Some(pools) = &self.pools {
                        self.sink.write(&buffer[..count], context);
                        pools.change_pools(|pools| pools.wrote(self.run, &buffer[..count]));
                    } else {
                        self.sink.write_piece(buffer, count, context);
                    }
                    (count, Reading::More)
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == ErrorKind::WouldBlock => (0, Reading::Empty),
                Err(_) => (0, Reading::End),
            };
        }
    }

    /// Read all that is there, within reason.
    pub(super) fn drain(&mut self, buffer: &mut Vec<u8>, context: &mut Context) -> Reading {
        let mut total = 0;
        loop {
            let (count, reading) = self.read(buffer, context);
            total += count;
            if reading != Reading::More || total >= MAX_DRAINED {
                return reading;
            }
        }
    }
}
