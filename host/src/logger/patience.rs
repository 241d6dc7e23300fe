//! How long we wait for the reader of a pipe, a terminal or a socket: once a while, and not for one who has kept us
//! waiting in vain.

use std::{
    io::{self, ErrorKind},
    os::fd::AsFd,
    time::{Duration, Instant},
};

use nix::poll::{PollFd, PollFlags, PollTimeout};

/// How long a reader may keep us waiting before its output is given up.
const PATIENCE_MILLIS: u16 = 1_000;
/// For how long a reader that has kept us waiting in vain is not waited for again: what it does not take at once is
/// lost. It may cost the other logs a small part of our time, and no more.
const IMPATIENCE: Duration = Duration::from_secs(30);

/// Whether a reader is waited for.
#[derive(Debug, Default)]
pub(super) struct Patience {
    lost_until: Option<Instant>,
}

impl Patience {
    /// Waits until something can be written, but not for too long, and not at all for one that is `losing` already.
    ///
    /// # Errors
    /// `WouldBlock`, when nobody reads.
    pub(super) fn await_reader(&mut self, fd: impl AsFd, losing: bool) -> io::Result<()> {
        let has_some = !losing && self.lost_until.is_none_or(|until| Instant::now() >= until);
        let patience = if has_some { PATIENCE_MILLIS } else { 0 };
        loop {
            let mut fds = [PollFd::new(fd.as_fd(), PollFlags::POLLOUT)];
            match nix::poll::poll(&mut fds, PollTimeout::from(patience)) {
                Ok(0) => {
                    if has_some {
                        self.lost_until = Some(Instant::now() + IMPATIENCE);
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
