//! State that requests share: of all servers, of one socket, of one connection.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use hyper::server::conn::http1;
use parking_lot::Mutex;
use tokio::{
    runtime::Handle,
    sync::{Notify, Semaphore},
};

use super::{
    browser_guard::BrowserGuard,
    connection_watch::{ConnectionTable, ConnectionWatch},
    event_source::EventSource,
    limits::Limits,
    live_feed::LiveFeed,
    log_files::LogFiles,
    resource_usage::ResourceReader,
};
use crate::{
    blocking::{has_thread, spawn_blocking},
    config::Credentials,
    logger::Logger,
    rpc::{PluginMetrics, Registry, Suspension},
    supervisor::Supervisor,
};

/// Time between two looks for a thread, where the system has none to give.
const THREAD_RETRY: Duration = Duration::from_millis(100);

/// State of all connections of all sockets.
pub(super) struct ServerContext {
    pub(super) registry: Arc<Registry>,
    pub(super) log_files: LogFiles,
    /// Supervisor whose state is told; `None` in tests of what has nothing to do with it.
    pub(super) supervisor: Option<Supervisor>,
    /// Reader of what processes use, shared by all who look.
    pub(super) resources: Arc<ResourceReader>,
    pub(super) events: EventSource,
    /// Pages that follow what happens.
    pub(super) live: LiveFeed,
    /// The plugins that have metrics of their own.
    pub(super) plugin_metrics: PluginMetrics,
    /// Lines about these that were logged already. A lock for a look.
    pub(super) complaints: Mutex<BTreeSet<String>>,
    pub(super) logger: Logger,
    pub(super) limits: Limits,
    /// Suspension of all requests, at the end of a pause.
    pub(super) suspension: Arc<Suspension>,
    /// Settings of hyper for every connection.
    pub(super) builder: http1::Builder,
    /// Notification of a new connection, for the sweep that sleeps while there are none.
    pub(super) connected: Notify,
    /// Memory that the larger requests may still take, in KiB.
    pub(super) requests: Arc<Semaphore>,
    /// Memory that the larger answers may still take, in KiB.
    pub(super) answers: Arc<Semaphore>,
    /// Threads that may still be taken for large requests and answers, and for logs.
    pub(super) blocking: Arc<Semaphore>,
    /// Set while the system has no threads for those, once the log says so.
    pub(super) lacks_threads: AtomicBool,
}

/// State of all connections of one socket.
pub(super) struct SocketContext {
    /// Set where `/metrics` is served.
    pub(super) metrics: bool,
    /// Credentials that are asked for; `None` where none are.
    pub(super) credentials: Option<Credentials>,
    pub(super) guard: BrowserGuard,
    /// True for a unix socket: any path there that is not one of our own is XML-RPC, since Supervisor's own transport
    /// says of its URL that it is superfluous.
    pub(super) any_path: bool,
    /// Connections of this socket alone: a crowd on one must not lock out who comes by another.
    pub(super) connections: Arc<ConnectionTable>,
    /// Number of clients more that may be told that the server is full.
    pub(super) turned_away: Arc<Semaphore>,
}

/// State of one connection.
pub(super) struct ConnectionContext {
    pub(super) server: Arc<ServerContext>,
    pub(super) socket: Arc<SocketContext>,
    pub(super) watch: Arc<ConnectionWatch>,
}

impl ServerContext {
    /// Run heavy work on a thread where it holds up nobody; it may have to wait for one to be free, or for the system
    /// to have one.
    pub(super) async fn run_blocking<R: Send + 'static>(&self, work: impl FnOnce() -> R + Send + 'static) -> R {
        // It is never closed.
        let permit = self.blocking.clone().acquire_owned().await.ok();
        let mut work = move || {
            // Given back when the work is done, not when its client stops waiting.
            let _permit = permit;
            work()
        };
        let running = loop {
            match spawn_blocking(&Handle::current(), work) {
                Ok(running) => break running,
                Err(lack) => {
                    work = lack.work;
                    if !self.lacks_threads.swap(true, Relaxed) {
                        self.logger.error(format_args!("clients wait, for no thread could be had: {}", lack.error));
                    }
                    // To ask costs less than to try in vain.
                    while !has_thread() {
                        tokio::time::sleep(THREAD_RETRY).await;
                    }
                }
            }
        };
        self.lacks_threads.store(false, Relaxed);
        match running.await {
            Ok(done) => done,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
}
