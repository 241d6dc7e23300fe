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
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use libc::{c_int, c_void};
use nix::{errno::Errno, sys::resource::Resource, unistd::getuid};

use super::child_limits;
use crate::{
    limits,
    linux::{
        child_signals,
        raw_calls::{self, Shared},
    },
    process::{
        launch::{Launch, UserIds},
        ready_channel::ChildEnd,
    },
};

/// The exit status of a child that could not be turned into the program.
const NOT_SPAWNED: c_int = 127;

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

    /// Parts of supervisord that it is to share.
    pub(super) fn shared(&self) -> Shared {
        Shared { memory: self.shares_memory, files: self.files_below.is_some() }
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
            // However it ends, we look again.
            raw_calls::futex_wait(&self.stage, ChildStage::Sharing as u32, left);
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
        let _ = raw_calls::write(stderr, &message.bytes[..message.len]);
        raw_calls::exit(NOT_SPAWNED)
    }

    /// Have the kernel tell the parent when the child leaves the memory, and take descriptors of its own.
    fn come_apart(&self) -> Result<(), Errno> {
        if self.shares_memory {
            // SAFETY: the word lives for as long as the child may be in this memory.
            unsafe { raw_calls::set_tid_address(&self.stage) };
        }
        if let Some(first) = self.files_below {
            raw_calls::unshare_files_from(first)?;
            self.stage.store(ChildStage::Apart as u32, Ordering::Release);
            raw_calls::futex_wake(&self.stage);
        }
        Ok(())
    }

    /// Take its process group, its signals and its descriptors. An error is about that of `ready=fd:N`.
    fn take_place(&self) -> Result<(), Errno> {
        let ready = self.ready.pipe.as_ref().map(|(pipe, number)| (pipe.as_raw_fd(), *number));
        raw_calls::lead_process_group();
        // SAFETY: the child is about to exec, and all descriptors that are closed here are its own and used by nobody.
        unsafe {
            child_signals::reset_signals();
            for (target, fd) in (0..).zip(self.stdio) {
                let _ = raw_calls::dup(fd, target);
            }
            match ready {
                // It lies there already, and is to stay over the exec.
                Some((pipe, number)) if pipe == number => {
                    raw_calls::keep_on_exec(number)?;
                }
                Some((pipe, number)) => {
                    raw_calls::dup(pipe, number)?;
                }
                None => {}
            }
            // All of ours is closed by exec, but not what our own parent left us.
            let kept = ready.map_or(2, |(_, number)| number);
            let below = if kept > 3 { raw_calls::close_range(3, (kept - 1).cast_unsigned()) } else { Ok(()) };
            if below.and_then(|()| raw_calls::close_range(kept + 1, u32::MAX)).is_err() {
                // A kernel before 5.9.
                for fd in (3..self.open_files).filter(|fd| *fd != kept) {
                    raw_calls::close(fd);
                }
            }
        }
        Ok(())
    }

    /// Become the program. Returns only if that failed, with the reason in `message`.
    fn become_program(&self, message: &mut ErrorText) {
        if let Some(cgroup) = &self.cgroup
            && let Err(errno) = raw_calls::write_file(cgroup, b"0")
        {
            let _ = writeln!(message, "supervisor: couldn't enter its cgroup: {errno:?}");
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
            && let Err(errno) = raw_calls::chdir(directory)
        {
            let _ = message.write_str("supervisor: couldn't chdir to ");
            message.push(directory.to_bytes());
            let _ = writeln!(message, ": {errno:?}");
            return;
        }
        if let Some(umask) = self.launch.umask {
            raw_calls::umask(umask);
        }
        let (argv, environment) = (self.argv_addresses.as_ptr(), self.environment_addresses.as_ptr());
        // SAFETY: the arrays end with a null pointer, and what they point to outlives this call.
        let failed = unsafe { raw_calls::execve(&self.file, argv, environment) };
        let _ = message.write_str("supervisor: couldn't exec ");
        message.push(self.argv.first().map_or(b"", |word| CStr::to_bytes(word)));
        if let Some(errno) = failed {
            let _ = writeln!(message, ": {errno:?}");
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
        raw_calls::setgroups(groups).map_err(|_| "Could not set groups of effective user")?;
        raw_calls::setgid(user.gid).map_err(|_| "Could not set group id of effective user")?;
        raw_calls::setuid(user.uid).map_err(|_| "")
    }
}

fn addresses<'a>(strings: impl Iterator<Item = &'a CStr>) -> Vec<usize> {
    strings.map(|string| string.as_ptr() as usize).chain([0]).collect()
}

/// Entry point of a child.
pub(super) extern "C" fn begin(setup: *mut c_void) -> c_int {
    // SAFETY: `clone` in the parent passes a `ChildSetup`, which nobody writes but through its atomic.
    let setup: &ChildSetup = unsafe { &*setup.cast_const().cast() };
    setup.run()
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
