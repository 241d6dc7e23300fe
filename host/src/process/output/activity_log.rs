//! The activity log: a file, or syslog, and a copy on stdout in the foreground.

use std::{
    io,
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};

use super::{
    completion::Completion,
    log::{Backlog, Destination, Job, Log},
};
use crate::{
    config::{self, LogFormat, Logfile},
    logger::{Formatter, Level, LogFile, Record, Syslog},
};

const STDOUT: &str = "/dev/stdout";

/// Activity log: the logs that each line goes to.
pub(super) struct ActivityLog {
    level: Level,
    formatter: Formatter,
    stdout: Option<Arc<Log>>,
    file: Option<Arc<Log>>,
    syslog: Option<Arc<Log>>,
    buffer: Vec<u8>,
    /// Time of the line that was written last.
    last: SystemTime,
}

/// Files of the log, opened before there is any thread: a supervisord whose log cannot be opened does not start.
pub(super) struct OpenedLogs {
    stdout: Option<LogFile>,
    file: Option<LogFile>,
}

/// Longest time that a line may be older than the one above it for having come from elsewhere and waited in a queue.
/// What is older still has another reason: the clock was set.
const MAX_QUEUED: Duration = Duration::from_secs(1);

impl ActivityLog {
    pub(super) fn new(config: &config::Supervisord, opened: OpenedLogs, backlog: &Arc<Backlog>) -> Self {
        let log = |name: &Path, destination| Log::of_lines(name, destination, backlog);
        let of_file = |file: LogFile| {
            let path = file.path().to_owned();
            log(&path, Destination::File(file))
        };
        let is_syslog = config.logfile == Logfile::Syslog;
        Self {
            level: config.loglevel,
            formatter: Formatter::new(config.log_format == LogFormat::Json),
            stdout: opened.stdout.map(of_file),
            file: opened.file.map(of_file),
            syslog: is_syslog.then(|| log(Path::new("syslog"), Destination::Syslog(Syslog::default()))),
            buffer: Vec::new(),
            last: SystemTime::UNIX_EPOCH,
        }
    }

    /// List its logs.
    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Log>> {
        self.stdout.iter().chain(&self.file).chain(&self.syslog)
    }

    pub(super) fn logs(&self, level: Level) -> bool {
        level >= self.level
    }

    /// Log a line of the output loop's own.
    pub(super) fn log(&mut self, level: Level, message: String) {
        if self.logs(level) {
            self.write(Record { level, time: SystemTime::now(), message });
        }
    }

    pub(super) fn write(&mut self, mut line: Record) {
        // Whoever sorts lines by their time gets them in this order.
        if self.last.duration_since(line.time).is_ok_and(|behind| behind < MAX_QUEUED) {
            line.time = self.last;
        }
        self.last = line.time;
        if let Some(syslog) = &self.syslog {
            let (head, text) = self.formatter.parts(&line);
            syslog.record(head, text.into_owned().into_bytes());
        }
        self.buffer.clear();
        self.formatter.format(&line, &mut self.buffer);
        for log in self.stdout.iter().chain(&self.file) {
            log.write(&self.buffer, None);
        }
    }

    pub(super) fn reopen(&mut self, completion: Option<&Arc<Completion>>) {
        // The last line of the old file, as Supervisor has it.
        self.log(Level::Info, "supervisord logreopen".to_owned());
        if let Some(file) = &self.file {
            file.push(Job::Reopen(completion.map(Arc::clone)));
        }
    }

    pub(super) fn rotate(&self, completion: &Arc<Completion>) {
        if let Some(file) = &self.file {
            file.push(Job::Rotate(Arc::clone(completion)));
        }
    }

    pub(super) fn clear(&mut self, completion: &Arc<Completion>) {
        // Goes with the old file and is seen on stdout alone, as Supervisor has it.
        self.log(Level::Info, "reopening log file".to_owned());
        if let Some(file) = &self.file {
            file.push(Job::Clear(Arc::clone(completion)));
        }
    }
}

impl OpenedLogs {
    pub(super) fn open(config: &config::Supervisord) -> io::Result<Self> {
        let file = match &config.logfile {
            Logfile::Path(path) => Some(LogFile::open(path, config.logfile_maxbytes, config.logfile_backups)?),
            Logfile::None | Logfile::Auto | Logfile::Syslog => None,
        };
        // Lines for a log that is our stdout come once.
        let is_stdout = file.as_ref().is_some_and(LogFile::is_stdout);
        let copies = config.nodaemon && !config.silent && !is_stdout;
        Ok(Self { stdout: copies.then(|| LogFile::open(Path::new(STDOUT), 0, 0)).transpose()?, file })
    }
}
