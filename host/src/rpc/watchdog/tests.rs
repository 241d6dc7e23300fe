//! Methods that hold a thread or do not come to an end, and the log of them.

use std::sync::{Arc, mpsc};

use parking_lot::Mutex;
use plugin_api::{MaybeReady, RVec, namespace, rpc_interface};

use super::*;
use crate::{
    events::Bus,
    logger::Level,
    rpc::{Lifecycle, Origin, Registry, fixtures::TestRuntime, registry::RegistryRef},
};

struct Sleepy;

#[rpc_interface]
impl Sleepy {
    #[rpc(nonblocking)]
    pub fn here(&self) {
        thread::sleep(slow::LIMIT);
    }

    /// Hold the thread when the future is polled.
    #[rpc(nonblocking)]
    pub fn here_later(&self) -> MaybeReady<()> {
        MaybeReady::later(async {
            thread::sleep(slow::LIMIT);
            Ok(())
        })
    }

    pub async fn later(&self) {
        thread::sleep(slow::LIMIT);
    }

    /// Take as long as it likes, as this one may.
    pub fn plain(&self) {
        thread::sleep(slow::LIMIT);
    }

    pub async fn quick(&self) {}
}

struct Stuck(Arc<Mutex<mpsc::Receiver<()>>>);

#[rpc_interface]
impl Stuck {
    #[rpc(nonblocking)]
    pub fn wait(&self) {
        let _ = self.0.lock().recv();
    }

    /// Block at the second poll.
    #[rpc(nonblocking)]
    pub fn wait_later(&self) -> MaybeReady<()> {
        let wait = self.0.clone();
        MaybeReady::later(async move {
            tokio::task::yield_now().await;
            let _ = wait.lock().recv();
            Ok(())
        })
    }

    #[rpc(on_start)]
    fn begin(&self) {
        let _ = self.0.lock().recv();
    }

    pub fn plain(&self) {
        let _ = self.0.lock().recv();
    }

    pub async fn later(&self) {
        let _ = self.0.lock().recv();
    }

    /// Wait without a thread.
    pub async fn patient(&self) {
        std::future::pending::<()>().await;
    }
}

#[test]
fn what_does_not_end_elsewhere_is_known() {
    let runtime = TestRuntime::new();
    let (release, wait) = mpsc::channel();
    let stuck = vec![("stuck".to_owned(), namespace(Arc::new(Stuck(Arc::new(Mutex::new(wait))))), Origin::Plugin)];
    let logger = Logger::new(Level::Critical, |_| {});
    let registry = Registry::with_system(&RegistryRef::default(), stuck, logger);
    let _lifecycle = Lifecycle::new(registry.clone(), &Bus::new());
    registry.run_on(runtime.handle());
    runtime.block_on(async {
        for method in ["stuck.patient", "stuck.plain", "stuck.later"] {
            let registry = registry.clone();
            tokio::spawn(async move { registry.call(method, RVec::new()).await });
        }
        let (begin, mut known) = (Instant::now(), Vec::new());
        while known.len() < 3 && begin.elapsed() < Duration::from_secs(20) {
            known.extend(registry.watchdog().late(Instant::now() + Duration::from_secs(31)));
            // Seen in the middle of its one poll, the patient one would be late as well, half a minute on.
            known.retain(|news| !news.starts_with("stuck.patient "));
            tokio::task::yield_now().await;
        }
        known.sort();
        let [start, later, plain] = &known[..] else { panic!("{known:?}") };
        assert!(start.starts_with("stuck._start has been running for 3"), "{start}");
        assert!(later.starts_with("stuck.later is an async fn and has blocked its thread for 3"), "{later}");
        assert!(plain.starts_with("stuck.plain has been running for 3"), "{plain}");
        // The one that waits is under way, too.
        assert_eq!(registry.usage("stuck").running, 4);
    });
    drop(release);
}

#[test]
fn the_log_names_who_does_not_come_back() {
    for method in ["stuck.wait", "stuck.waitLater"] {
        let (warn, warnings) = mpsc::channel();
        let logger = Logger::new(Level::Warn, move |line| drop(warn.send(line.message)));
        let (release, wait) = mpsc::channel();
        let stuck = vec![("stuck".to_owned(), namespace(Arc::new(Stuck(Arc::new(Mutex::new(wait))))), Origin::Plugin)];
        let registry = Registry::with_system(&RegistryRef::default(), stuck, logger);
        let seen = Arc::downgrade(registry.watchdog());
        let watchdog = thread::spawn(move || look(&seen, Duration::from_millis(5)));
        let server = thread::spawn(move || plugin_api::block_on(registry.call(method, RVec::new())));
        let said = warnings.recv_timeout(Duration::from_secs(20)).unwrap();
        assert!(said.starts_with(&format!("{method} is declared nonblocking and has not come back for ")), "{said}");
        release.send(()).unwrap();
        server.join().unwrap().unwrap();
        // The registry is gone, and with it the logger.
        watchdog.join().unwrap();
        assert!(warnings.iter().all(|line| line.contains(" took ")), "it is said once");
    }
}

#[tokio::test]
async fn the_log_names_who_held_a_thread_of_others() {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let logger = Logger::new(Level::Warn, {
        let lines = lines.clone();
        move |line| lines.lock().push(line.message)
    });
    let sleepy = vec![("sleepy".to_owned(), namespace(Arc::new(Sleepy)), Origin::Plugin)];
    let registry = Registry::with_system(&RegistryRef::default(), sleepy, logger);
    registry.run_on(&tokio::runtime::Handle::current());
    for method in ["sleepy.here", "sleepy.hereLater", "sleepy.later", "sleepy.plain", "sleepy.quick"] {
        registry.call(method, RVec::new()).await.unwrap();
    }
    let lines = lines.lock();
    let named: Vec<_> = lines.iter().map(|line| line.split(" seconds").next().unwrap_or_default()).collect();
    let [here, here_later, later] = named[..] else { panic!("{lines:?}") };
    assert!(here.starts_with("sleepy.here is declared nonblocking and took 1."), "{here}");
    assert!(here_later.starts_with("sleepy.hereLater is declared nonblocking and took 1."), "{here_later}");
    assert!(later.starts_with("sleepy.later is an async fn and blocked its thread for 1."), "{later}");
}
