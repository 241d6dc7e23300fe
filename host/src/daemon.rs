//! Becoming a daemon, another user, or oneself anew: what a process does to itself.
//!
//! Supervisor forks when all is ready. Threads do not survive that, and a plugin may have made some in its constructor.
//! So here the fork comes first, and the parent stays until the child is ready: what fails until then is still said on
//! the terminal, and is still the exit status.
//!
//! Python, and with it Supervisor and its programs, gives itself UTF-8 where the environment names no locale (PEP 538).
//! A container's usually names none, and in the C locale programs read and write ASCII; so we do the same.

// fork, exec and signals, and the environment of a process that has no other thread yet.
#![allow(unsafe_code)]

use std::{
    env,
    ffi::{CStr, CString, OsStr, OsString},
    fs, io,
    io::Write as _,
    os::{
        fd::{FromRawFd as _, OwnedFd, RawFd},
        unix::{
            ffi::{OsStrExt as _, OsStringExt as _},
            fs::MetadataExt as _,
            process::CommandExt as _,
            thread::JoinHandleExt as _,
        },
    },
    path::{Path, PathBuf},
    process,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
};

use nix::{
    errno::Errno,
    fcntl::{FcntlArg, FdFlag, fcntl},
    sys::{
        resource::Resource,
        signal::{SigHandler, SigSet, SigmaskHow, Signal, kill},
        stat::{Mode, umask},
        wait::{WaitStatus, waitpid},
    },
    unistd::{self, ForkResult, Gid, Pid, Uid},
};

use crate::{
    config::{Level, Message, Supervisord, User},
    limits,
    linux::{descriptors, executable},
    logger::{self, Logger},
    text::repr::repr,
};

/// Environment variable that holds our pid where we have been executed anew by ourselves. A pid, so that it means
/// nothing to a program that happens to inherit it.
const RESTARTED: &str = "SUPERVISORD_RESTARTED";

/// Locales that are as C is, but for their characters; the first that the system has is taken.
const C_WITH_UTF_8: [&CStr; 3] = [c"C.UTF-8", c"C.utf8", c"UTF-8"];

/// Set `LC_CTYPE` to a locale with UTF-8 where that of the environment is C or POSIX, or is not installed. `LC_ALL`
/// and `PYTHONCOERCECLOCALE=0` forbid it, as they do to Python.
///
/// To be called first of all, before any other thread exists.
pub fn coerce_c_locale() {
    let forbids = |name: &str, value: &OsStr| match name {
        "LC_ALL" => !value.is_empty(),
        _ => value == "0",
    };
    if ["LC_ALL", "PYTHONCOERCECLOCALE"].iter().any(|it| env::var_os(it).is_some_and(|value| forbids(it, &value))) {
        return;
    }
    // Only the environment changes: nothing that this process does itself depends on a locale.
    if set_locale(c"").is_none_or(|name| name == c"C")
        && let Some(locale) = C_WITH_UTF_8.into_iter().find(|locale| set_locale(locale).is_some())
    {
        // SAFETY: no other thread exists, as the caller promises, that could be reading the environment.
        unsafe { env::set_var("LC_CTYPE", OsStr::from_bytes(locale.to_bytes())) };
    }
    set_locale(c"C");
}

/// Have libc use a locale for characters; an empty name is that of the environment. Returns libc's name of it, if there
/// is such a locale.
fn set_locale(name: &CStr) -> Option<CString> {
    // SAFETY: the name ends with NUL, and so does what is returned, which is copied before anybody changes it again:
    // no other thread exists.
    unsafe {
        let set = libc::setlocale(libc::LC_CTYPE, name.as_ptr());
        (!set.is_null()).then(|| CStr::from_ptr(set).to_owned())
    }
}

/// Start of this process, to be started the same way again.
#[derive(Debug)]
pub struct Restart {
    executable: PathBuf,
    /// Arguments of the command line, the first of which is the name of the program.
    arguments: Vec<OsString>,
    /// Working directory, which relative paths in the arguments start from.
    directory: PathBuf,
    /// True where we have executed ourselves anew.
    restarted: bool,
}

impl Restart {
    /// Note how this process was started.
    ///
    /// To be called first of all, before any other thread exists.
    pub fn of_this_process() -> io::Result<Self> {
        let restarted = take_variable(RESTARTED).is_some_and(|value| value == process::id().to_string());
        let (arguments, directory): (Vec<_>, _) = (env::args_os().collect(), env::current_dir()?);
        let named = arguments.first().and_then(|name| named_executable(name, &directory));
        let executable = named.map_or_else(env::current_exe, Ok)?;
        Ok(Self { executable, arguments, directory, restarted })
    }

    /// Return the start of a process that has been executed from a file that lay under that path.
    #[must_use]
    pub fn at(self, executable: PathBuf) -> Self {
        Self { executable, ..self }
    }

    /// Path of the executable.
    pub fn executable(&self) -> &Path {
        &self.executable
    }

    /// Command that starts it in the same way, with `first` before its other arguments.
    pub fn command(&self, first: &str) -> process::Command {
        let mut command = process::Command::new(&self.executable);
        if let Some((name, rest)) = self.arguments.split_first() {
            command.arg0(name).arg(first).args(rest);
        }
        command.current_dir(&self.directory);
        command
    }

    /// Tell whether we have executed ourselves anew.
    pub fn restarted(&self) -> bool {
        self.restarted
    }

    /// Execute the binary that stands where ours stood, under this pid. Returns only with an error.
    ///
    /// Signals that come before the new one listens are kept for it if they are [held](crate::process::signals::hold).
    pub fn execute(&self) -> io::Error {
        self.execute_with(vec![restart_mark()], &[])
    }

    /// Execute it with that variable more in its environment, and with these descriptors besides those that were left
    /// to us. Returns only with an error; then all is as it was.
    pub fn execute_as_successor(&self, mark: (OsString, OsString), descriptors: &[RawFd]) -> io::Error {
        let directory = env::current_dir();
        let error = self.execute_with(vec![restart_mark(), mark], descriptors);
        for number in descriptors {
            // SAFETY: a system call that changes a flag of a file.
            unsafe { libc::fcntl(*number, libc::F_SETFD, libc::FD_CLOEXEC) };
        }
        if let Ok(directory) = directory {
            let _ = env::set_current_dir(directory);
        }
        error
    }

    fn execute_with(&self, marks: Vec<(OsString, OsString)>, descriptors: &[RawFd]) -> io::Error {
        // Relative paths on the command line mean what they meant.
        if let Err(error) = env::set_current_dir(&self.directory) {
            return error;
        }
        let text = |text: OsString| CString::new(text.into_vec()).expect("it was a C string before");
        let arguments: Vec<_> = self.arguments.iter().cloned().map(text).collect();
        let environment: Vec<_> = env::vars_os()
            .chain(marks)
            .map(|(mut variable, value)| {
                variable.push("=");
                variable.push(value);
                text(variable)
            })
            .collect();
        close_others_on_exec();
        for number in descriptors {
            // SAFETY: a system call that changes a flag, of a file that stays open.
            if unsafe { libc::fcntl(*number, libc::F_SETFD, 0) } < 0 {
                return io::Error::last_os_error();
            }
        }
        match unistd::execve(&text(self.executable.clone().into_os_string()), &arguments, &environment) {
            Ok(never) => match never {},
            Err(errno) => errno.into(),
        }
    }
}

/// Find the executable of this process under the name that it was started by, if that is where it lies. Whoever installs
/// another one may do so by changing a link that the name goes by.
fn named_executable(name: &OsStr, directory: &Path) -> Option<PathBuf> {
    let own = executable::own_metadata().ok()?;
    let is_own =
        |path: &PathBuf| fs::metadata(path).is_ok_and(|found| (found.dev(), found.ino()) == (own.dev(), own.ino()));
    if name.as_bytes().contains(&b'/') {
        return Some(directory.join(name)).filter(is_own);
    }
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|place| directory.join(place).join(name)).find(is_own)
}

/// Take a variable out of the environment, and return it.
///
/// To be called first of all, before any other thread exists.
pub(crate) fn take_variable(name: &str) -> Option<String> {
    let value = env::var(name).ok();
    if env::var_os(name).is_some() {
        // SAFETY: no other thread exists, as the caller promises, that could be reading the environment.
        unsafe { env::remove_var(name) };
    }
    value
}

/// Return the variable by which a supervisord that is executed in this process knows that.
pub(crate) fn restart_mark() -> (OsString, OsString) {
    (RESTARTED.into(), process::id().to_string().into())
}

/// Keep what whoever started this process has left open for it beyond the standard three, `3>>file`, for logs that are
/// named as its descriptors.
///
/// To be called first of all, before anything else is opened that exec would not close.
pub fn keep_inherited_files() {
    let left = descriptors::left_open_by_exec().unwrap_or_default();
    // SAFETY: it is open, and nobody in this process has opened it.
    let kept = left.into_iter().map(|number| unsafe { OwnedFd::from_raw_fd(number) }).collect();
    logger::keep_inherited(kept);
}

/// Mark all files to be closed on exec but the standard ones and those that were left to us: also those that a plugin
/// or a library has opened without saying so, which would otherwise become more with every restart.
fn close_others_on_exec() {
    descriptors::close_all_on_exec();
    for file in logger::inherited() {
        // It is open, so this cannot fail.
        let _ = fcntl(file, FcntlArg::F_SETFD(FdFlag::empty()));
    }
}

/// Do work that may hang while [signals are held](crate::process::signals::hold), since it is a plugin's: until it is
/// done, a signal that asks for the end is the end. It is not for the work's thread to hear it, nor for the threads
/// that it makes.
pub fn run_interruptible<R>(work: impl FnOnce() -> R) -> io::Result<R> {
    /// Signal that ends the listener; nobody else sends it to a single thread.
    const DONE: Signal = Signal::SIGUSR1;
    let is_done = Arc::new(AtomicBool::new(false));
    let mask = SigSet::from_iter([DONE]).thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
    let listener = {
        let is_done = is_done.clone();
        std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
            let awaited = SigSet::from_iter([Signal::SIGTERM, Signal::SIGINT, Signal::SIGQUIT, DONE]);
            let mut late = Vec::new();
            loop {
                match awaited.wait() {
                    Ok(DONE) if is_done.load(SeqCst) => return late,
                    Ok(DONE) => {}
                    Ok(signal) if is_done.load(SeqCst) => late.push(signal),
                    Ok(signal) => die_of(signal),
                    Err(_) => return late,
                }
            }
        })
    };
    mask.thread_set_mask()?;
    let listener = listener?;
    let done = work();
    is_done.store(true, SeqCst);
    #[allow(clippy::unnecessary_cast, reason = "a number to the standard library, to libc a pointer with musl")]
    let listening_thread = listener.as_pthread_t() as libc::pthread_t;
    // SAFETY: the thread has not been joined, so its name is valid.
    unsafe { libc::pthread_kill(listening_thread, DONE as i32) };
    for signal in listener.join().unwrap_or_default() {
        // Held again, for who listens next.
        kill(Pid::this(), signal)?;
    }
    Ok(done)
}

/// End this process as the signal ends one that does nothing about it.
fn die_of(signal: Signal) {
    // SAFETY: the default action is not code of ours.
    let _ = unsafe { nix::sys::signal::signal(signal, SigHandler::SigDfl) };
    let _ = SigSet::from_iter([signal]).thread_unblock();
    let _ = nix::sys::signal::raise(signal);
}

/// Daemon in the making: the child of a process that waits to hear how it went.
#[derive(Debug)]
pub struct ForkedDaemon {
    /// Pipe to the parent, which ends well when it reads from it.
    ready: OwnedFd,
}

/// Fork a daemon. The child goes on; the parent waits until the child is ready or has ended, and ends with its status.
pub fn fork() -> io::Result<ForkedDaemon> {
    let (waiting, ready) = unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC)?;
    // SAFETY: no other thread exists yet, so that all of the child's memory is in order.
    match unsafe { unistd::fork() }? {
        ForkResult::Child => Ok(ForkedDaemon { ready }),
        ForkResult::Parent { child } => {
            drop(ready);
            let status = match unistd::read(&waiting, &mut [0]) {
                Ok(1) => 0,
                _ => status_of(child),
            };
            // Nothing of ours is to be undone: it is all the child's now.
            // SAFETY: plain system call.
            unsafe { libc::_exit(status) }
        }
    }
}

/// Wait for the end of the child, and return its exit status.
fn status_of(child: Pid) -> i32 {
    match waitpid(child, None) {
        Ok(WaitStatus::Exited(_, status)) => status,
        _ => 1,
    }
}

impl ForkedDaemon {
    /// Leave the terminal, the session and the working directory.
    pub fn detach(&self, supervisord: &Supervisord, logger: &Logger) -> io::Result<()> {
        logger.info("daemonizing the supervisord process");
        change_directory(supervisord, logger);
        let null = fs::File::options().read(true).write(true).open("/dev/null")?;
        unistd::dup2_stdin(&null)?;
        unistd::dup2_stdout(&null)?;
        unistd::dup2_stderr(&null)?;
        unistd::setsid()?;
        umask(Mode::from_bits_truncate(supervisord.umask));
        Ok(())
    }

    /// Let the parent go.
    pub fn announce_ready(self) {
        // A parent that is gone already needs not be told.
        let _ = unistd::write(&self.ready, b"\n");
    }
}

/// Change to the directory that `directory=` names. A daemon stays where it is if that fails.
pub fn change_directory(supervisord: &Supervisord, logger: &Logger) {
    let Some(directory) = &supervisord.directory else { return };
    let shown = repr(&directory.to_string_lossy());
    match env::set_current_dir(directory) {
        Ok(()) => logger.info(format_args!("set current directory: {shown}")),
        Err(error) => logger.critical(format_args!("can't chdir into {shown}: {error}")),
    }
}

/// Become the user of the config. Returns the message to log; the error is Supervisor's text.
pub fn become_user(user: Option<&User>) -> Result<Option<Message>, String> {
    let Some(user) = user else {
        return Ok(unistd::getuid().is_root().then(|| Message {
            level: Level::Critical,
            text: "Supervisor is running as root.  Privileges were not dropped because no user is specified in the \
                   config file.  If you intend to run as root, you can set user=root in the config file to avoid this \
                   message."
                .to_owned(),
        }));
    };
    let uid = Uid::from_raw(user.uid);
    if unistd::getuid() != uid {
        if !unistd::getuid().is_root() {
            return Err("Can't drop privilege as nonroot user".to_owned());
        }
        let gid = Gid::from_raw(user.gid);
        let entry = unistd::User::from_uid(uid).ok().flatten().ok_or_else(|| format!("Can't find uid {uid}"))?;
        let name = CString::new(entry.name).expect("a user name comes from a C string");
        unistd::initgroups(&name, gid).map_err(|_| "Could not set groups of effective user".to_owned())?;
        unistd::setgid(gid).map_err(|_| "Could not set group id of effective user".to_owned())?;
        unistd::setuid(uid).map_err(|errno| format!("Could not set user id of effective user: {}", errno.desc()))?;
    }
    Ok(Some(Message { level: Level::Info, text: format!("Set uid to user {uid} succeeded") }))
}

/// See to it that as many files and processes as `minfds` and `minprocs` say may be had. Returns the messages to log;
/// the error is Supervisor's text.
pub fn raise_limits(supervisord: &Supervisord) -> Result<Vec<Message>, String> {
    let limits = [
        (Resource::RLIMIT_NOFILE, "RLIMIT_NOFILE", supervisord.minfds),
        (Resource::RLIMIT_NPROC, "RLIMIT_NPROC", supervisord.minprocs),
    ];
    let mut messages = Vec::new();
    for (resource, name, least) in limits {
        let (soft, hard) = limits::get(resource).map_err(|errno| format!("cannot read {name}: {}", errno.desc()))?;
        if soft >= least || soft == limits::INFINITY {
            continue;
        }
        // Only root may raise the hard limit; for others that fails, and is said.
        match limits::set(resource, least, hard.max(least)) {
            Ok(()) => messages.push(Message { level: Level::Info, text: format!("Increased {name} limit to {least}") }),
            Err(_) => return Err(too_low(resource, least, hard)),
        }
    }
    Ok(messages)
}

/// Supervisor's text for a limit that cannot be raised.
fn too_low(resource: Resource, least: u64, hard: u64) -> String {
    let (what, subject, option, things, start) = match resource {
        Resource::RLIMIT_NOFILE => ("file descriptors required", "process", "minfds", "file descriptors", "process"),
        _ => ("available processes required", "program", "minprocs", "processes", "program"),
    };
    format!(
        "The minimum number of {what} to run this {subject} is {least} as per the \"{option}\" command-line argument or \
         config file setting. The current environment will only allow you to open {hard} {things}.  Either raise the \
         number of usable {things} in your environment (see README.rst) or lower the {option} setting in the config \
         file to allow the {start} to start."
    )
}

/// File that holds our pid. Removed when dropped; `None` where it could not be written.
#[derive(Debug)]
pub struct Pidfile(Option<PathBuf>);

impl Pidfile {
    /// Write the pidfile. To go without is not fatal, but is logged.
    pub fn write(path: &Path, logger: &Logger) -> Self {
        let pid = process::id();
        let written = fs::File::create(path).and_then(|mut file| writeln!(file, "{pid}"));
        if let Err(error) = written {
            logger.critical(format_args!("could not write pidfile {}", path.display()));
            logger.debug(format_args!("pidfile: {error}"));
            return Self(None);
        }
        logger.info(format_args!("supervisord started with pid {pid}"));
        Self(Some(path.to_owned()))
    }

    /// Pid that a supervisord has left in its pidfile which is gone, and had no time to take it away.
    pub fn left_behind(path: &Path) -> Option<i32> {
        let pid = fs::read_to_string(path).ok()?.trim().parse().ok().filter(|pid| *pid > 0)?;
        (kill(Pid::from_raw(pid), None) == Err(Errno::ESRCH)).then_some(pid)
    }

    /// Go on with the pidfile that the supervisord before this one, in this very process, has written to `before`.
    pub fn go_on(path: &Path, before: &Path, logger: &Logger) -> Self {
        if path == before && fs::read_to_string(path).is_ok_and(|text| text.trim() == process::id().to_string()) {
            return Self(Some(path.to_owned()));
        }
        if path != before {
            // Who took it away has done our work.
            let _ = fs::remove_file(before);
        }
        Self::write(path, logger)
    }
}

impl Drop for Pidfile {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            // Who took it away has done our work.
            let _ = fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd as _;

    use super::*;

    #[test]
    fn what_was_opened_without_care_does_not_outlive_an_exec() {
        let (one, _other) = io::pipe().unwrap();
        // SAFETY: a descriptor of our own.
        let flags = |flags: i32| unsafe { libc::fcntl(one.as_raw_fd(), flags, 0) };
        assert_eq!(flags(libc::F_SETFD), 0);
        assert_eq!(flags(libc::F_GETFD), 0);
        close_others_on_exec();
        assert_eq!(flags(libc::F_GETFD), libc::FD_CLOEXEC);
    }
}
