//! Config made by hand, for tests.

use std::{path::Path, sync::Arc};

use crate::config::{Group, GroupKind, Logfile, OutputOptions, Process, Supervisord};

/// `[supervisord]` with everything below `dir`, in the background as far as logs go.
pub(crate) fn supervisord(dir: &Path) -> Supervisord {
    Supervisord {
        logfile: Logfile::Path(dir.join("supervisord.log")),
        pidfile: dir.join("supervisord.pid"),
        childlogdir: dir.to_owned(),
        ..Supervisord::default()
    }
}

/// A program with Supervisor's defaults that runs `cat`, without logs.
pub(crate) fn process(name: &str) -> Process {
    let output = OutputOptions { logfile: Logfile::None, ..OutputOptions::default() };
    Process {
        name: name.to_owned(),
        command: "/bin/cat".to_owned(),
        stdout: output.clone(),
        stderr: output,
        ..Process::default()
    }
}

/// A group of programs.
pub(crate) fn group(name: &str, priority: i32, processes: Vec<Process>) -> Arc<Group> {
    let processes = processes.into_iter().map(Arc::new).collect();
    Arc::new(Group { name: name.to_owned(), kind: GroupKind::Programs, priority, processes })
}
