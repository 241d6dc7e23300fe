//! A supervisor at work, for tests of what only this module sees.

use std::{
    ops::Deref,
    sync::Arc,
    thread::JoinHandle,
    time::{Duration, Instant},
};

use super::{Outcome, ProcessInfo, Supervisor, lookup::Look};
use crate::{
    config::{self, Config, Overrides},
    process::{fixtures, launch::Launch, output},
};

/// Far more than anything here takes; a test that fails is the only one that waits for it.
const PATIENCE: Duration = Duration::from_secs(20);

/// A supervisor on a thread of its own, until this is dropped.
pub(super) struct AtWork {
    supervisor: Supervisor,
    thread: Option<JoinHandle<Outcome>>,
    pub(super) dir: tempfile::TempDir,
}

impl AtWork {
    /// With these processes, each in a group of its own.
    pub(super) fn with(processes: impl IntoIterator<Item = config::Process>) -> Self {
        Self::looking(processes, Box::new(Launch::command))
    }

    /// With its own way to look for executables.
    pub(super) fn looking(processes: impl IntoIterator<Item = config::Process>, look: Look) -> Self {
        let group = |process: config::Process| fixtures::group(&process.name.clone(), process.priority, vec![process]);
        Self::of_groups(processes.into_iter().map(group), look)
    }

    /// With these groups.
    pub(super) fn of_groups(groups: impl IntoIterator<Item = Arc<config::Group>>, look: Look) -> Self {
        Self::patient(groups, look, PATIENCE)
    }

    /// With clients that wait only so long for a file system.
    pub(super) fn patient(
        groups: impl IntoIterator<Item = Arc<config::Group>>,
        look: Look,
        start_patience: Duration,
    ) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let config = Config {
            file: dir.path().join("supervisord.conf"),
            here: dir.path().to_owned(),
            supervisord: fixtures::supervisord(dir.path()),
            servers: Vec::new(),
            groups: groups.into_iter().collect(),
            rpcinterfaces: Vec::new(),
            messages: Vec::new(),
        };
        let (output, logger) = output::start(&config.supervisord).unwrap();
        let supervisor =
            Supervisor::with_look(config, Overrides::default(), logger, output, look, start_patience).unwrap();
        let runs = supervisor.clone();
        let thread = Some(std::thread::spawn(move || runs.run()));
        Self { supervisor, thread, dir }
    }

    pub(super) fn process(&self, name: &str) -> ProcessInfo {
        self.by_name().into_iter().find(|info| info.name == name).unwrap()
    }

    /// Waits until a process is as it should be.
    #[track_caller]
    pub(super) fn wait(&self, name: &str, condition: impl Fn(&ProcessInfo) -> bool) -> ProcessInfo {
        let begin = Instant::now();
        loop {
            let info = self.process(name);
            if condition(&info) {
                return info;
            }
            assert!(begin.elapsed() < PATIENCE, "waited in vain: {info:?}");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Deref for AtWork {
    type Target = Supervisor;

    fn deref(&self) -> &Supervisor {
        &self.supervisor
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        self.supervisor.shutdown();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        self.supervisor.output().stop(PATIENCE);
    }
}

/// Waits for an answer of the supervisor thread.
pub(super) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(PATIENCE, future).await.expect("waited in vain") })
}
