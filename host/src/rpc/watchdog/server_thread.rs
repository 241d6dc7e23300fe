//! The server's thread while it is inside of a `nonblocking` method of a plugin, which must not wait: least of all for
//! what needs this thread to go on.

use std::{
    cell::Cell,
    future::{Future, poll_fn},
    pin::pin,
    sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    task::Poll,
};

use plugin_api::Fault;

thread_local! {
    /// True while this is the server's thread and inside of a method of a plugin.
    static IN_METHOD: Cell<bool> = const { Cell::new(false) };
}

/// Return true where the caller is a `nonblocking` method of a plugin that has the server's thread.
pub(crate) fn is_in_method() -> bool {
    IN_METHOD.get()
}

/// Await `future`; inside of a `nonblocking` method on the server's thread only for as long as it never waits, and
/// then fail with `refusal`.
pub(crate) async fn await_or_refuse<T, F>(future: F, refusal: impl Fn() -> Fault) -> Result<T, Fault>
where
    F: Future<Output = Result<T, Fault>>,
{
    let mut future = pin!(future);
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Pending if is_in_method() => Poll::Ready(Err(refusal())),
        poll => poll,
    })
    .await
}

/// The call that the server's thread is in, for other threads to see: one that never comes back can say nothing itself.
#[derive(Debug, Default)]
pub(super) struct CurrentCall {
    /// Odd while there is a call, and another for each.
    turn: AtomicU64,
    /// Number of its method.
    method: AtomicUsize,
}

impl CurrentCall {
    /// Make a call on the server's thread. Only that thread may use this, so nothing is ever lost between the steps.
    #[inline]
    pub(super) fn during<T>(&self, method: usize, call: impl FnOnce() -> T) -> T {
        let turn = self.turn.load(Relaxed);
        self.method.store(method, Relaxed);
        self.turn.store(turn + 1, Relaxed);
        IN_METHOD.set(true);
        let result = call();
        IN_METHOD.set(false);
        self.turn.store(turn + 2, Relaxed);
        result
    }

    /// The call that goes on, as its turn and the number of its method.
    pub(super) fn now(&self) -> Option<(u64, usize)> {
        let turn = self.turn.load(Relaxed);
        (turn % 2 == 1).then(|| (turn, self.method.load(Relaxed)))
    }
}
