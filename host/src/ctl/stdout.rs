//! Standard output, also where there is none.
//!
//! A process may be started with its stdout closed, `supervisorctl status >&-`. The Rust runtime then puts `/dev/null`
//! in its place before `main`, so that all would seem to be printed; therefore it is looked at before the runtime does
//! that.

#![allow(unsafe_code)] // What runs before `main` is named in a section of the binary, and asks the C library.

use std::{
    io::{self, Write},
    sync::atomic::{AtomicBool, Ordering},
};

use nix::errno::Errno;

static WAS_CLOSED: AtomicBool = AtomicBool::new(false);

// SAFETY: the section lists functions that are called once before `main`, with arguments that a C function may leave
// alone; this is one.
#[cfg(target_os = "linux")]
#[used]
#[unsafe(link_section = ".init_array")]
static LOOK: extern "C" fn() = look;

#[cfg(target_os = "linux")]
extern "C" fn look() {
    // SAFETY: it reads the flags of a file descriptor, which need not be open.
    if unsafe { libc::fcntl(libc::STDOUT_FILENO, libc::F_GETFD) } == -1 {
        WAS_CLOSED.store(true, Ordering::Relaxed);
    }
}

/// Standard output; writing to one that was closed from the start is an error.
pub(super) fn stdout() -> Box<dyn Write + Send> {
    if WAS_CLOSED.load(Ordering::Relaxed) { Box::new(Closed) } else { Box::new(io::stdout()) }
}

/// Width of the terminal behind standard output, in columns; 80 where it does not say.
pub(super) fn columns() -> usize {
    let mut size = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the request writes one `winsize`, which this is.
    let asked = unsafe { libc::ioctl(libc::STDOUT_FILENO, libc::TIOCGWINSZ, &raw mut size) };
    if asked == 0 && size.ws_col > 0 { size.ws_col.into() } else { 80 }
}

struct Closed;

impl Write for Closed {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(Errno::EBADF.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
