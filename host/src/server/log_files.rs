//! Logs that clients may read, and the files that hold them.

use std::{path::PathBuf, sync::Arc, time::Duration};

use crate::supervisor::{Found, Supervisor};

/// Time for which the first look at a log waits for what is on its way to the file.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// A log, by the name that a client has for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogName {
    /// The activity log.
    Main,
    /// The log of a process.
    Process {
        /// Namespec `group:name`, or what is short for it.
        namespec: String,
        /// Channel `stdout` or `stderr`, or whatever the client said.
        channel: String,
    },
}

/// Function that finds the file of a log. It may block. A function, so that the server can be tested without a
/// supervisor.
pub type LogFiles = Arc<dyn Fn(&LogName) -> Option<PathBuf> + Send + Sync>;

/// The log files of a supervisor.
pub fn log_files(supervisor: &Supervisor) -> LogFiles {
    let supervisor = supervisor.clone();
    Arc::new(move |log| {
        let file = file_of(&supervisor, log)?;
        // A disk that does not answer now will have its say later.
        let _ = supervisor.output().flush_log(&file, FLUSH_TIMEOUT);
        Some(file)
    })
}

fn file_of(supervisor: &Supervisor, log: &LogName) -> Option<PathBuf> {
    let LogName::Process { namespec, channel } = log else {
        return supervisor.config().supervisord.logfile.path().map(PathBuf::from);
    };
    let Found::Process(id) = supervisor.find(namespec)? else { return None };
    let info = supervisor.info(id)?;
    let file = match channel.as_str() {
        "stdout" => info.stdout_logfile,
        "stderr" => info.stderr_logfile,
        _ => None,
    };
    file.map(PathBuf::from)
}

impl LogName {
    /// The log that `/logtail/NAME[/CHANNEL]` names. Whatever stands before the second slash has matched the route
    /// already.
    pub(super) fn of_path(path: &str) -> Option<Self> {
        let (_, rest) = path.trim_start_matches('/').split_once('/')?;
        let (namespec, channel) = rest.split_once('/').unwrap_or((rest, "stdout"));
        Some(Self::Process { namespec: namespec.to_owned(), channel: channel.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(namespec: &str, channel: &str) -> LogName {
        LogName::Process { namespec: namespec.to_owned(), channel: channel.to_owned() }
    }

    #[test]
    fn paths_name_a_process_and_a_channel() {
        assert_eq!(LogName::of_path("/logtail/cat"), Some(process("cat", "stdout")));
        assert_eq!(LogName::of_path("/logtail/group:cat/stderr"), Some(process("group:cat", "stderr")));
        assert_eq!(LogName::of_path("/logtail/cat/stdout/x"), Some(process("cat", "stdout/x")));
        assert_eq!(LogName::of_path("//logtail/"), Some(process("", "stdout")));
        assert_eq!(LogName::of_path("/logtail"), None);
    }
}
