//! The activity log as everybody else sees it: a handle that takes a line and never waits.
//!
//! The lines go to the output threads, which alone touch files: a disk that does not answer must not hold up the
//! supervision of processes. Its engine for files and their rotation, [`LogFile`], also writes the logs of programs.
//!
//! The modules are floors; each imports only from those above it in this list.

mod lost_output;
mod open;
mod period;
mod timestamp;
mod write_timeout;

mod file;
mod record;
mod syslog;

use std::{fmt, sync::Arc, time::SystemTime};

pub use file::{LogFile, Rotation};
pub use open::{inherited, is_of_the_system, keep_inherited, open_to_read};
pub use period::Period;
pub use plugin_api::Level;
pub use record::{Formatter, Record};
pub use syslog::Syslog;
pub use timestamp::Timestamps;

/// Handle that takes lines for the activity log. Cheap to clone, never blocks.
#[derive(Clone)]
pub struct Logger {
    level: Level,
    sink: Arc<dyn Fn(Record) + Send + Sync>,
}

impl fmt::Debug for Logger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Logger").field("level", &self.level).finish_non_exhaustive()
    }
}

impl Logger {
    /// Make a logger that hands lines of at least that level to `sink`, which must not block.
    pub fn new(level: Level, sink: impl Fn(Record) + Send + Sync + 'static) -> Self {
        Self { level, sink: Arc::new(sink) }
    }

    /// Tell whether a line of that level is written at all.
    pub fn logs(&self, level: Level) -> bool {
        level >= self.level
    }

    /// Log a line.
    pub fn log(&self, level: Level, message: impl fmt::Display) {
        if self.logs(level) {
            (self.sink)(Record { level, time: SystemTime::now(), message: message.to_string() });
        }
    }

    /// Log a line that probably needs somebody's attention at once.
    pub fn critical(&self, message: impl fmt::Display) {
        self.log(Level::Critical, message);
    }

    /// Log an error that may be ignored.
    pub fn error(&self, message: impl fmt::Display) {
        self.log(Level::Error, message);
    }

    /// Log something out of the ordinary that is no error.
    pub fn warn(&self, message: impl fmt::Display) {
        self.log(Level::Warn, message);
    }

    /// Log something that a person would like to know.
    pub fn info(&self, message: impl fmt::Display) {
        self.log(Level::Info, message);
    }

    /// Log something that helps to mend a config.
    pub fn debug(&self, message: impl fmt::Display) {
        self.log(Level::Debug, message);
    }

    /// Log something that helps to mend a plugin.
    pub fn trace(&self, message: impl fmt::Display) {
        self.log(Level::Trace, message);
    }

    /// Log something that helps to mend the supervisor.
    pub fn blather(&self, message: impl fmt::Display) {
        self.log(Level::Blather, message);
    }
}
