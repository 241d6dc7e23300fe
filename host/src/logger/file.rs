//! A log file: appended to, rotated by size, and never the reason why anything stops.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Read as _, Seek as _, SeekFrom, Write as _},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use nix::errno::Errno;

use super::{
    lost_output::LostOutput,
    open::{self, Opened},
    period::{CurrentPeriod, Period},
    write_timeout::WriteTimeout,
};

/// Time between two looks for a file that is not where it was.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// Bytes that a pipe takes without blocking once it is ready.
const PIPE_BUF: usize = libc::PIPE_BUF;

/// Moments at which a log file is rotated, and what is kept then.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rotation {
    /// Bytes at which it is full; 0 is never.
    pub maxbytes: u64,
    /// Number of old files that are kept; 0 keeps none.
    pub backups: u32,
    /// Period with which it begins anew, however full it is.
    pub period: Option<Period>,
}

/// A log file with its rotation.
///
/// What cannot be written is lost and counted; [`write`](Self::write) returns a sentence when that begins and another
/// when it ends. A file that somebody has removed is made anew, and so is one that could not be opened before, as soon
/// as that is possible; one that was renamed is written to until [`reopen`](Self::reopen). Targets that cannot seek
/// (`/dev/stdout` and links to it, a FIFO, a terminal) and everything else below `/dev` and `/proc` are never rotated,
/// renamed or removed.
#[derive(Debug)]
pub struct LogFile {
    path: PathBuf,
    file: Option<File>,
    rotates: bool,
    /// True where a write may wait for a reader: it must be asked first.
    waits: bool,
    timeout: WriteTimeout,
    /// Bytes that the file holds, as far as we know.
    size: u64,
    /// Bytes that were written here in all.
    written: u64,
    rotation: Rotation,
    /// Period that its last bytes are from.
    current: CurrentPeriod,
    /// Second for which the number of the period was found out last, and that.
    last_number: Option<(u64, i64)>,
    /// Set where its last bytes are no end of a line; `None` where nobody has looked.
    ends_within_line: Option<bool>,
    lost: LostOutput,
    rotation_failed: bool,
    /// Time when it was last seen to be there, or not to be had.
    looked: Instant,
}

impl LogFile {
    /// Rotate it so from now on.
    pub fn set_rotation(&mut self, rotation: Rotation) {
        if self.rotation.period != rotation.period {
            (self.current, self.last_number) = (CurrentPeriod::default(), None);
        }
        self.rotation = rotation;
    }

    /// Open a log at `path`, or make it. `maxbytes` 0 never rotates; `backups` 0 keeps no old file.
    pub fn open(path: &Path, maxbytes: u64, backups: u32) -> io::Result<Self> {
        let mut log = Self::closed(path, Rotation { maxbytes, backups, period: None });
        log.open_late()?;
        Ok(log)
    }

    /// Make a log at `path` that is not open. Where it cannot be opened, its owner says so; what is written to it is
    /// lost until it can be.
    pub fn closed(path: &Path, rotation: Rotation) -> Self {
        Self {
            path: path.to_owned(),
            file: None,
            rotates: false,
            waits: false,
            timeout: WriteTimeout::default(),
            size: 0,
            written: 0,
            rotation,
            current: CurrentPeriod::default(),
            last_number: None,
            ends_within_line: None,
            lost: LostOutput::reported(),
            rotation_failed: false,
            looked: Instant::now(),
        }
    }

    /// Open a log that is not open yet.
    pub fn open_late(&mut self) -> io::Result<()> {
        self.reopen()?;
        self.lost = LostOutput::default();
        Ok(())
    }

    /// Get its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Count the bytes that were written here in all, whatever has become of the files.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Tell whether the last bytes of the file are no end of a line. Of a file that was there before, they are read.
    pub fn ends_within_line(&mut self) -> bool {
        if self.ends_within_line.is_none() {
            self.ends_within_line = Some(self.rotates && self.size > 0 && !ends_with_line(&self.path));
        }
        self.ends_within_line == Some(true)
    }

    /// Tell whether it is the file, the pipe or the terminal that our stdout is.
    pub fn is_stdout(&self) -> bool {
        self.file.as_ref().is_some_and(open::is_stdout)
    }

    /// Open the path anew: after somebody has moved the file away. The old file stays in use if that fails.
    pub fn reopen(&mut self) -> io::Result<()> {
        let Opened { file, rotates, waits } = open::open(&self.path)?;
        let metadata = if rotates { Some(file.metadata()?) } else { None };
        self.size = metadata.as_ref().map_or(0, fs::Metadata::len);
        // What it holds may be of yesterday.
        let written = metadata.filter(|it| it.len() > 0).and_then(|it| it.modified().ok());
        self.current = CurrentPeriod::of(written.zip(self.rotation.period).map(|(at, period)| period.number(at)));
        self.ends_within_line = None;
        self.file = Some(file);
        self.rotates = rotates;
        self.waits = waits;
        self.rotation_failed = false;
        self.looked = Instant::now();
        Ok(())
    }

    /// Empty the log: remove the file and make it anew.
    pub fn clear(&mut self) -> io::Result<()> {
        if self.rotates {
            match fs::remove_file(&self.path) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        self.reopen()
    }

    /// Append `data` and rotate if the file is full, or, before that, if a new period has begun. Returns what an
    /// operator should know: that output is being lost, or no longer.
    pub fn write(&mut self, data: &[u8]) -> Option<String> {
        // Most have no period, and need no clock.
        let now = self.rotation.period.map(|_| SystemTime::now());
        self.write_at(data, now)
    }

    fn write_at(&mut self, data: &[u8], now: Option<SystemTime>) -> Option<String> {
        let losing = self.lost.any();
        let there = self.look();
        let not_rotated = now.filter(|_| there.is_ok()).and_then(|now| self.begin_period(now));
        let (written, result) = match there {
            Ok(()) => match &mut self.file {
                Some(file) => write_all(file, data, self.waits, |file| self.timeout.wait(file, losing)),
                None => (0, Err(Errno::ENOENT.into())),
            },
            Err(error) => (0, Err(error)),
        };
        self.size += written as u64;
        self.written += written as u64;
        if let Some(last) = data[..written].last() {
            self.ends_within_line = Some(*last != b'\n');
        }
        let name = self.path.display();
        let news = match result {
            Ok(()) => self.lost.end().map(|lost| format!("{name} is written again; {lost} bytes were lost")),
            Err(error) => {
                let lost = (data.len() - written) as u64;
                self.lost.add(lost).then(|| format!("could not write to {name}: {error}; output is lost"))
            }
        };
        let maxbytes = self.rotation.maxbytes;
        let is_full = maxbytes > 0 && self.size >= maxbytes && self.rotates;
        let not_rotated_now = is_full.then(|| self.rotate(maxbytes)).flatten();
        let all: Vec<_> = [not_rotated, news, not_rotated_now].into_iter().flatten().collect();
        (!all.is_empty()).then(|| all.join("; "))
    }

    /// Rotate it if what it holds is of an earlier period than now, as the next write would.
    pub fn begin_period_now(&mut self) -> Option<String> {
        self.rotation.period?;
        self.look().ok()?;
        self.begin_period(SystemTime::now())
    }

    /// Rotate it if what it holds is of an earlier period than this moment.
    fn begin_period(&mut self, now: SystemTime) -> Option<String> {
        let period = self.rotation.period?;
        let second = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let number = match self.last_number {
            Some((then, number)) if then == second => number,
            _ => period.number(now),
        };
        self.last_number = Some((second, number));
        (self.current.advance(number) && self.rotates && self.size > 0).then(|| self.rotate(1)).flatten()
    }

    /// Rotate it now, if it is a file that is rotated and holds something. One that is not open is opened for that, if
    /// it is there.
    pub fn rotate_now(&mut self) -> io::Result<()> {
        if self.file.is_none() {
            if !fs::exists(&self.path)? {
                return Ok(());
            }
            self.open_late()?;
        }
        if !self.rotates || self.file.as_ref().is_some_and(|file| file.metadata().is_ok_and(|now| now.len() == 0)) {
            return Ok(());
        }
        if self.rotation.backups == 0 {
            // It would be emptied, which is not what was asked for.
            return Err(io::Error::other("it keeps no old files, for its backups are 0"));
        }
        self.begin_anew()
    }

    /// Look, once in a while, whether the file is still there, and make it anew where it is not.
    fn look(&mut self) -> io::Result<()> {
        if self.file.is_some() && !self.rotates || self.looked.elapsed() < LOOK_AGAIN {
            return Ok(());
        }
        self.looked = Instant::now();
        let is_there =
            self.file.as_ref().is_some_and(|file| file.metadata().is_ok_and(|metadata| metadata.nlink() > 0));
        if is_there {
            return Ok(());
        }
        // What is written to a file without a name is lost, too.
        self.file = None;
        self.reopen()
    }

    /// Rotate it, if it holds as much as that.
    fn rotate(&mut self, least: u64) -> Option<String> {
        // Somebody else may have truncated it.
        if let Some(Ok(metadata)) = self.file.as_ref().map(File::metadata)
            && metadata.len() < least
        {
            self.size = metadata.len();
            return None;
        }
        match self.begin_anew() {
            Ok(()) => None,
            Err(error) => {
                self.size = 0; // Once more when it has grown by as much again.
                let first = !std::mem::replace(&mut self.rotation_failed, true);
                first.then(|| format!("could not rotate {}: {error}", self.path.display()))
            }
        }
    }

    /// Shift the files and begin a new one. Where none can be had, all are put back, and the log goes on.
    fn begin_anew(&mut self) -> io::Result<()> {
        // Whoever lacks a descriptor or a disk finds out before the oldest file is dropped.
        absent(open::open_to_append(&self.path).map(drop))?;
        self.shift()?;
        let result = self.reopen();
        if result.is_err() && self.rotation.backups > 0 {
            // Left where they are, they would be shifted on with each attempt, and removed in the end.
            let _ = fs::rename(self.backup(1), &self.path);
            for number in 1..self.rotation.backups {
                let _ = rename(&self.backup(number + 1), &self.backup(number));
            }
        }
        result
    }

    /// Rename `log.1` to `log.2` and so on, then `log` to `log.1`; without backups empty the file.
    fn shift(&self) -> io::Result<()> {
        let backups = self.rotation.backups;
        if backups == 0 {
            return absent(OpenOptions::new().write(true).truncate(true).open(&self.path).map(drop));
        }
        // The oldest goes first: a file that is renamed over another one is written to the disk at once (ext4), and
        // whoever renames it waits.
        absent(fs::remove_file(self.backup(backups)))?;
        for number in (1..backups).rev() {
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

/// Return whether a file ends with a line feed. One that cannot be read is taken for such.
fn ends_with_line(path: &Path) -> bool {
    let mut last = [b'\n'];
    if let Ok(mut file) = open::open_to_read(path)
        && file.seek(SeekFrom::End(-1)).is_ok()
    {
        let _ = file.read_exact(&mut last);
    }
    last == *b"\n"
}

fn rename(from: &Path, to: &Path) -> io::Result<()> {
    absent(fs::rename(from, to))
}

/// Take a file that somebody has removed for no error.
fn absent(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

/// Write `data`; return how much of it was written, and why not all.
fn write_all(
    file: &mut File,
    data: &[u8],
    waits: bool,
    mut wait_for_reader: impl FnMut(&File) -> io::Result<()>,
) -> (usize, io::Result<()>) {
    let mut written = 0;
    let result = loop {
        let mut piece = &data[written..];
        if piece.is_empty() {
            break Ok(());
        }
        if waits {
            piece = &piece[..piece.len().min(PIPE_BUF)];
            if let Err(error) = wait_for_reader(file) {
                break Err(error);
            }
        }
        match file.write(piece) {
            Ok(0) => break Err(ErrorKind::WriteZero.into()),
            Ok(count) => written += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                if let Err(error) = wait_for_reader(file) {
                    break Err(error);
                }
            }
            Err(error) => break Err(error),
        }
    };
    (written, result)
}

#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;
