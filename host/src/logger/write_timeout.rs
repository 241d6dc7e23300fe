//! The wait for the reader of a pipe, a terminal or a socket: a second once in a while, and none for a reader that let
//! a wait run out.

use std::{
    io::{self, ErrorKind},
    os::fd::AsFd,
    time::{Duration, Instant},
};

use nix::poll::{PollFd, PollFlags, PollTimeout};

/// Milliseconds that a reader may take before its output is given up.
const TIMEOUT_MILLIS: u16 = 1_000;
/// Time after a wait that ran out in which there is no other one: what the reader does not take at once is lost. It may
/// cost the other logs a small part of our time, and no more.
const NO_WAIT: Duration = Duration::from_secs(30);

/// Time-out of writes to one target that somebody else reads.
#[derive(Debug, Default)]
pub(super) struct WriteTimeout {
    no_wait_until: Option<Instant>,
}

impl WriteTimeout {
    /// Wait until something can be written, but not for too long, and not at all while output is `losing` already.
    ///
    /// # Errors
    /// `WouldBlock`, when nobody reads.
    pub(super) fn wait(&mut self, fd: impl AsFd, losing: bool) -> io::Result<()> {
        let may_wait = !losing && self.no_wait_until.is_none_or(|until| Instant::now() >= until);
        let timeout = if may_wait { TIMEOUT_MILLIS } else { 0 };
        loop {
            let mut fds = [PollFd::new(fd.as_fd(), PollFlags::POLLOUT)];
            match nix::poll::poll(&mut fds, PollTimeout::from(timeout)) {
                Ok(0) => {
                    if may_wait {
                        self.no_wait_until = Some(Instant::now() + NO_WAIT);
                    }
                    return Err(io::Error::new(ErrorKind::WouldBlock, "nobody reads it"));
                }
                Ok(_) => return Ok(()),
                Err(nix::errno::Errno::EINTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }
}
