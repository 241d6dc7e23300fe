//! The HTTP servers: XML-RPC, logs as they grow, and pages for a browser, over TCP and unix sockets.
//!
//! The sockets are bound first, by [`Listeners`]; then one thread, named `server`, serves them all with one runtime. It
//! may hang without harm to the rest of supervisord: nobody waits for it, except for a moment at the end.
//!
//! # What clients can rely on
//!
//! * HTTP/1.0 and 1.1, keep-alive and pipelining.
//! * A request's body may have 64 MiB (413), its headers 64 KiB (431). It must say how large its body is (411).
//! * The larger requests together may take 256 MiB; one that would take more is answered with 503. An answer larger
//!   than 256 MiB becomes a fault.
//! * A request whose headers do not arrive within 30 seconds is answered with 408, and so is one of whose body less
//!   than 64 KiB come in 30 seconds. A call may take as long as it takes; if its client leaves, it is cancelled.
//! * To each server there may be 4,096 connections, but to all of them together no more than half as many as
//!   supervisord may have files open. Then the one that has waited longest for its next request is closed for a new
//!   one, and if all are busy the new one is answered with 503; or, if many are being told so already, just closed. A
//!   crowd at one server takes no place from another.
//! * What a browser asks for because a page of another site told it to is answered with 403.
//! * When a crowd has left, the memory that it took goes back to the system.

mod answer;
mod auth;
mod connection;
mod guard;
mod listen;
mod logtail;
mod memory;
mod route;
mod rpc2;
mod watch;
mod web;

use std::{
    io,
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

use hyper::{server::conn::http1, service::service_fn};
use tokio::{
    net::{TcpListener, UnixListener},
    runtime,
    sync::{Notify, Semaphore, watch as signal},
};

use self::{
    connection::Stream,
    guard::Guard,
    listen::SocketFile,
    memory::Memory,
    watch::{Phase, Watch, Watchlist},
};
pub use self::{
    listen::{BindError, Listeners},
    logtail::{Log, LogFiles, log_files},
    watch::Limits,
};
use crate::{
    config::{Credentials, HttpServer},
    logger::Logger,
    rpc::Registry,
};

/// How long to wait before accepting again when the system has no file descriptor left.
const BREATHER: Duration = Duration::from_millis(100);

/// How many clients at once may be told that the server is full: each keeps its file descriptor until it has read that.
const TURNED_AWAY: usize = 32;

/// What goes wrong with every client of a crowd is said once in so long.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(10);

/// How many threads may read logs, large requests and large answers.
const OTHER_THREADS: usize = 32;

/// What all connections of all sockets share.
struct Server {
    registry: Arc<Registry>,
    log_files: LogFiles,
    logger: Logger,
    limits: Limits,
    builder: http1::Builder,
    /// A connection came to where there was none.
    busy: Notify,
    /// KiB of memory that the larger requests may still take.
    requests: Arc<Semaphore>,
    /// KiB of memory that the larger answers may still take.
    answers: Arc<Semaphore>,
    /// For work that is done on other threads: large requests and answers, and logs.
    others: Arc<Semaphore>,
}

/// What all connections of one socket share.
struct Site {
    credentials: Option<Credentials>,
    guard: Guard,
    /// On a unix socket any path that is not one of our own is XML-RPC, since Supervisor's own transport says of its
    /// URL that it is superfluous.
    any_path: bool,
    /// Of this socket alone: a crowd on one must not lock out who comes by another.
    watchlist: Arc<Watchlist>,
    /// For clients that are told that the server is full.
    turned_away: Arc<Semaphore>,
}

/// One connection, as the code that answers sees it.
struct Endpoint {
    server: Arc<Server>,
    site: Arc<Site>,
    watch: Arc<Watch>,
}

impl Server {
    /// Does heavy work where it holds up nobody, with at most so many others; on its way it waits.
    async fn apart<R: Send + 'static>(&self, work: impl FnOnce() -> R + Send + 'static) -> R {
        // It is never closed.
        let place = self.others.clone().acquire_owned().await.ok();
        let done = tokio::task::spawn_blocking(move || {
            // Given back when the work is done, not when its client stops waiting.
            let _place = place;
            work()
        });
        match done.await {
            Ok(done) => done,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
}

/// The running servers.
#[derive(Debug)]
pub struct Handle {
    stop: signal::Sender<bool>,
    stopped: mpsc::Receiver<()>,
    farewell: Duration,
    _files: Vec<SocketFile>,
}

impl Handle {
    /// Ends the servers: nothing new is accepted and answers in flight may finish, but not for long. The socket files
    /// are removed.
    pub fn stop(self) {
        let _ = self.stop.send(true);
        // An answer or the end of the sender: either way the server is done. The thread is not joined: a call that
        // hangs would hang us.
        let _ = self.stopped.recv_timeout(self.farewell);
    }
}

impl Listeners {
    /// Starts the thread that serves.
    pub fn serve(
        self,
        registry: Arc<Registry>,
        log_files: LogFiles,
        logger: Logger,
        limits: Limits,
    ) -> io::Result<Handle> {
        let (stop, stopping) = signal::channel(false);
        let (done, stopped) = mpsc::channel();
        let farewell = limits.farewell + Duration::from_millis(50);
        let mut files = Vec::new();
        let mut sockets = Vec::new();
        for (socket, server) in self.sockets {
            let bound = match socket {
                listen::Socket::Inet(listener) => Bound::Inet(listener),
                listen::Socket::Unix(listener, file) => {
                    files.push(file);
                    Bound::Unix(listener)
                }
            };
            sockets.push((bound, server));
        }
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .thread_name("call")
            .max_blocking_threads(registry.most_threads() + OTHER_THREADS)
            .build()?;
        // Not on the thread that serves: an end that comes at once has plugins to tell of it.
        registry.run_on(runtime.handle());
        std::thread::Builder::new().name("server".to_owned()).spawn(move || {
            if let Err(error) = runtime.block_on(serve(sockets, registry, log_files, logger.clone(), limits, stopping))
            {
                logger.critical(format_args!("could not start the HTTP servers: {error}"));
            }
            let _ = done.send(());
            // Calls that hang are left to the end of the process.
            runtime.shutdown_background();
        })?;
        Ok(Handle { stop, stopped, farewell, _files: files })
    }
}

/// A socket on its way to the thread that serves it.
enum Bound {
    Inet(std::net::TcpListener),
    Unix(std::os::unix::net::UnixListener),
}

/// A socket that accepts.
enum Door {
    Inet(TcpListener),
    Unix(UnixListener),
}

impl Door {
    async fn accept(&self) -> io::Result<Stream> {
        match self {
            Self::Inet(listener) => {
                let (stream, _) = listener.accept().await?;
                // An answer is one write, which must not wait for the acknowledgement of the one before.
                let _ = stream.set_nodelay(true);
                let _ = nix::sys::socket::setsockopt(&stream, nix::sys::socket::sockopt::KeepAlive, &true);
                Ok(Stream::Inet(stream))
            }
            Self::Unix(listener) => Ok(Stream::Unix(listener.accept().await?.0)),
        }
    }
}

async fn serve(
    sockets: Vec<(Bound, HttpServer)>,
    registry: Arc<Registry>,
    log_files: LogFiles,
    logger: Logger,
    limits: Limits,
    mut stopping: signal::Receiver<bool>,
) -> io::Result<()> {
    let mut builder = http1::Builder::new();
    builder
        // Both are seen to by the watchlist, which has no need of a timer for each request.
        .header_read_timeout(None)
        .max_header_size(limits.head)
        // One buffer and one plain write for headers and body together; measured, it saves 7 % of a small answer.
        .writev(false)
        .title_case_headers(true);
    let server = Arc::new(Server {
        registry,
        log_files,
        logger,
        builder,
        busy: Notify::new(),
        requests: Arc::new(Semaphore::new(limits.requests >> 10)),
        answers: Arc::new(Semaphore::new(limits.answers >> 10)),
        others: Arc::new(Semaphore::new(OTHER_THREADS)),
        limits: limits.clone(),
    });
    let mut doors = Vec::new();
    let mut watchlists = Vec::new();
    for (bound, config) in sockets {
        let any_path = matches!(bound, Bound::Unix(_));
        let door = match bound {
            Bound::Inet(listener) => Door::Inet(TcpListener::from_std(listener)?),
            Bound::Unix(listener) => Door::Unix(UnixListener::from_std(listener)?),
        };
        let watchlist = Watchlist::new(limits.clone());
        watchlists.push(watchlist.clone());
        // Few in proportion to the connections: the files that these leave are for the programs.
        let turned_away = Arc::new(Semaphore::new((limits.connections / 8).clamp(1, TURNED_AWAY)));
        let guard = Guard::of(&config);
        let site = Arc::new(Site { credentials: config.credentials, guard, any_path, watchlist, turned_away });
        doors.push(tokio::spawn(accept(server.clone(), door, site)));
    }
    tokio::spawn(sweep(server.clone(), watchlists.clone()));

    // An error is the end of the sender, which is as good.
    let _ = stopping.wait_for(|stop| *stop).await;
    doors.iter().for_each(tokio::task::JoinHandle::abort);
    for watchlist in &watchlists {
        watchlist.finish();
    }
    let _ = tokio::time::timeout(limits.farewell, async {
        while watchlists.iter().any(|watchlist| watchlist.len() > 0) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
    Ok(())
}

/// Accepts for as long as the server runs.
async fn accept(server: Arc<Server>, door: Door, site: Arc<Site>) {
    let (mut broken, mut full) = (Complaint::default(), Complaint::default());
    loop {
        let stream = match door.accept().await {
            Ok(stream) => stream,
            Err(error) if is_of_one_client(&error) => continue,
            Err(error) => {
                if broken.is_due(Instant::now()) {
                    server.logger.error(format_args!("cannot accept a connection: {error}"));
                }
                tokio::time::sleep(BREATHER).await;
                continue;
            }
        };
        match site.watchlist.admit() {
            Ok(place) => {
                server.busy.notify_one();
                let endpoint =
                    Arc::new(Endpoint { server: server.clone(), site: site.clone(), watch: place.watch.clone() });
                tokio::spawn(async move {
                    let service = service_fn(|request| {
                        endpoint.watch.enter(Phase::Body);
                        route::answer(endpoint.clone(), request)
                    });
                    connection::serve(stream, place, &endpoint.server.builder, service).await;
                });
            }
            Err(open) => {
                if full.is_due(Instant::now()) {
                    server.logger.warn(format_args!(
                        "{open} connections are open and busy; new ones are answered with 503 until one is done"
                    ));
                }
                if let Ok(place) = site.turned_away.clone().try_acquire_owned() {
                    tokio::spawn(async move {
                        connection::turn_away(stream).await;
                        drop(place);
                    });
                }
            }
        }
    }
}

/// When something was last complained about.
#[derive(Debug, Default)]
struct Complaint(Option<Instant>);

impl Complaint {
    /// Whether it is time to say it, again or for the first time. If so, it counts as said.
    fn is_due(&mut self, now: Instant) -> bool {
        let due = self.0.is_none_or(|last| now - last >= COMPLAINT_INTERVAL);
        if due {
            self.0 = Some(now);
        }
        due
    }
}

/// Whether only the client that was to be accepted is concerned: it left already.
fn is_of_one_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted
    )
}

/// Looks after the connections once per tick, and sleeps while there are none.
async fn sweep(server: Arc<Server>, watchlists: Vec<Arc<Watchlist>>) {
    let mut memory = Memory::default();
    loop {
        server.busy.notified().await;
        let mut ticks = tokio::time::interval(server.limits.tick);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        ticks.tick().await;
        loop {
            ticks.tick().await;
            let swept = watchlists.iter().map(|watchlist| watchlist.sweep());
            let (open, most) = swept.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
            if memory.is_left_by(open, most) {
                server.apart(memory::give_back).await;
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
    fn a_crowd_is_one_complaint() {
        let start = Instant::now();
        let mut complaint = Complaint::default();
        let said = (0..150).filter(|number| complaint.is_due(start + COMPLAINT_INTERVAL * *number / 100)).count();
        assert_eq!(said, 2);
    }
}
