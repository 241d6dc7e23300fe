//! Limits of a child: rlimits, niceness, and what the kernel thinks of it when memory runs out.
//!
//! The parent looks first for what it can know, so that the reason stands where clients see it. The child sets them
//! before it changes its user, for only root may raise most of them.

use libc::{c_int, c_uint};
use nix::{errno::Errno, sys::resource::Resource};
use syscalls::{Sysno, syscall};

use crate::{
    limits,
    process::launch::{Launch, ResourceLimit},
};

/// Numbers of capabilities, as the kernel knows them.
const CAP_SYS_NICE: u32 = 23;
const CAP_SYS_RESOURCE: u32 = 24;

/// Check that the limits may be set, as far as that can be known. The error names the one that may not.
pub(super) fn check(launch: &Launch) -> Result<(), String> {
    let refuse = |label: &str, why: String| Err(format!("couldn't set {label} for '{}': {why}", launch.name));
    for limit in &launch.limits {
        let (_, hard) = limits::get(limit.resource).unwrap_or((limits::INFINITY, limits::INFINITY));
        if limit.soft.max(limit.hard.unwrap_or(0)) > hard && !has_capability(CAP_SYS_RESOURCE) {
            return refuse(&limit.label, format!("EPERM, the hard limit is {hard}"));
        }
    }
    if let Some(nice) = launch.nice {
        // SAFETY: plain system call. The kernel answers with 20 less the niceness, so that none is an error.
        let own = 20 - unsafe { libc::syscall(libc::SYS_getpriority, libc::PRIO_PROCESS, 0) };
        let (least, _) = limits::get(Resource::RLIMIT_NICE).unwrap_or((0, 0));
        let needed = u64::try_from(20 - nice).unwrap_or(0);
        if libc::c_long::from(nice) < own && needed > least && !has_capability(CAP_SYS_NICE) {
            return refuse(&format!("nice to {nice}"), format!("EACCES, supervisord has {own}"));
        }
    }
    Ok(())
}

/// Return whether this thread has a capability.
fn has_capability(number: u32) -> bool {
    /// Version 3: two words of capabilities.
    const VERSION: u32 = 0x2008_0522;
    let header: [u32; 2] = [VERSION, 0];
    let mut words = [[0_u32; 3]; 2];
    // SAFETY: both have the kernel's layout for that version: effective, permitted, inheritable, twice.
    let got = unsafe { libc::syscall(libc::SYS_capget, header.as_ptr(), words.as_mut_ptr()) };
    got == 0 && words[0][0] & (1 << number) != 0
}

/// Set the limits of this process, in the child. The error is what could not be set, and why.
pub(super) fn set(launch: &Launch) -> Result<(), (&str, Errno)> {
    let raw = |error: syscalls::Errno| Errno::from_raw(error.into_raw());
    for limit in &launch.limits {
        set_one(limit).map_err(|error| (limit.label.as_str(), raw(error)))?;
    }
    if let Some(nice) = launch.nice {
        // SAFETY: plain system call.
        unsafe { syscall!(Sysno::setpriority, libc::PRIO_PROCESS, 0, nice) }.map_err(|error| ("nice", raw(error)))?;
    }
    if let Some(text) = &launch.oom_score_adj {
        write(c"/proc/self/oom_score_adj", text.as_bytes()).map_err(|error| ("oom_score_adj", raw(error)))?;
    }
    Ok(())
}

fn set_one(limit: &ResourceLimit) -> Result<(), syscalls::Errno> {
    let resource = limit.resource as c_uint;
    let mut both = [0_u64; 2];
    // SAFETY: two numbers of 64 bits are the kernel's layout, whatever that of libc is.
    unsafe { syscall!(Sysno::prlimit64, 0, resource, 0, both.as_mut_ptr()) }?;
    both = [limit.soft, limit.hard.unwrap_or(both[1].max(limit.soft))];
    // SAFETY: as above.
    unsafe { syscall!(Sysno::prlimit64, 0, resource, both.as_ptr(), 0) }.map(drop)
}

/// Write into a file of the kernel's, in the child.
pub(super) fn write(path: &std::ffi::CStr, text: &[u8]) -> Result<(), syscalls::Errno> {
    let flags: c_int = libc::O_WRONLY | libc::O_CLOEXEC;
    // SAFETY: a string that ends with NUL, a buffer that is valid for its length, and a descriptor of our own.
    unsafe {
        let file = syscall!(Sysno::openat, libc::AT_FDCWD, path.as_ptr(), flags, 0)?;
        let written = syscall!(Sysno::write, file, text.as_ptr(), text.len());
        let _ = syscall!(Sysno::close, file);
        written.map(drop)
    }
}
