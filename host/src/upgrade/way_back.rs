//! Way back to the supervisord that has executed this one, for as long as this one has not begun its work.
//!
//! Whatever ends this process till then, a signal for a mistake, an exit, an error or the lapse of ten seconds, has the
//! other executed from the file that it left open, in this very process, with the state that it has handed over. No
//! memory is allocated and nothing of libc is called that may take a lock: all is prepared.

// Handlers of signals, exec and what both need.
#![allow(unsafe_code)]

use std::{
    env,
    ffi::{CString, OsString, c_char, c_int, c_uint},
    io,
    os::{
        fd::{AsFd as _, AsRawFd as _, OwnedFd, RawFd},
        unix::ffi::OsStringExt as _,
    },
    ptr,
    sync::atomic::{AtomicBool, AtomicPtr, Ordering::SeqCst},
    thread,
    time::{Duration, Instant},
};

use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};

use crate::linux::{descriptors, executable, in_memory};

/// Time that the new one has to begin its work, in seconds.
const TIMEOUT_SECONDS: c_uint = 10;

/// Time for which descriptors and memory that are lacking are waited for, and the time between two looks.
const LACK_TIMEOUT: Duration = Duration::from_secs(1);
const LACK_RETRY: Duration = Duration::from_millis(10);

/// Signals that mean that this process cannot go on.
const FATAL: [Signal; 6] =
    [Signal::SIGSEGV, Signal::SIGBUS, Signal::SIGILL, Signal::SIGFPE, Signal::SIGABRT, Signal::SIGALRM];

/// Longest reason that is kept.
const MAX_REASON: usize = 4096;

/// Everything that is needed to execute the other one.
struct Prepared {
    executable: OwnedFd,
    /// Working directory as it was at the start of this process.
    directory: OwnedFd,
    /// File in memory for the reason.
    reason: OwnedFd,
    /// File with the state.
    _state: OwnedFd,
    /// Descriptors that it gets.
    descriptors: Vec<RawFd>,
    _strings: [Vec<CString>; 2],
    arguments: Vec<*const c_char>,
    environment: Vec<*const c_char>,
}

/// Preparations, in a box. Whoever sets `IS_OPEN` to false may use it, and nobody else.
static PREPARED: AtomicPtr<Prepared> = AtomicPtr::new(ptr::null_mut());
static IS_OPEN: AtomicBool = AtomicBool::new(false);

/// The way back, open until this is [closed](Self::close). Dropping it is to take it.
#[derive(Debug)]
pub(super) struct WayBack {
    /// Handlers of signals as they were.
    handlers: Vec<(Signal, SigAction)>,
}

impl WayBack {
    /// Open the way back to that executable, which gets these descriptors, and besides all that are left open over an
    /// exec by now. `mark` makes of the number of a file with the reason the environment variable that tells it what has
    /// happened.
    pub(super) fn open(
        executable: OwnedFd,
        state: OwnedFd,
        mut descriptors: Vec<RawFd>,
        mark: impl FnOnce(RawFd) -> Vec<(OsString, OsString)>,
    ) -> io::Result<Self> {
        descriptors.extend(patiently(descriptors::left_open_by_exec)?);
        let reason = patiently(|| Ok(in_memory::create(c"supervisord-reason")?))?;
        let directory = patiently(|| Ok(executable::open_working_directory()?))?;
        let text = |text: OsString| CString::new(text.into_vec()).map_err(io::Error::other);
        let arguments = env::args_os().map(text).collect::<io::Result<Vec<_>>>()?;
        let environment = env::vars_os().chain(mark(reason.as_raw_fd()));
        let environment = environment
            .map(|(mut variable, value)| {
                variable.push("=");
                variable.push(value);
                text(variable)
            })
            .collect::<io::Result<Vec<_>>>()?;
        let pointers = |strings: &[CString]| -> Vec<*const c_char> {
            strings.iter().map(|string| string.as_ptr()).chain([ptr::null()]).collect()
        };
        descriptors.push(reason.as_raw_fd());
        let (argument_pointers, environment_pointers) = (pointers(&arguments), pointers(&environment));
        let prepared = Prepared {
            executable,
            directory,
            reason,
            _state: state,
            descriptors,
            _strings: [arguments, environment],
            arguments: argument_pointers,
            environment: environment_pointers,
        };
        let action =
            SigAction::new(SigHandler::Handler(on_signal), SaFlags::SA_ONSTACK | SaFlags::SA_NODEFER, SigSet::empty());
        let handlers = FATAL
            .iter()
            // SAFETY: the handler makes system calls alone.
            .map(|&signal| Ok((signal, unsafe { sigaction(signal, &action) }?)))
            .collect::<io::Result<Vec<_>>>()?;
        // Nothing may fail from here on: a way back that is open is taken at the end.
        PREPARED.store(Box::into_raw(Box::new(prepared)), SeqCst);
        IS_OPEN.store(true, SeqCst);
        // SAFETY: a function without arguments, that lives as long as the process.
        unsafe { libc::atexit(at_exit) };
        // SAFETY: plain system call.
        unsafe { libc::alarm(TIMEOUT_SECONDS) };
        Ok(Self { handlers })
    }

    /// Take it, and tell why. Returns where that cannot be.
    #[allow(clippy::unused_self, reason = "whoever has none cannot take it")]
    pub(super) fn take(&self, reason: &str) {
        execute(reason.as_bytes());
    }

    /// Close it: this process has begun its work.
    pub(super) fn close(mut self) {
        if IS_OPEN.swap(false, SeqCst) {
            // SAFETY: it was made of a box, and nobody else has found the way open.
            drop(unsafe { Box::from_raw(PREPARED.swap(ptr::null_mut(), SeqCst)) });
        }
        // SAFETY: plain system call.
        unsafe { libc::alarm(0) };
        for (signal, action) in self.handlers.drain(..) {
            // SAFETY: the handler was there before.
            let _ = unsafe { sigaction(signal, &action) };
        }
    }
}

impl Drop for WayBack {
    fn drop(&mut self) {
        // Closed, or taken in vain, it does nothing.
        execute(b"it ended before it had begun");
    }
}

extern "C" fn at_exit() {
    execute(b"it called exit before it had begun");
}

extern "C" fn on_signal(signal: c_int) {
    let reason: &[u8] = match signal {
        libc::SIGALRM => b"it had not begun after ten seconds",
        libc::SIGSEGV => b"it died of SIGSEGV",
        libc::SIGBUS => b"it died of SIGBUS",
        libc::SIGILL => b"it died of SIGILL",
        libc::SIGFPE => b"it died of SIGFPE",
        _ => b"it aborted",
    };
    execute(reason);
    if signal == libc::SIGALRM {
        return;
    }
    // SAFETY: system calls; the default action ends the process.
    unsafe {
        libc::signal(signal, libc::SIG_DFL);
        libc::raise(signal);
    }
}

/// Execute the other one, if the way is open. Returns where that cannot be.
fn execute(reason: &[u8]) {
    if !IS_OPEN.swap(false, SeqCst) {
        return;
    }
    // SAFETY: it was made of a box before the way was opened, and whoever found it open may use it.
    let Some(prepared) = (unsafe { PREPARED.load(SeqCst).as_ref() }) else { return };
    let reason = &reason[..reason.len().min(MAX_REASON)];
    // SAFETY: system calls with arguments that live as long as the process. A set of signals is plain data.
    unsafe {
        libc::alarm(0);
        libc::write(prepared.reason.as_raw_fd(), reason.as_ptr().cast(), reason.len());
        // What a plugin has opened in its constructor without saying so would be taken for what was left to supervisord.
        descriptors::mark_all_by_one_call();
        for &number in &prepared.descriptors {
            libc::fcntl(number, libc::F_SETFD, 0);
        }
        libc::fchdir(prepared.directory.as_raw_fd());
        // Those that supervisord catches wait for it; the one whose handler this may be is not to stay blocked.
        let mut held: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut held);
        for signal in [libc::SIGHUP, libc::SIGTERM, libc::SIGINT, libc::SIGQUIT, libc::SIGUSR2, libc::SIGCHLD] {
            libc::sigaddset(&raw mut held, signal);
        }
        libc::sigprocmask(libc::SIG_SETMASK, &raw const held, ptr::null_mut());
        executable::execute(prepared.executable.as_fd(), prepared.arguments.as_ptr(), prepared.environment.as_ptr());
        let failed = b"supervisord: could not go back to the one before\n";
        libc::write(2, failed.as_ptr().cast(), failed.len());
    }
}

/// Attempt what may fail for want of descriptors, which others may give back at any moment: for a second at most.
fn patiently<T>(mut attempt: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    let until = Instant::now() + LACK_TIMEOUT;
    loop {
        match attempt() {
            Err(error)
                if matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE | libc::ENOMEM))
                    && Instant::now() < until =>
            {
                thread::sleep(LACK_RETRY);
            }
            result => return result,
        }
    }
}
