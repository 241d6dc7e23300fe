//! The host as a plugin sees it.
//!
//! A method that is added here is a new power of plugins; that a plugin may be older or newer than the host is why they
//! are methods of a namespace and not of a trait.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use plugin_api::{Fault, RVec, SupervisorState, Value, abi::NamespaceObject, namespace, rpc_interface};

use super::{registry::Door, system, workers::Caller};
use crate::logger::{Level, Logger};

/// How many calls one plugin may have made and not yet got an answer to. Only plugins that call each other in a circle
/// come near it.
const CALLS_AT_ONCE: usize = 1024;

/// What the supervisor is doing. A function, so that plugins can be tested without one.
pub type State = Arc<dyn Fn() -> SupervisorState + Send + Sync>;

/// One for each plugin.
pub struct PluginHost {
    state: State,
    logger: Logger,
    door: Door,
    calls: AtomicUsize,
}

impl PluginHost {
    pub(super) fn namespace(state: State, logger: Logger, door: Door) -> NamespaceObject {
        namespace(Arc::new(Self { state, logger, door, calls: AtomicUsize::new(0) }))
    }
}

#[rpc_interface]
impl PluginHost {
    /// What supervisord is doing: -1 it shuts down, 0 it restarts, 1 it runs, 2 it cannot go on.
    #[rpc(nonblocking)]
    pub fn state(&self) -> i32 {
        (self.state)() as i32
    }

    /// Write a line to the activity log.
    #[rpc(nonblocking)]
    pub fn log(
        &self,
        /// `blather`, `trace`, `debug`, `info`, `warn`, `error` or `critical`.
        level: String,
        message: String,
    ) -> Result<(), Fault> {
        let level = match level.as_str() {
            "blather" => Level::Blather,
            "trace" => Level::Trace,
            "debug" => Level::Debug,
            "info" => Level::Info,
            "warn" => Level::Warn,
            "error" => Level::Error,
            "critical" => Level::Critical,
            other => return Err(Fault::bad_arguments_with(format_args!("no such log level: {other}"))),
        };
        self.logger.log(level, message);
        Ok(())
    }

    /// Wait.
    pub async fn sleep(&self, seconds: f64) -> Result<(), Fault> {
        let duration = Duration::try_from_secs_f64(seconds)
            .map_err(|_| Fault::bad_arguments_with(format_args!("cannot sleep for {seconds} seconds")))?;
        // Timers need a thread of ours: that of the server, of a plugin's futures, or one of the pool.
        if tokio::runtime::Handle::try_current().is_ok() {
            tokio::time::sleep(duration).await;
        } else {
            std::thread::sleep(duration);
        }
        Ok(())
    }

    /// Call a published method.
    pub async fn call(&self, method: String, params: RVec<Value>) -> Result<Value, Fault> {
        let _call = Call::begin(&self.calls)?;
        let registry = self.door.registry()?;
        if method == "system.multicall" {
            // As one that knows who calls.
            let [calls]: [Value; 1] = params.into_vec().try_into().map_err(|_| Fault::incorrect_parameters())?;
            return system::multicall(&registry, Caller::Plugin, calls).await;
        }
        registry.call_from(Caller::Plugin, &method, params).await
    }
}

/// A call that waits for its answer.
struct Call<'a>(&'a AtomicUsize);

impl<'a> Call<'a> {
    fn begin(calls: &'a AtomicUsize) -> Result<Self, Fault> {
        let call = Self(calls);
        if calls.fetch_add(1, Relaxed) < CALLS_AT_ONCE {
            Ok(call)
        } else {
            Err(Fault::failed_with(format_args!("a plugin waits for {CALLS_AT_ONCE} calls already")))
        }
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}
