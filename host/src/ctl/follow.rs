//! Following logs as they grow, for `tail -f`, `maintail -f`, and `fg`, which also reads what is typed.
//!
//! Each log is read by a thread of its own, because its connection is one that waits; this thread waits for ^C, for the
//! end of the logs and for what is typed, all at once.

use std::{
    io::{self, Read},
    ops::ControlFlow,
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
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
use plugin_api::{Fault, Value};

use super::{colour::Colour, interrupt::Interrupt, json, prompt, session::Session};
use crate::{
    text::{pad::pad, stderr_line::stderr_line},
    xmlrpc::{ClientError, Stream},
};

/// Line before what is followed until ^C.
pub(super) const HINT: &str = "==> Press Ctrl-C to exit <==";

/// Longest line that is printed as one, in bytes, where names stand before lines.
const LINE_LIMIT: usize = 64 << 10;

/// A log to follow.
#[derive(Clone, Debug)]
pub(super) struct FollowedLog {
    /// Name of the process, or `supervisord`.
    name: String,
    /// Name of the output; empty for supervisord's own log.
    channel: String,
    /// Path at which the server gives it.
    path: String,
}

impl FollowedLog {
    /// Log of one output of a process.
    pub(super) fn of_process(name: &str, channel: &str) -> Self {
        let path = format!("/logtail/{name}/{channel}");
        Self { name: name.to_owned(), channel: channel.to_owned(), path }
    }

    /// Log at a path.
    pub(super) fn at(name: &str, channel: &str, path: &str) -> Self {
        Self { name: name.to_owned(), channel: channel.to_owned(), path: path.to_owned() }
    }
}

/// Print logs of the server until ^C or until the server has ended all of them. Before the lines of several stand
/// their names.
pub(super) fn follow(session: &Arc<Session>, logs: &[FollowedLog]) -> Result<(), Fault> {
    if !session.is_json() {
        session.output(HINT);
    }
    session.begin_stream();
    session.flush();
    let interrupt = watch_interrupt()?;
    let mut followers: Vec<Follower> = (0..logs.len())
        .filter_map(|index| Follower::start(session, &logs[index], label(session, logs, index)))
        .collect();
    while !followers.is_empty() {
        let ends = followers.iter().map(|follower| follower.end.as_fd());
        let sources: Vec<BorrowedFd<'_>> = std::iter::once(interrupt.as_fd()).chain(ends).collect();
        match wait(&sources)? {
            0 => {
                session.end_line();
                break;
            }
            index => drop(followers.remove(index - 1)),
        }
    }
    Ok(())
}

/// Text before the lines of one of several logs.
fn label(session: &Session, logs: &[FollowedLog], index: usize) -> Option<String> {
    let width = logs.iter().map(|log| log.name.chars().count()).max().unwrap_or_default();
    let label = pad(&logs[index].name, width);
    let painted = if session.is_coloured() { Colour::of_index(index).paint(&label) } else { label };
    (logs.len() > 1).then(|| format!("{painted} | "))
}

/// Read the bytes of a range of the log at `path`, such as `bytes=-100`. `None` if they cannot be had.
pub(super) fn read_range(session: &Session, path: &str, range: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut part = session.login().client().ok()?.get_part(path, range).ok()??;
    part.read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// Print logs and give each line that is typed to `typed`, until ^C, the end of the input, or until `typed` breaks off.
pub(super) fn follow_with_input(
    session: &Arc<Session>,
    logs: &[FollowedLog],
    mut typed: impl FnMut(&str) -> Result<ControlFlow<()>, Fault>,
) -> Result<(), Fault> {
    session.begin_stream();
    session.flush();
    let interrupt = watch_interrupt()?;
    let _logs: Vec<Follower> = logs.iter().filter_map(|log| Follower::start(session, log, None)).collect();
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
pub(super) fn watch_interrupt() -> Result<Interrupt, Fault> {
    Interrupt::watch().map_err(|error| Fault::failed_with(format_args!("cannot watch for Ctrl-C: {error}")))
}

/// Wait until one of these can be read, and return its index.
pub(super) fn wait(sources: &[BorrowedFd<'_>]) -> Result<usize, Fault> {
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
    /// Start to print a log, or say on stderr that it cannot be read. Lines with a label are printed when they are
    /// whole.
    fn start(session: &Arc<Session>, log: &FollowedLog, label: Option<String>) -> Option<Self> {
        let what = match Self::try_start(session, log, label) {
            Ok(follower) => return Some(follower),
            Err(ClientError::Status { code, .. }) => format!("Cannot read, status code {code}"),
            Err(ClientError::Unauthorized { .. }) => "Cannot read, status code 401".to_owned(),
            Err(error) => format!("Cannot connect, error: {error}"),
        };
        let text = format!("{}{} {what}", session.url(), log.path);
        if session.is_json() {
            session.error(&text, None);
        } else {
            stderr_line(text);
        }
        None
    }

    fn try_start(session: &Arc<Session>, log: &FollowedLog, label: Option<String>) -> Result<Self, ClientError> {
        let client = session.login().client()?;
        let stream = client.get_stream(&log.path)?;
        let io_error = |source| ClientError::Io { url: client.url().to_owned(), source };
        let (end, writer) = UnixStream::pair().map_err(io_error)?;
        let socket = stream.as_fd().try_clone_to_owned().ok();
        let stopped = Arc::new(AtomicBool::new(false));
        let (session, until, log) = (Arc::clone(session), Arc::clone(&stopped), log.clone());
        thread::spawn(move || {
            if label.is_some() || session.is_json() {
                print_lines(&session, stream, &log, &label.unwrap_or_default(), &until);
            } else {
                print(&session, stream, &until);
            }
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

/// Print lines as they become whole, each with its label.
fn print_lines(session: &Session, mut stream: Stream, log: &FollowedLog, label: &str, stopped: &AtomicBool) {
    let mut print_line = |line: &[u8]| {
        let object = || {
            let [name, channel] = [&log.name, &log.channel].map(|text| Value::from(text.as_str()));
            let line = ("line", json::text_or_bytes(line));
            json::to_line(&Value::structure([("name", name), ("channel", channel), line]))
        };
        session.stream(|| [label.as_bytes(), line].concat(), object)
    };
    let (mut buffer, mut lines) = ([0; 16 * 1024], Lines::default());
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        if stopped.load(Ordering::SeqCst) || !lines.read(&buffer[..count], &mut print_line) {
            return;
        }
    }
    if !stopped.load(Ordering::SeqCst) {
        lines.end(&mut print_line);
    }
}

/// Lines of a log that comes in pieces.
#[derive(Debug, Default)]
struct Lines(Vec<u8>);

impl Lines {
    /// Read a piece, and hand each line that is whole to `take`, until that is false. One that is too long is cut.
    fn read(&mut self, piece: &[u8], take: &mut impl FnMut(&[u8]) -> bool) -> bool {
        for part in piece.split_inclusive(|byte| *byte == b'\n') {
            self.0.extend_from_slice(part);
            let line = match self.0.as_slice() {
                [line @ .., b'\n'] => line,
                line if line.len() >= LINE_LIMIT => line,
                _ => continue,
            };
            if !take(line) {
                return false;
            }
            self.0.clear();
        }
        true
    }

    /// Hand what is left to `take`.
    fn end(self, take: &mut impl FnMut(&[u8]) -> bool) {
        if !self.0.is_empty() {
            take(&self.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_whole_whatever_the_pieces() {
        let text = "one\n\ntwo é\nrest";
        for size in 1..text.len() {
            let (mut lines, mut found) = (Lines::default(), Vec::new());
            let mut take = |line: &[u8]| {
                found.push(String::from_utf8(line.to_vec()).unwrap());
                true
            };
            assert!(text.as_bytes().chunks(size).all(|piece| lines.read(piece, &mut take)));
            lines.end(&mut take);
            assert_eq!(found, ["one", "", "two é", "rest"], "pieces of {size}");
        }
        let mut lengths = Vec::new();
        let mut take = |line: &[u8]| {
            lengths.push(line.len());
            true
        };
        let mut lines = Lines::default();
        assert!((0..5).all(|_| lines.read(&[b'x'; LINE_LIMIT / 4], &mut take)));
        assert!(lines.read(b"\n", &mut take));
        assert_eq!(lengths, [LINE_LIMIT, LINE_LIMIT / 4]);
    }
}
