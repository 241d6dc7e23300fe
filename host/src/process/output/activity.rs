//! The activity log itself: a file, or syslog, and a copy on stdout in the foreground.

use std::{fs, io, os::unix::fs::MetadataExt as _, path::Path, time::SystemTime};

use crate::{
    config::{self, Logfile},
    logger::{Formatter, Level, Line, LogFile, Syslog},
};

const STDOUT: &str = "/dev/stdout";

pub(super) struct Activity {
    level: Level,
    formatter: Formatter,
    stdout: Option<LogFile>,
    file: Option<LogFile>,
    syslog: Option<Syslog>,
    buffer: Vec<u8>,
}

impl Activity {
    pub(super) fn open(config: &config::Supervisord) -> io::Result<Self> {
        let file = match &config.logfile {
            Logfile::Path(path) => Some(LogFile::open(path, config.logfile_maxbytes, config.logfile_backups)?),
            Logfile::None | Logfile::Auto | Logfile::Syslog => None,
        };
        // Lines for a log that is our stdout come once.
        let is_stdout = config.logfile.path().is_some_and(|path| is_same(path, Path::new(STDOUT)));
        let copies = config.nodaemon && !config.silent && !is_stdout;
        Ok(Self {
            level: config.loglevel,
            formatter: Formatter::default(),
            stdout: copies.then(|| LogFile::open(Path::new(STDOUT), 0, 0)).transpose()?,
            file,
            syslog: (config.logfile == Logfile::Syslog).then(Syslog::default),
            buffer: Vec::new(),
        })
    }

    pub(super) fn logs(&self, level: Level) -> bool {
        level >= self.level
    }

    /// Logs a line of the output thread's own.
    pub(super) fn log(&mut self, level: Level, message: String) {
        if self.logs(level) {
            self.write(&Line { level, time: SystemTime::now(), message });
        }
    }

    pub(super) fn write(&mut self, line: &Line) {
        let mut news = Vec::new();
        if let Some(syslog) = &mut self.syslog {
            news.extend(syslog.write(&self.formatter.head(line), line.message.as_bytes()));
        }
        self.buffer.clear();
        self.formatter.format(line, &mut self.buffer);
        for log in self.stdout.iter_mut().chain(&mut self.file) {
            news.extend(log.write(&self.buffer));
        }
        // What is wrong with one of them stands in the others.
        for news in news {
            let news = Line { level: Level::Error, time: SystemTime::now(), message: news };
            self.buffer.clear();
            self.formatter.format(&news, &mut self.buffer);
            for log in self.stdout.iter_mut().chain(&mut self.file) {
                log.write(&self.buffer);
            }
            if let Some(syslog) = &mut self.syslog {
                syslog.write(&self.formatter.head(&news), news.message.as_bytes());
            }
        }
    }

    pub(super) fn reopen(&mut self) {
        // The last line of the old file, as Supervisor has it.
        self.log(Level::Info, "supervisord logreopen".to_owned());
        if let Some(Err(error)) = self.file.as_mut().map(LogFile::reopen) {
            self.log(Level::Error, format!("could not reopen the log: {error}"));
        }
    }

    pub(super) fn clear(&mut self) -> io::Result<()> {
        // Goes with the old file and is seen on stdout alone, as Supervisor has it.
        self.log(Level::Info, "reopening log file".to_owned());
        self.file.as_mut().map_or(Ok(()), LogFile::clear)
    }
}

/// Whether both are there and are one file, pipe or terminal, whatever they are called.
fn is_same(one: &Path, other: &Path) -> bool {
    let identity = |path| fs::metadata(path).map(|found| (found.dev(), found.ino()));
    matches!((identity(one), identity(other)), (Ok(one), Ok(other)) if one == other)
}
