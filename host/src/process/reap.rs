//! Learns of the death of children, of our own and of strangers that were left to us.

// `waitpid` through a wrapper would lose the pid of a child that a real-time signal killed.
#![allow(unsafe_code)]

use nix::errno::Errno;

use super::state::Exit;

/// A child that has ended, if there is one; its pid is free from now on. Never waits.
///
/// Takes whatever child there is, so only one part of a program may call it.
pub fn reap() -> Result<Option<(i32, Exit)>, Errno> {
    let mut status = 0;
    loop {
        // SAFETY: `status` is valid for writing.
        let pid = unsafe { libc::waitpid(-1, &raw mut status, libc::WNOHANG) };
        return match Errno::result(pid) {
            Ok(0) | Err(Errno::ECHILD) => Ok(None),
            Ok(pid) => Ok(Some((pid, exit(status)))),
            Err(Errno::EINTR) => continue,
            Err(errno) => Err(errno),
        };
    }
}

fn exit(status: i32) -> Exit {
    if libc::WIFSIGNALED(status) {
        Exit::Signal { signal: libc::WTERMSIG(status), core: libc::WCOREDUMP(status) }
    } else {
        Exit::Code(libc::WEXITSTATUS(status))
    }
}
