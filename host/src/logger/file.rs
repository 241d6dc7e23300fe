//! A log file: appended to, rotated by size, and never the reason why anything stops.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Write as _},
    os::{
        fd::{AsFd as _, AsRawFd as _},
        unix::fs::{FileTypeExt as _, OpenOptionsExt as _},
    },
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use nix::poll::{PollFd, PollFlags, PollTimeout};

/// How long a reader of a pipe or terminal may keep us waiting before its output is given up.
const PATIENCE_MILLIS: u16 = 1_000;
/// For how long a reader that has kept us waiting in vain is not waited for again: what it does not take at once is
/// lost. It may cost the other logs a small part of our time, and no more.
const IMPATIENCE: Duration = Duration::from_secs(30);
/// A pipe that is ready to be written takes that much without blocking.
const PIPE_BUF: usize = libc::PIPE_BUF;

/// A log file with its rotation.
///
/// What cannot be written is lost and counted; [`write`](Self::write) answers a sentence when that begins and another
/// when it ends. Targets that cannot seek (`/dev/stdout`, a FIFO, a terminal) and everything else below `/dev` and
/// `/proc` are never rotated, renamed or removed.
#[derive(Debug)]
pub struct LogFile {
    path: PathBuf,
    file: Option<File>,
    rotates: bool,
    /// A write to it may wait for a reader: it must be asked first.
    waits: bool,
    impatient_until: Option<Instant>,
    /// What the file holds, as far as we know.
    size: u64,
    maxbytes: u64,
    backups: u32,
    lost: u64,
    rotation_failed: bool,
}

impl LogFile {
    /// A log at `path`, opened or made. `maxbytes` 0 never rotates; `backups` 0 keeps no old file.
    pub fn open(path: &Path, maxbytes: u64, backups: u32) -> io::Result<Self> {
        let mut log = Self::closed(path, maxbytes, backups);
        log.reopen()?;
        Ok(log)
    }

    /// A log at `path` that could not be opened. What is written to it is lost until [`reopen`](Self::reopen) succeeds.
    pub fn closed(path: &Path, maxbytes: u64, backups: u32) -> Self {
        Self {
            path: path.to_owned(),
            file: None,
            rotates: false,
            waits: false,
            impatient_until: None,
            size: 0,
            maxbytes,
            backups,
            lost: 0,
            rotation_failed: false,
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Opens the path anew: after somebody has moved the file away. The old file stays in use if that fails.
    pub fn reopen(&mut self) -> io::Result<()> {
        let Opened { file, rotates, waits } = open(&self.path)?;
        self.size = if rotates { file.metadata()?.len() } else { 0 };
        self.file = Some(file);
        self.rotates = rotates;
        self.waits = waits;
        self.rotation_failed = false;
        Ok(())
    }

    /// Empties the log: removes the file and makes it anew.
    pub fn clear(&mut self) -> io::Result<()> {
        if self.rotates {
            match fs::remove_file(&self.path) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        self.reopen()
    }

    /// Appends `data` and rotates if the file is full. Answers what an operator should know: that output is being
    /// lost, or no longer.
    pub fn write(&mut self, data: &[u8]) -> Option<String> {
        let patient = self.lost == 0 && self.impatient_until.is_none_or(|until| Instant::now() >= until);
        let (written, result) = match &mut self.file {
            Some(file) => write_all(file, data, self.waits, patient),
            None => (0, Err(io::Error::from(ErrorKind::NotFound))),
        };
        if patient && result.as_ref().is_err_and(|error| error.kind() == ErrorKind::WouldBlock) {
            self.impatient_until = Some(Instant::now() + IMPATIENCE);
        }
        self.size += written as u64;
        let news = match result {
            Ok(()) if self.lost == 0 => None,
            Ok(()) => {
                let lost = std::mem::take(&mut self.lost);
                Some(format!("{} is written again; {lost} bytes were lost", self.path.display()))
            }
            Err(error) => {
                let first = self.lost == 0;
                self.lost += (data.len() - written) as u64;
                first.then(|| format!("could not write to {}: {error}; output is lost", self.path.display()))
            }
        };
        if self.maxbytes > 0 && self.size >= self.maxbytes && self.rotates { self.rotate().or(news) } else { news }
    }

    fn rotate(&mut self) -> Option<String> {
        // Somebody else may have truncated it.
        if let Some(Ok(metadata)) = self.file.as_ref().map(File::metadata)
            && metadata.len() < self.maxbytes
        {
            self.size = metadata.len();
            return None;
        }
        let result = self.shift().and_then(|()| self.reopen());
        match result {
            Ok(()) => None,
            Err(error) => {
                self.size = 0; // Once more when it has grown by as much again.
                let first = !std::mem::replace(&mut self.rotation_failed, true);
                first.then(|| format!("could not rotate {}: {error}", self.path.display()))
            }
        }
    }

    /// `log.1` becomes `log.2` and so on, then `log` becomes `log.1`; without backups the file is emptied.
    fn shift(&self) -> io::Result<()> {
        if self.backups == 0 {
            return OpenOptions::new().write(true).truncate(true).open(&self.path).map(drop);
        }
        for number in (1..self.backups).rev() {
            rename(&self.backup(number), &self.backup(number + 1))?;
        }
        rename(&self.path, &self.backup(1))
    }

    fn backup(&self, number: u32) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{number}"));
        name.into()
    }
}

/// Renames; a source that somebody removed is no error.
fn rename(from: &Path, to: &Path) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

struct Opened {
    file: File,
    /// It is an ordinary file.
    rotates: bool,
    /// A write may wait for a reader.
    waits: bool,
}

/// Opens for appending.
fn open(path: &Path) -> io::Result<Opened> {
    // Our own streams are duplicated: a socket cannot be opened by its name, and a terminal may belong to another user.
    let inherited = match path.to_str() {
        Some("/dev/stdout" | "/dev/fd/1" | "/proc/self/fd/1") => Some(io::stdout().as_fd().try_clone_to_owned()?),
        Some("/dev/stderr" | "/dev/fd/2" | "/proc/self/fd/2") => Some(io::stderr().as_fd().try_clone_to_owned()?),
        _ => None,
    };
    if let Some(fd) = inherited {
        return of_our_own(fd.into());
    }
    // Not blocking: opening a FIFO that nobody reads would take for ever.
    let file =
        OpenOptions::new().append(true).create(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path)?;
    let rotates = !is_special(&file)? && !path.starts_with("/dev") && !path.starts_with("/proc");
    Ok(Opened { file, rotates, waits: false })
}

/// A stream that we were given, and that others may share: so may they its flags, which therefore stay as they are.
fn of_our_own(file: File) -> io::Result<Opened> {
    if !is_special(&file)? {
        return Ok(Opened { file, rotates: false, waits: false });
    }
    // Opened anew it has flags of its own. That fails for a socket, and for what belongs to another user.
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    match OpenOptions::new().write(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path) {
        Ok(file) => Ok(Opened { file, rotates: false, waits: false }),
        Err(_) => Ok(Opened { file, rotates: false, waits: true }),
    }
}

fn is_special(file: &File) -> io::Result<bool> {
    let kind = file.metadata()?.file_type();
    Ok(kind.is_fifo() || kind.is_char_device() || kind.is_block_device() || kind.is_socket())
}

/// How much of `data` was written, and why not all of it.
fn write_all(file: &mut File, data: &[u8], waits: bool, patient: bool) -> (usize, io::Result<()>) {
    let patience = if patient { PATIENCE_MILLIS } else { 0 };
    let mut written = 0;
    while written < data.len() {
        let mut piece = &data[written..];
        if waits {
            piece = &piece[..piece.len().min(PIPE_BUF)];
            if let Err(error) = await_reader(file, patience) {
                return (written, Err(error));
            }
        }
        match file.write(piece) {
            Ok(0) => return (written, Err(ErrorKind::WriteZero.into())),
            Ok(count) => written += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                if let Err(error) = await_reader(file, patience) {
                    return (written, Err(error));
                }
            }
            Err(error) => return (written, Err(error)),
        }
    }
    (written, Ok(()))
}

/// Waits until something can be written, but no longer than that.
fn await_reader(file: &File, patience_millis: u16) -> io::Result<()> {
    loop {
        let mut fds = [PollFd::new(file.as_fd(), PollFlags::POLLOUT)];
        match nix::poll::poll(&mut fds, PollTimeout::from(patience_millis)) {
            Ok(0) => return Err(io::Error::new(ErrorKind::WouldBlock, "nobody reads it")),
            Ok(_) => return Ok(()),
            Err(nix::errno::Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_full_file_becomes_the_first_backup_and_the_oldest_is_dropped() {
        let dir = folder();
        let path = dir.path().join("log");
        let mut log = LogFile::open(&path, 10, 2).unwrap();
        for text in ["first 7890", "second 890", "third 7890", "rest"] {
            assert_eq!(log.write(text.as_bytes()), None);
        }
        assert_eq!(names(dir.path()), ["log", "log.1", "log.2"]);
        assert_eq!(fs::read_to_string(&path).unwrap(), "rest");
        assert_eq!(fs::read_to_string(dir.path().join("log.1")).unwrap(), "third 7890");
        assert_eq!(fs::read_to_string(dir.path().join("log.2")).unwrap(), "second 890");
    }

    #[test]
    fn no_backups_keeps_none() {
        let dir = folder();
        let path = dir.path().join("log");
        let mut log = LogFile::open(&path, 10, 0).unwrap();
        log.write(b"0123456789");
        log.write(b"new");
        assert_eq!(names(dir.path()), ["log"]);
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
    }

    #[test]
    fn an_old_file_is_appended_to_and_counts() {
        let dir = folder();
        let path = dir.path().join("log");
        fs::write(&path, "old ").unwrap();
        let mut log = LogFile::open(&path, 6, 1).unwrap();
        log.write(b"new");
        assert_eq!(names(dir.path()), ["log", "log.1"]);
        assert_eq!(fs::read_to_string(dir.path().join("log.1")).unwrap(), "old new");
    }

    #[test]
    fn a_file_that_others_truncate_is_not_rotated_early() {
        let dir = folder();
        let path = dir.path().join("log");
        let mut log = LogFile::open(&path, 10, 1).unwrap();
        log.write(b"12345678");
        File::options().write(true).open(&path).unwrap().set_len(0).unwrap();
        log.write(b"abcd");
        assert_eq!(names(dir.path()), ["log"]);
        assert_eq!(fs::read_to_string(&path).unwrap(), "abcd", "and without a hole");
    }

    #[test]
    fn clear_and_reopen_start_a_new_file() {
        let dir = folder();
        let path = dir.path().join("log");
        let mut log = LogFile::open(&path, 0, 0).unwrap();
        log.write(b"before");
        log.clear().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "");
        fs::rename(&path, dir.path().join("moved")).unwrap();
        log.write(b"to the moved one");
        log.reopen().unwrap();
        log.write(b"after");
        assert_eq!(fs::read_to_string(&path).unwrap(), "after");
        assert_eq!(fs::read_to_string(dir.path().join("moved")).unwrap(), "to the moved one");
    }

    #[test]
    fn devices_are_written_and_left_alone() {
        let mut log = LogFile::open(Path::new("/dev/null"), 5, 1).unwrap();
        assert_eq!(log.write(b"much more than five"), None);
        log.clear().unwrap();
        assert!(Path::new("/dev/null").exists() && !Path::new("/dev/null.1").exists());
    }

    #[test]
    fn a_full_disk_is_said_once_and_so_is_its_end() {
        let mut log = LogFile::open(Path::new("/dev/full"), 0, 0).unwrap();
        assert_eq!(
            log.write(b"abc").as_deref(),
            Some("could not write to /dev/full: No space left on device (os error 28); output is lost")
        );
        assert_eq!(log.write(b"de"), None);
        log.path = "/dev/null".into();
        log.reopen().unwrap();
        assert_eq!(log.write(b"f").as_deref(), Some("/dev/null is written again; 5 bytes were lost"));
        assert_eq!(log.write(b"g"), None);
    }

    #[test]
    fn a_rotation_that_fails_loses_nothing() {
        let dir = folder();
        let path = dir.path().join("log");
        fs::create_dir_all(dir.path().join("log.1/in the way")).unwrap();
        let mut log = LogFile::open(&path, 4, 1).unwrap();
        assert!(log.write(b"1234").unwrap().starts_with("could not rotate "));
        assert_eq!(log.write(b"5678"), None, "said once");
        assert_eq!(fs::read_to_string(&path).unwrap(), "12345678");
    }

    #[test]
    fn a_fifo_that_nobody_reads_is_an_error_and_not_a_hang() {
        let dir = folder();
        let path = dir.path().join("fifo");
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert!(LogFile::open(&path, 0, 0).is_err());
    }

    #[test]
    fn a_stream_of_ours_that_nobody_reads_costs_one_wait_and_its_own_output() {
        for can_be_opened_anew in [true, false] {
            let (reading, writing) = nix::unistd::pipe().unwrap();
            let shared = writing.try_clone().unwrap();
            let opened = if can_be_opened_anew {
                of_our_own(writing.into()).unwrap()
            } else {
                Opened { file: writing.into(), rotates: false, waits: true }
            };
            let mut log = LogFile::closed(Path::new("/dev/stdout"), 0, 0);
            (log.file, log.waits) = (Some(opened.file), opened.waits);
            assert_eq!(log.waits, !can_be_opened_anew);
            let begin = Instant::now();
            assert_eq!(log.write(&vec![b'x'; 65_536]), None, "as much as a pipe holds");
            assert_eq!(log.write(b"lost").unwrap(), "could not write to /dev/stdout: nobody reads it; output is lost");
            for _ in 0..100 {
                assert_eq!(log.write(b"lost"), None);
            }
            let mut buffer = [0; 8192];
            nix::unistd::read(&reading, &mut buffer).unwrap();
            assert_eq!(log.write(b"x").unwrap(), "/dev/stdout is written again; 404 bytes were lost");
            // Even so it is not trusted again at once.
            for _ in 0..100 {
                log.write(&[b'x'; 4096]);
            }
            let waited = begin.elapsed().as_millis();
            assert!((1_000..1_900).contains(&waited), "{waited}");
            let flags = nix::fcntl::fcntl(&shared, nix::fcntl::FcntlArg::F_GETFL).unwrap();
            assert_eq!(flags & libc::O_NONBLOCK, 0, "others share it");
        }
    }
}
