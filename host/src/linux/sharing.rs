//! Parts of this process that a child may share until it execs, found out once.

// A child is made to find out, and libc is asked for its version.
#![allow(unsafe_code)]

use std::fs;

use libc::{c_int, c_void};
use nix::{
    errno::Errno,
    sys::{
        signal::{SigSet, SigmaskHow},
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::Pid,
};

use super::{raw_calls, stack::Stack};

/// Parts that may be shared.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sharing {
    /// The memory, with a child that keeps our user.
    pub(crate) memory: bool,
    /// The memory, with a child that changes its user. The kernel then keeps all others of that user from reading or
    /// tracing it, unless the administrator has said that everything may be (`fs.suid_dumpable=1`).
    pub(crate) memory_across_users: bool,
    /// The table of descriptors, which takes a kernel that lets go of it cheaply (5.9).
    pub(crate) files: bool,
}

impl Sharing {
    /// Ask the system, by making a child that does nothing else.
    pub(crate) fn find() -> Self {
        let status = if libc_keeps_to_itself() { probe() } else { None };
        let memory = status.is_some();
        // Where the file is not there it cannot be set.
        let everything_is_dumpable =
            fs::read_to_string("/proc/sys/fs/suid_dumpable").is_ok_and(|value| value.trim() == "1");
        Self { memory, memory_across_users: memory && !everything_is_dumpable, files: status == Some(0) }
    }
}

/// Return whether libc's `clone` changes nothing in memory that is shared. glibc before 2.25 has the child overwrite
/// the pid that it remembers for the thread that cloned.
#[cfg(target_env = "gnu")]
fn libc_keeps_to_itself() -> bool {
    // SAFETY: a text of libc's own that lives for ever.
    let version = unsafe { std::ffi::CStr::from_ptr(libc::gnu_get_libc_version()) }.to_string_lossy();
    let mut parts = version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0)) >= (2, 25)
}

/// Return whether libc's `clone` changes nothing in memory that is shared: no other libc does.
#[cfg(not(target_env = "gnu"))]
fn libc_keeps_to_itself() -> bool {
    true
}

/// Return the exit status of a child that shares everything with us and tries to get a table of descriptors of its own.
fn probe() -> Option<c_int> {
    let stack = Stack::new().ok()?;
    let before = SigSet::all().thread_swap_mask(SigmaskHow::SIG_SETMASK).ok()?;
    // No signal tells of its end: nobody but this function is to hear of it.
    // SAFETY: the child runs on a stack of its own, which outlives it, and makes raw system calls alone.
    let pid = unsafe { raw_calls::clone_and_wait(leave_the_table, stack.top()) };
    let _ = before.thread_set_mask();
    let pid = Pid::from_raw(pid.ok()?);
    loop {
        match waitpid(pid, Some(WaitPidFlag::__WALL)) {
            Ok(WaitStatus::Exited(_, status)) => return Some(status),
            Err(Errno::EINTR) => {}
            _ => return None,
        }
    }
}

extern "C" fn leave_the_table(_: *mut c_void) -> c_int {
    raw_calls::exit(c_int::from(raw_calls::unshare_files().is_err()))
}
