//! System calls without libc, for a child that may share supervisord's memory until it execs.
//!
//! No function here takes a lock, allocates, panics or writes `errno`, which is that of the thread that cloned. What
//! they do to descriptors, they do to those of the child alone once it [has a table of its own](unshare_files_from).

// Each of them is unsafe, and so is `clone`.
#![allow(unsafe_code)]

use std::{ffi::CStr, os::fd::RawFd, ptr, sync::atomic::AtomicU32, time::Duration};

use libc::{c_int, c_long, c_uint, c_void};
use nix::{errno::Errno, sys::resource::Resource};
use syscalls::{Sysno, syscall};

/// Parts of a process that its child shares with it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shared {
    /// Memory.
    pub(crate) memory: bool,
    /// Table of descriptors.
    pub(crate) files: bool,
}

impl Shared {
    fn flags(self) -> c_int {
        let memory = if self.memory { libc::CLONE_VM } else { 0 };
        let files = if self.files { libc::CLONE_FILES } else { 0 };
        memory | files
    }
}

/// Make a child that runs a function on a stack of its own, and that SIGCHLD tells of.
///
/// # Safety
/// The stack and what the argument points to stay where they are until the child has left our memory. With shared
/// memory the function makes raw system calls alone, and does not return.
pub(crate) unsafe fn clone(
    begin: extern "C" fn(*mut c_void) -> c_int,
    stack: *mut c_void,
    shared: Shared,
    argument: *mut c_void,
) -> Result<c_int, Errno> {
    // SAFETY: as the caller promises.
    Errno::result(unsafe { libc::clone(begin, stack, shared.flags() | libc::SIGCHLD, argument) })
}

/// Make a child that shares all with us, and wait for its end or its exec. No signal tells of its end.
///
/// # Safety
/// The function makes raw system calls alone, and does not return.
pub(crate) unsafe fn clone_and_wait(
    begin: extern "C" fn(*mut c_void) -> c_int,
    stack: *mut c_void,
) -> Result<c_int, Errno> {
    let flags = Shared { memory: true, files: true }.flags() | libc::CLONE_VFORK;
    // SAFETY: as the caller promises; the stack outlives the child, for which we wait.
    Errno::result(unsafe { libc::clone(begin, stack, flags, ptr::null_mut()) })
}

/// Wait until a word is no longer what was expected, or somebody [wakes](futex_wake) who waits, or so long; it may end
/// before. Less than a second.
pub(crate) fn futex_wait(word: &AtomicU32, expected: u32, timeout: Duration) {
    // Seconds and nanoseconds as this call takes them, whatever libc makes of its `timespec` on 32 bits.
    let timeout: [c_long; 2] = [0, timeout.subsec_nanos().cast_signed().into()];
    // The kernel wakes without the flag for private ones.
    // SAFETY: the word and the time live longer than the call.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAIT, expected, &raw const timeout) };
}

/// Wake one who [waits](futex_wait) for a word.
pub(crate) fn futex_wake(word: &AtomicU32) {
    // SAFETY: the word lives longer than the call.
    let _ = unsafe { syscall!(Sysno::futex, word.as_ptr(), libc::FUTEX_WAKE, 1) };
}

/// Have the kernel write 0 into a word, and wake who waits for that, when this process has left the memory.
///
/// # Safety
/// The word stays where it is until then.
pub(crate) unsafe fn set_tid_address(word: &AtomicU32) {
    // SAFETY: as the caller promises.
    let _ = unsafe { syscall!(Sysno::set_tid_address, word.as_ptr()) };
}

/// Get a table of descriptors of one's own, with those below `first` alone.
pub(crate) fn unshare_files_from(first: RawFd) -> Result<(), Errno> {
    // SAFETY: plain system call. Whoever shares the table keeps all.
    unsafe { syscall!(Sysno::close_range, first, u32::MAX, libc::CLOSE_RANGE_UNSHARE) }.map(drop).map_err(errno)
}

/// Get a table of descriptors of one's own, with all of them: there is none of the number that is closed.
pub(crate) fn unshare_files() -> Result<(), Errno> {
    // SAFETY: plain system call.
    let left = unsafe { syscall!(Sysno::close_range, u32::MAX, u32::MAX, libc::CLOSE_RANGE_UNSHARE) };
    left.map(drop).map_err(errno)
}

/// Close all descriptors from `first` to `last`. A kernel before 5.9 cannot.
///
/// # Safety
/// Nobody in this process uses them any more.
pub(crate) unsafe fn close_range(first: RawFd, last: u32) -> Result<(), Errno> {
    // SAFETY: as the caller promises.
    unsafe { syscall!(Sysno::close_range, first, last, 0) }.map(drop).map_err(errno)
}

/// Close a descriptor.
///
/// # Safety
/// Nobody in this process uses it any more.
pub(crate) unsafe fn close(number: RawFd) {
    // SAFETY: as the caller promises.
    let _ = unsafe { syscall!(Sysno::close, number) };
}

/// Put an open file under another number, at which it stays over an exec.
///
/// # Safety
/// Nobody in this process uses what lies there any more.
pub(crate) unsafe fn dup(from: RawFd, to: RawFd) -> Result<(), Errno> {
    // SAFETY: as the caller promises.
    unsafe { syscall!(Sysno::dup3, from, to, 0) }.map(drop).map_err(errno)
}

/// Keep a descriptor open over an exec.
pub(crate) fn keep_on_exec(number: RawFd) -> Result<(), Errno> {
    // SAFETY: a system call that changes a flag.
    unsafe { syscall!(Sysno::fcntl, number, libc::F_SETFD, 0) }.map(drop).map_err(errno)
}

/// Write bytes, as many as go at once.
pub(crate) fn write(number: RawFd, bytes: &[u8]) -> Result<(), Errno> {
    // SAFETY: the buffer is valid for its length.
    unsafe { syscall!(Sysno::write, number, bytes.as_ptr(), bytes.len()) }.map(drop).map_err(errno)
}

/// Write into a file of the kernel's.
pub(crate) fn write_file(path: &CStr, text: &[u8]) -> Result<(), Errno> {
    let flags: c_int = libc::O_WRONLY | libc::O_CLOEXEC;
    // SAFETY: a string that ends with NUL, and a descriptor of our own.
    unsafe {
        let file = syscall!(Sysno::openat, libc::AT_FDCWD, path.as_ptr(), flags, 0).map_err(errno)?;
        // Numbers of descriptors are small.
        let number = RawFd::try_from(file).unwrap_or(-1);
        let written = write(number, text);
        close(number);
        written
    }
}

/// Say how ready the kernel should be to kill this process when memory runs out. It holds for all who share the memory.
pub(crate) fn set_oom_score_adj(text: &[u8]) -> Result<(), Errno> {
    write_file(c"/proc/self/oom_score_adj", text)
}

/// Set a soft limit of a resource, and the hard one where it is given: otherwise that becomes no less than the soft.
pub(crate) fn set_limit(resource: Resource, soft: u64, hard: Option<u64>) -> Result<(), Errno> {
    let resource = resource as c_uint;
    let mut both = [0_u64; 2];
    // SAFETY: two numbers of 64 bits are the kernel's layout, whatever that of libc is.
    unsafe { syscall!(Sysno::prlimit64, 0, resource, 0, both.as_mut_ptr()) }.map_err(errno)?;
    both = [soft, hard.unwrap_or(both[1].max(soft))];
    // SAFETY: as above.
    unsafe { syscall!(Sysno::prlimit64, 0, resource, both.as_ptr(), 0) }.map(drop).map_err(errno)
}

/// Set the niceness.
pub(crate) fn set_niceness(niceness: c_int) -> Result<(), Errno> {
    // SAFETY: plain system call.
    unsafe { syscall!(Sysno::setpriority, libc::PRIO_PROCESS, 0, niceness) }.map(drop).map_err(errno)
}

/// Make a process group of one's own.
pub(crate) fn lead_process_group() {
    // SAFETY: plain system call.
    let _ = unsafe { syscall!(Sysno::setpgid, 0, 0) };
}

/// Enter a directory.
pub(crate) fn chdir(directory: &CStr) -> Result<(), Errno> {
    // SAFETY: a string that ends with NUL.
    unsafe { syscall!(Sysno::chdir, directory.as_ptr()) }.map(drop).map_err(errno)
}

/// Set the file mode creation mask.
pub(crate) fn umask(mask: u32) {
    // SAFETY: plain system call.
    let _ = unsafe { syscall!(Sysno::umask, mask) };
}

/// Set the supplementary groups: of this task alone, whatever else runs in this memory.
pub(crate) fn setgroups(groups: &[u32]) -> Result<(), Errno> {
    // SAFETY: the list is valid for its length.
    unsafe { syscall!(wide_ids::SETGROUPS, groups.len(), groups.as_ptr()) }.map(drop).map_err(errno)
}

/// Set the group: of this task alone, whatever else runs in this memory.
pub(crate) fn setgid(group: u32) -> Result<(), Errno> {
    // SAFETY: plain system call.
    unsafe { syscall!(wide_ids::SETGID, group) }.map(drop).map_err(errno)
}

/// Set the user: of this task alone, whatever else runs in this memory.
pub(crate) fn setuid(user: u32) -> Result<(), Errno> {
    // SAFETY: plain system call.
    unsafe { syscall!(wide_ids::SETUID, user) }.map(drop).map_err(errno)
}

/// System calls that take ids of 32 bits, also where those of the plain names take 16.
mod wide_ids {
    use syscalls::Sysno;

    #[cfg(any(target_arch = "arm", target_arch = "x86"))]
    pub(super) const SETGROUPS: Sysno = Sysno::setgroups32;
    #[cfg(any(target_arch = "arm", target_arch = "x86"))]
    pub(super) const SETGID: Sysno = Sysno::setgid32;
    #[cfg(any(target_arch = "arm", target_arch = "x86"))]
    pub(super) const SETUID: Sysno = Sysno::setuid32;

    #[cfg(not(any(target_arch = "arm", target_arch = "x86")))]
    pub(super) const SETGROUPS: Sysno = Sysno::setgroups;
    #[cfg(not(any(target_arch = "arm", target_arch = "x86")))]
    pub(super) const SETGID: Sysno = Sysno::setgid;
    #[cfg(not(any(target_arch = "arm", target_arch = "x86")))]
    pub(super) const SETUID: Sysno = Sysno::setuid;
}

/// Become a program. Returns the reason where that cannot be.
///
/// # Safety
/// Both arrays hold addresses of texts that end with NUL, and end with a null.
pub(crate) unsafe fn execve(file: &CStr, arguments: *const usize, environment: *const usize) -> Option<Errno> {
    // SAFETY: as the caller promises.
    unsafe { syscall!(Sysno::execve, file.as_ptr(), arguments, environment) }.err().map(errno)
}

fn errno(error: syscalls::Errno) -> Errno {
    Errno::from_raw(error.into_raw())
}

/// End this process, without anything that its parent would do at its own end.
pub(crate) fn exit(status: c_int) -> ! {
    loop {
        // SAFETY: it does not return.
        let _ = unsafe { syscall!(Sysno::exit_group, status) };
    }
}
