//! Says in the log which method of a plugin held a thread that others wait for: it works, only everything is slow, and
//! nothing else would say why.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    time::{Duration, Instant},
};

use crate::logger::Logger;

/// What nobody does by computing alone.
const LIMIT: Duration = Duration::from_secs(1);

/// A `nonblocking` method was called on the server's thread, which took so long.
pub(super) fn here(logger: &Logger, method: &str, took: Duration) {
    if let Some(seconds) = too_long(took) {
        logger.warn(format_args!(
            "{method} is declared nonblocking and took {seconds:.1} seconds, in which no client was answered"
        ));
    }
}

/// Polls the future of an `async fn` on the plugin's own thread.
pub(super) async fn polling<F: Future>(logger: Logger, method: String, future: F) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|cx| {
        let begun = Instant::now();
        let poll = future.as_mut().poll(cx);
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
    use std::{sync::Arc, thread};

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
