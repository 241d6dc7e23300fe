//! The activity log as everybody else sees it: a handle that takes a line and never waits.
//!
//! The lines go to the output thread, which alone touches files: a disk that does not answer must not hold up the
//! supervision of processes. Its engine for files and their rotation, [`LogFile`], also writes the logs of programs.

mod file;
mod line;
mod loss;
mod open;
mod patience;
mod syslog;

use std::{fmt, sync::Arc, time::SystemTime};

pub use file::LogFile;
pub use line::Formatter;
pub use open::{inherited, is_of_the_system, keep_inherited, open_to_read};
pub use syslog::Syslog;

pub use crate::config::Level;

/// One line on its way to the activity log.
#[derive(Clone, Debug)]
pub struct Line {
    /// How bad.
    pub level: Level,
    /// When it was logged, which is not when it is written.
    pub time: SystemTime,
    /// Its text; it may hold line feeds.
    pub message: String,
}

/// Takes lines for the activity log. Cheap to clone, never blocks.
#[derive(Clone)]
pub struct Logger {
    level: Level,
    sink: Arc<dyn Fn(Line) + Send + Sync>,
}

impl fmt::Debug for Logger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Logger").field("level", &self.level).finish_non_exhaustive()
    }
}

impl Logger {
    /// A logger that hands lines of at least that level to `sink`, which must not block.
    pub fn new(level: Level, sink: impl Fn(Line) + Send + Sync + 'static) -> Self {
        Self { level, sink: Arc::new(sink) }
    }

    /// Whether a line of that level is written at all.
    pub fn logs(&self, level: Level) -> bool {
        level >= self.level
    }

    /// Logs a line.
    pub fn log(&self, level: Level, message: impl fmt::Display) {
        if self.logs(level) {
            (self.sink)(Line { level, time: SystemTime::now(), message: message.to_string() });
        }
    }

    /// Logs a line that probably needs somebody's attention at once.
    pub fn critical(&self, message: impl fmt::Display) {
        self.log(Level::Critical, message);
    }

    /// Logs an error that may be ignored.
    pub fn error(&self, message: impl fmt::Display) {
        self.log(Level::Error, message);
    }

    /// Logs what is out of the ordinary and no error.
    pub fn warn(&self, message: impl fmt::Display) {
        self.log(Level::Warn, message);
    }

    /// Logs what a person would like to know.
    pub fn info(&self, message: impl fmt::Display) {
        self.log(Level::Info, message);
    }

    /// Logs what helps to mend a config.
    pub fn debug(&self, message: impl fmt::Display) {
        self.log(Level::Debug, message);
    }

    /// Logs what helps to mend a plugin.
    pub fn trace(&self, message: impl fmt::Display) {
        self.log(Level::Trace, message);
    }

    /// Logs what helps to mend the supervisor.
    pub fn blather(&self, message: impl fmt::Display) {
        self.log(Level::Blather, message);
    }
}
