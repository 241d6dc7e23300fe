//! Config made by hand, for tests.

use std::{path::Path, sync::Arc};

use proptest::test_runner::Config as ProptestConfig;

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

/// Steps of the random histories of one test, unless the environment has another number in `HISTORY_STEPS`.
const HISTORY_STEPS: u32 = 20_000;

/// Number of histories, of 1 to 99 steps each, that come to so many.
pub(crate) fn histories() -> ProptestConfig {
    let steps = std::env::var("HISTORY_STEPS").map_or(HISTORY_STEPS, |steps| steps.parse().expect("a number"));
    ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(steps.div_ceil(50)) }
}
