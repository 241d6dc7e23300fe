//! Spawning of children that are cheap to make, however much supervisord holds.
//!
//! A plain fork copies the page tables and the table of descriptors, and both grow with what others do: with what a
//! client stored in a plugin, and with every program that runs. So the child shares supervisord's memory until it execs
//! (`child`), on a stack of its own, and copies of the descriptors only a handful that lie at the bottom of the table
//! (`slots`). Where the system does not allow it, it is made as by a plain fork (`Sharing`).
//!
//! The parent does not wait for the exec, which may hang with the file system that the program lies on: what the child
//! reads is kept until the kernel says that it has left the memory. It waits, for no longer than 20 ms, for the child's
//! first two system calls, after which the child has descriptors of its own.
//!
//! The system call is made past libc's `fork`, which first runs what others have registered with `pthread_atfork`: the
//! libraries of plugins, say, which may wait there for locks of their own. This thread waits for nobody.
//!
//! All signals are blocked over the clone. Our handlers write into a pipe that the child still shares with us: a signal
//! meant for the child would otherwise be taken for one to the supervisor.
//!
//! The modules are floors; each imports only from those above it in this list.

// `clone` is unsafe by nature, and so is what the child does with descriptors.
#![allow(unsafe_code)]

mod child_limits;
mod slots;

mod child;

use std::{
    ffi::CString,
    fmt,
    os::fd::{AsRawFd as _, BorrowedFd, OwnedFd},
    sync::Arc,
    time::{Duration, Instant},
};

use libc::c_int;
use nix::{
    errno::Errno,
    fcntl::{FcntlArg, OFlag, fcntl},
    sys::signal::{SigSet, SigmaskHow},
    unistd::{getuid, pipe2},
};

use self::{
    child::{ChildSetup, ChildStage},
    slots::StdioSlots,
};
use super::{command::Command, launch::Launch, ready_channel::ChildEnd, stdin::Stdin};
use crate::linux::{raw_calls, sharing::Sharing, stack::Stack, this_process};

/// Time for which the main thread waits for a child to take its descriptors: two system calls that wait for nothing but
/// a processor. Who takes longer is stopped or frozen.
const TIMEOUT: Duration = Duration::from_millis(20);

/// Time until the second look at a child that was not ready; the next ones come less and less often.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// Number of stacks that are kept for the next children: to map one costs little, and memory more.
const MAX_SPARE_STACKS: usize = 4;

/// Process that has just come to life, and our ends of its pipes.
#[derive(Debug)]
pub struct Spawned {
    /// Pid, which is also the process group.
    pub pid: i32,
    /// Writing end of its stdin.
    pub stdin: Stdin,
    /// Reading end of its stdout.
    pub stdout: OwnedFd,
    /// Reading end of its stderr, unless that goes to stdout.
    pub stderr: Option<OwnedFd>,
}

/// Reason why a process could not be spawned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct SpawnError {
    /// Text that is reported as `spawnerr`.
    pub text: String,
    /// Resource that was lacking, where nothing is wrong with the program.
    pub lack: Option<Lack>,
}

/// Resource of supervisord, or of the whole system, of which nothing is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lack {
    /// Descriptors.
    Descriptors,
    /// Processes or memory.
    Processes,
}

impl Lack {
    /// Find out what an error of a system call that makes pipes or a process says is lacking.
    fn of(errno: Errno) -> Option<Self> {
        match errno {
            Errno::EMFILE | Errno::ENFILE => Some(Self::Descriptors),
            Errno::EAGAIN | Errno::ENOMEM => Some(Self::Processes),
            _ => None,
        }
    }
}

impl SpawnError {
    /// Make the error of there being no descriptors left for the process of that name.
    pub fn too_many_open_files(name: &str) -> Self {
        Self { text: format!("too many open files to spawn '{name}'"), lack: Some(Lack::Descriptors) }
    }

    /// Make the error of there being no way for the process of that name to say that it is ready.
    pub fn no_ready_channel(name: &str, errno: Errno) -> Self {
        if errno == Errno::EMFILE {
            return Self::too_many_open_files(name);
        }
        let text = format!("could not make the way by which '{name}' says that it is ready: {errno}");
        Self { text, lack: Lack::of(errno) }
    }
}

impl From<String> for SpawnError {
    fn from(text: String) -> Self {
        Self { text, lack: None }
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

/// Child that may still read what lies in our memory.
struct StartingChild {
    pid: i32,
    since: Instant,
    setup: Box<ChildSetup>,
    stack: Stack,
    /// Set while it has the slots: it shares our descriptors until it has its own.
    has_slots: bool,
}

/// Maker of processes; belongs to the thread that reaps them.
pub struct Spawner {
    sharing: Sharing,
    /// `None` where a child gets a copy of all descriptors.
    slots: Option<StdioSlots>,
    starting: Vec<StartingChild>,
    /// Stacks of children that need them no more.
    stacks: Vec<Stack>,
    /// Set where our memory may be read by others of our user, as it may be where nothing was done about it.
    was_dumpable: bool,
    /// Set once the kernel has put an end to that, since a child that shared it changed its user.
    is_undumpable: bool,
}

impl fmt::Debug for Spawner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spawner").field("sharing", &self.sharing).finish_non_exhaustive()
    }
}

impl Spawner {
    /// Find out how much a child may share, and takes three descriptors: the lowest that are free.
    pub fn new() -> Self {
        let mut sharing = Sharing::find();
        let slots = if sharing.files { StdioSlots::new().ok() } else { None };
        sharing.files = slots.is_some();
        let was_dumpable = this_process::is_dumpable();
        Self { sharing, slots, starting: Vec::new(), stacks: Vec::new(), was_dumpable, is_undumpable: false }
    }

    /// Start a process. Its stdin is `stdin` where that is given, and then what is sent to the pipe reaches nobody. It
    /// enters the cgroup whose file `cgroup` is, and has `ready` to say that it is ready.
    ///
    /// [`settle`](Self::settle) is to be called soon: until then we may hold the child's ends of its pipes as well, and
    /// who reads ours does not see it end.
    pub fn spawn(
        &mut self,
        launch: &Arc<Launch>,
        command: &Command,
        stdin: Option<BorrowedFd<'_>>,
        cgroup: Option<CString>,
        ready: ChildEnd,
    ) -> Result<Spawned, SpawnError> {
        let name = &launch.name;
        let cannot_exec = |_| format!("can't parse command '{}': embedded null byte", command.argv.join(" "));
        let file = CString::new(command.file.as_str()).map_err(cannot_exec)?;
        let argv: Vec<CString> = command
            .argv
            .iter()
            .map(|word| CString::new(word.as_str()))
            .collect::<Result<_, _>>()
            .map_err(cannot_exec)?;
        child_limits::check(launch)?;
        let pipes = Pipes::new(!launch.redirect_stderr).map_err(|errno| match errno {
            Errno::EMFILE => SpawnError::too_many_open_files(name),
            errno => SpawnError {
                text: format!("unknown error making dispatchers for '{name}': {errno:?}"),
                lack: Lack::of(errno),
            },
        })?;
        let cannot_fork = |errno| SpawnError {
            text: match errno {
                Errno::EAGAIN => format!("Too many processes in process table to spawn '{name}'"),
                errno => format!("unknown error during fork for '{name}': {errno:?}"),
            },
            lack: Lack::of(errno),
        };

        let changes_user = launch.user.as_ref().is_some_and(|user| user.uid != getuid().as_raw());
        // What is written to `oom_score_adj` holds for all who share the memory of who writes it.
        let may_share = launch.oom_score_adj.is_none();
        let shares_memory =
            may_share && if changes_user { self.sharing.memory_across_users } else { self.sharing.memory };
        let ends = [
            stdin.map_or(pipes.child_stdin.as_raw_fd(), |stdin| stdin.as_raw_fd()),
            pipes.child_stdout.as_raw_fd(),
            pipes.stderr.as_ref().map_or(pipes.child_stdout.as_raw_fd(), |(_, fd)| fd.as_raw_fd()),
        ];
        self.settle();
        let stack = self.stacks.pop().map_or_else(Stack::new, Ok).map_err(cannot_fork)?;
        // There is no slot for a further descriptor.
        let may_share_files = shares_memory && ready.pipe.is_none();
        let slots = self.slots.as_mut().filter(|slots| may_share_files && slots.are_free());
        let (ends, files_below) = match slots {
            Some(slots) => (slots.lend(ends).map_err(cannot_fork)?, Some(slots.end())),
            None => (ends, None),
        };
        let setup = ChildSetup::new(Arc::clone(launch), file, argv, ends, shares_memory, files_below, cgroup);
        let setup = Box::new(setup.with_ready(ready));
        let cloned = clone(&setup, &stack);
        if cloned.is_err()
            && let Some(slots) = &mut self.slots
        {
            slots.take_back();
        }
        let pid = cloned.map_err(cannot_fork)?;
        if shares_memory {
            self.is_undumpable |= changes_user;
            let has_slots = files_below.is_some();
            self.starting.push(StartingChild { pid, since: Instant::now(), setup, stack, has_slots });
        } else {
            self.stacks.push(stack);
        }
        let Pipes { stdin, stdout, stderr, .. } = pipes;
        Ok(Spawned { pid, stdin: Stdin::new(stdin), stdout, stderr: stderr.map(|(ours, _)| ours) })
    }

    /// Take back what children do not need any more. Waits for the last one to have descriptors of its own, but not
    /// for long.
    pub fn settle(&mut self) {
        if let Some(last) = self.starting.iter().find(|child| child.has_slots)
            && let Some(slots) = &mut self.slots
            && last.setup.wait(TIMEOUT.saturating_sub(last.since.elapsed())) != ChildStage::Sharing
        {
            slots.take_back();
            self.starting.iter_mut().for_each(|child| child.has_slots = false);
        }
        let left = self.starting.extract_if(.., |child| child.setup.stage() == ChildStage::Gone);
        self.stacks.extend(left.map(|child| child.stack));
        self.stacks.truncate(MAX_SPARE_STACKS);
        if self.is_undumpable && !self.starting.iter().any(|child| child.setup.changes_user()) {
            // What may not be read is closed to the programs of a container as well: `/proc/1/fd/1` is their way to its
            // log. Now nobody of another user shares it any more.
            self.is_undumpable = this_process::set_dumpable(self.was_dumpable).is_err();
        }
    }

    /// Return whether a child shares our descriptors, as far as is known.
    pub fn lends_slots(&self) -> bool {
        self.starting.iter().any(|child| child.has_slots)
    }

    /// Note that a process is gone, and certainly has no use for our memory.
    pub fn reaped(&mut self, pid: i32) {
        for child in self.starting.iter().filter(|child| child.pid == pid) {
            child.setup.is_gone();
        }
    }

    /// Time until [`settle`](Self::settle) should be called again; `None` where nothing waits for that.
    pub fn next_settle(&self) -> Option<Duration> {
        let is_awaited = |child: &&StartingChild| child.has_slots || self.is_undumpable && child.setup.changes_user();
        let age = self.starting.iter().filter(is_awaited).map(|child| child.since.elapsed()).min()?;
        Some(LOOK_AGAIN.max(age / 4))
    }
}

impl Default for Spawner {
    fn default() -> Self {
        Self::new()
    }
}

/// Make the child. `setup` and `stack` must stay where they are until it has left our memory.
fn clone(setup: &ChildSetup, stack: &Stack) -> Result<i32, Errno> {
    let before = SigSet::all().thread_swap_mask(SigmaskHow::SIG_SETMASK)?;
    let argument = std::ptr::from_ref(setup).cast_mut().cast();
    // SAFETY: the child runs on a stack of its own and only `child::begin`, which never returns, makes raw system calls
    // alone, and reads nothing but `setup`. Who calls keeps both until the child has left.
    let result = unsafe { raw_calls::clone(child::begin, stack.top(), setup.shared(), argument) };
    // It succeeded a moment ago with the same kind of argument.
    let _ = before.thread_set_mask();
    let pid: c_int = result?;
    // The child does the same. Whoever comes second does nothing; but a signal to the group may be sent at once.
    // SAFETY: plain system call.
    unsafe { libc::setpgid(pid, pid) };
    Ok(pid)
}

#[cfg(test)]
mod tests;
