//! A future of a `nonblocking` method on the server's thread, which made it.
//!
//! To hand it to the thread of the plugin's futures and its answer back would cost more than most of them do. So the
//! promise of the method holds for its future: each poll, and its drop, comes back at once. It may wait for what the
//! plugin's own threads do, and not for the host, which needs this thread to go on.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Instant,
};

use crate::{
    logger::Logger,
    rpc::{
        method::Method,
        watchdog::{Watchdog, warn_if_slow},
    },
};

/// A future that is polled and dropped under the eyes of the watchdog, as the method was called.
pub(crate) struct ServerFuture<'a, F> {
    watchdog: &'a Watchdog,
    logger: &'a Logger,
    method: &'a Method,
    /// Last look at the clock, until the first poll, which follows it at once.
    last_look: Option<Instant>,
    /// `None` while it is polled, and once it is done.
    future: Option<F>,
}

impl<'a, F> ServerFuture<'a, F> {
    /// The future of a call of that method, which gave it at `now`. Only the server's thread may poll and drop it.
    pub(crate) fn new(watchdog: &'a Watchdog, logger: &'a Logger, method: &'a Method, future: F, now: Instant) -> Self {
        Self { watchdog, logger, method, last_look: Some(now), future: Some(future) }
    }

    /// Run code of the plugin, and say when it came back. The log is told if that took long.
    fn run<T>(&mut self, code: impl FnOnce() -> T) -> (T, Instant) {
        let begun = self.last_look.take().unwrap_or_else(Instant::now);
        let outcome = self.watchdog.during(self.method.number, code);
        let now = Instant::now();
        warn_if_slow(self.logger, &self.method.full_name, now - begun);
        (outcome, now)
    }
}

impl<F: Future + Unpin> Future for ServerFuture<'_, F> {
    /// Output of the plugin's future, and the moment at which it was there.
    type Output = (F::Output, Instant);

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut future = self.future.take().expect("it is polled until it is done");
        let ((poll, left), now) = self.run(|| {
            let poll = Pin::new(&mut future).poll(context);
            // One that is done is dropped under the same eyes, which spares another look at the clock.
            let left = poll.is_pending().then_some(future);
            (poll, left)
        });
        self.future = left;
        poll.map(|output| (output, now))
    }
}

impl<F> Drop for ServerFuture<'_, F> {
    fn drop(&mut self) {
        // Where it was never polled, that was long ago.
        self.last_look = None;
        if let Some(future) = self.future.take() {
            self.run(|| drop(future));
        }
    }
}
