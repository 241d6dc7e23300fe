//! Following logs as they grow, for `tail -f`, `maintail -f`, and `fg`, which also reads what is typed.
//!
//! Each log is read by a thread of its own, because its connection is one that waits; this thread waits for ^C, for the
//! end of the logs and for what is typed, all at once.

use std::{
    io::{self, Read},
    ops::ControlFlow,
    os::{
        fd::{AsFd, AsRawFd, OwnedFd},
        unix::net::UnixStream,
    },
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::socket::{Shutdown, shutdown},
};
use plugin_api::Fault;

use super::{interrupt::Interrupt, prompt, session::Session};
use crate::{
    text::stderr_line::stderr_line,
    xmlrpc::{ClientError, Stream},
};

/// Print the log at `path` of the server until ^C or until the server ends it.
pub(super) fn follow(session: &Arc<Session>, path: &str) -> Result<(), Fault> {
    session.output("==> Press Ctrl-C to exit <==");
    session.flush();
    let interrupt = watch_interrupt()?;
    let Some(log) = Follower::start(session, path) else { return Ok(()) };
    if wait(&[interrupt.as_fd(), log.end.as_fd()])? == 0 {
        session.output("");
    }
    Ok(())
}

/// Read the bytes of a range of the log at `path`, such as `bytes=-100`. `None` if they cannot be had.
pub(super) fn read_range(session: &Session, path: &str, range: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut part = session.login().client().ok()?.get_part(path, range).ok()??;
    part.read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// Print the logs at `paths` and give each line that is typed to `typed`, until ^C, the end of the input, or until
/// `typed` breaks off.
pub(super) fn follow_with_input(
    session: &Arc<Session>,
    paths: &[String],
    mut typed: impl FnMut(&str) -> Result<ControlFlow<()>, Fault>,
) -> Result<(), Fault> {
    session.flush();
    let interrupt = watch_interrupt()?;
    let _logs: Vec<Follower> = paths.iter().filter_map(|path| Follower::start(session, path)).collect();
    let stdin = io::stdin();
    loop {
        if wait(&[interrupt.as_fd(), stdin.as_fd()])? == 0 {
            return Ok(());
        }
        match prompt::read_line() {
            Some(line) if typed(&line)?.is_continue() => {}
            _ => return Ok(()),
        }
    }
}

/// Make ^C end what is followed, and nothing else, for as long as the interrupt lives.
fn watch_interrupt() -> Result<Interrupt, Fault> {
    Interrupt::watch().map_err(|error| Fault::failed_with(format_args!("cannot watch for Ctrl-C: {error}")))
}

/// Wait until one of these can be read, and return its index.
fn wait(sources: &[std::os::fd::BorrowedFd<'_>]) -> Result<usize, Fault> {
    let mut polled: Vec<PollFd<'_>> = sources.iter().map(|source| PollFd::new(*source, PollFlags::POLLIN)).collect();
    loop {
        match poll(&mut polled, PollTimeout::NONE) {
            Ok(_) => {
                if let Some(index) = polled.iter().position(|source| source.any().unwrap_or(false)) {
                    return Ok(index);
                }
            }
            Err(Errno::EINTR) => {}
            Err(error) => return Err(Fault::failed_with(format_args!("cannot wait for input: {error}"))),
        }
    }
}

/// A thread that prints a log; dropping it ends that.
struct Follower {
    /// Socket that is readable when the server has ended the log.
    end: UnixStream,
    /// Set when the thread is to print no more.
    stopped: Arc<AtomicBool>,
    /// The thread's connection; shutting it down wakes the thread out of its read.
    socket: Option<OwnedFd>,
}

impl Follower {
    /// Start to print the log at `path`, or say on stderr that it cannot be read.
    fn start(session: &Arc<Session>, path: &str) -> Option<Self> {
        let url = session.url();
        match Self::try_start(session, path) {
            Ok(follower) => return Some(follower),
            Err(ClientError::Status { code, .. }) => {
                stderr_line(format_args!("{url}{path} Cannot read, status code {code}"));
            }
            Err(ClientError::Unauthorized { .. }) => {
                stderr_line(format_args!("{url}{path} Cannot read, status code 401"));
            }
            Err(error) => stderr_line(format_args!("{url}{path} Cannot connect, error: {error}")),
        }
        None
    }

    fn try_start(session: &Arc<Session>, path: &str) -> Result<Self, ClientError> {
        let client = session.login().client()?;
        let log = client.get_stream(path)?;
        let io_error = |source| ClientError::Io { url: client.url().to_owned(), source };
        let (end, writer) = UnixStream::pair().map_err(io_error)?;
        let socket = log.as_fd().try_clone_to_owned().ok();
        let stopped = Arc::new(AtomicBool::new(false));
        let (session, until) = (Arc::clone(session), Arc::clone(&stopped));
        thread::spawn(move || {
            print(&session, log, &until);
            drop(writer);
        });
        Ok(Self { end, stopped, socket })
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        if let Some(socket) = &self.socket {
            let _ = shutdown(socket.as_raw_fd(), Shutdown::Both);
        }
    }
}

fn print(session: &Session, mut log: Stream, stopped: &AtomicBool) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(count @ 1..) = log.read(&mut buffer) {
        if stopped.load(Ordering::SeqCst) || !session.output_bytes(&buffer[..count]) {
            break;
        }
    }
}
