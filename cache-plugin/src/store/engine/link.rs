//! The link to an engine: it is made when there is one, and made again when it is lost.
//!
//! A call takes the connection that there is. While the first one is being made, and one in place of one that has just
//! been lost, calls wait for it; when that has failed, they are refused with the reason until it is there again, which
//! is tried again and again, at longer and longer intervals. The log hears of a link that is lost and of one that is
//! back, and of nothing in between.
//!
//! A cluster is another thing: where one of its nodes does not answer, the others do. So calls keep the connection,
//! and fail one by one, until another that reaches all primaries takes its place.

use std::{
    future::Future,
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use futures_util::FutureExt as _;
use plugin_api::{Fault, Host, Level};
use redis::{ErrorKind, RedisError, RedisResult, ServerErrorKind, cmd};
use tokio::{
    sync::{Notify, watch},
    time::{Instant, sleep, timeout, timeout_at},
};

use super::{address::Target, connection::Connection, settings::Settings};
use crate::store::faults::{QUOTA_EXCEEDED, STORE_FAILED};

/// Time between two looks at a connection that nobody uses, and at what is waited for.
pub(super) const INTERVAL: Duration = Duration::from_secs(1);

/// First and longest time between two attempts to connect.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// The state of the link.
#[derive(Clone)]
enum State {
    /// An attempt is under way: the first one, or the first after the link was lost.
    Connecting,
    /// A connection, with a number that tells it from those before.
    Up(u64, Connection),
    /// No connection can be had: the reason, and since when.
    Down(Arc<str>, Instant),
}

/// The link to an engine.
pub(super) struct Link {
    pub(super) settings: Settings,
    host: Host,
    state: watch::Sender<State>,
    /// The reason for which the connection with that number is of no more use.
    lost: watch::Sender<Option<(u64, Arc<str>)>>,
    next: AtomicU64,
    /// Nanoseconds that the last look at the connection took.
    latency: AtomicU64,
    /// Set off when the link is there again.
    pub(super) renewed: Notify,
}

/// A connection for calls that belong together.
#[derive(Clone)]
pub(super) struct Session<'a> {
    link: &'a Link,
    number: u64,
    pub(super) connection: Connection,
}

impl Link {
    pub(super) fn new(settings: Settings, host: Host) -> Self {
        Self {
            settings,
            host,
            state: watch::Sender::new(State::Connecting),
            lost: watch::Sender::new(None),
            next: AtomicU64::new(0),
            latency: AtomicU64::new(0),
            renewed: Notify::new(),
        }
    }

    /// Get a connection, and wait until then for one that is being made.
    ///
    /// # Errors
    ///
    /// `STORE_FAILED` if there is none.
    pub(super) async fn session(&self) -> Result<Session<'_>, Fault> {
        self.session_by(Instant::now() + self.settings.timeout).await
    }

    async fn session_by(&self, deadline: Instant) -> Result<Session<'_>, Fault> {
        let mut state = self.state.subscribe();
        let known = state.wait_for(|state| !matches!(state, State::Connecting));
        match timeout_at(deadline, known).await {
            Ok(Ok(state)) => match &*state {
                State::Up(number, connection) => {
                    Ok(Session { link: self, number: *number, connection: connection.clone() })
                }
                State::Down(reason, _) => Err(self.failed(reason)),
                State::Connecting => Err(self.failed("it is being connected to")),
            },
            Ok(Err(_)) => Err(self.failed("the store has ended")),
            Err(_) => Err(self.failed(&self.no_answer())),
        }
    }

    /// Do something on a connection, until the deadline.
    ///
    /// # Errors
    ///
    /// `STORE_FAILED` if it cannot be done, or not in time; it is not known then whether the engine has done it.
    pub(super) async fn call<T, F: Future<Output = RedisResult<T>>>(
        &self,
        deadline: Instant,
        work: impl FnOnce(Connection) -> F,
    ) -> Result<T, Fault> {
        let session = self.session_by(deadline).await?;
        session.until(deadline, work(session.connection.clone())).await
    }

    /// Fault 241.
    pub(super) fn failed(&self, why: &str) -> Fault {
        Fault::new(STORE_FAILED, format!("STORE_FAILED: {}: {why}", self.settings.address))
    }

    fn no_answer(&self) -> String {
        format!("no answer within {} seconds", self.settings.timeout.as_secs_f64())
    }

    /// The reason for which the link is not there, if it is not, and since when.
    pub(super) fn down(&self) -> Option<(Arc<str>, Option<Instant>)> {
        match &*self.state.borrow() {
            State::Up(..) => self.unhealthy().map(|reason| (reason, None)),
            State::Connecting => Some(("it is being connected to".into(), None)),
            State::Down(reason, since) => Some((Arc::clone(reason), Some(*since))),
        }
    }

    /// The reason for which a cluster is not whole, if it is not.
    fn unhealthy(&self) -> Option<Arc<str>> {
        let lost = self.lost.borrow();
        let up = self.next.load(Relaxed);
        lost.as_ref().filter(|(number, _)| *number == up).map(|(_, reason)| Arc::clone(reason))
    }

    /// Time that the last look at the connection took.
    pub(super) fn latency(&self) -> Duration {
        Duration::from_nanos(self.latency.load(Relaxed))
    }

    fn note_lost(&self, number: u64, reason: &str) {
        self.lost.send_if_modified(|lost| {
            let news = lost.as_ref().is_none_or(|(known, _)| *known < number);
            if news {
                *lost = Some((number, reason.into()));
            }
            news
        });
    }

    /// Return true if an error says that the connection is of no more use.
    fn is_lost(&self, error: &RedisError) -> bool {
        let demoted = matches!(self.settings.address.target, Target::Sentinel { .. })
            && error.kind() == ErrorKind::Server(ServerErrorKind::ReadOnly);
        let not_whole = self.settings.is_cluster()
            && matches!(
                error.kind(),
                ErrorKind::ClusterConnectionNotFound
                    | ErrorKind::Server(ServerErrorKind::ClusterDown | ServerErrorKind::MasterDown)
            );
        error.is_io_error() || error.is_connection_dropped() || error.is_timeout() || demoted || not_whole
    }

    fn fault(&self, error: &RedisError) -> Fault {
        // The engine's own limit.
        if error.code() == Some("OOM") {
            let what = error.detail().unwrap_or("it is out of memory");
            return Fault::new(QUOTA_EXCEEDED, format!("QUOTA_EXCEEDED: maxmemory of the engine: {what}"));
        }
        self.failed(&shown(error))
    }

    /// Keep the link there, for as long as the store is there.
    pub(super) async fn keep(&self) {
        let (mut attempts, mut told) = (0, false);
        loop {
            match self.connect().await {
                Ok(connection) => {
                    if told {
                        self.log(Level::Info, "connected again");
                    }
                    (attempts, told) = (0, true);
                    let number = self.next.fetch_add(1, Relaxed) + 1;
                    self.state.send_replace(State::Up(number, connection));
                    self.renewed.notify_waiters();
                    let reason = self.watch(number).await;
                    self.log(Level::Warn, &format!("lost: {reason}"));
                    if !self.settings.is_cluster() {
                        self.state.send_replace(State::Connecting);
                    }
                }
                Err(reason) => {
                    if !told {
                        self.log(Level::Warn, &format!("cannot be reached: {reason}"));
                        told = true;
                    }
                    if !matches!(&*self.state.borrow(), State::Up(..)) {
                        let since = match &*self.state.borrow() {
                            State::Down(_, since) => *since,
                            _ => Instant::now(),
                        };
                        self.state.send_replace(State::Down(reason.into(), since));
                    }
                    sleep(backoff(attempts)).await;
                    attempts += 1;
                }
            }
        }
    }

    async fn connect(&self) -> Result<Connection, String> {
        match timeout(self.settings.timeout, panic_told(Connection::open(&self.settings))).await {
            Ok(Ok(connection)) => connection.map_err(|error| shown(&error)),
            Ok(Err(panic)) => Err(panic),
            Err(_) => Err(self.no_answer()),
        }
    }

    /// Look at a connection from time to time, until it is lost. Return why it is.
    async fn watch(&self, number: u64) -> Arc<str> {
        let mut lost = self.lost.subscribe();
        loop {
            let of_this = lost.wait_for(|lost| lost.as_ref().is_some_and(|(lost, _)| *lost >= number));
            if let Ok(Ok(lost)) = timeout(INTERVAL, of_this).await {
                return lost.as_ref().map_or_else(|| "".into(), |(_, reason)| Arc::clone(reason));
            }
            let begun = Instant::now();
            let deadline = Instant::now() + self.settings.timeout;
            let looked = self.call(deadline, |mut connection| async move {
                match connection.primaries().await?.as_slice() {
                    [] => cmd("PING").exec_async(&mut connection).await,
                    nodes => {
                        for node in nodes {
                            connection.ask(node, &cmd("PING")).await?;
                        }
                        Ok(())
                    }
                }
            });
            if looked.await.is_ok() {
                self.latency.store(u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX), Relaxed);
            }
        }
    }

    fn log(&self, level: Level, what: &str) {
        self.host.log(level, format_args!("cache: {}: {what}", self.settings.address));
    }
}

/// Poll a future to its end, or to a panic, whose message is the error. The runtime panics where it cannot make a
/// thread on which the engine's name is looked up.
pub(super) async fn panic_told<F: Future>(future: F) -> Result<F::Output, String> {
    AssertUnwindSafe(future).catch_unwind().await.map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        text.unwrap_or("an attempt to connect panicked").to_owned()
    })
}

impl Session<'_> {
    /// Wait for what is done on this connection, within the time that the engine has for an answer.
    ///
    /// # Errors
    ///
    /// As of [`Link::call`].
    pub(super) async fn run<T>(&self, work: impl Future<Output = RedisResult<T>>) -> Result<T, Fault> {
        self.until(Instant::now() + self.link.settings.timeout, work).await
    }

    async fn until<T>(&self, deadline: Instant, work: impl Future<Output = RedisResult<T>>) -> Result<T, Fault> {
        match timeout_at(deadline, work).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => {
                if self.link.is_lost(&error) {
                    self.link.note_lost(self.number, &shown(&error));
                }
                Err(self.link.fault(&error))
            }
            Err(_) => {
                let why = self.link.no_answer();
                self.link.note_lost(self.number, &why);
                Err(self.link.failed(&why))
            }
        }
    }
}

/// An error in one line.
fn shown(error: &RedisError) -> String {
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The time until the next attempt: longer with each, and not the same for all machines.
fn backoff(attempts: u32) -> Duration {
    let (first, longest) = BACKOFF;
    let whole = first.saturating_mul(1 << attempts.min(10)).min(longest);
    // A hasher with keys of its own is as random as is needed.
    let random = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), attempts);
    let share = u32::try_from(random % 1000).unwrap_or(0);
    whole / 2 + whole / 2 * share / 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_come_at_longer_intervals() {
        for (attempts, least, most) in [(0, 25, 50), (1, 50, 100), (3, 200, 400), (60, 1000, 2000)] {
            let millis = backoff(attempts).as_millis();
            assert!((least..=most).contains(&millis), "{attempts}: {millis}");
        }
    }
}
