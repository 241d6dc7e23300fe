//! Reaping of children, our own and strangers that were left to us.

// `waitpid` through a wrapper would lose the pid of a child that a real-time signal killed.
#![allow(unsafe_code)]

use nix::errno::Errno;

use super::exits::Exit;
use crate::linux::this_process;

/// Reap any child that has ended, if there is one; its pid is free from now on. Never waits.
pub fn reap_any() -> Result<Option<(i32, Exit)>, Errno> {
    wait_for(-1)
}

/// Reap this child, if it has ended; its pid is free from now on. Never waits.
pub fn reap(pid: i32) -> Result<Option<Exit>, Errno> {
    Ok(wait_for(pid)?.map(|(_, exit)| exit))
}

fn wait_for(pid: i32) -> Result<Option<(i32, Exit)>, Errno> {
    let mut status = 0;
    loop {
        // SAFETY: `status` is valid for writing.
        let pid = unsafe { libc::waitpid(pid, &raw mut status, libc::WNOHANG) };
        return match Errno::result(pid) {
            Ok(0) | Err(Errno::ECHILD) => Ok(None),
            Ok(pid) => Ok(Some((pid, exit(status)))),
            Err(Errno::EINTR) => continue,
            Err(errno) => Err(errno),
        };
    }
}

/// Find any child that has ended and was not reaped yet. Reaps none.
pub fn any_ended() -> Option<i32> {
    let flags = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
    // SAFETY: all zeros are a valid siginfo, and what waitid leaves if nobody has ended.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    // SAFETY: `info` is valid for writing.
    let result = unsafe { libc::waitid(libc::P_ALL, 0, &raw mut info, flags) };
    // SAFETY: waitid fills in this field, or leaves the zeros.
    let pid = unsafe { info.si_pid() };
    (result == 0 && pid != 0).then_some(pid)
}

/// Return whether the orphans of others become children of this process, which then has to reap them: as PID 1 it does,
/// and as what Linux calls a subreaper.
pub fn adopts_orphans() -> bool {
    std::process::id() == 1 || this_process::is_subreaper()
}

fn exit(status: i32) -> Exit {
    if libc::WIFSIGNALED(status) {
        Exit::Signal { signal: libc::WTERMSIG(status), core: libc::WCOREDUMP(status) }
    } else {
        Exit::Code(libc::WEXITSTATUS(status))
    }
}
