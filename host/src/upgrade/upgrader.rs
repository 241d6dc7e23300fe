//! The one that goes: it checks the one that is to come, and executes it.

use std::{
    io,
    os::fd::{AsRawFd as _, OwnedFd},
    path::PathBuf,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering::SeqCst},
        mpsc,
    },
    thread,
    time::{Duration, SystemTime},
};

use parking_lot::Mutex;

use super::{
    check,
    state::{OldConfig, State},
    state_file::StateFile,
    successor::mark_for_new,
};
use crate::{
    daemon::Restart,
    linux::executable,
    logger::Logger,
    rpc::{HandedOver, Lifecycle, UpgradePlan, UpgradeStatus, Upgrader},
    server::Handle,
    service_manager::ServiceManager,
    supervisor::{Births, Snapshot, Supervisor},
    version,
};

/// Time that requests in work have to be answered, and then plugins to hand over what they want to.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Parts of a supervisord that an upgrade deals with.
#[derive(Debug)]
pub struct InPlaceParts {
    /// The supervisor.
    pub supervisor: Supervisor,
    /// Start of this process.
    pub restart: Arc<Restart>,
    /// Plugins.
    pub plugins: Weak<Lifecycle>,
    /// HTTP servers.
    pub servers: Arc<Handle>,
    /// Service manager that is told.
    pub service_manager: ServiceManager,
    /// File that holds the pid.
    pub pidfile: PathBuf,
    /// Status to begin with.
    pub status: UpgradeStatus,
}

/// Upgrades in place of one supervisord.
#[derive(Clone, Debug)]
pub struct InPlace(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    parts: InPlaceParts,
    is_under_way: AtomicBool,
    /// Status for clients. A lock for a copy.
    status: Mutex<UpgradeStatus>,
}

impl InPlace {
    /// Make those of that supervisord.
    pub fn new(parts: InPlaceParts) -> Self {
        let status = Mutex::new(parts.status.clone());
        Self(Arc::new(Inner { parts, is_under_way: AtomicBool::new(false), status }))
    }

    /// Begin something that only one may do at a time.
    fn claim(&self) -> Result<UnderWay, String> {
        if self.0.is_under_way.swap(true, SeqCst) {
            return Err("an upgrade is under way already".to_owned());
        }
        Ok(UnderWay(Arc::clone(&self.0)))
    }
}

/// Claim of an upgrade that is under way, until this is dropped.
struct UnderWay(Arc<Inner>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.is_under_way.store(false, SeqCst);
    }
}

impl Upgrader for InPlace {
    fn check(&self) -> Result<UpgradePlan, String> {
        self.claim()?.0.check()
    }

    fn start(&self) -> Result<UpgradePlan, String> {
        let claim = self.claim()?;
        let plan = claim.0.check().inspect_err(|why| claim.0.logger().warn(format_args!("will not upgrade: {why}")))?;
        let version = plan.version.clone();
        let made = thread::Builder::new().name("upgrade".to_owned()).spawn(move || claim.0.upgrade(&version));
        made.map_err(|error| format!("cannot make a thread for it: {error}"))?;
        Ok(plan)
    }

    fn status(&self) -> UpgradeStatus {
        UpgradeStatus { is_under_way: self.0.is_under_way.load(SeqCst), ..self.0.status.lock().clone() }
    }
}

impl Inner {
    fn logger(&self) -> &Logger {
        self.parts.supervisor.logger()
    }

    /// Check whether the one that is to come could go on from the state as it is now.
    fn check(&self) -> Result<UpgradePlan, String> {
        let (sender, receiver) = mpsc::channel();
        let state = self.state(SystemTime::now());
        let write = move |snapshot: Snapshot| {
            let counts = (snapshot.processes(), snapshot.alive().len());
            let written = StateFile::new(&HandedOver::default())
                .and_then(|file| file.finish(&state(snapshot)))
                .map_err(|error| format!("cannot write the state: {error}"))?;
            let _ = sender.send((written, counts));
            Ok(())
        };
        self.parts.supervisor.hand_over(false, &Births::default(), Box::new(write))?;
        let (written, (processes, alive)) = receiver.recv().map_err(|error| error.to_string())?;
        let plan = check::check(&self.parts.restart, written)?;
        Ok(UpgradePlan { processes, alive, ..plan })
    }

    /// Execute the one that is to come. Returns only where this one goes on.
    fn upgrade(&self, version: &str) {
        let begun = SystemTime::now();
        self.logger().info(format_args!("upgrading supervisord {} to {version}", version::OWN));
        let InPlaceParts { servers, supervisor, .. } = &self.parts;
        let births = supervisor.births();
        self.parts.service_manager.reloading();
        servers.pause(TIMEOUT);
        let Err(why) = self.try_upgrade(begun, &births) else { return };
        if let Some(plugins) = self.parts.plugins.upgrade() {
            plugins.resume();
        }
        servers.resume();
        self.parts.service_manager.ready();
        self.logger().error(format_args!("upgrade called off: {why}"));
        let mut status = self.status.lock();
        status.failure = Some(why);
        status.failures += 1;
    }

    fn try_upgrade(&self, begun: SystemTime, births: &Births) -> Result<(), String> {
        let in_words = |error: io::Error| format!("cannot write the state: {error}");
        let handed_over = self.parts.plugins.upgrade().map(|plugins| plugins.hand_over(TIMEOUT)).unwrap_or_default();
        let file = StateFile::new(&handed_over).map_err(in_words)?;
        drop(handed_over);
        let executable = executable::open_own().map_err(|errno| format!("cannot open the executable: {errno}"))?;
        let state = self.state(begun);
        let restart = Arc::clone(&self.parts.restart);
        self.parts.supervisor.hand_over(
            true,
            births,
            Box::new(move |snapshot| {
                let state = state(snapshot);
                let written = file.finish(&state).map_err(in_words)?;
                Err(execute(&restart, &state, &written, &executable))
            }),
        )
    }

    /// Return what makes the state of a snapshot.
    fn state(&self, begun: SystemTime) -> impl FnOnce(Snapshot) -> State + Send + use<> {
        let InPlaceParts { supervisor, restart, servers, pidfile, .. } = &self.parts;
        let config = OldConfig::of(&supervisor.config());
        let (executable, pidfile, servers) =
            (restart.executable().to_owned(), pidfile.clone(), servers.sockets().to_vec());
        let UpgradeStatus { upgrades, failures, .. } = *self.status.lock();
        move |snapshot| State {
            version: version::OWN.to_owned(),
            upgrades,
            failures,
            begun,
            executable,
            pidfile,
            config,
            servers,
            supervisor: snapshot,
        }
    }
}

/// Become the one that is to come. Returns only with the reason why not.
fn execute(restart: &Restart, state: &State, written: &OwnedFd, executable: &OwnedFd) -> String {
    let numbers: Vec<_> = state.descriptors().chain([written.as_raw_fd(), executable.as_raw_fd()]).collect();
    let mark = mark_for_new(written.as_raw_fd(), executable.as_raw_fd());
    let error = restart.execute_as_successor(mark, &numbers);
    format!("cannot execute {}: {error}", restart.executable().display())
}
