//! Standard output, also where there is none.
//!
//! A process may be started with its stdout closed, `supervisorctl status >&-`. Supervisor's supervisorctl then fails
//! with exit status 1. The Rust runtime puts `/dev/null` in the place of a closed stdout before `main`, opened for
//! reading and writing as by Python's `subprocess.DEVNULL`, so that `main` cannot tell the two apart: all would seem
//! to be printed, and the exit status would be 0. Therefore the descriptor is looked at before the runtime starts, by
//! a function that the dynamic linker calls. A pipe that nobody reads and a full disk are errors without that.

#![allow(unsafe_code)] // What runs before `main` is named in a section of the binary, and asks the C library.

use std::{
    io::{self, Write},
    sync::atomic::{AtomicBool, Ordering},
};

use nix::errno::Errno;

/// Set when this process was started without a stdout.
static WAS_CLOSED: AtomicBool = AtomicBool::new(false);

// SAFETY: the section lists functions that are called once before `main`, with arguments that a C function may leave
// alone; this is one.
#[cfg(target_os = "linux")]
#[used]
#[unsafe(link_section = ".init_array")]
static BEFORE_MAIN: extern "C" fn() = note_closed_stdout;

#[cfg(target_os = "linux")]
extern "C" fn note_closed_stdout() {
    // SAFETY: it reads the flags of a file descriptor, which need not be open.
    if unsafe { libc::fcntl(libc::STDOUT_FILENO, libc::F_GETFD) } == -1 {
        WAS_CLOSED.store(true, Ordering::Relaxed);
    }
}

/// Standard output; a write to one that was closed from the start is an error.
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

/// Standard output that was closed from the start.
struct Closed;

impl Write for Closed {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(Errno::EBADF.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
