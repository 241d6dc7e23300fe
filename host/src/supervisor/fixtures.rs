//! A supervisor at work, for tests of what only this module sees.

use std::{
    ops::Deref,
    path::Path,
    sync::{Arc, mpsc},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use parking_lot::{Condvar, Mutex};

use super::{Births, Outcome, ProcessInfo, Snapshot, Supervisor, lookup::FindCommand};
use crate::{
    config::{self, Config, Overrides},
    process::{fixtures, launch::Launch, output},
};

/// Time that is far more than anything here takes; a test that fails is the only one that waits for it.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Supervisor on a thread of its own, until this is dropped.
pub(crate) struct AtWork {
    supervisor: Supervisor,
    thread: Option<JoinHandle<Outcome>>,
    pub(crate) dir: tempfile::TempDir,
}

impl AtWork {
    /// Start one with these processes, each in a group of its own.
    pub(crate) fn with(processes: impl IntoIterator<Item = config::Process>) -> Self {
        Self::looking(processes, Box::new(Launch::command))
    }

    /// Start one with its own way to find executables.
    pub(super) fn looking(processes: impl IntoIterator<Item = config::Process>, find_command: FindCommand) -> Self {
        let group = |process: config::Process| fixtures::group(&process.name.clone(), process.priority, vec![process]);
        Self::of_groups(processes.into_iter().map(group), find_command)
    }

    /// Start one with these groups.
    pub(super) fn of_groups(groups: impl IntoIterator<Item = Arc<config::Group>>, find_command: FindCommand) -> Self {
        Self::patient(groups, find_command, TIMEOUT)
    }

    /// Keep the supervisor thread waiting until the function that this returns is called.
    pub(crate) fn hold_up(&self) -> impl FnOnce() + use<> {
        let ((tell, has_begun), (let_go, may_go)) = (mpsc::channel(), mpsc::channel());
        let supervisor = (**self).clone();
        let held_up = std::thread::spawn(move || {
            let work = Box::new(move |_| {
                let _ = tell.send(());
                may_go.recv().map_err(|error| error.to_string())
            });
            supervisor.hand_over(false, &Births::default(), work)
        });
        has_begun.recv().unwrap();
        move || {
            let_go.send(()).unwrap();
            assert_eq!(held_up.join().unwrap(), Ok(()));
        }
    }

    /// Start one on this mount, with clients that wait only so long for it.
    pub(crate) fn mounted(
        groups: impl IntoIterator<Item = Arc<config::Group>>,
        mount: &Mount,
        start_timeout: Duration,
    ) -> Self {
        Self::patient(groups, mount.find_command(), start_timeout)
    }

    /// Start one with clients that wait only so long for a file system.
    pub(super) fn patient(
        groups: impl IntoIterator<Item = Arc<config::Group>>,
        find_command: FindCommand,
        start_timeout: Duration,
    ) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let config = config_in(dir.path(), groups);
        let (output, logger) = output::start(&config.supervisord).unwrap();
        let (supervisor, main_loop) =
            Supervisor::with_lookup(config, Overrides::default(), logger, output, find_command, start_timeout).unwrap();
        let thread = Some(std::thread::spawn(move || main_loop.run()));
        Self { supervisor, thread, dir }
    }

    /// Start one that goes on where another one stood, with these groups in its config.
    pub(super) fn adopting(groups: impl IntoIterator<Item = Arc<config::Group>>, snapshot: Snapshot) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let config = config_in(dir.path(), groups);
        let (output, logger) = output::start(&config.supervisord).unwrap();
        let (supervisor, mut main_loop) =
            Supervisor::adopt(config, Overrides::default(), logger, output, snapshot).unwrap();
        main_loop.take_over();
        let thread = Some(std::thread::spawn(move || main_loop.run()));
        Self { supervisor, thread, dir }
    }

    pub(crate) fn process(&self, name: &str) -> ProcessInfo {
        self.by_name().into_iter().find(|info| info.name == name).unwrap()
    }

    /// Wait until a process is as it should be.
    #[track_caller]
    pub(crate) fn wait(&self, name: &str, condition: impl Fn(&ProcessInfo) -> bool) -> ProcessInfo {
        let begin = Instant::now();
        loop {
            let info = self.process(name);
            if condition(&info) {
                return info;
            }
            assert!(begin.elapsed() < TIMEOUT, "waited in vain: {info:?}");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

fn config_in(dir: &Path, groups: impl IntoIterator<Item = Arc<config::Group>>) -> Config {
    Config {
        file: dir.join("supervisord.conf"),
        here: dir.to_owned(),
        supervisord: fixtures::supervisord(dir),
        servers: Vec::new(),
        groups: groups.into_iter().collect(),
        rpcinterfaces: Vec::new(),
        messages: Vec::new(),
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
        self.supervisor.output().stop(TIMEOUT);
    }
}

/// Mount whose server may be gone. Programs with `mounted` in their names lie on it.
#[derive(Clone, Default)]
pub(crate) struct Mount(Arc<(Mutex<Server>, Condvar)>);

#[derive(Default)]
struct Server {
    is_gone: bool,
    hanging: usize,
    most: usize,
}

impl Mount {
    pub(crate) fn gone() -> Self {
        let mount = Self::default();
        mount.set_gone(true);
        mount
    }

    pub(crate) fn set_gone(&self, is_gone: bool) {
        self.0.0.lock().is_gone = is_gone;
        self.0.1.notify_all();
    }

    pub(super) fn find_command(&self) -> FindCommand {
        let mount = self.clone();
        Box::new(move |launch| {
            if launch.name().contains("mounted") {
                let (server, changed) = &*mount.0;
                let mut server = server.lock();
                server.hanging += 1;
                server.most = server.most.max(server.hanging);
                changed.notify_all();
                changed.wait_while(&mut server, |server| server.is_gone);
                server.hanging -= 1;
            }
            launch.command()
        })
    }

    /// Wait until so many lookups hang.
    pub(crate) fn wait_for(&self, count: usize) {
        let (server, changed) = &*self.0;
        let mut server = server.lock();
        let timed_out = changed.wait_while_for(&mut server, |server| server.hanging < count, Duration::from_secs(20));
        assert!(!timed_out.timed_out(), "{} hang", server.hanging);
    }

    pub(crate) fn most(&self) -> usize {
        self.0.0.lock().most
    }
}

/// Wait for an answer of the main thread.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(TIMEOUT, future).await.expect("waited in vain") })
}
