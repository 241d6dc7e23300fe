//! Origin and destinations of one output of a process.

use std::{io, path::PathBuf};

use serde::{Deserialize, Serialize};

use crate::{
    config::{self, Logfile},
    events::Channel,
};

/// Destinations of one output of a process, with `AUTO` resolved.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct OutputTarget {
    /// Log file; `None` for `NONE`.
    pub path: Option<PathBuf>,
    pub(super) maxbytes: u64,
    pub(super) backups: u32,
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
            syslog: output.syslog,
            events: output.events_enabled,
            capture_maxbytes: output.capture_maxbytes,
            is_protocol: false,
        })
    }

    /// Take up what of other options of the output does not need a new start: sizes of the log, and events.
    #[must_use]
    pub fn with_options(&self, output: &config::OutputOptions) -> Self {
        Self {
            maxbytes: output.maxbytes,
            backups: output.backups,
            events: output.events_enabled && !self.is_protocol,
            ..self.clone()
        }
    }

    /// Return the target of an event listener's stdout: only a log file.
    #[must_use]
    pub fn of_protocol(self) -> Self {
        Self { syslog: false, events: false, capture_maxbytes: 0, is_protocol: true, ..self }
    }
}

/// Origin of an output.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Source {
    pub(super) process: String,
    pub(super) group: String,
    pub(super) pid: i32,
    pub(super) channel: Channel,
}
