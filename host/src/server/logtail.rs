//! `GET /logtail/NAME[/stdout|stderr]` and `GET /mainlogtail`: the end of a log, and what is written to it from then
//! on.
//!
//! Pieces end where characters do, because Supervisor's own supervisorctl reads each by itself. With the header
//! `?before=65536` asks for more of what was there before. With the header
//! `Range: bytes=-1600` or `bytes=100-` the answer is that part of the log as it is now, byte for byte, and ends there.

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
    HeaderMap, Response, StatusCode,
    header::{CONTENT_RANGE, CONTENT_TYPE, HeaderValue, LAST_MODIFIED, RANGE},
};
use tokio::sync::mpsc;

use super::{
    answer::{ResponseBody, StreamBody, X_ACCEL_BUFFERING, refusal},
    connection_watch::Phase,
    context::ServerContext,
    log_files::LogName,
    request::HttpRequest,
};
use crate::{
    logger::open_to_read,
    text::utf8::{rest_of_character, unfinished_character},
};

/// Bytes of a log that are shown of what was there before.
const BEFORE: u64 = 1024;

/// Most bytes that can be asked for of what was there before.
const MOST_BEFORE: u64 = 1 << 20;

/// Interval at which the file is looked at.
const INTERVAL: Duration = Duration::from_millis(100);

/// Bytes that are read at once.
const PIECE: u64 = 64 << 10;

/// Part of a log that a client wants in place of what is still to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ByteRange {
    /// Everything from this byte on.
    From(u64),
    /// Number of bytes at the end.
    Last(u64),
}

impl ByteRange {
    /// The part that `Range` asks for. Whoever asks for something else gets what a client without that header gets.
    fn of(headers: &HeaderMap) -> Option<Self> {
        let range = headers.get(RANGE)?.to_str().ok()?.strip_prefix("bytes=")?;
        match range.split_once('-')? {
            ("", last) => last.parse().ok().map(Self::Last),
            (first, "") => first.parse().ok().map(Self::From),
            _ => None,
        }
    }
}

/// Read how much a query asks for of what was there before.
fn before(query: &str) -> u64 {
    let asked = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "before");
    asked.and_then(|(_, bytes)| bytes.parse().ok()).unwrap_or(BEFORE).min(MOST_BEFORE)
}

/// Answer with the log of a process.
pub(super) async fn process_log(request: HttpRequest<'_>) -> Response<ResponseBody> {
    let Some(log) = LogName::of_path(&request.path()) else { return refusal(StatusCode::NOT_FOUND) };
    let mut response = answer(&request, log).await;
    if response.status().is_success() {
        response.headers_mut().insert(X_ACCEL_BUFFERING, HeaderValue::from_static("no"));
    }
    response
}

/// Answer with the activity log.
pub(super) async fn main_log(request: HttpRequest<'_>) -> Response<ResponseBody> {
    answer(&request, LogName::Main).await
}

/// Answer with a log. One that is not there is no error that stays: the program may not have been started yet.
async fn answer(request: &HttpRequest<'_>, log: LogName) -> Response<ResponseBody> {
    let server = request.server();
    let files = server.log_files.clone();
    let part = ByteRange::of(&request.head.headers);
    let before = before(request.head.uri.query().unwrap_or_default());
    // All that was asked is there: a client that says no more still hears that there is no such log.
    request.connection.watch.enter(Phase::Call);
    let opened = server.run_blocking(move || FollowedFile::open(&files(&log)?, part, before).ok()).await;
    let Some((tail, modified)) = opened else { return refusal(StatusCode::NOT_FOUND) };
    let (position, end) = (tail.position, tail.end);
    if end.is_some_and(|end| position >= end) {
        return refusal(StatusCode::RANGE_NOT_SATISFIABLE);
    }
    let (sender, receiver) = mpsc::channel(4);
    tokio::spawn(follow(server.clone(), tail, sender));
    let mut response = Response::new(ResponseBody::Stream(StreamBody::new(receiver)));
    if let Some(end) = end {
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        if let Ok(range) = format!("bytes {position}-{}/{end}", end - 1).parse() {
            response.headers_mut().insert(CONTENT_RANGE, range);
        }
    }
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain;charset=utf-8"));
    let modified = DateTime::<Utc>::from(modified).format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    if let Ok(modified) = modified.parse() {
        headers.insert(LAST_MODIFIED, modified);
    }
    response
}

/// Send what comes until the client goes. Files are only touched where a disk that hangs holds up nobody else.
async fn follow(server: Arc<ServerContext>, mut tail: FollowedFile, sender: mpsc::Sender<Bytes>) {
    loop {
        let look = server.run_blocking(move || {
            let piece = tail.next();
            (tail, piece)
        });
        let (back, Ok(piece)) = look.await else { return };
        tail = back;
        if piece.is_empty() && tail.end.is_some() {
            return;
        } else if piece.is_empty() {
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
struct FollowedFile {
    path: PathBuf,
    file: File,
    /// Inode of the file that is open.
    inode: u64,
    /// Bytes of the file that have been read.
    position: u64,
    /// End of a part that is not followed further.
    end: Option<u64>,
}

impl FollowedFile {
    fn open(path: &Path, part: Option<ByteRange>, before: u64) -> io::Result<(Self, SystemTime)> {
        let file = open_to_read(path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            // A terminal or a FIFO has no end to begin with, and reading it would take from others.
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let size = metadata.len();
        let mut tail =
            Self { path: path.to_owned(), file, inode: metadata.ino(), position: 0, end: part.map(|_| size) };
        tail.position = match part {
            Some(ByteRange::From(first)) => first,
            Some(ByteRange::Last(count)) => size.saturating_sub(count),
            None if size > before => size - before + rest_of_character(&tail.read(size - before, 4)?) as u64,
            None => 0,
        };
        Ok((tail, metadata.modified()?))
    }

    fn read(&self, from: u64, most: u64) -> io::Result<Vec<u8>> {
        let mut piece = Vec::new();
        (&self.file).seek(SeekFrom::Start(from))?;
        (&self.file).take(most).read_to_end(&mut piece)?;
        Ok(piece)
    }

    /// Read on: the bytes that have come since; none if none have.
    fn next(&mut self) -> io::Result<Vec<u8>> {
        if let Some(end) = self.end {
            let piece = self.read(self.position, PIECE.min(end - self.position))?;
            self.position += piece.len() as u64;
            return Ok(piece);
        }
        let size = self.file.metadata()?.len();
        if size < self.position {
            self.position = 0;
            return Ok(b"==> File truncated <==\n".to_vec());
        }
        let mut piece = self.read(self.position, PIECE)?;
        let whole = piece.len() - unfinished_character(&piece);
        // The file may have been rotated away; but first, all that it holds.
        let is_old = whole == 0 && fs::metadata(&self.path).is_ok_and(|now| now.ino() != self.inode);
        if !is_old {
            piece.truncate(whole);
        }
        self.position += piece.len() as u64;
        if is_old && piece.is_empty() {
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

    #[test]
    fn a_tail_survives_rotation_and_truncation() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        fs::write(&path, "x".repeat(2000)).unwrap();
        let mut append = fs::OpenOptions::new().append(true).open(&path).unwrap();
        let (mut tail, _) = FollowedFile::open(&path, None, BEFORE).unwrap();
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
    fn a_tail_begins_and_goes_on_at_whole_characters() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        for before in 0..4 {
            fs::write(&path, "x".repeat(before) + &"가".repeat(1000)).unwrap();
            let (mut tail, _) = FollowedFile::open(&path, None, BEFORE).unwrap();
            let piece = tail.next().unwrap();
            assert!((1022..=1024).contains(&piece.len()), "{}", piece.len());
            assert!(piece.starts_with("가".as_bytes()), "{before}");
        }
        // One that is being written is left for the next piece.
        let (first, second) = "é".as_bytes().split_at(1);
        let mut append = fs::OpenOptions::new().append(true).open(&path).unwrap();
        let (mut tail, _) = FollowedFile::open(&path, None, BEFORE).unwrap();
        tail.next().unwrap();
        append.write_all(first).unwrap();
        assert!(tail.next().unwrap().is_empty());
        append.write_all(second).unwrap();
        assert_eq!(tail.next().unwrap(), "é".as_bytes());
        // And if it is never written, it is not lost for that.
        append.write_all(first).unwrap();
        fs::rename(&path, directory.path().join("log.1")).unwrap();
        fs::write(&path, second).unwrap();
        assert_eq!([tail.next().unwrap(), tail.next().unwrap(), tail.next().unwrap()], [first, b"", second]);
    }

    #[test]
    fn pieces_of_a_large_log_are_text() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        fs::write(&path, "").unwrap();
        let (mut tail, _) = FollowedFile::open(&path, None, BEFORE).unwrap();
        fs::write(&path, "가나다".repeat(30_000)).unwrap();
        let pieces: Vec<_> =
            std::iter::repeat_with(|| tail.next().unwrap()).take_while(|piece| !piece.is_empty()).collect();
        assert!(pieces.len() > 4 && pieces.iter().all(|piece| std::str::from_utf8(piece).is_ok()));
        assert_eq!(pieces.concat().len(), 270_000);
    }

    #[test]
    fn parts_are_asked_for_in_the_words_of_http() {
        let part = |range: &str| ByteRange::of(&[(RANGE, range.parse().unwrap())].into_iter().collect());
        assert_eq!(part("bytes=-1600"), Some(ByteRange::Last(1600)));
        assert_eq!(part("bytes=0-"), Some(ByteRange::From(0)));
        for other in ["", "bytes=", "bytes=-", "bytes=0-5", "bytes=0-,5-", "lines=-5", "bytes=--5", "bytes=-x"] {
            assert_eq!(part(other), None, "{other}");
        }
    }

    #[test]
    fn more_of_what_was_there_can_be_asked_for() {
        assert_eq!([before(""), before("before=x"), before("x=1&before=64")], [BEFORE, BEFORE, 64]);
        assert_eq!(before("before=99999999999"), MOST_BEFORE);
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        fs::write(&path, "가".repeat(1000)).unwrap();
        for (before, shown) in [(1024, 1023), (2000, 1998), (3000, 3000), (9000, 3000), (0, 0)] {
            let (mut tail, _) = FollowedFile::open(&path, None, before).unwrap();
            assert_eq!(tail.next().unwrap().len(), shown, "{before}");
        }
    }

    #[test]
    fn what_is_no_file_is_not_opened() {
        assert!(FollowedFile::open(Path::new("/dev/null"), None, BEFORE).is_err());
        assert!(FollowedFile::open(Path::new("/nonexistent"), None, BEFORE).is_err());
        let directory = tempfile::tempdir().unwrap();
        let fifo = directory.path().join("fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert!(FollowedFile::open(&fifo, None, BEFORE).is_err(), "at once, although nobody writes to it");
    }
}
