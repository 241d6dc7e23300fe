//! CPU time, memory and open files of one process. A file of `/proc` costs some microseconds, the clock of a process
//! less than one.

use std::{
    fmt::Write as _,
    fs::{self, File},
    io::Read as _,
    time::Duration,
};

use nix::{
    time::{ClockId, clock_getcpuclockid, clock_gettime},
    unistd::{Pid, SysconfVar, sysconf},
};

/// Read the CPU time of a process, by one call and more exactly than from `/proc/PID/stat`.
pub(crate) fn cpu_time(pid: i32) -> Option<Duration> {
    clock_getcpuclockid(Pid::from_raw(pid)).and_then(clock_gettime).ok().map(Duration::from)
}

/// Read the processor time that this thread has taken.
pub(crate) fn thread_time() -> Option<Duration> {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).ok().map(Duration::from)
}

/// Reader of the sizes of many processes, which makes room for a path but once.
pub(crate) struct SizeReader {
    path: String,
    /// Size of a page of memory, in bytes.
    page: u64,
}

impl SizeReader {
    pub(crate) fn new() -> Self {
        let page = sysconf(SysconfVar::PAGE_SIZE).ok().flatten().and_then(|size| u64::try_from(size).ok());
        Self { path: String::new(), page: page.unwrap_or(4096) }
    }

    /// Read the resident memory of a process, in bytes.
    pub(crate) fn resident_bytes(&mut self, pid: i32) -> Option<u64> {
        let mut text = [0; 128];
        let length = File::open(self.path_of(pid, "statm")).ok()?.read(&mut text).ok()?;
        let pages: u64 = std::str::from_utf8(&text[..length]).ok()?.split_ascii_whitespace().nth(1)?.parse().ok()?;
        Some(pages * self.page)
    }

    /// Count the open files of a process.
    pub(crate) fn open_files(&mut self, pid: i32) -> Option<u64> {
        let folder = self.path_of(pid, "fd");
        // Since Linux 6.2 its size says it; before that it is 0.
        match fs::metadata(folder).ok()?.len() {
            0 => fs::read_dir(folder).ok().map(|entries| entries.count() as u64),
            count => Some(count),
        }
    }

    fn path_of(&mut self, pid: i32, name: &str) -> &str {
        self.path.clear();
        // Writing to a `String` cannot fail.
        let _ = write!(self.path, "/proc/{pid}/{name}");
        &self.path
    }
}
