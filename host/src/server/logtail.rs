//! `GET /logtail/NAME[/stdout|stderr]` and `GET /mainlogtail`: the end of a log, and what is written to it from then
//! on.

use std::{
    fs::{self, File},
    io::{self, Read as _, Seek as _, SeekFrom},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use hyper::{
    Response, StatusCode,
    header::{CONTENT_TYPE, HeaderName, HeaderValue, LAST_MODIFIED},
};
use tokio::sync::mpsc;

use super::{
    Server,
    answer::{Answer, refusal},
};
use crate::{
    logger::open_to_read,
    supervisor::{Found, Supervisor},
};

/// How much of what was there before is shown first.
const BEFORE: u64 = 1024;

/// How often the file is looked at.
const INTERVAL: Duration = Duration::from_millis(100);

/// How much is read at once.
const PIECE: u64 = 64 << 10;

/// How long the first look at a log waits for what is on its way to the file.
const PATIENCE: Duration = Duration::from_secs(1);

/// Not known to hyper by name: it tells nginx to pass on what it gets.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// Which log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Log {
    /// The activity log.
    Main,
    /// That of a process.
    Process {
        /// `group:name`, or what is short for it.
        namespec: String,
        /// `stdout` or `stderr`, or whatever the client said.
        channel: String,
    },
}

/// Finds the file of a log. It may block. A function, so that the server can be tested without a supervisor.
pub type LogFiles = Arc<dyn Fn(&Log) -> Option<PathBuf> + Send + Sync>;

/// The log files of a supervisor.
pub fn log_files(supervisor: &Supervisor) -> LogFiles {
    let supervisor = supervisor.clone();
    Arc::new(move |log| {
        let file = file_of(&supervisor, log)?;
        // A disk that does not answer now will have its say later.
        let _ = supervisor.output().flush_log(&file, PATIENCE);
        Some(file)
    })
}

fn file_of(supervisor: &Supervisor, log: &Log) -> Option<PathBuf> {
    let Log::Process { namespec, channel } = log else {
        return supervisor.config().supervisord.logfile.path().map(PathBuf::from);
    };
    let Found::Process(id) = supervisor.find(namespec)? else { return None };
    let info = supervisor.info(id)?;
    let file = match channel.as_str() {
        "stdout" => info.stdout_logfile,
        "stderr" => info.stderr_logfile,
        _ => None,
    };
    file.map(PathBuf::from)
}

impl Log {
    /// What `/logtail/NAME[/CHANNEL]` names. Whatever stands before the second slash has matched the route already.
    pub(super) fn of_path(path: &str) -> Option<Self> {
        let (_, rest) = path.trim_start_matches('/').split_once('/')?;
        let (namespec, channel) = rest.split_once('/').unwrap_or((rest, "stdout"));
        Some(Self::Process { namespec: namespec.to_owned(), channel: channel.to_owned() })
    }
}

/// Answers with a log. One that is not there is no error that stays: the program may not have been started yet.
pub(super) async fn answer(server: &Arc<Server>, log: Option<Log>) -> Response<Answer> {
    let not_found = || refusal(StatusCode::NOT_FOUND);
    let Some(log) = log else { return not_found() };
    let of_process = matches!(log, Log::Process { .. });
    let files = server.log_files.clone();
    let opened = server.apart(move || Tail::open(&files(&log)?).ok()).await;
    let Some((tail, modified)) = opened else { return not_found() };
    let (sender, receiver) = mpsc::channel(4);
    tokio::spawn(follow(server.clone(), tail, sender));
    let mut response = Response::new(Answer::Stream(receiver));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain;charset=utf-8"));
    let modified = DateTime::<Utc>::from(modified).format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    if let Ok(modified) = modified.parse() {
        headers.insert(LAST_MODIFIED, modified);
    }
    if of_process {
        headers.insert(X_ACCEL_BUFFERING, HeaderValue::from_static("no"));
    }
    response
}

/// Sends what comes until the client goes. Files are only touched where a disk that hangs holds up nobody else.
async fn follow(server: Arc<Server>, mut tail: Tail, sender: mpsc::Sender<Bytes>) {
    loop {
        let look = server.apart(move || {
            let piece = tail.next();
            (tail, piece)
        });
        let (back, Ok(piece)) = look.await else { return };
        tail = back;
        if piece.is_empty() {
            tokio::select! {
                () = sender.closed() => return,
                () = tokio::time::sleep(INTERVAL) => {}
            }
        } else if sender.send(piece.into()).await.is_err() {
            return;
        }
    }
}

/// A file that is read as it grows.
struct Tail {
    path: PathBuf,
    file: File,
    /// Of the file that is open.
    inode: u64,
    /// Up to here it has been read.
    position: u64,
}

impl Tail {
    fn open(path: &Path) -> io::Result<(Self, SystemTime)> {
        let file = open_to_read(path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            // A terminal or a FIFO has no end to begin with, and reading it would take from others.
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let position = metadata.len().saturating_sub(BEFORE);
        Ok((Self { path: path.to_owned(), file, inode: metadata.ino(), position }, metadata.modified()?))
    }

    /// What has come since; nothing if nothing has.
    fn next(&mut self) -> io::Result<Vec<u8>> {
        let size = self.file.metadata()?.len();
        if size < self.position {
            self.position = 0;
            return Ok(b"==> File truncated <==\n".to_vec());
        }
        let mut piece = Vec::new();
        self.file.seek(SeekFrom::Start(self.position))?;
        (&self.file).take(PIECE).read_to_end(&mut piece)?;
        self.position += piece.len() as u64;
        // The file may have been rotated away; but first, all that it holds.
        if piece.is_empty() && fs::metadata(&self.path).is_ok_and(|now| now.ino() != self.inode) {
            self.file = open_to_read(&self.path)?;
            self.inode = self.file.metadata()?.ino();
            self.position = 0;
        }
        Ok(piece)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn process(namespec: &str, channel: &str) -> Log {
        Log::Process { namespec: namespec.to_owned(), channel: channel.to_owned() }
    }

    #[test]
    fn paths_name_a_process_and_a_channel() {
        assert_eq!(Log::of_path("/logtail/cat"), Some(process("cat", "stdout")));
        assert_eq!(Log::of_path("/logtail/group:cat/stderr"), Some(process("group:cat", "stderr")));
        assert_eq!(Log::of_path("/logtail/cat/stdout/x"), Some(process("cat", "stdout/x")));
        assert_eq!(Log::of_path("//logtail/"), Some(process("", "stdout")));
        assert_eq!(Log::of_path("/logtail"), None);
    }

    #[test]
    fn a_tail_survives_rotation_and_truncation() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        fs::write(&path, "x".repeat(2000)).unwrap();
        let mut append = fs::OpenOptions::new().append(true).open(&path).unwrap();
        let (mut tail, _) = Tail::open(&path).unwrap();
        assert_eq!(tail.next().unwrap().len(), 1024);
        assert!(tail.next().unwrap().is_empty());
        append.write_all(b"one").unwrap();
        assert_eq!(tail.next().unwrap(), b"one");
        append.write_all(b"two").unwrap();
        fs::rename(&path, directory.path().join("log.1")).unwrap();
        fs::write(&path, "three").unwrap();
        assert_eq!(tail.next().unwrap(), b"two", "what the old file got last is not lost");
        assert!(tail.next().unwrap().is_empty());
        assert_eq!(tail.next().unwrap(), b"three");
        fs::write(&path, "4").unwrap();
        assert_eq!(tail.next().unwrap(), b"==> File truncated <==\n");
        assert_eq!(tail.next().unwrap(), b"4");
        fs::remove_file(&path).unwrap();
        assert!(tail.next().unwrap().is_empty());
    }

    #[test]
    fn what_is_no_file_is_not_opened() {
        assert!(Tail::open(Path::new("/dev/null")).is_err());
        assert!(Tail::open(Path::new("/nonexistent")).is_err());
        let directory = tempfile::tempdir().unwrap();
        let fifo = directory.path().join("fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert!(Tail::open(&fifo).is_err(), "at once, although nobody writes to it");
    }
}
