//! Says in the log which method of a plugin held a thread that others wait for: it works, only everything is slow, and
//! nothing else would say why. And keeps one that has such a thread from waiting for what could never come.

use std::{
    cell::Cell,
    future::{Future, poll_fn},
    pin::pin,
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    task::Poll,
    thread,
    time::{Duration, Instant},
};

use plugin_api::Fault;

use crate::logger::Logger;
use crate::rpc::registry::Registry;
use crate::rpc::watchdog::in_flight::{Kind, Running};

/// What nobody does by computing alone.
const LIMIT: Duration = Duration::from_secs(1);

/// Longer than any call takes that does what it promised.
const MOMENT: Duration = Duration::from_millis(50);

/// How often somebody looks whether the server's thread has come back, and what else has run for too long.
const ROUND: Duration = Duration::from_secs(5);

/// A `nonblocking` method was called on the server's thread, which took so long.
pub(crate) fn here(logger: &Logger, method: &str, took: Duration) {
    if let Some(seconds) = too_long(took) {
        logger.warn(format_args!(
            "{method} is declared nonblocking and took {seconds:.1} seconds, in which no client was answered"
        ));
    }
}

thread_local! {
    /// Whether this is the server's thread, and a plugin has it.
    static HERE: Cell<bool> = const { Cell::new(false) };
}

/// Whether the server's thread is the caller's, which is a `nonblocking` method of a plugin: it must not wait, least of
/// all for what needs this thread to go on.
pub(crate) fn is_here() -> bool {
    HERE.get()
}

/// What `future` comes to; on the server's thread, when a plugin has it, `refusal` unless that is there at once.
pub(crate) async fn unless_here<T, F>(future: F, refusal: impl Fn() -> Fault) -> Result<T, Fault>
where
    F: Future<Output = Result<T, Fault>>,
{
    let mut future = pin!(future);
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Pending if is_here() => Poll::Ready(Err(refusal())),
        poll => poll,
    })
    .await
}

/// Which call the server's thread is in, for another thread to see: one that never comes back can say nothing itself.
#[derive(Debug, Default)]
pub(crate) struct Busy {
    /// Odd while there is a call.
    turn: AtomicU64,
    /// The number of its method.
    method: AtomicUsize,
}

impl Busy {
    /// The server's thread makes this call. Only that thread may use this, so nothing is ever lost between the steps.
    pub(crate) fn during<T>(&self, method: usize, call: impl FnOnce() -> T) -> T {
        let turn = self.turn.load(Relaxed);
        self.method.store(method, Relaxed);
        self.turn.store(turn + 1, Relaxed);
        HERE.set(true);
        let result = call();
        HERE.set(false);
        self.turn.store(turn + 2, Relaxed);
        result
    }

    /// The number of its method.
    pub(crate) fn method(&self) -> Option<usize> {
        self.now().map(|(_, method)| method)
    }

    /// The same, if it goes on for a while.
    pub(crate) fn stuck(&self) -> Option<usize> {
        let now = self.now()?;
        thread::sleep(MOMENT);
        (self.now() == Some(now)).then_some(now.1)
    }

    /// The call, as its turn and the number of its method.
    fn now(&self) -> Option<(u64, usize)> {
        let turn = self.turn.load(Relaxed);
        (turn % 2 == 1).then(|| (turn, self.method.load(Relaxed)))
    }
}

/// Looks after the threads on which plugins of this registry run, for as long as there is one.
pub(crate) fn look_after(registry: Weak<Registry>) {
    // Without this thread a line in the log is missing, and nothing else.
    let _ = thread::Builder::new().name("lookout".to_owned()).spawn(move || look(&registry, ROUND));
}

/// Says once of each call that it has kept the server's thread from one round to the next, or has run for too long
/// elsewhere.
fn look(registry: &Weak<Registry>, round: Duration) {
    let (mut seen, mut said) = (None, None);
    loop {
        thread::sleep(round);
        let Some(registry) = registry.upgrade() else { return };
        let now = registry.busy().now();
        if let Some((_, method)) = now.filter(|_| now == seen && now != said) {
            said = now;
            let (method, seconds) = (registry.name_of(method), round.as_secs());
            registry.logger().warn(format_args!(
                "{method} is declared nonblocking and has not come back for {seconds} seconds; no client is answered \
                 until it does"
            ));
        }
        seen = now;
        for news in registry.running().news(Instant::now()) {
            registry.logger().warn(news);
        }
    }
}

/// Polls the future of an `async fn` on the plugin's own thread.
pub(crate) async fn polling<F: Future>(logger: Logger, running: Running, method: Arc<str>, future: F) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|cx| {
        let begun = Instant::now();
        let run = running.begin(Kind::Poll, method.clone());
        let poll = future.as_mut().poll(cx);
        drop(run);
        if let Some(seconds) = too_long(begun.elapsed()) {
            logger.warn(format_args!(
                "{method} is an async fn and blocked its thread for {seconds:.1} seconds, in which no other async fn of \
                 its plugin went on"
            ));
        }
        poll
    })
    .await
}

fn too_long(time: Duration) -> Option<f64> {
    (time >= LIMIT).then_some(time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, mpsc};

    use parking_lot::Mutex;
    use plugin_api::{RVec, namespace, rpc_interface};

    use super::*;
    use crate::{
        logger::Level,
        rpc::registry::{Origin, Registry, RegistryRef},
    };

    struct Sleepy;

    #[rpc_interface]
    impl Sleepy {
        #[rpc(nonblocking)]
        pub fn here(&self) {
            thread::sleep(LIMIT);
        }

        pub async fn later(&self) {
            thread::sleep(LIMIT);
        }

        /// This one may.
        pub fn plain(&self) {
            thread::sleep(LIMIT);
        }

        pub async fn quick(&self) {}
    }

    struct Stuck(Mutex<mpsc::Receiver<()>>);

    #[rpc_interface]
    impl Stuck {
        #[rpc(nonblocking)]
        pub fn wait(&self) {
            let _ = self.0.lock().recv();
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

        /// It keeps no thread.
        pub async fn patient(&self) {
            std::future::pending::<()>().await;
        }
    }

    #[test]
    fn what_does_not_end_elsewhere_is_known() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        // Dropped before the runtime, which waits for its threads: a test that fails must end.
        let (release, wait) = mpsc::channel();
        let stuck = vec![("stuck".to_owned(), namespace(Arc::new(Stuck(Mutex::new(wait)))), Origin::Plugin)];
        let logger = Logger::new(Level::Critical, |_| {});
        let registry = Registry::referred(&RegistryRef::default(), stuck, logger);
        registry.run_on(runtime.handle());
        runtime.block_on(async {
            for method in ["stuck.patient", "stuck.plain", "stuck.later"] {
                let registry = registry.clone();
                tokio::spawn(async move { registry.call(method, RVec::new()).await });
            }
            let (begin, mut known) = (Instant::now(), Vec::new());
            while known.len() < 3 && begin.elapsed() < Duration::from_secs(20) {
                known.extend(registry.running().news(Instant::now() + Duration::from_secs(31)));
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
            assert_eq!(registry.count("stuck").running, 4);
        });
        drop(release);
        runtime.shutdown_background();
    }

    #[test]
    fn the_log_names_who_does_not_come_back() {
        let (warn, warnings) = mpsc::channel();
        let logger = Logger::new(Level::Warn, move |line| drop(warn.send(line.message)));
        let (release, wait) = mpsc::channel();
        let stuck = vec![("stuck".to_owned(), namespace(Arc::new(Stuck(Mutex::new(wait)))), Origin::Plugin)];
        let registry = Registry::referred(&RegistryRef::default(), stuck, logger);
        let seen = Arc::downgrade(&registry);
        let lookout = thread::spawn(move || look(&seen, Duration::from_millis(5)));
        let server = thread::spawn(move || plugin_api::block_on(registry.call("stuck.wait", RVec::new())));
        let said = warnings.recv().unwrap();
        assert!(said.starts_with("stuck.wait is declared nonblocking and has not come back for "), "{said}");
        release.send(()).unwrap();
        server.join().unwrap().unwrap();
        // The registry is gone, and with it the logger.
        lookout.join().unwrap();
        assert!(warnings.iter().all(|line| line.contains(" took ")), "it is said once");
    }

    #[tokio::test]
    async fn the_log_names_who_held_a_thread_of_others() {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let logger = Logger::new(Level::Warn, {
            let lines = lines.clone();
            move |line| lines.lock().push(line.message)
        });
        let sleepy = vec![("sleepy".to_owned(), namespace(Arc::new(Sleepy)), Origin::Plugin)];
        let registry = Registry::referred(&RegistryRef::default(), sleepy, logger);
        registry.run_on(&tokio::runtime::Handle::current());
        for method in ["sleepy.here", "sleepy.later", "sleepy.plain", "sleepy.quick"] {
            registry.call(method, RVec::new()).await.unwrap();
        }
        let lines = lines.lock();
        let named: Vec<_> = lines.iter().map(|line| line.split(" seconds").next().unwrap_or_default()).collect();
        let [here, later] = named[..] else { panic!("{lines:?}") };
        assert!(here.starts_with("sleepy.here is declared nonblocking and took 1."), "{here}");
        assert!(later.starts_with("sleepy.later is an async fn and blocked its thread for 1."), "{later}");
    }
}
