//! The threads on which the code of one plugin object runs, so that one that blocks or spins holds up nothing but
//! itself.
//!
//! A method that may block runs on a thread of the runtime's blocking pool. Each object has only so many slots there, so
//! that a plugin whose methods hang cannot take the threads that others need.
//!
//! A future of a plugin is polled on a thread that belongs to this plugin alone: its [`AsyncThread`].
//!
//! A plugin may call back while it is called. Such a call never waits for a slot, since its caller may be sitting on one
//! that is needed: it runs on its caller's own thread if that is a thread of the pool, which has to wait for it anyway,
//! and in a slot set aside for it otherwise. So there is nothing that a circle of calls could wait for.

use std::{
    future::Future,
    sync::{Arc, OnceLock},
};

use plugin_api::{Fault, Reply, Value};
use tokio::{runtime::Handle, sync::Semaphore};

use super::{
    async_thread::{AbortOnDrop, AsyncThread, watched},
    call_depth::{DEPTH_LIMIT, depth, nested, too_deep},
    slots::{NAMESPACE_SLOTS, RESULT_HANDLER_SLOTS, Slots},
};
use crate::{
    blocking::{NoThread, spawn_blocking},
    logger::Logger,
    rpc::{
        method::Caller,
        watchdog::{InFlight, Kind, StuckNotice},
    },
};

/// Things that the executors of one registry share. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct ExecutorContext {
    /// The server's runtime, whose blocking pool they use; there once the server runs.
    pub(crate) server: Arc<OnceLock<Handle>>,
    /// The watchdog's list of what runs.
    pub(crate) in_flight: InFlight,
    /// The activity log.
    pub(crate) logger: Logger,
}

impl ExecutorContext {
    /// A context without a server, in which nothing runs.
    pub(crate) fn new(logger: Logger) -> Self {
        Self { server: Arc::default(), in_flight: InFlight::default(), logger }
    }
}

/// The threads of one plugin object.
#[derive(Debug)]
pub(super) struct Executor {
    /// Name of the object, for messages.
    name: String,
    /// Server, list of what runs and log, as all executors have them.
    context: ExecutorContext,
    /// Slots for calls of clients and of the host.
    slots: Slots,
    /// Slots for calls that come from other calls.
    inner_slots: Arc<Semaphore>,
    /// Thread of the plugin's futures.
    async_thread: AsyncThread,
}

impl Executor {
    /// The threads of a namespace.
    pub(super) fn of_namespace(name: &str, context: &ExecutorContext) -> Self {
        let notice = |activity| StuckNotice::new(format!("RPC interface '{name}'"), activity, context.logger.clone());
        let all = format!("{NAMESPACE_SLOTS} calls of {name}.*");
        Self {
            name: name.to_owned(),
            context: context.clone(),
            slots: Slots::new(name, all, NAMESPACE_SLOTS, notice("answers plain calls")),
            inner_slots: Arc::new(Semaphore::new(NAMESPACE_SLOTS)),
            async_thread: AsyncThread::new(name, notice("answers async calls")),
        }
    }

    /// The threads of a result handler. Nobody calls it but the pools whose answers it judges, and those wait for it
    /// one listener at a time.
    pub(super) fn of_result_handler(name: &str, context: &ExecutorContext) -> Self {
        let notice = || StuckNotice::new(format!("result handler '{name}'"), "judges", context.logger.clone());
        let all = format!("{RESULT_HANDLER_SLOTS} answers");
        Self {
            name: name.to_owned(),
            context: context.clone(),
            slots: Slots::new(name, all, RESULT_HANDLER_SLOTS, notice()),
            inner_slots: Arc::new(Semaphore::new(0)),
            async_thread: AsyncThread::new(name, notice()),
        }
    }

    /// Make a call that may block, on a thread where it may. `method` is its full name in the log.
    pub(super) async fn run_blocking<F>(&self, caller: Caller, method: Arc<str>, call: F) -> Result<Reply, Fault>
    where
        F: FnOnce() -> Reply + Send + 'static,
    {
        let depth = depth();
        if depth > 0 {
            if depth >= DEPTH_LIMIT {
                return Err(too_deep());
            }
            let _entered = self.context.in_flight.begin(Kind::Call, method);
            return Ok(nested(depth, call));
        }
        let server = self.running_server()?;
        let slot = match caller {
            Caller::Client | Caller::Host => self.slots.take().await?,
            Caller::Plugin => self
                .inner_slots
                .clone()
                .try_acquire_owned()
                .map_err(|_| Fault::failed_with(format_args!("too many calls of {} at once", self.name)))?,
        };
        let in_flight = self.context.in_flight.clone();
        let call = spawn_blocking(server, move || {
            let _entered = in_flight.begin(Kind::Call, method);
            // Given back when the call ends, not when its client stops waiting.
            let _slot = slot;
            nested(0, call)
        });
        let no_thread = |error| format!("no thread could be had for a call of {}: {error}", self.name);
        let call = call.map_err(|NoThread { error, .. }| Fault::failed_with(no_thread(error)))?;
        call.await.map_err(|_| self.broken_off())
    }

    /// Run a future of the plugin on its own thread. `method` is its full name in the log. Dropping the answer drops the
    /// future.
    pub(super) async fn run_async<F>(&self, method: Arc<str>, future: F) -> Result<Value, Fault>
    where
        F: Future<Output = Result<Value, Fault>> + Send + 'static,
    {
        let ExecutorContext { server, in_flight, logger } = &self.context;
        let future = watched(logger.clone(), in_flight.clone(), method, future);
        self.async_thread.run(server.get(), future).await.unwrap_or_else(|| Err(self.broken_off()))
    }

    /// Run a future of the host's own for a plugin that waits for it. The server's thread polls it and tells the plugin
    /// that it is done: what wakes such a future may be the supervisor's thread, on which no plugin's waker may run.
    /// Dropping the answer drops the future.
    pub(super) async fn run_on_server<F>(&self, future: F) -> Result<Value, Fault>
    where
        F: Future<Output = Result<Value, Fault>> + Send + 'static,
    {
        let mut task = AbortOnDrop(self.running_server()?.spawn(future));
        (&mut task.0).await.unwrap_or_else(|_| Err(self.broken_off()))
    }

    /// The server's runtime, once the server runs.
    pub(super) fn server(&self) -> Option<&Handle> {
        self.context.server.get()
    }

    /// The server's runtime, or the fault of a call that comes before it.
    fn running_server(&self) -> Result<&Handle, Fault> {
        self.server().ok_or_else(|| Fault::failed_with("the server has not started yet"))
    }

    /// Fault for a call whose thread is gone.
    fn broken_off(&self) -> Fault {
        Fault::failed_with(format_args!("a call of {} was broken off", self.name))
    }
}
