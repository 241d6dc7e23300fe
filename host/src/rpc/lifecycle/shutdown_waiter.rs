//! The wait for the end of the plugins' objects, once nobody holds them any more.

use std::{
    sync::mpsc,
    time::{Duration, Instant},
};

use crate::{
    logger::Logger,
    rpc::{registry::Registry, watchdog::StuckMethod},
};

/// The plugins of a registry, to be waited for when it is gone.
#[derive(Debug)]
pub struct ShutdownWaiter {
    /// Each by its name, with a receiver that is disconnected at the end of its object.
    plugins: Vec<(String, mpsc::Receiver<()>)>,
    /// The method that keeps all plugins from their end, if there is one.
    stuck: StuckMethod,
}

impl ShutdownWaiter {
    /// A waiter for the plugins of this registry. To be made once.
    pub(super) fn new(registry: &Registry) -> Self {
        let plugins = registry.plugins().map(|plugin| (plugin.name().to_owned(), plugin.end())).collect();
        Self { plugins, stuck: registry.watchdog().stuck_method() }
    }

    /// Wait until the object of every plugin is dropped, all in all no longer than `timeout`. The log names those that
    /// are not.
    pub fn wait(self, timeout: Duration, logger: &Logger) {
        let end = Instant::now() + timeout;
        let stuck = self.stuck.get().map(|method| method.split('.').next().unwrap_or_default());
        for (name, gone) in self.plugins {
            let left = end.saturating_duration_since(Instant::now());
            let is_late = gone.recv_timeout(left) == Err(mpsc::RecvTimeoutError::Timeout);
            if is_late && stuck.is_none_or(|stuck| stuck == name) {
                let seconds = timeout.as_secs_f32();
                logger.warn(format_args!(
                    "the plugin '{name}' has not ended after {seconds} seconds; not waiting for it"
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parking_lot::Mutex;
    use plugin_api::{namespace, rpc_interface};

    use super::*;
    use crate::{logger::Level, rpc::Origin};

    struct Slow(mpsc::Receiver<()>);

    #[expect(dead_code, reason = "it is there to be dropped")]
    struct Shared(Mutex<Slow>);

    #[rpc_interface]
    impl Shared {}

    impl Drop for Slow {
        fn drop(&mut self) {
            let _ = self.0.recv();
        }
    }

    #[test]
    fn the_end_of_a_plugin_is_waited_for_but_only_so_long() {
        let (sender, lines) = mpsc::channel();
        let sender = Mutex::new(sender);
        let logger = Logger::new(Level::Warn, move |line| drop(sender.lock().send(line.message)));
        let slow = |origin| {
            let (release, held) = mpsc::channel();
            let registry =
                Registry::of(vec![("slow".to_owned(), namespace(Arc::new(Shared(Mutex::new(Slow(held))))), origin)]);
            (release, registry)
        };

        let (release, registry) = slow(Origin::Plugin);
        let waiter = ShutdownWaiter::new(&registry);
        drop(registry);
        waiter.wait(Duration::from_millis(500), &logger);
        assert_eq!(
            lines.recv_timeout(Duration::from_secs(20)).unwrap(),
            "the plugin 'slow' has not ended after 0.5 seconds; not waiting for it"
        );
        drop(release);

        let (release, registry) = slow(Origin::Plugin);
        let waiter = ShutdownWaiter::new(&registry);
        drop(registry);
        drop(release);
        waiter.wait(Duration::from_mins(1), &logger);
        assert!(lines.try_recv().is_err());
    }
}
