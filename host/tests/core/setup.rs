//! One supervisor for all tests of this binary, and words to tell their stories.

use std::{
    fs,
    future::Future,
    sync::{Arc, LazyLock},
    thread,
    time::{Duration, Instant},
};

use supervisor_host::{
    config::{Config, Group, Logfile, Overrides, Process},
    logger::Logger,
    process::output::{self, OutputHandle},
    states::ProcessState,
    supervisor::{MainLoop, ProcessId, ProcessInfo, Refused, Status, Supervisor},
};

/// The same as in the tests below the code; `crate::config` is what the root of this crate imports.
#[path = "../../src/process/fixtures.rs"]
mod fixtures;

/// Far more than anything here takes; a test that fails is the only one that waits for it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Core {
    pub(crate) supervisor: Supervisor,
    pub(crate) output: OutputHandle,
    pub(crate) dir: tempfile::TempDir,
}

/// The one supervisor of this process, at work on a thread of its own.
pub(crate) fn core() -> &'static Core {
    static CORE: LazyLock<Core> = LazyLock::new(|| {
        let (core, main_loop) = Core::new(Vec::new());
        // As PID 1 is: orphans are left to us.
        nix::sys::prctl::set_child_subreaper(true).unwrap();
        thread::spawn(move || main_loop.run());
        core
    });
    &CORE
}

impl Core {
    pub(crate) fn new(groups: Vec<Arc<Group>>) -> (Self, MainLoop) {
        let dir = tempfile::tempdir().unwrap();
        let config = config(dir.path(), groups);
        let (output, logger): (OutputHandle, Logger) = output::start(&config.supervisord).unwrap();
        let (supervisor, main_loop) = Supervisor::new(config, Overrides::default(), logger, output.clone()).unwrap();
        (Self { supervisor, output, dir }, main_loop)
    }

    /// Adds a group of one process, which starts.
    pub(crate) fn add(&'static self, process: Process) -> Handle {
        let name = process.name.clone();
        self.add_group(&name, vec![process]).remove(0)
    }

    pub(crate) fn add_group(&'static self, name: &str, processes: Vec<Process>) -> Vec<Handle> {
        let group = fixtures::group(name, 999, processes);
        assert!(self.supervisor.add_group(&group).unwrap());
        self.supervisor.of_group(name).unwrap().into_iter().map(|info| Handle { id: info.id }).collect()
    }

    pub(crate) fn activity(&self) -> String {
        self.output.flush(PATIENCE).unwrap();
        fs::read_to_string(self.dir.path().join("supervisord.log")).unwrap()
    }

    /// These lines stand in the activity log, in this order, with others between them.
    pub(crate) fn assert_logged(&self, lines: &[&str]) {
        let log = self.activity();
        let mut rest = log.lines();
        for line in lines {
            let found = rest.any(|logged| logged.get(24..) == Some(*line));
            assert!(found, "no line {line:?} (after the ones before it) in:\n{log}");
        }
    }
}

/// One process of the shared supervisor.
pub(crate) struct Handle {
    pub(crate) id: ProcessId,
}

impl Handle {
    pub(crate) fn info(&self) -> ProcessInfo {
        core().supervisor.info(self.id).unwrap()
    }

    pub(crate) fn wait(&self, condition: impl FnMut(&Status) -> bool) {
        let mut watch = core().supervisor.watch(self.id).unwrap();
        let waited = block_on(async { watch.wait_for(condition).await.map(drop) });
        waited.expect("the process is still there");
    }

    pub(crate) fn wait_for(&self, state: ProcessState) {
        self.wait(|status| status.state == state);
    }

    pub(crate) fn start(&self) -> Result<Status, Refused> {
        block_on(core().supervisor.start(self.id))
    }

    pub(crate) fn stop(&self) -> Result<Status, Refused> {
        block_on(core().supervisor.stop(self.id, false, false))
    }

    pub(crate) fn stop_and_wait(&self) {
        block_on(core().supervisor.stop(self.id, true, false)).unwrap();
        self.wait_for(ProcessState::Stopped);
    }

    pub(crate) fn signal(&self, signal: i32) -> Result<Status, Refused> {
        block_on(core().supervisor.signal(self.id, signal))
    }

    pub(crate) fn stdout(&self) -> String {
        read(self.info().stdout_logfile)
    }

    pub(crate) fn stderr(&self) -> String {
        read(self.info().stderr_logfile)
    }

    /// Waits until its stdout log ends like this.
    pub(crate) fn wait_for_stdout(&self, end: &str) {
        wait_until(|| self.stdout().ends_with(end));
    }
}

fn read(path: Option<String>) -> String {
    core().output.flush(PATIENCE).unwrap();
    fs::read_to_string(path.expect("it has a log")).unwrap()
}

/// For what nobody announces: the output of a process.
pub(crate) fn wait_until(mut condition: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !condition() {
        assert!(begin.elapsed() < PATIENCE, "waited in vain");
        thread::sleep(Duration::from_millis(5));
    }
}

pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(PATIENCE, future).await.expect("waited in vain") })
}

pub(crate) fn shell(name: &str, script: &str) -> Process {
    program(name, &format!("/bin/sh -c \"{}\"", script.replace('\\', "\\\\").replace('"', "\\\"")))
}

/// A program with Supervisor's defaults, save that it is RUNNING at once.
pub(crate) fn program(name: &str, command: &str) -> Process {
    let mut process = Process { command: command.to_owned(), startsecs: 0, ..fixtures::process(name) };
    process.stdout.logfile = Logfile::Auto;
    process.stderr.logfile = Logfile::Auto;
    process
}

/// A group of that process alone.
pub(crate) fn group(process: Process) -> Arc<Group> {
    fixtures::group(&process.name.clone(), process.priority, vec![process])
}

pub(crate) fn config(dir: &std::path::Path, groups: Vec<Arc<Group>>) -> Config {
    Config {
        file: dir.join("supervisord.conf"),
        here: dir.to_owned(),
        supervisord: fixtures::supervisord(dir),
        servers: Vec::new(),
        groups,
        rpcinterfaces: Vec::new(),
        messages: Vec::new(),
    }
}
