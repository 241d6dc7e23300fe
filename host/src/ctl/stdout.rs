//! Standard output, also where there is none.
//!
//! A process may be started with its stdout closed, `supervisorctl status >&-`. Supervisor's supervisorctl then fails
//! with exit status 1. The Rust runtime puts `/dev/null` in the place of a closed stdout before `main`, opened for
//! reading and writing as by Python's `subprocess.DEVNULL`, so that `main` cannot tell the two apart: all would seem
//! to be printed, and the exit status would be 0. Therefore the descriptor is [looked at](closed_stdout) before the
//! runtime starts, by a function that the dynamic linker calls. A pipe that nobody reads and a full disk are errors
//! without that.

#![allow(unsafe_code)] // The C library is asked for the width of the terminal.

use std::io::{self, Write};

use nix::errno::Errno;

use crate::linux::closed_stdout;

/// Standard output; a write to one that was closed from the start is an error.
pub(super) fn stdout() -> Box<dyn Write + Send> {
    if closed_stdout::was_closed() { Box::new(Closed) } else { Box::new(io::stdout()) }
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
