//! The thread that serves: it accepts connections, looks after them once per tick, and ends in order.

use std::{
    io,
    os::fd::AsRawFd as _,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
    time::{Duration, Instant},
};

use hyper::{server::conn::http1, service::service_fn};
use parking_lot::Mutex;
use tokio::{
    net::{TcpListener, UnixListener},
    runtime,
    sync::{Notify, Semaphore, watch},
};

use super::{
    browser_guard::BrowserGuard,
    connection::{self, ClientStream},
    connection_watch::{Admission, BusyConnection, ConnectionTable, Phase},
    context::{ConnectionContext, ServerContext, SocketContext},
    event_source::EventSource,
    limits::Limits,
    listen::{BoundSocket, Listeners, ServerSocket, SocketFile},
    live_feed::LiveFeed,
    log_files::LogFiles,
    memory_trim::PeakConnections,
    plain_calls,
    resource_usage::ResourceReader,
    route,
};
use crate::{
    config::HttpServer,
    linux::{code_trim, this_process},
    logger::Logger,
    rpc::{PluginMetrics, Registry, Suspension},
    supervisor::Supervisor,
};

/// Time after which everything has begun that begins by itself.
const START_UP_TIME: Duration = Duration::from_secs(3);

/// Time to wait before accepting again when the system has no file descriptor left.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// Most clients that may be told at once that the server is full: each keeps its file descriptor until it has read
/// that.
const TURNED_AWAY: usize = 32;

/// Interval at which a trouble with every client of a crowd is logged.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

/// Threads that may read logs, large requests and large answers.
const BLOCKING_THREADS: usize = 32;

/// Time that those have who have asked since others were waited for. Nobody else is served meanwhile.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(1);

/// Time that those have of it who are connected and have not asked yet.
const FIRST_REQUEST_TIMEOUT: Duration = Duration::from_millis(250);

/// Interval of looks at whether everybody has his answer.
const DRAIN_INTERVAL: Duration = Duration::from_millis(1);

/// Work of the servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Serve,
    /// Accept nobody. Who connects waits until somebody does, here or in the next supervisord.
    Pause,
    Stop,
}

/// Servers for which everything is there, and which nobody can reach yet. Dropping this closes their sockets.
#[derive(Debug)]
pub struct PreparedServers {
    handle: Arc<Handle>,
    /// Channel of which the thread that serves waits for a word.
    begin: mpsc::SyncSender<()>,
    registry: Arc<Registry>,
    runtime: runtime::Handle,
    /// Files of sockets that nobody serves any more.
    unused: Vec<SocketFile>,
}

impl PreparedServers {
    /// Handle of the servers, for who has to be there before the first client.
    pub fn handle(&self) -> Arc<Handle> {
        Arc::clone(&self.handle)
    }

    /// Begin to serve, which cannot fail any more.
    pub fn serve(self) -> Arc<Handle> {
        let Self { handle, begin, registry, runtime, mut unused } = self;
        handle.files.lock().iter_mut().chain(&mut unused).for_each(SocketFile::become_ours);
        // Nobody listens there any more.
        drop(unused);
        // Not on the thread that serves: an end that comes at once has plugins to tell of it.
        registry.run_on(&runtime);
        // The thread waits for this.
        let _ = begin.send(());
        handle
    }
}

/// The running servers.
#[derive(Debug)]
pub struct Handle {
    mode: watch::Sender<Mode>,
    /// Channel that closes or receives when the servers have ended.
    stopped: Mutex<mpsc::Receiver<()>>,
    /// Time to wait for the end of the servers.
    timeout: Duration,
    /// Number of sockets at which somebody may be accepted at this moment.
    accepting: Arc<AtomicUsize>,
    tables: Vec<Arc<ConnectionTable>>,
    suspension: Arc<Suspension>,
    sockets: Vec<ServerSocket>,
    files: Mutex<Vec<SocketFile>>,
}

impl Handle {
    /// Accept nobody any more, and wait until everybody has his answer: those who had asked before this for as long as
    /// `timeout`, the others for a moment. Blocks.
    pub fn pause(&self, timeout: Duration) {
        let until = Instant::now() + timeout;
        // Others are served meanwhile.
        let busy: Vec<_> = self.tables.iter().flat_map(|table| table.busy()).collect();
        while Instant::now() < until && busy.iter().any(BusyConnection::is_busy) {
            std::thread::sleep(DRAIN_INTERVAL);
        }
        let _ = self.mode.send_if_modified(|mode| {
            let is_serving = *mode == Mode::Serve;
            if is_serving {
                *mode = Mode::Pause;
            }
            is_serving
        });
        // Those who have had their time are not waited for again.
        let overdue: Vec<_> = busy.into_iter().filter(BusyConnection::is_busy).collect();
        let begin = Instant::now();
        let is_quiet = || {
            // In this order: who is being accepted right now is not in a table yet.
            let accepts = self.accepting.load(SeqCst) > 0;
            self.tables.iter().for_each(|table| table.drain());
            let waits_for_first = begin.elapsed() < FIRST_REQUEST_TIMEOUT;
            !accepts && self.tables.iter().all(|table| table.is_drained(waits_for_first, &overdue))
        };
        while !is_quiet() && begin.elapsed() < DRAIN_TIMEOUT {
            std::thread::sleep(DRAIN_INTERVAL);
        }
        // Who has not come so far gets no answer from here: what he asks for could be lost.
        self.suspension.begin();
    }

    /// Accept again after a [pause](Self::pause).
    pub fn resume(&self) {
        self.suspension.end();
        let _ = self.mode.send_if_modified(|mode| {
            let is_paused = *mode == Mode::Pause;
            if is_paused {
                *mode = Mode::Serve;
            }
            is_paused
        });
    }

    /// List the sockets that listen, for whoever takes over.
    pub fn sockets(&self) -> &[ServerSocket] {
        &self.sockets
    }

    /// End the servers: nothing new is accepted and answers in flight may finish, but not for long. The socket files
    /// are removed.
    pub fn stop(&self) {
        let _ = self.mode.send(Mode::Stop);
        // An answer or the end of the sender: either way the server is done. The thread is not joined: a call that
        // hangs would hang us.
        let _ = self.stopped.lock().recv_timeout(self.timeout);
        self.files.lock().clear();
    }
}

impl Listeners {
    /// Make the thread that will serve, and all that it needs. Without a supervisor there is nothing to tell of it: methods
    /// and logs can be tested so.
    pub fn prepare(
        self,
        registry: Arc<Registry>,
        log_files: LogFiles,
        supervisor: Option<Supervisor>,
        events: EventSource,
        logger: Logger,
        limits: Limits,
    ) -> io::Result<PreparedServers> {
        let (mode, modes) = watch::channel(Mode::Serve);
        let (done, stopped) = mpsc::channel();
        let timeout = limits.shutdown + Duration::from_millis(50);
        let Self { sockets, files, unused } = self;
        let numbers = sockets
            .iter()
            .map(|(socket, server)| ServerSocket { address: server.address.clone(), fd: socket.as_raw_fd() })
            .collect();
        let sockets: Vec<_> = sockets
            .into_iter()
            .map(|(socket, config)| {
                let any_path = matches!(socket, BoundSocket::Unix(_));
                (socket, Arc::new(socket_context(config, any_path, &limits)))
            })
            .collect();
        let tables: Vec<_> = sockets.iter().map(|(_, context)| context.connections.clone()).collect();
        let accepting = Arc::new(AtomicUsize::new(sockets.len()));
        let suspension = Arc::<Suspension>::default();
        let counted = Arc::clone(&accepting);
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .thread_name("call")
            // And one: for the reader of resources.
            .max_blocking_threads(registry.most_threads() + BLOCKING_THREADS + 1)
            .build()?;
        let (of_calls, logger_too) = (Arc::clone(&suspension), logger.clone());
        let context =
            server_context(Arc::clone(&registry), log_files, supervisor, events, logger_too, limits, of_calls);
        let context = Arc::new(context);
        let (begin, word) = mpsc::sync_channel(1);
        let of_runtime = runtime.handle().clone();
        std::thread::Builder::new().name("server".to_owned()).spawn(move || {
            if word.recv().is_err() {
                return;
            }
            if let Err(error) = runtime.block_on(serve(sockets, context, modes, counted)) {
                logger.critical(format_args!("could not start the HTTP servers: {error}"));
            }
            let _ = done.send(());
            // Calls that hang are left to the end of the process.
            runtime.shutdown_background();
        })?;
        let handle = Arc::new(Handle {
            mode,
            stopped: Mutex::new(stopped),
            timeout,
            accepting,
            tables,
            suspension,
            sockets: numbers,
            files: Mutex::new(files),
        });
        Ok(PreparedServers { handle, begin, registry, runtime: of_runtime, unused })
    }
}

/// Socket that accepts.
enum Acceptor {
    Inet(TcpListener),
    Unix(UnixListener),
}

impl Acceptor {
    /// Accept at a socket on this thread's runtime.
    fn new(socket: BoundSocket) -> io::Result<Self> {
        Ok(match socket {
            BoundSocket::Inet(listener) => Self::Inet(TcpListener::from_std(listener)?),
            BoundSocket::Unix(listener) => Self::Unix(UnixListener::from_std(listener)?),
        })
    }

    async fn accept(&self) -> io::Result<ClientStream> {
        match self {
            Self::Inet(listener) => {
                let (stream, _) = listener.accept().await?;
                // An answer is one write, which must not wait for the acknowledgement of the one before.
                let _ = stream.set_nodelay(true);
                let _ = nix::sys::socket::setsockopt(&stream, nix::sys::socket::sockopt::KeepAlive, &true);
                Ok(ClientStream::Inet(stream))
            }
            Self::Unix(listener) => Ok(ClientStream::Unix(listener.accept().await?.0)),
        }
    }
}

/// Serve until somebody stops the servers.
async fn serve(
    sockets: Vec<(BoundSocket, Arc<SocketContext>)>,
    server: Arc<ServerContext>,
    mut modes: watch::Receiver<Mode>,
    accepting_at: Arc<AtomicUsize>,
) -> io::Result<()> {
    let mut accepting = Vec::new();
    let mut tables = Vec::new();
    for (socket, context) in sockets {
        let acceptor = Acceptor::new(socket)?;
        tables.push(context.connections.clone());
        accepting.push(tokio::spawn(accept(server.clone(), acceptor, context, modes.clone(), accepting_at.clone())));
    }
    tokio::spawn(sweep(server.clone(), tables.clone()));
    tokio::spawn(give_start_up_back(server.clone()));

    // An error is the end of the sender, which is as good.
    let _ = modes.wait_for(|mode| *mode == Mode::Stop).await;
    accepting.iter().for_each(tokio::task::JoinHandle::abort);
    for table in &tables {
        table.finish();
    }
    let _ = tokio::time::timeout(server.limits.shutdown, async {
        while tables.iter().any(|table| table.len() > 0) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
    Ok(())
}

/// Make the state that all connections share.
pub(super) fn server_context(
    registry: Arc<Registry>,
    log_files: LogFiles,
    supervisor: Option<Supervisor>,
    events: EventSource,
    logger: Logger,
    limits: Limits,
    suspension: Arc<Suspension>,
) -> ServerContext {
    let mut builder = http1::Builder::new();
    builder
        // The sweep sees to it, which has no need of a timer for each request.
        .header_read_timeout(None)
        .max_header_size(limits.head)
        // One buffer and one plain write for headers and body together; measured, it saves 7 % of a small answer.
        .writev(false)
        .title_case_headers(true);
    ServerContext {
        plugin_metrics: PluginMetrics::of(&registry),
        complaints: Mutex::default(),
        registry,
        log_files,
        supervisor,
        live: LiveFeed::default(),
        resources: Arc::new(ResourceReader::new()),
        events,
        logger,
        suspension,
        builder,
        connected: Notify::new(),
        requests: Arc::new(Semaphore::new(limits.requests >> 10)),
        answers: Arc::new(Semaphore::new(limits.answers >> 10)),
        blocking: Arc::new(Semaphore::new(BLOCKING_THREADS)),
        lacks_threads: AtomicBool::new(false),
        limits,
    }
}

/// Make the state that the connections of one socket share.
pub(super) fn socket_context(config: HttpServer, any_path: bool, limits: &Limits) -> SocketContext {
    let connections = ConnectionTable::new(limits.clone());
    // Few in proportion to the connections: the files that these leave are for the programs.
    let turned_away = Arc::new(Semaphore::new((limits.connections / 8).clamp(1, TURNED_AWAY)));
    let guard = BrowserGuard::of(&config);
    SocketContext {
        metrics: config.metrics,
        credentials: config.credentials,
        guard,
        any_path,
        connections,
        turned_away,
    }
}

/// Serve a connection that was admitted, to its end.
pub(super) fn connection(
    server: &Arc<ServerContext>,
    socket: &Arc<SocketContext>,
    stream: ClientStream,
    place: Admission,
) -> impl Future<Output = ()> + Send + use<> {
    let (server, socket, watch) = (server.clone(), socket.clone(), place.watch.clone());
    let context = Arc::new(ConnectionContext { server, socket, watch });
    async move {
        let service = service_fn(|request| {
            context.watch.enter(Phase::Body);
            route::answer(context.clone(), request)
        });
        let calls = async |link: &mut _| plain_calls::answer(link, &context).await;
        connection::serve(stream, place, calls, &context.server.builder, service).await;
    }
}

/// Accept connections for as long as the server runs.
async fn accept(
    server: Arc<ServerContext>,
    acceptor: Acceptor,
    socket: Arc<SocketContext>,
    mut modes: watch::Receiver<Mode>,
    accepting: Arc<AtomicUsize>,
) {
    let (mut broken, mut full) = (LogThrottle::default(), LogThrottle::default());
    loop {
        if *modes.borrow() == Mode::Pause {
            accepting.fetch_sub(1, SeqCst);
            // An error is the end.
            let _ = modes.wait_for(|mode| *mode != Mode::Pause).await;
            accepting.fetch_add(1, SeqCst);
        }
        let accepted = tokio::select! {
            biased;
            changed = modes.changed() => match changed {
                Ok(()) => continue,
                Err(_) => return,
            },
            accepted = acceptor.accept() => accepted,
        };
        let stream = match accepted {
            Ok(stream) => stream,
            Err(error) if is_of_one_client(&error) => continue,
            Err(error) => {
                if broken.is_due(Instant::now()) {
                    server.logger.error(format_args!("cannot accept a connection: {error}"));
                }
                tokio::time::sleep(ACCEPT_RETRY).await;
                continue;
            }
        };
        match socket.connections.admit() {
            Ok(place) => {
                server.connected.notify_one();
                tokio::spawn(connection(&server, &socket, stream, place));
            }
            Err(open) => {
                if full.is_due(Instant::now()) {
                    server.logger.warn(format_args!(
                        "{open} connections are open and busy; new ones are answered with 503 until one is done"
                    ));
                }
                if let Ok(place) = socket.turned_away.clone().try_acquire_owned() {
                    tokio::spawn(async move {
                        connection::turn_away(stream).await;
                        drop(place);
                    });
                }
            }
        }
    }
}

/// Throttle of a log message: the time when it was last logged.
#[derive(Debug, Default)]
struct LogThrottle(Option<Instant>);

impl LogThrottle {
    /// Tell whether it is time to log the message, again or for the first time. If so, it counts as logged.
    fn is_due(&mut self, now: Instant) -> bool {
        let due = self.0.is_none_or(|last| now - last >= LOG_INTERVAL);
        if due {
            self.0 = Some(now);
        }
        due
    }
}

/// Tell whether only the client that was to be accepted is concerned: it left already.
fn is_of_one_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted
    )
}

/// Give the code back that the start has needed, once it is over.
async fn give_start_up_back(server: Arc<ServerContext>) {
    tokio::time::sleep(START_UP_TIME).await;
    server.run_blocking(code_trim::trim).await;
}

/// Look after the connections once per tick, and sleep while there are none.
async fn sweep(server: Arc<ServerContext>, tables: Vec<Arc<ConnectionTable>>) {
    let mut peak = PeakConnections::default();
    loop {
        server.connected.notified().await;
        let mut ticks = tokio::time::interval(server.limits.tick);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        ticks.tick().await;
        loop {
            ticks.tick().await;
            let swept = tables.iter().map(|table| table.sweep());
            let (open, most) = swept.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
            if peak.has_left(open, most) {
                server.run_blocking(this_process::trim_memory).await;
            }
            if open == 0 {
                break;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crowd_is_one_line_of_the_log() {
        let start = Instant::now();
        let mut throttle = LogThrottle::default();
        let said = (0..150).filter(|number| throttle.is_due(start + LOG_INTERVAL * *number / 100)).count();
        assert_eq!(said, 2);
    }
}
