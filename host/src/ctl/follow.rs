//! Logs as they grow: `tail -f`, `maintail -f`, and `fg`, which also types into the process.
//!
//! Each log is read by a thread of its own, because its connection is one that waits; this thread waits for ^C, for the
//! end of the logs and for what is typed, all at once.

use std::{
    io::{self, Read},
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

use super::{ask, interrupt::Interrupt, session::Session};
use crate::{
    text::stderr_line::stderr_line,
    xmlrpc::{Client, ClientError, Stream},
};

/// Whether what was typed was the end.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    Yes,
    No,
}

/// Prints the log at `path` of the server until ^C or until the server ends it.
pub(super) fn log(ctl: &Arc<Session>, path: &str) -> Result<(), Fault> {
    ctl.output("==> Press Ctrl-C to exit <==");
    ctl.flush();
    let interrupt = watch()?;
    let Some(log) = Follower::start(ctl, path) else { return Ok(()) };
    if wait(&[interrupt.as_fd(), log.end.as_fd()])? == 0 {
        ctl.output("");
    }
    Ok(())
}

/// Bytes of a part of the log at `path`, such as `bytes=-100`. Nothing if they cannot be had.
pub(super) fn part(ctl: &Session, path: &str, range: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut part = client(ctl).ok()?.get_part(path, range).ok()??;
    part.read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// Client of the server that the session is connected to, for what needs a connection of its own.
fn client(ctl: &Session) -> Result<Client, ClientError> {
    let endpoint = ctl.endpoint();
    Client::new(&endpoint.url, endpoint.username.as_deref(), endpoint.password.as_deref())
}

/// Prints the logs at `paths` and gives each line that is typed to `typed`, until ^C, the end of the input, or `typed`
/// has enough.
pub(super) fn with_input(
    ctl: &Arc<Session>,
    paths: &[String],
    mut typed: impl FnMut(&str) -> Result<Ended, Fault>,
) -> Result<(), Fault> {
    ctl.flush();
    let interrupt = watch()?;
    let _logs: Vec<Follower> = paths.iter().filter_map(|path| Follower::start(ctl, path)).collect();
    let stdin = io::stdin();
    loop {
        if wait(&[interrupt.as_fd(), stdin.as_fd()])? == 0 {
            return Ok(());
        }
        match ask::line() {
            Some(line) if typed(&line)? == Ended::No => {}
            _ => return Ok(()),
        }
    }
}

fn watch() -> Result<Interrupt, Fault> {
    Interrupt::watch().map_err(|error| Fault::failed_with(format_args!("cannot watch for Ctrl-C: {error}")))
}

/// Waits until one of these can be read, and says which.
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

/// A log that is printed by a thread; dropping it ends that.
struct Follower {
    /// Readable when the server has ended the log.
    end: UnixStream,
    stopped: Arc<AtomicBool>,
    socket: Option<OwnedFd>,
}

impl Follower {
    /// Says on stderr what is wrong with the log if it cannot be read.
    fn start(ctl: &Arc<Session>, path: &str) -> Option<Self> {
        let url = ctl.url();
        match Self::try_start(ctl, path) {
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

    fn try_start(ctl: &Arc<Session>, path: &str) -> Result<Self, ClientError> {
        let client = client(ctl)?;
        let log = client.get_stream(path)?;
        let io_error = |source| ClientError::Io { url: client.url().to_owned(), source };
        let (end, writer) = UnixStream::pair().map_err(io_error)?;
        let socket = log.as_fd().try_clone_to_owned().ok();
        let stopped = Arc::new(AtomicBool::new(false));
        let (ctl, until) = (Arc::clone(ctl), Arc::clone(&stopped));
        thread::spawn(move || {
            print(&ctl, log, &until);
            drop(writer);
        });
        Ok(Self { end, stopped, socket })
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        if let Some(socket) = &self.socket {
            // Wakes the thread out of its read.
            let _ = shutdown(socket.as_raw_fd(), Shutdown::Both);
        }
    }
}

fn print(ctl: &Session, mut log: Stream, stopped: &AtomicBool) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(count @ 1..) = log.read(&mut buffer) {
        if stopped.load(Ordering::SeqCst) || !ctl.output_bytes(&buffer[..count]) {
            break;
        }
    }
}
