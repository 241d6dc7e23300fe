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
    /// `None` while it is polled, and once it is done.
    future: Option<F>,
}

impl<'a, F> ServerFuture<'a, F> {
    /// The future of a call of that method. Only the server's thread may poll and drop it.
    pub(crate) fn new(watchdog: &'a Watchdog, logger: &'a Logger, method: &'a Method, future: F) -> Self {
        Self { watchdog, logger, method, future: Some(future) }
    }

    /// Run code of the plugin. The log is told if that takes long.
    fn run<T>(&self, code: impl FnOnce() -> T) -> T {
        let begun = Instant::now();
        let outcome = self.watchdog.during(self.method.number, code);
        warn_if_slow(self.logger, &self.method.full_name, begun.elapsed());
        outcome
    }
}

impl<F: Future + Unpin> Future for ServerFuture<'_, F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut future = self.future.take().expect("it is polled until it is done");
        let (poll, left) = self.run(|| {
            let poll = Pin::new(&mut future).poll(context);
            // One that is done is dropped under the same eyes, which spares another look at the clock.
            let left = poll.is_pending().then_some(future);
            (poll, left)
        });
        self.future = left;
        poll
    }
}

impl<F> Drop for ServerFuture<'_, F> {
    fn drop(&mut self) {
        if let Some(future) = self.future.take() {
            self.run(|| drop(future));
        }
    }
}
