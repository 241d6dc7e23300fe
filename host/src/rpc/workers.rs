//! Where the code of a namespace runs, so that one that blocks or spins holds up nothing but itself.
//!
//! A method that may block runs on a thread of the runtime's blocking pool. Each namespace has only so many of those, so
//! that a plugin whose methods hang cannot take the threads that others need.
//!
//! A future of a plugin is polled on a thread that belongs to this plugin alone and is made when it is first needed.
//!
//! A plugin may call back while it is called. Such a call never waits for a place on the pool, since its caller may be
//! sitting on one that is needed: it runs on its caller's own thread if that is a thread of the pool, which has to wait
//! for it anyway, and in a place set aside for it otherwise. So there is nothing that a circle of calls could wait for.

use std::{
    cell::Cell,
    future::Future,
    io,
    pin::Pin,
    sync::{Arc, OnceLock, mpsc},
    task::{Context, Poll},
};

use abi_stable::std_types::RVec;
use parking_lot::Mutex;
use plugin_api::{Fault, Reply, Value};
use tokio::{
    runtime::{self, Handle},
    sync::Semaphore,
    task::JoinHandle,
};

use super::{
    guest::Guest,
    places::{PLACES, Places},
};
use crate::logger::Logger;

/// How deep calls may be nested on one thread.
const DEPTH_LIMIT: u32 = 16;

thread_local! {
    /// How many calls of methods that may block this thread is inside of.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
    /// Whose futures this thread polls, and how many of them it is inside of.
    static LANE: Cell<(usize, u32)> = const { Cell::new((0, 0)) };
}

/// Who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Caller {
    /// A client.
    Client,
    /// Code that is itself being called.
    Plugin,
}

/// The threads of one namespace.
#[derive(Debug)]
pub(super) struct Workers {
    /// For messages.
    namespace: String,
    /// Whose blocking pool it is; there once the server runs.
    pool: Arc<OnceLock<Handle>>,
    places: Places,
    /// For calls that come from other calls.
    inner_places: Arc<Semaphore>,
    /// The thread that polls this namespace's futures.
    lane: Mutex<Option<Handle>>,
}

impl Workers {
    pub(super) fn new(namespace: &str, pool: Arc<OnceLock<Handle>>, logger: Logger) -> Self {
        Self {
            namespace: namespace.to_owned(),
            pool,
            places: Places::new(namespace, logger),
            inner_places: Arc::new(Semaphore::new(PLACES)),
            lane: Mutex::new(None),
        }
    }

    /// Calls a method that may block.
    pub(super) async fn call(
        &self,
        caller: Caller,
        object: Guest,
        method: String,
        params: RVec<Value>,
    ) -> Result<Reply, Fault> {
        let depth = DEPTH.get();
        if depth > 0 {
            if depth >= DEPTH_LIMIT {
                return Err(too_deep());
            }
            return Ok(nested(depth, || object.call(method.as_str().into(), params)));
        }
        let Some(pool) = self.pool.get() else {
            return Err(Fault::failed_with("the server has not started yet"));
        };
        let place = match caller {
            Caller::Client => self.places.take().await?,
            Caller::Plugin => self
                .inner_places
                .clone()
                .try_acquire_owned()
                .map_err(|_| Fault::failed_with(format_args!("too many calls of {} at once", self.namespace)))?,
        };
        let call = pool.spawn_blocking(move || {
            // Given back when the call ends, not when its client stops waiting.
            let _place = place;
            nested(0, || object.call(method.as_str().into(), params))
        });
        call.await.map_err(|_| self.broken_off())
    }

    /// Runs a future of this namespace on its own thread. Dropping the answer drops the future.
    pub(super) async fn run<F>(&self, future: F) -> Result<Value, Fault>
    where
        F: Future<Output = Result<Value, Fault>> + Send + 'static,
    {
        if LANE.get().0 == self.id() {
            // To wait here for another task of this thread would be to wait for ever, should the caller block.
            return Inner { lane: self.id(), future: Box::pin(future) }.await;
        }
        let lane = self.lane().map_err(|error| {
            Fault::failed_with(format_args!("cannot make a thread for {}: {error}", self.namespace))
        })?;
        let mut task = Task(lane.spawn(future));
        (&mut task.0).await.unwrap_or_else(|_| Err(self.broken_off()))
    }

    /// Runs a future of the host's own for a plugin that waits for it. The server's thread polls it and tells the plugin
    /// that it is done: what wakes such a future may be the supervisor's thread, on which no plugin's waker may run.
    /// Dropping the answer drops the future.
    pub(super) async fn run_on_server<F>(&self, future: F) -> Result<Value, Fault>
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
        Fault::failed_with(format_args!("a call of {} was broken off", self.namespace))
    }

    /// Tells lanes apart; never 0.
    fn id(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    fn lane(&self) -> io::Result<Handle> {
        let mut lane = self.lane.lock();
        if let Some(handle) = &*lane {
            return Ok(handle.clone());
        }
        let (sender, receiver) = mpsc::sync_channel(1);
        let id = self.id();
        // It ends with the process: nobody waits for a plugin's code.
        std::thread::Builder::new().name(self.namespace.clone()).spawn(move || {
            match runtime::Builder::new_current_thread().enable_time().build() {
                Ok(runtime) => {
                    LANE.set((id, 0));
                    let _ = sender.send(Ok(runtime.handle().clone()));
                    runtime.block_on(std::future::pending::<()>());
                }
                Err(error) => {
                    let _ = sender.send(Err(error));
                }
            }
        })?;
        let handle = receiver.recv().map_err(io::Error::other)??;
        *lane = Some(handle.clone());
        Ok(handle)
    }
}

/// A future of a plugin that is polled inside another one of the same plugin.
struct Inner<F> {
    lane: usize,
    future: Pin<Box<F>>,
}

impl<F: Future<Output = Result<Value, Fault>>> Future for Inner<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let (lane, depth) = LANE.get();
        if depth >= DEPTH_LIMIT {
            return Poll::Ready(Err(too_deep()));
        }
        debug_assert_eq!(lane, self.lane, "a future changed its thread");
        LANE.set((lane, depth + 1));
        let poll = self.future.as_mut().poll(cx);
        LANE.set((lane, depth));
        poll
    }
}

fn too_deep() -> Fault {
    Fault::failed_with(format_args!("calls are nested more than {DEPTH_LIMIT} deep"))
}

/// Aborted when dropped.
struct Task(JoinHandle<Result<Value, Fault>>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Makes a call that may block, `depth` calls deep on this thread.
fn nested<R>(depth: u32, call: impl FnOnce() -> R) -> R {
    DEPTH.set(depth + 1);
    let answer = call();
    DEPTH.set(depth);
    answer
}
