//! Config made by hand, for tests.

use std::{path::Path, sync::Arc};

use crate::config::{
    AutoRestart, Group, GroupKind, Level, Logfile, Numbering, Output, Process, Supervisord, Variables,
};

/// `[supervisord]` with everything below `dir`, in the background as far as logs go.
pub(crate) fn supervisord(dir: &Path) -> Supervisord {
    Supervisord {
        logfile: Logfile::Path(dir.join("supervisord.log")),
        logfile_maxbytes: 50 * 1024 * 1024,
        logfile_backups: 10,
        loglevel: Level::Info,
        pidfile: dir.join("supervisord.pid"),
        umask: 0o022,
        nodaemon: false,
        silent: false,
        minfds: 1024,
        minprocs: 200,
        nocleanup: false,
        childlogdir: dir.to_owned(),
        user: None,
        directory: None,
        strip_ansi: false,
        environment: Variables::default(),
        identifier: "supervisor".to_owned(),
        plugin_path: Vec::new(),
        plugin_data_dir: None,
        serverurl: None,
    }
}

/// A program with Supervisor's defaults that runs `cat`, without logs.
pub(crate) fn process(name: &str) -> Process {
    let output = Output {
        logfile: Logfile::None,
        maxbytes: 50 * 1024 * 1024,
        backups: 10,
        capture_maxbytes: 0,
        events_enabled: false,
        syslog: false,
    };
    Process {
        name: name.to_owned(),
        command: "/bin/cat".to_owned(),
        directory: None,
        umask: None,
        priority: 999,
        autostart: true,
        autorestart: AutoRestart::Unexpected,
        startsecs: 1,
        startretries: 3,
        user: None,
        stdout: output.clone(),
        stderr: output,
        stopsignal: libc::SIGTERM,
        stopwaitsecs: 10,
        stopasgroup: false,
        killasgroup: false,
        exitcodes: vec![0],
        redirect_stderr: false,
        environment: Variables::default(),
        serverurl: None,
        numbering: Numbering::default(),
    }
}

/// A group of programs.
pub(crate) fn group(name: &str, priority: i32, processes: Vec<Process>) -> Arc<Group> {
    let processes = processes.into_iter().map(Arc::new).collect();
    Arc::new(Group { name: name.to_owned(), kind: GroupKind::Programs, priority, processes })
}
