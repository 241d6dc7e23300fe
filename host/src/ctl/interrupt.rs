//! ^C while something is followed ends the following and not the process.

use std::{
    io,
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixStream,
    },
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use signal_hook::{SigId, consts::SIGINT, flag, low_level};

/// While it lives, ^C makes it readable; afterwards ^C ends the process as before.
pub(super) struct Interrupt {
    pipe: UnixStream,
    id: SigId,
}

/// Whether ^C ends the process. A handler that was set once cannot be taken away, so it asks.
fn ends_process() -> io::Result<&'static Arc<AtomicBool>> {
    static FLAG: OnceLock<Arc<AtomicBool>> = OnceLock::new();
    if let Some(flag) = FLAG.get() {
        return Ok(flag);
    }
    let flag = Arc::new(AtomicBool::new(true));
    flag::register_conditional_default(SIGINT, Arc::clone(&flag))?;
    Ok(FLAG.get_or_init(|| flag))
}

impl Interrupt {
    /// Watches from now on.
    pub(super) fn watch() -> io::Result<Self> {
        let (pipe, writer) = UnixStream::pair()?;
        let flag = ends_process()?;
        let id = low_level::pipe::register(SIGINT, writer)?;
        flag.store(false, Ordering::SeqCst);
        Ok(Self { pipe, id })
    }
}

impl AsFd for Interrupt {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }
}

impl Drop for Interrupt {
    fn drop(&mut self) {
        low_level::unregister(self.id);
        if let Ok(flag) = ends_process() {
            flag.store(true, Ordering::SeqCst);
        }
    }
}
