//! Config made by hand, for tests.

use crate::config::{AutoRestart, Logfile, Output, Process};

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
        environment: Vec::new(),
        serverurl: None,
    }
}
