//! Fork and exec.
//!
//! Everything is allocated before the fork: between fork and exec the child has only this thread, and whatever lock
//! another one held stays locked for ever. So the child makes only calls that are safe in a signal handler. What goes
//! wrong there it writes to its stderr, and so into its log.
//!
//! The system call is made past libc, whose `fork` first runs what others have registered with `pthread_atfork`: the
//! libraries of plugins, say, which may wait there for locks of their own. This thread waits for nobody, and the child
//! needs nothing that they or libc would repair for it.
//!
//! All signals are blocked over the fork. Our handlers write into a pipe that the child still shares with us: a signal
//! meant for the child would otherwise be taken for one to the supervisor.

// `fork` and what the child does with raw descriptors are unsafe by nature; nowhere else is there such code.
#![allow(unsafe_code)]

use std::{
    ffi::{CStr, CString},
    fmt::{self, Write as _},
    os::fd::{AsRawFd as _, BorrowedFd, OwnedFd, RawFd},
    ptr,
};

use libc::{c_char, c_int, c_long};
use nix::{
    errno::Errno,
    fcntl::{FcntlArg, OFlag, fcntl},
    sys::signal::{SigSet, SigmaskHow},
    unistd::pipe2,
};

use super::{
    command::Command,
    launch::{Credentials, Launch},
    stdin::Stdin,
};

/// The exit status of a child that could not be turned into the program.
const NOT_SPAWNED: c_int = 127;

/// A process that has just come to life, and our ends of its pipes.
#[derive(Debug)]
pub struct Spawned {
    /// Its pid, which is also its process group.
    pub pid: i32,
    /// Its stdin.
    pub stdin: Stdin,
    /// Its stdout.
    pub stdout: OwnedFd,
    /// Its stderr, unless that goes to stdout.
    pub stderr: Option<OwnedFd>,
}

/// Why a process could not be spawned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct SpawnError {
    /// What is reported as `spawnerr`.
    pub text: String,
    /// Nothing is wrong with the program: there were no descriptors left, here or in the whole system.
    pub no_descriptors: bool,
}

impl SpawnError {
    /// There are no descriptors left for the process of that name.
    pub fn too_many_open_files(name: &str) -> Self {
        Self { text: format!("too many open files to spawn '{name}'"), no_descriptors: true }
    }
}

impl From<String> for SpawnError {
    fn from(text: String) -> Self {
        Self { text, no_descriptors: false }
    }
}

struct Pipes {
    child_stdin: OwnedFd,
    stdin: OwnedFd,
    stdout: OwnedFd,
    child_stdout: OwnedFd,
    stderr: Option<(OwnedFd, OwnedFd)>,
}

impl Pipes {
    fn new(with_stderr: bool) -> Result<Self, Errno> {
        let (child_stdin, stdin) = pipe2(OFlag::O_CLOEXEC)?;
        let (stdout, child_stdout) = pipe2(OFlag::O_CLOEXEC)?;
        let stderr = with_stderr.then(|| pipe2(OFlag::O_CLOEXEC)).transpose()?;
        // Only our end: the flag belongs to the open file, and the child expects a stdin that waits.
        fcntl(&stdin, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        Ok(Self { child_stdin, stdin, stdout, child_stdout, stderr })
    }
}

/// Starts the process. Its stdin is `stdin` where that is given, and then what is sent to the pipe reaches nobody.
///
/// To be called on one thread only, the one that reaps.
pub fn spawn(launch: &Launch, command: &Command, stdin: Option<BorrowedFd<'_>>) -> Result<Spawned, SpawnError> {
    let name = &launch.name;
    let cannot_exec = |_| format!("can't parse command '{}': embedded null byte", command.argv.join(" "));
    let file = CString::new(command.file.as_str()).map_err(cannot_exec)?;
    let argv: Vec<CString> =
        command.argv.iter().map(|word| CString::new(word.as_str())).collect::<Result<_, _>>().map_err(cannot_exec)?;
    let pipes = Pipes::new(!launch.redirect_stderr).map_err(|errno| match errno {
        Errno::EMFILE => SpawnError::too_many_open_files(name),
        errno => SpawnError {
            text: format!("unknown error making dispatchers for '{name}': {errno:?}"),
            no_descriptors: errno == Errno::ENFILE,
        },
    })?;
    let argv = pointers(&argv);
    let environment = pointers(&launch.environment);
    let child = Child {
        file: &file,
        argv: &argv,
        environment: &environment,
        launch,
        stdin: stdin.map_or(pipes.child_stdin.as_raw_fd(), |stdin| stdin.as_raw_fd()),
        stdout: pipes.child_stdout.as_raw_fd(),
        stderr: pipes.stderr.as_ref().map_or(pipes.child_stdout.as_raw_fd(), |(_, fd)| fd.as_raw_fd()),
    };
    let pid = fork(&child).map_err(|errno| match errno {
        Errno::EAGAIN => format!("Too many processes in process table to spawn '{name}'"),
        errno => format!("unknown error during fork for '{name}': {errno:?}"),
    })?;
    let Pipes { stdin, stdout, stderr, .. } = pipes;
    Ok(Spawned { pid, stdin: Stdin::new(stdin), stdout, stderr: stderr.map(|(ours, _)| ours) })
}

fn pointers(strings: &[CString]) -> Vec<*const c_char> {
    strings.iter().map(|string| string.as_ptr()).chain([ptr::null()]).collect()
}

fn fork(child: &Child<'_>) -> Result<i32, Errno> {
    let before = SigSet::all().thread_swap_mask(SigmaskHow::SIG_SETMASK)?;
    // SAFETY: a fork, with a copy of this thread's stack and all else. The child calls only `Child::run`, which never
    // returns and makes only calls that are safe in a signal handler and have no use for libc's idea of this thread.
    let pid =
        unsafe { libc::syscall(libc::SYS_clone, c_long::from(libc::SIGCHLD), 0_usize, 0_usize, 0_usize, 0_usize) };
    if pid == 0 {
        child.run();
    }
    let result = Errno::result(pid).map(|pid| c_int::try_from(pid).expect("a pid is an int"));
    // It succeeded a moment ago with the same kind of argument.
    let _ = before.thread_set_mask();
    let pid = result?;
    // The child does the same. Whoever comes second does nothing; but a signal to the group may be sent at once.
    // SAFETY: plain system call.
    unsafe { libc::setpgid(pid, pid) };
    Ok(pid)
}

/// All that the child needs, allocated by its parent.
struct Child<'a> {
    file: &'a CStr,
    argv: &'a [*const c_char],
    environment: &'a [*const c_char],
    launch: &'a Launch,
    stdin: RawFd,
    stdout: RawFd,
    stderr: RawFd,
}

impl Child<'_> {
    /// The child's life until it becomes the program, or does not.
    fn run(&self) -> ! {
        // SAFETY: plain system calls on descriptors that are open, and none of them one of 0, 1, 2: Rust's runtime
        // opens those three at start. The handlers that are reset are those of this process alone.
        unsafe {
            libc::setpgid(0, 0);
            reset_signals();
            libc::dup2(self.stdin, 0);
            libc::dup2(self.stdout, 1);
            libc::dup2(self.stderr, 2);
        }
        close_from(3);
        let mut message = Message::default();
        self.become_program(&mut message);
        let _ = message.write_str("supervisor: child process was not spawned\n");
        // SAFETY: the buffer is valid for its length; `_exit` runs nothing of the parent's.
        unsafe {
            libc::write(2, message.bytes.as_ptr().cast(), message.len);
            libc::_exit(NOT_SPAWNED);
        }
    }

    /// Returns only if that failed, with the reason in `message`.
    fn become_program(&self, message: &mut Message) {
        if let Some(user) = &self.launch.user
            && let Err(why) = set_user(user)
        {
            // The kernel's refusal of the last step has no text of its own.
            if !why.is_empty() {
                let _ = writeln!(message, "supervisor: couldn't setuid to {}: {why}", user.uid);
            }
            return;
        }
        if let Some(directory) = &self.launch.directory {
            // SAFETY: a string that ends with NUL.
            if unsafe { libc::chdir(directory.as_ptr()) } != 0 {
                let errno = Errno::last();
                let _ = message.write_str("supervisor: couldn't chdir to ");
                message.push(directory.to_bytes());
                let _ = writeln!(message, ": {errno:?}");
                return;
            }
        }
        if let Some(umask) = self.launch.umask {
            // SAFETY: plain system call.
            unsafe { libc::umask(umask) };
        }
        // SAFETY: the arrays end with a null pointer, and what they point to outlives this call.
        unsafe { libc::execve(self.file.as_ptr(), self.argv.as_ptr(), self.environment.as_ptr()) };
        let errno = Errno::last();
        let _ = message.write_str("supervisor: couldn't exec ");
        // SAFETY: the first word of the command, which ends with NUL; a command has at least one word.
        message.push(unsafe { CStr::from_ptr(self.argv[0]) }.to_bytes());
        let _ = writeln!(message, ": {errno:?}");
    }
}

/// Every signal back to its default, and none blocked: the program must not inherit our habits. Rust ignores SIGPIPE.
///
/// # Safety
/// Only in a process that is about to exec.
unsafe fn reset_signals() {
    for signal in 1..=64 {
        // SAFETY: no handler is set. It fails for SIGKILL, SIGSTOP and those of libc, which is as well.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    let none = SigSet::empty();
    // SAFETY: `none` is a valid set.
    unsafe { libc::sigprocmask(libc::SIG_SETMASK, none.as_ref(), ptr::null_mut()) };
}

/// Closes what the program must not inherit: all of ours is closed by exec, but not what our own parent left us.
fn close_from(first: RawFd) {
    // SAFETY: nothing in this child uses those descriptors any more.
    unsafe {
        if libc::syscall(libc::SYS_close_range, c_long::from(first), c_long::from(u32::MAX), 0) == 0 {
            return;
        }
        // A kernel before 5.9.
        let mut limit = libc::rlimit { rlim_cur: 1024, rlim_max: 1024 };
        libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit);
        for fd in first..c_int::try_from(limit.rlim_cur.min(65_536)).unwrap_or(1024) {
            libc::close(fd);
        }
    }
}

/// Becomes that user. Raw system calls: libc's own would try to change all threads of a process that has only this one.
fn set_user(user: &Credentials) -> Result<(), &str> {
    // SAFETY: plain system calls; the list of groups is valid for its length.
    unsafe {
        let current = libc::getuid();
        let groups = match &user.groups {
            Err(why) if why.starts_with("Can't") => return Err(why),
            groups => groups,
        };
        if current == user.uid {
            return Ok(());
        }
        if current != 0 {
            return Err("Can't drop privilege as nonroot user");
        }
        let groups = groups.as_ref().map_err(String::as_str)?;
        if libc::syscall(libc::SYS_setgroups, groups.len(), groups.as_ptr()) != 0 {
            return Err("Could not set groups of effective user");
        }
        if libc::syscall(libc::SYS_setgid, user.gid) != 0 {
            return Err("Could not set group id of effective user");
        }
        if libc::syscall(libc::SYS_setuid, user.uid) != 0 {
            return Err("");
        }
    }
    Ok(())
}

/// A text on the stack; what does not fit is cut.
struct Message {
    bytes: [u8; 1024],
    len: usize,
}

impl Default for Message {
    fn default() -> Self {
        Self { bytes: [0; 1024], len: 0 }
    }
}

impl Message {
    fn push(&mut self, bytes: &[u8]) {
        let room = &mut self.bytes[self.len..];
        let count = bytes.len().min(room.len());
        room[..count].copy_from_slice(&bytes[..count]);
        self.len += count;
    }
}

impl fmt::Write for Message {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, path::Path};

    use super::*;
    use crate::process::fixtures;

    thread_local! {
        static HANDLED: Cell<u32> = const { Cell::new(0) };
    }

    extern "C" fn before_fork() {
        HANDLED.set(HANDLED.get() + 1);
    }

    #[test]
    fn what_others_do_at_a_fork_is_not_done() {
        // SAFETY: the handler only touches a variable of the thread that forks.
        unsafe { libc::pthread_atfork(Some(before_fork), None, None) };
        let launch = Launch::new(&fixtures::process("cat"), "cat", &fixtures::supervisord(Path::new("/tmp")), &[]);
        let child = spawn(&launch, &launch.command().unwrap(), None).unwrap();
        assert_eq!(HANDLED.get(), 0);
        let Spawned { pid, stdin, .. } = child;
        drop(stdin);
        let status = nix::sys::wait::waitpid(nix::unistd::Pid::from_raw(pid), None).unwrap();
        assert_eq!(status, nix::sys::wait::WaitStatus::Exited(nix::unistd::Pid::from_raw(pid), 0));
    }
}
