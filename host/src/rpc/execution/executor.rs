//! Where the code of a namespace runs, so that one that blocks or spins holds up nothing but itself.
//!
//! A method that may block runs on a thread of the runtime's blocking pool. Each namespace has only so many of those,
//! so that a plugin whose methods hang cannot take the threads that others need.
//!
//! A future of a plugin is polled on a thread that belongs to this plugin alone: its [`Lane`].
//!
//! A plugin may call back while it is called. Such a call never waits for a place on the pool, since its caller may be
//! sitting on one that is needed: it runs on its caller's own thread if that is a thread of the pool, which has to wait
//! for it anyway, and in a place set aside for it otherwise. So there is nothing that a circle of calls could wait for.

use std::{
    cell::Cell,
    future::Future,
    sync::{Arc, OnceLock},
};

use abi_stable::std_types::RVec;
use plugin_api::{Fault, Reply, Value};
use tokio::{runtime::Handle, sync::Semaphore};

use crate::logger::Logger;
use crate::rpc::execution::async_thread::{Lane, Task};
use crate::rpc::execution::plugin_object::Guest;
use crate::rpc::execution::slots::{HANDLER_PLACES, PLACES, Places, Trouble};
use crate::rpc::watchdog::in_flight::{Kind, Running};
use crate::rpc::watchdog::server_thread;

/// How deep calls may be nested on one thread.
pub(crate) const DEPTH_LIMIT: u32 = 16;

thread_local! {
    /// How many calls of methods that may block this thread is inside of.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// Who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    /// A client.
    Client,
    /// Code that is itself being called.
    Plugin,
    /// The host, which tells a plugin something.
    Host,
}

/// The threads of one namespace, or of one result handler.
#[derive(Debug)]
pub(crate) struct Workers {
    /// Whose, for messages.
    name: String,
    /// Whose blocking pool it is; there once the server runs.
    pool: Arc<OnceLock<Handle>>,
    places: Places,
    /// For calls that come from other calls.
    inner_places: Arc<Semaphore>,
    lane: Lane,
    running: Running,
    logger: Logger,
}

impl Workers {
    pub(crate) fn of_namespace(name: &str, pool: Arc<OnceLock<Handle>>, running: &Running, logger: &Logger) -> Self {
        let trouble = |does| Trouble::new(format!("RPC interface '{name}'"), does, logger.clone());
        let places = Places::new(name, format!("{PLACES} calls of {name}.*"), PLACES, trouble("answers plain calls"));
        let inner_places = Arc::new(Semaphore::new(PLACES));
        let (lane, running, logger) =
            (Lane::new(name, trouble("answers async calls")), running.clone(), logger.clone());
        Self { name: name.to_owned(), pool, places, inner_places, lane, running, logger }
    }

    /// Nobody calls a handler but the pools whose answers it judges, and those wait for it one listener at a time.
    pub(crate) fn of_handler(name: &str, pool: Arc<OnceLock<Handle>>, running: &Running, logger: &Logger) -> Self {
        let trouble = |does| Trouble::new(format!("result handler '{name}'"), does, logger.clone());
        let places = Places::new(name, format!("{HANDLER_PLACES} answers"), HANDLER_PLACES, trouble("judges"));
        let inner_places = Arc::new(Semaphore::new(0));
        let (lane, running, logger) = (Lane::new(name, trouble("judges")), running.clone(), logger.clone());
        Self { name: name.to_owned(), pool, places, inner_places, lane, running, logger }
    }

    /// Where the blocking pool is, once the server runs.
    pub(crate) fn runtime(&self) -> Option<&Handle> {
        self.pool.get()
    }

    /// Calls a method that may block; `full` is its name in the log.
    pub(crate) async fn call(
        &self,
        caller: Caller,
        object: Guest,
        full: &str,
        method: String,
        params: RVec<Value>,
    ) -> Result<Reply, Fault> {
        let full = Arc::from(full);
        let depth = DEPTH.get();
        if depth > 0 {
            if depth >= DEPTH_LIMIT {
                return Err(too_deep());
            }
            let _run = self.running.begin(Kind::Call, full);
            return Ok(nested(depth, || object.call(method.as_str().into(), params)));
        }
        let Some(pool) = self.pool.get() else {
            return Err(Fault::failed_with("the server has not started yet"));
        };
        let place = match caller {
            Caller::Client | Caller::Host => self.places.take().await?,
            Caller::Plugin => self
                .inner_places
                .clone()
                .try_acquire_owned()
                .map_err(|_| Fault::failed_with(format_args!("too many calls of {} at once", self.name)))?,
        };
        let running = self.running.clone();
        let call = pool.spawn_blocking(move || {
            let _run = running.begin(Kind::Call, full);
            // Given back when the call ends, not when its client stops waiting.
            let _place = place;
            nested(0, || object.call(method.as_str().into(), params))
        });
        call.await.map_err(|_| self.broken_off())
    }

    /// Runs a future of this namespace on its own thread; `full` is its name in the log. Dropping the answer drops the
    /// future.
    pub(crate) async fn run<F>(&self, full: &str, future: F) -> Result<Value, Fault>
    where
        F: Future<Output = Result<Value, Fault>> + Send + 'static,
    {
        let future = server_thread::polling(self.logger.clone(), self.running.clone(), full.into(), future);
        self.lane.run(self.pool.get(), future).await.unwrap_or_else(|| Err(self.broken_off()))
    }

    /// Runs a future of the host's own for a plugin that waits for it. The server's thread polls it and tells the
    /// plugin that it is done: what wakes such a future may be the supervisor's thread, on which no plugin's waker may
    /// run. Dropping the answer drops the future.
    pub(crate) async fn run_on_server<F>(&self, future: F) -> Result<Value, Fault>
    where
        F: Future<Output = Result<Value, Fault>> + Send + 'static,
    {
        let Some(server) = self.pool.get() else {
            return Err(Fault::failed_with("the server has not started yet"));
        };
        let mut task = Task(server.spawn(future));
        (&mut task.0).await.unwrap_or_else(|_| Err(self.broken_off()))
    }

    fn broken_off(&self) -> Fault {
        Fault::failed_with(format_args!("a call of {} was broken off", self.name))
    }
}

/// What is said to a plugin that goes round in circles.
pub(crate) fn too_deep() -> Fault {
    Fault::failed_with(format_args!("calls are nested more than {DEPTH_LIMIT} deep"))
}

/// Makes a call that may block, `depth` calls deep on this thread.
fn nested<R>(depth: u32, call: impl FnOnce() -> R) -> R {
    DEPTH.set(depth + 1);
    let answer = call();
    DEPTH.set(depth);
    answer
}
