//! Descriptors that this process has had since before it executed a supervisord anew, known by their numbers.
//!
//! They are kept here until somebody takes them, and never closed before [`close_rest`]: as long as the one that was
//! executed has not begun its work, the one before it may have to go on with them.

// A number becomes a descriptor that is owned.
#![allow(unsafe_code)]

use std::{
    collections::BTreeMap,
    io,
    os::fd::{FromRawFd as _, OwnedFd, RawFd},
};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use parking_lot::Mutex;

/// Descriptors that nobody has taken yet.
static KEPT: Mutex<BTreeMap<RawFd, OwnedFd>> = Mutex::new(BTreeMap::new());

/// Keep these, and mark them to be closed on exec.
///
/// To be called first of all, before anything is opened that could have one of these numbers. An error is a number that
/// is not open, or one of the standard three.
pub(crate) fn keep(numbers: &[RawFd]) -> io::Result<()> {
    let mut kept = KEPT.lock();
    for &number in numbers {
        // SAFETY: a system call that reads a flag.
        if number <= 2 || unsafe { libc::fcntl(number, libc::F_GETFD) } < 0 {
            return Err(io::Error::other(format!("descriptor {number} is not open")));
        }
        // SAFETY: it is open, nobody else in this process has it yet, and it is kept but once.
        let file = kept.entry(number).or_insert_with(|| unsafe { OwnedFd::from_raw_fd(number) });
        fcntl(file, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
    }
    Ok(())
}

/// Take the descriptor of that number. An error is one that is not there, or was taken.
pub(crate) fn take(number: RawFd) -> io::Result<OwnedFd> {
    KEPT.lock().remove(&number).ok_or_else(|| io::Error::other(format!("descriptor {number} was not handed over")))
}

/// Return a second descriptor for what lies under that number, which stays.
pub(crate) fn duplicate(number: RawFd) -> io::Result<OwnedFd> {
    let kept = KEPT.lock();
    let file = kept.get(&number).ok_or_else(|| io::Error::other(format!("descriptor {number} was not handed over")))?;
    file.try_clone()
}

/// Close those that nobody has taken.
pub(crate) fn close_rest() {
    KEPT.lock().clear();
}
