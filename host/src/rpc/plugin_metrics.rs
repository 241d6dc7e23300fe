//! Metrics of plugins: the answers of their `on_metrics` functions.
//!
//! Nobody waits for a plugin longer than a moment, and one that has not answered is not asked again before it has: it
//! keeps one thread of its own, and no other plugin's.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

use abi_stable::std_types::RVec;
use plugin_api::{FromValue as _, Metrics};
use tokio::time::{Instant, timeout_at};

use super::{method::Caller, registry::Registry};

/// Name of the hook for metrics.
const METRICS: &str = "_metrics";

/// Time that all plugins have together.
const TIMEOUT: Duration = Duration::from_millis(500);

/// The plugins that have metrics.
pub(crate) struct PluginMetrics {
    plugins: Vec<Asked>,
}

/// Plugin that is asked for its metrics.
struct Asked {
    /// Name of its namespace.
    namespace: String,
    /// Full name of the hook.
    hook: Arc<str>,
    /// Set until it has answered.
    is_pending: Arc<AtomicBool>,
    /// Set since its last answer was no use, of which the log is told once.
    has_failed: AtomicBool,
}

impl PluginMetrics {
    /// Find the plugins that have metrics.
    pub(crate) fn of(registry: &Registry) -> Self {
        let asked = |hook: Arc<str>| Asked {
            namespace: hook.split('.').next().unwrap_or(&hook).to_owned(),
            hook,
            is_pending: Arc::default(),
            has_failed: AtomicBool::new(false),
        };
        let mut plugins: Vec<_> = registry.hooks_named(METRICS).map(asked).collect();
        plugins.sort_by(|one, other| one.hook.cmp(&other.hook));
        Self { plugins }
    }

    /// Ask all plugins at once. Each namespace comes with its metrics, or with nothing where there are none in time; of
    /// that the log is told when it begins. To be called on the server's runtime.
    pub(crate) async fn ask(&self, registry: &Arc<Registry>) -> Vec<(String, Option<Metrics>)> {
        let end = Instant::now() + TIMEOUT;
        let begun: Vec<_> = self.plugins.iter().map(|plugin| plugin.begin(registry)).collect();
        let mut all = Vec::with_capacity(begun.len());
        for (plugin, answer) in self.plugins.iter().zip(begun) {
            let metrics = match answer {
                None => Err("it has not answered the last time yet".to_owned()),
                Some(answer) => match timeout_at(end, answer).await {
                    Ok(Ok(metrics)) => metrics,
                    Ok(Err(error)) => Err(error.to_string()),
                    Err(_) => Err(format!("it has not answered in {} seconds", TIMEOUT.as_secs_f64())),
                },
            };
            let had_failed = plugin.has_failed.swap(metrics.is_err(), SeqCst);
            if let (Err(why), false) = (&metrics, had_failed) {
                let namespace = &plugin.namespace;
                registry.logger().warn(format_args!("metrics of {namespace} are missing: {why}"));
            }
            all.push((plugin.namespace.clone(), metrics.ok()));
        }
        all
    }
}

impl Asked {
    /// Ask it, unless it has not answered yet. The task goes on when nobody waits for it any more.
    fn begin(&self, registry: &Arc<Registry>) -> Option<tokio::task::JoinHandle<Result<Metrics, String>>> {
        if self.is_pending.swap(true, SeqCst) {
            return None;
        }
        let (registry, hook, is_pending) = (registry.clone(), self.hook.clone(), self.is_pending.clone());
        Some(tokio::spawn(async move {
            let answer = registry.call_from(Caller::Host, &hook, RVec::new()).await;
            is_pending.store(false, SeqCst);
            answer.and_then(Metrics::from_value).map_err(|fault| fault.to_string())
        }))
    }
}

#[cfg(test)]
mod tests {
    use parking_lot::{Condvar, Mutex};
    use plugin_api::{Fault, namespace, rpc_interface};

    use super::*;
    use crate::{
        logger::{Level, Logger},
        rpc::{Origin, fixtures::TestRuntime, registry::RegistryRef},
    };

    struct Good;

    #[rpc_interface]
    impl Good {
        #[rpc(on_metrics)]
        fn metrics(&self) -> Metrics {
            let mut metrics = Metrics::new();
            metrics.gauge("level", "Level.").set(3);
            metrics
        }
    }

    /// Plugin whose metrics come when the test says so.
    struct Hangs(Arc<(Mutex<bool>, Condvar)>);

    #[rpc_interface]
    impl Hangs {
        #[rpc(on_metrics)]
        fn metrics(&self) -> Metrics {
            let (may_go, changed) = &*self.0;
            changed.wait_while(&mut may_go.lock(), |may_go| !*may_go);
            Metrics::new()
        }
    }

    struct Fails;

    #[rpc_interface]
    impl Fails {
        #[rpc(on_metrics)]
        fn metrics(&self) -> Result<Metrics, Fault> {
            Err(Fault::no_file_with("/x"))
        }
    }

    struct Lies;

    #[rpc_interface]
    impl Lies {
        #[rpc(on_metrics)]
        fn metrics(&self) -> i32 {
            3
        }
    }

    struct Elder;

    #[rpc_interface]
    impl Elder {
        pub fn nothing(&self) {}
    }

    #[test]
    fn one_that_hangs_is_waited_for_once_and_others_are_told() {
        let gate = Arc::<(Mutex<bool>, Condvar)>::default();
        let plugins = [
            ("good", namespace(Arc::new(Good))),
            ("hangs", namespace(Arc::new(Hangs(gate.clone())))),
            ("fails", namespace(Arc::new(Fails))),
            ("lies", namespace(Arc::new(Lies))),
            ("elder", namespace(Arc::new(Elder))),
        ];
        let namespaces = plugins.into_iter().map(|(name, object)| (name.to_owned(), object, Origin::Plugin)).collect();
        let lines = Arc::<Mutex<Vec<String>>>::default();
        let log = lines.clone();
        let logger = Logger::new(Level::Warn, move |line| log.lock().push(line.message));
        let registry = Registry::with_system(&RegistryRef::default(), namespaces, logger);
        let runtime = TestRuntime::new();
        registry.run_on(runtime.handle());
        let metrics = PluginMetrics::of(&registry);
        let ask = || -> Vec<(String, bool)> {
            let all = runtime.block_on(metrics.ask(&registry));
            all.into_iter().map(|(name, metrics)| (name, metrics.is_some())).collect()
        };
        let expected = [("fails", false), ("good", true), ("hangs", false), ("lies", false)];
        let expected = expected.map(|(name, is_there)| (name.to_owned(), is_there));
        assert_eq!(ask()[..], expected);
        assert_eq!(ask()[..], expected);
        let mut said = lines.lock().clone();
        said.sort();
        let hangs = "metrics of hangs are missing: it has not answered in 0.5 seconds";
        let fails = "metrics of fails are missing: NO_FILE: /x";
        assert_eq!(said[..2], [fails, hangs], "once each");
        assert!(
            said[2].starts_with("metrics of lies are missing: INCORRECT_PARAMETERS: expected an array"),
            "{said:?}"
        );
        assert_eq!(said.len(), 3);
        *gate.0.lock() = true;
        gate.1.notify_all();
        let begin = Instant::now();
        while !ask().contains(&("hangs".to_owned(), true)) {
            assert!(begin.elapsed() < Duration::from_secs(20));
        }
    }
}
