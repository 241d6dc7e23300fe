//! A log file: appended to, rotated by size, and never the reason why anything stops.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Write as _},
    os::{
        fd::AsFd as _,
        unix::fs::{FileTypeExt as _, OpenOptionsExt as _},
    },
    path::{Path, PathBuf},
};

use nix::poll::{PollFd, PollFlags, PollTimeout};

/// How long a reader of a FIFO or terminal may keep us waiting before its output is given up.
const PATIENCE_MILLIS: u16 = 1_000;

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
        let (file, rotates) = open(&self.path)?;
        self.size = if rotates { file.metadata()?.len() } else { 0 };
        self.file = Some(file);
        self.rotates = rotates;
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
        let (written, result) = match &mut self.file {
            Some(file) => write_all(file, data, self.lost == 0),
            None => (0, Err(io::Error::from(ErrorKind::NotFound))),
        };
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

/// Opens for appending; also answers whether it is an ordinary file, which may be rotated.
fn open(path: &Path) -> io::Result<(File, bool)> {
    // Our own streams are duplicated: a socket cannot be opened by its name, and a terminal may belong to another user.
    let inherited = match path.to_str() {
        Some("/dev/stdout" | "/dev/fd/1" | "/proc/self/fd/1") => Some(io::stdout().as_fd().try_clone_to_owned()?),
        Some("/dev/stderr" | "/dev/fd/2" | "/proc/self/fd/2") => Some(io::stderr().as_fd().try_clone_to_owned()?),
        _ => None,
    };
    if let Some(fd) = inherited {
        return Ok((fd.into(), false));
    }
    // Not blocking: opening a FIFO that nobody reads would take for ever.
    let file =
        OpenOptions::new().append(true).create(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path)?;
    let kind = file.metadata()?.file_type();
    let special = kind.is_fifo() || kind.is_char_device() || kind.is_block_device() || kind.is_socket();
    let rotates = !special && !path.starts_with("/dev") && !path.starts_with("/proc");
    Ok((file, rotates))
}

/// How much of `data` was written, and why not all of it.
fn write_all(file: &mut File, data: &[u8], patient: bool) -> (usize, io::Result<()>) {
    let mut written = 0;
    while written < data.len() {
        match file.write(&data[written..]) {
            Ok(0) => return (written, Err(ErrorKind::WriteZero.into())),
            Ok(count) => written += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock && patient => {
                let mut fds = [PollFd::new(file.as_fd(), PollFlags::POLLOUT)];
                match nix::poll::poll(&mut fds, PollTimeout::from(PATIENCE_MILLIS)) {
                    Ok(0) => return (written, Err(error)),
                    Ok(_) | Err(nix::errno::Errno::EINTR) => {}
                    Err(errno) => return (written, Err(errno.into())),
                }
            }
            Err(error) => return (written, Err(error)),
        }
    }
    (written, Ok(()))
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
}
