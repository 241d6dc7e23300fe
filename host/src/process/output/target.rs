//! Origin and destinations of one output of a process.

use std::{io, path::PathBuf};

use serde::{Deserialize, Serialize};

use crate::{
    config::{self, LogFormat, LogRotate, Logfile},
    events::Channel,
    logger::{Period, Rotation},
};

/// Destinations of one output of a process, with `AUTO` resolved.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct OutputTarget {
    /// Log file; `None` for `NONE`.
    pub path: Option<PathBuf>,
    pub(super) maxbytes: u64,
    pub(super) backups: u32,
    /// Other moments at which it is rotated.
    pub(super) rotate: LogRotate,
    /// Form of its lines.
    pub(super) log_format: LogFormat,
    /// Send a copy to syslog.
    pub(super) syslog: bool,
    /// Publish it as `PROCESS_LOG_*` events.
    pub(super) events: bool,
    pub(super) capture_maxbytes: u64,
    /// Set for the stdout of an event listener: a conversation, shown as bytes in the activity log.
    pub(super) is_protocol: bool,
}

impl OutputTarget {
    /// Resolve one output of a process. `auto` makes the file that an `AUTO` log asks for.
    pub fn new(output: &config::OutputOptions, auto: impl FnOnce() -> io::Result<PathBuf>) -> io::Result<Self> {
        let path = match &output.logfile {
            // The config has put `*_syslog=true` in the place of syslog.
            Logfile::None | Logfile::Syslog => None,
            Logfile::Auto => Some(auto()?),
            Logfile::Path(path) => Some(path.clone()),
        };
        Ok(Self {
            path,
            maxbytes: output.maxbytes,
            backups: output.backups,
            rotate: output.rotate,
            log_format: output.log_format,
            syslog: output.syslog,
            events: output.events_enabled,
            capture_maxbytes: output.capture_maxbytes,
            is_protocol: false,
        })
    }

    /// Take up what of other options of the output does not need a new start: all that is said of its log but where it
    /// is, and events.
    #[must_use]
    pub fn with_options(&self, output: &config::OutputOptions) -> Self {
        Self {
            maxbytes: output.maxbytes,
            backups: output.backups,
            rotate: output.rotate,
            log_format: output.log_format,
            events: output.events_enabled && !self.is_protocol,
            ..self.clone()
        }
    }

    /// Return the form that lines get in the log file, if they get one.
    pub(super) fn line_form(&self) -> Option<LineForm> {
        match self.log_format {
            LogFormat::Raw => None,
            LogFormat::Text => Some(LineForm::Text),
            LogFormat::Json => Some(LineForm::Json),
        }
    }

    /// Return when the log is rotated.
    pub(super) fn rotation(&self) -> Rotation {
        let period = match self.rotate {
            LogRotate::Size => None,
            LogRotate::Daily => Some(Period::Day),
            LogRotate::Hourly => Some(Period::Hour),
        };
        Rotation { maxbytes: self.maxbytes, backups: self.backups, period }
    }

    /// Return the target of an event listener's stdout: only a log file.
    #[must_use]
    pub fn of_protocol(self) -> Self {
        Self { syslog: false, events: false, capture_maxbytes: 0, is_protocol: true, ..self }
    }
}

/// Form of lines that are not written as they came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LineForm {
    /// Line behind the time and the name of the process.
    Text,
    /// Object.
    Json,
}

/// Origin of an output.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Source {
    pub(super) process: String,
    pub(super) group: String,
    pub(super) pid: i32,
    pub(super) channel: Channel,
}
