//! Child, from clone to exec.
//!
//! The child may share memory with its parent, which goes on meanwhile: all threads of supervisord run, allocate and
//! hold locks. So the child makes raw system calls only. It calls no function of libc, for any may take a lock that
//! another thread holds (`sigaction` does since glibc 2.41), and even the simplest writes `errno`, which is that of the
//! thread that cloned; and it neither allocates nor panics. All that can be known or prepared is, by its parent.
//!
//! Errors go to its stderr, and so into its log.

use std::{
    ffi::{CStr, CString},
    fmt::{self, Write as _},
    os::fd::{AsRawFd as _, RawFd},
    ptr,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use libc::{c_int, c_long, c_ulong, c_void};
use nix::{errno::Errno, sys::resource::Resource, unistd::getuid};
use syscalls::{Sysno, syscall};

use super::child_limits;
use crate::{
    limits,
    process::{
        launch::{Launch, UserIds},
        ready_channel::ChildEnd,
    },
};

/// The exit status of a child that could not be turned into the program.
const NOT_SPAWNED: c_int = 127;

/// The size of a set of signals, and with it the number of signals, as the kernel knows them.
const SIGSET_SIZE: usize = 8;

/// Progress of a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum ChildStage {
    /// The child is out of the memory of its parent. The kernel writes this one, and wakes who waits.
    Gone = 0,
    /// The child shares our descriptors.
    Sharing = 1,
    /// The child has descriptors of its own.
    Apart = 2,
}

/// Memory that a child reads, made by its parent and kept for as long as the child may do so.
pub(super) struct ChildSetup {
    stage: AtomicU32,
    launch: Arc<Launch>,
    file: CString,
    argv: Vec<CString>,
    /// The addresses of what `argv` and the environment consist of, with a null at the end, as `execve` takes them.
    argv_addresses: Vec<usize>,
    environment_addresses: Vec<usize>,
    /// Descriptors that become its stdin, stdout and stderr; none of them is one of 0, 1, 2, which Rust's runtime
    /// opens.
    stdio: [RawFd; 3],
    shares_memory: bool,
    /// End of those that it copies, where it shares our descriptors.
    files_below: Option<RawFd>,
    /// File of the cgroup that it enters.
    cgroup: Option<CString>,
    /// Way by which it says that it is ready.
    ready: ChildEnd,
    /// Supervisord's user, as which it begins.
    uid: u32,
    /// Number of descriptors that may be open, for a kernel that cannot close all at once.
    open_files: c_int,
}

impl ChildSetup {
    pub(super) fn new(
        launch: Arc<Launch>,
        file: CString,
        argv: Vec<CString>,
        stdio: [RawFd; 3],
        shares_memory: bool,
        files_below: Option<RawFd>,
        cgroup: Option<CString>,
    ) -> Self {
        let (limit, _) = limits::get(Resource::RLIMIT_NOFILE).unwrap_or((1024, 1024));
        Self {
            stage: AtomicU32::new(if files_below.is_some() { ChildStage::Sharing } else { ChildStage::Apart } as u32),
            argv_addresses: addresses(argv.iter().map(CString::as_c_str)),
            environment_addresses: addresses(launch.environment.iter()),
            launch,
            file,
            argv,
            stdio,
            shares_memory,
            files_below,
            cgroup,
            ready: ChildEnd::default(),
            uid: getuid().as_raw(),
            open_files: limit.min(65_536).try_into().unwrap_or(1024),
        }
    }

    /// Give it its end of the way by which it says that it is ready.
    pub(super) fn with_ready(mut self, ready: ChildEnd) -> Self {
        if !ready.variables.is_empty() {
            let variables = self.launch.environment.iter().chain(ready.variables.iter().map(CString::as_c_str));
            self.environment_addresses = addresses(variables);
        }
        self.ready = ready;
        self
    }

    /// Flags of `clone` for what it is to share.
    pub(super) fn flags(&self) -> c_int {
        let memory = if self.shares_memory { libc::CLONE_VM } else { 0 };
        let files = if self.files_below.is_some() { libc::CLONE_FILES } else { 0 };
        memory | files
    }

    pub(super) fn changes_user(&self) -> bool {
        self.launch.user.as_ref().is_some_and(|user| user.uid != self.uid)
    }

    pub(super) fn stage(&self) -> ChildStage {
        match self.stage.load(Ordering::Acquire) {
            0 => ChildStage::Gone,
            1 => ChildStage::Sharing,
            _ => ChildStage::Apart,
        }
    }

    /// Wait, but only so long, for a child to have descriptors of its own; return how far it has come.
    pub(super) fn wait(&self, timeout: Duration) -> ChildStage {
        let begin = Instant::now();
        loop {
            let left = timeout.saturating_sub(begin.elapsed());
            let stage = self.stage();
            if stage != ChildStage::Sharing || left.is_zero() {
                return stage;
            }
            // Seconds and nanoseconds as this call takes them, whatever libc makes of its `timespec` on 32 bits.
            let timeout: [c_long; 2] = [0, left.subsec_nanos().cast_signed().into()];
            let (word, expected) = (self.stage.as_ptr(), ChildStage::Sharing as u32);
            // The kernel wakes without the flag for private ones. However it ends, we look again.
            // SAFETY: the word and the time live longer than the call.
            unsafe { libc::syscall(libc::SYS_futex, word, libc::FUTEX_WAIT, expected, &raw const timeout) };
        }
    }

    /// Note that the child was reaped: for one that was killed, the kernel may not have written it.
    pub(super) fn is_gone(&self) {
        self.stage.store(ChildStage::Gone as u32, Ordering::Release);
    }

    /// Run the child until it becomes the program, or does not.
    fn run(&self) -> ! {
        let mut message = ErrorText::default();
        let stderr = match self.come_apart() {
            Ok(()) => {
                match self.take_place() {
                    Ok(()) => self.become_program(&mut message),
                    Err(errno) => {
                        let number = self.ready.pipe.as_ref().map_or(0, |(_, number)| *number);
                        let _ = writeln!(message, "supervisor: couldn't get descriptor {number}: {errno:?}");
                    }
                }
                2
            }
            Err(errno) => {
                let _ = writeln!(message, "supervisor: couldn't get descriptors: {errno:?}");
                self.stdio[2]
            }
        };
        let _ = message.write_str("supervisor: child process was not spawned\n");
        // SAFETY: the buffer is valid for its length.
        let _ = unsafe { syscall!(Sysno::write, stderr, message.bytes.as_ptr(), message.len) };
        exit(NOT_SPAWNED)
    }

    /// Have the kernel tell the parent when the child leaves the memory, and take descriptors of its own.
    fn come_apart(&self) -> Result<(), Errno> {
        // SAFETY: the word lives for as long as the child may be in this memory, and the other arguments are numbers.
        unsafe {
            if self.shares_memory {
                let _ = syscall!(Sysno::set_tid_address, self.stage.as_ptr());
            }
            if let Some(first) = self.files_below {
                syscall!(Sysno::close_range, first, u32::MAX, libc::CLOSE_RANGE_UNSHARE).map_err(errno)?;
                self.stage.store(ChildStage::Apart as u32, Ordering::Release);
                let _ = syscall!(Sysno::futex, self.stage.as_ptr(), libc::FUTEX_WAKE, 1);
            }
        }
        Ok(())
    }

    /// Take its process group, its signals and its descriptors. An error is about that of `ready=fd:N`.
    fn take_place(&self) -> Result<(), Errno> {
        let ready = self.ready.pipe.as_ref().map(|(pipe, number)| (pipe.as_raw_fd(), *number));
        // SAFETY: plain system calls on descriptors that are open.
        unsafe {
            let _ = syscall!(Sysno::setpgid, 0, 0);
            reset_signals();
            for (target, fd) in self.stdio.iter().enumerate() {
                let _ = syscall!(Sysno::dup3, *fd, target, 0);
            }
            match ready {
                // It lies there already, and is to stay over the exec.
                Some((pipe, number)) if pipe == number => {
                    syscall!(Sysno::fcntl, number, libc::F_SETFD, 0).map_err(errno)?;
                }
                Some((pipe, number)) => {
                    syscall!(Sysno::dup3, pipe, number, 0).map_err(errno)?;
                }
                None => {}
            }
            // All of ours is closed by exec, but not what our own parent left us.
            let kept = ready.map_or(2, |(_, number)| number);
            let below = if kept > 3 { syscall!(Sysno::close_range, 3, kept - 1, 0) } else { Ok(0) };
            if below.and_then(|_| syscall!(Sysno::close_range, kept + 1, u32::MAX, 0)).is_err() {
                // A kernel before 5.9.
                for fd in (3..self.open_files).filter(|fd| *fd != kept) {
                    let _ = syscall!(Sysno::close, fd);
                }
            }
        }
        Ok(())
    }

    /// Become the program. Returns only if that failed, with the reason in `message`.
    fn become_program(&self, message: &mut ErrorText) {
        if let Some(cgroup) = &self.cgroup
            && let Err(error) = child_limits::write(cgroup, b"0")
        {
            let _ = writeln!(message, "supervisor: couldn't enter its cgroup: {:?}", errno(error));
            return;
        }
        if let Err((what, errno)) = child_limits::set(&self.launch) {
            let _ = writeln!(message, "supervisor: couldn't set {what}: {errno:?}");
            return;
        }
        if let Some(user) = &self.launch.user
            && let Err(why) = self.set_user(user)
        {
            // The kernel's refusal of the last step has no text of its own.
            if !why.is_empty() {
                let _ = writeln!(message, "supervisor: couldn't setuid to {}: {why}", user.uid);
            }
            return;
        }
        if let Some(directory) = &self.launch.directory
            // SAFETY: a string that ends with NUL.
            && let Err(error) = unsafe { syscall!(Sysno::chdir, directory.as_ptr()) }
        {
            let _ = message.write_str("supervisor: couldn't chdir to ");
            message.push(directory.to_bytes());
            let _ = writeln!(message, ": {:?}", errno(error));
            return;
        }
        if let Some(umask) = self.launch.umask {
            // SAFETY: plain system call.
            let _ = unsafe { syscall!(Sysno::umask, umask) };
        }
        let (argv, environment) = (self.argv_addresses.as_ptr(), self.environment_addresses.as_ptr());
        // SAFETY: the arrays end with a null pointer, and what they point to outlives this call.
        let failed = unsafe { syscall!(Sysno::execve, self.file.as_ptr(), argv, environment) };
        let _ = message.write_str("supervisor: couldn't exec ");
        message.push(self.argv.first().map_or(b"", |word| CStr::to_bytes(word)));
        if let Err(error) = failed {
            let _ = writeln!(message, ": {:?}", errno(error));
        }
    }

    /// Become that user: this task alone, whatever else runs in this memory.
    fn set_user<'a>(&self, user: &'a UserIds) -> Result<(), &'a str> {
        let groups = match &user.groups {
            Err(why) if why.starts_with("Can't") => return Err(why),
            groups => groups,
        };
        if self.uid == user.uid {
            return Ok(());
        }
        if self.uid != 0 {
            return Err("Can't drop privilege as nonroot user");
        }
        let groups = groups.as_ref().map_err(String::as_str)?;
        // SAFETY: plain system calls; the list of groups is valid for its length.
        unsafe {
            if syscall!(call::SETGROUPS, groups.len(), groups.as_ptr()).is_err() {
                return Err("Could not set groups of effective user");
            }
            if syscall!(call::SETGID, user.gid).is_err() {
                return Err("Could not set group id of effective user");
            }
            if syscall!(call::SETUID, user.uid).is_err() {
                return Err("");
            }
        }
        Ok(())
    }
}

/// System calls that take ids of 32 bits, also where those of the plain names take 16.
mod call {
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

fn addresses<'a>(strings: impl Iterator<Item = &'a CStr>) -> Vec<usize> {
    strings.map(|string| string.as_ptr() as usize).chain([0]).collect()
}

fn errno(error: syscalls::Errno) -> Errno {
    Errno::from_raw(error.into_raw())
}

/// Entry point of a child.
pub(super) extern "C" fn begin(setup: *mut c_void) -> c_int {
    // SAFETY: `clone` in the parent passes a `ChildSetup`, which nobody writes but through its atomic.
    let setup: &ChildSetup = unsafe { &*setup.cast_const().cast() };
    setup.run()
}

/// End this process, without anything that its parent would do at its own end.
pub(super) fn exit(status: c_int) -> ! {
    loop {
        // SAFETY: it does not return.
        let _ = unsafe { syscall!(Sysno::exit_group, status) };
    }
}

/// Action of a signal as the kernel takes it, on the architectures that have a restorer and on those that have none.
#[repr(C)]
struct KernelSigaction {
    handler: usize,
    flags: c_ulong,
    #[cfg(not(any(target_arch = "riscv64", target_arch = "riscv32", target_arch = "loongarch64")))]
    restorer: usize,
    mask: u64,
}

#[cfg(not(any(target_arch = "riscv64", target_arch = "riscv32", target_arch = "loongarch64")))]
const SA_RESTORER: c_ulong = 0x0400_0000;

impl KernelSigaction {
    const DEFAULT: Self = Self {
        handler: libc::SIG_DFL,
        flags: 0,
        #[cfg(not(any(target_arch = "riscv64", target_arch = "riscv32", target_arch = "loongarch64")))]
        restorer: 0,
        mask: 0,
    };

    /// Action that ends the process, and never returns, so that any address will do for what restores what was before.
    fn die() -> Self {
        Self {
            handler: die as *const () as usize,
            #[cfg(not(any(target_arch = "riscv64", target_arch = "riscv32", target_arch = "loongarch64")))]
            flags: SA_RESTORER,
            #[cfg(not(any(target_arch = "riscv64", target_arch = "riscv32", target_arch = "loongarch64")))]
            restorer: die as *const () as usize,
            ..Self::DEFAULT
        }
    }
}

/// The signals whose default is to dump core.
const CORE_DUMPING: [c_int; 10] = [
    libc::SIGQUIT,
    libc::SIGILL,
    libc::SIGTRAP,
    libc::SIGABRT,
    libc::SIGBUS,
    libc::SIGFPE,
    libc::SIGSEGV,
    libc::SIGXCPU,
    libc::SIGXFSZ,
    libc::SIGSYS,
];

/// Take back what we do with signals, and block none: the program must not inherit our habits. Exec does so itself
/// with those that are caught, but from here on none may run a handler of ours. Rust ignores SIGPIPE.
///
/// Those that would dump core only kill, until exec makes them what they are: before Linux 5.16 a core dump ends all
/// who share the memory.
///
/// # Safety
/// Only in a process that is about to exec.
unsafe fn reset_signals() {
    let (default, die) = (KernelSigaction::DEFAULT, KernelSigaction::die());
    // SAFETY: the actions and the set have the kernel's layout. It fails for SIGKILL and SIGSTOP, as it should.
    unsafe {
        for signal in 1..=c_int::try_from(8 * SIGSET_SIZE).unwrap_or(64) {
            let action = if CORE_DUMPING.contains(&signal) { &raw const die } else { &raw const default };
            let _ = syscall!(Sysno::rt_sigaction, signal, action, 0, SIGSET_SIZE);
        }
        let none = 0_u64;
        let _ = syscall!(Sysno::rt_sigprocmask, libc::SIG_SETMASK, &raw const none, ptr::null::<u64>(), SIGSET_SIZE);
    }
}

extern "C" fn die(_signal: c_int) {
    // SAFETY: a plain system call, to ourselves.
    let _ = unsafe { syscall!(Sysno::getpid).and_then(|pid| syscall!(Sysno::kill, pid, libc::SIGKILL)) };
}

/// Text on the stack; what does not fit is cut.
struct ErrorText {
    bytes: [u8; 1024],
    len: usize,
}

impl Default for ErrorText {
    fn default() -> Self {
        Self { bytes: [0; 1024], len: 0 }
    }
}

impl ErrorText {
    fn push(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if let Some(place) = self.bytes.get_mut(self.len) {
                *place = *byte;
                self.len += 1;
            }
        }
    }
}

impl fmt::Write for ErrorText {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text.as_bytes());
        Ok(())
    }
}
