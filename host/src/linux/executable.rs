//! Executable of this process, whatever lies under its path by now.

// A program is executed from a descriptor.
#![allow(unsafe_code)]

use std::{
    ffi::c_char,
    fs::{self, Metadata},
    io,
    os::fd::{AsRawFd as _, BorrowedFd, OwnedFd},
};

use nix::{
    fcntl::{OFlag, open},
    sys::stat::Mode,
};

const OWN: &str = "/proc/self/exe";

/// Open the executable of this process, to be executed and for nothing else.
pub(crate) fn open_own() -> nix::Result<OwnedFd> {
    open(OWN, OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty())
}

/// Open the working directory, to be entered and for nothing else.
pub(crate) fn open_working_directory() -> nix::Result<OwnedFd> {
    open(".", OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())
}

/// Read what the file system knows of the executable of this process.
pub(crate) fn own_metadata() -> io::Result<Metadata> {
    fs::metadata(OWN)
}

/// Execute an open executable in this process, by a system call and nothing else. Returns where that cannot be.
///
/// # Safety
/// Both arrays hold pointers to texts that end with NUL, and end with a null pointer.
pub(crate) unsafe fn execute(
    executable: BorrowedFd<'_>,
    arguments: *const *const c_char,
    environment: *const *const c_char,
) {
    let (number, flags) = (executable.as_raw_fd(), libc::AT_EMPTY_PATH);
    // SAFETY: the arrays are what the caller promises.
    unsafe { libc::syscall(libc::SYS_execveat, number, c"".as_ptr(), arguments, environment, flags) };
}
