//! Signals by number.

// nix knows no real-time signals, which a client may name.
#![allow(unsafe_code)]

use nix::errno::Errno;

/// Send a signal, as kill(2) does.
pub(super) fn kill(pid: i32, signal: i32) -> Result<(), Errno> {
    // SAFETY: plain system call.
    Errno::result(unsafe { libc::kill(pid, signal) }).map(drop)
}
