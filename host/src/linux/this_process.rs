//! Attributes of this process and of the calling thread that other systems have in another way, or not at all.

// Calls that neither the standard library nor nix offers.
#![allow(unsafe_code)]

use std::ffi::CStr;

use nix::{
    errno::Errno,
    sched::{CloneFlags, unshare},
    sys::{prctl, resource::Resource},
};

/// Numbers of capabilities, as the kernel knows them.
pub(crate) const CAP_SYS_NICE: u32 = 23;
pub(crate) const CAP_SYS_RESOURCE: u32 = 24;

/// Limit of the least niceness that a process may give itself, as 20 less the niceness.
pub(crate) const NICENESS_LIMIT: Resource = Resource::RLIMIT_NICE;

/// Return whether this thread has a capability.
pub(crate) fn has_capability(number: u32) -> bool {
    /// Version 3: two words of capabilities.
    const VERSION: u32 = 0x2008_0522;
    let header: [u32; 2] = [VERSION, 0];
    let mut words = [[0_u32; 3]; 2];
    // SAFETY: both have the kernel's layout for that version: effective, permitted, inheritable, twice.
    let got = unsafe { libc::syscall(libc::SYS_capget, header.as_ptr(), words.as_mut_ptr()) };
    got == 0 && words[0][0] & (1 << number) != 0
}

/// Return the niceness of this process.
pub(crate) fn niceness() -> libc::c_long {
    // SAFETY: plain system call. The kernel answers with 20 less the niceness, so that none is an error.
    20 - unsafe { libc::syscall(libc::SYS_getpriority, libc::PRIO_PROCESS, 0) }
}

/// Name the calling thread, and with the first one the process, for those who list them.
pub(crate) fn set_name(name: &CStr) -> Result<(), Errno> {
    prctl::set_name(name)
}

/// Return whether others of our user may read this process's memory, and its files below `/proc`.
pub(crate) fn is_dumpable() -> bool {
    prctl::get_dumpable().unwrap_or(true)
}

/// Let others of our user read this process's memory, or not.
pub(crate) fn set_dumpable(dumpable: bool) -> Result<(), Errno> {
    prctl::set_dumpable(dumpable)
}

/// Have the orphans of our descendants become children of this process.
pub(crate) fn become_subreaper() -> Result<(), Errno> {
    prctl::set_child_subreaper(true)
}

/// Return whether this process [is a subreaper](become_subreaper).
pub(crate) fn is_subreaper() -> bool {
    prctl::get_child_subreaper().unwrap_or(false)
}

/// Let the calling thread have a working directory and an umask of its own. Some containers forbid it.
pub(crate) fn unshare_working_directory() -> Result<(), Errno> {
    unshare(CloneFlags::CLONE_FS)
}

/// Give memory that is not in use back to the system. It takes some milliseconds for a hundred megabytes, and threads
/// that allocate may have to wait for a part of that. Other libraries than glibc give it back by themselves.
pub(crate) fn trim_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: it takes no pointer and may be called by any thread at any time.
    unsafe {
        libc::malloc_trim(0);
    }
}
