//! Descriptors of this process: the list of them, the names that they have, and all of them at once.

// Flags of descriptors that are known by their numbers alone.
#![allow(unsafe_code)]

use std::{
    fs::{self, File},
    io,
    os::fd::RawFd,
    path::Path,
    process,
};

/// Folder in which the kernel lists what is open.
const FOLDER: &str = "/proc/self/fd";

fn list() -> io::Result<Vec<RawFd>> {
    let listed = fs::read_dir(FOLDER)?.map(|entry| Ok(entry?.file_name().to_str().and_then(|name| name.parse().ok())));
    listed.filter_map(io::Result::transpose).collect()
}

/// List the descriptors beyond the standard three that an exec leaves open.
pub(crate) fn left_open_by_exec() -> io::Result<Vec<RawFd>> {
    let mut numbers = list()?;
    // SAFETY: a system call that reads a flag.
    numbers.retain(|number| *number > 2 && unsafe { libc::fcntl(*number, libc::F_GETFD) } == 0);
    Ok(numbers)
}

/// Mark all descriptors but the standard three to be closed on exec.
pub(crate) fn close_all_on_exec() {
    if mark_all_by_one_call() {
        return;
    }
    // An older kernel. What is open is listed there; what cannot be marked is closed already.
    for number in list().unwrap_or_default().into_iter().filter(|number| *number > 2) {
        // SAFETY: a system call that changes a flag.
        unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) };
    }
}

/// Mark all descriptors but the standard three to be closed on exec, by a system call and nothing else: for a handler
/// of signals. Return false on a kernel before 5.11, which has no such call.
pub(crate) fn mark_all_by_one_call() -> bool {
    // SAFETY: a system call that changes a flag of files.
    unsafe { libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC) == 0 }
}

/// Return the path by which what lies under a descriptor can be opened anew.
pub(crate) fn path(number: RawFd) -> String {
    format!("{FOLDER}/{number}")
}

/// Open for reading what this process has as its stdin.
pub(crate) fn reopen_stdin() -> io::Result<File> {
    File::open(path(0))
}

/// Find the number, as text, in a path below `/proc` that names a descriptor of this process.
pub(crate) fn number_in_proc(path: &str) -> Option<&str> {
    let (process, number) = path.strip_prefix("/proc/")?.split_once("/fd/")?;
    // A thread has the descriptors of its process.
    let process = process.split_once("/task/").map_or(process, |(process, _)| process);
    (["self", "thread-self"].contains(&process) || process == own_pid()).then_some(number)
}

/// Get our pid as `/proc` has it, which may be that of a namespace above ours.
fn own_pid() -> String {
    let own = fs::read_link("/proc/self").ok().and_then(|pid| Some(pid.to_str()?.to_owned()));
    own.unwrap_or_else(|| process::id().to_string())
}

/// Return whether a path leads to a file that the kernel makes up.
pub(crate) fn is_in_proc(path: &Path) -> bool {
    path.starts_with("/proc")
}
