//! The activity log itself: a file, or syslog, and a copy on stdout in the foreground.

use std::{
    io,
    path::Path,
    time::{Duration, SystemTime},
};

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
    /// Of the line above.
    last: SystemTime,
}

/// By so much at most a line may be older than the one above it, for it comes from another thread and has waited in a
/// queue. What is older still has another reason: the clock was set.
const WAITED: Duration = Duration::from_secs(1);

impl Activity {
    pub(super) fn open(config: &config::Supervisord) -> io::Result<Self> {
        let file = match &config.logfile {
            Logfile::Path(path) => Some(LogFile::open(path, config.logfile_maxbytes, config.logfile_backups)?),
            Logfile::None | Logfile::Auto | Logfile::Syslog => None,
        };
        // Lines for a log that is our stdout come once.
        let is_stdout = file.as_ref().is_some_and(LogFile::is_stdout);
        let copies = config.nodaemon && !config.silent && !is_stdout;
        Ok(Self {
            level: config.loglevel,
            formatter: Formatter::default(),
            stdout: copies.then(|| LogFile::open(Path::new(STDOUT), 0, 0)).transpose()?,
            file,
            syslog: (config.logfile == Logfile::Syslog).then(Syslog::default),
            buffer: Vec::new(),
            last: SystemTime::UNIX_EPOCH,
        })
    }

    pub(super) fn logs(&self, level: Level) -> bool {
        level >= self.level
    }

    /// Logs a line of the output thread's own.
    pub(super) fn log(&mut self, level: Level, message: String) {
        if self.logs(level) {
            self.write(Line { level, time: SystemTime::now(), message });
        }
    }

    pub(super) fn write(&mut self, mut line: Line) {
        // Whoever sorts lines by their time gets them in this order.
        if self.last.duration_since(line.time).is_ok_and(|behind| behind < WAITED) {
            line.time = self.last;
        }
        self.last = line.time;
        let line = &line;
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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::process::fixtures;

    #[test]
    fn lines_that_waited_are_not_older_than_those_above() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let config = config::Supervisord { logfile: Logfile::Path(path.clone()), ..fixtures::supervisord(dir.path()) };
        let mut activity = Activity::open(&config).unwrap();
        let time = |minutes, milliseconds| Duration::from_mins(minutes) + Duration::from_millis(milliseconds);
        // The second has waited; before the last, somebody has set the clock.
        for time in [time(60, 5), time(60, 0), time(60, 6), time(30, 0)] {
            let time = SystemTime::UNIX_EPOCH + time;
            activity.write(Line { level: Level::Info, time, message: "x".to_owned() });
        }
        let log = fs::read_to_string(path).unwrap();
        let times: Vec<_> = log.lines().map(|line| &line["1970-01-01 hh:".len()..][..9]).collect();
        assert_eq!(times, ["00:00,005", "00:00,005", "00:00,006", "30:00,000"]);
    }
}
