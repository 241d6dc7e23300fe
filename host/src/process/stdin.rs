//! Pipe to the stdin of a process: written without waiting, what does not fit is kept for later.

use std::{
    collections::VecDeque,
    fs::File,
    io::{self, ErrorKind, Write as _},
    os::fd::{AsRawFd, OwnedFd, RawFd},
};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::handed_fds;

/// Number of bytes that may wait for a process that does not read; more only where nothing waits yet.
const MAX_PENDING: usize = 16 * 1024 * 1024;

/// Reason why nothing can be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StdinError {
    /// The process has closed its end.
    Closed,
    /// Too many bytes are waiting already.
    Full,
}

/// Writing end of the pipe.
#[derive(Debug)]
pub struct Stdin {
    fd: RawFd,
    inner: Mutex<Inner>,
}

/// A stdin as it is handed over to the next supervisord.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StdinState {
    /// Number of the descriptor.
    pub fd: RawFd,
    /// Bytes that wait until the process reads.
    #[serde(with = "serde_bytes", default)]
    pub pending: Vec<u8>,
    /// Set once the process has closed its end.
    #[serde(default)]
    pub closed: bool,
}

#[derive(Debug)]
struct Inner {
    file: File,
    pending: VecDeque<u8>,
    closed: bool,
}

impl Stdin {
    /// Make one of the writing end of a pipe, which must not block.
    pub(super) fn new(pipe: OwnedFd) -> Self {
        let fd = pipe.as_raw_fd();
        Self { fd, inner: Mutex::new(Inner { file: pipe.into(), pending: VecDeque::new(), closed: false }) }
    }

    /// The stdin as it is, for whoever takes over.
    pub(crate) fn state(&self) -> StdinState {
        let inner = self.inner.lock();
        StdinState { fd: self.fd, pending: inner.pending.iter().copied().collect(), closed: inner.closed }
    }

    /// Take over the stdin of another supervisord.
    pub(crate) fn adopt(state: StdinState) -> io::Result<Self> {
        let file = File::from(handed_fds::take(state.fd)?);
        let inner = Inner { file, pending: state.pending.into(), closed: state.closed };
        Ok(Self { fd: state.fd, inner: Mutex::new(inner) })
    }

    /// Send `data`, or keep it. Return whether some of it waits until the pipe is writable.
    pub(super) fn write(&self, data: &[u8]) -> Result<bool, StdinError> {
        let mut inner = self.inner.lock();
        if inner.closed {
            return Err(StdinError::Closed);
        }
        if !inner.pending.is_empty() && inner.pending.len() + data.len() > MAX_PENDING {
            return Err(StdinError::Full);
        }
        inner.pending.extend(data);
        inner.flush()
    }

    /// Send what waits. Return whether something still does.
    pub(super) fn flush(&self) -> Result<bool, StdinError> {
        self.inner.lock().flush()
    }
}

impl AsRawFd for Stdin {
    fn as_raw_fd(&self) -> RawFd {
        self.fd
    }
}

impl Inner {
    fn flush(&mut self) -> Result<bool, StdinError> {
        while !self.pending.is_empty() {
            match self.file.write(self.pending.as_slices().0) {
                Ok(count) => drop(self.pending.drain(..count)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(true),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => {
                    self.closed = true;
                    self.pending.clear();
                    return Err(StdinError::Closed);
                }
            }
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use nix::{fcntl::OFlag, unistd::pipe2};

    use super::*;

    #[test]
    fn one_message_may_be_large_but_not_many() {
        let (_reading, writing) = pipe2(OFlag::O_NONBLOCK | OFlag::O_CLOEXEC).unwrap();
        let stdin = Stdin::new(writing);
        assert_eq!(stdin.write(&vec![b'x'; MAX_PENDING + 1]), Ok(true));
        assert_eq!(stdin.write(&vec![b'x'; 1024 * 1024]), Err(StdinError::Full));
    }
}
