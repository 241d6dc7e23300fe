//! Effect of ^C: it ends the following of logs, if some are followed; else the shell, or the process as ever.
//!
//! A thread of its own is told of each ^C, so that one that comes during a call of the server, or while a question
//! waits for its answer, is obeyed at once. It alone decides who it is for.

use std::{
    io::{self, Read, Write},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixStream,
    },
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
    thread,
};

use signal_hook::{consts::SIGINT, low_level};

/// Socket on which the next ^C is announced; `None` where it ends everything.
static FOLLOWED: Mutex<Option<UnixStream>> = Mutex::new(None);

fn followed() -> MutexGuard<'static, Option<UnixStream>> {
    FOLLOWED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Let ^C do `leave` from now on, unless something is followed. The first call counts: a shell's, or else that of the
/// first command that follows something.
pub(super) fn on_interrupt(leave: impl Fn() + Send + 'static) -> io::Result<()> {
    static WATCHED: OnceLock<()> = OnceLock::new();
    if WATCHED.get().is_some() {
        return Ok(());
    }
    let (mut reader, writer) = UnixStream::pair()?;
    thread::Builder::new().name("interrupt".to_owned()).spawn(move || {
        let mut byte = [0];
        while reader.read_exact(&mut byte).is_ok() {
            match &mut *followed() {
                // A second ^C before the first is obeyed may find its reader gone.
                Some(followed) => drop(followed.write(&byte)),
                None => leave(),
            }
        }
    })?;
    low_level::pipe::register(SIGINT, writer)?;
    let _ = WATCHED.set(());
    Ok(())
}

/// End the process as ^C ends one that does nothing about it.
pub(super) fn die() {
    let _ = low_level::emulate_default_handler(SIGINT);
}

/// Receiver of ^C: while it lives, ^C makes it readable and ends nothing.
pub(super) struct Interrupt {
    pipe: UnixStream,
}

impl Interrupt {
    /// Receive ^C from now on.
    pub(super) fn watch() -> io::Result<Self> {
        on_interrupt(die)?;
        let (pipe, writer) = UnixStream::pair()?;
        writer.set_nonblocking(true)?;
        *followed() = Some(writer);
        Ok(Self { pipe })
    }
}

impl AsFd for Interrupt {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }
}

impl Drop for Interrupt {
    fn drop(&mut self) {
        *followed() = None;
    }
}
